"""What several runs do not share, and why."""

from collections.abc import Hashable, Mapping, Sequence

from latentscape.errors import DataError
from latentscape.findings import Accounting, Skip

Reasons = Sequence[tuple[str, str]]
"""The name of each sample left out, and why."""


def explain_absence(names: Sequence[str], places: Sequence[int | None]) -> str:
    """Why a sample that not all runs have is left out; the shorter list of runs is named."""
    present = [name for name, place in zip(names, places, strict=True) if place is not None]
    absent = [name for name, place in zip(names, places, strict=True) if place is None]
    return f"only in {join_names(present)}" if len(present) <= len(absent) else f"not in {join_names(absent)}"


def account(n_ok: int, left_out: Reasons) -> Accounting:
    """The account of all samples of any run, one entry a reason."""
    skipped = tuple(
        Skip(id=ids[0] if len(ids) == 1 else f"{ids[0]} and {len(ids) - 1:,} more", reason=reason, count=len(ids))
        for reason, ids in _group(left_out).items()
    )
    return Accounting(n_in=n_ok + len(left_out), n_ok=n_ok, skipped=skipped)


def require_some(n_ok: int, left_out: Reasons, *, what: str) -> None:
    """Raise DataError where nothing is left."""
    if n_ok:
        return
    reasons = [f"{len(ids):,} {reason}" for reason, ids in _group(left_out).items()]
    raise DataError(
        f"the runs share no {what} that could be compared",
        got=", ".join(reasons[:6]) or f"no {what} at all",
        expected="runs of the same data",
        hint="run the study of each checkpoint with the same data, `--max-samples` and `--seed`",
        fault="runs-unmatched",
    )


def _group(left_out: Reasons) -> dict[str, list[str]]:
    """Names by reason."""
    found: dict[str, list[str]] = {}
    for name, reason in left_out:
        found.setdefault(reason, []).append(name)
    return found


def join_names(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`; of many, the first three and how many more."""
    shown = list(names) if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def place_all(keys: Sequence[Sequence[Hashable]]) -> Mapping[Hashable, tuple[int | None, ...]]:
    """For each key of any run its row in each run, None where it is not; in the order in which they first occur."""
    rows = [{key: row for row, key in enumerate(own)} for own in keys]
    return {key: tuple(own.get(key) for own in rows) for key in dict.fromkeys(key for own in keys for key in own)}


def number_repeats(texts: Sequence[str]) -> list[tuple[str, int]]:
    """Each text with how often it has occurred before, so that a repeated one is told apart."""
    seen: dict[str, int] = {}
    found: list[tuple[str, int]] = []
    for text in texts:
        found.append((text, seen.get(text, 0)))
        seen[text] = found[-1][1] + 1
    return found
