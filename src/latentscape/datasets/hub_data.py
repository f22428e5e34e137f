"""Data sets of the Hugging Face hub: saved to disk, read as Arrow files, or asked for by name; no script ever runs."""

import json
import re
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import pyarrow as pa

from latentscape.datasets.files import open_regular
from latentscape.datasets.sample_splits import HELD_OUT, choose_split, refuse_split
from latentscape.datasets.sample_tables import SampleTable, make_table, reading
from latentscape.datasets.text import make_printable
from latentscape.errors import DataError, SafetyError
from latentscape.paths import is_file
from latentscape.plain_text import is_file_name

_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?(:[\w.,+-]+)?", re.ASCII)
_LARGEST_NOTE = 2**26
Part = Callable[[], SampleTable]
"""Reads one split."""


@dataclass(frozen=True, kw_only=True)
class HubTable:
    """A table of a data set, and which split of it that is; empty where it has none."""

    table: SampleTable
    split: str


def is_saved(folder: Path) -> bool:
    """Whether `save_to_disk` wrote this folder."""
    return is_file(folder / "dataset_dict.json") or is_file(folder / "state.json")


def is_hub_name(source: str) -> bool:
    """Whether this may be the name of a data set on the hub: `imdb`, `owner/name`, `owner/name:configuration`.

    >>> is_hub_name("owner/name:en"), is_hub_name("./folder/x"), is_hub_name("a.csv")
    (True, False, False)
    """
    plain = not source.startswith((".", "-")) and ".." not in source
    ending = Path(source).suffix.lower()
    return plain and bool(_NAME.fullmatch(source)) and ending not in (".csv", ".tsv", ".json", ".jsonl", ".parquet")


def read_saved(folder: Path, *, split: str | None = None) -> HubTable:
    """A data set that `save_to_disk` wrote; of one with splits, the chosen or the held-out one.

    Without `split`, one whose labels are all unknown, as competitions publish them, is passed over. Raises DataError
    for files that are missing, broken, or outside the folder; UsageError for a split that is not there.
    """
    return _choose_part(list_saved(folder), split, shown=make_printable(str(folder)))


def list_saved(folder: Path) -> dict[str, Part]:
    """The splits of a data set that `save_to_disk` wrote, each read when it is asked for; one, "", where it has none.

    Raises DataError where they can't be told.
    """
    shown = make_printable(str(folder))
    if not is_file(folder / "dataset_dict.json"):
        return {"": partial(_read_part, folder, shown)}
    names = _read_note(folder / "dataset_dict.json").get("splits")
    if not isinstance(names, list) or not all(isinstance(name, str) and is_file_name(name) for name in names):
        raise _broken(shown, "`dataset_dict.json` lists no splits")
    return {name: partial(_read_part, folder / name, shown) for name in names}


def _choose_part(parts: Mapping[str, Part], wanted: str | None, *, shown: str) -> HubTable:
    """The split that was asked for; else the first held-out one in which a sample has a label."""
    if list(parts) == [""]:
        refuse_split(wanted, shown=shown)
        return HubTable(table=parts[""](), split="")
    first = choose_split(list(parts), wanted, shown=shown)
    table = parts[first]()
    if wanted is None and not _has_labels(table):
        for name in HELD_OUT:
            other = parts[name]() if name in parts and name != first else None
            if other is not None and _has_labels(other):
                return HubTable(table=other, split=name)
    return HubTable(table=table, split=first)


def _has_labels(table: SampleTable) -> bool:
    """Whether any column of classes holds one that is known; yes where there is no such column."""
    named = [table.values.column(name) for name in table.class_names if name in table.values.column_names]
    return not named or any(value is not None and value != -1 for column in named for value in column.to_pylist())


def _read_part(folder: Path, shown: str) -> SampleTable:
    state = _read_note(folder / "state.json")
    files = state.get("_data_files")
    if state.get("_indices_data_files"):
        raise _broken(shown, "it was saved by a version before 2.0", "load it with `datasets` and save it again")
    if not isinstance(files, list) or not files:
        raise _broken(shown, "`state.json` lists no data files")
    names = [entry.get("filename") if isinstance(entry, Mapping) else None for entry in files]
    bad = next((name for name in names if not (isinstance(name, str) and is_file_name(name) and "/" not in name)), "")
    if bad != "":
        raise _broken(shown, f"`state.json` names a file outside the folder: {str(bad)[:60]!r}")
    with reading(shown):
        values = pa.concat_tables([_read_arrow(folder / str(name)) for name in names])
        values.validate(full=True)  # offsets of a damaged file lead out of memory
    features = None
    with suppress(DataError):
        features = _read_note(folder / "dataset_info.json").get("features")
    return make_table(values, source=shown, features=features or None)


