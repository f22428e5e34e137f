"""The map of a feature matrix: classes, markers and trust of every sample, and what a reader asks of it."""

import numpy as np
import pytest

from latentscape.errors import UsageError
from latentscape.figures.class_tags import MOST_TAGS
from latentscape.figures.style import CLASS_COLORS, Style
from latentscape.findings import Accounting, Skip
from latentscape.pages import page_sample
from latentscape.pages.feature_map import describe_sample, render_feature_map
from latentscape.pages.symbols import GRAY

from .conftest import draw_map
from .test_latents_map import clouds, decode


def show(findings, read_page, *, method="tsne", style=None):
    return read_page(render_feature_map(findings, method=method, style=style or Style()))


def labels_of(parsed):
    return [label["text"] for label in parsed.data("figure")["layout"].get("annotations", [])]


def test_every_sample_is_drawn_once_where_the_map_puts_it(maps, read_page):
    findings = maps(40, weak=np.arange(40) % 3 == 0, shapes=np.arange(40) % 5, shape_names=tuple("abcde"))
    drawn = [
        (x, y)
        for trace in clouds(show(findings, read_page))
        for x, y in zip(decode(trace["x"]), decode(trace["y"]), strict=True)
    ]
    assert sorted(drawn) == sorted(map(tuple, findings.maps["tsne"].latent_map.xy.tolist()))


