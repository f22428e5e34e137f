"""Columns beside the features, wherever they lie."""

import datetime as dt
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet

from latentscape.datasets.feature_table import FeatureTable
from latentscape.datasets.sample_columns import find_column
from latentscape.errors import DataError, SafetyError

TABLE = FeatureTable(features=np.zeros((3, 2)), source="f.npy")


def find(wish, table=TABLE):
    column = find_column(wish, table, what="labels")
    return column.name, column.values.to_pylist()


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", None, "đ"], ["a", None, "đ"]),
        ((1, 2, -1), [1, 2, -1]),
        ([True, False, True], [True, False, True]),
        ([1.5, None, 2], [1.5, None, 2.0]),
        (["a", 1, None], ["a", "1", None]),
        ([-(2**63) - 1, 5, 5], ["-9223372036854775809", "5", "5"]),
        (np.array(["a", "b", "c"]), ["a", "b", "c"]),
        (np.array([b"a", "đ".encode(), b"c"]), ["a", "đ", "c"]),
        (np.array(["a", np.nan, None], dtype=object), ["a", None, None]),
        (np.array([[1], [2], [3]]), [1, 2, 3]),
        (np.array([1, 2, 3], ">i4"), [1, 2, 3]),
        (np.ma.masked_array([1, 2, 3], [0, 1, 0]), [1.0, float("nan"), 3.0]),
        (torch.tensor([1, 2, 3]), [1, 2, 3]),
        (torch.tensor([1.0, 2, 3], requires_grad=True), [1.0, 2.0, 3.0]),
        (pa.chunked_array([["a"], ["b", None]]), ["a", "b", None]),
        (pa.array(["a", "b", None]).dictionary_encode(), ["a", "b", None]),
        ([dt.date(2026, 1, 1)] * 3, [dt.date(2026, 1, 1)] * 3),
    ],
    ids=str,
)
def test_values_of_any_make(values, expected):
    assert str(find(values)) == str(("labels", expected))


def test_a_series_brings_its_name():
    assert find(SimpleNamespace(name="species", to_numpy=lambda: np.arange(3))) == ("species", [0, 1, 2])


def test_a_column_of_the_same_file_goes_before_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "kind", "x\ny\nz\n")
    table = FeatureTable(features=np.zeros((3, 2)), source="f", columns={"kind": lambda: ["a", "b", "c"]})
    assert find("kind", table) == ("kind", ["a", "b", "c"])
    assert find("kind") == ("kind", ["x", "y", "z"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\nb\nc\n", ("l", ["a", "b", "c"])),
        ("a\nb\nc", ("l", ["a", "b", "c"])),
        ("\ufeffa\r\nb\r\nc\r\n", ("l", ["a", "b", "c"])),
        ("species\na\nb\nc\n", ("species", ["a", "b", "c"])),
        ('Quận 10, Hà Nội\n\n"b, ""x"""\n', ("l", ["Quận 10, Hà Nội", None, 'b, "x"'])),
        ("1\n2\n-1\n", ("l", [1, 2, -1])),
        ("1\n\n2.5\n", ("l", [1.0, None, 2.5])),
        ("1\n2\nx\n", ("l", ["1", "2", "x"])),
        ("<unk>\n[CLS]\n{}\n", ("l", ["<unk>", "[CLS]", "{}"])),
    ],
)
def test_one_value_a_line(tmp_path, text, expected):
    assert find(str(write(tmp_path / "l.txt", text))) == expected


def test_columns_of_files(tmp_path):
    np.save(tmp_path / "l.npy", np.array(["a", "b", "c"]))
    np.savez(tmp_path / "l.npz", y=np.arange(3), z=np.ones(3), m=np.zeros((3, 2)))
    parquet.write_table(pa.table({"y": ["a", "b", None], "z": [1, 2, 3]}), tmp_path / "l.parquet")
    write(tmp_path / "l.csv", 'name,y\n"x, y",1\n"đ",2\nz,\n')
    write(tmp_path / "a:b.txt", "1\n2\n3\n")
    assert find(tmp_path / "l.npy") == ("l", ["a", "b", "c"])
    assert find(f"{tmp_path / 'l.npz'}:y") == ("y", [0, 1, 2])
    assert find(f"{tmp_path / 'l.parquet'}:y") == ("y", ["a", "b", None])
    assert find(f"{tmp_path / 'l.csv'}:y") == ("y", [1, 2, None])
    assert find(f"{tmp_path / 'l.csv'}:name")[1][0] == "x, y"
    assert find(str(tmp_path / "a:b.txt")) == ("a:b", [1, 2, 3])
    for name in ("l.npz", "l.parquet", "l.csv"):
        with pytest.raises(DataError, match=rf"several columns[\s\S]*{name}:"):
            find(str(tmp_path / name))
    with pytest.raises(DataError, match=r"no column `yy`[\s\S]*known names|did you mean"):
        find(f"{tmp_path / 'l.csv'}:yy")


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ("spcies", "did you mean `species`"),
        ("none.txt", "No such file"),
        (["a", "b"], r"2 values in `labels`[\s\S]*expected: 3, as f.npy has rows"),
        (np.zeros((3, 2)), "3 x 2"),
        (np.float64(3), "a single value"),
    ],
    ids=str,
)
def test_columns_that_can_not_be_had(wish, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = FeatureTable(features=np.zeros((3, 2)), source="f.npy", columns={"species": lambda: [1, 2, 3]})
    with pytest.raises(DataError, match=told) as refused:
        find(wish, table)
    assert refused.value.hint or refused.value.expected


def test_files_that_can_not_be_read(tmp_path):
    with pytest.raises(DataError, match="line 3 is not UTF-8"):
        find(str(write(tmp_path / "l.txt", b"a\n" + b"b" * 600 + b"\n\xff\xfe\n")))
    with pytest.raises(DataError, match="web page"):
        find(str(write(tmp_path / "l.csv", "<html>")))
    with pytest.raises(DataError, match="UTF-8"):
        find(str(write(tmp_path / "l.csv", "é\nà\n".encode("latin-1"))))
    with pytest.raises(DataError, match="a folder"):
        find(str(tmp_path))
    np.save(tmp_path / "o.npy", np.array(["a", None, 1], dtype=object), allow_pickle=True)
    with pytest.raises(SafetyError, match="plain type"):
        find(str(tmp_path / "o.npy"))
