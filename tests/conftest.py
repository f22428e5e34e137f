"""Fixtures every test may use."""

import shutil
from pathlib import Path

import pytest

from chaos.gauntlet.place import RentalRun, SpeechRun, write_rental, write_speech

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real inputs that lie beside a checkout; never part of the project."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real inputs (../shared/data) are not on this machine")
    return folder


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium, started once; the test is skipped where there is none."""
    from .browser import start_browser

    with start_browser() as started:
        yield started


@pytest.fixture(scope="session")
def finished_speech(tmp_path_factory) -> SpeechRun:
    """Written once; tests that change anything take `speech_run`."""
    return write_speech(tmp_path_factory.mktemp("speech"))


@pytest.fixture
def speech_run(finished_speech, tmp_path) -> SpeechRun:
    """A copy of its own for a test that changes or adds files."""
    folder = tmp_path / "copy"
    shutil.copytree(finished_speech.folder, folder, ignore=shutil.ignore_patterns("features", "*.html", "*.png"))
    config = folder / "config.yml"
    config.write_text(config.read_text().replace(str(finished_speech.folder), str(folder)))
    return SpeechRun(folder, config, folder / "runs" / "tiny" / "checkpoint.pt")


@pytest.fixture(scope="session")
def finished_rental(tmp_path_factory) -> RentalRun:
    """Written once; nothing in it is changed by a study."""
    return write_rental(tmp_path_factory.mktemp("rental"))


@pytest.fixture
def run_command(capfd):
    """A function that runs `latentscape` in this process and gives (exit code, stdout, stderr)."""
    from latentscape.cli import main

    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        return ended.value.code or 0, out, err

    return run
