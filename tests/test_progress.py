"""What a long loop says of itself: names in it are shown, not obeyed."""

import pytest

from latentscape.progress import Terminal, make_visible

ODD = "[red]x[/red] \x1b]0;pwn\x07[link=http://a]z[/link]\x1b[2J\u202eb\nERROR all is lost\r\x9b31m"


@pytest.mark.parametrize("place", ["label", "status"])
def test_names_in_a_bar_are_shown_and_not_obeyed(place, capfd):
    words = {"label": "a", "status": "b", place: ODD}
    assert list(Terminal().track(range(3), label=words["label"], total=3, status=lambda: words["status"])) == [0, 1, 2]
    shown = capfd.readouterr().err
    assert not set(shown) & set("\x1b\x07\x9b\u202e\r")
    assert "[red]x[/red]" in shown
    assert len(shown.splitlines()) == 1


def test_a_remark_is_shown_and_not_obeyed(capfd):
    Terminal().say(ODD)
    shown = capfd.readouterr().err
    assert not set(shown) & set("\x1b\x07\x9b\u202e\r")
    assert "[link=http://a]" in shown


def test_letters_that_command_appear_as_escapes():
    assert make_visible("a\x1b[31mb\u2066c\td\ne") == "a\\x1b[31mb\\u2066c\td\ne"
