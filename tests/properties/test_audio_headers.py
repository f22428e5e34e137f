"""Any header and any damage: the whole clip as finite numbers, or an error of ours, at once."""

import struct
import time

import numpy as np
import pytest
from hypothesis import strategies as st

from chaos.gauntlet.sounds import PCM, chunk, describe_pcm, encode, extensible, write_wav
from latentscape.datasets.audio import LONGEST_SECONDS, load_audio, measure_audio
from latentscape.errors import DataError

from .trials import few_or_many, for_all

SLOWEST = 1.0
FAULTS = {"audio-broken", "audio-short", "audio-long", "audio-values"}
SHORT = PCM[:4000]
SIZES = st.sampled_from([0, 1, 2, 3, 15, 16, 36, 4000, 2**16, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1]) | st.integers(
    0, 2**32 - 1
)
SMALL = st.sampled_from([0, 1, 2, 3, 4, 6, 7, 8, 9, 16, 17, 24, 32, 64, 85, 255, 0xFFFE, 0xFFFF]) | st.integers(
    0, 0xFFFF
)
RATES = st.sampled_from([0, 1, 8000, 16000, 44100, 192000, 2**31, 2**32 - 1]) | st.integers(0, 2**32 - 1)


@pytest.fixture
def hear(tmp_path):
    """Read the content as a clip and check whatever comes of it; None where it is refused."""
    path = tmp_path / "a.wav"

    def load(content):
        path.write_bytes(content)
        began = time.process_time()
        try:
            measure_audio(path)
            sound = load_audio(path)
        except DataError as error:
            assert error.hint
            assert error.fault in FAULTS
            assert str(path) in str(error)
            return None
        finally:
            assert time.process_time() - began < SLOWEST
        assert sound.dtype == np.float32 and sound.ndim == 1
        assert 0 < len(sound) <= LONGEST_SECONDS * 16000
        assert np.isfinite(sound).all()
        return sound

    return load


@few_or_many(80, 5000)
def test_any_numbers_in_the_header(hear, n):
    def check(numbers, rates, declared, total):
        tag, channels, block, bits = numbers
        form = struct.pack("<HHIIHH", tag, channels, *rates, block, bits)
        hear(write_wav(SHORT, form=form, declared=declared, total=total))

    honest = st.just(len(SHORT))
    for_all(n, check, st.tuples(SMALL, SMALL, SMALL, SMALL), st.tuples(RATES, RATES), honest | SIZES, st.none() | SIZES)


@few_or_many(60, 3000)
def test_a_clip_is_never_shorter_than_it_declares(hear, n):
    def check(declared, held):
        sound = hear(write_wav(SHORT[:held], declared=declared))
        if sound is None:
            assert declared > held or min(declared, held) < 2
        else:
            assert len(sound) == (held if declared == 2**32 - 1 else declared) // 2

    for_all(n, check, SIZES | st.integers(0, 5000), st.integers(0, 4000))


@few_or_many(60, 4000)
def test_any_chunks_before_the_sound(hear, n):
    names = st.sampled_from([b"LIST", b"fact", b"bext", b"ds64", b"fmt ", b"data", b"SSND", b"id3 ", b"\0\0\0\0"])
    chunks = st.lists(st.builds(chunk, names, st.binary(max_size=30), size=st.none() | SIZES), max_size=4).map(b"".join)
    kinds = st.sampled_from([b"RIFF", b"RF64", b"BW64", b"RIFX", b"FORM"])

    def check(kind, before):
        hear(write_wav(SHORT, kind=kind, before=before))

    for_all(n, check, kinds, chunks)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "RF64"])
@few_or_many(25, 2000)
def test_any_damage_to_a_good_clip(hear, kind, n):
    good = encode(kind)[:20_000] if kind == "WAV" else encode(kind)

    def check(at, length, inserted):
        at %= len(good)
        hear(good[:at] + inserted + good[at + length :])

    near = st.integers(0, 200) | st.integers(0, 2**16)
    for_all(n, check, near, st.sampled_from([0, 1, 2, 4, 8, 1000, 2**16]), st.binary(max_size=9))


def test_the_good_ones_are_heard(hear):
    assert len(hear(write_wav())) == 16000
    assert len(hear(write_wav(form=extensible(bits=16)))) == 16000
    assert len(hear(write_wav(form=describe_pcm(rate=8000)))) == 32000
