"""What a model file really is, told by its bytes: nothing here unpickles anything."""

import io
import pickletools
import stat
import warnings
import zipfile
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from latentscape.errors import ModelError, SafetyError

_LFS = b"version https://git-lfs"
_WRONG_KINDS: dict[bytes, str] = {
    b"\x1f\x8b": "a gzip archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\xfd7zXZ": "an xz archive",
    b"\x89HDF": "an HDF5 file",
    b"\x93NUMPY": "a NumPy array",
    b"GGUF": "a GGUF file",
    b"RIFF": "a sound file",
    b"\x89PNG": "a picture",
    b"%PDF": "a PDF",
}
_MOBILE = (b"PTMF", b"ET12")
"""What TorchScript for phones and ExecuTorch write at the fifth byte."""
_PROGRAMS = ("constants.pkl", "code/", "archive_format", "models/", "data/aotinductor/", "serialized_exported_program")
_HARMLESS = ("torch._utils._rebuild_", "torch._tensor._rebuild_from_type_v2")
_HARMLESS_NAMES = {
    "_codecs.encode",
    "collections.Counter",
    "collections.OrderedDict",
    "numpy.dtype",
    "numpy._core.multiarray.scalar",
    "numpy.core.multiarray.scalar",
    *(f"{module}.{name}" for module in ("builtins", "__builtin__") for name in ("bytearray", "complex", "set")),
    "torch.Size",
    "torch.device",
    "torch.Tensor",
    "torch.nn.parameter.Parameter",
    "torch.storage.TypedStorage",
    "torch.storage.UntypedStorage",
}
_SCAN_BYTES = 16 << 20


def tell_file_kind(path: Path) -> str:
    """`zip` or `pickle` (the two forms of torch.save) or `safetensors`.

    Raises ModelError for anything else, saying what it is; SafetyError for the tar archives of old torch.
    """
    _check_regular(path)
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise ModelError(
            f"{path} can't be read",
            got=error.strerror or str(error),
            hint="check its permissions",
            fault="checkpoint-missing",
        ) from error
    if not head:
        raise ModelError(f"{path} is empty", hint="copy or download it again", fault="checkpoint-kind")
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if _looks_like_safetensors(path, head):
        return "safetensors"
    _refuse_wrong_kind(path, head)
    if head[0] == 0x80 or foreign_globals(path):
        return "pickle"
    raise ModelError(
        f"{path} is not a checkpoint",
        got=f"a file that starts with {head[:8]!r}",
        expected="torch.save or safetensors",
        hint="check the path",
        fault="checkpoint-kind",
    )


