"""Clips that can't be used, or look as if they couldn't: each beside three good ones, so that the study finishes."""

import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from chaos.gauntlet.case import Case, Place, finishes
from chaos.gauntlet.sounds import (
    PCM,
    TONE,
    chunk,
    describe_pcm,
    encode,
    extensible,
    list_clips,
    pack_24_bits,
    study_speech,
    study_table,
    write_table,
    write_wav,
)

HELD_OUT = "val"
"""The speaker whose clips are studied."""
HOURS_10 = 36_000
Write = Callable[[Path], object]


def _beside_good(write: Write, *, name: str = "bad.wav") -> Callable[[Place], Sequence[object]]:
    """Four clips of the held-out speaker: three good ones and the one that `write` makes."""

    def make(place: Place) -> Sequence[object]:
        clips = list_clips(place)
        write(place.folder / name)
        rows = [(clips[0], "Happy", "train"), *((clip, "Sad", HELD_OUT) for clip in clips[1:4])]
        return study_table(place, [*rows, (name, "Calm", HELD_OUT)])

    return make


def _content(content: bytes) -> Write:
    return lambda path: path.write_bytes(content)


def _long(path: Path) -> None:
    """Ten hours that take no room on the disk."""
    rate = 8000
    path.write_bytes(write_wav(b"", declared=HOURS_10 * rate, form=describe_pcm(rate=rate, bits=8)))
    os.truncate(path, 44 + HOURS_10 * rate)


def _fails(name: str, write: Write | bytes, *told: str, listed: str = "") -> Case:
    """The clip is left out and named, the others are studied."""
    write = _content(write) if isinstance(write, bytes) else write
    return finishes("audio", name, _beside_good(write), "bad.wav", *told, counts=(3, 0, 1), listed=listed)


def _heard(name: str, content: bytes, *, listed: str = "") -> Case:
    """The clip looks odd and is whole: it is studied."""
    return finishes("audio", name, _beside_good(_content(content)), counts=(4, 0, 0), listed=listed)


def _skipped(name: str, write: Write, *told: str) -> Case:
    """The clip is passed over when the table is read."""
    return finishes("audio", name, _beside_good(write), "bad.wav", *told, counts=(3, 1, 0))


def _swap(number: float) -> np.ndarray:
    """The tone with one value replaced."""
    return np.where(np.arange(len(TONE)) == 7, number, TONE)


