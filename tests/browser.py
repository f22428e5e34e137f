"""A headless Chromium for tests: offline, and everything that goes wrong on a page is written down."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
PATIENCE = 20.0
"""Seconds, much more than anything here takes."""
CHROMIUMS_OWN = "GPU stall due to ReadPixels"
"""What Chromium writes on the console for any WebGL canvas on a machine without a graphics card."""
LISTEN_FOR_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""
NO_WEBGL = """
const getContext = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.startsWith("webgl") ? null : getContext.call(this, kind, ...rest);
};
"""
"""A script for `open_page`: a browser that can't draw maps."""


@dataclass
class Opened:
    """A page in the browser, and what it complained about."""

    page: Any
    problems: list[str] = field(default_factory=list)
    """Messages on the console, errors nobody caught, dialogs, and requests to anything but its own file."""

    def state(self, name: str) -> str | None:
        """What the page says of itself: `document.body.dataset[name]`."""
        return self.page.evaluate("(name) => document.body.dataset[name] ?? null", name)

    def wait(self, condition: str) -> None:
        """Until the JavaScript expression is true; asked from here, as the page's policy allows no evaluation in it."""
        ends = time.monotonic() + PATIENCE
        while not self.page.evaluate(condition):
            assert time.monotonic() < ends, f"never came true: {condition}"
            self.page.wait_for_timeout(20)

    def violations(self) -> list[str]:
        """What the page's policy forbade."""
        return self.page.evaluate("window.violations")


@contextmanager
def start_browser() -> Iterator[Any]:
    """Chromium through Playwright; skips the test where either is missing."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next((found for name in NAMES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("there is no Chromium or Chrome on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield browser
        browser.close()


def watch(page: Any, *, may_ask: Callable[[str], bool] = lambda _: True) -> Opened:
    """Write down from now on what goes wrong on a page; `may_ask` says which addresses it may ask for.

    Files that a page made itself (`blob:`) are no requests. Nor is Chromium's grumbling about a missing graphics card
    a message of the page.
    """
    opened = Opened(page)
    problems = opened.problems
    page.on("console", lambda told: CHROMIUMS_OWN in told.text or problems.append(f"console: {told.text}"))
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    page.on("request", lambda asked: _is_own(page, asked.url, may_ask) or problems.append(f"asks {asked.url}"))
    page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    return opened


@contextmanager
def open_page(
    browser: Any,
    place: Path | str,
    *,
    width: int = 1280,
    height: int = 720,
    dark: bool = False,
    reduced: bool = False,
    script: str = "",
) -> Iterator[Opened]:
    """A file opened from the disk, in a window of its own that has no network; or an address of this machine.

    An address may have a `#` and what follows. `script` runs before those of the page.
    """
    address = place.as_uri() if isinstance(place, Path) else place
    is_served = urlsplit(address).scheme == "http"
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce" if reduced else "no-preference",
        offline=not is_served,
    )
    context.add_init_script(f"{LISTEN_FOR_VIOLATIONS}\n{script}")
    page = context.new_page()
    own = f"http://{urlsplit(address).netloc}/" if is_served else address.partition("#")[0]
    opened = watch(page, may_ask=lambda asked: asked.startswith(own) if is_served else asked.partition("#")[0] == own)
    page.goto(address)
    yield opened
    context.close()


def _is_own(page: Any, asked: str, may_ask: Callable[[str], bool]) -> bool:
    """A file of the browser belongs to whom its address says: to nobody (a page from a disk), or to a server."""
    place = urlsplit(page.url)
    makers = ("blob:null/", "blob:file:///", f"blob:{place.scheme}://{place.netloc}/")
    return asked.startswith(makers) or may_ask(asked)
