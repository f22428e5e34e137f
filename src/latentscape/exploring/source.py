"""What an exploration is made from: a manifest, scores and a table of samples, each value checked as it is taken."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import pyarrow as pa
from jaxtyping import Float, Int, Shaped

from latentscape.errors import DataError
from latentscape.exploration import UNKNOWN, Category, Numbers, Texts
from latentscape.exploring.order import in_order
from latentscape.figures.style import Style
from latentscape.measures.score import Score
from latentscape.plain_text import clean_text
from latentscape.run_reader import AGAIN, MANIFEST, FinishedRun

SAMPLES = "samples.parquet"
MOST_VALUES = 65_000
"""A column of more different texts is read, not counted."""
WRONG, RIGHT = 0, 1
OUTCOMES = ("wrong", "right")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A run as far as it was read; `run` is None for values that were never written. Methods raise DataError for what
    a run of ours does not say."""

    manifest: Mapping[str, Any]
    scores: Mapping[str, Any]
    table: pa.Table
    style: Style
    run: FinishedRun | None = None

    @property
    def n(self) -> int:
        """How many samples there are."""
        return self.table.num_rows

    @property
    def names(self) -> list[str]:
        """The columns there are."""
        return self.table.column_names

    def damaged(self, what: str, got: object = "") -> DataError:
        """The error for a run that says what no run of ours says."""
        shown = self.run.path if self.run else Path("values")
        return DataError(f"`{shown}` can't be explored: {what}", got=str(got)[:200], hint=AGAIN, fault="run-damaged")

    def read_score(self, name: str) -> Score | None:
        """A score of scores.json with its interval; None where it is not there, or has no value."""
        value, n = self.scores.get(name), self.scores.get(f"{name}_n")
        if not is_number(value) or not is_number(n):
            return None
        low, high = (self.scores.get(f"{name}_{end}") for end in ("low", "high"))
        ends = (float(low), float(high)) if is_number(low) and is_number(high) else (None, None)
        return Score(name=name, value=float(value), n=int(n), low=ends[0], high=ends[1])

    def read_names(self, key: str) -> tuple[str, ...]:
        """A list of names in the manifest; empty where there is none."""
        names = self.manifest.get(key)
        if names is None:
            return ()
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise self.damaged(f"`{key}` in {MANIFEST} is no list of names", names)
        return tuple(map(clean_text, names))

    def read_json(self, name: str) -> Mapping[str, Any]:
        """A file that holds a JSON object; empty where the run has no such file."""
        return self.run.read_json(name) if self.run and self.run.has(name) else {}

    def read_matrix(self, name: str) -> Float[np.ndarray, "row column"] | None:
        """A .npy file that holds a matrix of numbers; None where the run has no such file."""
        if self.run is None or not self.run.has(name):
            return None
        array = self.run.read_array(name)
        if array.ndim != 2 or array.dtype.kind != "f":
            raise self.damaged(f"`{name}` is no matrix of numbers", f"{array.shape}, {array.dtype}")
        return array

    def read_arrays(self, name: str, wanted: Sequence[str]) -> Mapping[str, Shaped[np.ndarray, "..."]]:
        """Arrays of a .npz file; empty where the run has no such file."""
        return self.run.read_arrays(name, wanted) if self.run and self.run.has(name) else {}

    def take(self, name: str) -> pa.Array:
        """A column as one array."""
        if name not in self.table.column_names:
            raise self.damaged(f"{SAMPLES} has no column `{name}`")
        column = self.table.column(name)
        return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()

    def take_numbers(self, name: str) -> Float[np.ndarray, " sample"]:
        """A column of numbers, NaN where one is not known."""
        column = self.take(name)
        kind = column.type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_null(kind)):
            raise self.damaged(f"`{name}` in {SAMPLES} is no number", kind)
        values = column.cast(pa.float64(), safe=False)
        return np.asarray(values.fill_null(math.nan).to_numpy(zero_copy_only=False))

    def take_texts(self, name: str) -> tuple[str | None, ...]:
        """A column of texts, None where unknown."""
        return tuple(self._take_strings(name).to_pylist())

    def take_flags(self, name: str) -> Int[np.ndarray, " sample"]:
        """A column of yes and no as 1 and 0, UNKNOWN where it is not known."""
        column = self.take(name)
        if not pa.types.is_boolean(column.type):
            raise self.damaged(f"`{name}` in {SAMPLES} is neither yes nor no", column.type)
        return np.asarray(column.cast(pa.int8()).fill_null(UNKNOWN).to_numpy(zero_copy_only=False), dtype=np.int8)

    def make_category(self, key: str, title: str, *, values: Sequence[str] = (), about: str = "") -> Category | Texts:
        """A column of texts as a category, `values` first, then what else occurs; texts where that is too much."""
        encoded = self._take_strings(key).dictionary_encode()
        words = encoded.dictionary.to_pylist()
        order = [*dict.fromkeys(values), *sorted(set(words) - set(values), key=in_order)]
        if len(order) > MOST_VALUES:
            return Texts(key=key, title=title, values=self.take_texts(key), about=about)
        places = {word: number for number, word in enumerate(order)}
        numbers = np.array([*(places[word] for word in words), UNKNOWN], dtype=np.int32)
        codes = encoded.indices.fill_null(len(words)).to_numpy(zero_copy_only=False)
        return Category(key=key, title=title, codes=numbers[codes], values=tuple(order), about=about)

    def make_numbers(self, key: str, title: str, **choices: Any) -> Numbers:
        """A column of numbers."""
        return Numbers(key=key, title=title, values=self.take_numbers(key), **choices)

    def make_outcomes(
        self, key: str, title: str, *, known: Int[np.ndarray, " sample"] | None = None, **choices: Any
    ) -> Category:
        """A column of yes and no as wrong and right, in their colors; unknown where `known` is UNKNOWN."""
        codes, theme = self.take_flags(key), self.style.theme
        codes = codes if known is None else np.where(known == UNKNOWN, UNKNOWN, codes)
        colors = (theme.wrong, theme.right)
        return Category(key=key, title=title, codes=codes, values=OUTCOMES, colors=colors, **choices)

    def _take_strings(self, name: str) -> pa.Array:
        column = self.take(name)
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
            raise self.damaged(f"`{name}` in {SAMPLES} is no text", kind)
        return column.cast(pa.string())


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value of JSON is a number that a float can hold."""
    if isinstance(value, int):  # JSON may write one of a thousand digits
        return not isinstance(value, bool) and abs(value) <= sys.float_info.max
    return isinstance(value, float) and math.isfinite(value)
