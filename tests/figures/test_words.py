import dataclasses

import pytest

from latentscape.figures.words import (
    say_accuracy,
    say_certainty,
    say_interval,
    say_number,
    say_relation,
    say_share,
    say_strongest_relation,
    say_trust,
    shows_relation,
)
from latentscape.measures.score import Score


def rho(value, low=None, high=None, *, n=28, reason=""):
    return Score(name="rho", value=value, n=n, low=low, high=high, better="neither", bounds=(-1.0, 1.0), reason=reason)


def test_numbers_have_two_decimals_and_a_real_minus():
    assert [say_number(x) for x in (-0.714, 0.0, -0.001, 1.0)] == ["−0.71", "0.00", "0.00", "1.00"]


def test_a_share_is_never_rounded_to_all_or_nothing():
    assert [say_share(x) for x in (0.0, 0.004, 0.5, 0.996, 1.0)] == ["0%", "0.4%", "50%", "99.6%", "100%"]


def test_relation_is_claimed_only_where_the_interval_leaves_zero_out():
    assert say_relation(rho(-0.7, -0.9, -0.4)) == "closer classes are confused more (ρ = −0.70)"
    assert say_relation(rho(0.7, 0.4, 0.9)) == "closer classes are confused less (ρ = 0.70)"
    assert say_relation(rho(-0.7, -0.9, 0.1)).startswith("no detectable")
    assert say_relation(rho(-0.7)).startswith("no detectable")
    assert "can't be compared" in say_relation(rho(None, reason="too few"))
    assert not shows_relation(rho(-0.7, -0.9, 0.0))


def test_certainty_says_pairs_and_interval_or_the_reason():
    assert say_certainty(rho(-0.7, -0.9, -0.4)) == "ρ over 28 class pairs, 95% interval [−0.90, −0.40]"
    assert say_certainty(rho(0.1, n=1)) == "ρ over 1 class pair"
    assert say_certainty(rho(None, reason="no two classes are mixed up")) == "no two classes are mixed up"
    assert say_interval(rho(0.1, low=0.0)) == ""


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        (
            [(-0.7, -0.9, -0.4), (-0.8, -0.9, -0.6)],
            "Closer classes are confused more in 2 of 2 layers, most in mlp (ρ = −0.80)",
        ),
        ([(-0.7, -0.9, -0.4), (-0.8, -0.9, 0.6)], "Closer classes are confused more in cnn (ρ = −0.70)"),
        ([(0.7, 0.4, 0.9), (None, None, None)], "No layer shows that closer classes are confused more"),
        ([(None, None, None), (None, None, None)], ""),
    ],
)
def test_the_strongest_relation_is_named(make_latents, scores, sentence):
    layers = make_latents(n=40, layers=("cnn", "mlp")).layers
    changed = [
        dataclasses.replace(layer, confusion=dataclasses.replace(layer.confusion, spearman=rho(*score)))
        for layer, score in zip(layers, scores, strict=True)
    ]
    assert say_strongest_relation(changed) == sentence


def accuracy(value, low, chance):
    scores = {"accuracy": Score(name="accuracy", value=value, n=50, low=low, high=1.0)}
    return scores if chance is None else scores | {"chance_accuracy": Score(name="chance_accuracy", value=chance, n=50)}


def test_accuracy_is_held_against_chance():
    assert say_accuracy(accuracy(0.6, 0.5, 0.2)) == (
        "60% of 50 samples predicted right, where always guessing the largest class gives 20%"
    )
    assert "not reliably better" in say_accuracy(accuracy(0.6, 0.5, 0.5))
    assert "not reliably better" in say_accuracy(accuracy(0.6, None, 0.2))
    assert say_accuracy(accuracy(0.6, 0.5, None)) == "60% of 50 samples predicted right"
    assert say_accuracy({}) == say_accuracy(accuracy(None, None, 0.2)) == ""


def test_trust_says_n_and_recall_or_why_not(make_latents):
    drawn = make_latents(n=300, layers=("mlp",)).layers[0].maps["tsne"]
    assert say_trust(drawn) == "n = 300 · neighbor recall@15 0.65 [0.63, 0.67]"
    alone = make_latents(n=1, layers=("mlp",), class_names=("Calm",)).layers[0].maps["tsne"]
    assert say_trust(alone) == "n = 1 · a single sample has no neighbors"
