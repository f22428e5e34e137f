import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from latentscape.figures.confusion_distance import draw_confusion_distance
from latentscape.figures.confusion_scatter import choose_marked, choose_named, find_known_pairs
from latentscape.figures.relation_words import judge_map, say_layers, say_misled, say_p
from latentscape.figures.render import render_png
from latentscape.figures.style import Style
from latentscape.measures.distance import ConfusionAgainstDistance
from latentscape.measures.score import Score

from .class_values import KINDS, make_rho, with_distances

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


def change_layers(findings, **changes):
    return dataclasses.replace(
        findings, layers=tuple(dataclasses.replace(layer, **changes) for layer in findings.layers)
    )


def texts_of(figure):
    return [text.get_text() for text in figure.texts]


def offsets(axes):
    return np.concatenate([np.asarray(c.get_offsets()) for c in axes.collections])


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"n": 30, "class_names": ("Calm", "Sad", "Angry"), "layers": ("cnn",)},
        {"n": 900, "class_names": HOSTILE, "layers": ("x" * 150, "mlp"), "stamps": ("weights were missing " * 20,)},
        {"n": 900, "class_names": tuple(f"class {i}" for i in range(20)), "layers": tuple("abcd")},
        {"n": 300, "layers": tuple(f"encoder.layers.{i}" for i in range(8))},
    ],
    ids=["usual", "three pairs", "hostile", "190 pairs", "eight layers"],
)
@pytest.mark.slow
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


@pytest.mark.parametrize("names", [("Calm",), ("Calm", "Happy")])
def test_a_single_pair_is_held_against_nothing(make_latents, names):
    assert draw_confusion_distance(make_latents(n=5, class_names=names, layers=("mlp",)), Style()) is None


def test_without_layers_there_is_no_picture(make_latents):
    assert draw_confusion_distance(make_latents(n=20, layers=()), Style()) is None


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.slow
def test_equal_findings_give_equal_bytes(make_latents, dark):
    first, second = (
        render_png(draw_confusion_distance(make_latents(n=80, layers=("mlp",)), Style(dark=dark))) for _ in range(2)
    )
    assert first == second


VIETNAMESE = ("Vui vẻ", "Buồn bã", "Giận dữ", "Sợ hãi", "Ghê tởm", "Ngạc nhiên", "Bình tĩnh", "Trung tính")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choice", "distances"),
    [
        ({"n": 900, "class_names": VIETNAMESE, "layers": ("mlp",)}, {"mantel_p": None, "kinds": ("mmd",)}),
        ({"n": 30, "class_names": ("Calm", "Sad", "Angry"), "layers": ("cnn",)}, {}),
        (
            {"n": 900, "class_names": HOSTILE, "layers": ("x" * 150, "mlp"), "stamps": ("weights were missing " * 20,)},
            {},
        ),
        ({"n": 900, "class_names": tuple(f"class {i}" for i in range(40)), "layers": ("mlp",)}, {"kinds": ("pca",)}),
        ({"n": 300, "layers": tuple("abc")}, {"noise": {"tsne": 3.0}, "mantel_p": 0.3}),
    ],
    ids=["no p", "three pairs", "hostile", "780 pairs", "three layers"],
)
def test_rows_of_several_distances_are_tidy(make_latents, assert_tidy, choice, distances):
    figure = draw_confusion_distance(with_distances(make_latents(**choice), **distances), Style())
    assert_tidy(figure)
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [axes.get_tightbbox(renderer) for axes in figure.axes]
    for box in boxes:
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1
    for left, right in pairwise(boxes):
        assert left.x1 <= right.x0 or left.y0 >= right.y1 or right.x1 <= left.x0


def test_a_row_has_the_space_mmd_the_map_and_every_correlation(make_latents):
    findings = with_distances(make_latents(layers=("cnn", "mlp")))
    figure = draw_confusion_distance(findings, Style())
    rows = [figure.axes[:4], figure.axes[4:]]
    for (own, mmd, on_map, strip), layer in zip(rows, findings.layers, strict=True):
        drawn = (layer.confusion, layer.other_confusions["mmd"], layer.other_confusions["tsne"])
        for axes, confusion in zip((own, mmd, on_map), drawn, strict=True):
            assert sorted(offsets(axes)[:, 0]) == sorted(confusion.distances)
            assert axes.get_ylim() == figure.axes[0].get_ylim()
        names = [label.get_text() for label in strip.get_yticklabels()]
        assert names == ["cosine", "Euclidean", "Mahalanobis", "MMD", "t-SNE map", "UMAP map"]
        dots = [line.get_xdata()[0] for line in strip.lines if line.get_marker() in ("o", "s")]
        wanted = [layer.confusion, *(layer.other_confusions[kind] for kind in KINDS)]
        assert dots == [confusion.spearman.value for confusion in wanted]
        assert [text.get_text() for text in strip.texts] == ["p = 0.012"] * 6


