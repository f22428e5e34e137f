"""Files of features: every kind read back bit for bit, every broken one refused with its name and a next step."""

import json
import os
import pickle
import struct
import zipfile

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import save_file

from latentscape.datasets.feature_files import read_features, tell_kind
from latentscape.datasets.feature_table import to_floats
from latentscape.errors import DataError, ResourceError, SafetyError

MATRIX = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)


def lists(matrix, kind=None):
    return pa.array(matrix.tolist(), kind or pa.list_(pa.float32()))


def write_npy(path, array):
    np.save(path, array)
    return path.with_suffix(".npy")


# -- every kind, and what is chosen in it ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f4", "i1", "u1", "i2", "i4", "i8", "u8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path, dtype, order):
    matrix = np.asarray(MATRIX * 10, order=order).astype(dtype)
    table = read_features(write_npy(tmp_path / "f.npy", matrix))
    assert (table.source, table.chosen, dict(table.columns)) == ("f.npy", "", {})
    assert np.array_equal(table.features, matrix)
    floats = to_floats(table.features)
    assert np.array_equal(floats, matrix.astype(float))
    assert floats.dtype == (np.float64 if dtype in ("f8", "i4", "i8", "u8") else np.float32)


def test_npy_stays_on_the_disk(tmp_path):
    features = read_features(write_npy(tmp_path / "f.npy", MATRIX)).features
    assert isinstance(features.base, np.memmap)
    assert not features.flags.writeable
    assert np.shares_memory(to_floats(features), features)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path, save):
    save(tmp_path / "f.npz", embeddings=MATRIX, labels=np.array(["a", "b", "đ"] * 2 + ["a"]), cube=np.zeros((2, 2, 2)))
    table = read_features(tmp_path / "f.npz")
    assert np.array_equal(table.features, MATRIX)
    assert table.chosen == "array `embeddings`"
    assert list(table.columns) == ["labels"]
    assert table.columns["labels"]()[2] == "đ"


def test_npz_with_several(tmp_path):
    np.savez(tmp_path / "f.npz", a=MATRIX, b=MATRIX[:, :2])
    with pytest.raises(DataError, match=r"several arrays[\s\S]*`a` \(7 x 3, float32\)[\s\S]*--key a"):
        read_features(tmp_path / "f.npz")
    assert read_features(tmp_path / "f.npz", key="b").features.shape == (7, 2)
    with pytest.raises(DataError, match="no array `bb`"):
        read_features(tmp_path / "f.npz", key="bb")


@pytest.mark.parametrize(
    "kind", [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int64, torch.uint8]
)
def test_safetensors(tmp_path, kind):
    tensor = (torch.from_numpy(MATRIX) * 20).to(kind)
    save_file({"x": tensor, "y": torch.arange(7)}, tmp_path / "f.safetensors", metadata={"made": "here"})
    table = read_features(tmp_path / "f.safetensors")
    assert np.array_equal(to_floats(table.features), tensor.double().numpy())
    assert table.chosen == "tensor `x`"
    assert table.columns["y"]().tolist() == list(range(7))


def test_safetensors_of_a_type_without_a_reading(tmp_path):
    save_file({"x": torch.zeros(4, 3).to(torch.float8_e4m3fn)}, tmp_path / "f.safetensors")
    with pytest.raises(DataError, match="F8_E4M3"):
        read_features(tmp_path / "f.safetensors", key="x")


@pytest.mark.parametrize(
    "kind",
    [pa.list_(pa.float32()), pa.list_(pa.float32(), 3), pa.large_list(pa.float64()), pa.list_(pa.float16(), 3)],
)
@pytest.mark.parametrize("group", [2, 100])
def test_parquet_lists(tmp_path, kind, group):
    matrix = np.float16(MATRIX).astype(np.float32)
    table = pa.table({"text": ["ấ"] * 7, "vector": lists(matrix, kind), "tags": pa.array([["a"]] * 7)})
    parquet.write_table(table, tmp_path / "f.parquet", row_group_size=group)
    read = read_features(tmp_path / "f.parquet")
    assert np.array_equal(read.features, matrix)
    assert read.chosen == "column `vector`"
    assert read.columns["text"]().to_pylist() == ["ấ"] * 7


def test_parquet_rows_without_a_list_are_rows_of_nan(tmp_path):
    vectors = pa.array([None, [1, 2], None, [3, None]], pa.list_(pa.int16()))
    parquet.write_table(pa.table({"v": vectors}), tmp_path / "f.parquet", row_group_size=1)
    nan = np.nan
    expected = [[nan, nan], [1, 2], [nan, nan], [3, nan]]
    assert np.array_equal(read_features(tmp_path / "f.parquet").features, expected, equal_nan=True)


