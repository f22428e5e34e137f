"""What a user brings to a map -> the rows that are drawn, their classes and names, and an account of the others."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Real

from latentscape.datasets.feature_table import FeatureTable, to_floats
from latentscape.datasets.feature_values import take_features
from latentscape.datasets.sample_classes import SampleClasses, name_samples, sort_into_classes
from latentscape.datasets.sample_columns import SampleColumn, Wish, find_column
from latentscape.errors import DataError
from latentscape.findings import Accounting, Skip
from latentscape.shapes import Flags, Rows

MOST_SHAPES = 8
"""Markers that can be told apart."""
MOST_NAMED = 1000
"""Rows left out that are listed one by one."""
BLOCK_NUMBERS = 2**23
Features = Float[np.ndarray, "sample feature"]


@dataclass(frozen=True, kw_only=True)
class MapInput:
    """The samples to draw; row i of everything is sample i."""

    features: Features
    rows: Rows
    """Their row numbers in the input, ascending."""
    source: str
    labels: SampleClasses | None = None
    shapes: SampleClasses | None = None
    ids: tuple[str, ...] | None = None
    accounting: Accounting
    remarks: tuple[str, ...] = ()
    """What was chosen for the user, in sentences."""

    def fingerprint(self) -> dict[str, Any]:
        """What the features are: the same values, the same maps."""
        digest = hashlib.sha256(self.features.data.cast("B")).hexdigest()
        return {"features": digest, "shape": list(self.features.shape), "dtype": self.features.dtype.name}


def gather_input(
    values: Any, wishes: Mapping[str, Wish], *, key: str | None = None, max_samples: int = 0, seed: int = 0
) -> MapInput:
    """The rows of `values` that can be drawn, at most `max_samples` of them drawn at random (0: all).

    `wishes` are the columns asked for as `labels`, `shapes` and `ids`, None where one is not. Rows with NaN or infinity
    are left out and accounted for. Raises DataError where no row is left or a column does not fit.
    """
    wishes = {what: wish for what, wish in wishes.items() if wish is not None}
    apart = [str(wish) for wish in wishes.values() if isinstance(wish, str)]
    table = take_features(values, key=key, apart=apart)
    columns = {what: find_column(wish, table, what=what) for what, wish in wishes.items()}
    usable = find_finite_rows(table.features)
    rows = _draw(np.flatnonzero(usable), max_samples=max_samples, seed=seed)
    accounting = _account(table.features, usable, n_ok=len(rows))
    _require_rows(table, accounting)
    columns = {what: SampleColumn(name=each.name, values=each.values.take(rows)) for what, each in columns.items()}
    classes = {what: sort_into_classes(columns[what]) for what in ("labels", "shapes") if what in columns}
    _require_few_shapes(classes.get("shapes"))
    chosen = [f"{table.source}: {table.chosen} taken as the features"] if table.chosen else []
    return MapInput(
        features=_take(table.features, rows),
        rows=rows,
        source=table.source,
        labels=classes.get("labels"),
        shapes=classes.get("shapes"),
        ids=name_samples(columns["ids"]) if "ids" in columns else None,
        accounting=accounting,
        remarks=(*chosen, *(each.remark for each in classes.values() if each.remark)),
    )


def find_finite_rows(features: Real[np.ndarray, "sample feature"]) -> Flags:
    """Which rows have no NaN and no infinity; read in blocks, so that a mapped file never lies in memory as a whole."""
    if features.dtype.kind != "f":
        return np.ones(len(features), dtype=bool)
    step = max(1, BLOCK_NUMBERS // features.shape[1])
    blocks = [np.isfinite(features[at : at + step]).all(axis=1) for at in range(0, len(features), step)]
    return np.concatenate(blocks) if blocks else np.ones(0, dtype=bool)


def _draw(rows: Rows, *, max_samples: int, seed: int) -> Int[np.ndarray, " drawn"]:
    if not 0 < max_samples < len(rows):
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, size=max_samples, replace=False))


def _take(features: Real[np.ndarray, "sample feature"], rows: Rows) -> Float[np.ndarray, "row feature"]:
    """The rows as floats, one after the other in memory or on the disk; no copy where they are so already."""
    chosen = features if len(rows) == len(features) else features[rows]
    return np.ascontiguousarray(to_floats(chosen))


def _account(features: Real[np.ndarray, "sample feature"], usable: Flags, *, n_ok: int) -> Accounting:
    bad = np.flatnonzero(~usable)
    failed = [Skip(id=f"row {row}", reason=_explain(features[row])) for row in bad[:MOST_NAMED]]
    if len(bad) > MOST_NAMED:
        n_more = len(bad) - MOST_NAMED
        failed.append(Skip(id=f"{n_more:,} more rows", reason="values that are not finite", count=n_more))
    n_left = int(usable.sum()) - n_ok
    skipped = [Skip(id=f"{n_left:,} rows", reason="not drawn: --max-samples", count=n_left)] if n_left else []
    return Accounting(n_in=len(features), n_ok=n_ok, skipped=tuple(skipped), failed=tuple(failed))


def _explain(row: Real[np.ndarray, " feature"]) -> str:
    """The first value of a row that is not finite, in words."""
    column = int(np.flatnonzero(~np.isfinite(row))[0])
    return f"feature {column} is {'missing or not a number' if np.isnan(row[column]) else 'infinite'}"


def _require_rows(table: FeatureTable, accounting: Accounting) -> None:
    if not accounting.n_in:
        got = f"a table of 0 x {table.features.shape[1]}"
        hint = "look at what wrote it: was everything filtered?"
        raise DataError(f"{table.source} has no rows", got=got, hint=hint, fault="data-empty")
    if not accounting.n_ok:
        raise DataError(
            f"no row of {table.source} can be drawn",
            got=f"{accounting.n_in:,} rows with NaN or infinity: in the first, {accounting.failed[0].reason}",
            hint="look at what wrote the features: did the training diverge?",
            fault="features-values",
        )


def _require_few_shapes(shapes: SampleClasses | None) -> None:
    if shapes and len(shapes.names) > MOST_SHAPES:
        raise DataError(
            f"`{shapes.column}` has too many different values to be marker shapes",
            got=f"{len(shapes.names):,}",
            expected=f"{MOST_SHAPES} or fewer",
            hint="show it by color: `--labels`",
            fault="data-labels",
        )
