"""The made-up speech: named like the real sets, the same from the same seed, and hard where it says so."""

from collections import defaultdict
from itertools import combinations

import numpy as np
import pytest
import soundfile

from latentscape.datasets.audio import load_audio
from latentscape.datasets.speech import EMOTIONS, read_speech
from latentscape.demo.speech_data import EXPRESSIONS, HARD_PAIR, write_demo_speech


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Four speakers a set, everything said once."""
    return write_demo_speech(tmp_path_factory.mktemp("speech"), seed=3, n_speakers=4, takes=1)


@pytest.fixture(scope="module")
def samples(small):
    return read_speech([("ravdess", small[0]), ("crema-d", small[1])])


def test_expressions_are_the_emotions_in_order():
    assert tuple(EXPRESSIONS) == EMOTIONS


def test_the_readers_understand_every_file(samples):
    assert samples.skipped == ()
    assert samples.class_names == EMOTIONS
    counts = np.zeros((2, 8), dtype=int)
    np.add.at(counts, (samples.dataset_ids, samples.labels), 1)
    # four speakers: two sentences at two strengths, neutral only at one; six sentences at one strength
    assert counts.tolist() == [[8, 16, 16, 16, 16, 16, 16, 16], [24, 0, 24, 24, 24, 24, 24, 0]]
    assert len(set(samples.speakers)) == 8


def test_files_are_sixteen_bit_mono_and_not_clipped(samples):
    for path in samples.paths[::7]:
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.subtype) == (16000, 1, "PCM_16")
        assert 0.5 < info.duration < 3.0
        assert 0.01 < np.abs(load_audio(path)).max() < 1.0


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path, small):
    again = write_demo_speech(tmp_path / "again", seed=3, n_speakers=4, takes=1)
    other = write_demo_speech(tmp_path / "other", seed=4, n_speakers=1, takes=1)
    for folder, twin in zip(small, again, strict=True):
        files = sorted(path.relative_to(folder) for path in folder.rglob("*.wav"))
        assert files
        assert files == sorted(path.relative_to(twin) for path in twin.rglob("*.wav"))
        assert all((folder / name).read_bytes() == (twin / name).read_bytes() for name in files)
    name = "Actor_01/03-01-05-01-01-01-01.wav"
    assert (small[0] / name).read_bytes() != (other[0] / name).read_bytes()


@pytest.mark.slow
def test_more_speakers_leave_the_first_ones_emotions_alone(tmp_path):
    few = write_demo_speech(tmp_path / "few", seed=1, n_speakers=1, takes=1)[1]
    many = write_demo_speech(tmp_path / "many", seed=1, n_speakers=2, takes=1)[1]
    assert {path.name for path in few.iterdir()} < {path.name for path in many.iterdir()}


def describe(waveform):
    """Level, length, pitch by autocorrelation, and how much of the power lies above 1 kHz: z-scored by the caller."""
    loud = waveform[np.abs(waveform) > 0.02 * np.abs(waveform).max()]
    power = np.abs(np.fft.rfft(waveform)) ** 2
    hz = np.fft.rfftfreq(len(waveform), 1 / 16000)
    middle = waveform[len(waveform) // 2 :][:2000]
    echo = np.correlate(middle, middle, "full")[len(middle) - 1 :]
    pitch = 16000 / (40 + np.argmax(echo[40:200]))
    return [np.log(np.std(loud)), len(waveform), np.log(pitch), np.log(power[hz > 1000].sum() / power.sum())]


def test_the_hard_pair_is_the_closest_pair_of_the_first_set(samples):
    rows = [row for row in range(len(samples)) if samples.dataset_ids[row] == 0]
    features = np.array([describe(load_audio(samples.paths[row])) for row in rows])
    by_speaker = defaultdict(list)
    for place, row in enumerate(rows):
        by_speaker[samples.speakers[row]].append(place)
    for places in by_speaker.values():  # an emotion is a departure from the speaker's own habit
        features[places] -= features[places].mean(axis=0)
    features /= features.std(axis=0)
    labels = samples.labels[rows]
    centers = {name: features[labels == number].mean(axis=0) for number, name in enumerate(EMOTIONS)}
    distances = {pair: np.linalg.norm(centers[pair[0]] - centers[pair[1]]) for pair in combinations(EMOTIONS, 2)}
    assert min(distances, key=distances.__getitem__) == HARD_PAIR
    assert distances[HARD_PAIR] < 0.5 * np.median(list(distances.values()))


def test_the_second_set_is_heard_through_a_narrow_band(samples):
    def share_of_highs(row):
        power = np.abs(np.fft.rfft(load_audio(samples.paths[row]))) ** 2
        return power[int(len(power) * 0.55) : int(len(power) * 0.65)].sum() / power.sum()

    angry = [row for row in range(len(samples)) if EMOTIONS[samples.labels[row]] == "Angry"]
    close = np.mean([share_of_highs(row) for row in angry if samples.dataset_ids[row] == 0])
    telephone = np.mean([share_of_highs(row) for row in angry if samples.dataset_ids[row] == 1])
    assert telephone < 0.3 * close
