"""How the property tests draw their examples: the same ones every time, few in `make test` and many in `make chaos`."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=60)
"""Anything a UTF-8 file can hold."""
WILD_TEXT = st.text(
    st.characters() | st.sampled_from("\0\x1b\u202e\ud800\udcff\u200b'\"=+-@\t\r\n,;/\\.. "), max_size=60
)
"""Half letters, control letters and what other programs take for commands besides."""


def few_or_many(few: int, many: int) -> pytest.MarkDecorator:
    """The number of examples as the test's argument `n`: `few`, and `many` in `make chaos`."""
    return pytest.mark.parametrize("n", [few, pytest.param(many, marks=[pytest.mark.slow, pytest.mark.chaos])])


def for_all(n: int, check: Callable[..., None], *drawn: st.SearchStrategy[Any]) -> None:
    """Call `check` with `n` examples; the smallest that fails is shown."""
    hurried = settings(
        max_examples=n,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    hurried(given(*drawn)(check))()
