import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from latentscape.datasets import audio
from latentscape.datasets.audio import load_audio, measure_audio
from latentscape.errors import DataError


def test_reads_every_sample_of_16_bit_pcm_exactly(tmp_path, wav):
    path = wav(tmp_path / "a.wav", frames=500)
    expected = np.frombuffer(path.read_bytes()[44:], "<i2") / 32768
    loaded = load_audio(path)
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, expected.astype(np.float32))


def test_channels_are_averaged(tmp_path):
    left, right = np.array([0.5, -0.5, 0.25, 0.0]), np.array([0.25, 0.5, 0.25, -1.0])
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], axis=1), 16000, subtype="FLOAT")
    np.testing.assert_allclose(load_audio(tmp_path / "a.wav"), [0.375, 0.0, 0.25, -0.5])


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"),
    [
        (16000, 1, "PCM_16"),
        (16000, 2, "PCM_24"),
        (16000, 1, "PCM_U8"),
        (16000, 1, "FLOAT"),
        (44100, 1, "PCM_16"),
        (48000, 2, "PCM_16"),
        (8000, 1, "PCM_16"),
        (22050, 2, "DOUBLE"),
        (16000, 1, "ULAW"),
    ],
)
def test_one_sine_in_many_encodings_sounds_the_same(tmp_path, sine, rate, channels, subtype):
    loaded = load_audio(sine(tmp_path / "a.wav", rate=rate, channels=channels, subtype=subtype))
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert len(loaded) == 16000
    inner = slice(200, -200)  # a resampler rings at both ends
    cosine = loaded[inner] @ tone[inner] / np.linalg.norm(loaded[inner]) / np.linalg.norm(tone[inner])
    assert cosine > 0.999
    assert np.abs(loaded).max() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".aiff", ".mp3"])
def test_other_containers(tmp_path, sine, suffix):
    assert len(load_audio(sine(tmp_path / f"a{suffix}"))) == 16000


def test_wanted_rate_is_honored(tmp_path, sine):
    assert len(load_audio(sine(tmp_path / "a.wav"), sample_rate=8000)) == 8000


def test_content_decides_not_the_ending(tmp_path, sine):
    sine(tmp_path / "a.flac").rename(tmp_path / "a.wav")
    assert len(load_audio(tmp_path / "a.wav")) == 16000


def test_real_originals_at_48_khz_stereo_become_mono_16_khz(shared_data):
    for path in sorted((shared_data / "speech" / "ravdess-original-48k-stereo").rglob("*.wav")):
        info = soundfile.info(path)
        assert (info.samplerate, info.channels) == (48000, 2)
        loaded = load_audio(path)
        assert loaded.ndim == 1
        assert abs(len(loaded) - info.frames / 3) <= 1


def test_real_crema_clip_is_unchanged(shared_data):
    path = shared_data / "speech" / "crema-d" / "1001_DFA_HAP_XX.wav"
    np.testing.assert_array_equal(load_audio(path), soundfile.read(path, dtype="float32")[0])


def test_declares_16000_frames_but_holds_50(tmp_path, wav):
    path = wav(tmp_path / "a.wav", frames=50, declared=32000)
    with pytest.raises(DataError, match=r"cut short: it declares 32,000 bytes of audio but holds 100"):
        load_audio(path)


@pytest.mark.parametrize("suffix", [".aiff", ".flac", ".mp3", ".ogg"])
def test_half_a_file_is_refused(tmp_path, sine, suffix):
    path = sine(tmp_path / f"a{suffix}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError):
        load_audio(path)


def test_half_an_rf64_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(1000), 16000, format="RF64")
    assert len(load_audio(path)) == 1000
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="cut short"):
        load_audio(path)


def test_length_unknown_to_a_pipe_recorder_means_until_the_end(tmp_path, wav):
    assert len(load_audio(wav(tmp_path / "a.wav", frames=50, declared=0xFFFFFFFF))) == 50


def test_bytes_after_the_sound_do_not_matter(tmp_path, wav):
    path = wav(tmp_path / "a.wav", frames=50)
    path.write_bytes(path.read_bytes() + struct.pack("<4sI", b"LIST", 999) + b"cut")
    assert len(load_audio(path)) == 50


def test_odd_byte_at_the_end_loses_no_frame(tmp_path, wav):
    path = wav(tmp_path / "a.wav", frames=50, declared=101)
    path.write_bytes(path.read_bytes() + b"\x01")
    assert len(load_audio(path)) == 50


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("<html>404: not found</html>")


def _header_only(path: Path) -> None:
    soundfile.write(path, np.zeros(0), 16000)


def _not_a_number(path: Path) -> None:
    soundfile.write(path, np.array([0.0, np.nan, 0.1]), 16000, subtype="FLOAT")


def _infinite(path: Path) -> None:
    soundfile.write(path, np.array([0.0, np.inf, 0.1]), 16000, subtype="FLOAT")


def _cancels_to_nan(path: Path) -> None:
    soundfile.write(path, np.array([[np.inf, -np.inf]]), 16000, subtype="FLOAT")


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.mkdir()


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _dead_link(path: Path) -> None:
    path.symlink_to("nowhere.wav")


