"""A model folder looked through before any library opens it: its settings are read as data, nothing is imported.

Refused is what names code, or switches on code, that is not of the libraries we call. Python files in the folder are
left alone as long as nothing names them: nobody imports them then.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import transformers

from latentscape.errors import ModelError, SafetyError
from latentscape.paths import SPECIAL, is_file, is_folder, kind_of

_MAX_JSON = 64 << 20
_MAX_DEPTH = 50
_WORD_LISTS = ("tokenizer.json", "vocab.json", "added_tokens.json")
"""Large, and read by Rust code that knows no classes."""
_READ_BY_LIBRARIES = re.compile(r"config|index|_map|template|modules")
_CLASS_KEYS = (
    "tokenizer_class",
    "processor_class",
    "feature_extractor_type",
    "image_processor_type",
    "video_processor_type",
)
_BUILT_IN_ATTENTION = re.compile(r"\w*")
"""Without a slash it is one of the library's own; with one it is a repository whose code would be fetched and run."""
_FETCHES = ("use_pretrained_backbone", "use_timm_backbone")
_LIBRARY = "sentence_transformers."
_CHAIN = re.compile(
    r"sentence_transformers(\.\w+)*"
    r"\.(Transformer|Pooling|Normalize|Dense|LayerNorm|Dropout|CNN|LSTM|WeightedLayerPooling|WordWeights)"
)
"""The modules of the library that build nothing by a name they find in a file."""
_ACTIVATION = re.compile(r"torch\.nn\.modules\.\w+\.\w+")
_TRUST = "where you trust it, load it there and save it with the library's own classes"
_AGAIN = "copy or download the whole folder again"


def scan_model_folder(folder: Path) -> None:
    """Look through the files that libraries would read, and those of the modules that `modules.json` lists.

    Raises SafetyError for code that is named or switched on, ModelError for a pipe or device among the files, for
    broken settings, and for settings that make a library fetch or read something else.
    """
    inside = [folder / module["path"] for module in read_modules(folder)] if is_file(folder / "modules.json") else []
    for place in dict.fromkeys((folder, *filter(is_folder, inside))):  # a module that needs no files has no folder
        for path in _entries(place):
            _scan_file(path)


def _entries(place: Path) -> list[Path]:
    try:
        return sorted(place.iterdir())
    except OSError as error:
        raise ModelError(
            f"{place} can't be opened", got=error.strerror or str(error), hint=_AGAIN, fault="model-folder"
        ) from error


def _scan_file(path: Path) -> None:
    if kind_of(path) == SPECIAL:
        raise ModelError(
            f"{path} is not a regular file",
            got="a pipe, a device or a socket",
            expected="the files of a model",
            hint="remove it, or copy the folder again",
            fault="model-folder",
        )
    if path.suffix == ".json" and path.name not in _WORD_LISTS and is_file(path):
        try:
            values = refuse_code_switches(path)
        except ModelError:
            if _READ_BY_LIBRARIES.search(path.name):
                raise
            return  # notes of the user's, which nobody reads
        refuse_foreign_names(values, source=str(path), is_config=path.name == "config.json")


def refuse_foreign_names(values: object, *, source: str, is_config: bool) -> None:
    """Raise SafetyError where settings, however deep, can't be used without code of somebody else's."""
    for node in _mappings(values):
        # With code of its own it is another model than the class of that name in the library, though all tensors fit.
        if node.get("auto_map") and (is_config or not _has_class(node)):
            kind = next((str(node[key]) for key in ("model_type", *_CLASS_KEYS) if key in node), "nothing else")
            raise SafetyError(
                f"{source} needs code of its own; it was not run",
                got=f"{kind[:60]!r} with an `auto_map`",
                expected="a class that the transformers library has",
                hint=f"{_TRUST}; where you know that the library's own computes the same, delete `auto_map`",
                fault="code-model",
            )
        for key in ("attn_implementation", "_attn_implementation", "experts_implementation"):
            _refuse_fetched_attention(node.get(key), source=source)
        activation = node.get("activation_function")
        if isinstance(activation, str) and "." in activation and not _ACTIVATION.fullmatch(activation):
            # The library would only remark on it and take another function: another model.
            raise SafetyError(
                f"{source} names code as its activation function; it was not run",
                got=activation[:100],
                expected="a module of torch.nn",
                hint=_TRUST,
                fault="code-model",
            )
        fetched = next((key for key in _FETCHES if node.get(key)), None)
        if fetched:
            raise ModelError(
                f"{source} asks for a second model from elsewhere",
                got=f"`{fetched}`",
                expected="a model that is whole in its own folder",
                hint="give another encoder",
                fault="model-folder",
            )


def _mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """Every object in a JSON value, itself included; with a list of its own, as the depth is the file's choice."""
    waiting = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            yield node
            waiting += node.values()
        elif isinstance(node, list | tuple):
            waiting += node


