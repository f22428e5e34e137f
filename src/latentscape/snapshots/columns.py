"""Columns of samples.parquet as values of Python, each checked."""

from typing import TYPE_CHECKING, Any

from latentscape.run_reader import FinishedRun
from latentscape.snapshots.manifest import damaged

if TYPE_CHECKING:
    import pyarrow  # noqa: ICN001  annotations are looked up by the whole name

SAMPLES = "samples.parquet"


def read_column(run: FinishedRun, table: "pyarrow.Table", name: str) -> list[Any]:
    """The values of a column that must be there."""
    if name not in table.column_names:
        raise damaged(run, f"{SAMPLES} has no column `{name}`", "a run of an earlier version")
    return table.column(name).to_pylist()


def read_texts(run: FinishedRun, table: "pyarrow.Table", name: str) -> tuple[str, ...]:
    """A column of texts, one for each sample."""
    values = read_known_texts(run, table, name)
    if None in values:
        raise damaged(run, f"`{name}` in {SAMPLES} is not known of all", f"null in row {values.index(None)}")
    return tuple(value for value in values if value is not None)


def read_known_texts(run: FinishedRun, table: "pyarrow.Table", name: str) -> list[str | None]:
    """A column of texts, None where unknown."""
    values = read_column(run, table, name)
    if not all(value is None or isinstance(value, str) for value in values):
        raise damaged(run, f"`{name}` in {SAMPLES} is no text", str(table.schema.field(name).type))
    return values


def number_names(run: FinishedRun, values: list[str | None], names: tuple[str, ...], *, what: str) -> list[int]:
    """The number of each name, -1 where it is not known."""
    numbers = {name: number for number, name in enumerate(names)}
    strange = next((value for value in values if value is not None and value not in numbers), None)
    if strange is not None:
        raise damaged(run, f"{SAMPLES} has a {what} that the manifest does not name", f"{strange!r}")
    return [-1 if value is None else numbers[value] for value in values]
