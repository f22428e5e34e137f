import json

import numpy as np
import pyarrow as pa
import pytest
from scipy.special import softmax

from latentscape.errors import DataError
from latentscape.exploration import Category, Numbers, Texts
from latentscape.exploring import explore_run
from latentscape.figures.style import Style
from latentscape.run_reader import open_run
from latentscape.store import RunFolder
from tests.run_folders import make_features, write_classifier_run

from .explored import draw, latents

LOW = {"neighbor_recall": 0.05, "trustworthiness": 0.6, "continuity": 0.6}


def score(name, value, *, n=100, low=None, high=None):
    return {name: value, f"{name}_n": n, f"{name}_low": low, f"{name}_high": high}


def write_run(folder, *, manifest=None, near=None, columns=None, layers=None):
    """A finished run with maps, neighbors and what maps say of themselves."""
    write_classifier_run(folder, columns={**draw("tsne_mlp", n=4), "probability": [0.4, 0.5, 0.6, 0.7],
                                          "correct": [False, False, True, False], **(columns or {})},
                         manifest=manifest, layers=layers)  # fmt: skip
    whole = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    with RunFolder(folder) as run:
        kept = dict(whole["checksums"])
        near = {"indices": np.array([[1, 2], [0, 2], [3, 0], [2, 1]], dtype=np.int32),
                "distances": np.array([[0.1, 0.2]] * 4), **(near or {})}  # fmt: skip
        run.stage("neighbors/mlp", {"layer": "mlp", "metric": "euclidean"}, lambda: near)
        facts = np.array(json.dumps({"parameters": {}, "notice": "so few samples lie on a circle"}))
        run.stage("maps/tsne_mlp", {"layer": "mlp"}, lambda: {"xy": np.zeros((4, 2)), "facts": facts})
        run._checksums |= {**kept, **run._checksums}
        run.finish(whole)
    return open_run(folder)


def test_columns_of_a_classifier():
    found = latents()
    label, said = found.find_column("label"), found.find_column("prediction")
    assert isinstance(label, Category) and isinstance(said, Category)
    assert label.values == said.values == ("Sad", "Calm")  # in the order of the logits
    assert label.codes.tolist() == [0, 1, -1, 0] and said.codes.tolist() == [0, 0, 1, 1]
    assert label.colors == said.colors == ("#1f77b4", "#ff7f0e")
    correct = found.find_column("correct")
    assert correct.values == ("wrong", "right")
    assert correct.codes.tolist() == [1, 0, -1, 0]  # nothing is wrong where nobody knows the class
    assert found.find_column("dataset").values == ("b", "a")
    assert found.find_column("speaker").values == ("s1", "s2", "s10")
    assert found.find_column("suspect").codes.tolist() == [-1, -1, -1, 0]
    true = found.find_column("true_probability")
    assert isinstance(true, Numbers) and true.worst == "low"
    np.testing.assert_array_equal(true.values, [0.9, 0.4, np.nan, 0.2])
    answer = found.answers[0]
    assert (answer.truth, answer.said, answer.correct, answer.worst) == (
        "label", "prediction", "correct", "true_probability",
    )  # fmt: skip
    assert (found.color, found.shape, found.ids) == ("label", "dataset", ("a/1.wav", "a/2.wav", "b/1.wav", "b/2.wav"))


def test_the_main_layer_is_shown_first_and_names_may_hold_underscores():
    found = latents(draw("umap_my_layer_x", "tsne_my_layer_x", n=4))
    assert [(frame.layer, frame.method) for frame in found.frames] == [
        ("my_layer_x", "tsne"), ("my_layer_x", "umap"), ("cnn", "tsne"), ("mlp", "tsne"), ("mlp", "umap"),
        ("logits", "tsne"),
    ]  # fmt: skip
    assert not any(frame.together for frame in found.frames)
    tied = latents(settings={"align": True})
    assert [frame.together for frame in tied.frames] == ["tsne", "umap", "tsne", "tsne"]
    assert [(frame.layer, frame.method) for frame in tied.frames][:2] == [("mlp", "tsne"), ("mlp", "umap")]


