import io
import json
import socket

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from latentscape.datasets import hub_data
from latentscape.datasets.hub_data import is_hub_name, list_configurations, read_by_name
from latentscape.datasets.pictures import load_picture
from latentscape.datasets.samples import read_samples
from latentscape.errors import DataError, SafetyError, UsageError

datasets = pytest.importorskip("datasets")


def png(shade):
    buffer = io.BytesIO()
    Image.fromarray(np.full((2, 2, 3), shade, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module", autouse=True)
def quiet():
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


@pytest.fixture(scope="module")
def pictures():
    features = datasets.Features({"img": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "dog"])})
    cells = {"img": [{"bytes": png(shade), "path": None} for shade in range(4)], "label": [0, 1, 0, 1]}
    return datasets.Dataset.from_dict(cells, features=features)


def words(samples):
    return [samples.class_names[label] for label in samples.labels]


def shades(samples):
    return [load_picture(content).getpixel((0, 0))[0] for content in samples.contents]


def test_saved_with_splits(tmp_path, pictures):
    parts = {"train": pictures, "validation": pictures.select([3, 0])}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "pets")
    samples = read_samples(tmp_path / "pets")
    assert (samples.kind, samples.split, samples.numbered) == ("image", "validation", True)
    assert (words(samples), shades(samples)) == (["dog", "cat"], [3, 0])
    assert samples.ids == ("pets/row 0", "pets/row 1")
    assert len(read_samples(tmp_path / "pets", split="train")) == 4
    with pytest.raises(UsageError, match="no split `tests`"):
        read_samples(tmp_path / "pets", split="tests")


def test_saved_without_splits(tmp_path, pictures):
    pictures.save_to_disk(tmp_path / "pets", num_shards=2)
    assert words(read_samples(tmp_path / "pets")) == ["cat", "dog", "cat", "dog"]
    with pytest.raises(UsageError, match="has no splits"):
        read_samples(tmp_path / "pets", split="test")


def test_a_test_split_without_labels_is_passed_over(tmp_path):
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["n", "y"])})
    parts = {
        name: datasets.Dataset.from_dict({"text": ["a", "b"], "label": labels}, features=features)
        for name, labels in (("train", [0, 1]), ("test", [-1, -1]), ("validation", [1, 0]))
    }
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "glue")
    assert read_samples(tmp_path / "glue").split == "validation"
    with pytest.raises(DataError, match="is -1, unknown"):
        read_samples(tmp_path / "glue", split="test")


def test_sound_needs_no_decoder(tmp_path, wav):
    # the library itself writes such a column only with torchcodec
    features = {"audio": {"_type": "Audio"}, "label": {"_type": "ClassLabel", "names": ["x"]}}
    data = wav(tmp_path / "a.wav").read_bytes()
    table = pa.table({"audio": [{"bytes": data, "path": "a.wav"}], "text": ["word"], "label": [0]})
    folder = tmp_path / "saved"
    folder.mkdir()
    with pa.OSFile(str(folder / "data.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    samples = read_samples(folder)
    assert (samples.kind, samples.contents, samples.ids) == ("audio", (data,), ("saved/a.wav",))


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("{", "no JSON object"),
        ("{}", "lists no data files"),
        ('{"_data_files": [{"filename": "../secret.arrow"}]}', "outside the folder"),
        ('{"_data_files": [{"filename": "/etc/passwd"}]}', "outside the folder"),
        ('{"_data_files": [7]}', "outside the folder"),
        ('{"_data_files": [{"filename": "gone.arrow"}]}', "can't open"),
        ('{"_data_files": [{"filename": "state.json"}]}', "can't be read"),
        ('{"_data_files": [{"filename": "a"}], "_indices_data_files": [{"filename": "i"}]}', "before 2.0"),
    ],
)
def test_a_saved_folder_that_is_broken_or_hostile(tmp_path, state, said):
    (tmp_path / "state.json").write_text(state)
    with pytest.raises(DataError, match=said):
        read_samples(tmp_path)