def _has_class(node: Mapping[str, Any]) -> bool:
    """Whether the library has a class of its own for a tokenizer or processor, so that an `auto_map` is not needed."""
    names = [node[key] for key in _CLASS_KEYS if isinstance(node.get(key), str)]
    return any(isinstance(getattr(transformers, name, None), type) for name in names)


def _refuse_fetched_attention(named: object, *, source: str) -> None:
    for name in named.values() if isinstance(named, Mapping) else (named,):
        if isinstance(name, str) and not _BUILT_IN_ATTENTION.fullmatch(name):
            raise SafetyError(
                f"{source} names attention code that would be fetched; it was not run",
                got=name[:100],
                expected="an implementation of the library's own, e.g. sdpa",
                hint=f"where you trust the rest of {source}, delete that entry",
                fault="code-model",
            )


def read_modules(folder: Path) -> list[dict[str, str]]:
    """The chain that `modules.json` lists, checked before anything is imported.

    Raises SafetyError for a module outside the sentence-transformers library or a path outside the folder; ModelError
    for a broken list, and for modules of the library that we don't read.
    """
    path = folder / "modules.json"
    try:
        modules = _parse_json(path)
        chain = [{"type": str(module["type"]), "path": str(module["path"])} for module in modules]
    except (KeyError, TypeError) as error:
        raise _broken_list(path, error) from error
    for module in chain:
        _check_module(folder, module)
    if not chain or not chain[0]["type"].endswith(".Transformer"):
        raise ModelError(
            f"{folder} does not start with a transformer",
            got=chain[0]["type"] if chain else "no modules",
            expected="sentence_transformers.models.Transformer",
            hint="give a model of texts that the sentence-transformers library saved",
            fault="model-folder",
        )
    return chain


def _broken_list(path: Path, error: Exception) -> ModelError:
    return ModelError(
        f"{path} does not list the model's modules",
        got=f"{type(error).__name__}: {error}",
        hint="copy or download the folder again",
        fault="model-folder",
    )


def _check_module(folder: Path, module: Mapping[str, str]) -> None:
    path = PurePosixPath(module["path"])
    if not module["type"].startswith(_LIBRARY) or path.is_absolute() or ".." in path.parts:
        raise SafetyError(
            f"{folder} wants to run code that is not of the sentence-transformers library; it was not run",
            got=f"a module of type `{module['type']}` in `{module['path']}`",
            hint="where you trust it, load it there and save it with the library's own modules",
            fault="code-model",
        )
    if not _CHAIN.fullmatch(module["type"]):
        raise ModelError(
            f"{folder} has a module that we don't read",
            got=module["type"][:100],
            expected="a transformer, pooling, and layers over the pooled vector",
            hint="give another model",
            fault="model-folder",
        )


def refuse_code_switches(path: Path) -> Any:
    """What a JSON file of a model folder says. Raises SafetyError where it tries to switch on code of its own."""
    values = _parse_json(path)
    refuse_switches(values, source=str(path))
    return values


def refuse_switches(values: object, *, source: str) -> None:
    """Raise SafetyError where a value, however deep, tries to switch on code of its own."""
    if any(node.get("trust_remote_code") for node in _mappings(values)):
        raise SafetyError(
            f"{source} tries to switch on code of its own (`trust_remote_code`); it was not run",
            hint="where you trust the rest of it, delete that entry",
            fault="code-switch",
        )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object of a model folder, code switches refused. Raises ModelError where it is missing or broken."""
    values = refuse_code_switches(path)
    if not isinstance(values, dict):
        raise ModelError(
            f"{path} is not a settings file",
            got=type(values).__name__,
            expected="a JSON object",
            hint="copy or download it again",
            fault="model-folder",
        )
    return values


def _parse_json(path: Path) -> Any:
    """Raises ModelError for what is missing, no file, too large or broken."""
    if kind_of(path) == SPECIAL:
        raise ModelError(f"{path} is not a regular file", hint="copy the folder again", fault="model-folder")
    try:
        if path.stat().st_size > _MAX_JSON:
            raise ModelError(
                f"{path} is too large for a settings file",
                expected=f"at most {_MAX_JSON >> 20} MB",
                hint=_AGAIN,
                fault="model-folder",
            )
        values = json.loads(path.read_text(encoding="utf-8"))
        if _is_deep(values):
            raise RecursionError(f"more than {_MAX_DEPTH} levels")
    except FileNotFoundError as error:
        raise ModelError(
            f"there is no {path.name} in {path.parent}",
            expected="a model folder",
            hint="check the path; for a checkpoint file give the file itself",
            fault="model-folder",
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{path} cannot be read", got=str(error), hint="copy or download it again", fault="model-folder"
        ) from error
    return values


def _is_deep(value: object) -> bool:
    level = [value]
    for _ in range(_MAX_DEPTH):
        inner = (part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list))
        level = [part for parts in inner for part in parts]
    return bool(level)
