import unicodedata

import numpy as np
import pytest

from latentscape.figures.render import PLACEHOLDER, cut, plain, plain_names, render_png
from latentscape.figures.style import Style, new_figure, themed

VIETNAMESE = "Cho thuê phòng Quận 10, 25m², WC khép kín, giá 5.5 triệu ₫; ỗ ẫ ữ ặ Đ ơ Ẳ ỵ"


def draw_text(text: str) -> bytes:
    with themed(Style()):
        figure = new_figure(Style(), width=6, height=0.5)
        figure.text(0.01, 0.3, text)
    return render_png(figure)


def test_equal_figures_give_equal_bytes_without_date_or_version():
    first = draw_text("phòng")
    assert first == draw_text("phòng")
    assert not any(word in first for word in (b"tEXt", b"Software", b"tIME", b"matplotlib"))


def test_a_picture_of_very_many_layers_is_drawn_coarser_instead_of_failing():
    with themed(Style()):
        figure = new_figure(Style(), width=0.2, height=700)
    png = render_png(figure)
    assert int.from_bytes(png[20:24]) <= 60_000


def test_composed_and_decomposed_vietnamese_have_the_same_pixels():
    composed, decomposed = (plain(unicodedata.normalize(form, VIETNAMESE), limit=200) for form in ("NFC", "NFD"))
    assert composed == VIETNAMESE
    assert draw_text(composed) == draw_text(decomposed)


@pytest.mark.parametrize("text", [r"$$", r"$x_$", r"\frac{", "{}", "a_b^c$", r"\\", "100 % $5"])
def test_dollar_and_backslash_are_letters(text):
    assert plain(text) == text
    draw_text(plain(text))


@pytest.mark.parametrize("text", ["中立", "ཀ", "\ud800", "\U000f0000", "a\ue000b"])
def test_what_no_font_can_draw_has_a_visible_place(text):
    # Missing glyphs are warnings, and warnings are errors here.
    assert PLACEHOLDER in plain(text)
    draw_text(plain(text))


@pytest.mark.parametrize("text", ["أهلا", "😀", "ắ" * 30, "e" + "\u0301" * 60])
def test_other_scripts_draw_without_warnings(text):
    draw_text(plain(text))


def test_control_and_direction_characters_are_gone():
    assert plain("\x00a\x1b[31m\u202eb\u2066c\u200d\ufeff\t\n d\ufe0f") == "a[31mbc d"


def test_text_is_cut_at_forty_characters():
    assert plain("x" * 40) == "x" * 40
    assert plain("x" * 41) == "x" * 39 + "…"
    assert plain("") == ""


def test_no_letter_loses_its_marks_by_a_cut():
    text = "ab" + "q\u0323\u0307" * 5
    for limit in range(2, len(text)):
        kept = cut(text, limit=limit)
        assert len(kept) <= limit and kept.endswith("…")
        assert text[len(kept) - 1] not in "\u0323\u0307"


def test_names_that_look_alike_get_their_number():
    long = "a class with a name that is longer than any label"
    assert plain_names(["calm", "sad"]) == ["calm", "sad"]
    assert plain_names([long + "1", "sad", long + "2"])[::2] == [plain(long) + " (1)", plain(long) + " (3)"]
    assert len(set(plain_names(["中立", "平静", "", "\n"]))) == 4


def test_plain_never_grows_and_is_stable():
    rng = np.random.default_rng(0)
    for _ in range(200):
        text = "".join(chr(code) for code in rng.integers(1, 0x3000, size=60))
        assert len(plain(text)) <= 40
        assert plain(plain(text)) == plain(text)