def test_parquet_number_columns(tmp_path):
    columns = {"id": [1, 2, 3], "a": [0.5, None, 2.0], "b": [1.0, 2.0, 3.0], "label": ["x", "y", "x"]}
    parquet.write_table(pa.table(columns), tmp_path / "f.parquet")
    read = read_features(tmp_path / "f.parquet")
    assert np.array_equal(read.features, [[0.5, 1], [np.nan, 2], [2, 3]], equal_nan=True)
    assert read.chosen == "2 of 4 columns: `a`, `b`"
    assert read_features(tmp_path / "f.parquet", apart=["b"]).features.shape == (3, 1)
    assert read_features(tmp_path / "f.parquet", key="[ab]").features.shape == (3, 2)
    assert read_features(tmp_path / "f.parquet", key="id").features.tolist() == [[1], [2], [3]]


def test_whole_numbers_are_features_where_there_are_no_others(tmp_path):
    parquet.write_table(pa.table({"p0": [0, 255], "p1": [3, 4], "label": [1, 2]}), tmp_path / "f.parquet")
    assert read_features(tmp_path / "f.parquet", apart=["label"]).features.tolist() == [[0, 3], [255, 4]]


@pytest.mark.parametrize("delimiter", [",", "\t", ";", " "])
@pytest.mark.parametrize("header", [["a", "b", "c"], None])
def test_text(tmp_path, delimiter, header):
    rows = [*([header] if header else []), *MATRIX.tolist()]
    text = "".join(delimiter.join(map(str, row)) + "\n" for row in rows)
    (tmp_path / "f.txt").write_text("\ufeff" + text if header else text, encoding="utf-8")
    assert np.array_equal(read_features(tmp_path / "f.txt").features, MATRIX.astype(np.float64))


def test_csv_with_words_beside_the_numbers(tmp_path):
    (tmp_path / "f.csv").write_text("x,y,species\n1.5,2.5,a\n,4,b\n")
    read = read_features(tmp_path / "f.csv")
    assert np.array_equal(read.features[:, 0], [1.5, np.nan], equal_nan=True)
    assert read.columns["species"]().to_pylist() == ["a", "b"]


def test_the_content_counts_not_the_ending(tmp_path):
    np.save(tmp_path / "f.npy", MATRIX)
    (tmp_path / "f.npy").rename(tmp_path / "f.parquet")
    assert tell_kind(tmp_path / "f.parquet") == "npy"
    assert np.array_equal(read_features(tmp_path / "f.parquet").features, MATRIX)


# -- files that are something else, or broken -----------------------------------------------------------------------

WRONG = {
    "empty": b"",
    "blank": b"  \n",
    "web page": b"<!DOCTYPE html><html>404</html>",
    "git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "JSON": b'[{"query": "x"}]',
    "picture": b"\x89PNG\r\n\x1a\n" + bytes(30),
    "HDF5": b"\x89HDF\r\n\x1a\n" + bytes(30),
    "gzip": b"\x1f\x8b" + bytes(30),
    "Feather": b"ARROW1\0\0" + bytes(30),
    "b'hello": b"hello\0there",
    "no column": b"hello\nworld\n",
    "CSV parse": b"a,b\n1,2\n1,2,3\n",
    "starts with b'\\x93NUMP'": b"\x93NUMP",
    "header": b"\x93NUMPY\x01\x00\xff\xffxx",
    "can't be read": b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4'  ",
    "not support": b"PK\x03\x04" + bytes(200),
    "magic bytes": b"PAR1" + bytes(100),
    "header claims": struct.pack("<Q", 2**40) + b"{}",
}


@pytest.mark.parametrize("told", WRONG)
def test_files_that_hold_no_features(tmp_path, told):
    path = tmp_path / "features.npy"
    path.write_bytes(WRONG[told])
    with pytest.raises(DataError) as refused:
        read_features(path)
    assert str(path) in refused.value.what or told == "no column"
    assert refused.value.hint
    assert told == "not support" or told == "blank" or told.lower() in str(refused.value).lower()


