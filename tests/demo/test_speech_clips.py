import numpy as np
import pytest
import soundfile

from latentscape.datasets.speech import read_speech
from latentscape.demo.speech_clips import Clips, load_clips, plan_batches, stream_batches
from latentscape.errors import DataError
from latentscape.progress import Progress


class Listener(Progress):
    def __init__(self):
        self.said = []

    def track(self, items, *, label, total):
        yield from items

    def say(self, message):
        self.said.append(message)


@pytest.fixture
def samples(tmp_path):
    for number, size in enumerate([4000, 1000, 3000, 2000, 50]):
        name = tmp_path / ("happy" if number % 2 else "sad") / f"{number}.wav"
        name.parent.mkdir(exist_ok=True)
        soundfile.write(name, np.full(size, 0.01 * (number + 1)), 16000)
    return read_speech([("folder", tmp_path)])


def load(samples, listener, min_samples=100):
    return load_clips(samples, sample_rate=16000, min_samples=min_samples, num_workers=2, progress=listener)


def test_clips_that_cannot_be_used_are_said_and_left_out(samples):
    samples.paths[0].write_bytes(b"no sound")
    listener = Listener()
    clips = load(samples, listener)
    assert len(clips.waveforms) == len(clips.samples) == 3
    assert any("shorter than 100 samples" in sentence for sentence in listener.said)
    assert listener.said[-1].startswith("2 of 5 clips")
    for path, waveform in zip(clips.samples.paths, clips.waveforms, strict=True):
        assert waveform[0] == pytest.approx(0.01 * (int(path.stem) + 1), abs=1e-4)


def test_no_clip_left_is_an_error(samples):
    with pytest.raises(DataError, match="none of the clips"):
        load(samples, Listener(), min_samples=10**6)


def test_batches_as_they_are_come_by_length_and_hold_every_clip_once(samples):
    clips = load(samples, Listener(), min_samples=10)
    batches = list(stream_batches(clips, batch_size=2))
    lengths = np.concatenate([batch.lengths.numpy() for batch in batches])
    assert lengths.tolist() == [50, 1000, 2000, 3000, 4000]
    for batch in batches:
        assert batch.waveforms.shape == (len(batch.lengths), int(batch.lengths.max()))
        for row, length in zip(batch.waveforms, batch.lengths, strict=True):
            assert row[:length].min() > 0
            assert not row[length:].any()


def test_labels_travel_with_their_clips(samples):
    clips = load(samples, Listener(), min_samples=10)
    level = {round(float(w[0]), 3): int(label) for w, label in zip(clips.waveforms, clips.samples.labels, strict=True)}
    rng = np.random.default_rng(0)
    for batch in stream_batches(clips, batch_size=3, rng=rng, change=lambda waveform, _: waveform):
        for row, label in zip(batch.waveforms, batch.labels, strict=True):
            assert level[round(float(row[0]), 3)] == int(label)


def test_random_plans_follow_the_generator_and_keep_lengths_together():
    lengths = np.random.default_rng(0).integers(1000, 9000, 400).tolist()
    first, again, other = (plan_batches(lengths, batch_size=10, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
    assert sorted(np.concatenate(first)) == list(range(400))
    padding = sum(10 * max(np.array(lengths)[rows]) for rows in first) / sum(lengths)
    assert padding < 1.15


def test_take_keeps_rows_together(samples):
    clips = load(samples, Listener(), min_samples=10)
    few = clips.take(np.array([3, 1]))
    assert isinstance(few, Clips)
    assert few.samples.ids == (clips.samples.ids[3], clips.samples.ids[1])
    assert np.array_equal(few.waveforms[0], clips.waveforms[3])
