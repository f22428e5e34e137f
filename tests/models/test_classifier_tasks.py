"""What a config says of its task, read as data."""

from types import SimpleNamespace

import pytest

from latentscape.errors import ModelError, UsageError
from latentscape.models.classifier_tasks import check_single_label, find_task, name_classes


def find(config, *, kind=None, has_checkpoint=False):
    return find_task(config, source="m", kind=kind, has_checkpoint=has_checkpoint)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Wav2Vec2ForSequenceClassification", "audio"),
        ("WhisperForAudioClassification", "audio"),
        ("ModernBertForSequenceClassification", "text"),
        ("DeiTForImageClassificationWithTeacher", "image"),
    ],
)
def test_the_class_it_was_saved_as_decides(name, kind):
    task = find({"architectures": [name], "model_type": "bert"})
    assert (task.kind, task.class_name) == (kind, name)


def test_without_one_the_model_type_decides():
    assert find({"model_type": "hubert"}).class_name == "HubertForSequenceClassification"
    assert find({"model_type": "perceiver"}, kind="text").kind == "text"
    with pytest.raises(UsageError, match="several kinds") as raised:
        find({"model_type": "perceiver"})
    assert raised.value.fault == "option-missing"


def test_an_encoder_is_one_only_beside_a_checkpoint():
    config = {"architectures": ["RobertaForMaskedLM"], "model_type": "roberta"}
    assert find(config, has_checkpoint=True).class_name == "RobertaForSequenceClassification"
    with pytest.raises(ModelError, match="not a classifier") as raised:
        find(config)
    assert (raised.value.fault, raised.value.got) == ("model-task", "RobertaForMaskedLM")
    assert "latentscape embeddings" in raised.value.hint
    for model_type in ("clap", None):
        with pytest.raises(ModelError, match="not a classifier"):
            find({"model_type": model_type})


def test_class_names_stand_in_the_order_of_the_outputs():
    assert name_classes({"id2label": {"1": " b", "0": "a"}}, source="m") == ("a", "b")
    assert name_classes({"id2label": {str(n): f"LABEL_{n}" for n in range(12)}}, source="m") is None
    assert name_classes({}, source="m") is None
    mixed = {"id2label": {"0": "LABEL_0", "1": "b"}, "label2id": {"LABEL_0": 1, "LABEL_1": 0}}
    assert name_classes(mixed, source="m") == ("LABEL_0", "b")


def test_two_classes_of_one_name_are_told_apart():
    names = {"0": "crane", "1": "wren", "2": "crane"}
    assert name_classes({"id2label": names}, source="m") == ("crane (0)", "wren", "crane (2)")


@pytest.mark.parametrize(
    "config",
    [
        {"id2label": {"0": "a", "2": "b"}},
        {"id2label": {"0": "a", "one": "b"}},
        {"id2label": {"0": "a", "1": " "}},
        {"id2label": ["a", "b"]},
        {"id2label": {"0": "a", "1": "b"}, "label2id": {"a": 1, "b": 0}},
    ],
)
def test_a_contradiction_is_an_error(config):
    with pytest.raises(ModelError, match="contradicts itself") as raised:
        name_classes(config, source="m")
    assert raised.value.fault == "model-classes"


@pytest.mark.parametrize(
    ("problem", "n", "reason"),
    [
        ("multi_label_classification", 4, "several labels"),
        ("regression", 1, "numbers"),
        (None, 1, "1 number"),
    ],
)
def test_other_tasks_are_refused(problem, n, reason):
    with pytest.raises(ModelError, match="one class a sample") as raised:
        check_single_label(SimpleNamespace(problem_type=problem, num_labels=n), source="m")
    assert reason in raised.value.got
    check_single_label(SimpleNamespace(problem_type="single_label_classification", num_labels=2), source="m")
