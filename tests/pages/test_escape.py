"""Text of strangers ends up as text, in every place a page puts it."""

import json

import pytest
from markdown_it import MarkdownIt

from latentscape.pages.escape import (
    clean_text,
    embed_json,
    escape_markdown,
    guard_cell,
    quote_link,
)


def test_clean_text_folds_space_composes_letters_and_drops_the_invisible():
    assert clean_text(" a\tb\u2028c\x00\x1b[31m\u202ed ") == "a b c[31md"
    assert clean_text("pho\u0300ng") == "phòng"
    assert clean_text("\ud800x") == "x"


@pytest.mark.parametrize("text", ["</script><script>alert(1)</script>", "<!--<script>", "a&b", "\u2028\u2029", "phòng"])
def test_embedded_json_means_the_same_and_has_no_markup(text):
    embedded = embed_json({"text": text})
    assert json.loads(embedded) == {"text": text}
    assert not set("<>&\u2028\u2029") & set(embedded)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_embedded_json_refuses_what_json_cannot_say(value):
    with pytest.raises(ValueError, match="JSON compliant"):
        embed_json(value)


@pytest.mark.parametrize(
    "text",
    [
        "a | b",
        "`code` and ``more``",
        "*x* _y_ __z__ ~~s~~",
        "[a](javascript:alert(1)) ![b](c) [d]: e",
        "<b>bold</b> <img src=x onerror=alert(1)> &lt; &#60;",
        "# heading",
        "1. list",
        "- item",
        "+ item",
        "> quote",
        "---",
        "===",
        "back\\slash \\",
        "recall_at_1",
        "[0.58, 0.66] [1, 2](javascript:x) [-0.1, 0.2]: x",
        "$\\href{javascript:alert(1)}{x}$",
    ],
)
def test_markdown_shows_text_as_it_is(text):
    """The oracle is an independent Markdown parser, in a paragraph and in a table cell."""
    parser = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
    escaped = escape_markdown(text)
    paragraph = parser.parse(escaped)
    assert [token.type for token in paragraph] == ["paragraph_open", "inline", "paragraph_close"]
    table = parser.parse(f"| h |\n| --- |\n| {escaped} |")
    for inline in (paragraph[1], [token for token in table if token.type == "inline"][-1]):
        assert {child.type for child in inline.children or []} <= {"text", "text_special"}
        assert "".join(child.content for child in inline.children or []) == text


def test_markdown_leaves_intervals_and_names_readable():
    assert escape_markdown("recall_at_1 is 0.620 [−0.58, 66%]") == "recall_at_1 is 0.620 [−0.58, 66%]"


@pytest.mark.parametrize("name", ["javascript:alert(1)", 'a" onclick="x', "tsne_a b.html", "phòng?.png#x"])
def test_links_stay_relative_files(name):
    assert not set(':"? #()<>') & set(quote_link(name))


@pytest.mark.parametrize("name", ["//evil.example/x.html", "/etc/passwd", "///x"])
def test_links_never_leave_for_another_host_or_the_root(name):
    assert not quote_link(name).startswith("/")


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+84 901", "'+84 901"),
        ("-x", "'-x"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("＝1+1", "'＝1+1"),
        ("＠x", "'＠x"),
        (' "=1+1', " \"'=1+1"),
        ("a;=1+1", "a;'=1+1"),
        ("a\t=1+1", "a\t'=1+1"),
        ("a\n=1+1", "a\n'=1+1"),
        ('a;"=1+1"', 'a;"\'=1+1"'),
        ("\tx", "'\tx"),
        ("\r=x", "'\r'=x"),
        ("\x1b]0;x\x07=1", "]0;x=1"),
        ("\x00=1", "'=1"),
        ("giá 5=3+2; phòng", "giá 5=3+2; phòng"),
        ("3-4", "3-4"),
        ("", ""),
        (-2.5, -2.5),
        (None, None),
    ],
)
def test_no_cell_is_a_formula_however_the_file_is_split(cell, written):
    assert guard_cell(cell) == written


def test_a_cell_is_guarded_in_no_time():
    for text in ("\n" * 300_000, " " * 300_000, "; " * 150_000, '\t"' * 150_000):
        assert len(guard_cell(text)) >= 300_000
