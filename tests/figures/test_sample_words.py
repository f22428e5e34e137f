"""The words for samples follow what the samples are."""

from dataclasses import replace

import pytest

from latentscape.figures.latent_panel import choose_markers
from latentscape.figures.latent_spaces import draw_latent_spaces
from latentscape.figures.layer_profile import draw_layer_profile
from latentscape.figures.sample_words import WORDS, name_groups, words_of
from latentscape.figures.style import Style
from latentscape.shapes import Kind

from .layer_values import add_layer_values, all_texts, make_readout, set_everywhere, set_readouts


@pytest.mark.parametrize(
    ("kind", "group", "look"),
    [
        ("audio", "speaker", "Listen to"),
        ("image", "group", "Look at"),
        ("text", "group", "Read"),
        (None, "group", "Look at"),
    ],
)
def test_words_of_each_kind(make_latents, kind: Kind | None, group: str, look: str):
    words = words_of(replace(make_latents(n=5, layers=()), kind=kind))
    assert (words.group, words.look) == (group, look)


def test_every_kind_has_words():
    assert set(WORDS) == {None, "audio", "image", "text"}


def test_remarks_speak_of_groups_and_leave_other_words_alone():
    told = name_groups("folds share speakers; voice and loudspeaker", "group")
    assert told == "folds share groups; group and loudspeaker"
    assert name_groups("folds share speakers", "speaker") == "folds share speakers"


def test_one_dataset_has_no_marker_and_no_legend(make_latents):
    one, two = make_latents(n=40, dataset_names=("digits",)), make_latents(n=40)
    assert not choose_markers(one, Style()).is_shown and choose_markers(two, Style()).is_shown
    figure = draw_latent_spaces(make_latents(n=40, dataset_names=("digits",), layers=("last_hidden",)), Style())
    words = " ".join(text.get_text() for text in figure.texts)
    assert "Dataset" not in words and "last hidden" in words and "last_hidden" not in words


def test_a_single_question_stands_beside_the_geometry(make_latents):
    whole = add_layer_values(make_latents(n=40, methods=()))
    alone = set_everywhere(whole, readouts={})
    alone = set_readouts(alone, "class", [make_readout(value) for value in (0.3, 0.5, 0.8)])
    figure, usual = draw_layer_profile(alone, Style()), draw_layer_profile(whole, Style())
    words = all_texts(figure)
    assert "Speaker" not in words and "Dataset" not in words and any("Left: how often" in text for text in words)
    assert figure.get_figheight() < usual.get_figheight() and figure.get_figwidth() == usual.get_figwidth()
    assert any("Above: how often" in text for text in all_texts(usual))


def test_groups_of_pictures_are_no_speakers(make_latents):
    pictures = replace(add_layer_values(make_latents(n=40, methods=())), kind="image")
    words = " ".join(all_texts(draw_layer_profile(pictures, Style())))
    assert "Group" in words and "peaker" not in words and "voices" not in words
