import numpy as np
import pytest
import soundfile

from latentscape.demo.augment import SPEED, augment, read_noises
from latentscape.errors import DataError

TONE = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype(np.float32)


def frequency(waveform):
    return np.abs(np.fft.rfft(waveform * np.hanning(len(waveform)))).argmax() * 16000 / len(waveform)


def test_speed_changes_pitch_and_length_together():
    for seed in range(20):
        changed = augment(TONE, np.random.default_rng(seed), longest=None)
        factor = len(TONE) / len(changed)
        assert abs(np.log(factor)) <= SPEED + 1e-3
        assert frequency(changed) == pytest.approx(440 * factor, abs=2)
        assert changed.dtype == np.float32


def test_long_clips_are_cut_and_short_ones_are_not_padded():
    lengths = [len(augment(TONE, np.random.default_rng(seed), longest=8000)) for seed in range(20)]
    assert all(abs(length - 8000) <= 2 for length in lengths)
    assert len(augment(TONE[:100], np.random.default_rng(0), longest=8000)) <= 107


def test_the_same_generator_gives_the_same_clip():
    first, second = (augment(TONE, np.random.default_rng(7), longest=4000) for _ in range(2))
    assert np.array_equal(first, second)


def test_noise_comes_in_at_the_promised_levels_and_only_sometimes():
    noise = np.random.default_rng(0).normal(0, 1, 500).astype(np.float32)
    silent = np.zeros(16000, dtype=np.float32) + TONE
    ratios = []
    for seed in range(60):
        plain = augment(silent, np.random.default_rng(seed), longest=None)
        noisy = augment(silent, np.random.default_rng(seed), longest=None, noises=[noise])
        difference = np.mean((noisy - plain).astype(float) ** 2)
        ratios.append(np.inf if difference == 0 else 10 * np.log10(np.mean(plain**2) / difference))
    heard = [ratio for ratio in ratios if np.isfinite(ratio)]
    assert 15 < len(heard) < 45
    assert all(4.5 < ratio < 25.5 for ratio in heard)


def test_a_folder_without_sound_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("hush")
    with pytest.raises(DataError, match="no sound files"):
        read_noises(tmp_path, sample_rate=16000)
    soundfile.write(tmp_path / "a.wav", TONE, 16000)
    assert len(read_noises(tmp_path, sample_rate=16000)) == 1