def test_a_hollow_mark_is_an_interval_that_holds_zero(make_latents):
    findings = with_distances(make_latents(layers=("mlp",)), kinds=("euclidean", "tsne"))
    layer = findings.layers[0]
    scores = {"euclidean": make_rho(-0.6, -0.8, -0.3), "tsne": make_rho(-0.2, -0.5, 0.1)}
    others = {kind: dataclasses.replace(layer.other_confusions[kind], spearman=score) for kind, score in scores.items()}
    findings = change_layers(findings, other_confusions=others)
    strip = draw_confusion_distance(findings, Style()).axes[-1]
    faces = [line.get_markerfacecolor() for line in strip.lines if line.get_marker() in ("o", "s")]
    theme = Style().theme
    assert faces[1:] == [theme.ink, theme.paper]


def test_a_map_that_a_layer_lacks_is_said(make_latents):
    findings = with_distances(make_latents(layers=("cnn", "mlp")), kinds=("tsne",))
    bare = dataclasses.replace(findings.layers[1], other_confusions={})
    figure = draw_confusion_distance(dataclasses.replace(findings, layers=(findings.layers[0], bare)), Style())
    shown = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert "no t-SNE map of this layer" in shown


def surprising(surprise, **changes):
    n = len(surprise)
    base = make_confusion(np.linspace(0.1, 0.9, n), np.linspace(0.4, 0.1, n))
    base = dataclasses.replace(base, surprise=np.array(surprise, dtype=float), expected=np.full(n, 0.2))
    return dataclasses.replace(base, **changes)


def test_only_surprises_of_two_deviations_are_marked():
    marked = choose_marked(surprising([0.1, 2.0, -1.99, -4.0, 3.0, -2.5, 1.9]))
    assert list(marked.more) == [4, 1] and list(marked.less) == [3, 5]
    assert set(marked.named) == {0, 1, 2, 3, 4, 5}
    nothing = choose_marked(surprising([np.nan] * 7))
    assert not len(nothing.more) and not len(nothing.less)
    unmeasured = choose_marked(make_confusion([0.5, 0.1], [0.1, 0.2]))
    assert not len(unmeasured.more) and not len(unmeasured.less)


def test_a_pair_without_a_distance_is_no_surprise():
    confusion = surprising([5.0, -5.0, 0.0], distances=np.array([np.nan, 0.2, 0.3]))
    marked = choose_marked(confusion)
    assert not len(marked.more) and list(marked.less) == [1] and list(find_known_pairs(confusion)) == [1, 2]


def test_a_dash_is_the_expected_rate_and_a_line_leads_to_each_surprise(make_latents):
    confusion = surprising([0.1, 2.5, 0.0, -4.0, 0.2, np.nan, 0.1], expected=np.linspace(0.3, 0.2, 7))
    axes = draw_confusion_distance(with_confusion(make_latents(n=60, layers=("mlp",)), confusion), Style()).axes[0]
    dashes, more, less = axes.lines[:3]
    assert np.array_equal(dashes.get_xdata(), confusion.distances)
    assert np.array_equal(dashes.get_ydata(), confusion.expected)
    for line, row in ((more, 1), (less, 3)):
        ends = (confusion.expected[row], confusion.rates[row], np.nan)
        assert np.array_equal(line.get_ydata(), ends, equal_nan=True)
        assert set(line.get_xdata()) == {confusion.distances[row]}


def test_surprises_are_triangles_and_explained(make_latents):
    confusion = surprising([0.1, 2.5, 0.0, -4.0, 0.2, 0.0, 0.1])
    figure = draw_confusion_distance(with_confusion(make_latents(n=60, layers=("mlp",)), confusion), Style())
    shapes = {len(c.get_paths()[0].vertices): len(c.get_offsets()) for c in figure.axes[0].collections[-2:]}
    assert list(shapes.values()) == [1] and set(shapes) == {4}
    assert {"more confused than their distance predicts", "close, yet kept apart"} <= set(texts_of(figure))
    assert any("2 standard deviations" in text for text in texts_of(figure))
    calm = draw_confusion_distance(with_confusion(make_latents(n=60, layers=("mlp",)), surprising([0.0] * 7)), Style())
    assert not any("standard deviations" in text or "predicts" in text for text in texts_of(calm))


