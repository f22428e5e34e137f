"""Checkpoint files that want to run code: the calls, the opcodes that hide them, and the files that hold those."""

import io
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

Bytes = Callable[[Path], bytes]
"""Given the canary that must not appear, the bytes of a pickle."""


def call(module: str, name: str, *arguments: object) -> bytes:
    """A pickle that calls `module.name(*arguments)`, whether that module is here or not."""
    return b"\x80\x02" + called(module, name, *arguments) + b"."


def called(module: str, name: str, *arguments: object) -> bytes:
    """The same without head and end, to be put inside another."""
    return f"c{module}\n{name}\n".encode() + b"(" + b"".join(map(_push, arguments)) + b"tR"


def _push(value: object) -> bytes:
    if isinstance(value, Raw):
        return value.content
    return pickle.dumps(value, 2)[2:-1]


class Raw:
    """Opcodes in the place of an argument."""

    def __init__(self, content: bytes) -> None:
        self.content = content


def calls(canary: Path) -> dict[str, bytes]:
    """Many ways to run something; each would make the canary, or at least import or start what it should not."""
    touch = f"touch {canary}"
    code = f"open({str(canary)!r}, 'w').close()"
    words = ["touch", str(canary)]
    system = Raw(b"cos\nsystem\n")
    evaluate = Raw(b"cbuiltins\neval\n")
    return {
        "os.system": call("os", "system", touch),
        "posix.system": call("posix", "system", touch),
        "os.popen": call("os", "popen", touch),
        "os.spawn": call("os", "spawnlp", 0, "touch", *words),
        "builtins.eval": call("builtins", "eval", code),
        "builtins.exec": call("builtins", "exec", code),
        "python-2-eval": call("__builtin__", "eval", code),
        "builtins.open": call("builtins", "open", str(canary), "w"),
        "io.FileIO": call("_io", "FileIO", str(canary), "w"),
        "getattr-chain": call("builtins", "getattr", Raw(called("builtins", "__import__", "os")), "system"),
        "list-of-map": call("builtins", "list", Raw(called("builtins", "map", evaluate, [code]))),
        "subprocess.run": call("subprocess", "run", words),
        "subprocess.Popen": call("subprocess", "Popen", words),
        "asyncio-shell": call("asyncio.unix_events", "_UnixSubprocessTransport._start", words),
        "importlib": call("importlib", "import_module", "canary_module"),
        "runpy": call("runpy", "run_path", str(canary.with_name("planted.py"))),
        "pip.main": call("pip", "main", ["install", str(canary.parent)]),
        "pip-internal": call("pip._internal.cli.main", "main", ["install", str(canary.parent)]),
        "ensurepip": call("ensurepip", "_run_pip", ["install", str(canary.parent)]),
        "nested-pickle": call("pickle", "loads", call("os", "system", touch)),
        "nested-torch": call("torch", "load", str(canary.with_name("planted.pt"))),
        "torch-storage-from-bytes": call("torch.storage", "_load_from_bytes", call("os", "system", touch)),
        "functools.partial": call("functools", "partial", system, touch),
        "functools.reduce": call("functools", "reduce", evaluate, [code, None]),
        "operator.attrgetter": call("operator", "attrgetter", "system"),
        "operator.methodcaller": call("operator", "methodcaller", "system", touch),
        "timeit": call("timeit", "timeit", code),
        "cProfile": call("cProfile", "run", code),
        "profile-runctx": call("profile", "Profile.runctx", code, {}, {}),
        "bdb": call("bdb", "Bdb.run", code),
        "trace": call("trace", "Trace.run", code),
        "code-interact": call("code", "InteractiveInterpreter.runcode", code),
        "doctest": call("doctest", "debug_script", code),
        "pydoc-pager": call("pydoc", "pipepager", "text", touch),
        "pty": call("pty", "spawn", words),
        "webbrowser": call("webbrowser", "open", "http://127.0.0.1:1/"),
        "urllib": call("urllib.request", "urlopen", "http://127.0.0.1:1/"),
        "socket": call("socket", "create_connection", ["127.0.0.1", 1]),
        "ctypes": call("ctypes", "CDLL", str(canary.with_name("planted.so"))),
        "marshal": call("marshal", "loads", b"c"),
        "types.FunctionType": call("types", "FunctionType", Raw(called("marshal", "loads", b"c")), {}),
        "shutil": call("shutil", "copyfile", str(canary.with_name("planted.py")), str(canary)),
        "pathlib": call("pathlib", "Path.touch", str(canary)),
        "uuid": call("uuid", "_get_command_stdout", "touch", str(canary)),
        "distutils": call("distutils.file_util", "write_file", str(canary), ["x"]),
        "lib2to3": call("lib2to3.pgen2.grammar", "Grammar.loads", call("os", "system", touch)),
        "idlelib": call("idlelib.autocomplete", "AutoComplete.get_entity", code),
        "logging-config": call("logging.config", "_resolve", "os.system"),
        "numpy-runstring": call("numpy.testing._private.utils", "runstring", code, {}),
        "numpy-f2py": call("numpy.f2py.crackfortran", "getlincoef", code, {}),
        "numpy-load": call("numpy", "load", str(canary.with_name("planted.npy")), None, True),
        "numpy-rebuild": call("numpy.core.multiarray", "_reconstruct", Raw(b"cnumpy\nndarray\n"), (0,), b"b"),
        "torch-exec-wrapper": call("torch.jit.unsupported_tensor_ops", "execWrapper", code, {}, {}),
        "torch-config-module": call(
            "torch.utils._config_module", "ConfigModule.load_config", call("os", "system", touch)
        ),
        "torch-guards": call("torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression", code),
        "torch-collect-env": call("torch.utils.collect_env", "run", touch),
        "torch-cpp": call("torch.utils.cpp_extension", "load_inline", "x", code),
        "torch-hub": call("torch.hub", "load", str(canary.parent), "planted"),
        "torch-rpc": call("torch.distributed.rpc.internal", "_run_function", system),
        "torch-from-type": call(
            "torch._tensor", "_rebuild_from_type_v2", system, Raw(b"ctorch\nTensor\n"), (touch,), {}
        ),
        "torch-rebuild-wrapper": call("torch._utils", "_rebuild_wrapper_subclass", system, touch),
        "transformers-dynamic": call("transformers.dynamic_module_utils", "get_class_in_module", "C", str(canary)),
        "joblib": call("joblib", "load", str(canary.with_name("planted.pt"))),
        "dotted-name": b"\x80\x04\x8c\x05torch\x8c\x17serialization.os.system\x93" + _push(touch) + b"\x85R.",
    }


