import numpy as np
import pytest

from latentscape.figures.headline import MARGIN, fit_path, fit_text, measure_text, text_font, wrap_text, write_headline
from latentscape.figures.render import plain, render_png
from latentscape.figures.style import Style, new_figure, themed

FONT = text_font(9)


def test_wrapped_lines_fit_and_keep_every_word():
    text = "phòng Quận 10 khép kín giá tốt " * 8
    lines = wrap_text(text, FONT, width=2.0)
    assert " ".join(lines).split() == text.split()
    assert all(measure_text(line, FONT)[0] <= 2.0 for line in lines)


def test_own_line_ends_stay():
    assert wrap_text("first\nsecond", FONT, width=5) == ["first", "second"]
    assert wrap_text("", FONT, width=5) == []


def test_a_word_without_spaces_is_cut():
    (line,) = wrap_text("w" * 200, FONT, width=1.0)
    assert line.endswith("…") and measure_text(line, FONT)[0] <= 1.0


@pytest.mark.parametrize("width", [0.01, 0.3, 1.0, 9.0])
def test_fitted_texts_are_never_wider_than_asked_unless_nothing_else_is_left(width):
    for text in ("encoder.layers.11.output_dense", "Buồn", ""):
        for fitted in (fit_text(text, FONT, width=width), fit_path(text, FONT, width=width)):
            assert measure_text(fitted, FONT)[0] <= width or fitted == "…"


def test_a_path_loses_its_beginning_and_a_text_its_end():
    path = "encoder.layers.11.output_dense"
    assert fit_path(path, FONT, width=1.0).endswith("output_dense"[-5:])
    assert fit_path(path, FONT, width=1.0).startswith("…")
    assert fit_text(path, FONT, width=1.0).startswith("encoder")


def test_stamps_are_written_on_a_banner_of_their_own_color():
    style = Style()
    heights = []
    for stamps in ((), ("weights were missing",), ("weights were missing", "$x_$ \u202e" * 60)):
        with themed(style):
            figure = new_figure(style, width=6, height=4)
            heights.append(write_headline(figure, "Title", subtitle="what it shows", stamps=stamps))
        render_png(figure)
        texts = [text.get_text() for text in figure.texts]
        assert sum(text.startswith("Warning: ") for text in texts) == len(stamps)
        assert len(figure.artists) == bool(stamps)
        assert not any("\u202e" in text for text in texts)
    assert np.all(np.diff(heights) > 0)


def test_headline_stays_inside_the_paper(find_texts):
    style = Style()
    with themed(style):
        figure = new_figure(style, width=4, height=4)
        top = write_headline(figure, plain("Rất " * 60, limit=300), subtitle="b " * 200, stamps=("c " * 90,))
    boxes = [box for _, box in find_texts(figure)]
    assert max(box.x1 for box in boxes) <= (4 - MARGIN) * figure.dpi + 2
    assert min(box.y0 for box in boxes) >= figure.bbox.y1 - top * figure.dpi


def test_a_line_takes_as_many_words_as_fit():
    words = np.random.default_rng(0).choice(["i", "mmm", "Quận", "illi", "WWWWWWWW", "a"], size=60).tolist()
    font = text_font(9.0)
    for width in (0.05, 0.4, 1.3, 2.0, 40.0):
        lines = wrap_text(" ".join(words), font, width=width)
        greedy = []
        for word in words:
            longer = f"{greedy[-1]} {word}" if greedy else word
            if greedy and measure_text(longer, font)[0] <= width:
                greedy[-1] = longer
            else:
                greedy.append(fit_text(word, font, width=width))
        assert lines == greedy
