"""What the ranks of the right documents say, in words that the intervals carry."""

from collections.abc import Sequence

from latentscape.figures.profile_words import say_share_interval
from latentscape.figures.render import plain
from latentscape.figures.words import say_count, say_share
from latentscape.findings import EmbeddingsFindings
from latentscape.measures.group_ranks import GroupRank, GroupRanks

ALPHA = 0.05
POSITIVE, HARD, OTHER = 1, 2, 3
"""Kinds of documents, as the findings number them."""
LEAST_DROP = 0.005
"""A smaller difference is none in whole percent."""


def choose_groups(groups: Sequence[GroupRanks]) -> GroupRanks | None:
    """The attribute whose groups differ most surely, then most widely; None where no attribute has two groups."""
    comparable = [each for each in groups if sum(group.hit_at_1.value is not None for group in each.groups) > 1]
    return min(comparable, key=_rank_groups, default=None)


def differs(group: GroupRank, *, n_attributes: int) -> bool:
    """Whether a group's hit@1 differs from that of the other queries by more than chance.

    The p-values are adjusted for the groups of one attribute; looking at several attributes needs more.
    """
    return group.p_value is not None and group.p_value * n_attributes <= ALPHA


def name_attribute(groups: GroupRanks) -> str:
    """The attribute's name, drawable."""
    return plain(groups.attribute, limit=30) or "attribute"


def say_rank_title(findings: EmbeddingsFindings, groups: GroupRanks | None) -> str:
    """How often a right document comes first, what hard negatives cost, and where it comes first least often."""
    scores = findings.ranking.scores
    hits, easy = scores.get("hit_at_1"), scores.get("hit_at_1_without_hard")
    if hits is None or hits.value is None:
        return "Where the right documents come"
    found = f"{say_share(hits.value)} of queries have a right document first"
    if easy is not None and easy.value is not None and easy.value - hits.value >= LEAST_DROP:
        around = "" if find_others(findings) else " around it"
        found += f", {say_share(easy.value)} {say_easier(findings)}{around}"
    group = _say_groups(groups, n_attributes=len(findings.groups), hits=hits.value)
    return f"{found}\n{group}".strip()


def find_others(findings: EmbeddingsFindings) -> int:
    """How many documents are neither right nor declared wrong for any query, as most of a corpus."""
    return int((findings.document_kinds == OTHER).sum())


def say_easier(findings: EmbeddingsFindings) -> str:
    """Where ranks are better, as less stands in the way."""
    n = int((findings.document_kinds == POSITIVE).sum())
    return f"among the {n:,} right for some query" if find_others(findings) else "without hard negatives"


def say_group_reading(findings: EmbeddingsFindings) -> str:
    """How to read the groups' panel."""
    hits = findings.ranking.scores.get("hit_at_1")
    line = f"; line: all queries, {say_share(hits.value)}" if hits is not None and hits.value is not None else ""
    n = len(findings.groups)
    p = "p > 0.05" if n < 2 else f"p × {n} attributes > 0.05"
    return f"share of queries with a right document first{line}; hollow: the difference may be chance ({p})"


def list_rank_notes(findings: EmbeddingsFindings, groups: GroupRanks | None, *, most: int) -> list[str]:
    """What is not in the picture."""
    notes = []
    missing = int((findings.ranking.best_rank == 0).sum())
    if missing:
        notes.append(f"{_say_queries(missing)} without a right document not counted.")
    if groups is not None and len(groups.groups) > most:
        notes.append(f"Of {len(groups.groups):,} groups the {most} worst are shown.")
    if groups is not None and groups.n_unknown:
        notes.append(f"{_say_queries(groups.n_unknown)} without a known {name_attribute(groups)} in no group.")
    if groups is not None and len(findings.groups) > 1:
        notes.append(f"Of {len(findings.groups)} attributes the one whose groups differ most surely is shown.")
    return notes


def _say_queries(n: int) -> str:
    return "1 query" if n == 1 else f"{n:,} queries"


def _rank_groups(groups: GroupRanks) -> tuple[float, float]:
    p_values = [group.p_value for group in groups.groups if group.p_value is not None]
    values = [group.hit_at_1.value for group in groups.groups if group.hit_at_1.value is not None]
    return min(p_values, default=2.0), min(values) - max(values)


def _say_groups(groups: GroupRanks | None, *, n_attributes: int, hits: float) -> str:
    """The group that is clearly worse, with all attributes tried taken into account."""
    if groups is None:
        return ""
    name = name_attribute(groups)
    worse = [
        (group.hit_at_1.value, group)
        for group in groups.groups
        if group.hit_at_1.value is not None and group.hit_at_1.value < hits
        if differs(group, n_attributes=n_attributes)
    ]
    if not worse:
        tested = any(group.p_value is not None for group in groups.groups)
        return f"No {name} fares worse by more than chance" if tested else ""
    value, group = min(worse, key=lambda pair: pair[0])
    share = f"{say_share(value)} {say_share_interval(group.hit_at_1)}".rstrip()
    more = f" and {say_count(len(worse) - 1, 'other')}" if len(worse) > 1 else ""
    return f"Less often where {name} is {plain(group.value, limit=30)}{more}: {share}"
