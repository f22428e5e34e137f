import os
import unicodedata
from pathlib import Path

import pytest

from latentscape.datasets.files import list_files
from latentscape.datasets.speech import read_speech
from latentscape.media import Finder, locate_files, match_roots, name_roots, places


def make_manifest(entries, **facts):
    datasets = [{"class_path": kind, "data_dir": str(folder)} for kind, folder in entries]
    return {"settings": {"values": {"data": {"datasets": datasets}}}, **facts}


def test_each_sample_of_every_reader_is_found(tmp_path, tone):
    for actor in ("01", "02"):
        tone(tmp_path / "r" / f"Actor_{actor}" / f"03-01-04-01-01-01-{actor}.wav")
    tone(tmp_path / "again" / "03-01-05-01-01-01-01.wav", loud=0.1)
    tone(tmp_path / "cr" / "1001_DFA_ANG_XX.wav")
    tone(tmp_path / "buồn" / "sad" / "tiếng 1.wav")
    tone(tmp_path / "table" / "sub" / "a.wav", loud=0.3)
    (tmp_path / "table" / "list.csv").write_text("path,label\nsub/a.wav,Sad\n")
    entries = [
        ("ravdess", tmp_path / "r"),
        ("data.x.RAVDESSDataset", tmp_path / "again"),
        ("crema-d", tmp_path / "cr"),
        ("folder", tmp_path / "buồn"),
        ("csv", tmp_path / "table" / "list.csv"),
    ]
    samples = read_speech(entries)
    roots = name_roots(make_manifest(entries, datasets=list(samples.dataset_names)), samples.ids)
    assert locate_files(samples.ids, roots) == tuple(path.resolve() for path in samples.paths)
    # without a table the names follow from the config alone: older manifests do not list them
    older = read_speech(entries[:4])
    assert set(name_roots(make_manifest(entries[:4]), older.ids)) == set(older.dataset_names)


def test_two_data_sets_in_one_table_are_told_apart_by_their_files(tmp_path, tone):
    tone(tmp_path / "table" / "a.wav")
    tone(tmp_path / "table" / "b.wav", loud=0.2)
    tone(tmp_path / "other" / "happy" / "c.wav")
    (tmp_path / "table" / "list.csv").write_text("path,label,dataset\na.wav,Sad,one\nb.wav,Sad,two\n")
    entries = [("csv", tmp_path / "table" / "list.csv"), ("folder", tmp_path / "other")]
    samples = read_speech(entries)
    roots = name_roots(make_manifest(entries, datasets=list(samples.dataset_names)), samples.ids)
    assert locate_files(samples.ids, roots) == tuple(path.resolve() for path in samples.paths)


def test_spellings_on_the_disk_are_found(tmp_path, tone):
    for name in ("vu\N{COMBINING HORN}i.wav", "vưi.wav", "e\udc80.wav", "plain.wav"):
        tone(tmp_path / "d" / "sad" / name, loud=0.1 + len(name) / 50)
    samples = read_speech([("folder", tmp_path / "d")])
    assert "d/sad/vưi.wav (2)" in samples.ids
    assert locate_files(samples.ids, {"d": tmp_path / "d"}) == tuple(path.resolve() for path in samples.paths)


@pytest.mark.parametrize(
    "name", ["../secret.wav", "x/../../secret.wav", "./a.wav", "x//a.wav", "a.wav/", "", "a\0.wav", "x", "y" * 300]
)
def test_no_name_leads_out_of_its_root(tmp_path, tone, name):
    tone(tmp_path / "secret.wav")
    tone(tmp_path / "root" / "x" / "a.wav")
    tone(tmp_path / "root" / "a.wav")
    assert locate_files([f"d/{name}", name], {"d": tmp_path / "root"}) == (None, None)
    assert locate_files([name, str(tmp_path / "secret.wav")], {"": tmp_path / "root"}) == (None, None)


