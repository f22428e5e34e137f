import io
import json

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import softmax

from latentscape.datasets.pairs import read_pairs
from latentscape.diagnosis import Judged
from latentscape.errors import DataError, SafetyError
from latentscape.findings import Accounting, ModelCard
from latentscape.light_runs import keep_classifier_run, keep_retriever_run
from latentscape.pair_input import PairVectors
from latentscape.run_reader import open_run
from latentscape.snapshots import ClassifierSnapshot, RetrieverSnapshot, match_snapshots, read_snapshot
from latentscape.snapshots.quarters import name_values
from latentscape.store import RunFolder

from .run_folders import (
    CLASSES,
    edit_manifest,
    make_card,
    make_features,
    replace_file,
    write_classifier_run,
    write_retriever_run,
)


def test_a_classifier_is_read_as_it_was_written(tmp_path):
    labels = ["Sad", None, "Neutral", "Happy"]
    folder = write_classifier_run(tmp_path / "epoch_5", labels=labels, columns={"speaker": ["s0", "s0", None, "s1"]})
    found = read_snapshot(folder)
    assert isinstance(found, ClassifierSnapshot)
    assert (found.ids, found.class_names) == (("a", "b", "c", "d"), CLASSES)
    assert found.labels.tolist() == [2, -1, 0, 1]
    assert (found.dataset_ids.tolist(), found.dataset_names) == ([0, 1, 0, 1], ("ravdess", "crema-d"))
    assert found.speakers == ("s0", "s0", "", "s1")
    assert list(found.layers) == ["cnn", "mlp", "logits"]
    np.testing.assert_array_equal(found.layers["mlp"], make_features(4, 5))
    logits = make_features(4, 3).astype(np.float64)
    np.testing.assert_allclose(found.probabilities, softmax(logits, axis=1), rtol=1e-12)
    assert (found.checkpoint.name, found.checkpoint.epoch) == ("epoch_5", 5.0)
    assert (found.checkpoint.folder, found.checkpoint.model.n_parameters) == (str(folder), 12)
    assert found.checkpoint.model.trained == {"epoch": 5, "loss": 0.5, "how": "long"}


def test_texts_and_thumbnails_are_read_where_the_run_has_them(tmp_path):
    plain = read_snapshot(write_classifier_run(tmp_path / "plain"))
    assert isinstance(plain, ClassifierSnapshot) and (plain.texts, plain.thumbnails) == ((), {})
    folder = write_classifier_run(tmp_path / "texts", columns={"text": ["một", None, "hai", ""]})
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    image = b"\x89PNG\r\n\x1a\n" + bytes(9)
    with RunFolder(folder) as run:
        run.save_table(
            "thumbnails.parquet", {"row": pa.array([0, 1, 2, 3]), "image": pa.array([image, None, None, image])}
        )
        run._checksums |= manifest["checksums"]
        run.finish(manifest)
    found = read_snapshot(folder)
    assert isinstance(found, ClassifierSnapshot)
    assert found.texts == ("một", "", "hai", "")
    assert found.thumbnails == {0: image, 3: image}
    subject = match_snapshots([found, found]).subject
    assert subject.texts == ("một", "b", "hai", "d")  # what says nothing is called by its id
    assert subject.thumbnails == {0: image, 3: image}


def test_a_retriever_is_read_as_it_was_written(tmp_path):
    columns = {
        "attribute_district": ["Quận 1", None, "Quận 3", *["Quận 9"] * 5],
        "attribute_price": [2.5, 4.0, None, *[9.0] * 5],
        "attribute_of documents only": [None] * 3 + ["x"] * 5,
    }
    found = read_snapshot(write_retriever_run(tmp_path / "run", columns=columns))
    assert isinstance(found, RetrieverSnapshot)
    assert (found.queries, found.documents) == (("q0", "q1", "q2"), ("d0", "d1", "d2", "d3", "d4"))
    assert found.relevant == ((0,), (1, 2), (3,))
    assert found.hard == ((1, 4), (), (4,))
    assert found.hard_types == ((("price",), ()), (), (("price", "location"),))
    assert found.ignored == ((), (0,), ())
    assert found.groups == {"district": ("Quận 1", "", "Quận 3"), "price": ("2.5", "4", "")}
    assert list(found.layers) == ["embedding"]
    np.testing.assert_array_equal(found.layers["embedding"], make_features(8, 4)[::-1])