def test_scores_become_words():
    scores = (
        score("accuracy", 0.72, low=0.67, high=0.77) | score("chance_accuracy", 0.15) | score("recall_sad", 1.0, n=3)
        | score("linear_class_mlp", 0.5, low=0.4, high=0.6) | score("knn_speaker_cnn", 0.3)
        | {"linear_dataset_mlp": None, "linear_dataset_mlp_n": 0, "linear_dataset_mlp_reason": "one data set"}
        | score("neighbor_recall_tsne_mlp", 0.62, low=0.6, high=0.64)
        | {f"{name}_tsne_cnn{end}": value for name, low in LOW.items() for end, value in (("", low), ("_n", 4_000))}
    )  # fmt: skip
    found = latents(scores=scores, chance={"class": 0.25})
    assert found.headline == "72% of 100 samples predicted right, where always guessing the largest class gives 15%"
    metrics = {each.name: (each.value, each.detail) for each in found.metrics}
    assert metrics["Accuracy"] == ("72% [67%, 77%]", "n = 100") and metrics["Recall of Sad"] == ("100%", "n = 3")
    points = {(each.question, each.layer): each for each in found.profile}
    assert set(points) == {("class", "mlp"), ("speaker", "cnn")}
    assert (points["class", "mlp"].low, points["class", "mlp"].chance) == (0.4, 0.25)
    frames = {(frame.layer, frame.method): frame for frame in found.frames}
    assert frames["mlp", "tsne"].score == "A point keeps 62% [60%, 64%] of its 3 nearest neighbors of the layer."
    assert frames["logits", "tsne"].score == ""


def test_a_map_of_little_trust_says_so():
    n = 40
    columns = {name: [values[row % 4] for row in range(n)] for name, values in {
        "id": "abcd", "label": ["Sad", "Calm"] * 2, "prediction": ["Sad"] * 4, "correct": [True, False] * 2,
        "probability": [0.5] * 4, "true_probability": [0.5] * 4, "dataset": "aabb", "speaker": "sstt",
        "suspect": [None] * 4,
    }.items()} | draw("tsne_cnn", "tsne_mlp", "umap_mlp", "tsne_logits", n=n)  # fmt: skip
    scores = {f"{name}_tsne_cnn{end}": value for name, low in LOW.items() for end, value in (("", low), ("_n", n))}
    frames = {(frame.layer, frame.method): frame for frame in latents(columns, scores=scores).frames}
    assert frames["cnn", "tsne"].warning == "Low trust: neighbors on this map are often no neighbors in the data."
    assert frames["mlp", "tsne"].warning == ""


def test_a_run_folder_gives_neighbors_probabilities_and_what_maps_say(tmp_path):
    found = explore_run(write_run(tmp_path / "run"), style=Style())
    near = found.neighbors[0]
    assert (near.layer, near.metric, near.rows.tolist()) == ("mlp", "euclidean", [[1, 2], [0, 2], [3, 0], [2, 1]])
    assert near.distances[0].tolist() == pytest.approx([0.1, 0.2])
    shares = softmax(make_features(4, 3).astype(float), axis=1)
    top = found.probabilities[0]
    assert top.codes[0].tolist() == np.argsort(-shares[0]).tolist()
    np.testing.assert_allclose(top.shares[0], np.sort(shares[0])[::-1])
    labels = found.find_column("label").codes
    np.testing.assert_allclose(found.find_column("true_probability").values, shares[np.arange(4), labels])
    assert found.frames[0].warning == "so few samples lie on a circle."
    assert found.facts["data"] == "ravdess, crema-d" and found.foot[0].startswith("Weights: 3 of 3 tensors")


def test_a_run_of_an_earlier_version_tells_its_classes_by_its_predictions(tmp_path):
    logits = np.eye(3, dtype=np.float32)[[2, 0, 1, 2]] * 4
    said = {"prediction": ["Sad", "Neutral", "Happy", "Sad"]}
    manifest = {"classes": None, "datasets": None}
    run = write_run(tmp_path / "run", layers={"logits": logits}, columns=said, manifest=manifest)
    found = explore_run(run, style=Style())
    assert found.find_column("label").values == ("Neutral", "Happy", "Sad")
    assert found.probabilities[0].codes[:, 0].tolist() == [2, 0, 1, 2]
    assert found.find_column("dataset").values == ("crema-d", "ravdess")


def test_a_class_never_predicted_has_no_name_so_probabilities_are_left_out(tmp_path):
    run = write_run(tmp_path / "run", manifest={"classes": None})
    found = explore_run(run, style=Style())
    assert not found.probabilities and found.find_column("true_probability") is None
    assert found.answers[0].worst == "probability"


def test_a_run_without_maps_is_refused(tmp_path):
    run = open_run(write_classifier_run(tmp_path / "run"))
    with pytest.raises(DataError, match="has no maps to explore") as caught:
        explore_run(run, style=Style())
    assert caught.value.fault == "run-mapless" and "--output" in caught.value.hint
    with pytest.raises(DataError, match="of no study"):
        latents(study="cooking")


