"""Any file of features and any table of recordings: an error of ours, or every row accounted for."""

import io
import zipfile

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import strategies as st
from pyarrow import parquet

from latentscape.datasets.feature_files import read_features
from latentscape.datasets.recording_table import read_table
from latentscape.errors import LatentscapeError
from latentscape.map_input import gather_input

from .trials import ANY_TEXT, WILD_TEXT, few_or_many, for_all

MATRIX = np.arange(12, dtype=np.float32).reshape(4, 3)
FLOATS = st.floats(width=32) | st.sampled_from([float("nan"), float("inf"), 0.0])
KINDS = ("npy", "npz", "parquet", "safetensors", "csv")


def write(kind):
    """A good file of each kind."""
    sink = io.BytesIO()
    if kind == "npy":
        np.save(sink, MATRIX)
    elif kind == "npz":
        np.savez(sink, a=MATRIX, labels=np.arange(4))
    elif kind == "parquet":
        parquet.write_table(pa.table({"f": MATRIX.tolist(), "label": list("abcd")}), sink)
    elif kind == "safetensors":
        from safetensors.numpy import save

        sink.write(save({"a": MATRIX}))
    else:
        sink.write(b"x,y,label\n1,2,a\n3,4,b\n5,,c\n")
    return sink.getvalue()


@pytest.fixture
def take(tmp_path):
    """Read the content as features and check whatever comes of it; None where it is refused."""
    path = tmp_path / "features"

    def read(content):
        path.write_bytes(content)
        try:
            table = read_features(path)
            found = gather_input(path, {})
        except LatentscapeError as error:
            assert error.hint
            assert error.fault not in ("bug", "data")
            return None
        assert np.isfinite(found.features).all()
        account = found.accounting
        assert account.n_in == len(table.features) == account.n_ok + account.n_skipped + account.n_failed
        assert len(found.rows) == account.n_ok > 0
        return found

    return read


@pytest.mark.parametrize("kind", KINDS)
@few_or_many(40, 3000)
def test_any_damage_to_a_good_file(take, kind, n):
    good = write(kind)
    assert take(good) is not None

    def check(at, length, inserted):
        at %= len(good)
        take(good[:at] + inserted + good[at + length :])

    near = st.integers(0, 200) | st.integers(0, 2**16)
    for_all(n, check, near, st.sampled_from([0, 1, 2, 4, 8, 1000, 2**16]), st.binary(max_size=9))


@few_or_many(60, 4000)
def test_any_bytes(take, n):
    starts = st.sampled_from(
        [b"", b"\x93NUMPY\x01\0", b"PK\x03\x04", b"PAR1", b"\x02\0\0\0\0\0\0\0{", b"\x80\x04", b"a,b\n"]
    )

    def check(start, content):
        take(start + content)

    for_all(n, check, starts, st.binary(max_size=120))


@few_or_many(40, 2000)
def test_rows_that_are_not_finite_are_left_out_and_counted(tmp_path, n):
    def check(rows):
        matrix = np.array(rows, dtype=np.float32)
        np.save(tmp_path / "f.npy", matrix)
        good = np.isfinite(matrix).all(axis=1)
        try:
            found = gather_input(tmp_path / "f.npy", {})
        except LatentscapeError as error:
            assert error.fault == "features-values" and not good.any()
            return
        assert found.rows.tolist() == np.flatnonzero(good).tolist()
        assert found.accounting.n_failed == np.count_nonzero(~good)
        assert [skip.id for skip in found.accounting.failed] == [f"row {row}" for row in np.flatnonzero(~good)]

    for_all(
        n,
        check,
        st.integers(1, 4).flatmap(
            lambda width: st.lists(st.lists(FLOATS, min_size=width, max_size=width), min_size=1, max_size=8)
        ),
    )


@few_or_many(40, 2000)
def test_any_labels_beside_features(n):
    def check(labels, ids):
        features = np.arange(2 * len(labels), dtype=np.float64).reshape(-1, 2)
        try:
            found = gather_input(features, {"labels": labels, "ids": (ids * len(labels))[: len(labels)]})
        except LatentscapeError as error:
            assert error.hint and error.fault in ("data-labels", "data-columns")
            return
        assert found.labels.numbers.min() >= -1 and found.labels.numbers.max() < len(found.labels.names)
        assert len(set(found.labels.names)) == len(found.labels.names)

    cells = st.none() | st.booleans() | st.integers() | st.floats() | WILD_TEXT
    columns = st.lists(cells, min_size=1, max_size=8) | st.lists(st.integers(), min_size=1, max_size=8)
    for_all(
        n, check, columns | st.lists(WILD_TEXT, min_size=1, max_size=8), st.lists(WILD_TEXT, min_size=1, max_size=3)
    )


@few_or_many(60, 4000)
def test_any_table_of_recordings(tmp_path, n):
    (tmp_path / "a.wav").write_bytes(b"x")
    (tmp_path / "b.wav").write_bytes(b"x")

    def check(heading, rows):
        (tmp_path / "t.csv").write_bytes("\n".join([heading, *rows]).encode("utf-8", "replace"))
        try:
            found = read_table(tmp_path / "t.csv")
        except LatentscapeError as error:
            assert error.hint and error.fault in ("data-columns", "data-format", "data-empty")
            return
        assert all(reason for _, reason in found.skipped)
        assert found.recordings and all(each.label and each.path.is_file() for each in found.recordings)

    names = st.sampled_from(["a.wav", "b.wav", "./a.wav", "none.wav", "", "a\0.wav", "..", "~", "x" * 300]) | ANY_TEXT
    rows = st.lists(
        st.tuples(names, st.sampled_from(["Happy", "", '"', '"a"']) | ANY_TEXT).map(",".join) | ANY_TEXT, max_size=6
    )
    for_all(n, check, st.sampled_from(["path,label", "label;path", "PATH,Label,speaker"]) | ANY_TEXT, rows)


def test_an_archive_that_unpacks_to_anything_is_refused(take):
    sink = io.BytesIO()
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": (10**9, 10**6)})
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", header.getvalue() + bytes(1000))
    assert take(sink.getvalue()) is None
