"""Numbers and findings as the pictures say them."""

from collections.abc import Mapping, Sequence

from latentscape.figures.render import plain
from latentscape.findings import DrawnMap, LayerFindings
from latentscape.maps.latent_map import LatentMap
from latentscape.measures.score import Score

METHOD_NAMES = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}


SETTINGS = ("perplexity", "n_neighbors", "min_dist", "metric", "seed", "iterations")
"""What a reader asks first about a map's settings; the rest follows in its own order."""


def say_number(value: float, *, digits: int = 2) -> str:
    """So many decimals and a real minus sign.

    >>> say_number(-0.714)
    '−0.71'
    """
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def say_interval(score: Score, *, digits: int = 2) -> str:
    """The score's 95 % interval in brackets; nothing where there is none."""
    if score.low is None or score.high is None:
        return ""
    return f"[{say_number(score.low, digits=digits)}, {say_number(score.high, digits=digits)}]"


def say_share(value: float) -> str:
    """A share as a percentage, with a decimal only where rounding would turn it into 0 % or 100 %.

    >>> say_share(0.62), say_share(0.998), say_share(1.0)
    ('62%', '99.8%', '100%')
    """
    percent = 100.0 * value
    return f"{percent:.1f}%" if 0 < percent < 1 or 99 < percent < 100 else f"{percent:.0f}%"


def say_count(n: int, noun: str) -> str:
    """A number and its noun.

    >>> say_count(1, "sample"), say_count(1480, "sample")
    ('1 sample', '1,480 samples')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def say_method(method: str) -> str:
    """The name of a map method as its authors write it."""
    return METHOD_NAMES.get(method, method)


def say_trust(drawn: DrawnMap) -> str:
    """How many samples a map shows and what share of true neighbors it keeps."""
    recall, n = drawn.trust.recall, f"n = {len(drawn.latent_map.xy):,}"
    if recall.value is None:
        return f"{n} · {plain(recall.reason, limit=60)}"
    return f"{n} · neighbor recall@{drawn.trust.k} {say_number(recall.value)} {say_interval(recall)}".rstrip()


def list_settings(latent_map: LatentMap) -> list[str]:
    """The settings really used, the well-known ones first.

    >>> import numpy as np
    >>> list_settings(LatentMap(xy=np.zeros((1, 2)), method="umap", parameters={"seed": 0, "min_dist": 0.1}))
    ['min dist 0.1', 'seed 0']
    """
    parameters = latent_map.parameters
    order = [*(name for name in SETTINGS if name in parameters), *(name for name in parameters if name not in SETTINGS)]
    return [f"{plain(name.replace('_', ' '))} {_say_setting(parameters[name])}" for name in order]


def _say_setting(value: float | int | str) -> str:
    if isinstance(value, str):
        return plain(value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def shows_relation(spearman: Score) -> bool:
    """Whether the interval of a rank correlation leaves zero out."""
    if spearman.low is None or spearman.high is None:
        return False
    return spearman.high < 0 or spearman.low > 0


def say_relation(spearman: Score) -> str:
    """Whether the distance between classes goes with their confusion in one layer."""
    if spearman.value is None:
        return "distance and confusion can't be compared"
    rho = f"ρ = {say_number(spearman.value)}"
    if not shows_relation(spearman):
        return f"no detectable link of distance and confusion ({rho})"
    return f"closer classes are confused {'more' if spearman.value < 0 else 'less'} ({rho})"


def say_certainty(spearman: Score) -> str:
    """How sure a layer's rank correlation is, or why it does not exist."""
    if spearman.value is None:
        return plain(spearman.reason, limit=120)
    pairs = say_count(spearman.n, "class pair")
    return f"ρ over {pairs}, 95% interval {say_interval(spearman)}" if say_interval(spearman) else f"ρ over {pairs}"


def say_strongest_relation(layers: Sequence[LayerFindings]) -> str:
    """In which layers closer classes are confused more, and where most; empty where no layer could be measured."""
    scores = [(plain(layer.title), layer.confusion.spearman) for layer in layers]
    measured = [(name, score, score.value) for name, score in scores if score.value is not None]
    closer = [(value, name) for name, score, value in measured if value < 0 and shows_relation(score)]
    if not measured:
        return ""
    if not closer:
        return "No layer shows that closer classes are confused more"
    value, name = min(closer, key=lambda pair: pair[0])
    most = "" if len(closer) == 1 else f"{len(closer)} of {len(layers)} layers, most in "
    return f"Closer classes are confused more in {most}{name} (ρ = {say_number(value)})"


def say_accuracy(scores: Mapping[str, Score]) -> str:
    """How often the model is right, held against always guessing the largest class; empty where it was not measured."""
    accuracy, chance = scores.get("accuracy"), scores.get("chance_accuracy")
    if accuracy is None or accuracy.value is None:
        return ""
    right = f"{say_share(accuracy.value)} of {say_count(accuracy.n, 'sample')} predicted right"
    if chance is None or chance.value is None:
        return right
    if accuracy.low is not None and accuracy.low > chance.value:
        return f"{right}, where always guessing the largest class gives {say_share(chance.value)}"
    return f"{right}: not reliably better than always guessing the largest class ({say_share(chance.value)})"