def test_layers_of_a_retriever_come_in_the_order_of_the_manifest(tmp_path):
    folder = write_retriever_run(tmp_path / "run", manifest={"layers": ["embedding", "encoder"]})
    assert list(read_snapshot(folder).layers) == ["embedding", "encoder"]


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("epoch_1.pt", "epoch_1"), ("model.safetensors", "model"), ("step-1.5", "step-1.5"), ("v1.2.ckpt", "v1.2"),
        ("", "run"), ("none: before training", "before training"), ("models/all-MiniLM-L6", "all-MiniLM-L6"),
        (".pt", "run"), ("C:\\models\\a.pt", "a"),
    ],
)  # fmt: skip
def test_a_checkpoint_is_called_after_its_file(tmp_path, file, name):
    assert read_snapshot(write_classifier_run(tmp_path / "run", checkpoint=file)).checkpoint.name == name


@pytest.mark.parametrize(
    ("epoch", "known"), [(3, 3.0), (2.5, 2.5), ("4", None), (True, None), (None, None), (10**400, None)]
)
def test_an_epoch_is_a_number_or_nothing(tmp_path, epoch, known):
    trained = {} if epoch is None else {"epoch": epoch}
    assert read_snapshot(write_classifier_run(tmp_path / "run", trained=trained)).checkpoint.epoch == known


def test_what_a_checkpoint_says_of_itself_is_shown_only_where_it_can_be(tmp_path):
    folder = write_classifier_run(tmp_path / "run")
    trained = {"a": float("nan"), "b": [1], "c": 1.5, "d": "x", "e": 10**30}
    edit_manifest(folder, model={**make_card(folder), "trained": trained})
    assert read_snapshot(folder).checkpoint.model.trained == {"c": 1.5, "d": "x"}


@pytest.mark.parametrize("missing", ["classes", "datasets"])
def test_an_older_classifier_wants_the_study_again(tmp_path, missing):
    folder = write_classifier_run(tmp_path / "run", manifest={missing: None})
    with pytest.raises(DataError, match=f"does not name its {missing}") as told:
        read_snapshot(folder)
    assert told.value.hint == "run the study again"


@pytest.mark.parametrize("missing", ["feature_row", "right", "hard_negatives", "hard_types", "ignored"])
def test_an_older_retriever_wants_the_study_again(tmp_path, missing):
    folder = write_retriever_run(tmp_path / "run", columns={missing: None})
    with pytest.raises(DataError, match=f"no column `{missing}`") as told:
        read_snapshot(folder)
    assert told.value.hint == "run the study again"
    with pytest.raises(DataError, match="does not name its layers"):
        read_snapshot(write_retriever_run(tmp_path / "other", manifest={"layers": None}))


def test_a_run_of_something_else_has_no_checkpoint(tmp_path):
    for study in ("map", "comparison", 3, None):
        folder = edit_manifest(write_classifier_run(tmp_path / f"{study}"), study=study)
        with pytest.raises(DataError, match="no checkpoint that could be compared"):
            read_snapshot(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("classes", "abc"), ("classes", []), ("classes", ["a", 1]), ("classes", ["a", "a"]), ("classes", {"a": 1}),
        ("classes", ["Neutral", "Happy"]), ("classes", ["x", "y", "z"]), ("datasets", ["ravdess"]), ("datasets", 3),
        ("model", None), ("model", []), ("model", {}),
    ],
)  # fmt: skip
def test_hostile_manifests_are_told(tmp_path, key, value):
    folder = edit_manifest(write_classifier_run(tmp_path / "run"), **{key: value})
    with pytest.raises(DataError, match="can't be compared"):
        read_snapshot(folder)


