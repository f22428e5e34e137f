"""Plain `study.log(model, step)` of classifiers: any module, any items, what it writes and what it says."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from latentscape.errors import ModelError, UsageError
from latentscape.watch import ClassifierWatch

from .toys import CLASSES, NAMES, Dense, Named, make_items, make_model, make_samples, train


def watch(tmp_path, **choices):
    return ClassifierWatch(
        **{"inputs": make_items(), "class_names": NAMES, "output": tmp_path, "strict": True, **choices}
    )


def test_scores_are_those_of_the_model_asked_directly(tmp_path):
    model = train(make_model(), steps=15)
    values, labels = make_samples()
    scores = watch(tmp_path).log(model, 15)
    with torch.no_grad():
        said = model.eval()(values).argmax(dim=1)
    assert scores["accuracy"].value == pytest.approx(float((said == labels).float().mean()))
    assert scores["accuracy"].n == len(labels)


def test_a_run_folder_like_any_other(tmp_path):
    model = train(make_model(Named), steps=15)
    study = watch(tmp_path, ids=[f"clip {row}" for row in range(60)], speakers=[f"who {row % 5}" for row in range(60)],
                  collate=lambda items: {"values": torch.stack([value for value, _ in items])})  # fmt: skip
    study.log(model, 15, epoch=0.75)
    folder = tmp_path / "step_000015"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["study"] == "latents"
    assert manifest["classes"] == list(NAMES)
    assert manifest["model"]["checkpoint"] == "step_000015"
    assert manifest["model"]["trained"] == {"step": 15, "epoch": 0.75}
    assert manifest["accounting"]["n_ok"] == 60
    layers = json.loads((folder / "stages" / "features.json").read_text())["arrays"]
    assert [layer["name"] for layer in layers if not layer["name"].startswith("_")] == ["body", "logits"]
    table = pq.read_table(folder / "samples.parquet").to_pydict()
    assert table["id"][:2] == ["clip 0", "clip 1"]
    assert table["label"][:3] == list(NAMES)
    assert table["speaker"][:2] == ["who 0", "who 1"]
    logits = np.load(folder / "features" / "logits.npy")
    values, _ = make_samples()
    with torch.no_grad():
        np.testing.assert_allclose(logits, model.eval()(values)["logits"].numpy(), rtol=1e-4, atol=1e-5)


def test_the_same_model_and_samples_give_the_same_bytes(tmp_path):
    for name in ("one", "other"):
        watch(tmp_path / name).log(make_model(), 1)
    one, other = (tmp_path / name / "step_000001" for name in ("one", "other"))
    names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file() and path.suffix != ".lock")
    assert len(names) > 5
    assert all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_the_same_step_again_is_written_anew(tmp_path):
    study = watch(tmp_path)
    first = study.log(make_model(), 1)
    second = study.log(train(make_model(), steps=15), 1)
    assert first["accuracy"].value < second["accuracy"].value
    assert list(study.runs) == ["step_000001"]


@pytest.mark.parametrize(
    "inputs",
    [
        [{"values": value, "labels": label} for value, label in make_items()],
        [{"values": value, "label": int(label)} for value, label in make_items()],
        [(value.numpy(), int(label)) for value, label in make_items()],
        torch.utils.data.TensorDataset(*make_samples()),
        torch.utils.data.Subset(torch.utils.data.TensorDataset(*make_samples()), range(60)),
    ],
    ids=["labels", "label", "arrays", "TensorDataset", "Subset"],
)
def test_items_of_every_kind_give_one_answer(tmp_path, inputs):
    expected = watch(tmp_path / "pairs").log(make_model(), 1)
    assert watch(tmp_path / "these", inputs=inputs).log(make_model(), 1)["accuracy"] == expected["accuracy"]


def test_inputs_alone_with_names_as_labels(tmp_path):
    values, labels = make_samples()
    study = watch(tmp_path, inputs=list(values), labels=[NAMES[label] for label in labels], class_names=None)
    assert study._names == tuple(sorted(NAMES))
    renumbered = [sorted(NAMES).index(NAMES[label]) for label in labels]
    assert study._labels.tolist() == renumbered
    assert study.log(make_model(), 1)["accuracy"].n == 60


def test_unknown_labels_take_no_part(tmp_path):
    values, labels = make_samples()
    partly = [None if row % 2 else int(label) for row, label in enumerate(labels)]
    assert watch(tmp_path, inputs=list(values), labels=partly).log(make_model(), 1)["accuracy"].n == 30


def test_one_output_is_the_logit_of_the_second_of_two(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 1), nn.Flatten(0))
    values, labels = make_samples()
    study = watch(tmp_path, inputs=list(values), labels=(labels == 1).long(), class_names=("no", "yes"))
    scores = study.log(model, 1)
    with torch.no_grad():
        said = model(values) > 0
    assert scores["accuracy"].value == pytest.approx(float((said == (labels == 1)).float().mean()))


def test_a_choice_of_samples_keeps_the_classes_shares_and_says_so(tmp_path):
    study = watch(tmp_path, max_samples=30)
    scores = study.log(make_model(), 1)
    assert scores["accuracy"].n == 30
    accounting = json.loads((tmp_path / "step_000001" / "manifest.json").read_text())["accounting"]
    assert (accounting["n_in"], accounting["n_ok"]) == (60, 30)
    assert accounting["skipped"][0]["reason"] == "not drawn: max_samples"
    table = pq.read_table(tmp_path / "step_000001" / "samples.parquet").to_pydict()
    assert len(set(table["id"])) == 30
    values, labels = make_samples()
    asked = watch(tmp_path / "labels", inputs=list(values), labels=labels.tolist(), max_samples=30)
    assert np.bincount(asked._labels).tolist() == [10, 10, 10]


def test_several_data_sets(tmp_path):
    study = watch(tmp_path, dataset_ids=[row % 2 for row in range(60)], dataset_names=("old", "new"))
    assert {"accuracy_old", "accuracy_new"} <= study.log(make_model(), 1).keys()


def test_layers_by_pattern_and_a_wrong_one(tmp_path):
    watch(tmp_path, layers=["body.*"]).log(make_model(), 1)
    arrays = json.loads((tmp_path / "step_000001" / "stages" / "features.json").read_text())["arrays"]
    names = [each["name"] for each in arrays if not each["name"].startswith("_")]
    assert names == ["body.0", "body.1", "body.2", "body.3", "logits"]
    with pytest.raises(UsageError, match="no layer is called `bodi`"):
        watch(tmp_path, layers=["bodi"]).log(make_model(), 1)


def test_layers_that_nobody_asked_for_do_not_stand_in_the_way(tmp_path):
    class Odd(Named):
        layers = {"never": "unused"}  # noqa: RUF012

        def __init__(self):
            super().__init__()
            self.unused = nn.Linear(2, 2)

    study = watch(tmp_path)
    with pytest.warns(RuntimeWarning, match="nothing but the logits is watched: layer `never`"):
        assert study.log(make_model(Odd), 1)
    assert study.log(make_model(Odd), 2)  # said once


def test_images_and_other_shapes_that_have_a_logit_a_class(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 3))
    images = [(torch.randn(1, 8, 8), row % 3) for row in range(12)]
    assert watch(tmp_path, inputs=images).log(model, 1)["accuracy"].n == 12


def test_items_of_different_lengths_are_put_together_by_the_users_collate(tmp_path):
    torch.manual_seed(0)

    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.head = nn.Embedding(20, 8), nn.Linear(8, 3)

        def forward(self, input_ids, attention_mask):
            states = self.embed(input_ids) * attention_mask[:, :, None]
            return self.head(states.sum(dim=1) / attention_mask.sum(dim=1, keepdim=True))

    items = [{"input_ids": list(range(1, 3 + row % 5)), "label": row % 3} for row in range(20)]

    def collate(chosen):
        ids = [torch.tensor(item["input_ids"]) for item in chosen]
        padded = nn.utils.rnn.pad_sequence(ids, batch_first=True)
        return {"input_ids": padded, "attention_mask": (padded > 0).long()}

    watch(tmp_path, inputs=items, collate=collate, layers=["embed"]).log(Words(), 1)
    kept = np.load(tmp_path / "step_000001" / "features" / "embed.npy")
    assert kept.shape == (20, 8)
    assert np.array_equal(kept[0], kept[5])  # of one length, whatever they were padded to beside others


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"inputs": []}, "no inputs to watch"),
        ({"inputs": iter([1, 2])}, "can't be read by number"),
        ({"labels": [0]}, "`labels` has another length"),
        ({"ids": ["same"] * 60}, "the same id"),
        ({"labels": ["low", "huge"] * 30}, "a label is no class"),
        ({"labels": [7] * 60}, "a label is no class"),
        ({"labels": [0.5] * 60}, "a label is no class"),
        ({"labels": [-1] * 60}, "no sample has a label"),
        ({"inputs": [torch.zeros(3)] * 4}, "no sample has a label"),
        ({"labels": [torch.tensor([1, 0])] * 60}, "several labels"),
        ({"batch_size": 0}, "nothing to watch"),
        ({"picture": "tsnee"}, "unknown picture"),
        ({"loggers": ["tensorbord"]}, "unknown logger"),
    ],
)
def test_what_can_not_be_watched_is_said_before_the_training(tmp_path, choices, message):
    with pytest.raises(UsageError, match=message):
        watch(tmp_path, **choices)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Dense(n_classes=4), "not have the same classes"),
        (nn.Sequential(nn.Linear(6, 3), nn.Unflatten(1, (3, 1, 1))), "not one of classes"),
        (nn.Sequential(nn.Linear(6, 3), nn.Softmax(dim=1), nn.AdaptiveMaxPool1d(3, return_indices=True)), "the logits"),
        (nn.Sequential(nn.Linear(6, 3), nn.Threshold(1e9, float("nan"))), "no usable features"),
    ],
    ids=["classes", "shape", "tuple", "not finite"],
)
def test_a_model_that_can_not_be_read_fails_only_where_asked(tmp_path, model, message):
    with pytest.raises(ModelError, match=message):
        watch(tmp_path).log(model, 1)
    study = watch(tmp_path, strict=False)
    with pytest.warns(RuntimeWarning, match="the training goes on") as said:
        assert study.log(model, 1) == {}
        assert study.log(model, 2) == {}
    assert len(said) == 1


def test_the_answer_may_be_named(tmp_path):
    class Two(Dense):
        def forward(self, values):
            return torch.zeros(()), super().forward(values)

    assert watch(tmp_path, answer=lambda output: output[1]).log(make_model(Two), 1)["accuracy"].n == 60


def test_a_full_disk_or_any_bug_is_a_warning(tmp_path, monkeypatch):
    study = watch(tmp_path, strict=False)
    monkeypatch.setattr("latentscape.watch.classifier.keep_classifier_run", lambda *_, **__: 1 / 0)
    with pytest.warns(RuntimeWarning, match="ZeroDivisionError"):
        assert study.log(make_model(), 1) == {}
    assert study.runs == {}


def test_finish_compares_everything_logged_in_its_order(tmp_path, monkeypatch):
    compared = []

    class Module:
        @staticmethod
        def compare_runs(folders, settings):
            compared.append((folders, settings.output))
            return "study"

    monkeypatch.setitem(__import__("sys").modules, "latentscape.compare", Module)
    study = watch(tmp_path)
    assert study.finish() is None
    study.log(make_model(), 10)
    assert study.finish() is None
    study.log(make_model(), 5)
    assert study.finish() == "study"
    assert compared == [([tmp_path / "step_000010", tmp_path / "step_000005"], tmp_path / "comparison")]


def test_what_was_logged_is_known_by_its_weights(tmp_path):
    study, model = watch(tmp_path), make_model()
    assert not study.has_logged(model)
    study.log(model, 1)
    assert study.has_logged(make_model())
    assert not study.has_logged(make_model(seed=3))
    assert CLASSES == 3