@pytest.mark.parametrize(
    "changes",
    [
        {"near": {"indices": np.array([[1, 2], [0, 2], [9, 0], [2, 1]])}},
        {"near": {"indices": np.array([[1, 2], [0, 2], [-1, 0], [2, 1]])}},
        {"near": {"indices": np.zeros((3, 2), dtype=int), "distances": np.zeros((3, 2))}},
        {"near": {"distances": np.zeros((4, 3))}},
        {"near": {"indices": np.zeros((4, 2))}},
        {"layers": {"logits": np.full((4, 3), np.nan, dtype=np.float32)}},
        {"layers": {"logits": np.zeros((3, 3), dtype=np.float32)}},
        {"layers": {"logits": np.zeros((4, 5), dtype=np.float32)}},
        {"columns": {"tsne_mlp_x": [0.0, np.inf, 1.0, 2.0]}},
        {"columns": {"tsne_mlp_x": list("abcd")}},
        {"columns": {"label": [1, 2, 3, 4]}},
        {"columns": {"correct": ["yes"] * 4}},
        {"columns": {"probability": None}},
        {"manifest": {"classes": "Sad"}},
        {"manifest": {"model": None}},
        {"manifest": {"datasets": [1]}},
    ],
)  # fmt: skip
def test_a_folder_that_says_what_no_run_says_is_refused(tmp_path, changes):
    run = write_run(tmp_path / "run", **changes)
    with pytest.raises(DataError) as caught:
        explore_run(run, style=Style())
    assert caught.value.fault == "run-damaged"


@pytest.mark.parametrize(
    "manifest",
    [
        {"settings": "all"}, {"chance": [1]}, {"headline": 3}, {"accounting": []}, {"accounting": {"n_in": "7"}},
        {"model": {"receipt": {"allowed": 5, "adapter": 3, "prefix": ["a", 1]}, "stamps": 3, "n_parameters": "x"}},
    ],
)  # fmt: skip
def test_what_is_only_told_may_be_anything(manifest):
    assert latents(**manifest).n == 4


def test_many_values_are_read_not_counted(monkeypatch):
    monkeypatch.setattr("latentscape.exploring.source.MOST_VALUES", 2)
    assert isinstance(latents().find_column("speaker"), Texts)


def test_what_was_left_out_is_told():
    assert latents(accounting={"n_in": 7, "n_ok": 4}).foot[-1] == "3 of 7 samples left out: manifest.json says why."
    assert len(latents(accounting={"n_in": 4, "n_ok": 4}).foot) == 1


def test_numbers_that_no_float_holds_are_no_scores():
    found = latents(scores={"accuracy": 10**400, "accuracy_n": 10, "brier": 0.5, "brier_n": 10**400})
    assert not found.metrics
    assert not latents(accounting={"n_in": 10**400, "n_ok": 1}).foot[1:]


def test_texts_come_first_where_the_samples_are_texts():
    assert latents().find_column("text") is None
    assert latents({"text": pa.array([None] * 4, pa.string())}).find_column("text") is None
    found = latents({"text": ["Phòng trọ", None, "căn hộ", ""]})
    assert found.columns[0] == Texts(key="text", title="Text", values=("Phòng trọ", None, "căn hộ", ""))


def test_thumbnails_are_read_with_the_run(tmp_path):
    write_run(tmp_path / "run")
    assert explore_run(open_run(tmp_path / "run"), style=Style()).thumbnails == {}
    image = b"\x89PNG\r\n\x1a\n" + bytes(9)
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    with RunFolder(tmp_path / "run") as run:
        run.save_table(
            "thumbnails.parquet", {"row": pa.array([0, 1, 2, 3]), "image": pa.array([None, image, b"", None])}
        )
        run._checksums |= manifest["checksums"]
        run.finish(manifest)
    assert explore_run(open_run(tmp_path / "run"), style=Style()).thumbnails == {1: image}


def test_one_data_set_needs_no_markers_and_samples_on_their_own_are_no_speakers():
    several = latents()
    assert several.shape == "dataset" and several.find_column("speaker")
    assert latents({"dataset": ["a"] * 4}, datasets=["a"]).shape == ""
    alone = latents({"speaker": ["a/1.wav", "a/2.wav", "b/1.wav", "b/2.wav"]})
    assert alone.find_column("speaker") is None and alone.shape == "dataset"
