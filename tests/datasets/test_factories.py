import os
import sys

import pytest

from latentscape.datasets.factories import read_factory
from latentscape.errors import DataError, UsageError

CODE = """
from pathlib import Path

def clips(root):
    for path in sorted(Path(root).rglob("*.wav")):
        yield path.relative_to(root), path.parent.name, path.stem[:2]

def absolute(root):
    return [(str(Path(root).resolve() / "happy" / "s1-a.wav"), "x", "")]

def gone(root):
    return [("gone.wav", "x", "s"), ("bad" + chr(0), "x", "s")]

def short(root):
    return [("a.wav", "x")]

def numbers(root):
    return [("a.wav", 3, "s")]

def fails(root):
    raise RuntimeError("no luck")

def nothing(root):
    return None

not_callable = 3
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    name = f"clips_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(CODE)
    (tmp_path / f"{name}_broken.py").write_text("1 / 0")
    monkeypatch.chdir(tmp_path)
    yield name
    sys.modules.pop(name, None)


def test_a_function_in_the_current_folder(here, tmp_path, wav):
    wav(tmp_path / "data" / "happy" / "s1-a.wav")
    wav(tmp_path / "data" / "sad" / "s2-b.wav")
    before = list(sys.path)
    listing = read_factory(f"{here}:clips", tmp_path / "data")
    assert [(r.name, r.label, r.speaker) for r in listing.recordings] == [
        ("happy/s1-a.wav", "happy", "s1"),
        ("sad/s2-b.wav", "sad", "s2"),
    ]
    assert sys.path == before
    assert read_factory(f"{here}:absolute", tmp_path / "data").recordings[0].name == "happy/s1-a.wav"


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("{}:clip", UsageError, "did you mean `clips`"),
        ("{}:not_callable", UsageError, "has no function"),
        ("{}:", UsageError, "has no function"),
        (":clips", UsageError, "can't import"),
        ("{}_broken:clips", UsageError, "ZeroDivisionError"),
        ("no_such_module_at_all:clips", UsageError, "ModuleNotFoundError"),
        ("{}:gone", DataError, "2 paths that are no regular files"),
        ("{}:short", DataError, r"(?s)bad row 0.*\(path, label, speaker\)"),
        ("{}:numbers", DataError, "bad row 0"),
        ("{}:fails", DataError, "RuntimeError: no luck"),
        ("{}:nothing", DataError, "TypeError"),
    ],
)
def test_what_goes_wrong_in_a_users_function(here, tmp_path, spec, error, message):
    with pytest.raises(error, match=message):
        read_factory(spec.format(here), tmp_path)


def test_special_files_are_skipped(here, tmp_path, wav):
    (tmp_path / "data").mkdir()
    os.mkfifo(tmp_path / "data" / "p.wav")
    wav(tmp_path / "data" / "ok.wav")
    listing = read_factory(f"{here}:clips", tmp_path / "data")
    assert listing.skipped == (("p.wav", "not a regular file: a pipe (FIFO)"),)
