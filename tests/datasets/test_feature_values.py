"""Features as Python programs hold them; no library is imported for them, so fakes do as well as the real ones."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch
from scipy import sparse

from latentscape.datasets.feature_table import to_floats
from latentscape.datasets.feature_values import take_features
from latentscape.errors import DataError

MATRIX = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


class FakeSeries:
    def __init__(self, values):
        self.values = np.asarray(values)

    def to_numpy(self):
        return self.values


class FakeFrame:
    """What pandas has that we use."""

    iloc = None

    def __init__(self, columns):
        self.all = columns

    @property
    def columns(self):
        return list(self.all)

    def __getitem__(self, name):
        return FakeSeries(self.all[name])


VALUES = {
    "array": MATRIX,
    "double": MATRIX.astype(np.float64),
    "Fortran": np.asfortranarray(MATRIX),
    "strides": np.repeat(MATRIX, 2, axis=0)[::2],
    "lists": MATRIX.tolist(),
    "tuples": tuple(map(tuple, MATRIX.tolist())),
    "rows": list(MATRIX),
    "tensor": torch.from_numpy(MATRIX),
    "gradient": torch.from_numpy(MATRIX).requires_grad_(),
    "parameter": torch.nn.Parameter(torch.from_numpy(MATRIX)),
    "list of tensors": list(torch.from_numpy(MATRIX)),
    "transposed": torch.from_numpy(MATRIX.T.copy()).T,
    "masked": np.ma.masked_array(MATRIX),
    "matrix": np.asmatrix(MATRIX),
    "arrow": pa.table({"v": MATRIX.tolist()}),
    "batch": pa.record_batch({"v": MATRIX.tolist()}),
    "arrow columns": pa.table({name: MATRIX[:, n] for n, name in enumerate("abc")}),
    "frame": FakeFrame({name: MATRIX[:, n] for n, name in enumerate("abc")}),
    "stream": SimpleNamespace(__arrow_c_stream__=pa.table({"v": MATRIX.tolist()}).__arrow_c_stream__),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("make", VALUES)
def test_all_give_the_same_matrix(make):
    table = take_features(VALUES[make])
    assert np.array_equal(to_floats(table.features), MATRIX)


def test_half_precision_of_both_kinds():
    for kind in (torch.bfloat16, torch.float16):
        assert np.array_equal(
            take_features(torch.from_numpy(MATRIX).to(kind)).features, torch.from_numpy(MATRIX).to(kind).float()
        )


def test_what_is_masked_is_not_a_number():
    masked = np.ma.masked_array(MATRIX, mask=MATRIX > 0)
    assert np.array_equal(np.isnan(take_features(masked).features), MATRIX > 0)


def test_a_frame_gives_its_floats_and_names_its_columns():
    frame = FakeFrame({"word": ["a", "b"], "x": [1.5, 2.5], 7: [0.5, np.nan], "n": [1, 2]})
    table = take_features(frame)
    assert table.source == "data frame"
    assert np.array_equal(table.features, [[1.5, 0.5], [2.5, np.nan]], equal_nan=True)
    assert table.columns["word"]().to_pylist() == ["a", "b"]
    assert take_features(frame, apart=["x"]).features.shape == (2, 1)


def test_real_frames():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(MATRIX, columns=list("abc"), index=[0.5, 1.5, 2.5, 3.5, 4.5])
    frame["kind"] = pandas.Categorical(["x", "y", None, "x", "y"])
    assert np.array_equal(take_features(frame).features, MATRIX)
    assert take_features(frame).columns["kind"]().to_pylist() == ["x", "y", None, "x", "y"]


def test_real_polars_frames():
    polars = pytest.importorskip("polars")
    assert np.array_equal(take_features(polars.DataFrame({"v": MATRIX.tolist(), "w": ["a"] * 5})).features, MATRIX)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([[1, 2], [3]], "inhomogeneous"),
        (None, "does not hold numbers"),
        (3.0, "single number"),
        ([1.0, 2.0], "no matrix"),
        ([["a", "b"]], "does not hold numbers"),
        ({"a": [1]}, "does not hold numbers"),
        (sparse.eye(3, format="csr"), "sparse"),
        (sparse.coo_array(np.eye(3)), "sparse"),
        (torch.zeros(3, 2).to_sparse(), "Tensor can't be read"),
        (FakeFrame({"a": ["x"]}), "no column"),
        (FakeFrame({"a": np.zeros((2, 2))}), "no column"),
        (pa.table({"a": pa.array([], pa.string())}), "no column"),
    ],
)
def test_values_that_are_no_features(values, told):
    with pytest.raises(DataError, match=told):
        take_features(values)


def test_two_columns_of_one_name():
    frame = FakeFrame({1: [0.5], "1": [1.5]})
    with pytest.raises(DataError, match="one name"):
        take_features(frame)


def test_a_path_is_read(tmp_path):
    np.save(tmp_path / "f.npy", MATRIX)
    for path in (tmp_path / "f.npy", str(tmp_path / "f.npy")):
        assert take_features(path).source == "f.npy"


def test_no_library_is_imported():
    heavy = "torch", "pandas", "polars", "sklearn", "transformers"
    code = f"import sys; import latentscape.datasets.feature_values; print(sorted(set({heavy!r}) & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
