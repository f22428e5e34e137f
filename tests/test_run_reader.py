import hashlib
import io
import json
import os

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from latentscape import run_reader, store
from latentscape.errors import DataError, ResourceError, SafetyError
from latentscape.run_reader import FORMAT, FORMAT_VERSION, open_run

from .run_folders import edit_manifest, make_features, replace_file, write_classifier_run

FEATURES = "features/mlp.npy"


@pytest.fixture
def folder(tmp_path):
    return write_classifier_run(tmp_path / "run")


def npy(array, **options) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def pack(table) -> bytes:
    file = io.BytesIO()
    parquet.write_table(table, file)
    return file.getvalue()


def test_the_store_writes_what_is_read():
    names = ("FORMAT", "FORMAT_VERSION", "MANIFEST", "LOCK")
    assert all(getattr(store, name) is getattr(run_reader, name) for name in names)


def test_everything_in_a_finished_run_can_be_read(folder):
    run = open_run(folder)
    assert run.study == "latents"
    assert run.read_scores() == {"accuracy": 0.5, "accuracy_n": 4}
    assert run.read_json("stages/features.json")["stage"] == "features"
    assert run.read_table("samples.parquet").column("id").to_pylist() == ["a", "b", "c", "d"]
    few = run.read_table("samples.parquet", wanted=lambda name: name in ("id", "label"))
    assert few.column_names == ["id", "label"]
    features = run.read_array(FEATURES)
    np.testing.assert_array_equal(features, make_features(4, 5))
    assert not features.flags.writeable


def test_a_folder_that_is_a_link_is_a_run(folder, tmp_path):
    (tmp_path / "latest").symlink_to(folder)
    assert open_run(tmp_path / "latest").read_array(FEATURES).shape == (4, 5)


def test_folders_that_are_no_finished_run_of_ours(folder, tmp_path):
    with pytest.raises(DataError, match="is not a run folder"):
        open_run(tmp_path / "missing")
    with pytest.raises(DataError, match="is not a run folder"):
        open_run(tmp_path)
    with pytest.raises(DataError, match="is not a run folder"):
        open_run(folder / "scores.json")
    for text, words in (
        ("{", "can't be read"), ("[]", "no JSON object"), ('{"format": "x"}', "is not of ours"), ("\udcff", "be read"),
        ("[" * 100_000, "can't be read"), (json.dumps({"format": FORMAT}), "newer version"),
        (json.dumps({"format": FORMAT, "format_version": FORMAT_VERSION + 1}), "newer version"),
        (json.dumps({"format": FORMAT, "format_version": "1"}), "newer version"),
    ):  # fmt: skip
        (folder / "manifest.json").write_bytes(text.encode("utf-8", errors="surrogateescape"))
        with pytest.raises(DataError, match=words):
            open_run(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(DataError, match="unfinished run"):
        open_run(folder)


@pytest.mark.parametrize("checksums", [None, [], "x", {}, {FEATURES: None}])
def test_what_the_manifest_does_not_vouch_for_is_not_read(folder, checksums):
    edit_manifest(folder, checksums=checksums)
    with pytest.raises(DataError, match="is no file of the run"):
        open_run(folder).read_array(FEATURES)


@pytest.mark.parametrize("checksum", ["0" * 64, 3, ["x"], ""])
def test_what_was_changed_afterwards_is_not_believed(folder, checksum):
    edit_manifest(folder, checksums={FEATURES: checksum})
    with pytest.raises(DataError, match="was changed after the run was finished"):
        open_run(folder).read_array(FEATURES)


def test_a_byte_is_enough(folder):
    for name, read in ((FEATURES, "read_array"), ("samples.parquet", "read_table"), ("scores.json", "read_json")):
        data = bytearray((folder / name).read_bytes())
        data[-1] ^= 1
        (folder / name).write_bytes(data)
        with pytest.raises(DataError, match="was changed after the run was finished"):
            getattr(open_run(folder), read)(name)


@pytest.mark.parametrize(
    "name",
    ["../secret.json", "a/../../secret.json", "/etc/passwd", "", ".", "a//b", "a\\b", "a\0b", "./scores.json",
     "\x1b[2J"],
)  # fmt: skip
def test_names_that_lead_out_of_the_folder_are_refused(folder, name):
    (folder.parent / "secret.json").write_text("{}", encoding="utf-8")
    edit_manifest(folder, checksums={name: hashlib.sha256(b"{}").hexdigest()})
    with pytest.raises(DataError, match="does not lie inside it"):
        open_run(folder).read_json(name)


def test_links_that_lead_out_of_the_folder_are_refused(folder, tmp_path):
    secret = tmp_path / "secret.json"
    secret.write_bytes((folder / "scores.json").read_bytes())
    (folder / "scores.json").unlink()
    (folder / "scores.json").symlink_to(secret)
    with pytest.raises(DataError, match="does not lie inside it"):
        open_run(folder).read_scores()
    (folder / "features").rename(tmp_path / "elsewhere")
    (folder / "features").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="does not lie inside it"):
        open_run(folder).read_array(FEATURES)
    (folder / "manifest.json").rename(tmp_path / "manifest.json")
    (folder / "manifest.json").symlink_to(tmp_path / "manifest.json")
    with pytest.raises(DataError, match="does not lie inside it"):
        open_run(folder)


