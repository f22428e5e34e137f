import numpy as np
import pytest

from latentscape.figures.style import Style
from latentscape.figures.trust_marks import MOST_MARKED, choose_faint, say_kept, say_low_trust, say_marked

from .map_findings import draw_trusted, make_trust

N = 100
XY = np.zeros((N, 2))


def weaken(share):
    return np.arange(N) < share * N


def drawn(method="tsne", **trust):
    return draw_trusted(XY, method, make_trust(N, **trust))


def test_weak_points_are_faint_unless_switched_off_or_too_many():
    trust = make_trust(N, weak=weaken(0.3))
    assert choose_faint(trust, Style()).tolist() == weaken(0.3).tolist()
    assert not choose_faint(trust, Style(show_trust=False)).any()
    assert choose_faint(make_trust(N, weak=weaken(MOST_MARKED)), Style()).any()
    assert not choose_faint(make_trust(N, weak=weaken(MOST_MARKED + 0.01)), Style()).any()


@pytest.mark.parametrize(
    ("share", "style", "said"),
    [
        (0.0, Style(), ""),
        (0.3, Style(), "faint: 30 of 100 points, fewer than 1 in 5 neighbors kept"),
        (0.3, Style(show_trust=False), "30 of 100 points: fewer than 1 in 5 neighbors kept"),
        (0.7, Style(), "70 of 100 points: fewer than 1 in 5 neighbors kept; too many to mark"),
    ],
)
def test_weak_points_are_counted(share, style, said):
    assert say_marked(make_trust(N, weak=weaken(share)), style) == said


def test_low_trust_is_said_of_the_maps_it_holds_for():
    good, bad = drawn(recall=0.5), drawn("umap", recall=0.5, rank=0.6)
    assert say_low_trust({"tsne": good}) == ""
    assert say_low_trust({"umap": bad}) == "Low trust: neighbors on this map are often no neighbors in the data"
    assert say_low_trust({"tsne": bad, "umap": bad}).startswith("Low trust: neighbors on these maps are")
    assert say_low_trust({"tsne": good, "umap": bad}).startswith("Low trust in UMAP: neighbors there are")
    three = {"mlp · t-SNE": good, "umap": bad, "pca": bad}
    assert say_low_trust(three).startswith("Low trust in UMAP and PCA: ")


def test_the_most_faithful_map_is_named_first():
    maps = {"pca": drawn("pca", recall=0.3), "tsne": drawn(recall=0.48), "umap": drawn("umap", recall=0.34)}
    assert say_kept(maps) == "t-SNE keeps 48% of each sample's 15 nearest neighbors, UMAP 34%, PCA 30%"


def test_a_title_begins_with_low_trust_where_it_holds_for_all():
    bad = {"tsne": drawn(recall=0.06), "umap": drawn("umap", recall=0.04)}
    assert say_kept(bad) == "Low trust: t-SNE keeps only 6% of each sample's 15 nearest neighbors, UMAP 4%"


def test_a_second_line_names_the_few_that_are_not_to_be_trusted():
    mixed = {"tsne": drawn(recall=0.5), "pca": drawn("pca", recall=0.03)}
    first, second = say_kept(mixed).splitlines()
    assert first == "t-SNE keeps 50% of each sample's 15 nearest neighbors, PCA 3%"
    assert second.startswith("Low trust in PCA: ")


def test_nothing_is_claimed_where_nothing_was_measured():
    assert say_kept({"tsne": drawn(recall=None)}) == ""
    assert say_kept({"tsne": drawn(recall=None), "umap": drawn("umap", recall=0.5)}).startswith("UMAP keeps 50%")
    assert say_kept({"tsne": drawn(recall=0.5, k=1)}).endswith("of each sample's nearest neighbor")
