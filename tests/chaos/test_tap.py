"""What a process asks of the system about one folder is heard, and nothing else."""

import os

from chaos.tap import Call, read_trace, spell, tapped
from latentscape.disk import remove_file, write_file


def listen(folder, work):
    heard = []
    with tapped(folder, after=heard.append):
        work()
    return heard


def test_a_file_written_is_heard_from_open_to_the_sync_of_its_folder(tmp_path):
    heard = listen(tmp_path, lambda: write_file(tmp_path / "a", lambda sink: sink.write(b"words")))
    assert [call.kind for call in heard] == ["open", "write", "fsync", "replace", "open", "fsync"]
    assert heard[0].target == "new"
    assert heard[1].data == b"words"
    assert heard[3].target == str(tmp_path / "a")
    assert {heard[4].path, heard[5].path} == {str(tmp_path)}


def test_a_file_removed_is_heard(tmp_path):
    (tmp_path / "a").write_text("words")
    heard = listen(tmp_path, lambda: remove_file(tmp_path / "a"))
    assert [call.kind for call in heard] == ["unlink", "open", "fsync"]


def test_other_folders_are_not_heard_and_the_calls_are_as_before_afterwards(tmp_path):
    (tmp_path / "mine").mkdir()
    before = os.open, os.write, os.fsync, os.replace, os.mkdir, os.unlink
    work = [lambda: write_file(tmp_path / "a", lambda sink: sink.write(b"words")), lambda: (tmp_path / "mine2").mkdir()]
    assert not listen(tmp_path / "mine", lambda: [each() for each in work])
    assert before == (os.open, os.write, os.fsync, os.replace, os.mkdir, os.unlink)


def test_a_trace_reads_back_as_it_was(tmp_path):
    calls = [Call(kind="write", path="/a", data=b"\0\xff"), Call(kind="replace", path="/a", target="/b\n")]
    (tmp_path / "trace").write_text("".join(spell(call) + "\n" for call in calls))
    assert read_trace(tmp_path / "trace") == calls
