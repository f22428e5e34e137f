import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb

from latentscape.figures.class_scores import say_weak_classes
from latentscape.figures.confusion_matrix import draw_confusion_matrix
from latentscape.figures.matrix_panel import find_most_wrong
from latentscape.figures.render import render_png
from latentscape.figures.style import Style
from latentscape.measures.classification import name_scores

from .class_values import share, with_class_scores

VIETNAMESE = ("Vui vẻ", "Buồn bã", "Giận dữ", "Sợ hãi", "Ghê tởm", "Ngạc nhiên", "Bình tĩnh", "Trung tính")
HOSTILE = ("Rất vui vẻ và phấn khởi tột độ ở Thành phố Hồ Chí Minh", "$x_$", "{", "a\\frac{", "", "a\nb\u202e")


def with_matrix(findings, counts, **changes):
    findings = dataclasses.replace(findings, confusion_matrix=np.array(counts), dataset_confusions=(), **changes)
    return with_class_scores(findings) if len(findings.dataset_names) == 1 else findings


def shown(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"n": 1, "class_names": ("Calm",), "dataset_names": ("x",)},
        {"n": 60, "class_names": ("Calm", "Sad")},
        {"n": 900, "class_names": VIETNAMESE, "dataset_names": ("vi",)},
        {"n": 600, "class_names": HOSTILE, "dataset_names": ("a", "$b$", "c" * 80), "stamps": ("missing " * 40,)},
        {"n": 900, "dataset_names": tuple("abcde")},
        {"n": 320, "class_names": tuple(f"class number {i}" for i in range(40))},
    ],
    ids=["usual", "one sample", "two classes", "one dataset", "hostile", "five datasets", "40 classes"],
)
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(make_latents, assert_tidy, choice):
    figure = draw_confusion_matrix(with_class_scores(make_latents(layers=(), **choice)), Style())
    assert_tidy(figure)
    renderer = FigureCanvasAgg(figure).get_renderer()
    for axes in figure.axes:
        box = axes.get_tightbbox(renderer)
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= figure.bbox.x1
        labels = [label.get_window_extent(renderer) for label in axes.get_xticklabels()]
        assert all(one.x1 <= other.x0 for one, other in pairwise(labels))


def test_a_cell_has_its_share_of_the_row_and_its_count(make_latents):
    findings = make_latents(n=10, class_names=("Calm", "Sad"), dataset_names=("x",), layers=())
    figure = draw_confusion_matrix(with_matrix(findings, [[3, 1], [0, 400]]), Style())
    assert shown(figure.axes[0]) == ["75%", "3", "25%", "1", "100%", "400"]


def test_a_share_is_none_or_all_only_if_it_is(make_latents):
    findings = make_latents(n=10, class_names=("Calm", "Sad"), dataset_names=("x",), layers=())
    figure = draw_confusion_matrix(with_matrix(findings, [[399, 1], [0, 7]]), Style())
    assert shown(figure.axes[0]) == [">99%", "399", "<1%", "1", "100%", "7"]


def test_a_class_without_samples_says_so(make_latents, assert_tidy):
    findings = make_latents(n=10, class_names=("Calm", "Sad"), dataset_names=("x",), layers=())
    figure = draw_confusion_matrix(with_matrix(findings, [[3, 1], [0, 0]]), Style())
    assert "no samples" in shown(figure.axes[0])
    assert_tidy(figure)


def test_mistakes_are_red_and_right_answers_green(make_latents):
    findings = make_latents(n=10, class_names=("Calm", "Sad"), dataset_names=("x",), layers=())
    figure = draw_confusion_matrix(with_matrix(findings, [[6, 4], [0, 8]]), Style())
    cells, theme = figure.axes[0].images[0].get_array(), Style().theme
    assert np.allclose(cells[1, 1], to_rgb(theme.right), atol=0.01)
    assert np.allclose(cells[0, 1], to_rgb(theme.wrong), atol=0.01)
    assert np.allclose(cells[1, 0], to_rgb(theme.panel), atol=0.01)


def test_the_scale_of_mistakes_comes_from_all_data():
    assert find_most_wrong(np.array([[6, 4], [1, 9]])) == 0.4
    assert find_most_wrong(np.array([[600, 1], [1, 900]])) == 0.05
    assert find_most_wrong(np.array([[7]])) == 0.05
    assert find_most_wrong(np.zeros((2, 2), dtype=int)) == 0.05


