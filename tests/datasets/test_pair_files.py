import json
import os

import pyarrow as pa
import pytest
from pyarrow import parquet

from latentscape.datasets import pair_files, pair_parquet
from latentscape.datasets.pair_files import KeysTwice, read_rows
from latentscape.errors import DataError, SafetyError

ROWS = [
    {"query": "q1", "pos": "p1", "hard_neg": [{"text": "n1", "type": ["price"], "weight": 2.0}]},
    {"query": "q2", "pos": "p2", "hard_neg": []},
]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_three_containers_hold_the_same_rows_whatever_the_ending(tmp_path):
    parquet.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a")
    files = [
        write(tmp_path / "b.txt", json.dumps(ROWS)),
        write(tmp_path / "c.json", "\n".join(map(json.dumps, ROWS))),
        write(tmp_path / "d", b"\xef\xbb\xbf" + json.dumps(ROWS, indent=2).encode()),
        write(tmp_path / "e", "\r\n".join(map(json.dumps, ROWS)) + "\r\n\r\n"),
        tmp_path / "a",
    ]
    for file in files:
        raw = read_rows(file)
        assert [row for _, row in raw.rows] == ROWS, file
        assert raw.skipped == ()


def test_one_object_over_many_lines_is_one_row(tmp_path):
    assert [row for _, row in read_rows(write(tmp_path / "a", json.dumps(ROWS[0], indent=1))).rows] == [ROWS[0]]


def test_rows_are_named_by_row_or_line(tmp_path):
    assert [name for name, _ in read_rows(write(tmp_path / "a", json.dumps(ROWS))).rows] == ["row 1", "row 2"]
    lines = "\n\n".join(map(json.dumps, ROWS))
    assert [name for name, _ in read_rows(write(tmp_path / "b", lines)).rows] == ["line 1", "line 3"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b" \n\t\n", "the file is empty"),
        (b'[{"query": "q",\n "pos" "p"}]', r"broken JSON at line 2, column 8: Expecting ':' delimiter"),
        (b'[{"query": "q"},', "broken JSON at line 1"),
        (b'[{"query": "q"}] []', "broken JSON at line 1, column 18: Extra data"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "no line of it is JSON; line 1: lists or objects nested too deeply"),
        (b"[1" + b"0" * 5000 + b"]", "4300 digits"),
        (b'["\xff"]', "line 1 is not UTF-8"),
        ('[{"query": "q"}]'.encode("utf-16"), "line 1 is not UTF-8"),
        (b"<html>", "starts with '<html>'"),
        (b'"text"', "starts with"),
        (b"version https://git-lfs.github.com/spec/v1", "starts with 'version http'"),
        (b"{half a row", "no line of it is JSON; line 1: broken JSON"),
    ],
)
def test_what_is_no_pair_file(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as caught:
        read_rows(write(tmp_path / "pairs.json", content))
    assert "pairs.json" in str(caught.value)
    assert "\n  expected:" in str(caught.value)


def test_half_written_last_line(tmp_path):
    raw = read_rows(write(tmp_path / "a", "\n".join(map(json.dumps, ROWS)) + '\n{"query": "q3", "po'))
    assert len(raw.rows) == 2
    ((name, reason),) = raw.skipped
    assert name == "line 3"
    assert reason.startswith("broken JSON at column 17: ")
    assert reason.endswith("(the file ends in the middle of a row)")


def test_broken_line_and_bomb_between_good_ones(tmp_path):
    bomb = '{"query": ' + "[" * 100_000
    raw = read_rows(write(tmp_path / "a", "\n".join([json.dumps(ROWS[0]), "{oops}", bomb, json.dumps(ROWS[1])])))
    assert [name for name, _ in raw.rows] == ["line 1", "line 4"]
    assert [name for name, _ in raw.skipped] == ["line 2", "line 3"]
    assert raw.skipped[1][1] == "lists or objects nested too deeply"


def test_keys_given_twice_are_marked(tmp_path):
    rows = read_rows(
        write(tmp_path / "a", '[{"query": "a", "query": "b"}, {"query": "a", "pos": {"x": 1, "x": 2}}]')
    ).rows
    assert isinstance(rows[0][1], KeysTwice)
    assert not isinstance(rows[1][1], KeysTwice)


def test_files_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path / "none", "No such file"),
        (tmp_path, "a folder"),
        (tmp_path / "pipe", "a pipe"),
    ):
        with pytest.raises(DataError, match=message):
            read_rows(path)


