"""What the pointer shows of a sample on every page: its picture, its text, its sound."""

from contextlib import contextmanager
from dataclasses import replace
from html import unescape

import numpy as np
import pytest
from PIL import Image

from latentscape.exploration import N_PEAKS, Media
from latentscape.explorer import show_one_map
from latentscape.figures.style import Style
from latentscape.media.thumbnails import shrink
from latentscape.pages.comparison_page import render_comparison_page
from latentscape.pages.explorer_page import render_explorer
from tests.browser import open_page
from tests.comparison_values import build_comparison
from tests.exploration_values import build_exploration

pytestmark = pytest.mark.slow

PLACE = """(i) => {
  if (!globalThis.latentscapeMap) return comparison.placeOf(i);
  const { left, top } = document.querySelector("#map canvas").getBoundingClientRect();
  const [x, y] = latentscapeMap.placeOf(i);
  return [left + x, top + y];
}"""
VIETNAMESE = "Cho thuê phòng trọ khép kín gần Đại học Bách Khoa, có gác lửng và chỗ để xe rộng rãi " * 5
N = 60


def photo(side):
    rows = np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return shrink(Image.fromarray(rows))


@pytest.fixture
def hover(browser, tmp_path):
    """A page opened with the pointer on a sample; in the end nothing may have gone wrong on it."""

    @contextmanager
    def opened(page, row, ready="document.body.dataset.ready === 'true' && document.body.dataset.moving === 'false'"):
        (tmp_path / "page.html").write_text(page, encoding="utf-8")
        with open_page(browser, tmp_path / "page.html", reduced=True) as one:
            one.wait(ready)
            x, y = one.page.evaluate(PLACE, row)
            one.page.mouse.move(x + 1, y)
            one.page.mouse.move(x, y)
            yield one.page
            assert one.problems == []
            assert one.violations() == []

    return opened


def apart(found):
    """The same with all points on a grid of their own: the pointer finds the one that is meant."""
    grid = np.stack(np.divmod(np.arange(found.n), 8), axis=1).astype(float)
    return replace(found, frames=tuple(replace(frame, xy=grid) for frame in found.frames))


@pytest.mark.parametrize(("side", "is_tiny"), [(8, True), (64, False)])
def test_a_picture_is_shown_where_the_pointer_is(hover, side, is_tiny):
    found = apart(build_exploration("latents", n=N, thumbnails={7: photo(side)}))
    for shown in (found, show_one_map(found, found.frames[1])):
        with hover(render_explorer(shown, style=Style()), 7) as page:
            picture = page.locator(".map-card img")
            picture.wait_for()
            assert (
                picture.evaluate("(one) => one.decode().then(() => [one.naturalWidth, one.naturalHeight])")
                == [side] * 2
            )
            assert picture.evaluate("(one) => one.classList.contains('tiny')") == is_tiny
            assert page.locator(".map-card").bounding_box()["height"] > 80
            x, y = page.evaluate(PLACE, 8)
            page.mouse.move(x, y)
            assert page.locator(".map-card img").count() == 0


def test_a_click_on_a_picture_shows_it_large_and_its_neighbors_small(hover):
    found = apart(build_exploration("latents", n=N, thumbnails={row: photo(8) for row in range(N)}))
    with hover(render_explorer(found, style=Style()), 7) as page:
        page.mouse.click(*page.evaluate(PLACE, 7))
        page.locator("#inspector .lists-picture").wait_for()
        assert page.locator("#inspector .lists-picture").bounding_box()["width"] > 100
        page.locator("#inspector .lists-walk").first.wait_for()
        assert page.locator("#inspector .lists-thumb").count() == page.locator("#inspector .lists-walk").count() > 3


def test_where_a_picture_is_gone_its_thumbnail_stays(hover):
    media = Media(kind="image", links=tuple(f"gone/{row}.png" for row in range(N)))
    found = apart(build_exploration("latents", n=N, media=media, thumbnails={7: photo(8)}))
    page = render_explorer(found, style=Style())
    with pytest.raises(AssertionError, match="gone/7"), hover(page, 7) as opened:  # the browser says what it misses
        assert opened.locator(".map-card img").get_attribute("src").startswith("blob:")
        opened.mouse.click(*opened.evaluate(PLACE, 7))
        opened.locator("#inspector .lists-small").wait_for()
        assert opened.locator("#inspector .lists-small").get_attribute("src").startswith("blob:")


def test_a_text_is_cut_after_two_hundred_letters(hover):
    found = apart(build_exploration("embeddings", n=N))
    columns = [replace(one, values=(VIETNAMESE,) * N) if one.key == "text" else one for one in found.columns]
    with hover(render_explorer(replace(found, columns=tuple(columns)), style=Style()), 7) as page:
        shown = page.locator(".map-card-name").text_content()
        assert shown.endswith("…") and VIETNAMESE.startswith(shown[:-1]) and 190 < len(shown) <= 200
        assert page.locator(".map-card").text_content().count("Đại học Bách Khoa, có gác") < 4  # not again as a fact


def test_a_sound_shows_its_bars_and_its_length(hover):
    peaks = np.full((N, N_PEAKS), 128, dtype=np.uint8)
    media = Media(kind="audio", links=(None,) * N, files={7: b"ID3"}, seconds=np.full(N, 1.6), peaks=peaks)
    found = apart(build_exploration("latents", n=N, media=media))
    with hover(render_explorer(found, style=Style()), 7) as page:
        assert page.locator(".map-card-sound").text_content() == "1.6 s"
        assert page.locator(".map-card-sound path").get_attribute("d").count("M") == N_PEAKS


def test_the_page_of_a_comparison_shows_pictures_and_texts(hover):
    findings = build_comparison(n=120)
    texts = tuple(f"{row} {VIETNAMESE}" for row in range(120))
    subject = replace(findings.subject, texts=texts, thumbnails={row: photo(8) for row in range(120)})
    page = render_comparison_page(replace(findings, subject=subject), style=Style())
    with hover(page, 7, "document.body.dataset.moving !== 'true'") as opened:
        picture = opened.locator("#hover img")
        picture.wait_for()
        assert picture.evaluate("(one) => one.decode().then(() => one.naturalWidth)") == 8
        assert "Đại học Bách Khoa" in opened.locator("#hover").text_content()
    assert "img-src data:;" in unescape(page)
    assert "img-src 'none';" in unescape(render_comparison_page(findings, style=Style()))
