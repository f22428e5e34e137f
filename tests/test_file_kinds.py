"""Files that only look like checkpoints, each told by its bytes."""

import io
import pickle
import tarfile
import zipfile

import pytest

from latentscape.errors import ModelError, SafetyError
from latentscape.file_kinds import check_archive, foreign_globals, tell_file_kind


def refused(function, path, kind):
    with pytest.raises(kind) as caught:
        function(path)
    assert caught.value.hint
    return caught.value.fault


def test_a_tar_without_its_word_is_a_tar(tmp_path):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        archive.addfile(tarfile.TarInfo("pickle"))
    head = bytearray(buffer.getvalue())
    head[257:265] = bytes(8)
    head[148:156] = b" " * 8
    head[148:156] = f"{sum(head[:512]):06o}\0 ".encode()
    (tmp_path / "m.pt").write_bytes(head)
    assert refused(tell_file_kind, tmp_path / "m.pt", SafetyError) == "code-program"


@pytest.mark.parametrize("magic", [b"PTMF", b"ET12"])
def test_programs_for_phones(tmp_path, magic):
    (tmp_path / "m.ptl").write_bytes(b"\x20\0\0\0" + magic + bytes(600))
    assert refused(tell_file_kind, tmp_path / "m.ptl", SafetyError) == "code-program"


@pytest.mark.parametrize("name", ["code/__torch__.py", "m/code/__torch__.py", "m/extra/x.py"])
def test_python_in_an_archive_is_a_program(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
        archive.writestr("m/data.pkl", pickle.dumps({}, 2))
        archive.writestr(name, "x")
    assert refused(check_archive, tmp_path / "m.pt", SafetyError) == "code-program"


def test_two_records_of_one_name_and_shared_bytes(tmp_path):
    path = tmp_path / "m.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", pickle.dumps({}, 2))
        archive.writestr("m/data.pk1", b"x")
    path.write_bytes(path.read_bytes().replace(b"data.pk1", b"data.pkl"))
    assert refused(check_archive, path, ModelError) == "checkpoint-broken"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", bytes(4000))
        shared = archive.infolist()[0]
        for number in range(3):
            again = zipfile.ZipInfo(f"m/data/{number}")
            again.file_size = again.compress_size = shared.file_size
            again.CRC, again.header_offset = shared.CRC, shared.header_offset
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
        archive._didModify = True
    assert refused(check_archive, path, ModelError) == "checkpoint-broken"


def test_a_storage_read_from_bytes_is_a_foreign_name(tmp_path):
    """It unpickles what it is given, without any limit."""
    (tmp_path / "m.pt").write_bytes(b"\x80\x02ctorch.storage\n_load_from_bytes\n.")
    assert foreign_globals(tmp_path / "m.pt") == ["torch.storage._load_from_bytes"]
