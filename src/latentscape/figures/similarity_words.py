"""Where the layers change what they compute, in words that the intervals carry."""

from itertools import pairwise

from latentscape.figures.profile_words import is_below
from latentscape.figures.render import plain
from latentscape.figures.words import say_interval, say_number
from latentscape.findings import title_layer
from latentscape.measures.layer_similarity import LayerSimilarity
from latentscape.measures.score import Score

FALLBACK = "How alike the layers are"

Step = tuple[str, str, Score, float]
"""A layer, the next one, how alike they are, and the number of it."""


def say_similarity(similarity: LayerSimilarity) -> str:
    """The step between neighboring layers that changes the geometry most, if one does clearly."""
    steps, n_steps = _list_steps(similarity), len(similarity.layers) - 1
    if not steps or len(steps) == 1 < n_steps:
        return FALLBACK
    first, second, score, value = min(steps, key=lambda step: step[3])
    if n_steps == 1:
        return f"{first} and {second}: CKA {_say(score, value)}{_say_overlap(similarity)}"
    if all(is_below(score, other) for _, _, other, _ in steps if other is not score):
        return f"The geometry changes most from {first} to {second} (CKA {_say(score, value)})"
    return f"No step between layers stands out: lowest CKA {_say(score, value)}, from {first} to {second}"


def _list_steps(similarity: LayerSimilarity) -> list[Step]:
    names = [plain(title_layer(name)) for name in similarity.layers]
    found = [(names[i], names[j], similarity.cka.get((i, j))) for i, j in pairwise(range(len(names)))]
    return [(a, b, score, score.value) for a, b, score in found if score is not None and score.value is not None]


def _say(score: Score, value: float) -> str:
    return f"{say_number(value)} {say_interval(score)}".rstrip()


def _say_overlap(similarity: LayerSimilarity) -> str:
    """Of the only pair."""
    score = similarity.overlap.get((0, 1))
    if score is None or score.value is None:
        return ""
    return f", {_say(score, score.value)} of neighbors in common"
