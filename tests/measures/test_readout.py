from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import kstest
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.preprocessing import StandardScaler

from latentscape.errors import DataError
from latentscape.measures import readout
from latentscape.measures.linear_probe import PENALTIES
from latentscape.measures.readout import TOO_FEW, Readout, measure_readouts
from latentscape.measures.readout_plans import Plan, choose_samples, plan_classes, plan_datasets, plan_speakers
from latentscape.neighbors import exact, find_neighbors

KEYS = [(target, reader) for target in ("class", "dataset", "speaker") for reader in ("linear", "knn")]
PLANS = {"class": plan_classes, "dataset": plan_datasets, "speaker": plan_speakers}


class Study(NamedTuple):
    features: np.ndarray
    labels: np.ndarray
    dataset_ids: np.ndarray
    speaker_ids: np.ndarray

    def read(self, seed=0):
        return measure_readouts(
            self.features.astype(np.float32),
            labels=self.labels,
            dataset_ids=self.dataset_ids,
            speaker_ids=self.speaker_ids,
            seed=seed,
        )


def make(
    *, n_speakers=12, takes=10, n_classes=3, n_datasets=2, width=8, by_class=0.0, by_dataset=0.0, by_speaker=0.0, seed=0
):
    """Speakers in turn belong to the datasets; each says every class about equally often."""
    random = np.random.default_rng(seed)
    speakers = np.repeat(np.arange(n_speakers), takes)
    labels = random.permuted(np.tile(np.arange(takes) % n_classes, (n_speakers, 1)), axis=1).ravel()
    datasets = speakers % n_datasets
    features = random.normal(size=(len(labels), width))
    for strength, groups in ((by_class, labels), (by_dataset, datasets), (by_speaker, speakers)):
        features += strength * random.normal(size=(groups.max() + 1, width))[groups]
    return Study(features, labels, datasets, speakers)


def test_six_samples_by_hand():
    """Three speakers say each class once, in two directions: every held-out speaker is read by the two others."""
    directions = np.array([[1.0, 0.1], [0.1, 1.0], [2.0, 0.1], [0.1, 2.0], [1.0, 0.2], [0.2, 1.0]])
    study = Study(directions, np.arange(6) % 2, np.zeros(6, int), np.repeat([0, 1, 2], 2))
    found = study.read()
    linear, knn = found["class", "linear"], found["class", "knn"]
    assert (linear.score.value, linear.score.n, linear.chance) == (1.0, 6, 0.5)
    assert linear.score.low == pytest.approx(0.6097, abs=1e-4)  # Wilson's of 6 / 6
    assert linear.score.interval == "95 % Wilson, n = 6 (these 3 speakers only)"
    assert linear.hits.all()
    assert knn.score.value == 1.0  # four neighbors, two votes each: the smaller sum of ranks decides
    assert (linear.null, linear.p_value) == (None, None)  # 2 x 2 x 2 arrangements are too few
    assert linear.note == knn.note == TOO_FEW


def reread(study, target, reader, seed):
    """Which samples are read right, by scikit-learn's ridge classifier or by counting votes in plain words."""
    samples = choose_samples(study.labels, dataset_ids=study.dataset_ids, speaker_ids=study.speaker_ids, seed=seed)
    plan = PLANS[target](samples)
    assert isinstance(plan, Plan)
    features, hits = study.features.astype(np.float32).astype(np.float64)[plan.rows], np.zeros(len(plan.rows), bool)
    read = {"linear": read_linear, "knn": read_nearest}[reader]
    if reader == "linear":  # only the scale of the features, which knows no answer, comes from all samples
        features = StandardScaler().fit_transform(features)
    for fold in set(plan.folds.tolist()):
        test, train = plan.folds == fold, plan.folds != fold
        hits[test] = read(features[train], plan.answers[train], features[test]) == plan.answers[test]
    return plan, hits


def read_linear(train, answers, test):
    """The penalty by leaving out each training sample in turn, all of them tried."""
    members = np.eye(int(answers.max()) + 1)[answers]
    cross = RidgeCV(alphas=np.array(PENALTIES) * train.shape[1], store_cv_results=True).fit(train, members)
    best = PENALTIES[int(np.argmin(cross.cv_results_.sum(axis=(0, 1))))] * train.shape[1]
    return Ridge(alpha=best).fit(train, members).predict(test).argmax(axis=1)


def read_nearest(train, answers, test):
    unit = [rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300) for rows in (train, test)]
    said = []
    for row in unit[1]:
        order = np.argsort(np.round(1.0 - unit[0] @ row, 12), kind="stable")[:15]
        ranks = {c: [rank for rank, place in enumerate(order) if answers[place] == c] for c in set(answers[order])}
        said.append(min(ranks, key=lambda c: (-len(ranks[c]), sum(ranks[c]), c)))
    return np.array(said)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("seed", range(3))
