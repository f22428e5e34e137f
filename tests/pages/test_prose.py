"""A docstring's text on a page: its structure is kept, and nothing in it becomes markup by accident."""

import doctest

import pytest
from markdown_it import MarkdownIt

from latentscape.measures.definitions import list_definitions
from latentscape.pages import latents_tables, prose
from latentscape.pages.prose import prose_html, prose_markdown, read_passages

TEXT = """One sentence
over two lines.

* `first`: of
  two lines
* second

| a | b |
|---|---|
| 1 | 2 |

    m_ab = x * y * z

Source: Guo 2017, https://arxiv.org/abs/1706.04599."""


def test_paragraphs_items_tables_and_formulas_are_told_apart():
    passages = read_passages(TEXT)
    assert [passage.kind for passage in passages] == ["text", "items", "table", "text", "text"]
    assert passages[0].lines == ("One sentence over two lines.",)
    assert passages[1].lines == ("`first`: of two lines", "second")
    assert passages[2].rows == [["a", "b"], ["1", "2"]]
    assert passages[3].lines == ("`m_ab = x * y * z`",)


@pytest.mark.parametrize("definition", list_definitions(), ids=lambda definition: definition.key)
def test_every_definition_shows_its_own_words_in_both(definition, read_page):
    """The oracle is a parser: the text seen is the text written, without the marks of code."""
    for passage in read_passages(definition.text):
        for line in passage.lines if passage.kind != "table" else []:
            plain = line.replace("`", "")
            assert read_page(f"<p>{prose_html(line)}</p>").text == plain
            markdown = read_page(MarkdownIt("commonmark", {"html": True}).render(prose_markdown(line)))
            assert markdown.text.strip() == plain
            assert not {tag for tag, _ in markdown.elements} - {"p", "code", "a"}


def test_only_secure_addresses_become_links(read_page):
    parsed = read_page(
        str(prose_html('<a href="javascript:x">y</a> https://a.org/b_(c). http://d.org "https://e.org"'))
    )
    assert parsed.attributes("href") == ["https://a.org/b_(c", "https://e.org"]


@pytest.mark.parametrize("module", [prose, latents_tables])
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


def test_a_formula_that_begins_with_a_bar_is_no_table():
    (passage,) = read_passages("Their share with\n|r_permuted| >= |r|. With 4 classes")
    assert (passage.kind, passage.lines) == ("text", ("Their share with |r_permuted| >= |r|. With 4 classes",))
