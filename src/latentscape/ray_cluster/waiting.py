"""How long a stage has nobody who works, and what the user hears of it."""

import time
from typing import final

from latentscape.errors import ResourceError
from latentscape.progress import Progress
from latentscape.ray_cluster.cluster import Cluster
from latentscape.ray_cluster.deaths import GOES_ON

SLOW_START = 30.0
"""Seconds that a worker may need to begin before anybody is told."""
BETWEEN_REMARKS = 180.0
"""Seconds between two remarks."""
LONGEST = 900.0
"""Seconds without a worker after which nobody waits any more."""


@final
class Waiting:
    """Others may hold all that a cluster has, and a node may be on its way: so one waits, says so, and gives up."""

    def __init__(self, cluster: Cluster, *, device: str) -> None:
        self._cluster, self._device = cluster, device
        self._rest()

    def begin(self) -> None:
        """Nobody works, and the first was sent for; where there is no room for it, that is said at the next look."""
        self._rest()
        if not self._cluster.is_own and self._cluster.count_free(self._device)[0] < 1:
            self._tell_at = self._since

    def go_on(self, progress: Progress, *, has_worker: bool) -> None:
        """Say that there is no worker where it is time to. Raises ResourceError where it lasted too long."""
        now = time.monotonic()
        if has_worker:
            self._rest()
        elif now - self._since >= LONGEST:
            raise ResourceError(
                "the cluster had no room for a worker",
                got=f"{self._describe_room()} free for {LONGEST / 60:.0f} minutes",
                hint=f"see with `ray status` who holds them, or take `--engine local`; then {GOES_ON}",
                fault="cluster-unusable",
            )
        elif now >= self._tell_at:
            self._tell(progress)

    def _rest(self) -> None:
        self._since = time.monotonic()
        self._tell_at = self._since + SLOW_START

    def _tell(self, progress: Progress) -> None:
        progress.say(f"waiting for the cluster to have room for a worker: {self._describe_room()} free")
        self._tell_at = time.monotonic() + BETWEEN_REMARKS

    def _describe_room(self) -> str:
        free, total = self._cluster.count_free(self._device)
        return f"{free:g} of {total:g} {'GPUs' if self._device.startswith('cuda') else 'cores'}"
