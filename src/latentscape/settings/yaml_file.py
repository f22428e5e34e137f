"""A YAML 1.2 file -> plain values that remember their lines, and everything wrong with its form.

Only mappings, lists and plain scalars are built: no tags, no merge keys, no timestamps, no code. Scalars follow the
YAML 1.2 core schema (`no` is text, `010` is ten, `1e-4` is a number), with `_` allowed between the digits of a number.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from latentscape.errors import UsageError
from latentscape.paths import FILE, kind_of

LARGEST_BYTES = 2**20
MOST_VALUES = 5_000
MOST_ALIASES = 100
DEEPEST = 40
_LONGEST_NUMBER = 60
_TEXT_TAG = "tag:yaml.org,2002:str"
_WORDS = {
    word: value
    for value, words in {
        None: ("", "~", "null", "Null", "NULL"),
        True: ("true", "True", "TRUE"),
        False: ("false", "False", "FALSE"),
    }.items()
    for word in words
}
_NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], int | float]], ...] = (
    (re.compile(r"[-+]?[0-9][0-9_]*"), lambda text: int(text.replace("_", ""))),
    (re.compile(r"0o[0-7]+"), lambda text: int(text[2:], 8)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text[2:], 16)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"), lambda t: float(t.replace("_", ""))),
    (re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"), lambda text: float(text.replace(".", ""))),
)
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Node:
    """A value and the line, from 1, on which it (for a mapping's entry: its key) stands."""

    line: int
    value: "Scalar | list[Node] | dict[str, Node]"

    def plain(self) -> Any:
        """The value as lists, dicts and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


@dataclass(frozen=True, order=True)
class Problem:
    """Something wrong in a file, as one sentence."""

    line: int
    sentence: str


def read_yaml(path: Path) -> tuple[Node, list[Problem]]:
    """The top mapping of a file and the problems of its form, which leave the rest of the file readable.

    Raises UsageError where nothing more can be read: no such file, empty, too large, not UTF-8, broken YAML, more than
    100 aliases or 5,000 values, or something else than a mapping at the top.
    """
    text = _read_text(path)
    builder = _Builder(path)
    try:
        top = builder.build_document(YAML(typ="safe", pure=True).parse(text))
    except YAMLError as error:
        raise _explain_broken(path, text, error) from None
    if top is None:
        raise _broken(f"{path} is empty", expected="a config file", hint="copy one from `configs/` and change it")
    if not isinstance(top.value, dict):
        raise _broken(
            f"{path}:{top.line}: the file is not a mapping",
            got=_describe(top.value),
            expected="lines like `data:`",
            hint="is this the right file?",
        )
    return top, builder.problems


def _read_text(path: Path) -> str:
    kind = kind_of(path)
    if kind != FILE:
        raise UsageError(
            f"can't read the config {path}: {kind}",
            hint="check the path given with `--config`",
            fault="config-missing",
        )
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise UsageError(
            f"can't read the config {path}: {error.strerror}", hint="check its permissions", fault="config-missing"
        ) from None
    if len(content) > LARGEST_BYTES:
        raise _broken(f"{path} is larger than 1 MiB", expected="a config file")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _broken(f"{path}:{line}: not UTF-8 text", hint="save the file as UTF-8") from None


def _broken(what: str, *, got: str = "", expected: str = "", hint: str = "is this the right file?") -> UsageError:
    return UsageError(what, got=got, expected=expected, hint=hint, fault="config-broken")


def _explain_broken(path: Path, text: str, error: YAMLError) -> UsageError:
    line, sentence = 1, str(error).strip().partition("\n")[0]
    if isinstance(error, MarkedYAMLError) and error.problem:
        mark = error.problem_mark or error.context_mark
        line, sentence = (mark.line + 1 if mark else 1), f"{error.context or ''} {error.problem}".strip()
    elif (position := getattr(error, "position", None)) is not None:
        line, sentence = text.count("\n", 0, position) + 1, "a control character, which YAML does not allow"
    shown = text.splitlines()[line - 1] if line <= len(text.splitlines()) else ""
    tab = "\t" in shown[: len(shown) - len(shown.lstrip())]
    hint = "indent with spaces: YAML does not allow tabs" if tab else "look at this line and the one above it"
    return _broken(f"{path}:{line}: broken YAML: {sentence}", got=shown.strip()[:80], hint=hint)


@dataclass
class _Builder:
    """Builds nodes from parser events while counting what an attack would make large."""

    path: Path
    problems: list[Problem] = field(default_factory=list)
    _anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    _n_values: int = 0
    _n_aliases: int = 0

    def build_document(self, events: Iterator[Event]) -> Node | None:
        """The first document's top node; a second document is a problem."""
        top = None
        n_documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                n_documents += 1
                if n_documents > 1:
                    self._report(event, "a second document starts here: put everything into one")
                    break
                top = self._build(next(events), events, depth=0)
        return top

    def _build(self, event: Event, events: Iterator[Event], *, depth: int) -> Node:
        line = event.start_mark.line + 1
        if isinstance(event, AliasEvent):
            return self._follow(event)
        before = self._n_values
        self._spend(1, event)
        if depth > DEEPEST:
            raise self._too_much(event, f"nested more than {DEEPEST} deep")
        self._check_tag(event)
        if isinstance(event, SequenceStartEvent):
            node = Node(line, self._build_list(events, depth))
        elif isinstance(event, MappingStartEvent):
            node = Node(line, self._build_mapping(events, depth))
        else:
            node = Node(line, self._build_scalar(cast("ScalarEvent", event)))
        if isinstance(event, NodeEvent) and event.anchor:
            self._anchors[str(event.anchor)] = node, self._n_values - before
        return node

    def _follow(self, event: AliasEvent) -> Node:
        self._n_aliases += 1
        if self._n_aliases > MOST_ALIASES:
            raise self._too_much(event, f"more than {MOST_ALIASES} aliases (`*name`)")
        node, size = self._anchors.get(str(event.anchor), (None, 0))
        if node is None:
            self._report(event, f"`*{event.anchor}` refers to nothing above it")
            return Node(event.start_mark.line + 1, None)
        self._spend(size, event)
        return Node(event.start_mark.line + 1, node.value)

    def _spend(self, amount: int, event: Event) -> None:
        self._n_values += amount
        if self._n_values > MOST_VALUES:
            raise self._too_much(event, f"more than {MOST_VALUES:,} values")

    def _build_list(self, events: Iterator[Event], depth: int) -> list[Node]:
        items = []
        while not isinstance(event := next(events), SequenceEndEvent):
            items.append(self._build(event, events, depth=depth + 1))
        return items

    def _build_mapping(self, events: Iterator[Event], depth: int) -> dict[str, Node]:
        entries: dict[str, Node] = {}
        while not isinstance(event := next(events), MappingEndEvent):
            key = self._build_key(event, events, depth)
            value = self._build(next(events), events, depth=depth + 1)
            if key is None:
                continue
            if key in entries:
                self._report(event, f"the key `{key}` is given twice, first on line {entries[key].line}")
            else:
                entries[key] = Node(event.start_mark.line + 1, value.value)
        return entries

    def _build_key(self, event: Event, events: Iterator[Event], depth: int) -> str | None:
        """A key's text; keys are never anything else than text."""
        if not isinstance(event, ScalarEvent):
            self._build(event, events, depth=depth + 1)
            self._report(event, "a key must be a plain word")
            return None
        self._spend(1, event)
        self._check_tag(event)
        if event.value == "<<" and event.implicit[0]:
            self._report(event, "merge keys (`<<`) are not part of YAML 1.2: write the keys out")
            return None
        return event.value

    def _build_scalar(self, event: ScalarEvent) -> Scalar:
        if _UNFIT.search(event.value):
            self._report(event, "the text contains a control character or half a character")
            return None
        value = resolve_scalar(event.value) if event.implicit[0] else event.value
        if isinstance(value, float) and not abs(value) < float("inf"):
            self._report(event, f"`{event.value}` is not a finite number")
            return None
        return value

    def _check_tag(self, event: Event) -> None:
        tag = str(getattr(event, "tag", None) or "")
        if tag and tag not in ("!", _TEXT_TAG):
            shown = tag.replace("tag:yaml.org,2002:", "!!")
            self._report(event, f"the tag `{shown}` is not allowed: a config holds plain values only")

    def _too_much(self, event: Event, sentence: str) -> UsageError:
        return _broken(f"{self.path}:{event.start_mark.line + 1}: {sentence}")

    def _report(self, event: Event, sentence: str) -> None:
        self.problems.append(Problem(event.start_mark.line + 1, sentence))


def resolve_scalar(text: str) -> Scalar:
    """What an unquoted scalar means.

    >>> [resolve_scalar(text) for text in ("1e-4", "010", "no", "16_000", "~", "12:30:45")]
    [0.0001, 10, 'no', 16000, None, '12:30:45']
    """
    if text in _WORDS:
        return _WORDS[text]
    for pattern, convert in _NUMBERS:
        if len(text) <= _LONGEST_NUMBER and pattern.fullmatch(text):
            return convert(text)
    return text


def _describe(value: "Scalar | list[Node] | Mapping[str, Node]") -> str:
    return "a list" if isinstance(value, list) else repr(value)[:60]