def opcodes(canary: Path) -> dict[str, bytes]:
    """The same call by the other opcodes, and in the company that made scanners look away."""
    touch = f"touch {canary}"
    command = _push(touch)
    return {
        "inst": f"(S{touch!r}\nios\nsystem\n.".encode(),
        "obj": b"(cos\nsystem\n" + command + b"o.",
        "newobj": b"\x80\x02cos\nsystem\n" + command + b"\x85\x81.",
        "newobj-ex": b"\x80\x04\x8c\x02os\x8c\x06system\x93" + command + b"\x85}\x92.",
        "stack-global": b"\x80\x04\x8c\x02os\x8c\x06system\x93" + command + b"\x85R.",
        "memo": b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94\x8c\x04true0h\x00h\x01\x93" + command + b"\x85R.",
        "long-memo": b"\x80\x02X\x02\x00\x00\x00osr\xff\xff\x00\x00X\x06\x00\x00\x00systemr\xfe\xff\x00\x00"
        b"j\xff\xff\x00\x00j\xfe\xff\x00\x00\x93" + command + b"\x85R.",
        "extension": b"\x80\x02\x82\x01" + command + b"\x85R.",
        "extension-4": b"\x80\x02\x84\x01\x00\x00\x00" + command + b"\x85R.",
        "persistent": f"P{touch}\n.".encode(),
        "persistent-tuple": b"\x80\x02(" + _push("storage") + b"cos\nsystem\n" + _push("0") + command + b"K\x01tQ.",
        "build": b"\x80\x02ccollections\nOrderedDict\n)R}" + _push("x") + called("os", "system", touch) + b"sb.",
        "build-slots": b"\x80\x02ctorch\nTensor\n)\x81N}" + _push("__class__") + b"cos\nsystem\ns\x86b.",
        "appends": b"\x80\x02](" + called("os", "system", touch) + b"e.",
        "second-pickle": b"\x80\x02}." + call("os", "system", touch),
        "broken-after": call("os", "system", touch)[:-1] + b"0\xff\xff\xff",
        "broken-frame": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f" + called("os", "system", touch) + b".",
        "unicode-name": b"\x80\x02c" + "ｏs\nsystem\n".encode() + command + b"\x85R.",
        **{f"protocol-{number}": pickle.dumps(_Calls(touch), number) for number in range(pickle.HIGHEST_PROTOCOL + 1)},
    }