def test_each_score_is_a_dot_in_the_row_of_its_class(make_latents):
    findings = with_class_scores(make_latents(layers=()))
    axes = draw_confusion_matrix(findings, Style()).axes[1]
    for place, prefix in enumerate(("recall", "precision", "f1")):
        wanted = [findings.scores[name].value for name in name_scores(prefix, findings.class_names)]
        assert list(axes.lines[place].get_xdata()) == wanted
        assert np.array_equal(np.round(axes.lines[place].get_ydata()), np.arange(len(wanted)))
    assert axes.get_ylim() == (7.5, -0.5)


def test_missing_scores_leave_their_places_empty(make_latents, assert_tidy):
    findings = with_class_scores(make_latents(layers=(), dataset_names=("x",)))
    kept = {name: score for name, score in findings.scores.items() if not name.startswith("f1_")}
    kept["recall_happy"] = share("recall_happy", 0, 0)
    kept["recall_sad"] = dataclasses.replace(kept["recall_sad"], low=None, high=None)
    figure = draw_confusion_matrix(dataclasses.replace(findings, scores=kept), Style())
    assert [len(line.get_xdata()) for line in figure.axes[1].lines] == [7, 8, 0]
    assert_tidy(figure)
    bare = dataclasses.replace(findings, scores={})
    figure = draw_confusion_matrix(bare, Style())
    assert len(figure.axes) == 1 and figure.texts[0].get_text() == "Which class is taken for which"


def test_a_matrix_a_dataset_with_its_accuracy(make_latents):
    findings = with_class_scores(make_latents(layers=()))
    figure = draw_confusion_matrix(findings, Style())
    texts = [text.get_text() for text in figure.texts]
    score = findings.scores["accuracy_crema_d"]
    ends = f"[{100 * score.low:.0f}, {100 * score.high:.0f}]"
    assert f"{score.n} samples, right {100 * score.value:.0f}% {ends}" in texts
    assert len(figure.axes) == 4 and {"ravdess", "crema-d", "All data"} <= set(texts)


def test_a_dataset_without_samples_says_so(make_latents, assert_tidy):
    findings = with_class_scores(make_latents(layers=()))
    empty = np.zeros_like(findings.confusion_matrix)
    figure = draw_confusion_matrix(
        dataclasses.replace(findings, dataset_confusions=(findings.confusion_matrix, empty)), Style()
    )
    assert shown(figure.axes[-1]) == ["no sample of known class"]
    assert_tidy(figure)


def test_the_title_calls_a_class_weak_only_where_intervals_lie_apart(make_latents):
    findings = make_latents(layers=(), class_names=("Calm", "Sad", "Angry"), dataset_names=("x",))
    scores = {"accuracy": share("accuracy", 800, 1000), "recall_calm": share("recall_calm", 30, 100)}
    scores |= {"recall_sad": share("recall_sad", 7, 10), "recall_angry": share("recall_angry", 0, 0)}
    weak = dataclasses.replace(findings, scores=scores)
    assert say_weak_classes(weak, weak.class_names) == "Found clearly less often than the rest: Calm (30%)"
    del scores["recall_calm"]
    assert say_weak_classes(dataclasses.replace(findings, scores=scores), findings.class_names) == ""
    assert say_weak_classes(dataclasses.replace(findings, scores={}), findings.class_names) == ""


def test_very_many_classes_keep_the_paper_small(make_latents):
    findings = make_latents(layers=(), n=600, class_names=tuple(f"word {i}" for i in range(300)))
    figure = draw_confusion_matrix(with_class_scores(findings), Style())
    assert max(figure.get_size_inches()) < 40
    assert not figure.axes[0].texts and "same order" in " ".join(text.get_text() for text in figure.texts)


def test_without_a_single_known_sample_there_is_no_picture(make_latents):
    findings = make_latents(layers=())
    assert draw_confusion_matrix(with_matrix(findings, np.zeros((8, 8), dtype=int)), Style()) is None


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.slow
def test_equal_findings_give_equal_bytes(make_latents, dark):
    findings = with_class_scores(make_latents(n=80, layers=()))
    first, second = (render_png(draw_confusion_matrix(findings, Style(dark=dark)), dpi=60) for _ in range(2))
    assert first == second
