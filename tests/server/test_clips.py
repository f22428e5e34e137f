"""No byte from outside the roots that the viewer named, whatever the run folder says and does meanwhile."""

import os
import time

import pytest

from latentscape.errors import UsageError
from latentscape.server.clips import Clips, read_roots

WAV = b"RIFF\0\0\0\0WAVEfmt " + b"\1" * 32
SECRET = b"RIFF\0\0\0\0WAVEfmt SECRET"


@pytest.fixture
def data(tmp_path):
    """A root with two clips, and secrets beside and above it."""
    root = tmp_path / "runs"
    (root / "set" / "sub").mkdir(parents=True)
    (root / "set" / "a.wav").write_bytes(WAV)
    (root / "set" / "sub" / "b.wav").write_bytes(WAV)
    for place in (tmp_path / "secret.wav", tmp_path / "runs_secret" / "secret.wav"):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(SECRET)
    return root


def read(ids, *roots, row=-1):
    """The bytes that are shown for the last of the samples; the first ones lead to the root."""
    found = Clips(ids, read_roots([str(root) for root in roots]))
    clip = found.open(len(ids) - 1 if row == -1 else row)
    if clip is None:
        return None
    try:
        return clip.read(0, clip.size)
    finally:
        clip.close()


@pytest.mark.parametrize(
    "name",
    ["set/../../secret.wav", "../secret.wav", "set/../../runs_secret/secret.wav", "/etc/passwd", "//etc/passwd",
    "set//etc/passwd", "set/./a.wav",
     "set/sub/../a.wav", "set/%2e%2e/%2e%2e/secret.wav", "set/..%2f..%2fsecret.wav", "set/..\\..\\secret.wav",
     "set\\a.wav", "set/a.wav\0.png", "set/\0",
     "set/a.wav/", "set/", "set", "", "/", ".", "..", "set/..", "set/．．/secret.wav", "set/‥/secret.wav",
     "~/secret.wav", "set/a.wav/../../../secret.wav",
     "set/" + "a/" * 200 + "b.wav", "set/" + "a" * 5000 + ".wav", "file:///etc/passwd", "set/file:a.wav",
     "set/a.wav ", "SET/A.WAV", "set/\ud800.wav"],
    ids=range(33),
)  # fmt: skip
def test_names_that_climb_or_are_no_file_lead_to_nothing(data, name):
    assert read(["set/a.wav", name], data) is None
    assert read(["set/a.wav", name], data / "set") is None
    assert read(["set/a.wav", name], f"set={data / 'set'}") is None
    assert read([name], data) is None


def test_links_may_stay_inside_and_never_lead_out(data, tmp_path):
    (data / "set" / "inside.wav").symlink_to(data / "set" / "a.wav")
    (data / "set" / "out.wav").symlink_to(tmp_path / "secret.wav")
    (data / "set" / "twice.wav").symlink_to(data / "set" / "out.wav")
    (data / "set" / "folder").symlink_to(tmp_path / "runs_secret")
    (data / "set" / "loop.wav").symlink_to(data / "set" / "loop.wav")
    (data / "set" / "dead.wav").symlink_to(data / "nowhere")
    first = "set/a.wav"
    assert read([first, "set/inside.wav"], data) == WAV
    for name in ("out.wav", "twice.wav", "folder/secret.wav", "loop.wav", "dead.wav"):
        assert read([first, f"set/{name}"], data) is None


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_link_swapped_in_after_the_look_comes_too_late(data, tmp_path, monkeypatch, what):
    found = Clips(["set/sub/b.wav"], read_roots([data]))
    find = found._finder.find

    def swap(*words):
        placed = find(*words)
        target = data / "set" / "sub" / ("b.wav" if what == "file" else "")
        target.rename(tmp_path / "away")
        (tmp_path / "runs_secret" / "b.wav").write_bytes(SECRET)
        target.symlink_to(tmp_path / "runs_secret" / ("b.wav" if what == "file" else ""))
        return placed

    assert found.open(0) is not None
    monkeypatch.setattr(found._finder, "find", swap)
    assert found.open(0) is None


def test_pipes_devices_sockets_and_sparse_giants_are_not_opened(data):
    os.mkfifo(data / "set" / "pipe.wav")
    (data / "set" / "null.wav").symlink_to("/dev/zero")
    with (data / "set" / "giant.wav").open("wb") as file:
        file.write(WAV)
        file.truncate(10 * 2**30)
    began = time.monotonic()
    for name in ("pipe.wav", "null.wav", "giant.wav"):
        assert read(["set/a.wav", f"set/{name}"], data) is None
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"<html><script>alert(1)</script>", b"<svg onload=alert(1)>", b"%PDF-1.4",
    b"root:x:0:0", b"PK\x03\x04" + b"\0" * 20,
                b"{}", b"\x80\x04K\x01.", b"RIFF\0\0\0\0AVI " + b"\0" * 9],
)  # fmt: skip
def test_what_is_no_sound_or_picture_by_its_bytes_is_not_shown(data, content):
    (data / "set" / "c.wav").write_bytes(content)
    assert read(["set/a.wav", "set/c.wav"], data) is None


def test_without_roots_there_is_nothing_whatever_the_run_says(data, monkeypatch):
    monkeypatch.chdir(data)
    assert read(["set/a.wav"]) is None
    assert Clips(["set/a.wav"], ()).list_media() is None
    assert Clips(None, read_roots([data])).list_media() is None


def test_rows_that_do_not_exist_have_no_file(data):
    for row in (-1, 1, 10**9):
        assert Clips(["set/a.wav"], read_roots([data])).open(row) is None


def test_a_root_may_be_the_set_its_parent_or_named(data, tmp_path):
    for root in (data, data / "set", f"set={data / 'set'}"):
        found = Clips(["set/a.wav", "set/sub/b.wav", "other/a.wav"], read_roots([root]))
        media = found.list_media()
        assert media is not None
        assert (media.kind, media.links[:2]) == ("audio", ("media/0", "media/1"))
        assert read(["set/a.wav", "set/sub/b.wav"], root) == WAV


def test_a_set_that_lies_in_two_roots_is_in_none(data, tmp_path):
    (tmp_path / "copy" / "set").mkdir(parents=True)
    (tmp_path / "copy" / "set" / "a.wav").write_bytes(SECRET)
    assert read(["set/a.wav"], data, tmp_path / "copy") is None
    assert read(["set/a.wav"], data, f"set={tmp_path / 'copy' / 'set'}") == SECRET


def test_pictures_of_a_map_lie_right_below_the_root(tmp_path):
    (tmp_path / "1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 20)
    found = Clips(["1.png", "2.png", "note"], read_roots([tmp_path]))
    media = found.list_media()
    assert media is not None
    assert (media.kind, media.links) == ("image", ("media/0", "media/1", None))
    assert [found.open(row) is not None for row in range(3)] == [True, False, False]


def test_a_clip_that_shrinks_gives_what_is_left(data):
    clip = Clips(["set/a.wav"], read_roots([data])).open(0)
    assert clip is not None
    (data / "set" / "a.wav").write_bytes(WAV[:20])
    assert (clip.size, clip.read(0, clip.size), clip.read(20, 5)) == (len(WAV), WAV[:20], b"")
    clip.close()
    assert clip.read(0, 5) == b""


def test_a_root_that_is_no_folder_is_refused(data):
    for word in (data / "no", data / "set" / "a.wav", f"set={data / 'no'}", "/dev/null"):
        with pytest.raises(UsageError) as raised:
            read_roots([word])
        assert raised.value.fault == "option-value"
