"""Search and filters over the samples: DuckDB over their columns, in memory, with nothing of the machine in reach."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, final

import duckdb
import numpy as np
import pyarrow as pa
from jaxtyping import Bool

from latentscape.exploration import Category, Column, Exploration, Numbers, Texts
from latentscape.plain_text import clean_text

LONGEST_QUERY, MOST_WORDS, MOST_VALUES = 1000, 32, 1000
SECONDS, SECONDS_A_SAMPLE = 0.2, 1e-6
"""The most a question may take: a little more where there are very many samples."""
SECONDS_TO_CLOSE = 10.0
CONFIG: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "temp_directory": "",
    "memory_limit": "4GB",
    "threads": "2",
    "lock_configuration": "true",
}
"""No files, no network, no extensions, no variables of ours, and no statement that could change that."""
_FOLD = "replace(replace(lower(strip_accents({})), 'đ', 'd'), 'ς', 'σ')"
"""As the page itself folds text: letters without their marks and capitals. đ has no other form in Unicode, and the
sigma at the end of a word is one."""

Mask = Bool[np.ndarray, " sample"]


@final
class QueryError(ValueError):
    """A question that can't be answered, in words for whoever asked."""


@final
class TooSlowError(Exception):
    """A question that took too long and was stopped."""


@final
class ClosedError(Exception):
    """The table was closed: another run has taken its place, or the server ends."""


