"""Places that can't be a run folder, or are somebody else's: nothing in them is touched."""

import fcntl
import os
import shutil
from collections.abc import Callable
from io import TextIOWrapper
from pathlib import Path

from chaos.gauntlet.case import Case, Place
from chaos.gauntlet.runs import write_run
from chaos.gauntlet.words import Writer, study_pairs, study_speech

LOCK = ".latentscape.lock"
_held: list[TextIOWrapper] = []


def _map(make: Callable[[Path], object]) -> Writer:
    """`map` of a few rows into a place that was prepared."""

    def write(place: Place) -> list[object]:
        import numpy as np

        np.save(place.folder / "f.npy", np.random.default_rng(0).normal(size=(8, 3)))
        make(place.folder)
        return ["map", "f.npy", "--method", "pca", "--quiet"]

    return write


def _hold(folder: Path) -> None:
    """Lock the run folder as another process would; the lock is let go when the next one is held."""
    while _held:
        _held.pop().close()
    (folder / "run").mkdir()
    lock = (folder / "run" / LOCK).open("w")
    _held.append(lock)
    fcntl.flock(lock, fcntl.LOCK_EX)


def _manifest(content: str) -> Callable[[Path], object]:
    def make(folder: Path) -> None:
        (folder / "run").mkdir()
        (folder / "run" / "manifest.json").write_text(content)

    return make


def _of_a_newer_version(folder: Path) -> None:
    run = write_run(folder / "run")
    path = run / "manifest.json"
    path.write_text(path.read_text().replace('"format_version": 1', '"format_version": 999'))


def _lock_is(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def prepare(folder: Path) -> None:
        (folder / "run").mkdir()
        make(folder / "run" / LOCK)

    return prepare


def _link_lock_to_a_file(path: Path) -> None:
    (path.parent.parent / "mine").write_text("mine")
    path.symlink_to("../mine")


def _full_of_pictures(folder: Path) -> None:
    """A folder with a report of somebody's own, in which there was never a run."""
    (folder / "run").mkdir()
    (folder / "run" / "report.md").write_text("# My own report\n")


def _loop(folder: Path) -> None:
    (folder / "run").symlink_to("run")


def _dangle(folder: Path) -> None:
    """A link to a file that is not there, below a file."""
    (folder / "file").write_text("x")
    (folder / "run").symlink_to("file/none")


def _into_the_data(place: Place) -> list[object]:
    """A study of clips whose `--output` is the folder of the clips."""
    shutil.copytree(place.speech_folder / "ravdess", place.folder / "clips")
    words = study_speech(place)
    config = place.folder / "config.yml"
    config.write_text(config.read_text().replace(str(place.speech_folder / "ravdess"), "clips"))
    return words


def _into_the_pairs(place: Place) -> list[object]:
    shutil.copy(place.pairs, place.folder / "pairs.json")
    return study_pairs(place, data=Path("pairs.json"))


def _unusable(name: str, output: str, *told: str, make: Callable[[Path], object] = lambda _: None,
              fault: str = "output-unusable", listed: str = "") -> Case:  # fmt: skip
    return Case(
        name=name, group="output", write=_map(make), code=2, fault=fault, told=told, output=output, listed=listed
    )


CASES: list[Case] = [
    _unusable("root-as-output", "/", "root", "--output", listed="config 9"),
    _unusable("root-by-another-name", "/usr/..", "root", "--output"),
    _unusable("file-as-output", "f.npy", "f.npy", "a file", "--output"),
    _unusable("below-a-file", "f.npy/run", "--output"),
    _unusable("below-a-device", "/dev/null/run", "--output"),
    _unusable("device-as-output", "/dev/full", "/dev/full", "--output"),
    _unusable("output-with-a-name-too-long", "x" * 300, "--output"),
    _unusable("looping-link-as-output", "run", "--output", make=_loop),
    _unusable("dangling-link-as-output", "run", "--output", make=_dangle),
    _unusable("pipe-as-output", "run", "--output", make=lambda folder: os.mkfifo(folder / "run")),
    _unusable("manifest-of-somebody-else", "run", "manifest.json", "--output", fault="output-foreign",
              make=_manifest('{"name": "a browser extension"}'), listed="config 9"),
    _unusable("manifest-that-is-no-json", "run", "manifest.json", "--output", fault="output-foreign",
              make=_manifest("<html>")),
    _unusable("run-of-a-newer-version", "run", "newer", "--output", fault="output-foreign", make=_of_a_newer_version),
    _unusable("report-of-somebody-else", "run", "report.md", "--output", fault="output-foreign",
              make=_full_of_pictures),
    _unusable("lock-of-somebody-else", "run", LOCK, "--output", fault="output-foreign",
              make=_lock_is(lambda path: path.write_text("mine"))),
    _unusable("pipe-as-lock", "run", LOCK, "--output", fault="output-foreign", make=_lock_is(os.mkfifo)),
    _unusable("link-as-lock", "run", LOCK, "--output", make=_lock_is(_link_lock_to_a_file)),
    _unusable("folder-as-lock", "run", LOCK, "--output", make=_lock_is(Path.mkdir)),
    Case(name="busy-run-folder", group="output", write=_map(_hold), code=7, fault="run-busy", told=("run", "wait")),
    Case(name="data-folder-as-output", group="output", write=_into_the_data, code=2, fault="output-foreign",
         told=("clips", "--output"), output="clips", listed="config 9"),
    Case(name="pair-file-as-output", group="output", write=_into_the_pairs, code=2, fault="output-unusable",
         told=("pairs.json", "--output"), output="pairs.json"),
]  # fmt: skip
