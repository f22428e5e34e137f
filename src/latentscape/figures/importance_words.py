"""What hard negatives say about each kind of mistake, in words that the intervals carry."""

from collections.abc import Sequence
from math import floor, log10

from latentscape.figures.render import plain
from latentscape.figures.words import say_interval, say_number
from latentscape.measures.minimal_pairs import TypeEffect, TypeImportance
from latentscape.measures.score import Score

MOST_NAMED = 3
"""How many types a title names."""
FINE = 0.1
"""Differences that are all smaller are written with three decimals."""


def say_importance(importance: TypeImportance) -> str:
    """Where the declared weights and what is measured part, or which mistake costs most; then what costs nothing."""
    first = _say_disagreement(importance.effects) or _say_most(importance.effects)
    return f"{first}\n{_say_costless(importance.effects)}".strip()


def say_agreement(importance: TypeImportance) -> str:
    """Whether the order of the effects is the declared one; empty where nothing is declared."""
    score = importance.agreement
    if not any(effect.declared is not None for effect in importance.effects):
        return ""
    if score.value is None:
        return f"Declared and measured order not compared: {plain(score.reason, limit=120)}."
    interval = f", 95% interval {say_interval(score)}" if say_interval(score) else ""
    return f"Declared against measured order: ρ = {say_number(score.value)} over {score.n:,} types{interval}."


def disagrees(effect: TypeEffect) -> bool:
    """Whether a type acts unlike its declared weight by more than chance."""
    score = effect.acts_like
    if effect.declared is None or score is None or score.value is None:
        return False
    return score.low is not None and score.high is not None and not score.low <= effect.declared <= score.high


def is_ignored(effect: TypeEffect) -> bool:
    """Whether chance may be all that a mistake of this type costs: zero is within the interval."""
    score = effect.effect
    return score.low is not None and score.high is not None and score.low <= 0 <= score.high


def is_reversed(effect: TypeEffect) -> bool:
    """Whether a mistake of this type brings documents closer to the query."""
    return effect.effect.high is not None and effect.effect.high < 0


def say_weight(value: float, *, significant: int = 3) -> str:
    """A weight in so many significant digits, with one decimal at least and without needless zeros.

    >>> say_weight(1.0), say_weight(0.25), say_weight(6.0912, significant=2), say_weight(-0.004)
    ('1.0', '0.25', '6.1', '−0.004')
    """
    size = floor(log10(abs(value))) if value else 0
    text = say_number(value, digits=max(1, significant - 1 - size))
    whole, _, decimals = text.partition(".")
    return f"{whole}.{decimals.rstrip('0') or '0'}"


def count_pairs(effect: TypeEffect) -> str:
    """How many negatives carry the type, and how many of them nothing else.

    >>> from latentscape.measures.score import Score
    >>> none = Score(name="x", value=None, n=0, reason="none")
    >>> count_pairs(TypeEffect(type="price", n=1200, n_alone=80, difference=none, violations=none, effect=none))
    'n = 1,200, alone 80'
    """
    return f"n = {effect.n:,}, alone {effect.n_alone:,}"


def list_missing(effects: Sequence[TypeEffect], names: Sequence[str]) -> list[str]:
    """What could not be measured, and why: each reason once, with the types it is true of."""
    found: dict[tuple[str, str], list[str]] = {}
    for effect, name in zip(effects, names, strict=True):
        scores = {"difference alone": effect.difference, "effect": effect.effect, "violations": effect.violations}
        scores |= {"weight acted like": effect.acts_like} if effect.acts_like is not None else {}
        for what, score in scores.items():
            if score.value is None:
                found.setdefault((what, score.reason), []).append(name)
    return [
        f"{what} of {_list_names(types)} not measured: {plain(reason, limit=120)}.".capitalize()
        for (what, reason), types in found.items()
    ]


def _say_disagreement(effects: Sequence[TypeEffect]) -> str:
    """The type that acts most unlike its weight."""
    apart = [
        (abs(effect.acts_like.value - effect.declared), effect, effect.declared, effect.acts_like.value)
        for effect in effects
        if disagrees(effect) and effect.declared is not None and effect.acts_like and effect.acts_like.value is not None
    ]
    if not apart:
        return ""
    _, effect, declared, acts = max(apart, key=lambda each: each[0])
    said = f"{_name(effect)} is declared {say_weight(declared)} and acts like {say_weight(acts, significant=2)}"
    more = len(apart) - 1
    return f"{said}; {more} more {'type disagrees' if more == 1 else 'types disagree'}" if more else said


def _say_most(effects: Sequence[TypeEffect]) -> str:
    known = [(effect.effect.value, effect) for effect in effects if effect.effect.value is not None]
    if not known:
        return "What a wrong detail costs"
    value, first = max(known, key=lambda pair: pair[0])
    others = [effect.effect for _, effect in known if effect is not first]
    cost = f"{say_number(value, digits=choose_digits(effects))} {_say_interval(first.effect, effects)}".rstrip()
    if is_ignored(first) or is_reversed(first):
        return "No type of mistake is shown to cost any similarity"
    if others and not all(_is_above(first.effect, other) for other in others):
        return f"No type of mistake clearly costs most; highest: {_name(first)}, {cost} of cosine similarity"
    return f"A wrong {_name(first)} costs most: {cost} of cosine similarity"


def choose_digits(effects: Sequence[TypeEffect]) -> int:
    """Decimals that differences of this size need."""
    values = [abs(score.value) for effect in effects for score in (effect.effect,) if score.value is not None]
    return 3 if max(values, default=0.0) < FINE else 2


def _say_costless(effects: Sequence[TypeEffect]) -> str:
    """Types that bring documents closer, and types that make no difference that is more than chance."""
    nearer = [_name(effect) for effect in effects if is_reversed(effect)]
    ignored = [_name(effect) for effect in effects if is_ignored(effect)]
    said = [f"closer with the mistake than without: {_list_names(nearer)}"] if nearer else []
    said += [f"not shown to cost anything: {_list_names(ignored)}"] if 0 < len(ignored) < len(effects) else []
    text = "; ".join(said)
    return text[:1].upper() + text[1:]


def _list_names(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _name(effect: TypeEffect) -> str:
    return plain(effect.type, limit=30) or "(unnamed type)"


def _say_interval(score: Score, effects: Sequence[TypeEffect]) -> str:
    return say_interval(score, digits=choose_digits(effects))


def _is_above(score: Score, other: Score) -> bool:
    """Whether two intervals have nothing in common; without intervals nobody knows."""
    return score.low is not None and other.high is not None and score.low > other.high
