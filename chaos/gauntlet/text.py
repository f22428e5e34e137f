"""Pair files: those nothing can be read from are refused, bad rows among good ones are left out and counted."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from chaos.gauntlet.case import Case, Place
from chaos.gauntlet.words import MAPLESS, Writer, study_pairs

GOOD = [{"query": f"query {n}", "pos": f"document {n}", "hard_neg": [f"wrong {n}"]} for n in range(4)]


def _lines(rows: Sequence[object]) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows)


def _pairs(content: bytes | str, name: str = "pairs.json") -> Writer:
    def write(place: Place) -> list[object]:
        (place.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return study_pairs(place, *MAPLESS, data=Path(name))

    return write


def _refused(name: str, content: bytes | str, *told: str, listed: str = "") -> Case:
    return Case(name=name, group="text", write=_pairs(content), code=3, fault="pairs-format",
                told=("pairs.json", *told), listed=listed)  # fmt: skip


def _beside(name: str, line: str | Sequence[object], *told: str, listed: str = "") -> Case:
    """Four good rows and this one, which is left out."""
    return Case(name=name, group="text", write=_pairs(_lines([*GOOD, line])), code=0, counts=(4, 1, 0),
                told=told, listed=listed)  # fmt: skip


def _finished(name: str, rows: Sequence[object], counts: tuple[int, int, int], *told: str, listed: str = "") -> Case:
    return Case(name=name, group="text", write=_pairs(_lines(rows) + "\n"), code=0, counts=counts, told=told,
                listed=listed)  # fmt: skip


# -- Parquet ---------------------------------------------------------------------------------------------------------


def _parquet(make: Callable[[], object]) -> Writer:
    def write(place: Place) -> list[object]:
        import pyarrow.parquet as pq

        pq.write_table(make(), place.folder / "pairs.parquet")
        return study_pairs(place, *MAPLESS, data=Path("pairs.parquet"))

    return write


def _other_columns() -> object:
    import pyarrow as pa

    return pa.table({"topic": ["a"], "reply": ["b"]})


def _numbers() -> object:
    import pyarrow as pa

    return pa.table({"query": [1, 2], "pos": [3, 4]})


def _extension() -> object:
    """A column that says, as Arrow's own format lets it, that it is of somebody's type."""
    import pyarrow as pa

    marks = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": b"\x80\x04K\x01."}
    schema = pa.schema([pa.field("query", pa.string(), metadata=marks), pa.field("pos", pa.string())])
    return pa.table({"query": ["a"], "pos": ["b"]}, schema=schema)


def _bomb() -> object:
    """A thousand texts of a million letters, stored as one: some kilobytes that unpack to a gigabyte and more."""
    import pyarrow as pa

    text = pa.array(["x" * 1_000_000])
    cells = pa.DictionaryArray.from_arrays(pa.array([0] * 5000, type=pa.int32()), text)
    return pa.table({"query": cells, "pos": cells})


# -- the table -------------------------------------------------------------------------------------------------------

REFUSED = [
    _refused("empty-pairs", b"", "empty", listed="text 1"),
    _refused("blank-pairs", b" \n", "empty", listed="text 1"),
    _refused("no-rows", b"[]", "no rows", listed="text 2"),
    _refused("null-as-pairs", b"null", "starts with 'null'"),
    _refused("numbers-as-rows", b"[1, 2]", "row 1 is a number"),
    _refused("half-an-array", b'[{"query": "a", "pos": "b"}, {', "line 1, column 31"),
    _refused("deep-pairs", b"[" * 100_000, "nested too deeply"),
    _refused("rows-in-an-object", b'{"rows": []}', "has no `query`"),
    _refused("key-misspelled", b'[{"qurey": "a", "pos": "b"}]', "did you mean `qurey`"),
    _refused("only-an-empty-query", b'[{"query": "", "pos": "b"}]', "row 1 `query` is empty"),
    _refused("only-an-empty-document", b'[{"query": "a", "pos": " \\u200b"}]', "row 1 `pos` is empty", listed="text 5"),
    _refused("only-not-a-number", b'[{"query": "a", "pos": NaN}]', "row 1 `pos` is a number", listed="text 7"),
    _refused("only-an-infinite-weight",
             b'[{"query": "a", "pos": "b", "hard_neg": [{"text": "c", "weight": Infinity}]}]',
             "`weight` is inf", listed="text 7"),
    _refused("only-text-as-negatives", b'[{"query": "a", "pos": "b", "hard_neg": "c"}]', "`hard_neg` is text",
             listed="text 6"),
    _refused("only-half-a-letter", b'[{"query": "a\\ud800", "pos": "b"}]', "lone surrogate", listed="text 8"),
    _refused("only-a-nul", b'[{"query": "a\\u0000", "pos": "b"}]', "NUL", listed="text 8"),
    _refused("utf-16-pairs", json.dumps(GOOD).encode("utf-16"), "not UTF-8"),
    _refused("torn-parquet", b"PAR1" + bytes(100), "Parquet"),
    _refused("web-page-as-pairs", b"<!DOCTYPE html><html>404</html>", "starts with '<!DOCTYPE"),
    Case(name="pairs-not-there", group="text", write=lambda place: study_pairs(place, data=Path("none.json")), code=3,
         fault="data-missing", told=("none.json",)),
    Case(name="folder-as-pairs", group="text", write=lambda place: study_pairs(place, data=Path()), code=3,
         fault="data-missing", told=("a folder",)),
    Case(name="parquet-of-other-columns", group="text", write=_parquet(_other_columns), code=3, fault="pairs-format",
         told=("pairs.parquet", "`topic`"), listed="text 12"),
    Case(name="parquet-of-numbers", group="text", write=_parquet(_numbers), code=3, fault="pairs-format",
         told=("pairs.parquet", "row 1 `query` is a number"), listed="text 12"),
    Case(name="parquet-extension-type", group="text", write=_parquet(_extension), code=5, fault="code-data",
         told=("pairs.parquet", "`query`", "extension type"), listed="text 12"),
    Case(name="parquet-bomb", group="text", write=_parquet(_bomb), code=3, fault="pairs-format",
         told=("pairs.parquet", "unpacks to more than"), listed="text 12"),
]  # fmt: skip

TWINS = [{"query": f"query {n}", "pos": f"document {n // 2}"} for n in range(20)]

LEFT_OUT = [
    _finished("one-pair", [{"query": "q", "pos": "d"}], (1, 0, 0), listed="text 3"),
    _beside("half-a-last-line", '{"query": "a", "po', "line 5", "ends in the middle of a row", listed="text 4"),
    _beside("empty-document", {"query": "a", "pos": ""}, "line 5", "is empty", listed="text 5"),
    _beside("text-as-negatives", {"query": "a", "pos": "b", "hard_neg": "c"}, "line 5", "not a list", listed="text 6"),
    _beside("not-a-number-as-text", '{"query": "a", "pos": NaN}', "line 5", "is a number", listed="text 7"),
    _beside("half-a-letter", '{"query": "a\\ud800", "pos": "b"}', "line 5", "lone surrogate", listed="text 8"),
    _beside("nul-in-a-text", '{"query": "a\\u0000", "pos": "b"}', "line 5", "NUL", listed="text 8"),
    _beside("ten-megabytes-of-text", {"query": "x" * 10_000_000, "pos": "b"}, "line 5", "10,000,000 characters",
            listed="text 9"),
    _beside("key-twice-in-a-row", '{"query": "a", "query": "b", "pos": "c"}', "line 5", "a key twice"),
    _beside("list-as-row", "[]", "line 5", "not an object"),
    _finished("script-in-texts", [{"query": f"{n} {text} q", "pos": f"{n} {text}"} for n, text in enumerate(
        ["</script><script>alert(1)</script>", "<!--<script>", "<b>x</b>", "{{7*7}}", "=cmd|' /C calc'!A0"])],
        (5, 0, 0), listed="text 10"),
    _finished("documents-right-twice", TWINS, (20, 0, 0), "10", listed="text 11"),
]  # fmt: skip

CASES: list[Case] = [*REFUSED, *LEFT_OUT]