class _Calls:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.system, (self.command,)


def write_bare(path: Path, content: bytes) -> None:
    """The pickle alone, as old torch.save began its files."""
    path.write_bytes(content)


def write_zip(path: Path, content: bytes) -> None:
    """As new torch.save packs it, with one true storage beside."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/data/0", bytes(16))
        archive.writestr("archive/version", "3\n")


def write_legacy_tail(path: Path, content: bytes) -> None:
    """The old form: magic number, protocol, system, then the pickle that matters."""
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}]
    path.write_bytes(b"".join(pickle.dumps(part, 2) for part in head) + content + pickle.dumps([], 2))


def write_tar(path: Path, content: bytes) -> None:
    """The oldest form, whose header may lack the word that tells it."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def write_old_tar(path: Path, content: bytes) -> None:
    """A tar from before POSIX: no `ustar` anywhere."""
    write_tar(path, content)
    data = bytearray(path.read_bytes())
    for start in range(0, len(data), 512):
        if data[start + 257 : start + 262] == b"ustar":
            data[start + 257 : start + 265] = bytes(8)
            data[start + 148 : start + 156] = b" " * 8
            data[start + 148 : start + 156] = f"{sum(data[start : start + 512]):06o}\0 ".encode()
    path.write_bytes(bytes(data))


def write_flagged_zip(path: Path, content: bytes) -> None:
    """Marked as encrypted in one of its two lists, where scanners give up and torch reads on."""
    write_zip(path, content)
    data = bytearray(path.read_bytes())
    at = data.find(b"PK\x01\x02")
    data[at + 8] |= 1
    path.write_bytes(bytes(data))


def write_renamed_zip(path: Path, content: bytes) -> None:
    """The record has another name in its own header than in the list at the end."""
    write_zip(path, content)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"archive/data.pkl", b"archive/data.txt", 1))


def write_twice_zip(path: Path, content: bytes) -> None:
    """Two records of one name: a harmless one and this."""
    write_zip(path, content)
    data = path.read_bytes()
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("archive/data.pk1", pickle.dumps({}, 2))
        archive.writestr("archive/data.pkl", content)
        archive.writestr("archive/version", "3\n")
    path.write_bytes(inner.getvalue().replace(b"archive/data.pk1", b"archive/data.pkl") if data else b"")


FORMS: Mapping[str, Callable[[Path, bytes], None]] = {
    "bare": write_bare,
    "zip": write_zip,
    "legacy": write_legacy_tail,
    "tar": write_tar,
    "old-tar": write_old_tar,
    "flagged-zip": write_flagged_zip,
    "renamed-zip": write_renamed_zip,
    "two-records": write_twice_zip,
}


def write_beside(path: Path, tensors: Mapping[str, torch.Tensor], command: str, *, key: str, zipped: bool) -> None:
    """A whole and good checkpoint, with a call in its optimizer's state or wherever `key` says."""
    saved = {"model_state_dict": dict(tensors), key: {"state": {0: _Calls(command)}}}
    torch.save(saved, path, _use_new_zipfile_serialization=zipped)


def write_header(path: Path, header: bytes, body: bytes = b"") -> None:
    """A safetensors file with that header."""
    path.write_bytes(struct.pack("<Q", len(header)) + header + body)
