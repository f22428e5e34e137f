import dataclasses

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from latentscape.figures.confusion_distance import choose_named, draw_confusion_distance
from latentscape.figures.render import render_png
from latentscape.figures.style import Style
from latentscape.measures.distance import ConfusionAgainstDistance
from latentscape.measures.score import Score

HOSTILE = ("Rất vui vẻ và phấn khởi tột độ ở Thành phố Hồ Chí Minh", "$x_$", "{", "a\\frac{", "中立", "平静")


def make_confusion(distances, rates, *, value=None, reason="all classes are equally far apart"):
    n = len(distances)
    return ConfusionAgainstDistance(
        pairs=np.array([(0, i + 1) for i in range(n)], dtype=int).reshape(-1, 2),
        distances=np.array(distances, dtype=float),
        rates=np.array(rates, dtype=float),
        spearman=Score(name="rho", value=value, n=n, better="neither", bounds=(-1.0, 1.0), reason=reason),
        centroids=np.zeros((n + 1, 2)),
        metric="cosine",
    )


def with_confusion(findings, confusion):
    layers = tuple(dataclasses.replace(layer, confusion=confusion) for layer in findings.layers)
    return dataclasses.replace(findings, layers=layers)


def offsets(axes):
    return np.concatenate([np.asarray(c.get_offsets()) for c in axes.collections])


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"n": 1, "class_names": ("Calm",)},
        {"n": 30, "class_names": ("Calm", "Sad"), "layers": ("cnn",)},
        {"n": 900, "class_names": HOSTILE, "layers": ("x" * 150, "mlp"), "stamps": ("weights were missing " * 20,)},
        {"n": 900, "class_names": tuple(f"class {i}" for i in range(20)), "layers": tuple("abcd")},
        {"n": 300, "layers": tuple(f"encoder.layers.{i}" for i in range(8))},
    ],
    ids=["usual", "one sample", "one pair", "hostile", "190 pairs", "eight layers"],
)
def test_every_text_is_on_the_paper_and_on_no_other(make_latents, assert_tidy, choice):
    figure = draw_confusion_distance(make_latents(**choice), Style())
    assert_tidy(figure)
    renderer = FigureCanvasAgg(figure).get_renderer()
    for axes in figure.axes:
        ticks = axes.get_tightbbox(renderer)
        assert ticks.x0 >= 0 and ticks.y0 >= 0 and ticks.x1 <= figure.bbox.x1


def test_each_pair_is_a_dot_in_every_panel(make_latents):
    findings = make_latents(layers=("cnn", "mlp"))
    figure = draw_confusion_distance(findings, Style())
    for axes, layer in zip(figure.axes, findings.layers, strict=True):
        wanted = np.stack([layer.confusion.distances, layer.confusion.rates], axis=1)
        drawn = offsets(axes)
        assert np.array_equal(drawn[np.lexsort(drawn.T)], wanted[np.lexsort(wanted.T)])
        assert axes.get_xlabel() == "cosine distance between class centroids"
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()


def test_titles_say_the_finding(make_latents):
    texts = [text.get_text() for text in draw_confusion_distance(make_latents(), Style()).figure.texts]
    assert texts[0] == "Closer classes are confused more in 2 of 3 layers, most in mlp (ρ = −0.49)"
    assert "Closer classes are confused more (ρ = −0.49)" in texts
    assert "No detectable link of distance and confusion (ρ = −0.34)" in texts
    assert any(text.startswith("ρ over 28 class pairs, 95% interval [") for text in texts)


def test_the_most_confused_pairs_and_the_closest_are_named(make_latents):
    confusion = make_confusion([0.5, 0.1, 0.9, 0.7, 0.6, 0.8], [0.2, 0.0, 0.4, 0.1, 0.3, 0.05])
    most, closest = choose_named(confusion)
    assert sorted(most) == [0, 2, 3, 4] and list(closest) == [1]
    figure = draw_confusion_distance(with_confusion(make_latents(n=60, layers=("mlp",)), confusion), Style())
    names = {text.get_text() for text in figure.axes[0].texts}
    assert names == {"Neutral–Calm", "Neutral–Happy", "Neutral–Sad", "Neutral–Angry", "Neutral–Fearful"}


def test_a_pair_that_is_never_confused_is_not_called_confused():
    most, closest = choose_named(make_confusion([0.5, 0.1], [0.0, 0.0]))
    assert len(most) == 0 and list(closest) == [1]
    most, closest = choose_named(make_confusion([0.5, 0.1], [0.0, 0.2]))
    assert list(most) == [1] and len(closest) == 0
    assert [len(rows) for rows in choose_named(make_confusion([], []))] == [0, 0]


@pytest.mark.parametrize(
    ("distances", "rates"),
    [
        ([0.4, 0.4, 0.4], [0.1, 0.2, 0.3]),
        ([0.0, 0.0], [0.0, 0.0]),
        ([0.1, np.nan, 0.3], [0.1, 0.2, np.nan]),
        ([1e-9, 2e-9], [1, 1]),
    ],
)
def test_a_correlation_that_does_not_exist_says_why(make_latents, assert_tidy, distances, rates):
    findings = with_confusion(make_latents(n=60, layers=("cnn", "mlp")), make_confusion(distances, rates))
    figure = draw_confusion_distance(findings, Style())
    assert_tidy(figure)
    texts = [text.get_text() for text in figure.texts]
    assert "all classes are equally far apart" in texts
    assert texts[0] == "Distance of classes and their confusion can't be compared here"
    known = np.isfinite(distances) & np.isfinite(rates)
    assert len(offsets(figure.axes[0])) == known.sum()


def test_without_pairs_the_panel_says_so(make_latents):
    figure = draw_confusion_distance(make_latents(n=5, class_names=("Calm",), layers=("mlp",)), Style())
    assert [text.get_text() for text in figure.axes[0].texts] == ["no pair of classes to compare"]
    assert not figure.axes[0].collections


def test_without_layers_there_is_no_picture(make_latents):
    assert draw_confusion_distance(make_latents(n=20, layers=()), Style()) is None


@pytest.mark.parametrize("dark", [False, True])
def test_equal_findings_give_equal_bytes(make_latents, dark):
    first, second = (
        render_png(draw_confusion_distance(make_latents(n=80, layers=("mlp",)), Style(dark=dark))) for _ in range(2)
    )
    assert first == second
