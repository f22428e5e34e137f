import ast
import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from latentscape import disk
from latentscape.disk import Sink, make_folder, read_file, remove_folder, require_space, write_file
from latentscape.errors import ResourceError, UsageError
from latentscape.paths import hash_file

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


@pytest.mark.parametrize(
    ("code", "fault", "told"),
    [
        (errno.ENOSPC, "disk-full", "free some space, then run the same command again"),
        (errno.EDQUOT, "disk-full", "quota"),
        (errno.EFBIG, "disk-full", "ulimit -f"),
        (errno.EACCES, "disk-forbidden", "may write to"),
        (errno.EROFS, "disk-forbidden", "may write to"),
        (errno.EIO, "disk-broken", "check the disk"),
        (errno.EISDIR, "output-unusable", "choose another"),
        (errno.ELOOP, "output-unusable", "choose another"),
    ],
)
def test_every_error_has_an_id_and_a_next_step(tmp_path, monkeypatch, code, fault, told):
    monkeypatch.setattr(disk.os, "write", failing(os.write, code, at=1, forever=True))
    with pytest.raises((ResourceError, UsageError)) as caught:
        write(tmp_path / "a")
    assert caught.value.fault == fault
    assert told in caught.value.hint


def test_a_system_that_takes_nothing_and_says_nothing_is_not_asked_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(disk.os, "write", lambda *_: 0)
    with pytest.raises(ResourceError, match="took nothing"):
        write(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_fault_when_the_file_is_closed_counts(tmp_path, monkeypatch):
    """Network drives tell of a full quota there."""
    close = os.close

    def fail(descriptor):
        close(descriptor)
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(disk.os, "close", fail)
    with pytest.raises(ResourceError, match="quota"):
        write(tmp_path / "a")
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")  # noqa: PTH110
def test_a_device_that_is_always_full():
    descriptor = os.open("/dev/full", os.O_WRONLY)
    with pytest.raises(OSError, match="No space left"):
        Sink(descriptor).write(NEW)
    os.close(descriptor)


def test_room_is_asked_for_before_the_work(tmp_path, monkeypatch):
    usage = type(shutil.disk_usage(tmp_path))
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage(10**9, 0, 30_000_000))
    require_space(tmp_path / "new" / "deeper", 30_000_000)
    with pytest.raises(ResourceError, match="50 MB: it needs 20 MB more") as caught:
        require_space(tmp_path / "new" / "deeper", 50_000_000)
    assert (caught.value.got, caught.value.fault) == ("30 MB free", "disk-full")
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: usage(0, 0, 0))
    require_space(tmp_path, 50)  # a drive that doesn't know its size
    monkeypatch.setattr(disk.shutil, "disk_usage", failing(shutil.disk_usage, errno.EIO, at=1, forever=True))
    require_space(tmp_path, 50)


@pytest.mark.parametrize("how", ["missing", "folder", "link", "pipe", "large"])
def test_what_is_no_plain_file_is_not_read(tmp_path, how):
    path = tmp_path / "a"
    if how == "folder":
        path.mkdir()
    elif how == "link":
        (tmp_path / "b").write_bytes(NEW)
        path.symlink_to("b")
    elif how == "pipe":
        os.mkfifo(path)
    elif how == "large":
        path.write_bytes(NEW)
    with pytest.raises(OSError, match="Errno"):
        read_file(path, largest=10)


def test_a_plain_file_is_read_and_an_empty_folder_removed(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_bytes(NEW)
    assert read_file(tmp_path / "full" / "a") == NEW
    remove_folder(tmp_path / "full")
    assert (tmp_path / "full" / "a").exists()
    (tmp_path / "full" / "a").unlink()
    remove_folder(tmp_path / "full")
    remove_folder(tmp_path / "full")
    assert list(tmp_path.iterdir()) == []


# ---- who writes at all

WRITERS = {
    "disk.py": "the one door",
    "lock.py": "the lock must be one file for ever, so that it can be held",
    "engine.py": "the cache of compiled loops and its record, beside numba's own files",
    "object_store.py": "tables on their way from a store, in a temporary folder; shards in a store, which is no disk",
    "ray_cluster/address.py": "the null device, while Ray asks a cluster",
    "ray_cluster/fork_server.py": "the temporary folder of a socket",
    "ray_cluster/guard.py": "the temporary folder of a cluster that is over, removed",
    "process.py": "the null device, where streams were closed",
    "demo/": "sample data and trained checkpoints, which are inputs of a study",
    "watch/loggers.py": "a picture in a folder of its own, for the loggers that take a path",
    "watch/retriever.py": "rows on their way to the reader of pair files, in a temporary folder",
}
WRITES = {"write_text", "write_bytes", "touch", "truncate", "ftruncate", "pwrite", "rmtree", "copyfile", "copytree"}
WRITES |= {"unlink", "rmdir", "mkdir", "makedirs", "rename", "symlink_to", "savez", "savez_compressed", "to_csv"}


def writes(node) -> bool:
    """Whether a call writes, makes or removes a file, as far as its name tells."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
    words = [each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if owner == "os":
        for_writing = any(flag in ast.unparse(node) for flag in ("O_WRONLY", "O_RDWR", "O_CREAT", "flags"))
        return name in {"replace", "rename", "remove"} or name in WRITES or (name == "open" and for_writing)
    if name == "open" and owner != "archive":
        return any(word in {"w", "wb", "a", "ab", "x", "xb", "r+", "r+b", "w+", "w+b"} for word in words)
    return name in WRITES and not (name == "write_text" and not owner)


def test_nothing_writes_but_through_one_door(root):
    package, found = root / "src" / "latentscape", set()
    for path in package.rglob("*.py"):
        calls = [node for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)]
        if any(map(writes, calls)):
            found.add(path.relative_to(package).as_posix())
    allowed = {name for name in found if name in WRITERS or name.startswith("demo/")}
    assert found - allowed == set()
    assert {name.partition("/")[0] + "/" if name.startswith("demo/") else name for name in found} == set(WRITERS)
