"""Tables in parts, read by Ray Data: what one process makes of them, whatever they hold and whoever dies."""

import json
import logging
import os
import sys
import threading
import warnings
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest
from pyarrow import fs, parquet

from latentscape import object_store
from latentscape.datasets.pair_files import read_rows
from latentscape.datasets.sample_tables import read_table_file
from latentscape.datasets.samples import read_samples
from latentscape.errors import DataError, ResourceError, WorkerDiedError
from latentscape.executor import IN_PROCESS
from latentscape.object_store import local_data
from latentscape.settings import LatentsSettings

from . import ray_clusters as does
from .listening import Listener
from .ray_clusters import open_cluster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def heard():
    return Listener()


@pytest.fixture(scope="module")
def executor(heard):
    """One cluster of two workers for all of this module."""
    with open_cluster(heard) as opened:
        yield opened


@pytest.fixture(autouse=True)
def forget(heard):
    heard.said.clear()


@pytest.fixture
def reviews(tmp_path):
    """Six JSON Lines files, each with a row that is cut."""
    folder = tmp_path / "reviews"
    folder.mkdir()
    for number in range(6):
        rows = [{"text": f"text {number} {row}", "label": "xy"[row % 2]} for row in range(3 + number)]
        (folder / f"part-{number:05}.jsonl").write_text("\n".join([*map(json.dumps, rows), '{"text": "half']))
    return folder


def facts(samples):
    return samples.ids, samples.contents, samples.skipped, samples.labels.tolist()


def test_json_lines_with_broken_rows(executor, heard, reviews, capfd):
    here, there = read_samples(reviews), read_samples(reviews, executor=executor)
    assert facts(there) == facts(here)
    assert (len(here), len(here.skipped)) == (33, 6)
    assert facts(read_samples(reviews.as_uri().removeprefix("file://"), executor=executor)) == facts(here)
    with local_data(LatentsSettings(model="m", data=reviews.as_uri()), "data", executor=executor) as (local, reader):
        assert facts(read_samples(str(local.data), executor=reader)) == facts(here)
    assert not any("Ray Data" in each for each in heard.said)
    assert capfd.readouterr() == ("", "")


def test_parquet_in_the_order_of_its_files(executor, heard, tmp_path):
    for number in range(12):
        table = pa.table({"text": [f"{number} {row}" for row in range(50)], "label": ["x", "y"] * 25})
        parquet.write_table(table, tmp_path / f"part-{number:05}.parquet")
    read, paths = partial(read_table_file, folder=tmp_path), sorted(tmp_path.iterdir(), reverse=True)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        there = executor.read_files(read, paths)
    assert not caught
    for one, other in zip(IN_PROCESS.read_files(read, paths), there, strict=True):
        assert one.values.equals(other.values)
        assert (one.source, one.folder) == (other.source, other.folder)
    assert not any("Ray Data" in each for each in heard.said)


@pytest.mark.parametrize("read", [read_table_file, read_rows])
def test_of_broken_files_the_first_is_told_as_here(executor, reviews, read):
    for number, text in ((4, b"\0\1"), (2, b"PAR1 and then nothing")):
        (reviews / f"part-{number:05}.jsonl").write_bytes(text)
    paths, told = sorted(reviews.iterdir()), []
    for each in (IN_PROCESS, executor):
        with pytest.raises(DataError, match=r"part-00002") as caught:
            each.read_files(read, paths)
        told.append((type(caught.value), vars(caught.value)))
    assert told[0] == told[1]


def test_a_file_that_only_this_process_can_read_is_read_here(executor, reviews):
    found = executor.read_files(partial(does.read_only_in, os.getpid()), sorted(reviews.iterdir()))
    assert found == [path.name for path in sorted(reviews.iterdir())]


def test_workers_fetch_from_a_store_what_they_read(executor, heard, reviews, monkeypatch):
    store = fs.SubTreeFileSystem(str(reviews.parent), fs.LocalFileSystem())
    monkeypatch.setattr(object_store, "_connect", lambda uri: (store, uri.removeprefix("s3://")))
    with local_data(LatentsSettings(model="m", data="s3://reviews"), "data", executor=executor) as (local, reader):
        root = Path(str(local.data))
        with monkeypatch.context() as patch:
            patch.setattr(object_store, "_copy", None)  # not by this process
            there = read_samples(root, executor=reader)
        assert not root.exists()
    assert facts(there) == facts(read_samples(reviews))
    assert not any("Ray Data" in each for each in heard.said)


def test_a_worker_that_dies_is_followed_and_a_file_that_kills_is_named(executor, heard, reviews, tmp_path):
    paths = sorted(reviews.iterdir())
    wanted = [path.name for path in paths]
    assert executor.read_files(partial(does.read_or_die, "part-00003", tmp_path / "once"), paths) == wanted
    assert sum("Ray Data did not read all" in each for each in heard.said) == 1
    with pytest.raises(WorkerDiedError, match=r"3 workers died over the table .*part-00003"):
        executor.read_files(partial(does.read_or_die, "part-00003", None), paths)


def test_cores_and_settings_are_given_back(executor, reviews):
    executor.read_files(does.read_name, sorted(reviews.iterdir()))
    from ray.data import DataContext

    before, level = DataContext.get_current(), logging.getLogger("ray.data").level
    for _ in range(2):
        assert len(executor.read_files(does.read_name, sorted(reviews.iterdir()))) == 6
        assert len(list(executor.run(does.prepare_naps, 0, [1, 2], job=does.job(2)))) == 2
    assert DataContext.get_current() is before
    assert DataContext.get_current().enable_progress_bars
    assert logging.getLogger("ray.data").level == level


def test_a_lost_cluster_is_told(executor, reviews, monkeypatch):
    assert len(executor.read_files(does.read_name, sorted(reviews.iterdir()))) == 6
    ended = SimpleNamespace(process=SimpleNamespace(poll=lambda: -9))
    monkeypatch.setattr("ray._private.worker._global_node", SimpleNamespace(all_processes={"raylet": [ended]}))
    monkeypatch.setattr("ray._private.auto_init_hook.enable_auto_connect", True)
    with pytest.raises(ResourceError, match="cluster was lost"):
        executor.read_files(does.read_name, sorted(reviews.iterdir()))
    assert not sys.modules["ray._private.auto_init_hook"].enable_auto_connect
    for thread in [each for each in threading.enumerate() if each.name == "reading tables"]:
        thread.join(10)
