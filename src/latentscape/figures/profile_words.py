"""What the layers tell of class, dataset and speaker, in words that the intervals carry."""

from collections.abc import Sequence

from latentscape.figures.render import plain
from latentscape.figures.words import say_share
from latentscape.findings import LayerFindings
from latentscape.measures.readout import Reader, Readout, Target
from latentscape.measures.score import Score

READERS: tuple[Reader, Reader] = ("linear", "knn")
ALPHA = 0.05
FALLBACK = "What can be read from each layer"

Read = tuple[str, Readout, float]
"""A layer's name, what was read from it, and the accuracy."""


def say_profile(layers: Sequence[LayerFindings], *, group: str = "speaker") -> str:
    """Where the class is read best, and whether the dataset, or else the speaker, can be read as well.

    `group` is what the samples call those they come from.
    """
    leak = say_leak(layers, "dataset", group=group) or say_leak(layers, "speaker", group=group)
    sentence = "; ".join(part for part in (say_class(layers, group=group), leak) if part)
    return sentence[0].upper() + sentence[1:] if sentence else FALLBACK


def say_class(layers: Sequence[LayerFindings], *, group: str = "speaker") -> str:
    """The layer from which the class is read best, and how clearly; empty where nothing was measured."""
    measured = list_measured(layers, "class")
    best = find_best(measured)
    if best is None:
        return _say_unread(measured, "the class")
    name, readout, value = best
    shared = "" if readout.grouped else f"; folds share {group}s"
    number = f"({say_share(value)}, chance {say_share(readout.chance)}{shared})"
    if len(measured) == 1:
        return f"the class is read from {name} {number}"
    return f"the class is read best in {name} {number}{_say_rivals(best, measured)}"


def say_leak(layers: Sequence[LayerFindings], target: Target, *, group: str = "speaker") -> str:
    """In which layers a thing can be read that the class should not depend on; empty where nothing was measured."""
    measured = list_measured(layers, target)
    read = [each for each in measured if is_read(each[1])]
    voices = target == "dataset" and not all(readout.grouped for _, readout, _ in measured)
    whose = "voices" if group == "speaker" else f"{group}s"
    what = f"the {target} (or its {whose})" if voices else f"the {name_target(target, group)}"
    if not read:
        return _say_unread(measured, what)
    chance = f"chance {say_share(read[0][1].chance)}"
    if len(read) == 1 or len(read) < len(measured):
        name, _, value = max(read, key=lambda each: each[2])
        most = "" if len(read) == 1 else f"{len(read)} of {len(measured)} layers, most in "
        return f"{what} is readable in {most}{name} ({say_share(value)}, {chance})"
    (first, from_readout, start), (last, to_readout, end) = read[0], read[-1]
    still = "still " if is_below(to_readout.score, from_readout.score) else ""
    every = "both layers" if len(read) == 2 else "every layer"
    return f"{what} is readable in {every}, {say_share(start)} in {first}, {still}{say_share(end)} in {last} ({chance})"


def say_class_read(layer: LayerFindings) -> str:
    """How well the class is read from one layer; empty where that was not measured, or is no better than chance."""
    measured = list_measured([layer], "class")
    if not measured or not is_read(measured[0][1]):
        return ""
    _, readout, value = measured[0]
    right = f"{say_share(value)} {say_share_interval(readout.score)}".rstrip()
    return f"its class is read right for {right} of samples, chance {say_share(readout.chance)}"


def name_target(target: str, group: str) -> str:
    """What is read, in the samples' own word for those they come from."""
    return group if target == "speaker" else target


def list_measured(layers: Sequence[LayerFindings], target: Target) -> list[Read]:
    """The layers where the target was read: by the linear reader, or where that read none by nearest neighbors."""
    for reader in READERS:
        found = [(plain(layer.title), layer.readouts.get((target, reader))) for layer in layers]
        known = [(n, each, each.score.value) for n, each in found if each is not None and each.score.value is not None]
        if known:
            return known
    return []


def find_best(measured: Sequence[Read]) -> Read | None:
    """The layer with the highest accuracy among those that read the target at all."""
    return max((each for each in measured if is_read(each[1])), key=lambda each: each[2], default=None)


def is_read(readout: Readout) -> bool:
    """Whether the whole interval lies above what permuted targets and the largest class give."""
    low, null, p_value = readout.score.low, readout.null, readout.p_value
    if low is None or null is None or p_value is None:
        return False
    return p_value <= ALPHA and low > max(null[1], readout.chance)


def say_best(layers: Sequence[LayerFindings], target: Target, *, group: str = "speaker") -> tuple[str, str]:
    """A panel's finding, and how many samples and layers it rests on."""
    measured = list_measured(layers, target)
    if not measured:
        return "Not measured", ""
    n = f"n = {max(readout.score.n for _, readout, _ in measured):,}"
    read, best = sum(is_read(readout) for _, readout, _ in measured), find_best(measured)
    if best is None:
        can = any(readout.p_value is not None for _, readout, _ in measured)
        return ("Not reliably read beyond chance" if can else f"Too few {group}s to tell it from chance"), n
    name, readout, value = best
    number = f"{say_share(value)} {say_share_interval(readout.score)}"
    if len(measured) == 1:
        return f"{number} in {name}", f"{n} · beyond chance"
    return f"Highest: {number} in {name}", f"{n} · beyond chance in {read} of {len(measured)} layers"


def say_share_interval(score: Score) -> str:
    """The 95 % interval of a share in brackets; nothing where there is none.

    >>> say_share_interval(Score(name="accuracy", value=0.5, n=100, low=0.4, high=0.6))
    '[40%, 60%]'
    """
    if score.low is None or score.high is None:
        return ""
    return f"[{say_share(score.low)}, {say_share(score.high)}]"


def _say_unread(measured: Sequence[Read], what: str) -> str:
    """Nothing was read: because chance explains it, or because nobody could tell."""
    if not measured:
        return ""
    if all(readout.p_value is None for _, readout, _ in measured):
        return f"whether {what} can be read beyond chance could not be tested"
    return f"{what} is not reliably read beyond chance in {'any layer' if len(measured) > 1 else measured[0][0]}"


def _say_rivals(best: Read, measured: Sequence[Read]) -> str:
    """The layers that the intervals can't tell from the best one."""
    rivals = [
        name for name, readout, _ in measured if readout is not best[1] and not is_below(readout.score, best[1].score)
    ]
    if not rivals:
        return ""
    if len(rivals) == 1:
        return f", not clearly better than in {rivals[0]}"
    others = "any other layer" if len(rivals) == len(measured) - 1 else f"{len(rivals)} others"
    return f", not clearly better than in {others}"


def is_below(lower: Score, upper: Score) -> bool:
    """Whether two 95 % intervals lie apart in this order."""
    return lower.high is not None and upper.low is not None and lower.high < upper.low
