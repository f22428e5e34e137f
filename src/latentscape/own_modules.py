"""`package.module:name`: the user's own code, found and run because the user typed its name."""

import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from functools import cache
from importlib import import_module
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from latentscape.errors import UsageError, nearest
from latentscape.paths import FILE, FOLDER, expand_home, hash_file, is_file, kind_of
from latentscape.plain_text import clean_text

TIMM = "timm:"
"""Before the name of a model of timm, which is no module."""
LONGEST = 300
"""Letters of what an error says."""
_OURS = __name__.partition(".")[0]
_PLACE = re.compile(r"\w+://|[A-Za-z]:[\\/]")
"""A web address, or a path of Windows."""
_FILE_NAME = re.compile(r"(?P<path>.*)\.py")


def names_code(text: str) -> bool:
    """Whether a text is meant as `package.module:name`: there is a colon in it, it is no place, and no file or folder
    of that name is there. A model of timm is named alike."""
    return ":" in text and not _PLACE.match(text) and kind_of(expand_home(text)) not in (FILE, FOLDER)


def find_own(spec: str, *, fault: str = "config-values") -> Callable[..., Any]:
    """The function or class that `package.module:name` names; its module is imported, which runs it.

    Raises UsageError (`fault`) where the module can't be imported or has no such thing.
    """
    module_name, _, name = spec.partition(":")
    try:
        with running_own_code():
            module: Any = import_module(module_name)
    except (Exception, SystemExit) as error:  # the user's module may do anything while it is imported
        raise UsageError(
            f"can't import `{module_name}`: {describe_failure(error, spec)}",
            hint=_advise(spec, error),
            fault=fault,
        ) from error
    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if not callable(found):
        known = [each for each, value in vars(module).items() if callable(value) and not each.startswith("_")]
        raise UsageError(
            f"`{module_name}` has no function `{name}`",
            hint=_say_shadowed(module) or (nearest(name, known) if known else "it has none at all: is the file saved?"),
            fault=fault,
        )
    return found


@contextmanager
def running_own_code() -> Iterator[None]:
    """The current folder last on the path, so that nothing there can stand in for an installed package; what the code
    prints goes to stderr, away from our data."""
    folder = str(Path.cwd())
    added = folder not in sys.path
    if added:
        sys.path.append(folder)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        if added and folder in sys.path:
            sys.path.remove(folder)


def describe_failure(error: BaseException, spec: str) -> str:
    """What was raised, and the last line of the user's own files on the way there."""
    said = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    if isinstance(error, SyntaxError) and error.filename:
        # Its own words name the file again.
        said, places = f"{type(error).__name__}: {error.msg}", [(error.filename, error.lineno or 0)]
    else:
        top = spec.partition(":")[0].partition(".")[0]
        steps = traceback.walk_tb(error.__traceback__)
        places = [(frame.f_code.co_filename, line) for frame, line in steps if _is_users(frame.f_globals, top)]
    where = f" ({_name_file(places[-1][0])}, line {places[-1][1]})" if places else ""
    return f"{clean_text(said)[:LONGEST]}{where}"


def digest_sources(factory: Any, *others: Any) -> dict[str, str]:
    """SHA-256 of the user's files that the factory and what it made come from, by module: what they import is followed
    as far as it is the user's own, or of the factory's package."""
    names = [getattr(thing, "__module__", None) or type(thing).__module__ for thing in (factory, *others)]
    top = names[0].partition(".")[0]
    waiting, found = [sys.modules[name] for name in names if name in sys.modules], {}
    while waiting:
        module = waiting.pop()
        path = getattr(module, "__file__", None)
        if module.__name__ in found or not _is_users(vars(module), top) or not path or not is_file(path):
            continue
        found[module.__name__] = hash_file(path)
        waiting += [inner for inner in map(_module_of, list(vars(module).values())) if inner is not None]
    return dict(sorted(found.items()))


def _module_of(value: Any) -> ModuleType | None:
    if isinstance(value, ModuleType):
        return value
    return sys.modules.get(value.__module__) if isinstance(value, type | FunctionType) else None


def _is_users(names: Mapping[str, Any], top: str) -> bool:
    """Whether a module (its globals) is the user's: of the package that was named, or no installed library's."""
    root, file = str(names.get("__name__", "")).partition(".")[0], str(names.get("__file__") or "<")
    if root == _OURS or file.startswith("<"):
        return False
    return (bool(top) and root == top) or not file.startswith(_library_folders())


@cache
def _library_folders() -> tuple[str, ...]:
    folders = sysconfig.get_paths()
    kept = {folders[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return tuple(f"{folder}/" for folder in sorted(kept | {str(Path(folder).resolve()) for folder in kept}))


def _name_file(path: str) -> str:
    """From the current folder where it lies there, else its name alone."""
    folder = Path.cwd()
    return clean_text(str(Path(path).relative_to(folder) if Path(path).is_relative_to(folder) else Path(path).name))


def _advise(spec: str, error: BaseException) -> str:
    module, _, name = spec.partition(":")
    if file := _FILE_NAME.fullmatch(module):
        return f"write it as Python does, without `.py`: `{file['path'].strip('./').replace('/', '.')}:{name}`"
    top = module.partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and error.name and error.name.partition(".")[0] != top:
        return f"the code needs `{error.name}`: install it here"
    return "`package.module:factory` needs a module that Python finds from the current folder"


def _say_shadowed(module: ModuleType) -> str:
    """That a file of the current folder was not taken, because a library of its name goes first; empty where not so."""
    here = Path.cwd() / f"{module.__name__.replace('.', '/')}.py"
    file = getattr(module, "__file__", None)
    if not is_file(here) or (file and Path(file).resolve() == here.resolve()):
        return ""
    return f"an installed module is called `{module.__name__}` too and goes first: give your file another name"