@pytest.mark.parametrize(
    "change",
    [
        {"name": None}, {"name": 3}, {"checkpoint": ["a"]}, {"sha256": {}}, {"n_parameters": "12"},
        {"n_parameters": -1},
        {"n_parameters": True}, {"n_tensors_total": 1.5}, {"n_tensors_matched": 10**300}, {"trained": [1]},
        {"stamps": "x"}, {"stamps": [1]},
    ],
)  # fmt: skip
def test_hostile_cards_are_told(tmp_path, change):
    folder = write_classifier_run(tmp_path / "run")
    edit_manifest(folder, model={**make_card(folder), **change})
    with pytest.raises(DataError, match="can't be compared"):
        read_snapshot(folder)


@pytest.mark.parametrize(
    "arrays",
    [
        None, "x", [], [1], [{"name": "logits"}], [{"name": 1, "file": "features/logits.npy"}],
        [{"name": "logits", "file": "../logits.npy"}], [{"name": "logits", "file": "features/../../x.npy"}],
        [{"name": "logits", "file": "/etc/passwd"}], [{"name": "logits", "file": "features/.hidden.npy"}],
        [{"name": "logits", "file": "samples.parquet"}], [{"name": "cnn", "file": "features/cnn.npy"}],
        [{"name": "logits", "file": "features/logits.npy"}] * 2, [{"name": "_rows", "file": "features/_rows.npy"}],
        [{"name": "logits", "file": "features/missing.npy"}],
    ],
)  # fmt: skip
def test_hostile_records_of_the_features_are_told(tmp_path, arrays):
    folder = write_classifier_run(tmp_path / "run")
    replace_file(folder, "stages/features.json", json.dumps({"arrays": arrays}).encode())
    with pytest.raises(DataError):
        read_snapshot(folder)


@pytest.mark.parametrize(
    "columns",
    [
        {"id": ["a", "a", "b", "c"]}, {"id": ["a", None, "b", "c"]}, {"id": [1, 2, 3, 4]}, {"id": None},
        {"label": ["Neutral", "Angry", "Sad", "Sad"]}, {"label": [0, 1, 2, 0]}, {"label": None},
        {"dataset": ["ravdess", "other", "ravdess", "ravdess"]}, {"dataset": None}, {"speaker": [1, 2, 3, 4]},
        {"speaker": None}, {"label": [["Sad"]] * 4},
    ],
)  # fmt: skip
def test_hostile_samples_of_a_classifier_are_told(tmp_path, columns):
    folder = write_classifier_run(tmp_path / "run", columns=columns)
    with pytest.raises(DataError, match="can't be compared"):
        read_snapshot(folder)


NUMBERS = pa.list_(pa.int64())
TYPES = pa.list_(pa.list_(pa.string()))
NONE = [None] * 5


@pytest.mark.parametrize(
    "columns",
    [
        {"right": pa.array([[5], [1], [3], *NONE], NUMBERS)}, {"right": pa.array([[-1], [1], [3], *NONE], NUMBERS)},
        {"right": pa.array([None, [1], [3], *NONE], NUMBERS)}, {"right": pa.array([[None], [1], [3], *NONE], NUMBERS)},
        {"right": pa.array([[0], [2, 1], [3], *NONE], NUMBERS)},
        {"right": pa.array([[0], [1, 1], [3], *NONE], NUMBERS)},
        {"right": pa.array([[0, 1], [1], [3], *NONE], NUMBERS)}, {"right": list("abcdefgh")}, {"right": [1.5] * 8},
        {"ignored": pa.array([[0], [], [], *NONE], NUMBERS)},
        {"hard_types": pa.array([[["x"]], [], [[]], *NONE], TYPES)},
        {"hard_types": pa.array([["x", "y"], [], ["z"], *NONE])}, {"kind": ["query"] * 8}, {"kind": ["positive"] * 8},
        {"kind": ["positive", *["query"] * 7]}, {"kind": None}, {"text": None}, {"text": [*"abcdefg", None]},
        {"feature_row": [0, 1, 2, 3, 4, 5, 6, 8]}, {"feature_row": [-1, 1, 2, 3, 4, 5, 6, 7]},
        {"feature_row": ["0"] * 8},
        {"feature_row": [None] * 8}, {"feature_row": [True] * 8}, {"feature_row": [2**62] * 8},
    ],
)  # fmt: skip
def test_hostile_samples_of_a_retriever_are_told(tmp_path, columns):
    folder = write_retriever_run(tmp_path / "run", columns=columns)
    with pytest.raises(DataError, match="can't be compared"):
        read_snapshot(folder)


