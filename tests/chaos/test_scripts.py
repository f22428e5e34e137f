"""A few payloads on every page; `make chaos` opens all of them."""

import pytest

from chaos.hostile_pages import PAGES
from chaos.payloads import PAYLOADS
from chaos.scripts import choose, run


def test_there_are_enough_payloads_and_every_page():
    assert len(set(PAYLOADS)) >= 25
    assert len(PAGES) == 11
    assert choose(1.0, 0) == list(PAYLOADS)
    assert len(choose(0.0, 3)) == 2


@pytest.mark.slow
@pytest.mark.chaos
def test_no_payload_is_obeyed_and_each_is_shown(browser, tmp_path):
    (outcome,) = run(tmp_path, scale=0.05)
    assert not outcome.wrong
    assert outcome.tried >= 2 * 12 * 8
    assert not list(tmp_path.iterdir())
