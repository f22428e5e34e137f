import dataclasses
from itertools import combinations

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from latentscape.figures.latent_spaces import draw_latent_spaces
from latentscape.figures.render import render_png
from latentscape.figures.style import Style
from latentscape.figures.swarm import MOST_MARKERS
from latentscape.measures.score import Score

from .conftest import build_trust

HOSTILE = (
    "Rất vui vẻ và phấn khởi tột độ ở Thành phố Hồ Chí Minh",
    "$x_$",
    "{",
    "a\\frac{",
    "中立",
    "平静",
    "",
    "a\nb\u202e",
)
MANY = HOSTILE + tuple(f"class number {i}" for i in range(12))


def titles(figure):
    return [text.get_text() for text in figure.texts]


def shown(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"n": 1, "class_names": ("Calm",), "dataset_names": ("x",), "notice": "Too few samples for a map."},
        {"n": 2, "class_names": ("Calm", "Sad"), "layers": ("cnn",)},
        {"n": 300, "class_names": MANY, "dataset_names": ("a", "$b$", "c" * 80, "d", "e", "f"), "layers": ("x" * 150,),
         "stamps": ("weights were missing: " + "encoder.layers.0 " * 20,), "notice": "a long notice " * 12},
        {"n": 60, "layers": tuple(f"encoder.layers.{i}" for i in range(8)), "methods": ("umap",)},
    ],
    ids=["usual", "one sample", "two samples", "stress", "eight layers"],
)  # fmt: skip
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(make_latents, assert_tidy, choice):
    assert_tidy(draw_latent_spaces(make_latents(**choice), Style()))


def test_one_row_a_layer_one_column_a_method(make_latents):
    figure = draw_latent_spaces(make_latents(n=60, layers=("cnn", "encoder", "mlp")), Style())
    assert len(figure.axes) == 6
    labels = [(axes.get_xlabel(), axes.get_ylabel()) for axes in figure.axes]
    assert labels == [("t-SNE 1", "t-SNE 2"), ("UMAP 1", "UMAP 2")] * 3
    assert all(not len(axes.get_xticks()) and not len(axes.get_yticks()) for axes in figure.axes)


def test_each_panel_says_layer_method_n_and_neighbor_recall(make_latents):
    figure = draw_latent_spaces(make_latents(n=60, layers=("cnn", "mlp")), Style())
    for axes, name in zip(figure.axes, ("cnn · t-SNE", "cnn · UMAP", "mlp · t-SNE", "mlp · UMAP"), strict=True):
        assert name in shown(axes)
        assert any(text.startswith("n = 60 · neighbor recall@15 0.") for text in shown(axes))


def test_title_says_accuracy_and_each_row_says_its_finding(make_latents):
    texts = titles(draw_latent_spaces(make_latents(), Style()))
    assert texts[0] == "87% of 480 samples predicted right, where always guessing the largest class gives 15%"
    assert texts[1] == "Closer classes are confused more in 2 of 3 layers, most in mlp (ρ = −0.49)"
    assert any(text.startswith("cnn: no detectable link") for text in texts)
    assert any(text.startswith("mlp: closer classes are confused more") for text in texts)


def test_a_missing_map_is_said_where_it_is_missing(make_latents):
    findings = make_latents(n=60, layers=("cnn", "mlp"))
    cnn = dataclasses.replace(findings.layers[0], maps={"tsne": findings.layers[0].maps["tsne"]})
    figure = draw_latent_spaces(dataclasses.replace(findings, layers=(cnn, findings.layers[1])), Style())
    assert shown(figure.axes[1]) == ["no UMAP map of this layer"]
    assert len(figure.axes) == 4


def test_without_maps_there_is_no_picture(make_latents):
    assert draw_latent_spaces(make_latents(n=20, methods=()), Style()) is None
    assert draw_latent_spaces(make_latents(n=20, layers=()), Style()) is None


def test_pca_is_drawn_only_where_nothing_better_was_made(make_latents):
    layers = ("mlp",)
    alone = draw_latent_spaces(make_latents(n=20, layers=layers, methods=("pca",)), Style())
    assert [axes.get_xlabel() for axes in alone.axes] == ["PCA 1"]
    both = draw_latent_spaces(make_latents(n=20, layers=layers, methods=("pca", "tsne")), Style())
    assert [axes.get_xlabel() for axes in both.axes] == ["t-SNE 1"]


def test_each_class_with_samples_is_named_once_in_every_panel(make_latents):
    findings = make_latents(n=200, layers=("cnn", "mlp"))
    present = {findings.class_names[label] for label in findings.labels}
    for axes in draw_latent_spaces(findings, Style()).axes:
        assert sorted(text for text in shown(axes) if text in findings.class_names) == sorted(present)


def test_class_labels_do_not_overlap_nor_leave_their_panel(make_latents):
    figure = draw_latent_spaces(make_latents(n=300, class_names=MANY, layers=("cnn",)), Style())
    FigureCanvasAgg(figure).draw()
    for axes in figure.axes:
        panel = axes.get_window_extent()
        boxes = [label.get_window_extent() for label in axes.findobj(Rectangle) if label.get_zorder() == 6.0]
        assert len(boxes) == len(MANY)
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))
        assert all(panel.contains(*corner) for box in boxes for corner in (box.min, box.max))


