"""Importance, places, responses and ranks of a retriever, made up to look like real ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from latentscape.findings import EmbeddingsFindings
from latentscape.measures.attribute_places import AttributePlaces, ValuePlace
from latentscape.measures.group_ranks import GroupRank, GroupRanks
from latentscape.measures.minimal_pairs import TypeEffect, TypeImportance
from latentscape.measures.ranking import Ranking
from latentscape.measures.response import ResponseCurve
from latentscape.measures.score import Score

DISTRICTS = ("Quận 10", "Quận 1", "Gò Vấp", "Bình Thạnh", "Thủ Đức", "Cầu Giấy", "Đống Đa", "Hải Châu", "Ninh Kiều")


def make_score(
    name: str, value: float | None, *, half: float | None = 0.03, n: int = 200, reason: str = "too few pairs"
) -> Score:
    """A score with an interval of `half` on either side, or without one; None has a reason instead."""
    if value is None:
        return Score(name=name, value=None, n=n, reason=reason)
    low, high = (None, None) if half is None else (value - half, value + half)
    return Score(name=name, value=value, n=n, low=low, high=high)


def make_effect(
    name: str, effect: float | None, *, alone: float | str | None = "", violations: float | None = 0.1, n: int = 120,
    n_alone: int = 80, declared: float | None = None, acts_like: float | None = None, half: float = 0.03,
) -> TypeEffect:  # fmt: skip
    """A type whose difference alone is a little above its effect."""
    difference = (None if effect is None else effect + 0.01) if isinstance(alone, str) else alone
    return TypeEffect(
        type=name, n=n, n_alone=n_alone,
        difference=make_score("difference", difference, n=n_alone, half=half),
        violations=make_score("violation_rate", violations, n=n_alone, half=min(half, violations or 0)),
        effect=make_score("type_effect", effect, n=n, half=half),
        declared=declared,
        acts_like=None if declared is None else make_score("acts_like", acts_like, half=4 * half),
    )  # fmt: skip


def make_importance(effects: Sequence[TypeEffect] = (), *, agreement: float | None = 0.3) -> TypeImportance:
    usual = (
        make_effect("location", 0.30, violations=0.02, declared=0.9, acts_like=0.95, half=0.02),
        make_effect("price", 0.21, violations=0.08, declared=0.8, acts_like=0.70, half=0.04),
        make_effect("area", 0.12, violations=0.22, declared=0.5, acts_like=0.42, half=0.03),
        make_effect("amenity", 0.05, violations=0.41, declared=1.0, acts_like=0.30, half=0.02),
        make_effect("floor", 0.01, violations=0.48, n=22, n_alone=9, declared=0.2, acts_like=0.05, half=0.05),
    )
    pairs = np.arange(6)
    score = make_score("weight_agreement", agreement, half=0.4, n=5, reason="fewer than 3 declared types")
    return TypeImportance(
        effects=tuple(effects) or usual, agreement=score, pair_query=pairs, pair_document=pairs,
        pair_difference=np.linspace(-0.1, 0.4, 6),
    )  # fmt: skip


def make_places(
    attribute: str = "district", *, purity: float | None = 0.62, chance: float = 0.12, p: float = 0.001,
    values: Sequence[str] = DISTRICTS, maps: Mapping[str, float] | None = None, geography: float | None = None,
    seed: int = 0, n: int = 450,
) -> AttributePlaces:  # fmt: skip
    """Values that lie on a ring, so that their order can be seen in the distances."""
    rng = np.random.default_rng(seed)
    angles = rng.permutation(len(values)) * 2 * np.pi / max(len(values), 1)
    distances = 0.5 - 0.5 * np.cos(angles[:, None] - angles)
    counts = np.linspace(1.6, 0.4, len(values)) * n / max(len(values), 1)
    shift = rng.normal(scale=0.08, size=len(values))
    return AttributePlaces(
        attribute=attribute,
        purity=make_score("knn_purity", purity, n=n),
        chance=chance,
        p_value=p,
        silhouette=make_score("silhouette", 0.11, n=n),
        map_purity={
            method: make_score("map_purity", share, n=n)
            for method, share in (maps if maps is not None else {"tsne": 0.55, "umap": 0.57}).items()
        },
        values=tuple(
            ValuePlace(value=value, n=int(counts[i]),
                       purity=make_score("value_purity", float(np.clip((purity or 0.1) + shift[i], 0, 1)), half=0.05))
            for i, value in enumerate(values)
        ),
        distances=distances if len(values) > 2 else None,
        order=np.argsort(angles) if len(values) > 2 else None,
        geography=None if geography is None else make_score("geography", geography, half=None, n=36),
        geography_p=None if geography is None else 0.002,
    )  # fmt: skip


def make_curve(
    attribute: str = "price", *, unit: str = "million", falls: float = 0.3, bins: int = 8, tau: float = -0.42,
    breaks: Sequence[int] = (), flat_from: float | None = None, tau_half: float = 0.05,
) -> ResponseCurve:  # fmt: skip
    """An exponential fall by `falls`, with a jump up in each bin of `breaks`."""
    difference = np.concatenate([[0.0], np.geomspace(0.25, 6.0, bins - 1)]) if bins > 1 else np.zeros(bins)
    similarity = 0.9 - falls * (1 - np.exp(-difference / 1.5))
    similarity[list(breaks)] += 0.12
    return ResponseCurve(
        attribute=attribute, unit=unit, difference=difference, edges=np.append(difference, 7.0), similarity=similarity,
        low=similarity - 0.03, high=similarity + 0.03, n=np.linspace(900, 120, bins).astype(np.int64),
        monotonicity=make_score("monotonicity", tau, half=tau_half, n=4000), n_documents=310,
        breaks=tuple(breaks), flat_from=flat_from,
    )  # fmt: skip


def make_groups(
    attribute: str = "district", hits: Sequence[float | None] = (0.45, 0.62, 0.7, 0.74, 0.8, 0.86), *,
    values: Sequence[str] = DISTRICTS, p: Sequence[float | None] = (0.004, 0.3, 0.9, 1.0, 1.0, None),
    n_unknown: int = 7,
) -> GroupRanks:  # fmt: skip
    groups = tuple(
        GroupRank(
            value=value, hit_at_1=make_score("hit_at_1", hit, half=0.08, n=40 - 3 * (i % 10)),
            mrr=make_score("mrr", None if hit is None else min(hit + 0.1, 1.0)), p_value=p_value,
        )
        for i, (value, hit, p_value) in enumerate(zip(values, hits, p, strict=False))
    )  # fmt: skip
    return GroupRanks(attribute=attribute, groups=groups, n_unknown=n_unknown)


def add_retrieval_values(findings: EmbeddingsFindings, **fields) -> EmbeddingsFindings:
    """Everything the four pictures show; `fields` replaces parts of it."""
    usual = {
        "importance": make_importance(),
        "places": (
            make_places(geography=0.58), make_places("balcony", purity=0.53, chance=0.51, p=0.4, values=("no", "yes")),
            make_places("air conditioning", purity=0.71, chance=0.55, p=0.003, values=("no", "yes")),
        ),
        "responses": (make_curve(breaks=(6,), flat_from=2.5), make_curve("area", unit="m²", falls=0.04, tau=-0.02)),
        "groups": (make_groups(), make_groups("price", (0.68, 0.7, 0.73, 0.75), values=("0–2", "2–3", "3–5", "5–9"),
                                              p=(0.6, 0.9, 1.0, 1.0))),
    }  # fmt: skip
    return replace(findings, **(usual | fields))


def set_ranks(ranking: Ranking, ranks: Sequence[int] = (), *, easy: Sequence[int] = (), n: int = 40) -> Ranking:
    """The same ranking with these ranks of the best right documents; by default most are first and one is 37th."""
    usual = np.repeat([1, 1, 1, 1, 1, 1, 2, 3, 5, 12], -(-n // 10))[:n]
    usual[-1:] = 37
    best = np.array(ranks or usual, dtype=np.int64)
    without = np.array(easy, dtype=np.int64) if easy else np.where(best > 0, np.maximum(1, best // 3), 0)
    scores = dict(ranking.scores)
    for suffix, known in (("", best[best > 0]), ("_without_hard", without[without > 0])):
        hits, mrr = (float((known == 1).mean()), float((1 / known).mean())) if len(known) else (None, None)
        scores[f"hit_at_1{suffix}"] = make_score("hit_at_1", hits, half=0.06, n=len(known))
        scores[f"mrr{suffix}"] = make_score("mrr", mrr, half=0.05, n=len(known))
    return replace(ranking, best_rank=best, best_rank_without_hard=without, scores=scores)
