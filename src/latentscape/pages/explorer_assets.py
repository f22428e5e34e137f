"""The explorer's script: its modules joined into one, so that a page opened from a disk can run it."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

from latentscape.pages.templates import style_of

MAIN = "main.js"
_IMPORT = re.compile(r'^import \{ ?([\w$, ]+?) ?\} from "\./([\w]+\.js)";[ \t]*(?:/\*.*\*/)?$', re.MULTILINE)
_ANY_IMPORT = re.compile(r"^[ \t]*import\b.*$", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let)\b)", re.MULTILINE)
_ANY_EXPORT = re.compile(r"^export\b.*$", re.MULTILINE)
_NAMED = re.compile(r"^(?:export )?(?:async )?(?:function\*?|class) ([\w$]+)", re.MULTILINE)
_ASSIGNED = re.compile(r"^(?:export )?(?:const|let|var) (?:([\w$]+)|[\[{]([^=]*?)[\]}])\s*=", re.MULTILINE)
_ENDING = re.compile(r"</script|<!--", re.IGNORECASE)


@cache
def explorer_script() -> str:
    """The page's script."""
    return join_modules(read_modules())


@cache
def explorer_style() -> str:
    """The page's style: the house's, the page's, and those of its parts."""
    folder = files("latentscape.pages").joinpath("assets")
    parts = sorted(each.name for each in folder.iterdir() if re.fullmatch(r"explorer_\w+\.css", each.name))
    return style_of("theme.css", "explorer.css", *parts)


def read_modules() -> dict[str, str]:
    """The text of each module of `assets/explorer/` by file name."""
    folder = files("latentscape.pages").joinpath("assets", "explorer")
    found = [each for each in folder.iterdir() if each.name.endswith(".js")]
    return {each.name: each.read_text(encoding="utf-8") for each in sorted(found, key=lambda each: each.name)}


def join_modules(modules: Mapping[str, str], *, main: str = MAIN) -> str:
    """What `main` needs, and what that needs, as one module: who is imported comes first.

    Raises ValueError for anything that would mean something else once it is joined: imports and exports of another
    form than `import { a, b } from "./c.js"` and `export function`, names that two modules have at their top.
    """
    order = _order(modules, main)
    _check_names({name: modules[name] for name in order})
    joined = "\n".join(_strip(name, modules[name]) for name in order)
    if _ENDING.search(joined):
        raise ValueError("a script on a page may hold neither </script nor <!--")
    return joined


def _order(modules: Mapping[str, str], main: str) -> list[str]:
    """The modules from the bottom up. Raises ValueError where one is missing or two need each other."""
    order: list[str] = []
    path: list[str] = []

    def visit(name: str) -> None:
        if name in order:
            return
        if name in path:
            raise ValueError(f"modules in a circle: {' > '.join([*path, name])}")
        if name not in modules:
            raise ValueError(f"no such module: {name}, imported by {path[-1] if path else 'the page'}")
        path.append(name)
        for names, other in _IMPORT.findall(modules[name]):
            visit(other)
            if missing := {part.strip() for part in names.split(",")} - _exports(modules[other]):
                raise ValueError(f"{other} does not export {', '.join(sorted(missing))}, which {name} imports")
        order.append(path.pop())

    visit(main)
    return order


def _exports(text: str) -> set[str]:
    return {name for line in _ANY_EXPORT.finditer(text) for name in _top_names(f"{line[0]}\n")}


def _strip(name: str, text: str) -> str:
    """The module without what joins it to others."""
    bare = _EXPORT.sub("", _IMPORT.sub("", text)).strip()
    for odd in (_ANY_IMPORT, _ANY_EXPORT):
        if found := odd.search(bare):
            raise ValueError(f"{name} can't be joined: {found[0]}")
    return f"/* ---- {name} ---- */\n{bare}\n"


def _check_names(modules: Mapping[str, str]) -> None:
    """Raises ValueError if a name stands at the top of two modules."""
    owner: dict[str, str] = {}
    for name, text in modules.items():
        for each in _top_names(text):
            if each in owner:
                raise ValueError(f"both {owner[each]} and {name} have {each} at their top")
            owner[each] = name


def _top_names(text: str) -> Sequence[str]:
    names = _NAMED.findall(text)
    for plain, several in _ASSIGNED.findall(text):
        parts = [plain] if plain else several.split(",")
        names += [part.split(":")[-1].strip() for part in parts if part.strip()]
    return names
