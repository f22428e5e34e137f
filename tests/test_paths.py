import os
from pathlib import Path

import pytest

from latentscape.paths import FILE, FOLDER, SPECIAL, expand_home, is_file, is_folder, kind_of, real_path


def test_what_is_there(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    kinds = {name: kind_of(tmp_path / name) for name in ("file", "link", "pipe", ".")}
    assert kinds == {"file": FILE, "link": FILE, "pipe": SPECIAL, ".": FOLDER}
    assert (is_file(tmp_path / "file"), is_folder(tmp_path / "file")) == (True, False)
    assert (is_file(tmp_path), is_folder(str(tmp_path))) == (False, True)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gone", "no such file or directory"),
        ("x" * 300, "file name too long"),
        ("loop", "too many levels of symbolic links"),
        ("file/x", "not a directory"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_what_can_not_be_looked_at_is_told_and_never_raised(tmp_path, name, reason):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    assert kind_of(tmp_path / name).startswith(reason)
    assert not is_file(tmp_path / name)
    assert not is_folder(tmp_path / name)


def test_a_forbidden_place_is_none(tmp_path, monkeypatch):
    def forbid(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "stat", forbid)
    assert kind_of(tmp_path) == "permission denied"


def test_homes(tmp_path):
    assert expand_home("~/x") == Path.home() / "x"
    assert expand_home("~nobody-here/x") == Path("~nobody-here/x")
    (tmp_path / "loop").symlink_to("loop")
    assert real_path(tmp_path / "loop" / "..").is_absolute()
