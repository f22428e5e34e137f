"""Hostile text in every place of every page, opened in a headless Chromium: read as it is, never obeyed."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from chaos.hostile_pages import EXPLORERS, PAGES, Marks
from chaos.outcome import Outcome
from chaos.payloads import PAYLOADS
from latentscape.pages.escape import clean_text
from tests.browser import Opened, open_page, start_browser

NAME = "hostile text on pages"
PROMISE = "no script of it runs, nothing is asked for or written on the console, and each letter of it is shown"
FEW = 2
"""Payloads at the smallest scale."""
WORKERS = 2
"""Processes with a browser each."""
MOST_ALONE = 4
"""Payloads that one process opens by itself."""
LEAST_SHOWN = 20
"""Letters that are left at least of a name that is cut where it is long."""
FOREIGN = (
    "iframe, object, embed, base, form:not([method=dialog]), link, img, math, meta[http-equiv=refresh], "
    "foreignObject, animate, "
    "a[href^='javascript:' i], [onerror], [onload], [onfocus], [onmouseover], [ontoggle], [onbegin], [srcdoc]"
)
"""What no page of these has of its own; pictures are left out of the reports."""
READ = """() => {
  const attributes = [...document.querySelectorAll("[title], [alt], [aria-label]")].flatMap((element) =>
    ["title", "alt", "aria-label"].map((name) => element.getAttribute(name) ?? ""));
  const skipped = document.body.querySelectorAll("script, style");
  const hidden = new Set(skipped);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let text = "";
  while (walker.nextNode()) if (!hidden.has(walker.currentNode.parentElement)) text += walker.currentNode.data;
  return [document.title, text, ...attributes].join("\\n");
}"""
PLACE_ON_MAP = """() => {
  const { left, top } = document.querySelector("#map canvas").getBoundingClientRect();
  const [x, y] = latentscapeMap.placeOf(1);
  return [left + x, top + y];
}"""
STATE = "latentscape.state"
SETTLED = "new Promise((go) => requestAnimationFrame(() => setTimeout(go, 30)))"
DETAILED = "document.getElementById('inspector').dataset.details === String(latentscape.state.choice.focus)"
LINKS = (
    "q={}", "f.{}={}", "{}={}", "sel=rows:{}", "sel=cell:{},{}", "sel=lasso:{}:1,2,3,4,5,6", "map={}", "color={}",
    "sort=-{}", "i={}", "view={},1,2",
)  # fmt: skip
"""What a stranger may write behind the `#` of an explorer's address."""
UNQUOTED = ("q={}", "{}={}")
"""Those that are tried letter by letter as well."""


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """Open every page with every payload; a trial is one place of one page with one payload."""
    payloads = choose(scale, seed)
    n_workers = WORKERS if len(payloads) > MOST_ALONE else 1
    shares = [payloads[i::n_workers] for i in range(n_workers)]
    folders = [folder / f"worker-{i}" for i in range(n_workers)]
    try:
        # Processes of their own: Playwright can't be started twice in one.
        with ProcessPoolExecutor(n_workers, mp_context=get_context("spawn")) as workers:
            judged = list(chain.from_iterable(workers.map(judge_payloads, shares, folders)))
    except NoBrowserError as reason:
        return [Outcome(name=NAME, promise=PROMISE, tried=0, note=f"not tried: {reason}")]
    return [
        Outcome(
            name=NAME,
            promise=PROMISE,
            tried=sum(n for n, _ in judged),
            wrong=[line for _, lines in judged for line in lines],
            note=f"{len(payloads)} payloads, {len(PAGES)} kinds of pages, {len(judged):,} pages in a browser",
        )
    ]


class NoBrowserError(Exception):
    """There is no Chromium, or no Playwright, on this machine."""


def judge_payloads(payloads: Sequence[str], folder: Path) -> list[tuple[int, list[str]]]:
    """For every page with every payload: how many places it has, and what went wrong on it.

    Explorers have much to click on: where there are few payloads, each of them is opened with one only.
    """
    is_small = len(payloads) <= MOST_ALONE
    folder.mkdir()
    try:
        with start_browser() as browser:
            return [
                _judge(browser, folder / "page.html", name, payload)
                for number, payload in enumerate(payloads)
                for name in PAGES
                if not (is_small and _is_skipped(name, number))
            ]
    except pytest.skip.Exception as reason:
        raise NoBrowserError(str(reason)) from None
    finally:
        folder.rmdir()


def _is_skipped(name: str, number: int) -> bool:
    return name in EXPLORERS and number != EXPLORERS.index(name) % FEW


