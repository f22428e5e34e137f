"""What the victim's diary says about all its lives: what was read twice, and whether what was kept was found again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SHARD_SAMPLES = 256
"""A shard is written as soon as so many samples wait."""


@dataclass(kw_only=True)
class Life:
    """One process."""

    passes: list[tuple[int, int]] = field(default_factory=list)
    """(first row, number of rows) of every batch of the plan that went through the model."""
    out_of_memory: list[tuple[int, int]] = field(default_factory=list)
    found: list[range] = field(default_factory=list)
    kept: list[range] = field(default_factory=list)
    looked: bool = False
    """Whether it lived to see all that was there."""
    planned: bool = False
    extracted: bool = False
    done: bool = False
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def read_diary(path: Path) -> list[Life]:
    """All lives, the first one first."""
    lives: list[Life] = []
    for line in path.read_text().splitlines() if path.exists() else ():
        word, _, rest = line.partition(" ")
        if word == "life":
            lives.append(Life())
        else:
            _note(lives[-1], word, rest)
    return lives


def _note(life: Life, word: str, rest: str) -> None:
    if word == "counts":
        when, _, counts = rest.partition(" ")
        life.counts = {**life.counts, when: json.loads(counts)}
        return
    numbers = [int(number) for number in rest.split()]
    if word in ("planned", "unplanned"):
        life.planned, life.looked = word == "planned", life.looked or word == "unplanned"
    elif word == "pass" and life.planned:  # before there is a plan, probes go through the model
        life.passes.append((numbers[0], numbers[1]))
    elif word == "oom":
        life.out_of_memory.append((numbers[0], numbers[1]))
    elif word in ("found", "kept"):
        getattr(life, word).append(range(*numbers))
    elif word in ("looked", "extracted", "done"):
        setattr(life, word, True)


def count_redone(lives: Sequence[Life]) -> list[int]:
    """For every life after the first: how many samples it read that a life before had read."""
    seen, redone = set(lives[0].passes) if lives else set(), []
    for life in lives[1:]:
        redone.append(sum(n for first, n in life.passes if (first, n) in seen))
        seen |= set(life.passes)
    return redone


def find_lost(lives: Sequence[Life]) -> list[str]:
    """Shards that were on the disk when a life ended and that the next one which asked did not find."""
    kept, lost = 0, []
    for number, life in enumerate(lives):
        found = _reach(life.found)
        if life.looked and found < kept:
            lost.append(f"life {number} found the batches up to {found} of {kept} that were kept")
        kept = max(kept, _reach([*life.found, *life.kept]))
    return lost


def find_forgotten_limits(lives: Sequence[Life]) -> list[str]:
    """Out of memory again in a batch of which a smaller part had gone through: its new limit was forgotten."""
    rows_done: set[int] = set()
    wrong = []
    for number, life in enumerate(lives):
        wrong += [f"life {number} ran out of memory again" for row, _ in life.out_of_memory if row in rows_done]
        rows_done |= {row for row, _ in life.passes}
    return wrong


def _reach(batches: Iterable[range]) -> int:
    return max((each.stop for each in batches), default=0)
