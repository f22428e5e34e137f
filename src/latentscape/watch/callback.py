"""What callbacks of training frameworks share: the watch is made at the first evaluation, once."""

from collections.abc import Callable
from typing import Any

from latentscape.watch.classifier import ClassifierWatch
from latentscape.watch.study import say_failure


class WatchCallback:
    """Holds the watch; a framework's callback tells it when, and of what."""

    def __init__(self, *, compare: bool = True, **choices: Any) -> None:
        self.study: ClassifierWatch | None = None
        self._compare, self._choices, self._broken = compare, choices, False

    def _open(self, choose: Callable[[], dict[str, Any]]) -> None:
        """Make the watch if there is none, of what `choose` finds and the user's choices.

        What fails is said and not tried again at each evaluation.
        """
        if self.study is None and not self._broken:
            try:
                self.study = ClassifierWatch(**{**choose(), **self._choices})
            except Exception as error:
                self._broken = True
                if self._choices.get("strict"):
                    raise
                say_failure(error)