def test_hard_negatives_without_types_have_none(tmp_path):
    types = pa.array([None, [], [None], *NONE], TYPES)
    assert read_snapshot(write_retriever_run(tmp_path / "a", columns={"hard_types": types})).hard_types == (
        ((), ()), (), ((),),
    )  # fmt: skip


@pytest.mark.parametrize(
    "features",
    [
        np.zeros((3, 5), np.float32), np.zeros((4, 5, 1), np.float32), np.zeros(4, np.float32),
        np.zeros((4, 0), np.float32),
        np.full((4, 5), np.nan, np.float32), np.full((4, 5), 1e300), np.full((4, 5), "x"), np.zeros((4, 5), complex),
    ],
)  # fmt: skip
def test_features_that_are_none_are_told(tmp_path, features):
    folder = write_classifier_run(tmp_path / "run", layers={"mlp": features})
    with pytest.raises(DataError):
        read_snapshot(folder)


def test_features_of_objects_are_never_unpickled(tmp_path):
    folder, file = write_classifier_run(tmp_path / "run"), io.BytesIO()
    np.lib.format.write_array(file, np.array([[None] * 5] * 4), allow_pickle=True)
    replace_file(folder, "features/mlp.npy", file.getvalue())
    with pytest.raises(SafetyError):
        read_snapshot(folder)


def test_a_run_without_logits_or_without_a_layer_it_names_is_told(tmp_path):
    with pytest.raises(DataError, match="keeps no logits"):
        read_snapshot(write_classifier_run(tmp_path / "a", layers={"logits": None}))
    with pytest.raises(DataError, match="no features of `embedding`"):
        read_snapshot(write_retriever_run(tmp_path / "b", layers={"embedding": None}))
    folder = write_classifier_run(tmp_path / "c")
    checksums = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["checksums"]
    del checksums["stages/features.json"]
    with pytest.raises(DataError, match="keeps no features"):
        read_snapshot(edit_manifest(folder, checksums=checksums))


def test_a_layer_of_any_name_is_found(tmp_path):
    folder = write_classifier_run(tmp_path / "run", layers={"encoder/tầng 3": make_features(4, 2, seed=3)})
    found = read_snapshot(folder)
    assert list(found.layers) == ["cnn", "mlp", "encoder/tầng 3", "logits"]


def test_half_letters_are_written_out(tmp_path):
    half = "caf\udce9"
    labels = ["Neutral", half, None, half]
    folder = write_classifier_run(
        tmp_path / "run", ids=["a", half, "c", "d"], labels=labels, layers={half: make_features(4, 2)}, name=half,
        manifest={"classes": ["Neutral", half, "Sad"]}, trained={"run": half}, stamps=[half],
    )  # fmt: skip
    found = read_snapshot(folder)
    assert found.labels.tolist() == [0, 1, -1, 1]
    card = found.checkpoint.model
    written = (found.ids[1], found.class_names[1], list(found.layers)[2], card.name, card.trained["run"], *card.stamps)
    assert set(written) == {"caf\\udce9"}


