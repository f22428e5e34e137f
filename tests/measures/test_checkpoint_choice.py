import numpy as np
import pytest

from latentscape.errors import DataError
from latentscape.measures.checkpoint_choice import choose_checkpoint
from latentscape.measures.tallies import Tally, adjust_changes


def tally(values, *, below=None, better="higher", bounds=(0.0, 1.0), name="accuracy"):
    above = np.asarray(values, dtype=float)[:, None]
    below = np.ones(above.shape) if below is None else np.asarray(below, dtype=float)[:, None]
    return Tally(name=name, above=above, below=below, weights=np.ones(1), better=better, bounds=bounds)


def choose(*values, seed=0, **facts):
    tallies = [each if isinstance(each, Tally) else tally(each, **facts) for each in values]
    clusters = np.arange(len(tallies[0].above))
    return choose_checkpoint(tallies, clusters=clusters, cluster_name="samples", seed=seed)


def share(k, n=100):
    return np.arange(n) < k


def test_the_best_is_recommended_and_what_chance_explains_is_a_rival():
    found = choose(share(40), share(70), share(69))
    assert (found.score, found.recommended, found.rivals, found.overfitting) == ("accuracy", 1, (2,), None)
    assert [each.score.value for each in found.against_best] == pytest.approx([-0.3, 0.0, -0.01])
    assert [each.is_detected for each in found.against_best] == [True, False, False]
    assert (found.against_best[1].p_value, found.against_best[1].score.name) == (None, "accuracy_delta")
    assert found.against_best[0].adjusted == pytest.approx(3 * found.against_best[0].p_value)  # of three pairs


def test_training_too_long_is_told():
    found = choose(share(40), share(80), share(60))
    assert found.recommended == 1
    assert found.overfitting == found.against_best[2]
    assert found.overfitting.score.value == pytest.approx(-0.2)


def test_getting_better_is_no_overfitting():
    found = choose(share(40), share(60), share(80))
    assert (found.recommended, found.rivals, found.overfitting) == (2, (), None)


def test_of_equal_ones_the_earliest_is_taken():
    found = choose(share(50), share(70), share(70) + 1e-9)
    assert (found.recommended, found.rivals) == (1, (2,))
    assert choose(share(50), share(50)).recommended == 0


def test_lower_may_be_better():
    losses = np.random.default_rng(0).random(200)
    found = choose(losses, losses * 0.5, losses * 0.9, better="lower", bounds=(0.0, 27.6), name="log_loss")
    assert (found.score, found.recommended) == ("log_loss", 1)
    assert found.overfitting is not None
    assert found.overfitting.score.value > 0


def test_without_values_the_first_is_taken_and_nothing_is_claimed():
    nothing = tally(np.zeros(4), below=np.zeros(4))
    found = choose(nothing, nothing, nothing)
    assert (found.recommended, found.rivals, found.overfitting) == (0, (1, 2), None)
    assert all(each.score.value is None and each.score.reason for each in found.against_best)


def test_a_checkpoint_alone():
    found = choose(share(3, 5))
    assert (found.recommended, found.rivals, len(found.against_best)) == (0, (), 1)


def test_the_same_checkpoint_twice():
    found = choose(share(30), share(30))
    assert (found.recommended, found.rivals, found.overfitting) == (0, (1,), None)
    assert found.against_best[1].p_value == 1.0


def test_different_samples_are_refused():
    with pytest.raises(DataError, match="same score on the same samples"):
        choose(share(3, 5), share(3, 6))


def draw_equal(seed, *, n_models, n=200):
    random = np.random.default_rng(seed)
    hard = random.normal(size=n)
    return [hard + random.normal(size=n) * 0.7 > 0 for _ in range(n_models)]


@pytest.mark.parametrize("n_models", [2, 3, 6])
def test_of_equally_good_models_none_is_called_worse(n_models):
    """Comparing the luckiest of six with the others only would be wrong in one study of ten."""
    claims = overfitted = naive = 0
    n_studies = 60 if n_models == 6 else 150
    for seed in range(n_studies):
        found = choose(*draw_equal(seed, n_models=n_models), seed=seed)
        claims += len(found.rivals) < n_models - 1
        overfitted += found.overfitting is not None
        asked = {i: each for i, each in enumerate(found.against_best) if i != found.recommended}
        naive += any(each.is_detected for each in adjust_changes(asked).values())
    assert claims / n_studies <= 0.06
    assert overfitted <= claims <= naive


def test_a_model_that_was_trained_too_long_is_mostly_found():
    found = 0
    for seed in range(40):
        random = np.random.default_rng(seed)
        hard = random.normal(size=400)
        models = [hard + 0.7 * random.normal(size=400) > each for each in (0.3, -0.6, -0.5, 0.2)]
        choice = choose(*models, seed=seed)
        found += choice.overfitting is not None and choice.recommended in {1, 2}
    assert found >= 36
