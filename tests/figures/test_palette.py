from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from latentscape.figures.palette import (
    color_distance,
    extend_palette,
    fade,
    from_linear,
    from_oklab,
    to_linear,
    to_oklab,
)

CHOSEN = ("#1f77b4", "#ff7f0e", "#2ca02c")


def test_oklab_of_colors_with_published_coordinates():
    # Ottosson 2020, the table of test pairs in "A perceptual color space for image processing": XYZ of D65 white is
    # (1, 0, 0), and of sRGB's primaries as his reference code gives them.
    light = np.array([[1.0, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
    expected = [[1, 0, 0], [0, 0, 0], [0.62796, 0.22486, 0.12585], [0.86644, -0.23389, 0.1795],
                [0.45201, -0.03246, -0.31153]]  # fmt: skip
    np.testing.assert_allclose(to_oklab(light), expected, atol=2e-5)


def test_both_conversions_have_inverses():
    rgb = np.random.default_rng(0).random((200, 3))
    np.testing.assert_allclose(from_linear(to_linear(rgb)), rgb, atol=1e-9)
    np.testing.assert_allclose(from_oklab(to_oklab(rgb)), rgb, atol=1e-9)


def test_middle_gray_is_a_fifth_of_the_light():
    # sRGB 0.5 -> ((0.5 + 0.055) / 1.055)^2.4
    assert to_linear(np.array([[0.5, 0.04, 1.0]]))[0] == pytest.approx([0.214041, 0.04 / 12.92, 1.0], abs=1e-6)


@pytest.mark.parametrize("dark", [False, True])
def test_new_colors_are_apart_from_all_others_and_from_what_is_to_be_avoided(dark):
    ground = "#1a1d22" if dark else "#fbfbfc"
    new = extend_palette(CHOSEN, avoid=(ground,), n=60, dark=dark)
    assert len(set(new)) == 60
    others = [*CHOSEN, ground, *new]
    assert min(color_distance(a, b) for a, b in combinations(others, 2)) > 0.035
    assert min(color_distance(color, ground) for color in new) > 0.12


def test_a_longer_palette_begins_with_the_shorter_one():
    assert extend_palette(CHOSEN, avoid=(), n=30, dark=False)[:10] == extend_palette(CHOSEN, avoid=(), n=10, dark=False)


def test_each_color_is_nearer_to_those_before_it_than_the_last_one_was():
    """Greedy means that the room gets less with every color, never more."""
    colors = [*CHOSEN, *extend_palette(CHOSEN, avoid=(), n=40, dark=True)]
    room = [min(color_distance(color, other) for other in colors[:i]) for i, color in enumerate(colors) if i >= 3]
    assert all(later <= earlier + 5e-3 for earlier, later in pairwise(room))


def test_red_and_green_of_equal_lightness_are_nearer_than_usual_eyes_see_them():
    red, green = "#b45a3c", "#6e7d28"
    labs = to_oklab(to_linear(np.array([to_rgb(red), to_rgb(green)])))
    assert color_distance(red, green) < 0.7 * np.linalg.norm(labs[0] - labs[1])


def test_fading_goes_from_the_color_to_the_other_one():
    rgb = np.array([to_rgb("#d62728")])
    np.testing.assert_allclose(fade(rgb, share=0.0, towards="#ffffff"), rgb, atol=1e-6)
    np.testing.assert_allclose(fade(rgb, share=1.0, towards="#ffffff"), np.ones((1, 3)), atol=1e-6)
