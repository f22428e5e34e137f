"""The validation pass, and what is known of the whole data set."""

import numpy as np
import pytest

from latentscape.settings import EmotionConfig, load_config
from latentscape.speech_input import Census, read_validation_set


@pytest.fixture(scope="module")
def found(finished_speech):
    return read_validation_set(load_config(finished_speech.config, EmotionConfig), max_samples=0, seed=0)


def test_the_census_counts_both_sides(found):
    census = found.census
    assert census.n_train + len(found.samples) == len(census.samples) == len(census.splits)
    held_out = [name for name, split in zip(census.samples.ids, census.splits, strict=True) if split == "validation"]
    assert tuple(held_out) == found.samples.ids


def test_no_speaker_is_shared_by_the_split_we_make(found):
    assert found.census.find_shared_speakers() == ()


def test_shared_speakers_are_found_where_somebody_else_made_the_split(found):
    samples = found.census.samples
    speaker = samples.speakers[0]
    own = [row for row, name in enumerate(samples.speakers) if name == speaker]
    split_inside = Census(samples=samples, validation=np.array(own[:3]))
    assert split_inside.find_shared_speakers() == (speaker,)
    assert split_inside.n_train == len(samples) - 3


def test_samples_that_are_not_drawn_stay_in_the_census(finished_speech, found):
    few = read_validation_set(load_config(finished_speech.config, EmotionConfig), max_samples=14, seed=0)
    assert len(few.samples) == 14
    assert few.census.splits == found.census.splits


def test_copies_are_looked_for_in_training_files_too(speech_run):
    clips = sorted((speech_run.folder / "speech" / "crema-d").glob("*.wav"))
    clips[0].write_bytes(clips[-1].read_bytes())
    census = read_validation_set(load_config(speech_run.config, EmotionConfig), max_samples=0, seed=0).census
    groups = [[census.samples.paths[row].name for row in group] for group in census.samples.copies]
    assert groups == [[clips[0].name, clips[-1].name]]
