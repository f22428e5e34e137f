"""A small acted-speech collection of our own making: two data sets, the same emotions, different microphones.

Nobody speaks in it: syllables are pulse trains through three formants (source and filter, after Fant, 1960), and an
emotion is the way pitch, energy, tempo, spectral tilt and roughness move away from the speaker's own habit (the
directions follow the review of Scherer, 2003, table 2). `Neutral` and `Calm` differ by less than two clips of one
speaker do: that pair is hard on purpose. The second set has no `Calm`, and is heard through a telephone in a room.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float
from scipy.signal import fftconvolve

from latentscape.progress import SILENT, Progress
from latentscape.shapes import Waveform

SAMPLE_RATE = 16000
_HOP, _WINDOW = 128, 512


@dataclass(frozen=True, kw_only=True)
class Expression:
    """How an emotion sounds, next to the same speaker's neutral voice."""

    pitch: float = 0.0
    """Semitones above the speaker's own."""
    pitch_range: float = 1.0
    """How far the melody swings; 1 is neutral."""
    slope: float = -1.5
    """Semitones from the first syllable to the last."""
    level: float = 0.0
    """Decibels."""
    rate: float = 1.0
    """Syllables a second; 1 is neutral."""
    tilt: float = -9.0
    """Decibels an octave above 500 Hz: the flatter, the more pressed the voice."""
    jitter: float = 0.01
    """Random relative change of each pitch period."""
    tremor: float = 0.0
    """Semitones of a 7 Hz wobble."""
    breath: float = 0.03
    """Noise beside the pulses, as a share."""


EXPRESSIONS: dict[str, Expression] = {
    "Neutral": Expression(),
    "Calm": Expression(pitch=-0.3, level=-0.5, rate=0.985, tilt=-9.3),
    "Happy": Expression(pitch=5.0, pitch_range=3.0, slope=2.0, level=4.0, rate=1.15, tilt=-6.5),
    "Sad": Expression(pitch=-1.0, pitch_range=0.5, slope=-3.5, level=-6.0, rate=0.72, tilt=-13.0, breath=0.08),
    "Angry": Expression(pitch=1.5, pitch_range=1.6, slope=-5.0, level=9.0, rate=1.2, tilt=-3.0, jitter=0.025),
    "Fearful": Expression(pitch=6.5, pitch_range=0.8, level=0.0, rate=1.35, tilt=-9.0, tremor=0.7, breath=0.12),
    "Disgust": Expression(pitch=-3.5, pitch_range=1.3, slope=-2.5, level=1.0, rate=0.82, tilt=-6.0, jitter=0.07),
    "Surprised": Expression(pitch=5.0, pitch_range=1.6, slope=9.0, level=4.0, rate=0.95, tilt=-7.0),
}
"""In the order of their label numbers."""

HARD_PAIR = ("Neutral", "Calm")
"""The two emotions that are almost the same."""

# First three formants in Hz of a middle-sized vocal tract; rounded averages after Peterson and Barney (1952).
_VOWELS = {
    "i": (300, 2400, 3050),
    "e": (530, 1950, 2600),
    "a": (750, 1250, 2550),
    "o": (560, 900, 2500),
    "u": (350, 950, 2350),
}
_RAVDESS_SENTENCES = ("iaeoi", "oaiea")
_CREMA_SENTENCES = {"DFA": "aoea", "IEO": "ieoai", "IOM": "uoaie", "ITH": "aieou", "TAI": "eaiao", "WSI": "ouiea"}
_CREMA_CODES = {"Angry": "ANG", "Disgust": "DIS", "Fearful": "FEA", "Happy": "HAP", "Neutral": "NEU", "Sad": "SAD"}


@dataclass(frozen=True, kw_only=True)
class _Speaker:
    pitch: float
    """Hz."""
    tract: float
    """Formants are multiplied by this: above 1 for a short vocal tract."""
    level: float
    rate: float
    expressive: float


@dataclass(frozen=True, kw_only=True)
class _Clip:
    """What to say, who says it, how strongly, and under which file name."""

    name: str
    speaker: int
    emotion: str
    vowels: str
    intensity: float = 1.0


