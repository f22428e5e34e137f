import numpy as np
import pytest
from PIL import Image

from latentscape.errors import UsageError
from latentscape.media import media_of_run
from latentscape.media.runs import MEGABYTE
from latentscape.run_reader import FinishedRun
from latentscape.settings import LatentsSettings, MapSettings, record_settings
from tests.listening import Listener

IDS = ("d/sad/0.wav", "d/sad/1.wav", "d/sad/2.wav")


@pytest.fixture
def run(tmp_path, tone):
    def make(**settings):
        values = {"data": {"datasets": [{"class_path": "folder", "data_dir": str(tmp_path / "d")}]}}
        manifest = {"study": "latents", "settings": {"values": values, **settings}, "datasets": ["d"]}
        return FinishedRun(path=tmp_path / "run", manifest=manifest)

    (tmp_path / "run").mkdir()
    for row in range(3):
        tone(tmp_path / "d" / "sad" / f"{row}.wav", seconds=0.3)
    return make


def test_a_latents_run_takes_its_clips_along(run):
    media = media_of_run(run(), IDS, order=np.array([2, 1, 0]))
    assert media.links == tuple(f"../{name}" for name in IDS)
    assert list(media.files) == [2, 1, 0]


def test_the_settings_say_how_much_sound_travels(run):
    size = len(media_of_run(run(), IDS).files[0])
    assert not media_of_run(run(embed_audio=0), IDS).files
    room = size * 4 / 3 / MEGABYTE
    assert set(media_of_run(run(embed_audio=1.01 * room), IDS).files) == {0}
    assert not media_of_run(run(embed_audio=0.99 * room), IDS).files


def test_what_is_missing_is_said(run):
    listener = Listener()
    media = media_of_run(run(), (*IDS, "d/sad/9.wav"), progress=listener)
    assert media.links[3] is None
    assert listener.said == ["1 of 4 samples have no clip on the page: not found, or unreadable"]
    assert media_of_run(run(), ("d/sad/9.wav",)) is None


def test_roots_of_the_caller_go_before_those_of_the_manifest(run, tmp_path):
    assert media_of_run(run(), IDS, roots={"d": tmp_path / "run"}) is None
    assert media_of_run(run(), IDS, roots={}) is None
    elsewhere = FinishedRun(path=tmp_path / "run", manifest={"study": "comparison"})
    assert media_of_run(elsewhere, IDS) is None
    assert all(media_of_run(elsewhere, IDS, roots={"d": tmp_path / "d"}).links)


def test_a_map_has_the_pictures_of_its_folder(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (2, 2)).save(folder / "a.png")
    settings = record_settings(MapSettings(media=folder))
    made = FinishedRun(path=tmp_path, manifest={"study": "map", "settings": settings})
    media = media_of_run(made, ["a.png", "b.png"])
    assert (media.kind, media.links) == ("image", ("pictures/a.png", None))
    listener = Listener()
    assert media_of_run(made, None, progress=listener) is None
    assert "--ids" in listener.said[0]
    without = FinishedRun(path=tmp_path, manifest={"study": "map", "settings": record_settings(MapSettings())})
    assert media_of_run(without, ["a.png"], progress=listener) is None
    assert media_of_run(without, None) is None


def test_settings_are_checked(tmp_path):
    for value in (-1, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="embed-audio"):
            LatentsSettings(config=tmp_path, embed_audio=value)
    with pytest.raises(UsageError, match="media"):
        MapSettings(media=tmp_path / "missing")
