"""Which column of a table is what: as the user says, else as it is usually called."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import pyarrow as pa

from latentscape.datasets.content_kinds import tell_by_name
from latentscape.datasets.sample_tables import SampleTable
from latentscape.datasets.text import normalize
from latentscape.errors import DataError, nearest
from latentscape.shapes import Kind

PATHS = ("path", "file", "file_name", "filename", "file_path", "filepath")
MEDIA = ("image", "img", "picture", "photo", "audio", "clip", "wav", "sound", "speech", "recording")
MEDIA += tuple(f"{what}_{ending}" for what in ("image", "img", "audio", "wav") for ending in ("path", "file"))
TEXTS = (
    *("sentence", "content", "review", "tweet", "utterance", "comment", "document", "body", "message", "headline"),
    *("question", "query", "transcript", "transcription", "sms", "title"),
)
LABELS = (
    ("label", "labels"),
    ("class", "category", "target", "y", "class_name", "class_label"),
    ("emotion", "sentiment", "intent", "topic", "genre", "species", "diagnosis"),
)
GROUPS = (
    *("speaker", "speaker_id", "patient", "patient_id", "subject", "subject_id"),
    *("author", "user", "user_id", "client_id", "actor", "group"),
)
DATASETS = ("dataset", "data_set", "corpus")
IDS = ("id", "_id", "uid", "sample_id", "guid")
SPLIT_COLUMN = "split"
_SHOWN = 20


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Names of columns as the user gives them; None where they are to be found by their usual names."""

    content: str | None = None
    """The path, text, picture or sound."""
    label: str | None = None
    group: str | None = None
    """Who or what a sample comes from: speaker, patient, author."""
    dataset: str | None = None
    ids: str | None = None


@dataclass(frozen=True, kw_only=True)
class Roles:
    """Names of columns that are there."""

    content: str
    label: str
    group: str | None
    dataset: str | None
    ids: str | None
    is_path: bool
    """Whether text in the content column is the name of a file."""


def find_roles(table: SampleTable, columns: Columns, *, kind: Kind | None) -> Roles:
    """The columns of a table by what they hold. Raises DataError where one is missing, or several could be meant."""
    names = table.values.column_names
    label = _find_label(table, columns.label)
    group = _find(table, columns.group, GROUPS, option="--group-column")
    dataset = _find(table, columns.dataset, DATASETS, option="--dataset-column")
    ids = _find(table, columns.ids, IDS, option="ids")
    taken = {label, group, dataset, ids, *(name for name in names if name.casefold() == SPLIT_COLUMN)}
    if columns.content:
        content = _require(table, columns.content, "--column")
    else:
        content = _find_content(table, [name for name in names if name not in taken], kind)
    return Roles(
        content=content, label=label, group=group, dataset=dataset, ids=ids, is_path=_is_path(table, content, kind)
    )


def find_named(table: SampleTable, name: str) -> str | None:
    """The column of this name, in any case."""
    names = table.values.column_names
    found = [own for own in names if _fold(own) == _fold(name)]
    return name if name in names else found[0] if len(found) == 1 else None


def _find(table: SampleTable, given: str | None, usual: Sequence[str], *, option: str) -> str | None:
    """The column that was given, else that of the first usual name; None without one."""
    if given is not None:
        return _require(table, given, option)
    folded = {_fold(column): column for column in reversed(table.values.column_names)}
    return next((folded[name] for name in usual if name in folded), None)


def _find_label(table: SampleTable, given: str | None) -> str:
    """Several that could be meant are ambiguous: another one would be another study."""
    if given is not None:
        return _require(table, given, "--label-column")
    for names in (*LABELS, ()):
        usual = [column for column in table.values.column_names if _fold(column) in names]
        # at last those whose numbers the data set names itself: CIFAR-100 has two
        found = usual if names else [column for column in table.values.column_names if column in table.class_names]
        if len(found) > 1:
            raise _ambiguous(table, found, "--label-column")
        if found:
            return found[0]
    raise _missing(table, "labels", "--label-column", tried=LABELS[0])