def test_pipes_folders_and_missing_files_are_not_waited_for(folder):
    (folder / "scores.json").unlink()
    with pytest.raises(DataError, match=r"scores.json` can't be read"):
        open_run(folder).read_scores()
    os.mkfifo(folder / "scores.json")
    with pytest.raises(DataError, match="no regular file"):
        open_run(folder).read_scores()
    (folder / "scores.json").unlink()
    (folder / "scores.json").mkdir()
    with pytest.raises(DataError, match="a folder"):
        open_run(folder).read_scores()


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"[1]", b"{", b"[" * 100_000, b'{"a": "\\ud800"', b"null"])
def test_broken_json_is_told(folder, data):
    replace_file(folder, "scores.json", data)
    with pytest.raises(DataError, match=r"scores.json` can't be read"):
        open_run(folder).read_scores()


def test_files_that_are_too_large_are_not_even_hashed(folder, monkeypatch):
    monkeypatch.setattr(run_reader, "LARGEST_JSON", 10_000)
    with (folder / "scores.json").open("wb") as file:
        file.truncate(10_001)
    with pytest.raises(DataError, match="10,001 bytes; the most that is read is 10,000"):
        open_run(folder).read_scores()


@pytest.mark.parametrize(
    "data",
    [b"", b"\x93NUMPY", b"no array", npy(np.zeros((4, 5)))[:-8], npy(np.zeros(3))[:60],
     b"\x93NUMPY\x09\x09" + b"\0" * 90],
)  # fmt: skip
def test_broken_arrays_are_told(folder, data):
    replace_file(folder, FEATURES, data)
    with pytest.raises(DataError):
        open_run(folder).read_array(FEATURES)


def test_an_array_that_claims_to_be_huge_fills_no_memory(folder):
    small = npy(np.zeros((4, 5), np.float32))
    huge = small.replace(b"(4, 5), }         ", b"(4000000000, 999),")
    assert huge != small and len(huge) == len(small)
    replace_file(folder, FEATURES, huge)
    with pytest.raises((DataError, ResourceError)):
        open_run(folder).read_array(FEATURES)


def test_arrays_of_objects_are_never_unpickled(folder, tmp_path):
    class Boom:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "boom"),)

    replace_file(folder, FEATURES, npy(np.array([Boom()], dtype=object), allow_pickle=True))
    with pytest.raises(SafetyError):
        open_run(folder).read_array(FEATURES)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\0" * 100 + b"PAR1", b"x" * 1000])
def test_broken_tables_are_told(folder, data):
    replace_file(folder, "samples.parquet", data)
    with pytest.raises(DataError, match=r"samples.parquet` can't be read"):
        open_run(folder).read_table("samples.parquet")


def test_damage_inside_a_table_is_told(folder):
    whole = (folder / "samples.parquet").read_bytes()
    for place in range(8, len(whole), 97):
        data = bytearray(whole)
        data[place : place + 4] = b"\xff\xff\xff\x7f"
        replace_file(folder, "samples.parquet", bytes(data))
        try:
            table = open_run(folder).read_table("samples.parquet")
        except DataError:
            continue
        assert table.num_rows == 4


def test_tables_with_extension_types_are_refused(folder):
    plain = pa.array([[1.0], [2.0]], type=pa.list_(pa.float32(), 1))
    tensor = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float32(), (1,)), plain)
    replace_file(folder, "samples.parquet", pack(pa.table({"id": ["a", "b"], "image": tensor})))
    with pytest.raises(SafetyError, match="extension type"):
        open_run(folder).read_table("samples.parquet")
    few = open_run(folder).read_table("samples.parquet", wanted=lambda name: name == "id")
    assert few.column("id").to_pylist() == ["a", "b"]


def test_text_that_is_no_text_is_told(folder):
    broken = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    replace_file(folder, "samples.parquet", pack(pa.table({"id": broken})))
    with pytest.raises(DataError, match=r"samples.parquet` can't be read"):
        open_run(folder).read_table("samples.parquet")