def test_damaged_arrow_files_are_refused_before_their_offsets_lead_anywhere(tmp_path):
    table = pa.table({"text": ["a", "b"] * 50, "label": ["x", "y"] * 50})
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    good = sink.getvalue()
    (tmp_path / "state.json").write_text('{"_data_files": [{"filename": "d.arrow"}]}')
    random = np.random.default_rng(0)
    n_refused = 0
    for _ in range(80):
        bad = bytearray(good)
        for place in random.integers(0, len(bad), 4):
            bad[place] = random.integers(256)
        (tmp_path / "d.arrow").write_bytes(bytes(bad))
        try:
            read_samples(tmp_path)
        except DataError:
            n_refused += 1
    assert n_refused > 50


def test_splits_that_climb(tmp_path):
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["../other"]}')
    with pytest.raises(DataError, match="lists no splits"):
        read_samples(tmp_path)


def test_saved_selections_come_in_their_order(tmp_path, pictures):
    pictures.select([2, 1]).save_to_disk(tmp_path / "pets")
    assert shades(read_samples(tmp_path / "pets")) == [2, 1]


def test_two_columns_of_classes_are_ambiguous(tmp_path):
    classes = datasets.ClassLabel(names=["a", "b"])
    features = datasets.Features({"text": datasets.Value("string"), "fine": classes, "coarse": classes})
    cells = {"text": ["x"], "fine": [0], "coarse": [1]}
    datasets.Dataset.from_dict(cells, features=features).save_to_disk(tmp_path / "two")
    with pytest.raises(DataError, match="several columns"):
        read_samples(tmp_path / "two")


@pytest.fixture
def named(tmp_path, monkeypatch):
    """A data set that is found by its name, as the library finds folders before it asks the hub."""
    folder = tmp_path / "owner" / "reviews"
    folder.mkdir(parents=True)
    for split, rows in (("train", 3), ("test", 2)):
        lines = [json.dumps({"text": f"{split} {row}", "label": "xy"[row % 2]}) for row in range(rows)]
        (folder / f"{split}.jsonl").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return "owner/reviews"


def test_by_name(named):
    found = read_by_name(named)
    assert found.split == "test"
    assert found.table.values.column("text").to_pylist() == ["test 0", "test 1"]
    assert len(read_by_name(named, split="train").table) == 3
    assert list_configurations(named) == ["default"]


def test_by_name_from_the_cache_where_the_hub_is_not_there(named, tmp_path, no_network):
    read_by_name(named)
    (tmp_path / "cache" / "reviews").rename(tmp_path / "cache" / "owner___reviews")
    (tmp_path / "owner").rename(tmp_path / "gone")
    samples = read_samples(named)
    assert samples.ids == ("reviews/row 0", "reviews/row 1")
    assert words(samples) == ["x", "y"]


@pytest.fixture
def no_network(monkeypatch):
    def unknown(*_):
        raise socket.gaierror

    monkeypatch.setattr(hub_data.socket, "getaddrinfo", unknown)
    monkeypatch.setattr(hub_data, "getproxies", dict)


def test_a_name_that_can_not_be_had_says_so_at_once(no_network):
    before = datasets.config.HF_HUB_OFFLINE
    with pytest.raises(DataError, match="no file or folder `owner/nothing`") as caught:
        read_samples("owner/nothing")
    assert (caught.value.fault, caught.value.exit_code) == ("data-missing", 3)
    assert before == datasets.config.HF_HUB_OFFLINE


def test_a_script_is_never_run(tmp_path, monkeypatch):
    (tmp_path / "evil").mkdir()
    mark = tmp_path / "mark"
    (tmp_path / "evil" / "evil.py").write_text(f"open({str(mark)!r}, 'w')")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError):
        read_by_name("./evil/evil.py")
    with pytest.raises(DataError):
        read_by_name("evil")
    assert not mark.exists()


def test_an_old_library_that_runs_scripts_is_refused(monkeypatch):
    monkeypatch.setattr(datasets, "__version__", "3.6.0")
    with pytest.raises(SafetyError, match="runs scripts"):
        read_by_name("owner/name")


@pytest.mark.parametrize(
    ("source", "is_name"),
    [
        ("imdb", True),
        ("owner/name", True),
        ("a/b/c", False),
        ("../x", False),
        ("x.csv", False),
        ("a b", False),
        ("", False),
    ],
)
def test_what_may_be_a_name(source, is_name):
    assert is_hub_name(source) is is_name
