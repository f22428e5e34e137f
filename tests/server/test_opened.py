"""A run folder that is written, finished, written again and broken while somebody looks."""

import asyncio
import json
import os

import pytest

from latentscape.errors import DataError
from latentscape.run_reader import FinishedRun
from latentscape.server.opened import OpenedRun, Unfinished, Watched, describe_state, read_progress
from latentscape.store import RunFolder
from tests.run_folders import edit_manifest

from .asking import Visitor, make_opened


def finish(folder, **facts):
    with RunFolder(folder) as run:
        run.save_json("scores.json", {"accuracy": 0.5})
        run.finish({"study": "latents", **facts})


@pytest.fixture
def watched(tmp_path):
    loaded = []

    def load(run: FinishedRun, version: str) -> OpenedRun:
        loaded.append(run)
        if run.manifest.get("broken"):
            raise DataError("it has no maps", hint="make some", fault="run-mapless")
        return make_opened(version=version)

    made = Watched(tmp_path / "run", load)
    made.loaded = loaded
    return made


def find(watched):
    return asyncio.run(watched.find())


def test_a_folder_that_is_no_run_is_refused_at_once(watched, tmp_path):
    for make in (lambda: None, watched.folder.mkdir, lambda: (watched.folder / "notes.txt").write_text("x")):
        make()
        with pytest.raises(DataError) as raised:
            watched.open_now()
        assert raised.value.fault == "run-missing"
    (watched.folder / "manifest.json").write_text('{"format": "other"}')
    with pytest.raises(DataError):
        watched.open_now()


def test_a_run_is_waited_for_loaded_once_and_again_when_its_study_ran_again(watched):
    with RunFolder(watched.folder) as run:
        run.stage("features", {}, lambda: {"mlp": __import__("numpy").zeros((2, 2))})
        assert watched.open_now() is None
        found = find(watched)
        assert isinstance(found, Unfinished)
        assert (found.stages, found.n_shards) == (("features",), 0)
        assert found.writer.startswith("process ")
        assert describe_state(found)["state"] == "writing"
    assert describe_state(read_progress(watched.folder))["state"] == "unfinished"
    finish(watched.folder)
    first = find(watched)
    assert isinstance(first, OpenedRun)
    assert watched.is_current
    assert find(watched) is first
    assert len(watched.loaded) == 1
    with RunFolder(watched.folder) as run:
        run.save_json("scores.json", {"accuracy": 0.75})  # takes the manifest away
        assert isinstance(find(watched), Unfinished)
        assert watched.opened is first  # who looks at it still can
        assert not watched.is_current
    finish(watched.folder, again=True)
    second = find(watched)
    assert isinstance(second, OpenedRun)
    assert second.version != first.version
    assert len(watched.loaded) == 2


def test_a_run_that_can_not_be_shown_is_explained_and_tried_again_when_it_changes(watched):
    finish(watched.folder, broken=True)
    with pytest.raises(DataError):
        watched.open_now()
    for _ in range(3):
        found = find(watched)
        assert isinstance(found, Unfinished)
        assert "it has no maps" in found.reason
        assert describe_state(found)["state"] == "failed"
    assert len(watched.loaded) == 2  # once above, and once for all visits
    finish(watched.folder)
    assert isinstance(find(watched), OpenedRun)


def test_a_run_that_vanishes_while_it_is_read_is_waited_for(watched):
    finish(watched.folder)

    def load(run: FinishedRun, version: str) -> OpenedRun:
        (watched.folder / "manifest.json").unlink()
        raise DataError("gone", hint="x", fault="run-damaged")

    watched._load = load
    found = find(watched)
    assert isinstance(found, Unfinished)
    assert not found.reason


def test_what_lies_in_an_unfinished_folder_is_listed_and_never_read(tmp_path):
    stages = tmp_path / "stages"
    (stages / "maps").mkdir(parents=True)
    (stages / "maps" / "tsne_mlp.json").mkdir()
    (stages / "features.json").symlink_to("/dev/zero")
    (stages / "out").symlink_to("/etc")
    (tmp_path / "shards" / "features").mkdir(parents=True)
    (tmp_path / "shards" / "features" / "000000-000001.shard").write_text("x")
    found = read_progress(tmp_path)
    assert (found.stages, found.n_shards) == (("features", "maps/tsne_mlp"), 1)
    for number in range(900):
        (stages / f"s{number}.json").touch()
    assert len(read_progress(tmp_path).stages) == 200


def test_pages_follow_the_run(tmp_path):
    visitor = Visitor(tmp_path / "run")
    with RunFolder(tmp_path / "run") as run:
        run.save_json("scores.json", {})
        waiting = visitor.ask("/")
        assert (waiting.status, b"being made" in waiting.body) == (200, True)
        assert "style-src" in waiting.headers["content-security-policy"]
        state = json.loads(visitor.ask("/status").body)
        assert (state["state"], state["isCurrent"]) == ("writing", False)
        assert visitor.ask("@payload").status == 410
    finish(tmp_path / "run")
    moved = visitor.ask("/")
    assert moved.status == 303
    place = moved.headers["location"]
    page = visitor.ask(place)
    assert (page.status, page.body) == (200, b"<!DOCTYPE html><title>PAGE</title>")
    assert "script-src" in page.headers["content-security-policy"]
    assert json.loads(visitor.ask(f"{place}status").body) == {
        "state": "ready",
        "version": place.strip("/"),
        "isCurrent": True,
    }
    finish(tmp_path / "run", again=True)
    assert not json.loads(visitor.ask(f"{place}status").body)["isCurrent"]
    assert visitor.ask(f"{place}details/0").status == 200  # the open page goes on with what it shows
    assert visitor.ask(place).headers["location"] == "/"
    assert visitor.ask("/").headers["location"] != place
    assert visitor.ask(f"{place}details/0").status == 410
    assert not visitor.told


def test_stages_of_broken_names_are_told_in_letters(tmp_path):
    (tmp_path / "run" / "stages").mkdir(parents=True)
    (tmp_path / "run" / "stages" / os.fsdecode(b"odd\xff.json")).touch()
    visitor = Visitor(tmp_path / "run")
    assert json.loads(visitor.ask("/status").body)["stages"] == ["odd\\udcff"]
    assert visitor.ask("/").status == 200
    assert not visitor.told


@pytest.mark.parametrize("checksums", [None, [], 3, {"a": []}])
def test_checksums_of_any_form_are_a_version(watched, checksums):
    finish(watched.folder)
    edit_manifest(watched.folder, checksums=checksums)
    assert isinstance(find(watched), OpenedRun)
