import re
import unicodedata

import numpy as np
import pytest

from latentscape.figures import render, style
from latentscape.figures.render import cut, find_undrawable, plain, plain_names, render_png, tidy
from latentscape.figures.style import Style, new_figure, themed

VIETNAMESE = "Cho thuê phòng Quận 10, 25m², WC khép kín, giá 5.5 triệu ₫; ỗ ẫ ữ ặ Đ ơ Ẳ ỵ"


@pytest.fixture
def one_font(monkeypatch):
    """The font that every machine has, whatever else this one has."""
    (first, *_) = style.font_files()
    monkeypatch.setattr(render, "font_files", lambda: (first,))
    render._drawable_codes.cache_clear()
    yield
    monkeypatch.undo()
    render._drawable_codes.cache_clear()


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


def list_syllables() -> list[str]:
    """300 Vietnamese syllables: every rhyme letter in every tone, behind every beginning in turn."""
    onsets = ("", "b", "ch", "đ", "gi", "kh", "ngh", "ph", "qu", "th", "tr", "x")
    vowels, tones = "aăâeêioôơuưy", ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
    made = [f"{onset}{vowel}{tone}n" for onset in onsets for vowel in vowels for tone in tones]
    return [unicodedata.normalize("NFC", text) for text in made[::2][:300]]


def test_300_vietnamese_syllables_have_the_same_pixels_however_they_are_spelled():
    syllables = list_syllables()
    assert len(set(syllables)) == 300
    composed = [" ".join(syllables[i : i + 25]) for i in range(0, 300, 25)]
    decomposed = [unicodedata.normalize("NFD", line) for line in composed]
    assert all(a != b for a, b in zip(composed, decomposed, strict=True))
    assert not find_undrawable(composed)
    pixels = [[draw_text(plain(line, limit=200)) for line in lines] for lines in (composed, decomposed)]
    assert pixels[0] == pixels[1]
    assert len(set(pixels[0])) == 12


@pytest.mark.parametrize("text", [r"$$", r"$x_$", r"\frac{", "{}", "a_b^c$", r"\\", "100 % $5"])
def test_dollar_and_backslash_are_letters(text):
    assert plain(text) == text
    draw_text(plain(text))


@pytest.mark.parametrize("text", ["中立", "ཀ", "\ud800", "\U000f0000", "a\ue000b", "中\u0301", "👩\u200d🚀 🏳️\u200d🌈"])
def test_what_no_font_can_draw_has_an_id_that_is_spelled_out(text, one_font):
    drawn = plain(text)
    # Missing glyphs are warnings, and warnings are errors here.
    draw_text(drawn)
    spelled = find_undrawable([text])
    assert spelled
    for name, letters in spelled.items():
        assert name in drawn
        drawn = drawn.replace(name, letters)
    visible = "".join(letter for letter in text if unicodedata.category(letter) != "Cf" and letter != "\ufe0f")
    assert drawn == visible


def test_ids_are_few_letters_of_ascii_and_the_same_everywhere(one_font):
    (name,) = find_undrawable(["中立"])
    assert re.fullmatch("‹[0-9a-z]{5}›", name)
    assert find_undrawable(["(中立)", "x 中立", "calm"]) == {name: "中立"}
    assert plain("中立 calm 中立") == f"{name} calm {name}"
    assert plain(plain("中立 calm")) == plain("中立 calm")
    assert len(find_undrawable(chr(0x4E00 + i) + chr(0x4E01 + i) for i in range(1000))) == 1000


def test_a_terminal_gets_the_letters_themselves():
    assert tidy("中立\n\x1b[31m calm") == "中立 [31m calm"


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