def write_demo_speech(
    folder: Path, *, seed: int = 0, n_speakers: int = 6, takes: int = 2, progress: Progress = SILENT
) -> tuple[Path, Path]:
    """Write the two sets into `folder`, 16 kHz PCM16, in RAVDESS and in CREMA-D naming; the same seed, the same bytes.

    `takes` is how often a speaker repeats everything. Returns the folders of both sets. Speakers are different people
    in the two sets.
    """
    sets = {
        "ravdess": (_plan_ravdess(n_speakers, takes), _record_close),
        "crema-d": (_plan_crema(n_speakers, takes), _record_telephone),
    }
    for number, (name, (clips, record)) in enumerate(sets.items()):
        speakers = _cast_speakers(n_speakers, np.random.default_rng([seed, number]))
        for row, clip in enumerate(progress.track(clips, label=f"writing {name}", total=len(clips))):
            rng = np.random.default_rng([seed, number, row])
            target = folder / name / clip.name
            target.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(target, record(_speak(clip, speakers[clip.speaker], rng), rng), SAMPLE_RATE, "PCM_16")
    return folder / "ravdess", folder / "crema-d"


def _plan_ravdess(n_speakers: int, takes: int) -> list[_Clip]:
    return [clip for speaker in range(n_speakers) for clip in _plan_actor(speaker, takes)]


def _plan_actor(speaker: int, takes: int) -> Iterator[_Clip]:
    """RAVDESS knows no strong neutral."""
    for code, emotion in enumerate(EXPRESSIONS, start=1):
        for strength in (1,) if emotion == "Neutral" else (1, 2):
            for number, vowels in enumerate(_RAVDESS_SENTENCES, start=1):
                for take in range(1, takes + 1):
                    name = f"03-01-{code:02}-{strength:02}-{number:02}-{take:02}-{speaker + 1:02}.wav"
                    name = f"Actor_{speaker + 1:02}/{name}"
                    intensity = 1.0 if strength == 1 else 1.3
                    yield _Clip(name=name, speaker=speaker, emotion=emotion, vowels=vowels, intensity=intensity)


def _plan_crema(n_speakers: int, takes: int) -> list[_Clip]:
    levels = (("XX", 1.0), ("HI", 1.3), ("LO", 0.8), ("MD", 1.0))[:takes]
    return [
        _Clip(
            name=f"{1001 + speaker}_{sentence}_{_CREMA_CODES[emotion]}_{level}.wav",
            speaker=speaker,
            emotion=emotion,
            vowels=vowels,
            intensity=intensity,
        )
        for speaker in range(n_speakers)
        for sentence, vowels in _CREMA_SENTENCES.items()
        for emotion in _CREMA_CODES
        for level, intensity in levels
    ]


def _cast_speakers(count: int, rng: np.random.Generator) -> list[_Speaker]:
    """Low and high voices in turn."""
    return [
        _Speaker(
            pitch=(105.0 if number % 2 else 195.0) * rng.uniform(0.9, 1.15),
            tract=(0.95 if number % 2 else 1.1) * rng.uniform(0.96, 1.04),
            level=rng.normal(0.0, 1.0),
            rate=rng.uniform(0.95, 1.06),
            expressive=rng.uniform(0.85, 1.15),
        )
        for number in range(count)
    ]


def _speak(clip: _Clip, speaker: _Speaker, rng: np.random.Generator) -> Waveform:
    """One utterance, clean, at its own level."""
    expression, strength = EXPRESSIONS[clip.emotion], clip.intensity * speaker.expressive * rng.uniform(0.65, 1.15)
    rate = speaker.rate * expression.rate**strength * rng.uniform(0.92, 1.08)
    track = _trace_syllables(len(clip.vowels), rate, rng)
    melody = expression.pitch * strength + expression.slope * (track / len(clip.vowels) - 0.5)
    melody = melody + expression.pitch_range * np.cos(2 * np.pi * track) + rng.normal(0.0, 0.8)
    melody += expression.tremor * np.sin(2 * np.pi * 7 * np.arange(len(track)) / SAMPLE_RATE + rng.uniform(0, 6.28))
    pitch = speaker.pitch * 2 ** (melody / 12)
    source = _pulse(pitch, expression.jitter, rng) + expression.breath * rng.normal(0.0, 1.0, len(track))
    tilt = -9 + (expression.tilt + 9) * strength + rng.normal(0.0, 0.8)
    voice = _filter(source, _shape_spectra(clip.vowels, track[::_HOP], tract=speaker.tract, tilt=tilt)) * _open_mouth(
        track
    )
    level = -33 + speaker.level + expression.level * strength + rng.normal(0.0, 1.5)
    pause = np.zeros(int(rng.uniform(0.04, 0.12) * SAMPLE_RATE))
    return np.concatenate([pause, voice / voice.std() * 10 ** (level / 20), pause]).astype(np.float32)


