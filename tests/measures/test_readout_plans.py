import numpy as np
import pytest

from latentscape.measures.permutations import count_arrangements, permute_labels
from latentscape.measures.readout_plans import Plan, choose_samples, plan_classes, plan_datasets, plan_speakers


def study(labels, datasets, speakers, seed=0):
    return choose_samples(np.array(labels), dataset_ids=np.array(datasets), speaker_ids=np.array(speakers), seed=seed)


def make(n_speakers=12, takes=10, n_classes=2, n_datasets=2):
    speakers = np.repeat(np.arange(n_speakers), takes)
    return study(np.arange(n_speakers * takes) % n_classes, speakers % n_datasets, speakers)


def of_each(plan: Plan, values):
    """The set of `values` in each fold."""
    return [set(np.asarray(values)[plan.rows][plan.folds == fold].tolist()) for fold in range(plan.folds.max() + 1)]


def test_classes_are_read_by_speaker():
    samples = make()
    plan = plan_classes(samples)
    assert plan.grouped
    assert plan.note == ""
    folds = of_each(plan, samples.speaker_ids)
    assert sum(map(len, folds)) == len(set.union(*folds)) == 12
    assert of_each(plan, samples.dataset_ids) == [{0, 1}] * 5
    assert plan.chance == 0.5


def test_a_single_speaker_is_told():
    plan = plan_classes(make(n_speakers=1, n_datasets=1))
    assert not plan.grouped
    assert plan.note == "there is a single speaker: other speakers may be read worse"


def test_samples_without_a_name_are_speakers_of_their_own():
    samples = study([0, 1] * 10, [0] * 20, [-1] * 18 + [7, 7])
    assert len(set(samples.speaker_ids.tolist())) == 19
    assert samples.speaker_ids[-1] == samples.speaker_ids[-2] == 7


def test_datasets_are_read_among_the_classes_they_share():
    samples = study([0, 1, 2] * 10 + [0, 1, 5] * 10 + [-1], [4] * 30 + [9] * 30 + [9], [*range(60), 60])
    plan = plan_datasets(samples)
    assert set(samples.labels[plan.rows].tolist()) == {0, 1}
    assert plan.n_classes == 2
    assert np.bincount(plan.answers).tolist() == [20, 20]


def test_a_dataset_with_a_single_speaker_is_told():
    samples = study([0, 1] * 20, [0] * 20 + [1] * 20, [0] * 20 + [1] * 10 + [2] * 10)
    plan = plan_datasets(samples)
    assert not plan.grouped
    assert plan.note == "a dataset has a single speaker: voice and dataset can't be told apart"
    draws = permute_labels(plan.answers, plan.units, n=20, seed=0, within=plan.cells)
    for label in (0, 1):
        assert (draws[:, samples.labels == label].sum(axis=1) == 10).all()


def test_datasets_that_mix_the_classes_differently_are_told():
    labels = [0] * 18 + [1] * 2 + [0] * 2 + [1] * 18
    plan = plan_datasets(study(labels, [0] * 20 + [1] * 20, range(40)))
    assert plan.note == "the datasets mix the classes differently: the class alone tells the dataset in 90%"


@pytest.mark.parametrize(
    ("first", "second", "n_folds"),
    [(24, 90, 5), (4, 20, 4), (8, 8, 5), (7, 7, 3), (6, 6, 2), (4, 4, 2), (3, 3, 3), (2, 2, 2), (2, 90, 2)],
)
def test_every_fold_has_every_dataset_and_chance_has_something_to_rearrange(first, second, n_folds):
    n = first + second
    samples = study(list(range(4)) * n, [0] * 4 * first + [1] * 4 * second, np.repeat(np.arange(n), 4))
    plan = plan_datasets(samples)
    assert plan.folds.max() + 1 == n_folds
    assert of_each(plan, samples.dataset_ids) == [{0, 1}] * n_folds
    count = count_arrangements(plan.answers, plan.units, within=plan.cells)
    assert (count >= 20, count >= 400) == (n > 6, n > 8)


def test_speakers_with_few_samples_are_left_out():
    samples = study([0] * 24, [0] * 24, [3] * 10 + [5] * 4 + [8] * 10)
    plan = plan_speakers(samples)
    assert set(samples.speaker_ids[plan.rows].tolist()) == {3, 8}
    assert plan.note == "1 speaker with fewer than 5 samples is left out"
    assert of_each(plan, samples.speaker_ids) == [{3, 8}] * 5
    assert not plan.grouped


@pytest.mark.parametrize("planner", [plan_classes, plan_datasets, plan_speakers])
def test_permuted_answers_keep_the_folds_balanced(planner):
    samples = make()
    plan = planner(samples)
    draws = permute_labels(plan.answers, plan.units, n=20, seed=0, within=plan.cells)
    assert not (draws == plan.answers).all(axis=1).any()
    for fold in range(5):
        inside = plan.folds == fold
        assert (np.sort(draws[:, inside], axis=1) == np.sort(plan.answers[inside])).all()


def test_of_many_samples_every_part_keeps_its_share(monkeypatch):
    monkeypatch.setattr("latentscape.measures.readout_plans.MOST_SAMPLES", 300)
    random = np.random.default_rng(0)
    speakers = random.integers(0, 20, 2000)
    labels = random.choice(3, 2000, p=[0.7, 0.2, 0.1])
    samples = study(labels, speakers // 10, speakers)
    assert len(samples.rows) == len(set(samples.rows.tolist())) == 300
    assert (np.diff(samples.rows) > 0).all()
    for groups in (labels, speakers // 10, speakers):
        assert np.bincount(groups[samples.rows]) == pytest.approx(np.bincount(groups) * 0.15, abs=3)
    other = study(labels, speakers // 10, speakers, seed=1)
    assert not np.array_equal(samples.rows, other.rows)
