"""One report, told twice: the same sections, numbers and links in Markdown and in HTML, all text escaped."""

from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from latentscape.measures.scales import Check
from latentscape.measures.score import Score
from latentscape.pages.report import (
    Advice,
    AdviceList,
    Cell,
    Checklist,
    Links,
    Notes,
    Paragraph,
    Picture,
    Report,
    ScoreRow,
    ScoreTable,
    Section,
    Table,
    collect_definitions,
    render_report_html,
    render_report_markdown,
)


def make_report(text: str) -> Report:
    score = Score(name="margin", value=0.3713, n=1200, low=0.35, high=0.39, bounds=(-2.0, 2.0))
    missing = Score(name="mrr", value=None, n=0, reason=text)
    check = Check(name="margin", passed=True, value=0.3713, threshold=0.25, sentence=text)
    blocks = (
        Paragraph(lead=text, text=text),
        Table(title=text, header=(text, text), rows=((text, text),)),
        ScoreTable(
            title=text, rows=(ScoreRow(label=text, score=score, word=text), ScoreRow(label=text, score=missing))
        ),
        Checklist(title=text, checks=(check,)),
        Picture(file=f"{text}.png", title=text, text=text, alt=text),
        Links(title=text, entries=((f"{text}.html", text),)),
        Notes(title=text, lines=(text,)),
        AdviceList(entries=(Advice(claim=text, evidence=text, action=text, samples=(text,)),)),
        Table(title=text, header=(text,), columns=("margin",), note=text, rows=((Cell(text=text, notes=(text,)),),)),
    )
    return Report(title=text, sections=(Section(heading=text, blocks=blocks),), stamps=(text,))


KEYS = ["define-similarity", "define-ranking"]
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<b>bold</b>",
    "$\\href{javascript:alert(1)}{x}$",
    "a|b `c` [d](e) *f*",
    '"><img src=x onerror=alert(1)>',
    "Cho thuê phòng trọ Quận 10, 25m²",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_html_shows_text_and_obeys_none_of_it(text, read_page):
    parsed = read_page(render_report_html(make_report(text)))
    assert not parsed.scripts
    assert not {tag for tag, _ in parsed.elements} & {"b", "script", "iframe", "link"}
    assert not [name for _, values in parsed.elements for name in values if name.startswith("on")]
    assert parsed.text.count(text) >= 27
    assert [values["alt"] for tag, values in parsed.elements if tag == "img"] == [text]


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_text_and_obeys_none_of_it(text, read_page):
    """The oracle is an independent Markdown parser that lets HTML through."""
    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(render_report_markdown(make_report(text)))
    parsed = read_page(page)
    assert not {tag for tag, _ in parsed.elements} & {"b", "script", "code", "em"}
    assert not [name for _, values in parsed.elements for name in values if name.startswith("on")]
    assert parsed.text.count(text) >= 26
    assert [values["alt"] for tag, values in parsed.elements if tag == "img"] == [text]


@pytest.mark.parametrize("text", HOSTILE)
def test_every_address_is_a_file_beside_the_report(text, read_page):
    parsed = read_page(render_report_html(make_report(text)))
    for address in parsed.attributes("src") + parsed.attributes("href"):
        assert address.startswith("#") or ":" not in address
    policy = next(values["content"] for tag, values in parsed.elements if tag == "meta" and "http-equiv" in values)
    assert policy.startswith("default-src 'none'; script-src 'none'")


def test_invisible_letters_are_dropped():
    told = render_report_markdown(make_report("a\u2028b\u202ec")) + render_report_html(make_report("a\u2028b\u202ec"))
    assert "a bc" in told
    assert not set("\u2028\u202e") & set(told)


def test_both_tell_the_same_numbers(read_page):
    report = make_report("x")
    markdown, text = render_report_markdown(report), read_page(render_report_html(report)).text
    for words in ("0.371", "[0.350, 0.390]", "1,200", "n/a (x)", "PASS"):
        assert words in markdown
        assert words in text
    assert "None" not in markdown + text


def test_same_report_same_bytes():
    assert render_report_html(make_report("x")) == render_report_html(make_report("x"))
    assert render_report_markdown(make_report("x")) == render_report_markdown(make_report("x"))


def test_bar_lies_between_the_bounds():
    def bar(value, low, high, bounds):
        return ScoreRow(label="", score=Score(name="s", value=value, n=1, low=low, high=high, bounds=bounds)).bar

    assert bar(0.0, -0.5, 0.5, (-1.0, 1.0)) == (25.0, 75.0, 50.0)
    assert bar(0.25, None, None, (0.0, 1.0)) == (25.0, 25.0, 25.0)
    assert bar(1.0, 0.9, 1.1, (0.0, 1.0)) == (90.0, 100.0, 100.0)
    assert bar(2.45, 2.3, 2.6, (float("-inf"), float("inf"))) is None
    assert bar(None, None, None, (0.0, 1.0)) is None


def test_labels_link_to_definitions_only_where_the_page_has_them(read_page):
    report = make_report("x")
    bare = read_page(render_report_html(report))
    assert not [address for address in bare.attributes("href") if address.startswith("#define")]
    defined = replace(report, definitions=collect_definitions(report.sections))
    parsed = read_page(render_report_html(defined))
    assert parsed.attributes("href").count("#define-similarity") == 2
    assert [values["id"] for _, values in parsed.elements if "id" in values] == ["s1", "definitions", *KEYS]
    told = render_report_markdown(defined)
    assert "| x | 0.371 | [0.350, 0.390] | 1,200 | x |" in told
    assert all(f'<a id="{key}"></a>' in told for key in KEYS)


def test_samples_of_an_advice_are_cut_and_counted():
    advice = AdviceList(
        entries=(Advice(claim="c", evidence="e", action="a", samples=tuple(f"s{i}" for i in range(60))),)
    )
    report = Report(title="t", sections=(Section(heading="h", blocks=(advice,)),))
    for told in (render_report_html(report), render_report_markdown(report)):
        assert "s49" in told
        assert "s50" not in told
        assert "and 10 more" in told
    assert "<summary>60 samples</summary>" in render_report_html(report)


def test_long_tables_are_folded_and_short_ones_open():
    def render(n):
        table = Table(header=("a",), rows=tuple((str(i),) for i in range(n)))
        return render_report_html(Report(title="t", sections=(Section(heading="h", blocks=(table,)),)))

    assert "<details>" not in render(30)
    assert "<summary>31 rows</summary>" in render(31)


def test_a_faint_number_is_gray_on_the_page_and_italic_in_markdown():
    cells = (Cell(text="0.1", notes=("[0.0, 0.2]", "p = 0.400"), faint=True), Cell(text="0.9"))
    table = Table(header=("a", "b", "c"), columns=("", "accuracy", "accuracy"), rows=(("mlp", *cells),))
    report = Report(title="t", sections=(Section(heading="h", blocks=(table,)),))
    assert '<td class="faint">0.1<small>[0.0, 0.2]</small><small>p = 0.400</small></td>' in render_report_html(report)
    assert "| mlp | *0.1* [0.0, 0.2], p = 0.400 | 0.9 |" in render_report_markdown(report)