def test_legend_lies_beside_the_panels(make_latents, find_texts):
    figure = draw_latent_spaces(make_latents(n=60, layers=("mlp",), dataset_names=("a" * 60, "b")), Style())
    right = max(axes.get_window_extent().x1 for axes in figure.axes)
    legend = {text.get_text(): box for text, box in find_texts(figure) if box.x0 > right}
    assert {"True class", "Dataset", "class centroid"} <= set(legend)
    assert {text.rpartition(" (")[0] for text in legend} >= {"Neutral", "Surprised", "b"}
    handles = [artist.get_window_extent() for artist in figure.artists]
    assert len(handles) == 8 + 2 + 1
    assert all(box.x0 > right for box in handles)


def test_every_sample_is_drawn_once_in_its_color_and_marker(make_latents):
    findings = make_latents(n=90, layers=("mlp",), methods=("tsne",))
    style = Style(class_colors={"Calm": "#010203"})
    figure = draw_latent_spaces(findings, style)
    points = [c for c in figure.axes[0].collections if c.get_zorder() == 2]
    drawn = {
        tuple(xy): (to_hex(color), len(path.vertices))
        for c in points
        for xy, color, path in zip(c.get_offsets(), c.get_facecolors(), c.get_paths(), strict=True)
    }
    corners = {drawn[tuple(xy)][1] for xy in findings.layers[0].maps["tsne"].latent_map.xy}
    assert len(drawn) == 90 and len(corners) == 2
    for xy, label in zip(findings.layers[0].maps["tsne"].latent_map.xy, findings.labels, strict=True):
        assert drawn[tuple(xy)][0] == to_hex(style.class_color(findings.class_names[label], int(label)))


def test_samples_of_unknown_class_are_muted_and_have_no_centroid(make_latents):
    findings = make_latents(n=40, layers=("mlp",), methods=("tsne",), class_names=("Calm",))
    findings = dataclasses.replace(findings, labels=np.where(np.arange(40) < 5, -1, 0))
    figure = draw_latent_spaces(findings, Style())
    centroids = [c for c in figure.axes[0].collections if c.get_zorder() == 8]
    assert sum(len(c.get_offsets()) for c in centroids) == 1
    assert "unknown (5)" in titles(figure)


def test_stamps_are_on_the_picture(make_latents):
    figure = draw_latent_spaces(make_latents(n=20, layers=("mlp",), stamps=("weights were missing",)), Style())
    assert titles(figure)[0] == "Warning: weights were missing"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.slow
def test_equal_findings_give_equal_bytes(make_latents, dark):
    first, second = (
        render_png(draw_latent_spaces(make_latents(n=80, layers=("mlp",)), Style(dark=dark))) for _ in range(2)
    )
    assert first == second


def weaken(findings, share, *, recall=0.5, rank=0.9):
    n = len(findings.ids)
    weak = np.arange(n) < share * n
    score = Score(name="neighbor_recall", value=recall, n=n)

    def judge(drawn):
        return dataclasses.replace(drawn, trust=build_trust(n, score, weak=weak, rank=rank))

    layers = tuple(
        dataclasses.replace(layer, maps={method: judge(drawn) for method, drawn in layer.maps.items()})
        for layer in findings.layers
    )
    return dataclasses.replace(findings, layers=layers)


def test_weak_points_are_faint_and_explained(make_latents):
    findings = weaken(make_latents(n=100, layers=("mlp",)), 0.2)
    figure = draw_latent_spaces(findings, Style())
    assert "faint: fewer than 1 in 5 neighbors kept" in titles(figure)
    for axes in figure.axes:
        layers = [c for c in axes.collections if c.get_zorder() == 2]
        alphas = np.concatenate([c.get_facecolors()[:, 3] for c in layers])
        assert (alphas < 0.5).sum() == 20
        assert any("faint: 20 of 100 points" in text for text in shown(axes))
    plain = draw_latent_spaces(findings, Style(show_trust=False))
    assert not any("faint" in text for text in titles(plain))


def test_low_trust_is_in_the_title(make_latents):
    findings = weaken(make_latents(n=100, layers=("mlp",)), 0.0, recall=0.06)
    assert "Low trust: neighbors on these maps" in " ".join(titles(draw_latent_spaces(findings, Style())))


def test_settings_are_below_each_panel(make_latents):
    for axes in draw_latent_spaces(make_latents(n=30, layers=("mlp",)), Style()).axes:
        assert any("metric cosine · seed 0" in text for text in shown(axes))


def test_a_name_leaves_a_centroid_that_lies_outside_of_its_class(make_latents, assert_tidy):
    findings = make_latents(n=120, layers=("mlp",), methods=("tsne",), class_names=("Calm", "Sad"))
    turn = 2.4 * np.arange(120)
    xy = np.stack([np.cos(turn), np.sin(turn)], axis=1) * np.where(findings.labels == 0, 5, 1)[:, None]
    drawn = findings.layers[0].maps["tsne"]
    drawn = dataclasses.replace(drawn, latent_map=dataclasses.replace(drawn.latent_map, xy=xy))
    layer = dataclasses.replace(findings.layers[0], maps={"tsne": drawn})
    figure = draw_latent_spaces(dataclasses.replace(findings, layers=(layer,)), Style())
    (dots,) = [c for c in figure.axes[0].collections if c.get_zorder() == 8]
    np.testing.assert_allclose(dots.get_offsets()[0], xy[findings.labels == 0].mean(axis=0))
    assert "A name points to its class's densest place" in " ".join(titles(figure))
    assert_tidy(figure)


def test_many_samples_are_one_picture(make_latents):
    findings = make_latents(n=MOST_MARKERS + 1, layers=("mlp",), methods=("tsne",))
    figure = draw_latent_spaces(findings, Style())
    assert len(figure.axes[0].images) == 1
    assert "Dataset" not in titles(figure)
    assert "Markers can't be shown" in " ".join(titles(figure))