def _check_regular(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise ModelError(
            f"there is no checkpoint {path}",
            got=error.strerror or str(error),
            hint="name one with `--checkpoint`, or train one first: `latentscape train --help`",
            fault="checkpoint-missing",
        ) from error
    if stat.S_ISDIR(mode):
        raise ModelError(
            f"{path} is a folder", expected="a checkpoint file", hint="name a file in it", fault="checkpoint-kind"
        )
    if not stat.S_ISREG(mode):
        raise ModelError(
            f"{path} is not a regular file",
            got="a pipe, a device or a socket",
            expected="a checkpoint file",
            hint="copy its contents into a file first",
            fault="checkpoint-kind",
        )


def _looks_like_safetensors(path: Path, head: bytes) -> bool:
    """Eight bytes of header length, then a JSON object; the ending counts only where the bytes say nothing else."""
    return head[8:9] == b"{" or (path.suffix == ".safetensors" and not _says_what_it_is(head))


def _says_what_it_is(head: bytes) -> bool:
    text = head.lstrip().lower()
    return text.startswith((b"<", _LFS)) or any(head.startswith(magic) for magic in _WRONG_KINDS)


def _refuse_wrong_kind(path: Path, head: bytes) -> None:
    text = head.lstrip().lower()
    if text.startswith(_LFS):
        raise ModelError(
            f"{path} is a Git LFS pointer, not the file itself", hint="run `git lfs pull`", fault="checkpoint-kind"
        )
    if text.startswith(b"<"):
        raise ModelError(
            f"{path} is a web page, not a checkpoint",
            hint="the download answered with a page; try again",
            fault="checkpoint-kind",
        )
    if _starts_a_tar(head):
        raise SafetyError(
            f"{path} is a tar archive, a form of torch.save that cannot be read without running code",
            hint="load it where you trust it with an old torch and save the state dict again",
            fault="code-program",
        )
    if head[4:8] in _MOBILE:
        raise _program(path)
    for magic, name in _WRONG_KINDS.items():
        if head.startswith(magic):
            raise ModelError(
                f"{path} is {name}, not a checkpoint",
                expected="torch.save or safetensors",
                hint="name the checkpoint itself, unpacked",
                fault="checkpoint-kind",
            )


def _starts_a_tar(head: bytes) -> bool:
    """By its word, or, as the oldest have none, by the sum of its first header."""
    if head[257:262] == b"ustar":
        return True
    written = head[148:156].strip(b" \0")
    if len(head) < 512 or not written or written.strip(b"01234567"):
        return False
    return int(written, 8) == sum(head[:148]) + 8 * 32 + sum(head[156:512])


def _program(path: Path) -> SafetyError:
    return SafetyError(
        f"{path} holds a program (TorchScript or an exported model)",
        expected="weights only",
        hint="save `model.state_dict()` with torch.save, or use safetensors",
        fault="code-program",
    )


def check_archive(path: Path) -> None:
    """Refuse zip archives that are programs (TorchScript, pt2) or that torch.save did not write."""
    try:
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ModelError(
            f"{path} is torn: the end of the archive is missing",
            got=str(error),
            hint="copy or download it again",
            fault="checkpoint-broken",
        ) from error
    # Everything lies in one folder named after the file, so the folder's own name says little.
    names = [record.filename.partition("/")[2] or record.filename for record in records]
    if any(name.startswith(_PROGRAMS) or name.endswith(".py") for name in names):
        raise _program(path)
    if "data.pkl" not in names:
        raise ModelError(
            f"{path} is a zip archive without a state dict",
            got=", ".join(names[:5])[:200],
            hint="name a file that torch.save or safetensors wrote",
            fault="checkpoint-kind",
        )
    if any(record.compress_type != zipfile.ZIP_STORED for record in records):
        raise _packed_again(path, "compressed records")
    # Two records of one name may be read as one by us and as the other by torch; records that share their bytes
    # make a small file a large one.
    if len(set(names)) < len(names):
        raise _packed_again(path, "two records of one name")
    if sum(record.file_size for record in records) > path.stat().st_size:
        raise _packed_again(path, "records that share their bytes")


def _packed_again(path: Path, got: str) -> ModelError:
    return ModelError(
        f"{path} was packed again after torch.save",
        got=got,
        hint="use the file as torch.save wrote it",
        fault="checkpoint-broken",
    )


def foreign_globals(path: Path) -> list[str]:
    """Names of code a file's pickle asks for, besides what tensors need; read from its opcodes, never run."""
    found = {name: None for name in _named_globals(_pickle_bytes(path)) if not _is_harmless(name)}
    return list(found)


def _is_harmless(name: str) -> bool:
    storage = name.startswith("torch.") and name.endswith("Storage") and name.count(".") == 1
    return storage or name in _HARMLESS_NAMES or name.startswith(_HARMLESS)


def _pickle_bytes(path: Path) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if ("/" + name).endswith("/data.pkl"))
            with archive.open(name) as record:
                return record.read(_SCAN_BYTES)
    except (zipfile.BadZipFile, StopIteration, OSError, ValueError, RuntimeError, NotImplementedError):
        with path.open("rb") as file:
            return file.read(_SCAN_BYTES)


def _named_globals(data: bytes) -> Iterator[str]:
    """Every `module.name` in a row of pickles, one after the other as old torch.save wrote them."""
    pushed: deque[str] = deque(["?", "?"], maxlen=2)
    memo: dict[int, str] = {}
    for code, argument in _operations(data):
        if code in ("GLOBAL", "INST"):
            yield ".".join(str(argument).split(" "))
        elif code == "STACK_GLOBAL":
            yield ".".join(pushed)
        elif code.startswith("EXT"):
            yield f"copyreg extension {argument}"
        if code == "MEMOIZE" or code.endswith("PUT"):
            memo[len(memo) if argument is None else int(str(argument))] = pushed[-1]
        else:
            # What is no text, or was taken from somewhere we did not follow, can make no harmless name.
            known = memo.get(int(str(argument)), "?") if code.endswith("GET") else argument
            pushed.append(known if isinstance(known, str) else "?")


def _operations(data: bytes) -> Iterator[tuple[str, object]]:
    """Opcodes and their arguments, pickle after pickle, up to the first byte that is none."""
    stream = io.BytesIO(data)
    while stream.tell() < len(data):
        operations = pickletools.genops(stream)
        while True:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # Python remarks on odd escapes in a torn pickle's text
                    code, argument, _ = next(operations)
            except StopIteration:
                break
            except (ValueError, IndexError, OverflowError, EOFError, MemoryError):
                return
            yield code.name, argument