_FLAC, _OGG, _MP3, _AIFF = (encode(kind) for kind in ("FLAC", "OGG", "MP3", "AIFF"))
_BROKEN = [
    _fails("empty-clip", b"", "as audio", listed="audio 1"),
    _fails("header-only", write_wav()[:44], "holds 0", listed="audio 2"),
    _fails("declares-16000-holds-50", write_wav(PCM[:100], declared=32000), "cut short", "holds 100", listed="audio 3"),
    _fails("rate-zero", write_wav(form=describe_pcm(rate=0)), "as audio", listed="audio 5"),
    _fails("no-channels", write_wav(form=b"\x01\0\0\0" + describe_pcm()[4:]), "as audio", listed="audio 6"),
    _fails(
        "not-a-number", encode("WAV", "FLOAT", tone=_swap(np.nan)), "NaN or infinity in 1 of 16,000", listed="audio 9"
    ),
    _fails("infinite", encode("WAV", "FLOAT", tone=_swap(np.inf)), "NaN or infinity in 1 of 16,000", listed="audio 9"),
    _fails("double-beyond-single", encode("WAV", "DOUBLE", tone=TONE * 1e300), "NaN or infinity"),
    _fails("overflow-in-resampling", encode("WAV", "FLOAT", tone=np.sign(TONE) * 3.4e38, rate=8000), "NaN or infinity"),
    _fails("one-sample", write_wav(PCM[:2]), "1 samples are too short", listed="audio 12"),
    _fails("shorter-than-a-frame", write_wav(PCM[: 2 * 719]), "719 samples are too short"),
    _fails("ten-hours", _long, "too long", listed="audio 13"),
    _fails("length-never-written", write_wav(declared=0, total=0), "holds no sound"),
    _fails("web-page", b"<!DOCTYPE html><html>404</html>", "as audio"),
    _fails("git-lfs-pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "as audio"),
    _fails("numbers-without-header", PCM, "as audio"),
    _fails("zip-archive", b"PK\x03\x04" + bytes(100), "as audio"),
    _fails("no-data-chunk", write_wav()[:36], "as audio"),
    _fails("chunk-beyond-the-end", write_wav(before=chunk(b"LIST", b"abcd", size=2**31)), "as audio"),
    _fails("unknown-encoding", write_wav(form=describe_pcm(tag=0x99)), "as audio"),
    _fails("rate-beyond-all", write_wav(form=describe_pcm(rate=2**32 - 1)), "as audio"),
    _fails("two-thousand-channels", write_wav(form=describe_pcm(channels=2000)), "as audio"),
    _fails("one-frame-a-second", write_wav(form=describe_pcm(rate=1)), "too long"),
    _fails(
        "rf64-lies",
        write_wav(
            kind=b"RF64",
            declared=2**32 - 1,
            before=chunk(b"ds64", bytes(8) + (2**39).to_bytes(8, "little") + bytes(12)),
        ),
        "cut short",
    ),
    _fails("cut-flac", _FLAC[: len(_FLAC) // 2], "as audio"),
    _fails("cut-ogg", _OGG[: len(_OGG) // 2], "as audio"),
    _fails("cut-mp3", _MP3[: len(_MP3) // 2], "cut short"),
    _fails("cut-aiff", _AIFF[: len(_AIFF) // 2], "cut short"),
    _fails("cut-adpcm", encode("WAV", "IMA_ADPCM")[:5000], "cut short"),
    _fails("kind-whose-cuts-are-not-noticed", encode("AU")[:9000], "AU (Sun/NeXT)"),
]
_ODD = [
    _heard("odd-data-size", write_wav(PCM + b"\1"), listed="audio 4"),
    _heard("silence-in-8-bits", write_wav(b"\x80" * 16000, form=describe_pcm(bits=8)), listed="audio 7"),
    _heard("24-bit-extensible", write_wav(pack_24_bits(), form=extensible()), listed="audio 8"),
    _heard("streamed-length", write_wav(declared=0xFFFFFFFF, total=0xFFFFFFFF), listed="audio 10"),
    _heard("mp3-called-wav", _MP3, listed="audio 11"),
    _heard("empty-chunk-in-front", write_wav(before=chunk(b"LIST", b""))),
    _heard("zeros-behind", write_wav(after=bytes(999))),
    _heard("gsm", encode("WAV", "GSM610", rate=8000)),
    _heard("big-endian", write_wav((TONE * 32767).astype(">i2").tobytes(), kind=b"RIFX", form=describe_pcm(order=">"))),
]


def _special_files(place: Place) -> Sequence[object]:
    """RAVDESS clips of two actors; beside the held-out one's a link to a system file and a pipe."""
    root = place.folder / "ravdess"
    for actor, code in ((1, "03"), (2, "04"), (2, "05")):
        (root / f"Actor_0{actor}").mkdir(parents=True, exist_ok=True)
        shutil.copy(list_clips(place)[0], root / f"Actor_0{actor}" / f"03-01-{code}-01-01-01-0{actor}.wav")
    (root / "Actor_02" / "03-01-06-01-01-01-02.wav").symlink_to("/etc/passwd")
    os.mkfifo(root / "Actor_02" / "03-01-07-01-01-01-02.wav")
    return study_speech(place, [("ravdess", root)])


def _loops(place: Place) -> Sequence[object]:
    """A folder a class, with a link to its parent, a link to itself and one to nothing."""
    root = place.folder / "folders"
    for n, name in enumerate(("happy", "sad")):
        (root / name).mkdir(parents=True)
        for take in range(3):
            shutil.copy(list_clips(place)[3 * n + take], root / name / f"{take}.wav")
    (root / "happy" / "up").symlink_to(root)
    (root / "happy" / "self.wav").symlink_to("self.wav")
    (root / "sad" / "gone.wav").symlink_to("nothing.wav")
    return study_speech(place, [("folder", root)])


def _unknown_code(place: Place) -> Sequence[object]:
    for actor, code in ((1, "03"), (2, "04"), (2, "09")):
        folder = place.folder / "ravdess" / f"Actor_0{actor}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(list_clips(place)[0], folder / f"03-01-{code}-01-01-01-0{actor}.wav")
    return study_speech(place, [("ravdess", place.folder / "ravdess")])


def _all_bad(place: Place) -> Sequence[object]:
    rows: list[tuple[object, ...]] = [(list_clips(place)[0], "Happy", "train")]
    for name, content in (("a.wav", b""), ("b.wav", write_wav()[:44]), ("c.wav", b"<html>")):
        (place.folder / name).write_bytes(content)
        rows.append((name, "Sad", HELD_OUT))
    return study_table(place, rows)


def _too_many_failed(place: Place) -> Sequence[object]:
    return [*_beside_good(_content(b""))(place), "--max-failed", "10%"]


def _gone_from_table(place: Place) -> Sequence[object]:
    clips = list_clips(place)
    rows = [(clips[0], "Happy", "train"), (clips[1], "Sad", HELD_OUT)]
    rows += [
        ("none.wav", "Sad", HELD_OUT),
        ("", "Sad", HELD_OUT),
        (clips[2], "", HELD_OUT),
        (clips[1], "Calm", "other"),
    ]
    return study_table(place, [*rows, ("a\0b.wav", "Sad", HELD_OUT), (place.folder, "Sad", HELD_OUT)])


def _data(
    name: str, fault: str, *told: str, datasets: Callable[[Place], list[tuple[str, object]]], code: int = 3
) -> Case:
    """Data sets from which nothing can be studied."""
    return Case(
        name=name,
        group="audio",
        write=lambda place: study_speech(place, datasets(place)),
        code=code,
        fault=fault,
        told=told,
    )


def _table(content: bytes) -> Callable[[Place], list[tuple[str, object]]]:
    def write(place: Place) -> list[tuple[str, object]]:
        (place.folder / "t.csv").write_bytes(content)
        return [("csv", place.folder / "t.csv")]

    return write


def _empty_folder(kind: str) -> Callable[[Place], list[tuple[str, object]]]:
    def write(place: Place) -> list[tuple[str, object]]:
        (place.folder / "empty").mkdir()
        return [(kind, place.folder / "empty")]

    return write


def _one_speaker(place: Place) -> list[tuple[str, object]]:
    rows = [(clip, "Happy", "me") for clip in list_clips(place)[:3]]
    return [("csv", write_table(place.folder / "t.csv", rows))]


_DATA = [
    _data(
        "folder-not-there",
        "data-missing",
        "none",
        "data_dir",
        datasets=lambda place: [("ravdess", place.folder / "none")],
    ),
    _data("table-not-there", "data-missing", "none.csv", datasets=lambda place: [("csv", place.folder / "none.csv")]),
    _data("nobodys-home", "data-missing", "~nobody-here/x", datasets=lambda _: [("ravdess", "~nobody-here/x")]),
    _data("name-no-disk-can-hold", "data-missing", "xxx", datasets=lambda _: [("folder", "x" * 300)]),
    _data("file-for-a-folder", "data-special", "speech", datasets=lambda place: [("folder", list_clips(place)[0])]),
    _data("folder-for-a-table", "data-special", "a folder", datasets=lambda place: [("csv", place.speech_folder)]),
    _data("empty-ravdess", "data-empty", "no usable audio", "empty", datasets=_empty_folder("ravdess")),
    _data("empty-class-folders", "data-empty", "no usable audio", "empty", datasets=_empty_folder("folder")),
    _data(
        "names-of-another-collection",
        "data-empty",
        "1001_DFA_ANG_XX",
        "class_path",
        datasets=lambda place: [("crema-d", place.speech_folder / "ravdess")],
    ),
    _data(
        "listed-twice",
        "config-values",
        "listed twice",
        datasets=lambda place: [("ravdess", place.speech_folder / "ravdess")] * 2,
        code=2,
    ),
    _data("one-speaker", "data-split", "only one speaker", "t/me", datasets=_one_speaker),
    _data("empty-table", "data-columns", "t.csv", "`path`", datasets=_table(b"")),
    _data("table-without-columns", "data-columns", "t.csv", "`path`", datasets=_table(b"a;b\n1;2\n")),
    _data("heading-only", "data-empty", "t.csv", "nothing below it", datasets=_table(b"path,label\n")),
    _data("open-quote", "data-format", "t.csv", "line 2", datasets=_table(b'path,label\n"x')),
    _data("table-not-utf-8", "data-format", "t.csv", "line 2 is not UTF-8", datasets=_table(b"path,label\n\xff,x\n")),
    _data("no-row-with-a-file", "data-empty", "t.csv", "none.wav", datasets=_table(b"path,label\nnone.wav,Happy\n")),
    _data(
        "cells-without-column",
        "data-empty",
        "3 cells under 2 columns",
        datasets=_table(b"path,label\na.wav,Happy,more\n"),
    ),
    _data(
        "cell-of-a-megabyte",
        "data-format",
        "t.csv",
        "line 2",
        datasets=_table(b"path,label\n" + b"x" * 2**20 + b",a\n"),
    ),
]
CASES: list[Case] = [
    *_BROKEN,
    *_ODD,
    finishes(
        "audio",
        "link-out-and-pipe",
        _special_files,
        "leads out of the data folder",
        "a pipe (FIFO)",
        counts=(2, 2, 0),
        listed="audio 14",
    ),
    finishes(
        "audio",
        "links-in-a-loop",
        _loops,
        "self.wav",
        "gone.wav",
        "another folder of this data set",
        counts=(3, 3, 0),
    ),
    finishes("audio", "unknown-emotion-code", _unknown_code, "unknown emotion code 09", counts=(1, 1, 0)),
    Case(
        name="no-readable-clip",
        group="audio",
        write=_all_bad,
        code=3,
        fault="data-empty",
        told=("a.wav", "none of the 3"),
    ),
    Case(
        name="more-failed-than-allowed",
        group="audio",
        write=_too_many_failed,
        code=8,
        fault="too-many-failed",
        told=("10%",),
        counts=(3, 0, 1),
    ),
    finishes(
        "audio",
        "rows-without-a-clip",
        _gone_from_table,
        "none.wav",
        "no path",
        "no label",
        "listed before",
        "not a regular file",
        counts=(1, 6, 0),
    ),
    _skipped("clip-is-a-folder", Path.mkdir, "not a regular file"),
    _skipped("clip-is-a-dead-link", lambda path: path.symlink_to("nowhere.wav"), "No such file"),
    _skipped("clip-links-to-itself", lambda path: path.symlink_to("bad.wav"), "symbolic links"),
    _skipped("clip-is-a-device", lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    *_DATA,
]