def test_against_reading_fold_by_fold(key, seed):
    study = make(by_class=0.5, by_dataset=0.4, by_speaker=0.4, n_classes=4 - seed, seed=seed)
    study.features[5:9] = study.features[4]  # duplicates
    study.labels[seed * 7 :: 11] = -1 if seed else study.labels[::11]
    plan, hits = reread(study, *key, seed)
    found = study.read(seed)[key]
    assert np.array_equal(np.flatnonzero(found.used), plan.rows)
    assert np.array_equal(found.hits[plan.rows], hits)
    assert not found.hits[~found.used].any()
    assert (found.score.value, found.score.n) == (pytest.approx(hits.mean()), len(plan.rows))
    assert found.score.low < found.score.value < found.score.high
    assert found.score.name == f"{key[1]}_{key[0]}"


def test_neighbors_outside_the_fold_are_found_behind_many_inside():
    """Every speaker's 60 samples are far from all others: the 45 nearest of each are of its own fold."""
    study = make(n_speakers=6, takes=60, by_speaker=9.0, by_class=0.5, seed=6)
    plan, hits = reread(study, "class", "knn", 0)
    assert np.array_equal(study.read()["class", "knn"].hits[plan.rows], hits)
    graph = find_neighbors(study.features[plan.rows].astype(np.float32), k=readout.SEARCHED, metric="cosine")
    assert (plan.folds[graph.indices] == plan.folds[:, None]).all(axis=1).mean() > 0.9


@pytest.mark.parametrize(("n_classes", "draws"), [(3, 999), (5, 999), (8, 625)])
def test_more_answers_are_permuted_less_often(n_classes, draws):
    study = make(n_classes=n_classes, takes=16, by_class=3.0, width=16)
    for reader in ("linear", "knn"):
        assert study.read()["class", reader].p_value == pytest.approx(1 / (draws + 1))


def test_what_is_planted_is_found_and_nothing_else():
    only_class = make(by_class=1.0, n_speakers=24, seed=1).read()
    only_dataset = make(by_dataset=1.5, n_speakers=24, seed=2).read()
    only_speaker = make(by_speaker=1.0, n_speakers=24, seed=3).read()
    nothing = make(n_speakers=24, seed=4).read()
    for reader in ("linear", "knn"):
        assert only_class["class", reader].p_value == 0.001
        assert only_class["class", reader].score.value > only_class["class", reader].null[1] + 0.2
        assert only_class["dataset", reader].p_value > 0.01
        assert only_class["speaker", reader].p_value > 0.01
        assert only_dataset["dataset", reader].p_value <= 0.005
        assert only_dataset["class", reader].p_value > 0.01
        assert only_dataset["speaker", reader].p_value > 0.005  # permuted inside datasets: no voice is planted
        assert only_speaker["speaker", reader].p_value < 0.01
        assert only_speaker["class", reader].p_value > 0.01
        assert only_speaker["dataset", reader].p_value > 0.01  # of 24 voices some are alike
        assert all(nothing[target, reader].p_value > 0.01 for target in PLANS)