def test_links_stay_inside_and_special_files_are_nothing(tmp_path, tone):
    tone(tmp_path / "outside" / "secret.wav")
    good = tone(tmp_path / "root" / "a.wav")
    (tmp_path / "root" / "inside.wav").symlink_to(good)
    (tmp_path / "root" / "out.wav").symlink_to(tmp_path / "outside" / "secret.wav")
    (tmp_path / "root" / "loop.wav").symlink_to("loop.wav")
    (tmp_path / "root" / "door").symlink_to(tmp_path / "outside")
    os.mkfifo(tmp_path / "root" / "pipe.wav")
    names = ("a.wav", "inside.wav", "out.wav", "loop.wav", "door/secret.wav", "pipe.wav", "missing.wav")
    found = locate_files([f"d/{name}" for name in names], {"d": tmp_path / "root"})
    assert found == (good.resolve(), good.resolve(), None, None, None, None, None)


def test_the_longest_name_of_a_data_set_counts(tmp_path, tone):
    short, long = tone(tmp_path / "1" / "b" / "a.wav"), tone(tmp_path / "2" / "a.wav")
    assert locate_files(["x/b/a.wav"], {"x": tmp_path / "1", "x/b": tmp_path / "2"}) == (long.resolve(),)
    assert locate_files(["x/b/a.wav"], {"x": tmp_path / "1"}) == (short.resolve(),)
    assert locate_files(["other/a.wav"], {"x": tmp_path / "1"}) == (None,)


def test_folders_of_the_command_line_are_matched_by_what_they_hold(tmp_path, tone):
    tone(tmp_path / "all" / "one" / "a.wav")
    tone(tmp_path / "elsewhere" / "b.wav")
    roots = match_roots(["one/a.wav", "two/b.wav", "three/c.wav"], [tmp_path / "all", tmp_path / "elsewhere"])
    assert roots == {"one": (tmp_path / "all" / "one").resolve(), "two": (tmp_path / "elsewhere").resolve()}
    tone(tmp_path / "elsewhere" / "a.wav")
    assert "one" not in match_roots(["one/a.wav"], [tmp_path / "all", tmp_path / "elsewhere"])


@pytest.mark.parametrize("dataset", ["..", ".", "", "../up", "door", "a\0b", "C:"])
def test_no_data_set_is_called_so_that_its_folder_lies_outside(tmp_path, tone, dataset):
    tone(tmp_path / "secret.wav")
    tone(tmp_path / "up" / "secret.wav")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "door").symlink_to(tmp_path / "up")
    ids = [f"{dataset}/secret.wav"]
    assert locate_files(ids, match_roots(ids, [tmp_path / "root"])) == (None,)


@pytest.mark.parametrize("manifest", [{}, {"settings": None}, {"settings": {"values": []}}, make_manifest([(3, 4)])])
def test_a_manifest_without_data_sets_names_no_roots(manifest):
    assert name_roots(manifest, ["ravdess/a.wav"]) == {}


def test_a_folder_that_went_is_no_error():
    assert locate_files(["d/a.wav", "d/ă.wav"], {"d": Path("no/such/folder")}) == (None, None)


def test_a_finder_lists_a_folder_once_however_many_names_are_respelled(tmp_path, tone, monkeypatch):
    names = [f"Quận {number}.wav" for number in range(3)]
    for name in names:
        tone(tmp_path / unicodedata.normalize("NFD", name))
    listed = []
    monkeypatch.setattr(places, "list_files", lambda *words: (listed.append(1), list_files(*words))[1])
    finder = Finder({"d": tmp_path})
    assert all(finder.find(f"d/{name}") for name in names)
    assert len(listed) == 1


def test_a_run_that_says_where_its_files_lie_is_believed(tmp_path):
    manifest = {"settings": {"media_roots": {"digits": str(tmp_path), "odd": 3}, "values": {}}}
    assert name_roots(manifest, ["digits/0/a.png"]) == {"digits": tmp_path}
    assert name_roots({"settings": {"media_roots": [str(tmp_path)]}}, ["digits/0/a.png"]) == {}
