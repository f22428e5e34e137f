"""What the explorer looks like: a few scenes of made-up runs, and whether a picture shows the same as its reference.

`python -m tests.pages.screenshots` takes the references anew; look at each of them before it is committed.
"""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from latentscape.exploration import Exploration
from latentscape.figures.style import Style
from latentscape.pages.explorer_page import render_explorer
from tests.browser import Opened, open_page
from tests.exploration_values import build_exploration, with_sound

FOLDER = Path(__file__).parent
WIDE, HIGH = 1280, 720
KEPT = (WIDE // 2, HIGH // 2)
"""Size of a reference."""
SEEN = (WIDE // 16, HIGH // 16)
"""Size at which pictures are compared, out of focus: letters are a gray there, whatever their font; blocks are not."""
BLUR = 2
COLORS = 256
"""Of a reference: it is small then, and its colors are off by less than anybody sees."""
OTHER = 10
"""Of 255, in any channel: a place that differs by more is another one."""
MOST_OTHER = 0.02
"""Share of them. Another font makes 0.013 at most; without its legend a page has 0.03, without its points 0.07."""
MOST_DIFFERENCE = 2.5
"""On average. Another font makes 1.5."""
READY = "document.body.dataset.ready === 'true' && document.body.dataset.moving === 'false'"
SETTLED = "new Promise((go) => requestAnimationFrame(() => setTimeout(go, 150)))"


@dataclass(frozen=True)
class Scene:
    """A run, and what is chosen on its page."""

    build: Callable[[], Exploration]
    choices: tuple[str, ...] = ()
    """One after the other: the later ones may be about what the first ones chose."""
    dark: bool = False


@dataclass(frozen=True)
class Difference:
    """How far a picture is from its reference."""

    mean: float
    """Of 255."""
    other: float
    """Share of places that are other ones."""

    @property
    def is_small(self) -> bool:
        return self.mean <= MOST_DIFFERENCE and self.other <= MOST_OTHER


def _speech() -> Exploration:
    return with_sound(build_exploration("latents"), [])


SCENES: Mapping[str, Scene] = MappingProxyType(
    {
        "latents_light": Scene(lambda: build_exploration("latents")),
        "latents_dark": Scene(
            _speech,
            ("{ focus: 149 }",),
            dark=True,
        ),
        "retrieval": Scene(lambda: build_exploration("embeddings"), ("{ focus: 3 }",)),
        "comparison": Scene(lambda: build_exploration("comparison", n=400), ("{ frame: 2 }",)),
    }
)


@contextmanager
def show(browser: Any, folder: Path, name: str) -> Iterator[Opened]:
    """The page of a scene."""
    scene, path = SCENES[name], folder / "explorer.html"
    path.write_text(render_explorer(scene.build(), style=Style()), encoding="utf-8")
    with open_page(browser, path, width=WIDE, height=HIGH, dark=scene.dark, reduced=True) as opened:
        opened.wait(READY)
        for choice in scene.choices:
            opened.page.evaluate(f"latentscape.state.set({choice})")
            opened.wait("document.querySelector('#inspector').dataset.details !== 'waiting'")
        yield opened


def take(opened: Opened, *, rule: str = "") -> Image.Image:
    """A picture of the page; `rule` is put into its style for it, to see what becomes of it."""
    page = opened.page
    if rule:
        page.evaluate(
            "(rule) => document.styleSheets[0].insertRule(rule, document.styleSheets[0].cssRules.length)", rule
        )
    page.evaluate(SETTLED)
    opened.wait(READY)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    if rule:
        page.evaluate("document.styleSheets[0].deleteRule(document.styleSheets[0].cssRules.length - 1)")
        page.evaluate(SETTLED)
    return picture


def save(picture: Image.Image, name: str) -> Path:
    """Keep a picture as the reference of its scene."""
    path = FOLDER / f"{name}.png"
    small = picture.resize(KEPT, Image.Resampling.BOX)
    small.quantize(COLORS, dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def compare(picture: Image.Image, name: str) -> Difference:
    """With the reference of that name."""
    there = _see(Image.open(FOLDER / f"{name}.png").convert("RGB"))
    apart = np.abs(_see(picture.resize(KEPT, Image.Resampling.BOX)) - there).max(axis=2)
    return Difference(float(apart.mean()), float((apart > OTHER).mean()))


def _see(picture: Image.Image) -> np.ndarray:
    small = picture.resize(SEEN, Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(BLUR))
    return np.asarray(small).astype(float)