def _read_arrow(path: Path) -> pa.Table:
    """Read, not mapped: a mapped file that somebody cuts kills the process."""
    with open_regular(path) as file:
        is_random = file.read(6) == b"ARROW1"
        file.seek(0)
        return pa.ipc.open_file(file).read_all() if is_random else pa.ipc.open_stream(file).read_all()


def _read_note(path: Path) -> Mapping[str, Any]:
    with open_regular(path) as file:
        content = file.read(_LARGEST_NOTE + 1)
    try:
        note = json.loads(content[:_LARGEST_NOTE])
    except (ValueError, RecursionError):
        note = None
    if not isinstance(note, Mapping):
        raise _broken(make_printable(str(path.parent)), f"`{path.name}` is no JSON object")
    return note


def read_by_name(name: str, *, split: str | None = None) -> HubTable:
    """The chosen, or the held-out, split of a data set of the hub. Raises as `list_by_name` and `read_saved` do."""
    return _choose_part(list_by_name(name), split, shown=name)


def list_by_name(name: str) -> dict[str, Part]:
    """The splits of a data set of the hub (`owner/name`, `owner/name:configuration`), or of a folder of data files.

    It comes from the cache of `datasets` or, where that has none, from the hub itself. Sound and pictures stay the
    bytes they are. Raises DataError where it can't be had, ModuleNotFoundError without `datasets`, SafetyError where
    its version would run scripts.
    """
    datasets = _import_datasets()
    place, _, configuration = name.partition(":")
    with _quiet(datasets):
        try:
            loaded: Any = datasets.load_dataset(place, configuration or None)
        except (Exception, SystemExit) as error:  # whatever the network, its libraries or the files may raise
            raise _not_had(name, error) from error
    parts = loaded if isinstance(loaded, Mapping) else {"": loaded}
    return {str(part): partial(take_dataset, parts[part], source=name) for part in parts}


def list_configurations(name: str) -> list[str]:
    """The configurations of a data set of the hub, or of a folder of data files. Raises as `list_by_name` does."""
    datasets = _import_datasets()
    with _quiet(datasets):
        try:
            return list(datasets.get_dataset_config_names(name.partition(":")[0]))
        except (Exception, SystemExit) as error:  # as above
            raise _not_had(name, error) from error


def _import_datasets() -> Any:
    import datasets  # noqa: PLC0415  heavy, and only who asks for a name needs it

    if int(datasets.__version__.split(".")[0]) < 4:
        hint = "install `datasets` 4 or newer, which runs no scripts"
        what = "this version of `datasets` runs scripts that come with the data"
        raise SafetyError(what, got=datasets.__version__, expected="4.0 or newer", hint=hint, fault="code-data")
    return datasets


def take_dataset(dataset: Any, *, source: str) -> SampleTable:
    """The rows of a `datasets.Dataset`, as they are stored: nothing is decoded."""
    features = {name: _describe(feature) for name, feature in dataset.features.items()}
    values = dataset.with_format("arrow")[:]
    return make_table(values, source=source, features=features)


def _describe(feature: Any) -> dict[str, Any]:
    """What `datasets` would write of a column's feature."""
    return {"_type": type(feature).__name__, "names": list(getattr(feature, "names", None) or [])}


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Without bars of its own, and without minutes of tries where the hub can't be found; as it was afterwards."""
    from huggingface_hub import constants  # noqa: PLC0415  comes with `datasets`

    was_on = datasets.utils.logging.is_progress_bar_enabled()
    before = datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE
    datasets.disable_progress_bars()
    if not _has_address(datasets.config.HF_ENDPOINT):
        datasets.config.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE, constants.HF_HUB_OFFLINE = before
        if was_on:
            datasets.enable_progress_bars()


def _has_address(endpoint: str) -> bool:
    """Whether the name of the hub's machine is known here; where a proxy asks for it, nobody but that can tell."""
    if getproxies():
        return True
    try:
        return bool(socket.getaddrinfo(urlsplit(endpoint).hostname, None))
    except OSError:
        return False


def _not_had(name: str, error: BaseException) -> DataError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    hint = "check the name, or save it where there is a network: `load_dataset(...).save_to_disk(folder)`"
    if "Config name is missing" in reason or "BuilderConfig" in reason:
        hint = f"name a configuration: `{name.partition(':')[0]}:CONFIGURATION`"
    elif "script" in reason.lower():
        hint = "its loading needs code of its own, which is not run: save it to disk where you trust it"
    return DataError(
        f"there is no file or folder `{name}`, and no data set of this name can be had",
        got=f"{type(error).__name__}: {reason}",
        hint=hint,
        fault="data-missing",
    )


def _broken(shown: str, reason: str, hint: str = "save it again with `save_to_disk`") -> DataError:
    return DataError(f"can't read the data set saved in {shown}: {reason}", hint=hint, fault="data-format")
