"""The maps of a feature matrix: what each says, and that nothing a user brings breaks them."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from latentscape.figures.class_legend import MOST_ENTRIES
from latentscape.figures.class_tags import MOST_TAGS
from latentscape.figures.feature_maps import draw_feature_maps
from latentscape.figures.render import render_png
from latentscape.figures.style import CLASS_COLORS, Style
from latentscape.figures.swarm import MOST_MARKERS

from .map_findings import draw_trusted, lose_rows, make_blobs, make_maps, make_trust

HOSTILE = (
    "Cho thuê phòng trọ Quận 10 gần trường Đại học Bách khoa, 25m², giá 5.5 triệu",
    "$x_$", "{", "</script>", "", "a\nb\u202e", "中立", "\\frac{", "x" * 300,
)  # fmt: skip


def words(figure):
    return "\n".join([text.get_text() for text in figure.texts])


def beside(axes):
    return [text.get_text() for text in axes.texts]


def all_words(figure):
    return " ".join((words(figure) + "\n" + "\n".join(text for axes in figure.axes for text in beside(axes))).split())


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"n": 4, "n_classes": 2, "recalls": {"tsne": None, "umap": None, "pca": None}},
        {"n": 40, "n_classes": 1, "recalls": {"pca": 0.2}},
        {"n": 30, "labels": None, "label_names": ()},
        {"n": 200, "n_classes": 9, "names": HOSTILE, "label_column": "nhãn $x$ " * 20, "source": "x" * 200,
         "shapes": np.arange(200) % 9, "shape_names": HOSTILE, "shape_column": "sh{ape"},
        {"n": 600, "n_classes": 60, "weak": np.arange(600) % 4 == 0},
        {"n": 600, "n_classes": 200, "weak": np.arange(600) % 4 != 0},
    ],
    ids=["usual", "four samples", "one class", "no labels", "hostile names", "60 classes", "200 classes"],
)  # fmt: skip
@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(assert_tidy, choice, dark):
    assert_tidy(draw_feature_maps(make_maps(**choice), Style(dark=dark)))


def test_without_maps_there_is_no_picture():
    assert draw_feature_maps(make_maps(recalls={}), Style()) is None


def test_the_title_says_what_the_maps_keep():
    assert words(draw_feature_maps(make_maps(), Style())).startswith(
        "t-SNE keeps 48% of each sample's 15 nearest neighbors, UMAP 34%"
    )
    assert words(draw_feature_maps(make_maps(recalls={"umap": 0.05}), Style())).startswith("Low trust: UMAP keeps only")
    assert words(draw_feature_maps(make_maps(recalls={"umap": None}), Style())).startswith("120 samples, drawn by UMAP")


def test_each_panel_says_method_n_settings_recall_and_trustworthiness():
    figure = draw_feature_maps(make_maps(weak=np.arange(120) < 12), Style())
    tsne, umap = ("\n".join(beside(axes)) for axes in figure.axes)
    assert "t-SNE" in tsne and "UMAP" in umap
    assert "n = 120 · neighbor recall@15 0.48 [0.47, 0.49]" in tsne
    assert "perplexity 30 · metric cosine · seed 3 · iterations 500" in tsne
    assert "n neighbors 15 · min dist 0.1 · metric cosine · seed 3" in umap
    assert "trustworthiness 0.900 [0.890, 0.910]" in umap
    assert "faint: 12 of 120 points, fewer than 1 in 5 neighbors kept" in umap


def test_the_subtitle_says_what_went_in_and_what_was_left_out():
    said = all_words(draw_feature_maps(make_maps(accounting=lose_rows(120), n_kinds=100, graph_recall=0.993), Style()))
    for sentence in (
        "120 samples of features.npy, 50 features, cosine distance.",
        "3 of 123 rows were left out.",
        "100 rows are distinct; equal ones share a place.",
        "Neighbors were searched approximately and 99.3% of them found.",
        "Color: article.",
    ):
        assert sentence in said
    usual = all_words(draw_feature_maps(make_maps(), Style()))
    assert not [word for word in ("left out", "distinct", "approximately", "marker") if word in usual]


def test_notices_of_maps_are_told():
    xy, _ = make_blobs(9, 3)
    drawn = draw_trusted(xy, "tsne", make_trust(9), notice="Too few samples for a layout.")
    assert "Too few samples for a layout." in all_words(draw_feature_maps(make_maps(9, maps={"tsne": drawn}), Style()))


def test_without_labels_there_is_one_color_and_no_legend():
    figure = draw_feature_maps(make_maps(labels=None, label_names=()), Style())
    colors = {to_hex(color) for layer in figure.axes[0].collections for color in layer.get_facecolors()}
    assert colors == {CLASS_COLORS[0]}
    assert not figure.artists


def test_each_class_is_named_on_each_map_and_listed_with_its_size():
    figure = draw_feature_maps(make_maps(100, n_classes=3), Style())
    assert {"class 0 (34)", "class 1 (33)", "class 2 (33)"} <= set(words(figure).splitlines())
    for axes in figure.axes:
        assert {"class 0", "class 1", "class 2"} <= set(beside(axes))


def test_of_many_classes_the_largest_are_named_and_the_rest_is_counted():
    n = 60 * 61 // 2
    labels = np.repeat(np.arange(60), np.arange(1, 61))
    findings = make_maps(n, n_classes=60, labels=labels, recalls={"tsne": 0.5}, xy=make_blobs(n, 60, apart=40)[0])
    figure = draw_feature_maps(findings, Style())
    named = {text for text in beside(figure.axes[0]) if text.isdecimal()}
    assert len(named) == MOST_TAGS
    assert named == {str(i) for i in range(60 - MOST_TAGS, 60)}  # of "class 12" what tells it from the others
    listed = [line for line in words(figure).splitlines() if line.startswith("class ")]
    assert len(listed) == MOST_ENTRIES - 1
    rest = 60 - len(listed)
    assert f"and {rest} smaller classes ({rest * (rest + 1) // 2:,})" in words(figure)
    assert f"Of 60 classes the {MOST_TAGS} largest are named" in all_words(figure)


def test_a_name_points_to_its_class_where_the_centroid_is_empty():
    turn = np.linspace(0, 2 * np.pi, 100, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    figure = draw_feature_maps(make_maps(100, n_classes=1, xy=ring, recalls={"tsne": 0.5}), Style())
    (dot,) = [layer for layer in figure.axes[0].collections if layer.get_zorder() == 8]
    assert np.linalg.norm(dot.get_offsets()[0]) == pytest.approx(1.0)


def test_unknown_labels_are_muted_listed_and_not_named():
    labels = np.where(np.arange(120) < 20, -1, np.arange(120) % 3)
    figure = draw_feature_maps(make_maps(labels=labels), Style())
    assert "unknown (20)" in words(figure).splitlines()
    colors = [to_hex(color) for layer in figure.axes[0].collections for color in layer.get_facecolors()]
    assert colors.count(Style().theme.muted) == 20


def test_shapes_are_markers_while_there_are_few_points():
    shapes = {"shapes": np.arange(120) % 12, "shape_names": tuple("abcdefghijkl"), "shape_column": "speaker"}
    figure = draw_feature_maps(make_maps(**shapes, recalls={"tsne": 0.5}), Style())
    assert "Marker: speaker. 4 of its values share one marker." in all_words(figure)
    points = [layer for layer in figure.axes[0].collections if layer.get_zorder() == 2]
    assert len({path.vertices.tobytes() for layer in points for path in layer.get_paths()}) == 9


def test_very_many_points_are_one_picture_without_markers():
    n = MOST_MARKERS + 1
    findings = make_maps(n, shapes=np.zeros(n, dtype=int), shape_names=("a",), recalls={"tsne": 0.5})
    figure = draw_feature_maps(findings, Style())
    assert len(figure.axes[0].images) == 1
    assert "Markers can't be shown for more than 20,000 points" in all_words(figure)
    assert {"class 0", "class 1", "class 2"} <= set(beside(figure.axes[0]))


def test_faint_points_are_explained_only_where_there_are_any():
    marked = make_maps(weak=np.arange(120) < 30)
    assert "faint: fewer than 1 in 5 neighbors kept" in words(draw_feature_maps(marked, Style()))
    for findings, style in ((marked, Style(show_trust=False)), (make_maps(), Style())):
        assert "faint: fewer" not in words(draw_feature_maps(findings, style))


@pytest.mark.slow
def test_equal_findings_give_equal_bytes():
    first, second = (render_png(draw_feature_maps(make_maps(weak=np.arange(120) < 9), Style())) for _ in range(2))
    assert first == second