def _missing(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_empty, "can't read .* as audio"),
        (_text, "can't read .* as audio: Format not recognised"),
        (_header_only, "holds no sound"),
        (_not_a_number, "in 1 of 3 frames"),
        (_infinite, "in 1 of 3 frames"),
        (_cancels_to_nan, "in 1 of 1 frames"),
        (_pipe, "not a regular file\n  got: a pipe"),
        (_folder, "not a regular file\n  got: a folder"),
        (_device, "not a regular file\n  got: a device"),
        (_dead_link, "No such file"),
        (_missing, "No such file"),
    ],
)
def test_what_is_no_sound_is_refused_with_the_reason(tmp_path, make, message):
    make(tmp_path / "a.wav")
    with pytest.raises(DataError, match=message) as caught:
        load_audio(tmp_path / "a.wav")
    assert "a.wav" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("field", ["rate", "channels"])
def test_header_with_a_zero(tmp_path, wav, field):
    path = wav(tmp_path / "a.wav", **{"frames": 50, field: 0}) if field == "rate" else wav(tmp_path / "a.wav")
    content = bytearray(path.read_bytes())
    content[22:24] = b"\0\0" if field == "channels" else content[22:24]
    path.write_bytes(content)
    with pytest.raises(DataError, match="can't read"):
        load_audio(path)


def test_too_long_is_refused_before_it_is_decoded(tmp_path, wav, monkeypatch):
    monkeypatch.setattr(audio, "LONGEST_SECONDS", 0.01)
    assert len(load_audio(wav(tmp_path / "a.wav", frames=160))) == 160
    with pytest.raises(DataError, match="too long"):
        load_audio(wav(tmp_path / "b.wav", frames=161))


def test_a_clip_of_one_sample(tmp_path, wav):
    assert len(load_audio(wav(tmp_path / "a.wav", frames=1))) == 1


def test_a_clip_too_short_to_be_resampled(tmp_path, wav):
    with pytest.raises(DataError, match="holds no sound"):
        load_audio(wav(tmp_path / "a.wav", frames=1, rate=48000))


def test_raw_ending_and_impossible_names(tmp_path):
    (tmp_path / "a.raw").write_bytes(b"abc" * 100)
    for path in (tmp_path / "a.raw", Path("a\0.wav")):
        with pytest.raises(DataError):
            load_audio(path)


def test_no_descriptor_is_left_open(tmp_path, wav):
    good, bad = wav(tmp_path / "a.wav"), tmp_path / "b.wav"
    bad.write_text("text")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        load_audio(good)
        with pytest.raises(DataError):
            load_audio(bad)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@pytest.mark.parametrize(("rate", "frames"), [(16000, 777), (48000, 1001), (44100, 12345), (22050, 1063), (8000, 99)])
def test_the_length_told_by_the_header_is_the_length_loaded(tmp_path, rate, frames):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros((frames, 2)), rate)
    assert measure_audio(path) == len(load_audio(path))


def test_a_length_that_no_header_tells_is_zero(tmp_path):
    (tmp_path / "a.wav").write_text("no sound")
    assert measure_audio(tmp_path / "a.wav") == measure_audio(tmp_path / "missing.wav") == 0


@pytest.mark.parametrize("kind", ["AU", "W64", "CAF"])
def test_a_kind_of_file_whose_cuts_are_not_noticed_is_refused(tmp_path, kind):
    tone = 0.5 * np.sin(np.arange(16000))
    soundfile.write(tmp_path / "a.wav", tone, 16000, format=kind)
    with pytest.raises(DataError, match=kind) as refused:
        load_audio(tmp_path / "a.wav")
    assert refused.value.fault == "audio-broken"


def test_a_kind_that_can_not_be_wound_back_is_read_whole(tmp_path, sine):
    assert len(load_audio(sine(tmp_path / "a.wav", rate=8000, subtype="GSM610"))) == 16640  # whole blocks of 320


def test_numbers_that_overflow_in_resampling_are_refused(tmp_path):
    loud = np.sign(np.sin(np.arange(8000))) * 3.4e38
    soundfile.write(tmp_path / "a.wav", loud, 8000, subtype="FLOAT")
    with pytest.raises(DataError, match="NaN or infinity"):
        load_audio(tmp_path / "a.wav")


def test_a_header_that_leads_beyond_the_file_prints_nothing(tmp_path, capfd):
    soundfile.write(tmp_path / "a.aiff", np.zeros(50), 16000, format="AIFF")
    content = (tmp_path / "a.aiff").read_bytes()
    (tmp_path / "a.wav").write_bytes(content[:20] + content[21:])
    assert measure_audio(tmp_path / "a.wav") == 0
    with pytest.raises(DataError):
        load_audio(tmp_path / "a.wav")
    assert "Traceback" not in capfd.readouterr().err


def test_bytes_are_the_file_they_come_from(tmp_path, sine):
    for name in ("a.wav", "b.mp3"):
        path = sine(tmp_path / name, rate=22050)
        np.testing.assert_array_equal(load_audio(path.read_bytes()), load_audio(path))
        assert measure_audio(path.read_bytes()) == measure_audio(path)
    with pytest.raises(DataError, match="a clip of 3 bytes"):
        load_audio(b"abc")
    with pytest.raises(DataError, match="cut short"):
        load_audio((tmp_path / "a.wav").read_bytes()[:-1000])
    assert measure_audio(b"abc") == 0
