"""The map of queries and documents: three kinds, lines to the right documents, missed queries open."""

import numpy as np
import pytest

from latentscape.errors import UsageError
from latentscape.figures.style import Style
from latentscape.pages import page_sample
from latentscape.pages.embeddings_map import render_embeddings_map

from .conftest import draw_map
from .test_latents_map import decode


def traces(parsed, part):
    return [trace for trace in parsed.data("figure")["data"] if trace["meta"]["part"] in part]


def test_three_kinds_each_in_its_color(embeddings, read_page):
    style = Style(kind_colors=("#111111", "#222222", "#333333"))
    points = traces(read_page(render_embeddings_map(embeddings(20), method="tsne", style=style)), ("filled", "open"))
    sizes = {}
    for trace in points:
        sizes[trace["marker"]["color"]] = sizes.get(trace["marker"]["color"], 0) + len(trace["text"])
    assert sizes == {"#111111": 20, "#222222": 20, "#333333": 10}


def test_lines_join_each_query_to_its_right_documents(embeddings, read_page):
    findings = embeddings(4, relevant=tuple(np.array(row, dtype=int) for row in ([0, 1], [1], [], [3])))
    (line,) = traces(read_page(render_embeddings_map(findings, method="tsne", style=Style())), ("links",))
    xy = findings.maps["tsne"].latent_map.xy
    joined = [(0, 4), (0, 5), (1, 5), (3, 7)]
    assert line["x"] == [x for a, b in joined for x in (xy[a, 0], xy[b, 0], None)]
    assert line["y"] == [y for a, b in joined for y in (xy[a, 1], xy[b, 1], None)]
    assert line["meta"]["needs"] == ["links"]


def test_queries_whose_right_document_is_not_first_are_open(embeddings, read_page):
    findings = embeddings(20)
    parsed = read_page(render_embeddings_map(findings, method="umap", style=Style()))
    (opened,) = traces(parsed, ("open",))
    missed = int((findings.ranking.best_rank != 1).sum())
    assert len(opened["text"]) == missed
    assert all("best right document at rank" in text for text in opened["text"])
    assert f"{20 - missed} of 20 queries" in parsed.text


def test_hover_tells_text_and_uses_of_a_document(embeddings, read_page):
    findings = embeddings(4, hard_negatives=tuple(np.array(row, dtype=int) for row in ([4], [4, 0], [], [])))
    texts = [
        text
        for trace in traces(read_page(render_embeddings_map(findings, method="tsne", style=Style())), ("filled",))
        for text in trace["text"]
    ]
    document = next(text for text in texts if text.startswith("<b>document 4</b>"))
    assert document.split("<br>")[-2:] == ["right for 0 queries, hard negative of 2", "neighbors kept here 62%"]


def test_page_says_method_n_and_trust(embeddings, read_page):
    text = read_page(render_embeddings_map(embeddings(20), method="tsne", style=Style())).text
    for words in ("embeddings · t-SNE · n = 50 · neighbor recall 62%", "62% [58%, 66%]", "axes mean nothing"):
        assert words in text


def test_one_query(embeddings, read_page):
    parsed = read_page(render_embeddings_map(embeddings(1), method="tsne", style=Style()))
    assert "of 1 query" in parsed.text


def test_unknown_method_is_refused(embeddings):
    with pytest.raises(UsageError, match="there is no map `pca`"):
        render_embeddings_map(embeddings(5), method="pca", style=Style())


def test_weak_texts_are_faint_in_their_own_traces(embeddings, read_page):
    findings = embeddings(20)
    weak = np.arange(50) % 5 == 0
    drawn = draw_map(findings.maps["tsne"].latent_map.xy, method="tsne", weak=weak)
    parsed = read_page(render_embeddings_map(embeddings(20, maps={"tsne": drawn}), method="tsne", style=Style()))
    points = traces(parsed, ("filled", "open"))
    assert sum(len(trace["text"]) for trace in points if trace["meta"]["faint"]) == 10
    assert sum(len(trace["text"]) for trace in points) == 50
    assert all(
        ("neighbors kept here 10%" in text) == trace["meta"]["faint"] for trace in points for text in trace["text"]
    )
    assert "faint" in parsed.attributes("data-key")


def test_of_very_many_texts_a_choice_is_shown_with_the_lines_among_them(embeddings, read_page, monkeypatch):
    monkeypatch.setattr(page_sample, "MOST_POINTS", 20)
    parsed = read_page(render_embeddings_map(embeddings(40), method="tsne", style=Style()))
    points = traces(parsed, ("filled", "open"))
    assert sum(len(trace["text"]) for trace in points) == 20
    assert "Shown are 20 of 100 points" in parsed.text
    shown = {(x, y) for trace in points for x, y in zip(decode(trace["x"]), decode(trace["y"]), strict=True)}
    (line,) = traces(parsed, ("links",))
    ends = {(x, y) for x, y in zip(line["x"], line["y"], strict=True) if x is not None}
    assert ends and ends <= shown
