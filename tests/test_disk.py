import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from latentscape import disk
from latentscape.disk import hash_file, make_folder, write_file
from latentscape.errors import ResourceError, UsageError

OLD, NEW = b"old" * 1000, b"new!" * 1000


def write(path, data=NEW):
    return write_file(path, lambda sink: [sink.write(data[start : start + 700]) for start in range(0, len(data), 700)])


def failing(call, code, *, at, forever):
    """The system call `call`, except that its `at`-th use (and all later ones) fails."""
    uses = 0

    def fail(*arguments, **options):
        nonlocal uses
        uses += 1
        if uses == at or (forever and uses > at):
            raise OSError(code, os.strerror(code))
        return call(*arguments, **options)

    return fail


def test_the_checksum_is_that_of_the_bytes_on_disk(tmp_path):
    assert write(tmp_path / "a") == hash_file(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == NEW


def test_a_system_that_takes_one_byte_at_a_time_loses_none(tmp_path, monkeypatch):
    whole = os.write
    monkeypatch.setattr(disk.os, "write", lambda descriptor, data: whole(descriptor, data[:1]))
    write(tmp_path / "a", b"every byte counts")
    assert (tmp_path / "a").read_bytes() == b"every byte counts"


@pytest.mark.parametrize("forever", [False, True], ids=["once", "for ever"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EFBIG])
@pytest.mark.parametrize("call", ["write", "fsync", "replace", "open"])
def test_a_fault_at_any_call_leaves_the_old_file_or_the_new_one(tmp_path, monkeypatch, call, code, forever):
    path, n_faults = tmp_path / "report.md", 0
    for at in range(1, 20):
        path.write_bytes(OLD)
        with monkeypatch.context() as patch:
            patch.setattr(disk.os, call, failing(getattr(os, call), code, at=at, forever=forever))
            try:
                write(path)
            except ResourceError as error:
                n_faults += 1
                assert error.exit_code == 6
                assert str(path) in error.what
                assert error.hint
            else:
                break
        assert path.read_bytes() in (OLD, NEW)
        assert [each.name for each in tmp_path.iterdir()] == ["report.md"]
    assert path.read_bytes() == NEW
    assert n_faults == {"write": 6, "fsync": 2, "replace": 1, "open": 2}[call]


def test_a_temporary_file_that_cannot_be_removed_does_not_hide_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(disk.os, "fsync", failing(os.fsync, errno.ENOSPC, at=1, forever=True))
    monkeypatch.setattr(Path, "unlink", failing(Path.unlink, errno.EROFS, at=1, forever=True))
    with pytest.raises(ResourceError, match="No space left"):
        write(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_an_interrupt_leaves_the_old_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(OLD)

    def interrupt(sink):
        sink.write(NEW)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(path, interrupt)
    assert (path.read_bytes(), len(list(tmp_path.iterdir()))) == (OLD, 1)


def test_a_file_size_limit_of_the_system(tmp_path):
    """A raw write past the limit is cut short without an error; the next one fails."""
    path = tmp_path / "a"
    path.write_bytes(OLD)
    program = """
import resource, sys
from pathlib import Path
from latentscape.disk import write_file
from latentscape.errors import ResourceError
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_file(Path(sys.argv[1]), lambda sink: sink.write(b"x" * 90_000))
except ResourceError as error:
    sys.exit(error.exit_code)
"""
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == 6
    assert (path.read_bytes(), len(list(tmp_path.iterdir()))) == (OLD, 1)


def test_a_full_disk_says_how_to_go_on(tmp_path, monkeypatch):
    monkeypatch.setattr(disk.os, "write", failing(os.write, errno.ENOSPC, at=1, forever=True))
    with pytest.raises(ResourceError) as caught:
        write(tmp_path / "a")
    assert "MB free" in caught.value.got
    assert "run the same command again" in caught.value.hint


def test_a_folder_of_that_name_is_in_the_way(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(UsageError, match="choose another"):
        write(tmp_path / "a")


def test_a_link_is_replaced_not_followed(tmp_path):
    (tmp_path / "outside").write_bytes(OLD)
    (tmp_path / "a").symlink_to(tmp_path / "outside")
    write(tmp_path / "a")
    assert (tmp_path / "outside").read_bytes() == OLD
    assert not (tmp_path / "a").is_symlink()


def test_folders_are_made_all_the_way(tmp_path):
    make_folder(tmp_path / "a" / "b" / "c")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_a_file_in_the_way_of_a_folder(tmp_path):
    (tmp_path / "a").write_bytes(OLD)
    with pytest.raises(UsageError):
        make_folder(tmp_path / "a" / "b")


def test_a_folder_that_may_not_be_made(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "mkdir", failing(Path.mkdir, errno.EACCES, at=1, forever=True))
    with pytest.raises(ResourceError, match="may write to"):
        make_folder(tmp_path / "a")
