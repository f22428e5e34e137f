import io
from unittest.mock import patch

import numpy as np
import pytest
import soundfile

from latentscape.exploration import N_PEAKS, Media
from latentscape.media import clips, pack_clips
from latentscape.media.clips import encode, find_peaks
from latentscape.media.links import link_media


def pack(folder, paths, **options):
    return pack_clips(link_media(folder, paths), paths, **{"budget_bytes": 10**7, **options})


def test_clips_inside_sound_like_their_files(tmp_path, tone):
    paths = [tone(tmp_path / "a.wav", seconds=1.5), tone(tmp_path / "b.flac", seconds=0.4, rate=44100)]
    media = pack(tmp_path, paths)
    assert media.mime == "audio/mpeg"
    np.testing.assert_allclose(media.seconds, [1.5, 0.4], atol=1e-3)
    for row, seconds in ((0, 1.5), (1, 0.4)):
        sound, rate = soundfile.read(io.BytesIO(media.files[row]))
        assert rate == 16000
        assert seconds <= len(sound) / rate < seconds + 0.2  # MP3 pads
        power = np.abs(np.fft.rfft(sound))
        assert np.fft.rfftfreq(len(sound), 1 / rate)[power.argmax()] == pytest.approx(300, abs=5)


def test_peaks_follow_the_loudness(tmp_path, tone):
    paths = [tone(tmp_path / "a.wav", seconds=0.5, loud=0.01)]
    bars = pack(tmp_path, paths).peaks[0].astype(int)
    assert bars.max() == bars[-1] == 255  # however quiet the clip is
    assert (np.diff(bars) >= -1).all()
    assert bars[N_PEAKS // 2] == pytest.approx(128, abs=4)


@pytest.mark.parametrize("n", [1, 2, N_PEAKS - 1, N_PEAKS, N_PEAKS + 1, 1000])
def test_every_length_has_all_bars(n):
    waveform = np.zeros(n, dtype=np.float32)
    assert (find_peaks(waveform) == 1).all()  # silence was read; 0 is for what was not
    waveform[n // 2] = -0.25
    assert find_peaks(waveform).max() == 255


def test_the_worst_travel_until_the_budget_is_full(tmp_path, tone):
    paths = [tone(tmp_path / f"{row}.wav", seconds=0.5) for row in range(6)]
    size = len(pack(tmp_path, paths[:1]).files[0])
    order = np.array([4, 1, 5])
    media = pack(tmp_path, paths, order=order, budget_bytes=int(4.5 * size))
    assert set(media.files) == {4, 1, 5, 0}  # those that are not in the order come last
    assert media.peaks.any(axis=1).all()
    assert all(media.links)
    nothing = pack(tmp_path, paths, budget_bytes=0)
    assert not nothing.files
    assert nothing.peaks.any(axis=1).all()


def test_no_short_clip_goes_before_a_long_one(tmp_path, tone):
    paths = [tone(tmp_path / "long.wav", seconds=3), tone(tmp_path / "short.wav", seconds=0.1)]
    assert not pack(tmp_path, paths, budget_bytes=2000).files
    assert set(pack(tmp_path, paths, order=np.array([1]), budget_bytes=2000).files) == {1}


def test_what_cannot_be_read_has_no_media(tmp_path, tone):
    good = tone(tmp_path / "good.wav", seconds=0.3)
    cut = tone(tmp_path / "cut.wav", seconds=0.3)
    cut.write_bytes(cut.read_bytes()[:3000])
    soundfile.write(tmp_path / "nan.wav", np.array([0, np.nan, 1]), 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    paths = [good, cut, tmp_path / "nan.wav", tmp_path / "empty.wav", None, tmp_path / "missing.wav"]
    media = pack(tmp_path, paths)
    assert media.links == ("good.wav", None, None, None, None, None)
    assert set(media.files) == {0}
    assert not media.peaks[1:].any()
    assert np.isnan(media.seconds[1:]).all()


def test_recordings_are_links_and_reading_has_an_end(tmp_path, tone):
    paths = [tone(tmp_path / "long.wav", seconds=2), *(tone(tmp_path / f"{row}.wav") for row in range(4))]
    with patch.object(clips, "LONGEST_INSIDE", 1.0), patch.object(clips, "MOST_SECONDS", 0.5):
        media = pack(tmp_path, paths)
    assert set(media.files) == {1, 2}
    assert media.seconds[0] == 2
    assert all(media.links)
    assert not media.peaks[[0, 3, 4]].any()


def test_the_same_bytes_each_time(tmp_path, tone):
    paths = [tone(tmp_path / f"{row}.wav", seconds=0.1 * (row + 1)) for row in range(5)]
    one = pack(tmp_path, paths, budget_bytes=3000)
    with patch.object(clips, "count_threads", lambda: 1):
        two = pack(tmp_path, paths, budget_bytes=3000)
    assert one.files == two.files
    np.testing.assert_array_equal(one.peaks, two.peaks)


def test_without_an_encoder_there_are_still_waveforms(tmp_path, tone):
    paths = [tone(tmp_path / "a.wav")]
    with patch.object(soundfile, "SoundFile", side_effect=soundfile.LibsndfileError(1)):
        assert encode(np.zeros(1000, dtype=np.float32)) == b""
    with patch.object(clips, "encode", lambda _: b""):
        media = pack(tmp_path, paths)
    assert not media.files
    assert media.peaks.any()


def test_loud_clips_are_not_wrapped_around():
    wave = 3 * np.sin(np.arange(16000) / 20).astype(np.float32)
    sound, _ = soundfile.read(io.BytesIO(encode(wave)))
    assert np.abs(np.diff(sound)).max() < 1


def test_pictures_stay_links():
    media = Media(kind="image", links=("a.png",))
    assert pack_clips(media, [None], budget_bytes=10) is media