def test_color_is_the_class_and_shape_the_other_column(maps, read_page):
    findings = maps(40, shapes=np.arange(40) // 20, shape_names=("left", "right"), shape_column="side")
    for trace in clouds(show(findings, read_page, style=Style(class_colors={"class 1": "#123456"}))):
        lines = {tuple(text.split("<br>")[1:3]) for text in trace["text"]}
        assert len(lines) == 1
        (name, side) = lines.pop()
        assert (name == "article class 1") == (trace["marker"]["color"] == "#123456")
        assert trace["marker"]["symbol"] == {"side left": "circle", "side right": "triangle-up"}[side]


def test_hover_tells_row_or_name_class_shape_and_trust_here(maps):
    findings = maps(6, shapes=np.array([0, -1, 0, 0, 0, 0]), shape_names=("<b>",), shape_column="side")
    drawn = findings.maps["tsne"]
    lines = describe_sample(findings, 1, drawn).split("<br>")
    assert lines == ["<b>row 6</b>", "article class 1", "side unknown", "neighbors kept here 62%"]
    named = maps(6, ids=tuple("uvwxyz"), labels=None, label_names=())
    assert describe_sample(named, 1, drawn).split("<br>")[:2] == ["<b>v</b>", "row 6"]
    assert "side &lt;b&gt;" in describe_sample(findings, 0, drawn)


def test_faint_points_have_a_switch_and_a_count(maps, read_page):
    parsed = show(maps(weak=np.arange(60) < 12), read_page)
    assert sum(len(trace["text"]) for trace in clouds(parsed) if trace["meta"]["faint"]) == 12
    assert "faint points: fewer than 1 in 5 neighbors kept" in parsed.text
    assert "faint" in parsed.attributes("data-key")
    plain = show(maps(weak=np.arange(60) < 12), read_page, style=Style(show_trust=False))
    assert not any(trace["meta"]["faint"] for trace in clouds(plain))
    assert "12 of 60 points: fewer than 1 in 5 neighbors kept." in plain.text


def test_legend_has_a_switch_for_whatever_a_trace_needs(maps, read_page):
    findings = maps(labels=np.arange(60) % 4 - 1, shapes=np.arange(60) % 12, shape_names=tuple("abcdefghijkl"))
    parsed = show(findings, read_page)
    keys = set(parsed.attributes("data-key"))
    needed = {need for trace in parsed.data("figure")["data"] for need in trace["meta"]["needs"]}
    assert needed <= keys | {"shape:0"}
    assert {"class:-1", "class:0", "class:1", "class:2", "names"} <= keys
    assert "4 other values" in parsed.text
    assert GRAY in {trace["marker"]["color"] for trace in clouds(parsed)}


def test_without_labels_points_have_one_color_and_no_names(maps, read_page):
    parsed = show(maps(labels=None, label_names=()), read_page)
    assert {trace["marker"]["color"] for trace in clouds(parsed)} == {CLASS_COLORS[0]}
    assert not labels_of(parsed)
    assert "names on the map" not in parsed.text


def test_page_says_source_method_settings_n_and_trust(maps, read_page):
    failed = tuple(Skip(id=str(i), reason="not finite") for i in range(2))
    findings = maps(accounting=Accounting(n_in=62, n_ok=60, failed=failed), n_kinds=55, graph_recall=0.994)
    text = show(findings, read_page, method="umap").text
    for words in (
        "60 samples of features.npy, drawn by UMAP",
        "features.npy · UMAP · n = 60 · neighbor recall 62%",
        "62% [58%, 66%]",
        "UMAP · perplexity 30 · seed 0",
        "2 of 62",
        "99.4%",
    ):
        assert words in text
    assert "Low trust" not in text
    low = show(
        maps(maps={"tsne": draw_map(np.random.default_rng(0).normal(size=(60, 2)), method="tsne", recall=0.26)}),
        read_page,
    )
    assert "drawn by t-SNE. Low trust: neighbors on this map" in low.text


def test_of_many_classes_the_largest_are_named_and_the_list_scrolls(maps, read_page):
    n = 80 * 81 // 2
    labels = np.repeat(np.arange(80), np.arange(1, 81))
    parsed = show(maps(n, n_classes=80, labels=labels), read_page)
    assert labels_of(parsed) == [f"class {i}" for i in range(80 - MOST_TAGS, 80)]
    assert len([key for key in parsed.attributes("data-key") if key.startswith("class:")]) == 80
    assert "long" in parsed.attributes("class")
    assert "long" not in show(maps(), read_page).attributes("class")


def test_more_classes_and_shapes_than_a_browser_draws_share_one_marker_and_it_is_said(maps, read_page):
    shapes = {"shapes": np.arange(600) % 8, "shape_names": tuple("abcdefgh"), "shape_column": "speaker"}
    parsed = show(maps(600, n_classes=80, **shapes), read_page)
    assert {trace["marker"]["symbol"] for trace in clouds(parsed)} == {"circle"}
    assert "So many classes leave no markers for speaker." in parsed.text


def test_long_and_empty_names_are_cut_and_shown(maps, read_page):
    parsed = show(maps(names=("Cho thuê phòng trọ " * 20, " ", "\u202eb")), read_page)
    assert labels_of(parsed) == ["Cho thuê phòng trọ Cho thuê…", "(empty)", "b"]
    assert "Cho thuê phòng trọ " * 5 not in parsed.text


def test_of_very_many_samples_a_choice_is_shown_and_all_are_counted(maps, read_page, monkeypatch):
    monkeypatch.setattr(page_sample, "MOST_POINTS", 30)
    findings = maps(300)
    parsed = show(findings, read_page)
    texts = [text for trace in clouds(parsed) for text in trace["text"]]
    assert len(set(texts)) == 30
    assert all(sum(f"class {i}" in text for text in texts) == 10 for i in range(3))
    assert "Shown are 30 of 300 points, drawn at random so that each article keeps its share" in parsed.text
    assert parsed.text.split("class 0")[1].split()[0] == "100"


@pytest.mark.parametrize("n", [1, 2, 4])
def test_very_few_samples(maps, read_page, n):
    parsed = show(maps(n, n_classes=1, recall=None), read_page)
    assert sum(len(trace["text"]) for trace in clouds(parsed)) == n
    assert "nan" not in parsed.text and "None" not in parsed.text


def test_unknown_method_is_refused(maps):
    with pytest.raises(UsageError, match="did you mean `tsne`"):
        render_feature_map(maps(), method="t-sne", style=Style())


def test_equal_findings_give_equal_bytes(maps):
    first, second = (render_feature_map(maps(weak=np.arange(60) < 9), method="tsne", style=Style()) for _ in range(2))
    assert first == second