@pytest.mark.parametrize(
    ("on_map", "in_space", "verdict"),
    [
        ((-0.1, -0.2, 0.0), (-0.7, -0.8, -0.5), "weaker"),
        ((-0.9, -0.95, -0.8), (-0.5, -0.7, -0.3), "stronger"),
        ((0.5, 0.2, 0.7), (-0.5, -0.7, -0.3), "opposite"),
        ((-0.6, -0.8, -0.4), (-0.7, -0.8, -0.5), "alike"),
        ((-0.3, -0.6, 0.1), (-0.6, -0.8, -0.3), "hidden"),
        ((-0.6, -0.8, -0.3), (-0.3, -0.6, 0.1), "map only"),
        ((-0.3, -0.6, 0.1), (-0.2, -0.6, 0.1), "neither"),
        ((-0.9, None, None), (0.9, None, None), "neither"),
        ((None, None, None), (-0.2, -0.6, 0.1), "unknown"),
    ],
)
def test_a_map_misleads_only_where_the_intervals_lie_apart(make_latents, on_map, in_space, verdict):
    assert judge_map(make_rho(*on_map), make_rho(*in_space)) == verdict
    findings = with_distances(make_latents(layers=("mlp",)), kinds=("tsne",))
    layer = findings.layers[0]
    layer = dataclasses.replace(
        layer,
        confusion=dataclasses.replace(layer.confusion, spearman=make_rho(*in_space)),
        other_confusions={"tsne": dataclasses.replace(layer.other_confusions["tsne"], spearman=make_rho(*on_map))},
    )
    said = say_misled([layer], "tsne")
    assert bool(said) == (verdict in ("weaker", "stronger", "opposite"))
    figure = draw_confusion_distance(dataclasses.replace(findings, layers=(layer,)), Style())
    assert any(text.startswith("Misleads") for text in texts_of(figure)) == bool(said)
    assert any(text.startswith("The t-SNE map misleads in mlp") for text in texts_of(figure)) == bool(said)


def test_a_permutation_that_does_as_well_is_said(make_latents):
    findings = make_latents(layers=("mlp",))
    confusion = dataclasses.replace(findings.layers[0].confusion, spearman=make_rho(-0.6, -0.8, -0.3), mantel_p=0.31)
    layers = change_layers(findings, confusion=confusion).layers
    assert "In mlp classes exchanged at random give as much (Mantel p = 0.31)" in say_layers(layers)
    sure = change_layers(findings, confusion=dataclasses.replace(confusion, mantel_p=0.001)).layers
    assert say_layers(sure) == "Closer classes are confused more in mlp (ρ = −0.60)"


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (None, ""),
        (0.0001, "p < 0.001"),
        (0.001, "p = 0.001"),
        (0.0499, "p = 0.050"),
        (0.2, "p = 0.20"),
        (1.0, "p = 1.00"),
    ],
)
def test_small_p_values_keep_their_digits(p, said):
    assert say_p(p) == said


@pytest.mark.parametrize("dark", [False, True])
def test_rows_give_equal_bytes(make_latents, dark):
    findings = with_distances(make_latents(n=80, layers=("mlp",)))
    first, second = (render_png(draw_confusion_distance(findings, Style(dark=dark)), dpi=60) for _ in range(2))
    assert first == second


MANY = (*(f"encoder.layers.{i}" for i in range(25)), "logits")
DRAWN = [0, 12, 24, 25]


@pytest.mark.slow
@pytest.mark.parametrize("several", [False, True])
def test_of_many_layers_some_are_drawn_and_all_have_their_correlation(make_latents, assert_tidy, several):
    findings = make_latents(layers=MANY)
    findings = with_distances(findings) if several else findings
    figure = draw_confusion_distance(findings, Style())
    assert_tidy(figure)
    assert figure.get_figheight() < 25
    heads = [text.split(" · ")[0] for text in texts_of(figure)]
    assert [name for name in MANY if name in heads] == [MANY[i] for i in DRAWN]
    assert "Of 26 layers 4 are drawn pair by pair" in " ".join(texts_of(figure))
    overview = figure.axes[0]
    curves = [line for line in overview.lines if len(line.get_xdata()) == len(MANY)]
    kinds = [[layer.confusion for layer in findings.layers]]
    kinds += [[layer.other_confusions["mmd"] for layer in findings.layers]] if several else []
    for curve, confusions in zip(curves, kinds, strict=True):
        assert list(curve.get_ydata()) == [confusion.spearman.value for confusion in confusions]
    assert [round(patch.get_x() + 0.5) for patch in overview.patches] == DRAWN


def test_an_overview_of_nothing_says_so(make_latents, assert_tidy):
    findings = with_confusion(make_latents(n=60, layers=MANY), make_confusion([0.4, 0.4, 0.4], [0.1, 0.2, 0.3]))
    figure = draw_confusion_distance(findings, Style())
    assert_tidy(figure)
    assert [text.get_text() for text in figure.axes[0].texts] == ["no layer's correlation can be measured"]


def test_few_layers_have_no_overview(make_latents):
    figure = draw_confusion_distance(make_latents(n=60, layers=MANY[-8:]), Style())
    assert len(figure.axes) == 8
    assert "In every layer" not in texts_of(figure)