@final
class SampleTable:
    """The samples of a run, to be asked which of them fit. Any thread may ask, until it is closed.

    A process that ends while DuckDB works in one of its threads is aborted, so `close` waits for all of them.
    """

    def __init__(self, exploration: Exploration, *, seconds: float | None = None) -> None:
        self._exploration = exploration
        # Names that are their numbers are none for the page either: a number is that sample, not each that holds it.
        self._ids = None if _are_numbers(exploration.ids) else exploration.ids
        self._seconds = SECONDS + SECONDS_A_SAMPLE * exploration.n if seconds is None else seconds
        self._lock = threading.Condition()
        self._n_asking, self._is_closed = 0, False
        self._database: duckdb.DuckDBPyConnection | None = None
        self._categories = [each for each in exploration.columns if isinstance(each, Category)]
        self._numbers = [each for each in exploration.columns if isinstance(each, Numbers)]
        self._folded: list[list[str]] = []

    def search(self, text: str) -> Mask:
        """Samples in which each word occurs: in the id, in a text, or in the value of a category.

        Words are taken letter by letter, whatever they hold; capitals and diacritics make no difference.
        """
        if len(text) > LONGEST_QUERY:
            raise QueryError(f"at most {LONGEST_QUERY:,} letters can be looked for")
        with self._open() as cursor:
            words = list(dict.fromkeys(_fold_all(cursor, [text])[0].split()))
        if len(words) > MOST_WORDS:
            raise QueryError(f"at most {MOST_WORDS} words can be looked for")
        conditions = [self._say_where(word, place + 1) for place, word in enumerate(words)]
        return self._ask(" AND ".join(conditions) or "true", words)

    def filter(
        self, key: str, *, low: float | None = None, high: float | None = None, values: Sequence[str] = ()
    ) -> Mask:
        """Samples whose number lies between two ends, both included, or whose value is one of these."""
        column = self._exploration.find_column(key)
        if isinstance(column, Numbers):
            place = _place_of(column, self._numbers)
            ends = [(f"n{place} >= ${{}}", low), (f"n{place} <= ${{}}", high)]
            given = [(condition, end) for condition, end in ends if end is not None]
            conditions = [condition.format(number + 1) for number, (condition, _) in enumerate(given)]
            return self._ask(" AND ".join([f"NOT isnan(n{place})", *conditions]), [end for _, end in given])
        if isinstance(column, Category):
            if len(values) > MOST_VALUES:
                raise QueryError(f"at most {MOST_VALUES:,} values can be asked for")
            codes = [column.values.index(value) for value in values if value in column.values]
            return self._ask(_is_among(f"c{_place_of(column, self._categories)}", codes), [])
        raise QueryError("there is no column of this name that can be filtered")

    def warm(self) -> None:
        """Get ready for the first question, which would wait for it; that one tells what goes wrong."""
        with suppress(duckdb.Error, ClosedError), self._open():
            pass

    def close(self) -> None:
        """Answer what is being asked, and nothing more; let the memory go."""
        with self._lock:
            self._is_closed = True
            self._lock.wait_for(lambda: not self._n_asking, timeout=SECONDS_TO_CLOSE)
            self._database = None

    def _say_where(self, word: str, place: int) -> str:
        """SQL for the samples in which the word occurs; it enters as a parameter, and of values as their numbers."""
        named = [
            _is_among(f"c{number}", [code for code, value in enumerate(folded) if word in value])
            for number, folded in enumerate(self._folded)
        ]
        if self._ids is None and word.isascii() and word.isdecimal() and int(word) < self._exploration.n:
            named.append(f"place = {int(word)}")  # samples without names are called by their numbers
        return f"({' OR '.join([f'contains(words, ${place})', *(each for each in named if each != 'false')])})"

    def _ask(self, condition: str, parameters: Sequence[Any]) -> Mask:
        found = np.zeros(self._exploration.n, dtype=bool)
        try:
            with self._open() as cursor, _stop_after(cursor, self._seconds):
                cursor.execute(f"SELECT place FROM samples WHERE {condition}", parameters)  # noqa: S608  built of our own words
                found[cursor.fetchnumpy()["place"]] = True
        except duckdb.InterruptException:
            raise TooSlowError from None
        return found

    @contextmanager
    def _open(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one question: threads must not share one."""
        with self._lock:
            if self._is_closed:
                raise ClosedError
            if self._database is None:
                self._database = self._load()
            cursor = self._database.cursor()
            self._n_asking += 1
        try:
            yield cursor
        finally:
            cursor.close()
            with self._lock:
                self._n_asking -= 1
                self._lock.notify_all()

    def _load(self) -> duckdb.DuckDBPyConnection:
        database = duckdb.connect(":memory:", config=CONFIG)
        self._fill(database)
        self._folded = [_fold_all(database, column.values) for column in self._categories]
        return database

    def _fill(self, database: duckdb.DuckDBPyConnection) -> None:
        """Numbered columns: no name of the run enters a statement."""
        given = self._exploration
        texts = [each.values for each in given.columns if isinstance(each, Texts) and each.is_own]
        texts = [*([self._ids] if self._ids is not None else []), *texts]
        columns: dict[str, Any] = {"place": pa.array(np.arange(given.n, dtype=np.int32))}
        columns |= {f"t{place}": _as_text(values) for place, values in enumerate(texts)}
        columns |= {f"c{place}": pa.array(each.codes.astype(np.int32)) for place, each in enumerate(self._categories)}
        columns |= {f"n{place}": pa.array(each.values.astype(np.float64)) for place, each in enumerate(self._numbers)}
        named = [f"t{place}" for place in range(len(texts))]
        words = _FOLD.format(f"concat_ws(chr(10), {', '.join(named)})") if named else "''"
        kept = ", ".join([name for name in columns if name not in named])
        database.register("given", pa.table(columns))
        database.execute(f"CREATE TABLE samples AS SELECT {kept}, {words} AS words FROM given")  # noqa: S608  as above
        database.unregister("given")


def pack_mask(mask: Mask) -> bytes:
    """One bit a sample, the first in the lowest bit of the first byte."""
    return np.packbits(mask, bitorder="little").tobytes()


def _place_of(column: Column, columns: Sequence[Column]) -> int:
    """Which of the columns it is: columns hold arrays, which `index` would compare."""
    return next(place for place, each in enumerate(columns) if each is column)


def _are_numbers(ids: Sequence[str] | None) -> bool:
    return ids is None or all(name == str(place) for place, name in enumerate(ids))


def _as_text(values: Sequence[str | None]) -> pa.Array:
    try:
        return pa.array(values, type=pa.large_string())
    except UnicodeEncodeError:  # half letters of a broken file name
        return pa.array([value and clean_text(value) for value in values], type=pa.large_string())


def _fold_all(database: duckdb.DuckDBPyConnection, values: Sequence[str]) -> list[str]:
    """As the samples' own texts are folded, by the same program."""
    given = pa.table({"value": _as_text(values)})
    database.register("folding", given)
    rows = database.execute(f"SELECT {_FOLD.format('value')} FROM folding").fetchall()  # noqa: S608  as above
    database.unregister("folding")
    return [row[0] for row in rows]


def _is_among(column: str, codes: Sequence[int]) -> str:
    return f"{column} IN ({', '.join(map(str, codes))})" if codes else "false"


@contextmanager
def _stop_after(cursor: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, cursor.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