def _require(table: SampleTable, name: str, option: str) -> str:
    found = find_named(table, name)
    if found is None:
        raise DataError(
            f"{table.source} has no column `{name}`",
            got=_list(table.values.column_names),
            hint=nearest(name, table.values.column_names) if table.values.column_names else f"leave `{option}` out",
            fault="data-columns",
        )
    return found


def _find_content(table: SampleTable, names: Sequence[str], kind: Kind | None) -> str:
    """Media first: words beside a picture or sound describe it."""
    media = [name for name in names if _is_media(table, name, kind)]
    texts = [name for name in names if _is_text(table.values.schema.field(name).type)]
    steps: list[tuple[Sequence[str], Callable[[str], bool]]] = [
        (media, lambda name: name in (*MEDIA, *PATHS)),
        (media, lambda _: True),
        (texts if kind != "text" else (), lambda name: name in MEDIA),
        (texts if kind != "text" else (), lambda name: name in PATHS),
        (texts if kind in (None, "text") else (), lambda name: name == "text"),
        (texts if kind in (None, "text") else (), lambda name: name in TEXTS),
        (texts if kind == "text" else (), lambda name: name in PATHS),
        (texts, lambda _: True),
        (names, lambda name: name in ("text", *TEXTS, *PATHS, *MEDIA)),
    ]
    for among, is_meant in steps:
        found = [name for name in among if is_meant(_fold(name))]
        if len(found) > 1:
            raise _ambiguous(table, found, "--column")
        if found:
            return found[0]
    raise _missing(table, "samples", "--column", tried=("path", "text", "image", "audio"))


def _is_media(table: SampleTable, name: str, kind: Kind | None) -> bool:
    if kind == "text":
        return False
    told = table.media.get(name)
    return is_stored(table.values.schema.field(name).type) if told is None else kind in (None, told)


def is_stored(kind: pa.DataType) -> bool:
    """Whether a column holds files themselves, as bytes, or as bytes beside their names."""
    if pa.types.is_struct(kind):
        inside = {kind.field(place).name: kind.field(place).type for place in range(kind.num_fields)}
        held = inside.get("bytes")
        return "path" in inside and held is not None and (pa.types.is_null(held) or _is_bytes(held))
    return _is_bytes(kind)


def _is_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_path(table: SampleTable, name: str, kind: Kind | None) -> bool:
    """By its name, or by what its first values look like; of sound and pictures text can only be the file's name."""
    if kind in ("audio", "image") or _fold(name) in (*PATHS, *MEDIA):
        return True
    if _fold(name) == "text" or not _is_text(table.values.schema.field(name).type):
        return False
    first = [value for value in table.values.column(name).slice(0, _SHOWN).to_pylist() if value]
    return bool(first) and all("\n" not in value and tell_by_name(value) for value in first)


def _fold(name: str) -> str:
    return normalize(name).strip().casefold().replace(" ", "_").replace("-", "_")


def _list(names: Collection[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in list(names)[:_SHOWN])
    return (shown + (" ..." if len(names) > _SHOWN else "")) or "no columns"


def _ambiguous(table: SampleTable, found: Sequence[str], what: str) -> DataError:
    return DataError(
        f"several columns of {table.source} could be meant",
        got=_list(found),
        hint=f"choose one: `{what} {found[0]}`",
        fault="data-columns",
    )


def _missing(table: SampleTable, what: str, option: str, *, tried: Sequence[str]) -> DataError:
    return DataError(
        f"{table.source} has no column that holds the {what}",
        got=_list(table.values.column_names),
        expected=f"a column {' or '.join(f'`{name}`' for name in tried)}",
        hint=f"name it with `{option}`",
        fault="data-columns",
    )