def test_what_light_runs_write_is_read_back(tmp_path):
    pairs = [
        {"query": f"phòng {row}", "pos": f"Cho thuê {row}", "hard_neg": [f"Cho thuê {row + 1}", f"Bán nhà {row}"]}
        for row in range(5)
    ]
    (tmp_path / "pairs.json").write_text(json.dumps(pairs), encoding="utf-8")
    samples = read_pairs(tmp_path / "pairs.json")
    rows = np.random.default_rng(0).permutation(len(samples) + len(samples.documents))
    kept = make_features(len(rows), 6)
    card = ModelCard(**make_card(tmp_path / "epoch_3", stamps=()))
    accounting = Accounting(n_in=5, n_ok=5)
    found = PairVectors(pairs=samples, layers={"embedding": kept[rows]}, feature_rows=rows, model=card, inputs={})
    with RunFolder(tmp_path / "retriever") as folder:
        folder.stage("features", {}, lambda: {"embedding": kept})
        scores = keep_retriever_run(folder, found, accounting=accounting, settings={}, seed=0)
    snapshot = read_snapshot(tmp_path / "retriever")
    assert (snapshot.queries, snapshot.documents) == (samples.queries, samples.documents)
    assert (snapshot.relevant, snapshot.ignored) == (samples.relevant, samples.ignored)
    assert snapshot.hard == tuple(tuple(one.document for one in own) for own in samples.hard_negatives)
    np.testing.assert_array_equal(snapshot.layers["embedding"], kept[rows])
    assert open_run(tmp_path / "retriever").read_scores()["mrr"] == scores["mrr"].value

    logits = make_features(6, 3)
    judged = Judged(
        ids=tuple("abcdef"), labels=np.array([0, 1, 2, -1, 1, 0]), probabilities=softmax(logits.astype(float), axis=1),
        dataset_ids=np.zeros(6, int), speakers=tuple("xxyyzz"), class_names=CLASSES, dataset_names=("own",),
    )  # fmt: skip
    with RunFolder(tmp_path / "classifier") as folder:
        folder.stage("features", {}, lambda: {"logits": logits, "mlp": make_features(6, 4)})
        keep_classifier_run(folder, judged, model=card, accounting=Accounting(n_in=6, n_ok=6), settings={}, inputs={},
                            extraction={}, seed=0)  # fmt: skip
    snapshot = read_snapshot(tmp_path / "classifier")
    assert (snapshot.ids, snapshot.labels.tolist(), snapshot.speakers) == (
        judged.ids,
        [0, 1, 2, -1, 1, 0],
        judged.speakers,
    )
    np.testing.assert_allclose(snapshot.probabilities, judged.probabilities)
    assert snapshot.checkpoint.model == card


def test_numbers_are_divided_at_their_quartiles():
    values = [3.0, 1.0, 2.5, 4.0, None, 4.0, 10.0, float("nan"), 2.0, 8.0]
    named = name_values(values)
    assert named == ("2.5 to 3", "1 to 2", "2.5 to 3", "4", "", "4", "8 to 10", "", "1 to 2", "8 to 10")
    assert name_values([5] * 4) == ("5",) * 4
    assert name_values([True, None, False]) == ("yes", "", "no")
    assert name_values(["x", None]) == ("x", "")
    assert name_values([[1], None]) == ("", "")
    assert name_values([1, "x"]) == ("", "")
    assert name_values([None, float("inf")]) == ("", "")
    assert name_values([]) == ()


@pytest.mark.parametrize("seed", range(20))
def test_every_number_lies_in_the_range_it_is_given(seed):
    rng = np.random.default_rng(seed)
    values = rng.choice(rng.normal(size=rng.integers(1, 30)).round(2), size=60).tolist()
    named = name_values(values)
    assert len(set(named)) <= 4
    for value, name in zip(values, named, strict=True):
        low, _, high = name.partition(" to ")
        assert float(low) <= value <= float(high or low)
    sizes = [named.count(name) for name in set(named)]
    assert len(set(values)) < 60 or max(sizes) <= 15
