"""The colors of a run: the same on every page of it, whatever its manifest says."""

import pytest

from latentscape.exploring import describe_style, read_style
from latentscape.figures.style import Style


def of_config(style):
    return {"settings": {"values": {"style": style}}}


@pytest.mark.parametrize(
    "style",
    [None, 3, {"class_colors": {"a": "no color"}}, {"class_colors": {"a": 3}}, {"class_colors": []}, {"dark": "yes"},
     {"kind_colors": ["red"]}, {"kind_colors": "red"}, {"dataset_markers": {"a": "no marker"}}, {"nothing": 1}],
)  # fmt: skip
def test_a_manifest_can_not_break_the_style(style):
    assert read_style(of_config(style)) == Style()
    assert read_style({"style": style}) == Style()


@pytest.mark.parametrize("settings", [None, 3, [], {"values": 3}, {"hide_trust": None, "dark": 1}])
def test_strange_settings_are_the_default(settings):
    assert read_style({"settings": settings}) == Style()


def test_a_classifier_keeps_the_style_of_its_config():
    style = read_style(of_config({"class_colors": {"Sad": "red"}, "dark": True, "dataset_markers": {"b": 5}}))
    assert (style.class_colors, style.dark) == ({"Sad": "#ff0000"}, True)


def test_a_map_keeps_its_options():
    style = read_style({"settings": {"dark": True, "hide_trust": True}})
    assert (style.dark, style.show_trust) == (True, False)


def test_what_a_manifest_describes_is_read_again():
    style = Style(
        class_colors={"a": "red"}, dataset_markers={"b": "s"}, kind_colors=("red", "lime", "blue"), dark=True,
        show_trust=False,
    )  # fmt: skip
    assert read_style({"style": describe_style(style)}) == style
    assert describe_style(read_style({"style": describe_style(style)})) == describe_style(style)