def test_two_columns_of_one_name_are_refused(folder):
    table = pa.table([pa.array(["a"]), pa.array(["b"])], names=["id", "id"])
    replace_file(folder, "samples.parquet", pack(table))
    with pytest.raises(DataError, match="two columns of one name"):
        open_run(folder).read_table("samples.parquet")


def test_a_table_that_unpacks_to_too_much_is_refused(folder, monkeypatch):
    data = pack(pa.table({"id": pa.array(["x" * 100_000] * 400)}))
    assert len(data) < 200_000
    replace_file(folder, "samples.parquet", data)
    assert open_run(folder).read_table("samples.parquet").num_rows == 400
    monkeypatch.setattr(run_reader, "LARGEST_TABLE", 10_000_000)
    with pytest.raises(DataError, match="unpacks to more than"):
        open_run(folder).read_table("samples.parquet")
    monkeypatch.setattr(run_reader, "MOST_ROWS", 399)
    with pytest.raises(DataError, match="400 rows"):
        open_run(folder).read_table("samples.parquet")


def test_long_texts_are_unpacked_a_few_rows_at_a_time(folder, monkeypatch):
    replace_file(folder, "samples.parquet", pack(pa.table({"id": ["x" * 1_000_000] * 9, "place": range(9)})))
    monkeypatch.setattr(run_reader, "LARGEST_BATCH", 4_000_000)
    table = open_run(folder).read_table("samples.parquet")
    assert len(table.column("id").chunks[0]) == 3
    assert table.column("place").to_pylist() == list(range(9))


def test_an_empty_table_keeps_its_columns(folder):
    replace_file(folder, "samples.parquet", pack(pa.table({"id": pa.array([], pa.string())})))
    table = open_run(folder).read_table("samples.parquet")
    assert (table.num_rows, table.column_names) == (0, ["id"])


def pack_arrays(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_arrays_of_one_file_are_read_as_they_are_wanted(folder):
    replace_file(
        folder, "neighbors/mlp.npz", pack_arrays(indices=np.arange(4), distances=np.ones(2), recall=np.array(1.0))
    )
    run = open_run(folder)
    assert run.has("neighbors/mlp.npz") and not run.has("neighbors/cnn.npz")
    found = run.read_arrays("neighbors/mlp.npz", ("indices", "recall", "absent"))
    assert set(found) == {"indices", "recall"} and found["indices"].tolist() == [0, 1, 2, 3]
    assert not found["indices"].flags.writeable


def test_arrays_that_are_objects_broken_or_another_file_are_refused(folder):
    replace_file(folder, "neighbors/mlp.npz", pack_arrays(indices=np.array([{}], dtype=object)))
    with pytest.raises(SafetyError):
        open_run(folder).read_arrays("neighbors/mlp.npz", ("indices",))
    whole = pack_arrays(indices=np.arange(1000))
    replace_file(folder, "neighbors/mlp.npz", whole[:900])
    with pytest.raises(DataError):
        open_run(folder).read_arrays("neighbors/mlp.npz", ("indices",))
    replace_file(folder, "neighbors/mlp.npz", whole)
    (folder / "neighbors/mlp.npz").write_bytes(pack_arrays(indices=np.arange(999)))
    with pytest.raises(DataError, match="changed after the run was finished"):
        open_run(folder).read_arrays("neighbors/mlp.npz", ("indices",))
    with pytest.raises(DataError, match="does not lie inside"):
        open_run(folder).read_arrays("../mlp.npz", ("indices",))


def test_bytes_are_proven_as_everything_else(folder):
    assert json.loads(open_run(folder).read_bytes("scores.json")) == {"accuracy": 0.5, "accuracy_n": 4}
    (folder / "scores.json").write_text("{}")
    with pytest.raises(DataError, match="changed after the run"):
        open_run(folder).read_bytes("scores.json")
    with pytest.raises(DataError, match="no file of the run"):
        open_run(folder).read_bytes("secret.txt")


def test_features_are_listed_in_the_order_of_the_model(folder):
    assert list(open_run(folder).list_features().items()) == [
        (name, f"features/{name}.npy") for name in ("logits", "cnn", "mlp")
    ]
    edit_manifest(folder, checksums={})
    assert open_run(folder).list_features() == {}


@pytest.mark.parametrize(
    "arrays",
    [None, [3], [{"name": "mlp"}], [{"name": 3, "file": FEATURES}], [{"name": "mlp", "file": "features/../x.npy"}],
     [{"name": "mlp", "file": FEATURES}, {"name": "mlp", "file": "features/cnn.npy"}]],
)  # fmt: skip
def test_a_record_that_does_not_list_features_is_refused(folder, arrays):
    replace_file(folder, "stages/features.json", json.dumps({"arrays": arrays}).encode())
    with pytest.raises(DataError, match=r"features\.json` can't be read"):
        open_run(folder).list_features()
