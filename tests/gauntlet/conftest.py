import pytest

from chaos.gauntlet.place import RentalRun, SpeechRun, make_place


@pytest.fixture
def place(finished_speech, finished_rental, tmp_path):
    """An empty folder to make a bad input in, and the good inputs it starts from."""
    return make_place(tmp_path / "place", finished_speech, finished_rental)


@pytest.fixture
def bare_place(tmp_path):
    """Without the good inputs, for cases that are refused before anything of them is looked at."""
    none = tmp_path / "none"
    speech = SpeechRun(none, none / "config.yml", none / "c.pt")
    return make_place(tmp_path / "place", speech, RentalRun(none, none / "p.json", none / "c.pt"))
