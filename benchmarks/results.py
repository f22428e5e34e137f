"""Records -> medians: what counts of everything that was kept."""

from dataclasses import dataclass
from statistics import median
from typing import Any

from contestants import CLASSIC, UNSEEDED

Record = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Result:
    """One contestant in one part, in its latest session."""

    runs: list[Record]
    """Processes that ended well."""
    quality: dict[str, dict[str, float]]
    """Scores by map, of the first process."""
    failed: str

    @property
    def cold(self) -> float | None:
        """Seconds from the start of a process to its last map."""
        return median(run["cold"] for run in self.runs) if self.runs else None

    @property
    def warm(self) -> float | None:
        """Seconds of the second call in a process."""
        calls = [sum(call.values()) for run in self.runs for call in run["warm"]]
        return median(calls) if calls else None

    @property
    def others(self) -> float | None:
        """The share of the machine that other processes took, in the worst run."""
        return max((run["others"] for run in self.runs if run["others"] is not None), default=None)

    @property
    def peak(self) -> float:
        """Bytes, after the first call."""
        return median(run["peak_bytes"] for run in self.runs)

    def stage(self, name: str, *, warm: bool) -> float | None:
        """Seconds of one map from the raw matrix, its graph included; of the first or of the second call."""
        calls = [call for run in self.runs for call in (run["warm"] if warm else [run["stages"]])]
        taken = [call.get("graph", 0.0) + call[name] for call in calls if name in call]
        return median(taken) if taken else None


Results = dict[str, dict[str, Result]]
"""By part, then by contestant."""


def sort_results(records: list[Record]) -> Results:
    sessions: dict[tuple[str, str], str] = {}
    for each in records:
        if each["kind"] == "speed":
            place = each["part"], each["contestant"]
            sessions[place] = max(sessions.get(place, ""), each["session"])
    results: Results = {}
    for (part, name), session in sessions.items():
        own = [each for each in records if (each.get("part"), each.get("contestant")) == (part, name)]
        own = [each for each in own if each["session"] == session]
        runs, failures = [each for each in own if "cold" in each], [each["failed"] for each in own if "failed" in each]
        quality = {each["map"]: each["scores"] for each in own if each["kind"] == "quality"}
        results.setdefault(part, {})[name] = Result(runs=runs, quality=quality, failed=" ".join(failures))
    return results


def find_pair_seconds(part: dict[str, Result], *, warm: bool) -> dict[str, float | None]:
    """scikit-learn + umap-learn: with the seed, and with umap-learn on all cores, which takes the seed away.

    The second is not run: it is the first less its UMAP plus the unseeded UMAP, first call for first call.
    """
    pair, other = part.get(CLASSIC), part.get(UNSEEDED)
    whole = (pair.warm if warm else pair.cold) if pair else None
    seeded = pair.stage("umap", warm=warm) if pair else None
    unseeded = other.stage("umap", warm=warm) if other else None
    known = whole is not None and seeded is not None and unseeded is not None
    return {"seeded": whole, "unseeded": whole - seeded + unseeded if known else None}


def latest(records: list[Record], kind: str, **values: Any) -> list[Record]:
    """The records of a kind in the latest session that has any."""
    own = [each for each in records if each["kind"] == kind and values.items() <= each.items()]
    return [each for each in own if each["session"] == max(each["session"] for each in own)]
