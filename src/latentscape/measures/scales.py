"""The published words for margin and separation, and the published checklist of a retriever ready for use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from latentscape.measures.gate import WORDS, Condition, set_condition
from latentscape.measures.score import Score

MARGIN_SCALE = ((0.40, "excellent"), (0.30, "good"), (0.20, "fair"), (0.10, "poor"))
SEPARATION_SCALE = ((3.0, "excellent"), (2.0, "good"), (1.5, "fair"), (1.0, "poor"))

READINESS: Mapping[str, float] = {
    "figures": 5,
    "positive_mean": 0.75,
    "negative_mean": 0.55,
    "margin": 0.25,
    "separation": 2.0,
    "hit_at_1": 0.85,
    "neighbor_recall": 0.40,
    "heatmap_diagonal": 0.85,
}
"""The checklist's thresholds, as in configs/readiness.yml, which says where each comes from."""
PUBLISHED_FIGURES = (
    "tsne_projection.png",
    "umap_projection.png",
    "similarity_heatmap.png",
    "similarity_distribution.png",
    "top_k_predictions.png",
)
"""The five pictures that the checklist asks for."""


def describe_margin(margin: float) -> str:
    """The published word for a margin: above 0.40 excellent, from 0.30 good, 0.20 fair, 0.10 poor, below that bad.

    A value on a bound takes the better word, except that excellent wants more than its bound.

    Source: the published evaluation of the retriever.

    >>> describe_margin(0.3713)
    'good'
    """
    return _choose_word(margin, MARGIN_SCALE)


def describe_separation(separation: float) -> str:
    """The published word for a separation: above 3.0 excellent, from 2.0 good, 1.5 fair, 1.0 poor, below that bad.

    A value on a bound takes the better word, except that excellent wants more than its bound.

    Source: the published evaluation of the retriever.

    >>> describe_separation(2.45)
    'good'
    """
    return _choose_word(separation, SEPARATION_SCALE)


def _choose_word(value: float, scale: Sequence[tuple[float, str]]) -> str:
    """The first word whose bound the value reaches; the best word wants more than its bound."""
    (best_bound, best), *others = scale
    if value > best_bound:
        return best
    return next((word for bound, word in others if value >= bound), "bad")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One line of the checklist: what was measured, what was asked for, and the verdict in a sentence."""

    name: str
    passed: bool | None
    """None where it could not be measured."""
    value: float | None
    threshold: float
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How one line of the checklist is judged and told."""

    subject: str
    form: str = ".4f"
    stands_for: str = ""
    """What the published checklist asks eyes to judge, where a number is measured in their place."""


RULES: Mapping[str, Rule] = {
    "figures": Rule(subject="The number of pictures written", form=".0f"),
    "positive_mean": Rule(subject="The mean similarity of right pairs"),
    "negative_mean": Rule(subject="The mean similarity of wrong pairs"),
    "margin": Rule(subject="The margin"),
    "separation": Rule(subject="The separation", form=".2f"),
    "hit_at_1": Rule(subject="The share of queries with a right document first", form=".1%"),
    "neighbor_recall": Rule(
        subject="The share of nearest neighbors that the best map keeps",
        form=".1%",
        stands_for="clear clusters in the maps",
    ),
    "heatmap_diagonal": Rule(
        subject="The share of heatmap rows that are brightest at a right document",
        form=".1%",
        stands_for="a bright diagonal",
    ),
}


def check_readiness(
    scores: Mapping[str, Score], *, thresholds: Mapping[str, float | str] = READINESS
) -> tuple[Check, ...]:
    """Judge a retriever by the published checklist, one check for each threshold, in the order of `READINESS`.

    | name | asked for |
    |---|---|
    | `figures` | at least 5 pictures written |
    | `positive_mean` | above 0.75 |
    | `negative_mean` | below 0.55 |
    | `margin` | above 0.25 |
    | `separation` | above 2.0 |
    | `hit_at_1` | above 85 % |
    | `neighbor_recall` | above 40 % on the best map: clusters on it are then the model's own |
    | `heatmap_diagonal` | above 85 % |

    The last two stand in for what the checklist leaves to the eye, clear clusters and a bright diagonal: their
    sentences say so, and their thresholds are ours. A check whose score is absent or None is neither passed nor failed.
    A threshold that is missing from `thresholds`, or from configs/readiness.yml, is not checked. A threshold written as
    text, such as `> 0.3`, says itself which way it asks, and may be set for any other score; these come last.

    Source: the published checklist of a retriever ready for use.

    Raises:
        UsageError: a number is given for a name that is not in this table, or a text that is no relation and number.
    """
    names = [*(name for name in RULES if name in thresholds), *(name for name in thresholds if name not in RULES)]
    return tuple(_check(set_condition(name, thresholds[name]), scores.get(name)) for name in names)


def _check(condition: Condition, score: Score | None) -> Check:
    """One line of the checklist."""
    name, threshold = condition.name, condition.threshold
    rule = RULES.get(name, Rule(subject=f"The score `{name}`"))
    if score is None or score.value is None:
        reason = score.reason if score else "no such score in this run"
        sentence = f"{rule.subject} was not measured: {reason}.{_explain(rule)}"
        return Check(name=name, passed=None, value=None, threshold=threshold, sentence=sentence)
    passed = condition.holds(score.value)
    verb = "is" if passed else "is not"
    bar = f"{threshold * 100:g}%" if rule.form.endswith("%") else f"{threshold:g}"
    sentence = f"{rule.subject}, {score.value:{rule.form}}, {verb} {WORDS[condition.relation]} {bar}."
    return Check(name=name, passed=passed, value=score.value, threshold=threshold, sentence=sentence + _explain(rule))


def _explain(rule: Rule) -> str:
    """The remark that a number stands in for eyes."""
    return f" It stands in for what only eyes can judge: {rule.stands_for}." if rule.stands_for else ""
