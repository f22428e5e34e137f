import os
import unicodedata
from pathlib import Path

import pytest

from latentscape.datasets.files import list_files, open_regular
from latentscape.errors import DataError

WAV = frozenset({".wav"})


def test_names_are_relative_and_in_bytewise_order(tmp_path):
    for name in ("b/2.wav", "b/10.wav", "B/1.WAV", "a.wav", "c/d/e.wav", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert list_files(tmp_path, WAV) == (("B/1.WAV", "a.wav", "b/10.wav", "b/2.wav", "c/d/e.wav"), ())


def test_a_folder_that_can_not_be_opened_is_skipped_with_its_reason(tmp_path, monkeypatch):
    for name in ("happy/a.wav", "sad/b.wav"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    look = os.scandir

    def forbid(path):
        if str(path).endswith("sad"):
            raise PermissionError(13, "Permission denied", str(path))
        return look(path)

    monkeypatch.setattr(os, "scandir", forbid)
    assert list_files(tmp_path, WAV) == (("happy/a.wav",), (("sad", "can't be opened: Permission denied"),))


def test_hidden_entries_and_resource_forks_are_no_data(tmp_path):
    for name in (".git/a.wav", "__MACOSX/a.wav", "._a.wav", "ok.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list_files(tmp_path, WAV) == (("ok.wav",), ())


def test_links_are_followed_only_inside_and_folders_never_twice(tmp_path):
    root, outside = tmp_path / "data", tmp_path / "outside"
    (root / "one").mkdir(parents=True)
    outside.mkdir()
    for path in (root / "one" / "a.wav", outside / "secret.wav", tmp_path / "data-other.wav"):
        path.touch()
    (root / "in.wav").symlink_to("one/a.wav")
    (root / "out.wav").symlink_to(outside / "secret.wav")
    (root / "sibling.wav").symlink_to(tmp_path / "data-other.wav")
    (root / "out").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "dead.wav").symlink_to("gone.wav")
    (root / "self.wav").symlink_to("self.wav")
    good, skipped = list_files(root, WAV)
    assert good == ("in.wav", "one/a.wav")
    reasons = dict(skipped)
    assert set(reasons) == {"out.wav", "sibling.wav", "out", "loop", "dead.wav", "self.wav"}
    assert all("out of the data folder" in reasons[name] for name in ("out.wav", "sibling.wav", "out"))
    assert "counted once" in reasons["loop"]
    assert "can't be opened" in reasons["dead.wav"]
    assert "can't be opened" in reasons["self.wav"]


def test_the_data_folder_itself_may_be_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.wav").touch()
    (tmp_path / "data").symlink_to("real")
    assert list_files(tmp_path / "data", WAV) == (("a.wav",), ())


def test_special_files_are_skipped_without_being_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "folder.wav").mkdir()
    assert list_files(tmp_path, WAV) == ((), (("pipe.wav", "not a regular file: a pipe (FIFO)"),))


def test_names_that_are_no_utf8_and_both_spellings_of_an_accent(tmp_path):
    (tmp_path / os.fsdecode(b"bad\xff.wav")).touch()
    for form in ("NFC", "NFD"):
        (tmp_path / unicodedata.normalize(form, "é.wav")).touch()
    good, _ = list_files(tmp_path, WAV)
    assert len(good) == 3
    assert all((tmp_path / name).is_file() for name in good)


def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError, match="pipe"):
        open_regular(tmp_path / "pipe")


def test_a_pipe_that_takes_the_files_place_does_not_hang(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    regular = (tmp_path / "file").stat()
    monkeypatch.setattr(type(tmp_path), "stat", lambda _: regular)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(DataError, match="pipe"):
        open_regular(tmp_path / "pipe")
    assert len(list(Path("/proc/self/fd").iterdir())) == before