def test_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(pair_files, "LARGEST_BYTES", 10)
    with pytest.raises(DataError, match="larger than"):
        read_rows(write(tmp_path / "a", json.dumps(ROWS)))


def table(**columns):
    return pa.table(columns)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: table(request=["q"], pos=["p"]), "no column `query`"),
        (lambda: table(query=["q"], poss=["p"]), "did you mean `poss`"),
        (lambda: pa.table({}), "no columns"),
    ],
)
def test_parquet_with_the_wrong_schema(tmp_path, make, message):
    parquet.write_table(make(), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=message):
        read_rows(tmp_path / "a.parquet")


def test_parquet_reads_its_three_columns_plain_ones_beside_them_and_old_negatives(tmp_path):
    plain = {"price": [5.5], "vip": [True], "n": pa.array([3], pa.int8()), "d": pa.array(["x"]).dictionary_encode()}
    other = {"blob": [b"\0" * 99], "list": [[1]], "json": pa.ExtensionArray.from_storage(pa.json_(), pa.array(["1"]))}
    parquet.write_table(table(query=["q"], pos=["p"], hard_neg=[["n", "m"]], **plain, **other), tmp_path / "a")
    row = {"query": "q", "pos": "p", "hard_neg": ["n", "m"], "price": 5.5, "vip": True, "n": 3, "d": "x"}
    assert read_rows(tmp_path / "a").rows == (("row 1", row),)


def test_parquet_extension_types_are_refused(tmp_path):
    column = pa.ExtensionArray.from_storage(pa.json_(), pa.array(["1"]))
    parquet.write_table(pa.table({"query": column, "pos": pa.array(["p"])}), tmp_path / "a")
    with pytest.raises(SafetyError, match=r"`query` .* extension type"):
        read_rows(tmp_path / "a")
    unknown = pa.field("pos", pa.string(), metadata={b"ARROW:extension:name": b"arrow.py_extension_type"})
    schema = pa.schema([pa.field("query", pa.string()), unknown])
    parquet.write_table(pa.table({"query": ["q"], "pos": ["p"]}, schema=schema), tmp_path / "b")
    with pytest.raises(SafetyError, match="`pos`"):
        read_rows(tmp_path / "b")


def test_parquet_truncated_and_fake(tmp_path):
    parquet.write_table(pa.Table.from_pylist(ROWS), tmp_path / "a")
    content = (tmp_path / "a").read_bytes()
    for broken in (content[: len(content) // 2], b"PAR1", b"PAR1" + b"x" * 100 + b"PAR1", content[:4] + content[40:]):
        with pytest.raises(DataError, match="can't read pairs from"):
            read_rows(write(tmp_path / "b", broken))


def test_parquet_bombs_stop_early(tmp_path, monkeypatch):
    once = pa.array(["x" * 100_000] * 200).dictionary_encode()
    parquet.write_table(pa.table({"query": once, "pos": once}), tmp_path / "a")
    assert (tmp_path / "a").stat().st_size < 300_000
    for limit, value, message in (
        ("_MOST_CHARACTERS", 2**22, "more than 4,194,304 characters"),
        ("_MOST_BYTES", 10_000, "unpacks to more"),
        ("_MOST_ROWS", 100, "200 rows"),
    ):
        monkeypatch.setattr(pair_parquet, limit, value)
        with pytest.raises(DataError, match=message):
            read_rows(tmp_path / "a")
