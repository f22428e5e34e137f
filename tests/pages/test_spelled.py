"""Letters that the pictures can't write are spelled out in the report, counted, and said on the terminal."""

from dataclasses import replace

import pytest

from latentscape.figures.render import find_undrawable, plain
from latentscape.pages.comparison_report import describe_comparison
from latentscape.pages.comparison_terminal import summarize_comparison
from latentscape.pages.embeddings_report import describe_embeddings
from latentscape.pages.latents_report import describe_latents
from latentscape.pages.report import render_report_html, render_report_markdown
from latentscape.pages.spelled import HEADING, list_spelled, list_texts, tabulate_spelled
from latentscape.pages.terminal import summarize_embeddings, summarize_latents, summarize_map
from tests.comparison_values import build_comparison

ODD = "\U000f0001\U000f0002"
"""Letters of nobody's alphabet: no font has them."""


@pytest.fixture
def name():
    (found,) = find_undrawable([ODD])
    return found


def test_nothing_is_said_where_everything_can_be_drawn(latents, embeddings, maps):
    for findings in (latents(), embeddings(), maps(), build_comparison(n=40)):
        assert not tabulate_spelled(findings)
    assert HEADING not in render_report_markdown(describe_latents(latents(), ()))
    assert "ids on the pictures" not in summarize_latents(latents())


def test_a_class_that_can_not_be_drawn(latents, name):
    findings = latents(class_names=(f"{ODD} calm", "Calm", "Happy", "Sad", "Angry", "Fearful", "Disgust", "Surprised"))
    assert plain(findings.class_names[0]) == f"{name} calm"
    told = render_report_markdown(describe_latents(findings, ()))
    assert f"| {name} | {ODD} (U+F0001 U+F0002) |" in told
    assert "1 piece of text has letters that no installed font can draw: an id stands in its place." in told
    assert name in render_report_html(describe_latents(findings, ()))
    assert "WARNING  1 piece of text has letters that no installed font can draw" in summarize_latents(findings)


def test_texts_of_a_retriever_those_on_the_heatmap_first(embeddings, name):
    other = "\U000f0003"
    queries = [f"q {i}" for i in range(40)]
    queries[0], queries[39] = other, ODD
    findings = replace(embeddings(), queries=tuple(queries), heatmap_queries=embeddings().heatmap_queries + 20)
    (table,) = tabulate_spelled(findings)
    assert [row[0] for row in table.rows] == [name, *find_undrawable([other])]
    assert table.note.startswith("2 pieces of text have letters")
    assert name in render_report_markdown(describe_embeddings(findings, (), ()))
    assert "WARNING  2 pieces of text" in summarize_embeddings(findings)


def test_a_comparison_and_a_map(maps, name):
    findings = build_comparison(n=40, names=(ODD, "b", "c"))
    assert name in render_report_markdown(describe_comparison(findings, ()))
    assert "WARNING  1 piece of text" in summarize_comparison(findings)
    drawn = maps(names=(ODD, "b", "c"))
    assert any(f"{name} on the pictures is {ODD}" in line for line in list_spelled(drawn))
    assert "WARNING  1 piece of text" in summarize_map(drawn)


def test_long_lists_are_cut_and_counted(embeddings):
    queries = tuple(f"{chr(0xF0000 + i)} q" for i in range(40))
    documents = tuple(f"{chr(0xF1000 + i)} d" for i in range(60)) * 2
    findings = replace(embeddings(80), queries=queries * 2, documents=documents)
    findings = replace(findings, documents=tuple(f"{chr(0xF1000 + i)} d" for i in range(120)))
    (table,) = tabulate_spelled(findings)
    assert len(table.rows) == 100
    assert "160 pieces" in table.note and "The first 100 are listed" in table.note


def test_half_letters_are_named_by_their_code(latents):
    findings = latents(dataset_names=("a\ud800", "b"))
    (table,) = tabulate_spelled(findings)
    assert "(U+D800)" in table.rows[0][1]
    render_report_html(describe_latents(findings, ())).encode("utf-8")


def test_every_name_is_looked_at(embeddings, latents):
    assert {"ravdess", "crema-d", "Calm", "cnn"} <= set(list_texts(latents()))
    assert set(embeddings().queries) <= set(list_texts(embeddings()))
