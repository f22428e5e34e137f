"""The seconds a layout was given."""

import time
from typing import final


@final
class Budget:
    """How much of its time a layout has used. Without a limit it asks no clock: the map depends on its seed only."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds
        self._began = time.monotonic()

    def spent(self) -> float:
        """The share that is gone, 1 when all of it is; 0 without a limit."""
        return 0.0 if self.seconds is None else (time.monotonic() - self._began) / self.seconds
