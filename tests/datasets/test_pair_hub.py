"""Pairs in the data sets of the Hugging Face library: saved to disk, and by name."""

import json
import shutil

import pyarrow as pa
import pytest

from latentscape.datasets.pairs import read_pairs
from latentscape.errors import DataError, SafetyError, UsageError

datasets = pytest.importorskip("datasets")

PAIRS = {"anchor": ["q1", "q2"], "positive": ["a", "b"], "negative": ["c", "d"]}
CORPUS = {"_id": ["d1", "d2", "d3"], "title": ["T", "", ""], "text": ["one", "two", "three"]}
QUERIES = {"_id": ["q1", "q2"], "text": ["first", "second"]}
QRELS = {"query-id": ["q1", "q2", "q2"], "corpus-id": ["d1", "d2", "d3"], "score": [1, 1, 0]}


def make(columns):
    return datasets.Dataset.from_dict(columns)


def check_corpus(pairs):
    assert pairs.queries == ("first", "second")
    assert pairs.documents == ("T\n\none", "two", "three")
    assert pairs.relevant == ((0,), (1,))
    assert [each.document for each in pairs.hard_negatives[1]] == [2]
    assert pairs.raw.is_corpus


@pytest.fixture(autouse=True)
def quiet(tmp_path, monkeypatch):
    """Nothing of these tests stays in the user's cache."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def test_a_saved_table(tmp_path):
    make(PAIRS).select([1, 0]).save_to_disk(tmp_path / "saved")
    pairs = read_pairs(str(tmp_path / "saved"))
    assert pairs.queries == ("q2", "q1")
    assert pairs.relevant == ((0,), (2,))
    assert [len(wrong) for wrong in pairs.hard_negatives] == [1, 1]
    assert pairs.rows == ("row 1", "row 2")
    for option, error in (({"split": "test"}, "has no splits"), ({"qrels": tmp_path / "x"}, "no meaning")):
        with pytest.raises(UsageError, match=error):
            read_pairs(tmp_path / "saved", **option)


def test_saved_splits(tmp_path):
    splits = {"train": make(PAIRS), "test": make({"question": ["q"], "answer": ["a"]})}
    datasets.DatasetDict(splits).save_to_disk(tmp_path / "saved")
    assert read_pairs(tmp_path / "saved").queries == ("q",)
    assert read_pairs(tmp_path / "saved", split="train").queries == ("q1", "q2")
    with pytest.raises(UsageError, match="has no split `tset`"):
        read_pairs(tmp_path / "saved", split="tset")


def test_a_saved_corpus_as_splits_and_as_folders(tmp_path):
    parts = {"corpus": make(CORPUS), "queries": make(QUERIES)}
    datasets.DatasetDict({**parts, "test": make(QRELS)}).save_to_disk(tmp_path / "splits")
    check_corpus(read_pairs(tmp_path / "splits"))
    for name, part in parts.items():
        part.save_to_disk(tmp_path / "folders" / name)
    with pytest.raises(DataError, match="nothing says which documents are right") as caught:
        read_pairs(tmp_path / "folders")
    assert caught.value.fault == "qrels-missing"
    (tmp_path / "qrels.txt").write_text("q1 0 d1 1\nq2 0 d2 1\nq2 0 d3 0\n")
    check_corpus(read_pairs(tmp_path / "folders", qrels=tmp_path / "qrels.txt"))
    judged = datasets.DatasetDict({"train": make(QRELS).select([0]), "test": make(QRELS)})
    judged.save_to_disk(tmp_path / "folders" / "default")
    check_corpus(read_pairs(tmp_path / "folders"))
    assert read_pairs(tmp_path / "folders", split="train").queries == ("first",)


def test_columns_that_are_no_pairs(tmp_path):
    make({"text": ["a"], "label": [1]}).save_to_disk(tmp_path / "a")
    with pytest.raises(DataError, match="no column `query`"):
        read_pairs(tmp_path / "a")
    names = datasets.ClassLabel(names=["entailment", "neutral", "contradiction"])
    features = datasets.Features(
        {"sentence1": datasets.Value("string"), "sentence2": datasets.Value("string"), "label": names}
    )
    datasets.Dataset.from_dict({"sentence1": ["a"], "sentence2": ["b"], "label": [0]}, features=features).save_to_disk(
        tmp_path / "b"
    )
    with pytest.raises(DataError, match="names classes") as caught:
        read_pairs(tmp_path / "b")
    assert caught.value.fault == "data-labels"
    datasets.DatasetDict({"corpus": make(CORPUS), "queries": make(QUERIES), "qrels": make({"a": [1]})}).save_to_disk(
        tmp_path / "c"
    )
    with pytest.raises(DataError, match="no columns `query-id` and `corpus-id`"):
        read_pairs(tmp_path / "c")


def test_judgments_with_holes(tmp_path):
    qrels = {"query-id": ["q1", None, "q2"], "corpus-id": ["d1", "d1", "d2"], "score": [1.0, 1.0, None]}
    parts = {"corpus": make({**CORPUS, "_id": ["d1", "d2", None]}), "queries": make(QUERIES), "qrels": make(qrels)}
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    pairs = read_pairs(tmp_path / "saved")
    assert pairs.queries == ("first",)
    assert [(each.where, each.other) for each in pairs.defects] == [
        ("judgment 2", "an empty id"),
        ("judgment 3", "its grade is no number"),
        ("document row 3", "it has no id"),
    ]


def test_damaged_and_hostile_folders(tmp_path):
    make(PAIRS).save_to_disk(tmp_path / "saved")
    state = json.loads((tmp_path / "saved" / "state.json").read_text())
    shutil.copytree(tmp_path / "saved", tmp_path / "out")
    state["_data_files"] = [{"filename": "../saved/data-00000-of-00001.arrow"}]
    (tmp_path / "out" / "state.json").write_text(json.dumps(state))
    with pytest.raises(DataError, match="outside the folder"):
        read_pairs(tmp_path / "out")
    (arrow,) = (tmp_path / "saved").glob("*.arrow")
    arrow.write_bytes(arrow.read_bytes()[:100])
    with pytest.raises(DataError, match="can't be read"):
        read_pairs(tmp_path / "saved")
    column = pa.ExtensionArray.from_storage(pa.json_(), pa.array(["1"]))
    table = pa.table({"anchor": column, "positive": pa.array(["p"])})
    with pa.OSFile(str(arrow), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(SafetyError, match="extension type"):
        read_pairs(tmp_path / "saved")


def test_a_folder_of_data_files_as_the_hub_has_them(tmp_path):
    folder = tmp_path / "toy"
    for name, columns in (("corpus", CORPUS), ("queries", QUERIES), ("default", QRELS), ("de-x", PAIRS)):
        (folder / name).mkdir(parents=True)
        make(columns).to_parquet(folder / name / "test.parquet")
    configs = [
        f"- config_name: {name}\n  data_files:\n  - split: test\n    path: {name}/test.parquet\n"
        for name in ("corpus", "queries", "default", "de-x")
    ]
    (folder / "README.md").write_text("---\nconfigs:\n" + "".join(configs) + "---\n")
    check_corpus(read_pairs(str(folder)))


def test_a_name_that_can_not_be_had(monkeypatch, tmp_path):
    def fail(name, *_, **__):
        raise ConnectionError(f"Couldn't reach '{name}' on the Hub")

    monkeypatch.setattr(datasets, "get_dataset_config_names", fail)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="no data set of this name can be had") as caught:
        read_pairs("nobody/nothing:here")
    assert (caught.value.fault, caught.value.exit_code) == ("data-missing", 3)
    # a path is a path: nobody asks the hub for a file that is not there
    (tmp_path / "data").mkdir()
    for name in ("data/pairs", "pairs", "data/pairs.json", "no/such.json"):
        with pytest.raises(DataError, match="can't open") as caught:
            read_pairs(name)
        assert "No such file" in str(caught.value)


def test_configurations_by_name(monkeypatch, tmp_path):
    tables = {"corpus": CORPUS, "queries": QUERIES, "default": QRELS}

    def load(name, config=None, **_):
        assert name == "nobody/toy"
        parts = {f"de-{part}": columns for part, columns in tables.items()} | tables | {"de": QRELS, "triplet": PAIRS}
        return datasets.DatasetDict({"test": make(parts[config])})

    names = ["corpus", "queries", "default", "de-corpus", "de-queries", "de", "triplet"]
    monkeypatch.setattr(datasets, "get_dataset_config_names", lambda name: names)
    monkeypatch.setattr(datasets, "load_dataset", load)
    monkeypatch.chdir(tmp_path)
    check_corpus(read_pairs("nobody/toy"))
    check_corpus(read_pairs("nobody/toy:de"))
    assert read_pairs("nobody/toy:triplet").queries == ("q1", "q2")