def choose(scale: float, seed: int) -> Sequence[str]:
    """All payloads, or evenly spread ones for a smaller scale."""
    n = min(max(FEW, round(scale * len(PAYLOADS))), len(PAYLOADS))
    return [PAYLOADS[(seed + i * len(PAYLOADS) // n) % len(PAYLOADS)] for i in range(n)]


def _judge(browser: Any, path: Path, name: str, payload: str) -> tuple[int, list[str]]:  # noqa: PLR0917
    mark = Marks(payload)
    path.write_text(PAGES[name](mark), encoding="utf-8")
    with open_page(browser, path, reduced=True) as opened:
        looks = _explore_run(opened, payload) if name in EXPLORERS else _explore(opened)
        seen = squeeze("\n".join([*looks, opened.page.evaluate(READ)]))
        faults = [*_find_faults(opened), *(f"does not show {name}" for name in _find_lost(mark, seen))]
    path.unlink()
    return len(mark.made), [f"{name}, {payload!r}: {fault}" for fault in faults]


def _explore(opened: Opened) -> Iterator[str]:
    """What appears on a page when one hovers and clicks."""
    page = opened.page
    if page.locator("#slider").count():
        opened.wait("document.body.dataset.moving !== 'true'")
        for tab in range(page.locator("[data-list]").count()):
            page.locator("[data-list]").nth(tab).click()
            if page.locator("#select-all").count():
                page.locator("#select-all").click()
            yield page.evaluate(READ)
        x, y = page.evaluate("comparison.placeOf(1)")
        page.mouse.move(x, y)
        yield page.evaluate(READ)
        for i in range(3):
            page.locator("#slider").fill(str(i))
            yield page.evaluate(READ)
    for summary in range(page.locator("summary").count()):
        page.locator("summary").nth(summary).click()


def _explore_run(opened: Opened, payload: str) -> Iterator[str]:
    """The same on an explorer, by hand first and then by links."""
    opened.wait("document.body.dataset.ready === 'true'")
    for act in (_walk_panels, _look_at_samples, _hover_and_switch):
        yield from act(opened)
    yield from _find_text(opened, payload)
    yield from _follow_links(opened, payload)


def _walk_panels(opened: Opened) -> Iterator[str]:
    page = opened.page
    for summary in page.locator("summary").all():
        summary.click()
    yield page.evaluate(READ)
    for value in ("#legend-color .values button", "#legend-shape .values button"):
        if page.locator(value).count():
            page.locator(value).last.click()
            page.evaluate(SETTLED)
            yield page.evaluate(READ)  # the filter is said
    if page.locator("#show-all").is_visible():
        page.locator("#show-all").click()
    page.locator("#about-open").click()
    page.keyboard.press("Escape")
    if cells := page.locator("#confusion td button:not(:empty)").all():
        cells[-1].hover()
        cells[-1].click()
        page.evaluate(SETTLED)
        yield page.evaluate(READ)
        page.keyboard.press("Escape")


def _look_at_samples(opened: Opened) -> Iterator[str]:
    page = opened.page
    page.locator(".lists-table").focus()
    for key in ("ArrowDown", "Enter", "j"):
        page.keyboard.press(key)
    opened.wait(DETAILED)
    yield page.evaluate(READ)
    if page.locator(".lists-walk").count():
        page.locator(".lists-walk").last.click()
        opened.wait(DETAILED)
        yield page.evaluate(READ)
    page.evaluate(f"{STATE}.set({{ focus: 1 }})")  # a query, with what is hard for it
    opened.wait(DETAILED)
    yield page.evaluate(READ)
    page.keyboard.press("Escape")


def _hover_and_switch(opened: Opened) -> Iterator[str]:
    page = opened.page
    opened.wait("document.body.dataset.moving === 'false'")
    x, y = page.evaluate(PLACE_ON_MAP)
    page.mouse.move(x, y)
    page.evaluate(SETTLED)
    yield page.evaluate(READ)
    for switch in page.locator("#switches label").all():
        switch.click()
        yield page.evaluate(READ)


def _find_text(opened: Opened, payload: str) -> Iterator[str]:
    page = opened.page
    page.fill("#find input", payload)
    opened.wait(f"{STATE}.choice.query !== '' && {STATE}.choice.found !== null")
    page.evaluate(SETTLED)
    yield page.evaluate(READ)
    page.locator("#find input").press("Escape")
    page.locator("h1").click()  # a box that is being typed in keeps its text


def _follow_links(opened: Opened, payload: str) -> Iterator[str]:
    page = opened.page
    for link in LINKS:
        for text in (payload, quote(payload, safe=""))[link not in UNQUOTED :]:
            page.evaluate("(hash) => { location.hash = hash; }", link.format(text, text))
            page.evaluate(SETTLED)
        yield page.evaluate(READ)
        if link == LINKS[0]:
            opened.wait(f"{STATE}.choice.query !== ''")
            if squeeze(page.input_value("#find input")) != squeeze(payload):
                opened.problems.append("does not show what a link looks for")


def _find_faults(opened: Opened) -> list[str]:
    """What the page did or let in that it must not."""
    page = opened.page
    faults = [*opened.problems, *(f"violates {directive}" for directive in opened.violations())]
    if page.evaluate("'pwned' in window || 'pwned' in Object.prototype"):
        faults.append("a script of the text ran")
    if n := page.evaluate(f"document.querySelectorAll(`{FOREIGN}`).length"):
        faults.append(f"{n} elements that are not ours")
    if page.evaluate("location.protocol") != "file:" or not page.evaluate("location.pathname").endswith("/page.html"):
        faults.append(f"went to {page.url}")
    return faults


def _find_lost(mark: Marks, seen: str) -> list[str]:
    """Places whose text can't be read on the page, whole or cut with an ellipsis."""
    return [
        place
        for place, texts in mark.made.items()
        if not any(_is_shown(squeeze(clean_text(text)), seen) for text in texts)
    ]


def _is_shown(text: str, seen: str) -> bool:
    return text in seen or any(f"{text[:n]}…" in seen for n in range(len(text) - 1, LEAST_SHOWN - 1, -1))


def squeeze(text: str) -> str:
    """Text without any white space: lines may be broken anywhere."""
    return re.sub(r"[\s\u200b]+", "", unicodedata.normalize("NFC", text))