def _trace_syllables(count: int, rate: float, rng: np.random.Generator) -> Float[np.ndarray, " time"]:
    """Where in the sentence each sample is, in syllables: 0 at the start, 1 at the end of the first."""
    lengths = 0.24 / rate * rng.uniform(0.85, 1.15, count) * np.linspace(0.95, 1.1, count)
    ends = np.concatenate([[0.0], np.cumsum(lengths)])
    return np.interp(np.arange(0.0, ends[-1], 1 / SAMPLE_RATE), ends, np.arange(count + 1))


def _open_mouth(track: Float[np.ndarray, " time"]) -> Float[np.ndarray, " time"]:
    """Loudness within a syllable: up, hold, almost closed."""
    return 0.08 + 0.92 * np.sin(np.pi * (track % 1)) ** 0.7


def _pulse(pitch: Float[np.ndarray, " time"], jitter: float, rng: np.random.Generator) -> Float[np.ndarray, " time"]:
    """One pulse each period, split between two samples where it falls in between; periods and heights waver."""
    phase = np.cumsum(pitch) / SAMPLE_RATE
    beats = np.arange(1, int(phase[-1]))
    places = np.interp(beats + rng.normal(0.0, jitter, len(beats)), phase, np.arange(len(phase)))
    heights = (1 + rng.normal(0.0, 2 * jitter, len(beats))) * np.sqrt(SAMPLE_RATE / np.interp(beats, phase, pitch))
    whole, part = places.astype(int).clip(max=len(pitch) - 2), places % 1
    source = np.bincount(whole, heights * (1 - part), len(pitch))
    return source + np.bincount(whole + 1, heights * part, len(pitch))


def _shape_spectra(
    vowels: Sequence[str], track: Float[np.ndarray, " frame"], *, tract: float, tilt: float
) -> Float[np.ndarray, "frame bin"]:
    """The vocal tract's gain for every frame: three resonances that glide from vowel to vowel, and the tilt."""
    targets = np.array([_VOWELS[vowel] for vowel in vowels], dtype=float) * tract
    middles = np.arange(len(vowels)) + 0.5
    hz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    gain = 10 ** (tilt * np.log2(np.maximum(hz, 500.0) / 500.0) / 20) * np.ones((len(track), 1))
    for number, width in enumerate((90.0, 120.0, 180.0)):
        center = np.interp(track, middles, targets[:, number])[:, None]
        gain = gain / np.sqrt(((hz / center) ** 2 - 1) ** 2 + (2 * width * hz / center**2) ** 2 + 1e-4)
        gain = gain * (1 + (hz / center) ** 2)
    return gain


def _filter(source: Float[np.ndarray, " time"], gain: Float[np.ndarray, "frame bin"]) -> Float[np.ndarray, " time"]:
    """Short-time filtering: windowed frames, each with its own gain, added up again."""
    padded = np.pad(source, (_WINDOW // 2, _WINDOW + len(gain) * _HOP - len(source)))
    window = np.hanning(_WINDOW + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][: len(gain)] * window
    filtered = np.fft.irfft(np.fft.rfft(frames) * gain, _WINDOW)
    out = np.zeros(len(padded))
    for number, frame in enumerate(filtered):
        out[number * _HOP : number * _HOP + _WINDOW] += frame
    return out[_WINDOW // 2 :][: len(source)]


def _record_close(voice: Waveform, rng: np.random.Generator) -> Waveform:
    """A good microphone in a quiet booth."""
    return (voice + rng.normal(0.0, 2e-4, len(voice))).astype(np.float32).clip(-0.99, 0.99)


def _record_telephone(voice: Waveform, rng: np.random.Generator) -> Waveform:
    """A hard room, a narrow band and hiss."""
    decay = np.exp(-np.arange(int(0.25 * SAMPLE_RATE)) / (0.06 * SAMPLE_RATE))
    room = rng.normal(0.0, 0.035, len(decay)) * decay
    room[0] = 1.0
    heard = fftconvolve(voice, room)[: len(voice)]
    spectrum, hz = np.fft.rfft(heard), np.fft.rfftfreq(len(heard), 1 / SAMPLE_RATE)
    narrow = np.fft.irfft(spectrum / (1 + (250 / np.maximum(hz, 1)) ** 4) / (1 + (hz / 3400) ** 8), len(heard))
    return (narrow + rng.normal(0.0, 2e-3, len(voice))).astype(np.float32).clip(-0.99, 0.99)
