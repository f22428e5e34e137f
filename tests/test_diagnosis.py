"""What was planted is found, by name; and of nothing nothing is said."""

import numpy as np
import pytest

from latentscape.diagnosis import WholeSet, score_everything
from latentscape.pages.latents_improve import list_advice, list_withheld

from .planted import CLASSES, Plant, plant, study


def kinds(findings):
    return [each.kind for each in findings.improvements.found]


def subjects(findings, kind):
    return [each.subject for each in findings.improvements.found if each.kind == kind]


@pytest.fixture(scope="module")
def leaking():
    """Classes appear in mlp, the data set fades but stays; Neutral and Calm lie at one place."""
    return study(plant(Plant()))


def test_the_layer_where_the_classes_appear(leaking):
    read = {layer.layer: layer.readouts["class", "linear"] for layer in leaking.layers}
    assert read["cnn"].p_value > 0.01
    assert read["mlp"].p_value <= 0.0012
    assert read["mlp"].score.low > read["cnn"].score.high
    assert read["mlp"].score.low > read["mlp"].null[1]


def test_the_data_set_leak(leaking):
    readouts = [layer.readouts["dataset", "linear"] for layer in leaking.layers[:3]]
    assert all(each.grouped and each.score.value > 0.9 for each in readouts)
    found = subjects(leaking, "readable_dataset")
    assert [layers[1] for layers in found] == ["mlp"]


def test_the_confused_pair_and_no_other(leaking):
    assert subjects(leaking, "confused_pair") == [("Neutral", "Calm", "")]
    claim = next(each for each in leaking.improvements.found if each.kind == "confused_pair")
    wrong = (leaking.labels < 2) & (leaking.predictions < 2) & (leaking.labels != leaking.predictions)
    assert set(claim.samples) == {leaking.ids[row] for row in np.flatnonzero(wrong)}
    assert claim.stake == pytest.approx(wrong.mean())
    assert claim.scores["closer"].value == 0


def test_no_layer_is_called_better_and_no_sample_odd_where_none_is(leaking):
    assert not {"better_layer", "label", "outlier", "near_copies"} & set(kinds(leaking))


@pytest.mark.slow
def test_datasets_that_do_not_differ_are_not_accused():
    found = study(plant(Plant(dataset_signal=(0, 0, 0), confused=None), seed=5))
    assert not {"readable_dataset", "lost_transfer", "confused_pair"} & set(kinds(found))


@pytest.mark.slow
def test_mislabeled_samples():
    planted = plant(Plant(n_mislabeled=8, class_signal=(0.0, 0.8, 2.5), confused=None), seed=1)
    found = study(planted)
    suspected = {name for each in found.suspects if each.kind == "label" for name in each.ids}
    assert suspected >= set(planted.mislabeled)
    assert len(suspected) <= 12
    right = {planted.judged.ids[row]: int(label) for row, label in enumerate(planted.judged.labels)}
    for each in found.suspects:
        if each.kind == "label" and each.ids[0] in planted.mislabeled:
            assert each.suggested == (right[each.ids[0]] + 3) % len(CLASSES)
    assert "label" in kinds(found)


@pytest.mark.slow
def test_near_copies():
    planted = plant(Plant(n_copied=5), seed=2)
    found = {frozenset(each.ids) for each in study(planted).suspects if each.kind == "near_copies"}
    assert found == {frozenset(pair) for pair in planted.copied}


@pytest.mark.slow
def test_copies_with_two_labels_come_first():
    planted = plant(Plant(n=240), seed=3)
    ids = (*planted.judged.ids, "set0/train/1.wav", "set0/train/2.wav")
    whole = WholeSet(
        ids=ids,
        labels=np.array([*planted.judged.labels, 2, 3]),
        splits=(*("validation",) * 240, "train", "train"),
        copies=[[240, 241], [7, 13]],
    )
    found = study(plant(Plant(n=240), seed=3, whole=whole))
    assert kinds(found)[0] == "conflicting_copies"
    assert set(found.improvements.found[0].samples) >= {"set0/train/1.wav", "set0/train/2.wav"}
    told = list_advice(found)[0]
    assert "Happy and Sad" in told.claim
    assert "2 samples of these were trained on" in told.evidence


@pytest.mark.slow
def test_classes_that_lie_elsewhere_in_the_other_data_set():
    found = study(plant(Plant(turned=True, class_signal=(0.0, 0.5, 2.0), confused=None), seed=4))
    lost = subjects(found, "lost_transfer")
    assert {pair[:2] for pair in lost} == {("ravdess", "crema-d"), ("crema-d", "ravdess")}
    drifts = [each.score.value for each in found.main_layer.drifts]
    steady = [each.score.value for each in study(plant(Plant(confused=None), seed=4)).layers[2].drifts]
    assert min(drifts) > max(steady)


def test_every_number_of_the_study_has_a_name_of_its_own(leaking):
    names = score_everything(leaking)
    assert {"linear_class_mlp", "linear_dataset_cnn", "effective_rank_mlp", "calibration_error"} <= names.keys()
    assert not names.keys() & leaking.scores.keys()


@pytest.mark.parametrize("n", [1, 2, 7, 25])
def test_few_samples_are_no_evidence(n):
    found = study(plant(Plant(n=n, width=5)))
    assert not {"confused_pair", "weak_class", "overconfident", "better_layer", "label"} & set(kinds(found))
    assert any("fewer than 30" in sentence for sentence in list_withheld(found))


def test_one_class_one_data_set_one_speaker():
    planted = plant(Plant(n=60))
    nobody = np.zeros(60, dtype=int)
    alone = type(planted.judged)(
        **{
            **{name: getattr(planted.judged, name) for name in planted.judged.__dataclass_fields__},
            "labels": nobody,
            "dataset_ids": nobody,
            "speakers": ("one",) * 60,
            "dataset_names": ("ravdess",),
        }
    )
    found = study(type(planted)(**{**planted.__dict__, "judged": alone}))
    assert found.improvements.withheld
    assert all(each.score.reason for layer in found.layers for each in layer.readouts.values())


@pytest.mark.parametrize(
    ("n_studies", "most"),
    [pytest.param(6, 1, marks=pytest.mark.slow), pytest.param(100, 5, marks=[pytest.mark.slow, pytest.mark.chaos])],
)
def test_of_nothing_nothing_is_said(n_studies, most):
    """Labels, data sets, speakers and predictions drawn at random: at most 5 studies in 100 make a claim."""
    recipe = Plant(n=160, scramble=True, width=12, dataset_signal=(0, 0, 0), speaker_signal=0, class_signal=(0, 0, 0))
    claimed = [kinds(study(plant(recipe, seed=seed), seed=seed)) for seed in range(n_studies)]
    assert sum(map(bool, claimed)) <= most, [each for each in claimed if each]
