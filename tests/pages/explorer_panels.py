"""The explorer's own panels in a browser, on made-up data: the map, the lists and the payload are stubs."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

from latentscape.pages.templates import policy, render, style_of
from tests.browser import LISTEN_FOR_VIOLATIONS, Opened, watch

ORIGIN = "http://explorer.test"
DATA = Path(__file__).with_name("explorer_data.js")
STUBS = {
    "map_view": "mountMap",
    "table": "mountTable",
    "inspector": "mountInspector",
    "find": "mountFind",
    "deep_link": "mountDeepLink",
}
READY = "document.body.dataset.ready === 'true'"


def read_module(name: str) -> str:
    """The text that stands for a module of the explorer."""
    stem = name.removesuffix(".js")
    if stem == "source":
        return DATA.read_text(encoding="utf-8")
    if stem in STUBS:
        return f"export function {STUBS[stem]}(element, state) {{}}"
    return files("latentscape.pages").joinpath("assets", "explorer", name).read_text(encoding="utf-8")


def build_shell(**values: object) -> str:
    """The page's own template, with the modules beside it."""
    script, style = 'import "/explorer/main.js";', style_of("theme.css", "explorer.css")
    fence = policy([script], styles=[style]).replace("script-src ", "script-src 'self' ")
    told = {
        "title": "A study",
        "headline": "72% of 264 clips are recognized; most mistakes take Sad for Fearful.",
        "facts": {"model": "checkpoint.pt", "data": "crema-d, ravdess", "clips": "264"},
        "stamps": [],
        "captions": ["Points that are near each other are alike to the layer."],
        "foot": ["Weights: all 12 tensors were found."],
    }
    return render("explorer.html.j2", **told | values, style=style, policy=fence, script=script, payload="")


def _answer(route: Any, html: str) -> None:
    path = route.request.url.removeprefix(ORIGIN).partition("?")[0]
    if path == "/":
        route.fulfill(body=html, content_type="text/html")
    elif path.startswith("/explorer/"):
        route.fulfill(body=read_module(path.removeprefix("/explorer/")), content_type="text/javascript")
    else:
        route.fulfill(status=404, body="")


@contextmanager
def open_panels(
    browser: Any, query: str = "", *, width: int = 1280, height: int = 720, dark: bool = False, html: str = ""
) -> Iterator[Opened]:
    """The page in a window of its own; `query` says what the data are like."""
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light")
    context.add_init_script(LISTEN_FOR_VIOLATIONS)
    page = context.new_page()
    opened = watch(page, may_ask=lambda asked: asked.startswith(f"{ORIGIN}/"))
    page.route(f"{ORIGIN}/**", lambda route: _answer(route, html or build_shell()))
    page.goto(f"{ORIGIN}/?{query}")
    opened.wait(READY)
    yield opened
    assert opened.problems == []
    assert opened.violations() == []
    context.close()