def test_a_folder_a_pipe_and_nothing(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, told in ((tmp_path, "a folder"), (tmp_path / "pipe", "FIFO"), (tmp_path / "none.npy", "No such file")):
        with pytest.raises(DataError, match=told):
            read_features(path)


def test_every_truncation_is_told(tmp_path):
    np.save(tmp_path / "f.npy", MATRIX)
    np.savez(tmp_path / "f.npz", a=MATRIX)
    save_file({"x": torch.from_numpy(MATRIX)}, tmp_path / "f.safetensors")
    parquet.write_table(pa.table({"v": lists(MATRIX)}), tmp_path / "f.parquet")
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        for length in range(1, len(content), max(1, len(content) // 25)):
            path.write_bytes(content[:length])
            with pytest.raises(DataError) as refused:
                read_features(path)
            assert refused.value.hint, (path, length)


def test_a_flipped_byte_never_ends_in_a_traceback(tmp_path):
    np.savez(tmp_path / "f.npz", a=MATRIX)
    save_file({"x": torch.from_numpy(MATRIX)}, tmp_path / "f.safetensors")
    parquet.write_table(pa.table({"v": lists(MATRIX)}), tmp_path / "f.parquet")
    np.save(tmp_path / "f.npy", MATRIX)
    for path in sorted(tmp_path.iterdir()):
        content = path.read_bytes()
        for at in range(0, len(content), max(1, len(content) // 60)):
            path.write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
            try:
                read_features(path)
            except (DataError, SafetyError, ResourceError):
                continue


@pytest.mark.parametrize(
    ("array", "told"),
    [
        (np.zeros(5), "no matrix"),
        (np.zeros((2, 3, 4)), "2 x 3 x 4"),
        (np.zeros((4, 0)), "4 x 0"),
        (np.zeros(()), "single number"),
        (np.zeros((3, 2), complex), "complex128"),
        (np.array([["a", "b"]]), "U1"),
        (np.zeros((3, 2), "M8[s]"), "datetime64"),
        (np.zeros(3, [("a", "f4"), ("b", "f4")]), "'a'"),
    ],
)
def test_arrays_that_are_no_features(tmp_path, array, told):
    with pytest.raises(DataError, match=told):
        read_features(write_npy(tmp_path / "f.npy", array))
    np.savez(tmp_path / "f.npz", x=array)
    with pytest.raises(DataError, match=told):
        read_features(tmp_path / "f.npz", key="x")


def test_lists_of_different_lengths(tmp_path):
    for rows in ([[1.0, 2.0], [3.0]], [[1.0], None, [3.0, 4.0]]):
        parquet.write_table(pa.table({"v": rows}), tmp_path / "f.parquet", row_group_size=1)
        with pytest.raises(DataError, match=f"differ in length[\\s\\S]*row {len(rows) - 1}"):
            read_features(tmp_path / "f.parquet")


def test_columns_without_numbers(tmp_path):
    for column, told in ((["a"], "no column"), (pa.array([None], pa.list_(pa.float32())), "without a number")):
        parquet.write_table(pa.table({"v": column}), tmp_path / "f.parquet")
        with pytest.raises(DataError, match=told):
            read_features(tmp_path / "f.parquet")
    parquet.write_table(pa.table({"v": ["a"], "w": [1.0]}), tmp_path / "f.parquet")
    with pytest.raises(DataError, match=r"`v` of .* does not hold features"):
        read_features(tmp_path / "f.parquet", key="v")
    with pytest.raises(DataError, match="did you mean `w`"):
        read_features(tmp_path / "f.parquet", key="ww")


# -- files that want to run code, or to fill the memory -------------------------------------------------------------


class Canary:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_nothing_in_a_file_runs(tmp_path):
    objects = np.empty((2, 2), dtype=object)
    objects[:] = Canary(tmp_path / "canary")
    np.save(tmp_path / "f.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "f.npz", x=objects)
    (tmp_path / "f.pkl").write_bytes(pickle.dumps(Canary(tmp_path / "canary")))
    torch.save({"x": torch.zeros(3, 2)}, tmp_path / "f.pt")
    for name in ("f.npy", "f.npz", "f.pkl", "f.pt"):
        with pytest.raises(SafetyError) as refused:
            read_features(tmp_path / name)
        assert refused.value.hint
        assert name in str(refused.value)
    assert not (tmp_path / "canary").exists()


def test_an_archive_that_claims_to_unpack_to_more_than_there_is(tmp_path):
    header = json.dumps({"descr": "<f4", "fortran_order": False, "shape": [2**40, 2**10]})
    header = header.replace("false", "False").replace("[", "(").replace("]", ")") + "\n"
    with zipfile.ZipFile(tmp_path / "f.npz", "w") as archive:
        archive.writestr("x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode())
    with pytest.raises(ResourceError, match="GiB"):
        read_features(tmp_path / "f.npz")
