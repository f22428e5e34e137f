"""Every page that the tool writes is fenced in, holds no markup of a user's, and has the weight receipt at its foot."""

import base64
import hashlib
import re
from importlib.resources import files

import pytest

from chaos.hostile_pages import EXPLORERS, PAGES, Marks
from latentscape.pages.explorer_page import render_served, served_policy
from latentscape.pages.templates import read_asset
from latentscape.server.opened import Unfinished
from latentscape.server.waiting import render_waiting
from tests.exploration_values import build_exploration

from .conftest import parse_page

pytestmark = pytest.mark.slow  # every page of the tool

PAYLOAD = "</script></style></title>\"'><img src=x onerror=alert(1)><script>alert(1)</script>"
TEMPLATES = ("compare.html.j2", "explorer.html.j2", "report.html.j2", "waiting.html.j2")
SAFE = ("style", "payload", "script")
"""What templates put in unescaped: our own style and scripts, and what `embed_json` made."""
BESIDE_AND_INSIDE = "'self' file: data: blob:"
"""Where an explorer has its sounds and pictures."""
COMMON = {
    "default-src": "'none'",
    "connect-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
TAGS = {
    "html", "head", "meta", "title", "style", "body", "p", "article", "h1", "nav", "a", "section", "h2", "h3", "ul",
    "ol", "li", "details", "summary", "span", "div", "table", "thead", "tbody", "tr", "th", "td", "small", "svg",
    "rect", "strong", "code", "footer", "header", "dl", "dt", "dd", "main", "aside", "button", "path", "script",
    "noscript", "input", "label", "select", "canvas", "dialog", "form",
}  # fmt: skip


@pytest.fixture(scope="module", params=list(PAGES))
def written(request):
    mark = Marks(PAYLOAD)
    page = PAGES[request.param](mark)
    return request.param, page, parse_page(page)


def read_policy(parsed) -> dict[str, str]:
    metas = [values for tag, values in parsed.elements if tag == "meta"]
    assert list(metas[0]) == ["charset"]
    assert metas[1]["http-equiv"] == "Content-Security-Policy"  # before anything that it could forbid
    rules = (rule.partition(" ") for rule in metas[1]["content"].split("; "))
    return {name: value for name, _, value in rules}


def hash_all(texts) -> str:
    digests = (hashlib.sha256(text.encode()).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


def test_every_template_is_tried_here():
    found = {each.name for each in files("latentscape.pages").joinpath("assets").iterdir()}
    assert {name for name in found if name.endswith(".html.j2")} == set(TEMPLATES)


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_fill_in_unescaped_only_what_is_ours(name):
    text = read_asset(name)
    unescaped = re.findall(r"\{\{([^{}]*)\|\s*safe\b", text)
    assert {part.strip().split()[0] for part in unescaped if not part.strip().startswith("'")} <= set(SAFE)
    assert text.count('http-equiv="Content-Security-Policy"') == 1
    assert not re.search(r"\son\w+=|\sstyle=|https?://", text)


def test_the_policy_names_exactly_what_is_on_the_page(written):
    name, page, parsed = written
    rules = read_policy(parsed)
    assert {rule: rules[rule] for rule in COMMON} == COMMON
    run = [text for values, text in parsed.scripts if values.get("type", "module") == "module"]
    assert rules["script-src"] == (hash_all(run) or "'none'")
    is_explorer = name in EXPLORERS
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert rules["style-src"] == hash_all(styles[:1])
    assert rules["img-src"] == (BESIDE_AND_INSIDE if is_explorer else "'none'" if run else "'self' file:")
    assert rules.get("media-src") == (BESIDE_AND_INSIDE if is_explorer else None)
    assert rules["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in " ".join(rules.values())


@pytest.mark.parametrize("name", EXPLORERS)
def test_the_explorers_policy_letter_by_letter(name):
    page = PAGES[name](Marks(PAYLOAD))
    parsed = parse_page(page)
    assert read_policy(parsed) == {**spell_explorer(page, parsed), "connect-src": "'none'"}


def test_the_served_explorers_policy_letter_by_letter():
    page = render_served(build_exploration(n=12))
    parsed = parse_page(page)
    expected = {**spell_explorer(page, parsed), "connect-src": "'self'"}
    assert read_policy(parsed) == expected
    sent = dict(rule.split(" ", 1) for rule in served_policy().split("; "))
    assert sent == {**expected, "frame-ancestors": "'none'"}


def spell_explorer(page, parsed):
    """All rules of an explorer but for whom it may ask."""
    (script,) = [text for values, text in parsed.scripts if values.get("type") == "module"]
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    return {
        "default-src": "'none'",
        "script-src": hash_all([script]),
        "style-src": hash_all([style]),
        "img-src": "'self' file: data: blob:",
        "media-src": "'self' file: data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }


@pytest.mark.parametrize("place", ["name", "writer", "stages", "reason"])
def test_the_waiting_page_is_fenced_in(place):
    told = {"stages": (PAYLOAD,)} if place == "stages" else {place: PAYLOAD} if place != "name" else {}
    page = render_waiting(Unfinished(**told), name=PAYLOAD if place == "name" else "a run")
    parsed = parse_page(page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert read_policy(parsed) == {
        **COMMON, "script-src": "'none'", "style-src": hash_all([style]), "img-src": "'none'",
        "require-trusted-types-for": "'script'", "trusted-types": "'none'",
    }  # fmt: skip
    refresh = [values["content"] for _, values in parsed.elements if values.get("http-equiv") == "refresh"]
    assert refresh == ["3; url=/"]
    assert {tag for tag, _ in parsed.elements} <= TAGS
    assert parsed.scripts == []
    assert PAYLOAD in parsed.text


def test_no_text_becomes_markup(written):
    _, _, parsed = written
    assert {tag for tag, _ in parsed.elements} <= TAGS
    names = {name for _, values in parsed.elements for name in values}
    assert not {name for name in names if name.startswith("on") or name in ("style", "srcdoc", "src")}
    assert all(re.match(r"#|[\w%.-][\w%./-]*\.html$|https://", link) for link in parsed.attributes("href"))
    assert PAYLOAD in parsed.text


def test_the_receipt_is_at_the_foot(written):
    name, page, parsed = written
    if name in EXPLORERS:  # what it is made from stands behind a button
        assert f"foot {PAYLOAD}" in parsed.text.partition("Made from")[2]
        return
    foot = page[page.rindex("<footer>") :] if "<footer>" in page else ""
    assert "bit for bit" in foot and "tensors (100 %)" in foot
