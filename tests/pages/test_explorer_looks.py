"""The explorer looks as it did in its pictures; `python -m tests.pages.screenshots` renews them."""

import pytest

pytest.importorskip("PIL.Image", reason="pillow is not installed")

from .screenshots.scenes import FOLDER, SCENES, compare, show, take

pytestmark = pytest.mark.slow
LARGEST = 60_000
LETTERS = ('"DejaVu Serif"', '"DejaVu Sans Condensed"')
HIDDEN = {
    "latents_light": ("#confusion", "#distribution", "#legend", ".map-points", "#table", "#bar"),
    "latents_dark": ("#inspector", ".map-points", "#legend"),
    "retrieval": ("#inspector .lists-all", ".map-points", "#legend"),
    "comparison": ("#confusion", ".map-points", "#legend"),
}
"""What a page can't miss without being found out."""


@pytest.mark.parametrize("name", SCENES)
def test_it_looks_like_its_reference(browser, tmp_path, name):
    with show(browser, tmp_path, name) as opened:
        same = compare(take(opened), name)
        assert same.is_small, f"{same}: tests/pages/screenshots/{name}.png shows another page"
        for letters in LETTERS:
            other = compare(take(opened, rule=f"* {{ font-family: {letters} !important }}"), name)
            assert other.is_small, f"{other} with {letters}"
        for part in HIDDEN[name]:
            without = compare(take(opened, rule=f"{part} {{ visibility: hidden !important }}"), name)
            assert not without.is_small, f"{without} without {part}"
        assert compare(take(opened), name).is_small  # with everything back in its place


def test_pages_are_not_taken_for_one_another(browser, tmp_path):
    with show(browser, tmp_path, "latents_light") as opened:
        picture = take(opened)
        assert [name for name in SCENES if compare(picture, name).is_small] == ["latents_light"]
        opened.page.click("#theme")
        assert not compare(take(opened), "latents_light").is_small


def test_references_are_small():
    assert {path.stem for path in FOLDER.glob("*.png")} == set(SCENES)
    assert max(path.stat().st_size for path in FOLDER.glob("*.png")) <= LARGEST