def test_a_voice_is_not_taken_for_what_all_its_samples_share():
    """Each speaker has one class and a voice of its own: samples would read it, speakers do not."""
    study = make(n_speakers=40, takes=6, by_speaker=3.0, width=24, seed=5)
    study = study._replace(labels=(study.speaker_ids // 2) % 2)
    found = study.read()
    assert found["speaker", "linear"].score.value > 0.9
    for reader in ("linear", "knn"):
        assert found["class", reader].grouped
        assert found["class", reader].p_value > 0.02
        low, high = found["class", reader].null
        assert high - low > 0.2  # as many witnesses as speakers, not as samples


LAYOUTS = {
    "voices": {"by_speaker": 1.0},
    "each sample a speaker": {"n_speakers": 120, "takes": 1, "n_classes": 1},
    "whole speakers": {"by_speaker": 2.0, "n_speakers": 24, "takes": 6},
    "one speaker a dataset": {"n_speakers": 2, "takes": 60},
}


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
def test_chance_is_no_more_often_significant_than_it_says(layout, monkeypatch):
    monkeypatch.setattr(readout, "N_PERMUTATIONS", 39)
    monkeypatch.setattr(readout, "PLANS", {"class": plan_classes, "dataset": plan_datasets})
    for module in (readout, exact):  # to look the libraries up takes longer than so small a study
        monkeypatch.setattr(module, "threadpool_limits", lambda *_: nullcontext())
    p_values = {}
    for seed in range(40):
        study = make(seed=seed, width=4, **LAYOUTS[layout])
        if layout == "each sample a speaker":
            study = study._replace(labels=np.random.default_rng(seed).choice(3, 120, p=[0.5, 0.3, 0.2]))
        if layout == "whole speakers":
            study = study._replace(labels=study.speaker_ids // 2 % 2)
        for key, found in study.read(seed).items():
            if found.p_value is not None:
                p_values.setdefault(key, []).append(found.p_value)
    assert len(p_values) == 4
    for values in p_values.values():
        jitter = np.random.default_rng(0).random(40) / 40  # p comes in steps of 1 / 40
        assert kstest(np.array(values) - jitter, "uniform").pvalue > 0.001
        assert np.mean(np.array(values) <= 0.05) <= 0.15


@pytest.mark.parametrize(
    ("change", "target", "reason"),
    [
        ({"labels": np.zeros(40, int)}, "class", "all samples are of one class"),
        ({"labels": np.full(40, -1)}, "class", "no sample has a known class"),
        ({"labels": np.full(40, -1)}, "dataset", "no sample has a known class and dataset"),
        ({"dataset_ids": np.zeros(40, int)}, "dataset", "all samples are of one dataset"),
        ({"labels": np.arange(40) // 10 % 2}, "dataset", "no class is in every dataset"),
        ({"speaker_ids": np.zeros(40, int)}, "speaker", "fewer than two speakers have 5 samples or more"),
        ({"speaker_ids": np.arange(40)}, "speaker", "fewer than two speakers have 5 samples or more"),
        ({"speaker_ids": np.full(40, -1)}, "speaker", "fewer than two speakers have 5 samples or more"),
    ],
)
def test_where_there_is_nothing_to_read(change, target, reason):
    found = make(n_speakers=4)._replace(**change).read()
    assert set(found) == set(KEYS)
    for reader in ("linear", "knn"):
        each = found[target, reader]
        assert (each.score.value, each.score.reason, each.score.n) == (None, reason, 0)
        assert (each.null, each.p_value) == (None, None)
        assert np.isnan(each.chance)
        assert not each.used.any()


def test_the_interval_resamples_speakers_where_there_are_enough():
    found = make(n_speakers=8, by_class=0.6).read()["class", "knn"]
    hits = found.hits.reshape(8, 10).mean(axis=1)
    assert found.score.interval == "95 % bootstrap of 8 speakers"
    assert found.score.high - found.score.low == pytest.approx(2 * 1.96 * hits.std() / np.sqrt(8), rel=0.15)
    few = make(n_speakers=7, by_class=0.6).read()["class", "knn"]
    assert few.score.interval == "95 % Wilson, n = 70 (these 7 speakers only)"
    one = make(n_speakers=1, n_datasets=1).read()["class", "knn"]
    assert one.score.interval == "95 % Wilson, n = 10 (this speaker only)"
    alone = make(n_speakers=60, takes=1, by_class=0.6)
    alone = alone._replace(labels=np.arange(60) // 2 % 2).read()["class", "knn"]
    assert alone.score.interval == "95 % bootstrap of 60 samples"
    assert alone.note == "no two samples are known to share a speaker"


@pytest.mark.parametrize(
    "features",
    [
        np.zeros((40, 5)),
        np.ones((40, 1)),
        np.eye(40) * 3e38,
        np.eye(40) * 1e-40,
        np.repeat(np.arange(4.0), 10)[:, None] * [1.0, 0.0],
        np.vstack([np.zeros((39, 3)), [[1e38, -1e-38, 0.0]]]),
        np.random.default_rng(0).normal(size=(40, 300)),
    ],
)
def test_odd_features(features):
    found = make(n_speakers=4)._replace(features=features).read()
    for each in found.values():
        assert 0.0 <= each.score.low <= each.score.value <= each.score.high <= 1.0
        assert each.p_value is None or 0.0 < each.p_value <= 1.0
    if np.ptp(features) == 0.0:
        assert all(each.p_value is None or each.p_value > 0.01 for each in found.values())


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_the_smallest_studies(n):
    study = Study(np.arange(n)[:, None] + 1.0, np.arange(n) % 2, np.arange(n) % 2, np.arange(n))
    others = study._replace(speaker_ids=np.zeros(n, int)), study._replace(dataset_ids=np.arange(n) // 2)
    for one in (study, *others):
        for each in one.read().values():
            assert each.score.value is not None or each.score.reason


def test_features_that_are_not_finite_are_refused():
    study = make()
    study.features[3, 2] = np.nan
    with pytest.raises(DataError):
        study.read()


def test_more_samples_than_are_read(monkeypatch):
    monkeypatch.setattr("latentscape.measures.readout_plans.MOST_SAMPLES", 60)
    study = make(by_class=2.0)
    found = study.read()["class", "linear"]
    assert (found.score.n, int(found.used.sum()), len(found.used)) == (60, 60, 120)
    assert found.score.value > 0.9
    assert np.bincount(study.speaker_ids[found.used]) == pytest.approx(np.full(12, 5), abs=1)


def test_the_seed_alone_decides(monkeypatch):
    study = make(by_class=0.4, by_speaker=0.5)
    first, again = study.read(1), study.read(1)
    monkeypatch.setattr(readout, "count_threads", lambda: 1)
    alone = study.read(1)
    for key in KEYS:
        assert describe(first[key]) == describe(again[key]) == describe(alone[key])
    assert any(describe(first[key]) != describe(other) for key, other in study.read(2).items())


def describe(found: Readout):
    return found.score, found.null, found.p_value, found.hits.tolist(), found.used.tolist(), found.note


@pytest.mark.slow
def test_many_speakers_are_permuted_less_often():
    found = make(n_speakers=250, takes=5, n_classes=5, width=3).read()
    assert round(1 / found["speaker", "knn"].p_value - 1e-9) <= 40
    assert found["speaker", "knn"].p_value * 40 == pytest.approx(round(found["speaker", "knn"].p_value * 40))
