"""Data in object stores: as on this machine, or a sentence with the next step."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pyarrow import fs

from latentscape import object_store
from latentscape.datasets.samples import read_samples
from latentscape.errors import DataError, ResourceError, UsageError
from latentscape.feature_maps import map_features
from latentscape.object_store import Place, as_uri, list_tables, local_copy, local_data, open_place
from latentscape.pair_input import read_pair_input
from latentscape.settings import EmbeddingsSettings, LatentsSettings, record_settings
from latentscape.study import digest_samples
from tests.scattered import Scattered

CSV = "text,label\na,x\nb,y\n"


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    """A folder that stands for `s3://bucket`."""
    folder = tmp_path / "bucket"
    folder.mkdir()
    store = fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem())
    monkeypatch.setattr(object_store, "_connect", lambda uri: (store, uri.removeprefix("s3://").partition("?")[0]))
    return folder


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("value", "uri"),
    [
        ("s3://bucket/a b.csv", "s3://bucket/a b.csv"),
        ("S3://bucket/x", "s3://bucket/x"),
        (Path("s3://bucket/a.csv"), "s3://bucket/a.csv"),
        (Path("file:///data/a.csv"), "file:///data/a.csv"),
        ("ftp://a/b", "ftp://a/b"),
        ("package.module:factory", None),
        ("owner/name:config", None),
        ("timm:resnet18", None),
        ("C:/data", None),
        (Path("data/a.csv"), None),
        (7, None),
        (None, None),
    ],
)
def test_what_is_a_uri(value, uri):
    assert as_uri(value) == uri


def test_a_table_in_a_store_is_read_as_the_same_table_here(bucket):
    here = write(bucket / "data" / "reviews.csv", CSV)
    with local_copy("s3://bucket/data/reviews.csv") as path:
        there = read_samples(path)
        assert path != here
    assert not path.exists()
    assert not path.parent.exists()
    assert digest_samples(there) == digest_samples(read_samples(here))
    assert there.ids == ("reviews/row 0", "reviews/row 1")


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_folder_of_tables(bucket, slash):
    for number in range(3):
        write(bucket / "reviews" / f"part-{number}.csv", f"text,label\nt{number},x\n")
    write(bucket / "reviews" / "_SUCCESS", "")
    write(bucket / "reviews" / ".hidden.csv", "text,label\nno,x\n")
    with local_copy(f"s3://bucket/reviews{slash}") as path:
        assert read_samples(path).contents == ("t0", "t1", "t2")
        assert read_samples(path).ids[0] == "reviews/row 0"


def test_a_file_uri_is_the_path(tmp_path):
    path = write(tmp_path / "a folder" / "t.csv", CSV)
    with local_copy(path.as_uri()) as found:
        assert found == path
    with pytest.raises(UsageError, match="another machine"), local_copy("file://host/x.csv"):
        pass


def test_errors_name_the_uri_and_never_the_copy(bucket):
    write(bucket / "t.csv", "text,text,label\na,b,x\n")
    with pytest.raises(DataError) as caught, local_copy("s3://bucket/t.csv?region=eu-west-1") as path:
        read_samples(path)
    assert "s3://bucket/t.csv" in caught.value.what
    assert "latentscape-" not in str(caught.value)
    write(bucket / "m.csv", "file,label\nclip.wav,x\n")
    with pytest.raises(DataError, match="write them into it as bytes"), local_copy("s3://bucket/m.csv") as path:
        read_samples(path)


def test_what_is_not_there(bucket):
    (bucket / "empty").mkdir()
    for uri, got in (("s3://bucket/none.csv", "no such bucket or key"), ("s3://bucket/empty", "an empty folder")):
        with pytest.raises(DataError, match="there is nothing at") as caught, local_copy(uri):
            pass
        assert (caught.value.fault, caught.value.got) == ("data-missing", got)


def test_sounds_and_pictures_are_not_read_file_by_file(bucket):
    picture = io.BytesIO()
    Image.new("RGB", (2, 2)).save(picture, "PNG")
    write(bucket / "pets" / "cat" / "a.png", picture.getvalue())
    with pytest.raises(DataError, match="file by file") as caught, local_copy("s3://bucket/pets"):
        pass
    assert "Parquet" in caught.value.hint


def test_a_name_that_climbs_is_not_copied(bucket):
    class Store:
        def get_file_info(self, asked):
            if isinstance(asked, str):
                return fs.FileInfo(asked, type=fs.FileType.Directory)
            names = ("../../evil.csv", "a\\b.csv", "good.csv")
            return [fs.FileInfo(f"bucket/x/{name}", type=fs.FileType.File, size=3) for name in names]

    assert list_tables(Place(uri="s3://bucket/x", filesystem=Store(), path="bucket/x")) == [("good.csv", 3)]


def test_a_file_that_changes_while_it_is_copied(bucket, monkeypatch):
    write(bucket / "t.csv", CSV)
    monkeypatch.setattr(object_store, "list_tables", lambda place: [("", 5)])
    with pytest.raises(DataError, match="while it was copied"), local_copy("s3://bucket/t.csv"):
        pass


def test_a_disk_without_room_for_the_copy(bucket, monkeypatch):
    monkeypatch.setattr(object_store, "list_tables", lambda place: [("", 10**18)])
    with pytest.raises(ResourceError) as caught, local_copy("s3://bucket/t.csv"):
        pass
    assert caught.value.fault == "disk-full"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("AWS Error ACCESS_DENIED during HeadObject operation", "credentials"),
        ("HTTP response code: 403", "credentials"),
        ("AWS Error NETWORK_CONNECTION: curlCode: 6, Could not resolve hostname", "network"),
        ("Unable to load libjvm", "Hadoop"),
        ("key 4b40134 is odd", "letter by letter"),
    ],
)
def test_what_a_store_says_has_a_next_step(monkeypatch, reason, said):
    def fail(uri):
        raise OSError(reason)

    monkeypatch.setattr(object_store, "_connect", fail)
    with pytest.raises(DataError, match="can't reach s3://bucket/x") as caught:
        open_place("s3://bucket/x")
    assert said in caught.value.hint
    assert (caught.value.fault, caught.value.exit_code) == ("store-access", 3)


def test_a_store_that_never_answers(monkeypatch):
    import threading

    waiting = threading.Event()
    monkeypatch.setattr(object_store, "SECONDS_TO_LOOK", 0.05)
    monkeypatch.setattr(object_store, "_connect", lambda uri: waiting.wait(20))
    with pytest.raises(DataError, match="no answer in"):
        open_place("gs://bucket/x")
    waiting.set()


@pytest.mark.parametrize(
    ("uri", "said"), [("ftp://a/b", "ftp://"), ("https://a/b.csv", "https://"), ("s3://me:secret@b/x", "password")]
)
def test_uris_that_are_refused(uri, said):
    with pytest.raises(UsageError, match=said) as caught:
        open_place(uri)
    assert "secret" not in str(caught.value)
    with pytest.raises(UsageError):
        LatentsSettings(shards=uri)


def test_settings_keep_the_uri_and_readers_get_paths(bucket):
    rows = [{"query": f"query {row}", "pos": f"right {row}"} for row in range(3)]
    write(bucket / "pairs.json", json.dumps(rows))
    write(bucket / "train.json", json.dumps(rows[:1]))
    settings = EmbeddingsSettings(
        data="s3://bucket/pairs.json", train=Path("s3://bucket/train.json"), checkpoint=Path("x.pt"), shards="s3://b/s"
    )
    with local_data(settings, "data", "train") as (local, _):
        assert Path(str(local.data)).name == "pairs.json"
        assert local.train and local.train.is_file()
    assert len(read_pair_input(settings).pairs) == 2
    recorded = record_settings(settings)
    assert (recorded["data"], recorded["train"]) == ("s3://bucket/pairs.json", "s3://bucket/train.json")
    assert "shards" not in recorded


def test_features_in_a_store_give_the_same_map(bucket):
    features = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    np.save(bucket / "f.npy", features)
    made = [map_features(where, method="pca") for where in ("s3://bucket/f.npy", bucket / "f.npy")]
    assert made[0].findings.source == made[1].findings.source == "f.npy"
    assert made[0].inputs == made[1].inputs


def test_workers_fetch_the_parts_that_they_read(bucket, monkeypatch):
    for number in range(4):
        write(bucket / "reviews" / f"part-{number}.csv", f"text,label\nt{number},x\nu{number},y\n")
    settings = LatentsSettings(model="m", data="s3://bucket/reviews")
    with monkeypatch.context() as patch:
        patch.setattr(object_store, "local_copy", None)
        with local_data(settings, "data", executor=Scattered()) as (local, reader):
            root = Path(str(local.data))
            assert [path.stat().st_size for path in sorted(root.iterdir())] == [0] * 4
            there = read_samples(root, executor=reader)
            assert not root.exists()
            assert reader.n_workers == 3
    with local_data(settings, "data") as (local, reader):
        here = read_samples(Path(str(local.data)), executor=reader)
    assert (here.ids, here.contents, here.skipped) == (there.ids, there.contents, there.skipped)
    assert digest_samples(here) == digest_samples(there)


@pytest.mark.parametrize("broken", ["part-1.csv", "changed"])
def test_a_part_that_cannot_be_read_is_named_by_its_uri(bucket, broken):
    for number in range(3):
        write(bucket / "reviews" / f"part-{number}.csv", f"text,label\nt{number},x\n")
    if broken != "changed":
        write(bucket / "reviews" / broken, b"\0\1\2")
    settings = LatentsSettings(model="m", data="s3://bucket/reviews")
    with (
        pytest.raises(DataError, match=r"s3://bucket/reviews/part-1\.csv") as caught,
        local_data(settings, "data", executor=Scattered()) as (local, reader),
    ):
        if broken == "changed":
            write(bucket / "reviews" / "part-1.csv", CSV)
        read_samples(Path(str(local.data)), executor=reader)
    assert "latentscape-" not in str(caught.value)


@pytest.mark.parametrize("names", [("train-0.csv", "test-0.csv"), ("0.json", "1.json"), ("a/0.csv", "a/1.csv")])
def test_other_folders_are_copied_whole_whoever_reads(bucket, names):
    for name in names:
        write(bucket / "x" / name, CSV)
    with local_data(LatentsSettings(model="m", data="s3://bucket/x"), "data", executor=Scattered()) as (local, reader):
        assert reader == Scattered()
        assert all((Path(str(local.data)) / name).read_text() == CSV for name in names)


def test_pairs_in_parts_are_fetched_by_workers_and_a_split_is_not(bucket):
    for number in range(3):
        row = {"query": f"query {number}", "pos": f"right {number}"}
        write(bucket / "pairs" / f"{number}.jsonl", json.dumps(row) + "\n")
    settings = EmbeddingsSettings(data="s3://bucket/pairs", checkpoint=Path("x.pt"))
    there, here = read_pair_input(settings, executor=Scattered()), read_pair_input(settings)
    assert (there.pairs.queries, there.pairs.rows) == (here.pairs.queries, here.pairs.rows)
    assert here.pairs.queries == ("query 0", "query 1", "query 2")
    with local_data(settings, "data", executor=Scattered(), in_parts=False) as (local, reader):
        assert reader == Scattered()
        assert all(path.stat().st_size for path in Path(str(local.data)).iterdir())
