"""A headless Chromium for tests: offline, and everything that goes wrong on a page is written down."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
PATIENCE = 20.0
"""Seconds, much more than anything here takes."""
LISTEN_FOR_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


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


@contextmanager
def open_page(
    browser: Any, path: Path, *, width: int = 1280, height: int = 720, dark: bool = False, reduced: bool = False
) -> Iterator[Opened]:
    """A file opened from the disk, in a window of its own that has no network."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce" if reduced else "no-preference",
        offline=True,
    )
    context.add_init_script(LISTEN_FOR_VIOLATIONS)
    page = context.new_page()
    opened = Opened(page)
    page.on("console", lambda message: opened.problems.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: opened.problems.append(f"error: {error}"))
    page.on("request", lambda request: request.url == path.as_uri() or opened.problems.append(f"asks {request.url}"))
    page.on("dialog", lambda dialog: (opened.problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.goto(path.as_uri())
    yield opened
    context.close()
