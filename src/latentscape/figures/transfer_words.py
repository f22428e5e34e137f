"""What carries over from one dataset to another, in words that the intervals carry."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from latentscape.figures.render import plain, plain_names
from latentscape.figures.words import say_number
from latentscape.findings import LatentsFindings, LayerFindings
from latentscape.measures.score import Score
from latentscape.measures.transfer import Transfer

ALPHA = 0.05
READERS = ("linear", "centroid")
FALLBACK = "What carries over between the datasets can't be measured here"


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What one reader loses when it is trained on another dataset than it is tested on."""

    layer: str
    train: int
    test: int
    score: Score
    value: float
    p_value: float | None


def say_transfer(findings: LatentsFindings) -> str:
    """Where accuracy is lost from dataset to dataset, and how often what carries over is beyond chance.

    The linear reader's word counts, or the other's where it was not used. A loss is claimed when its interval leaves
    out 0 and its p stays below 5 % after it is multiplied by the number of losses measured (Bonferroni), those included
    where nothing is read: to be read by luck is to lose by luck.
    """
    names = plain_names(findings.dataset_names)
    layers = [(layer, find_transfer(layer)) for layer in findings.layers]
    losses = [loss for layer, transfer in layers for loss in list_losses(layer, transfer)]
    n = sum(loss.value is not None for _, each in layers if each is not None for loss in each.losses.values())
    sure = [loss for loss in losses if _is_sure(loss, n=n)]
    carried = _say_carried([transfer for _, transfer in layers if transfer is not None])
    if not sure:
        missed = (
            f"No loss between datasets is certain in {'any layer' if len(layers) > 1 else losses[0].layer}"
            if losses
            else ""
        )
        found = "; ".join(filter(None, (missed, carried))) or FALLBACK
        return found[0].upper() + found[1:]
    worst = max(sure, key=lambda loss: loss.value)
    where = f"{names[worst.train]} to {names[worst.test]}, {worst.layer}"
    found = f"Training on another dataset costs accuracy in {len(sure)} of {len(losses)} readings"
    found += f", up to {say_points(worst.score)} ({where})"
    return "; ".join(filter(None, (found, carried)))


def find_transfer(layer: LayerFindings) -> Transfer | None:
    """The linear reader's, or else the other's."""
    ranked = sorted(layer.transfers, key=lambda transfer: READERS.index(transfer.reader))
    return ranked[0] if ranked else None


def list_losses(layer: LayerFindings, transfer: Transfer | None) -> list[Loss]:
    """All losses of one reader in one layer that could be measured, where there is something to lose."""
    if transfer is None:
        return []
    name, p_values = plain(layer.title), transfer.loss_p_values
    return [
        Loss(layer=name, train=a, test=b, score=score, value=score.value, p_value=p_values.get((a, b)))
        for (a, b), score in transfer.losses.items()
        if score.value is not None and beats_chance(transfer, (b, b))
    ]


def say_largest_loss(layer: LayerFindings, names: Sequence[str]) -> str:
    """One layer's largest loss with its interval."""
    transfer = find_transfer(layer)
    losses = list_losses(layer, transfer)
    if not losses:
        known = transfer is not None and any(loss.value is not None for loss in transfer.losses.values())
        return "nothing to lose: classes are not reliably read within a dataset either" if known else ""
    worst = max(losses, key=lambda loss: loss.value)
    if worst.value <= 0:
        return "no loss between datasets was measured"
    return f"largest loss: {say_points(worst.score)}, {names[worst.train]} → {names[worst.test]}"


def beats_chance(transfer: Transfer, cell: tuple[int, int]) -> bool:
    """Whether the whole interval is above the largest class's share and permuted labels do worse."""
    score, p_value = transfer.scores.get(cell), transfer.p_values.get(cell)
    if score is None or score.low is None or p_value is None:
        return False
    return p_value <= ALPHA and score.low > transfer.chance[cell]


def is_lost(transfer: Transfer, cell: tuple[int, int]) -> bool:
    """Whether there is something to lose, and the interval of the loss leaves out 0."""
    loss = transfer.losses.get(cell)
    return loss is not None and loss.low is not None and loss.low > 0 and beats_chance(transfer, (cell[1], cell[1]))


def say_points(score: Score) -> str:
    """A share as percentage points with its interval.

    >>> say_points(Score(name="loss", value=0.21, n=100, low=0.1, high=0.3))
    '21 points [10, 30]'
    """
    if score.value is None:
        return ""
    number = _points(score.value)
    value = f"{number} point{'' if number == '1' else 's'}"
    if score.low is None or score.high is None:
        return value
    return f"{value} [{_points(score.low)}, {_points(score.high)}]"


def _points(share: float) -> str:
    return say_number(100 * share, digits=0)


def _is_sure(loss: Loss, *, n: int) -> bool:
    low, p_value = loss.score.low, loss.p_value
    return low is not None and low > 0 and p_value is not None and p_value * n <= ALPHA


def _say_carried(transfers: Sequence[Transfer]) -> str:
    """How many cells off the diagonal beat chance, if more do than luck gives: two deviations above 5 % of them."""
    cells = [
        beats_chance(transfer, cell)
        for transfer in transfers
        for cell, score in transfer.scores.items()
        if cell[0] != cell[1] and score.value is not None
    ]
    if not cells:
        return ""
    if sum(cells) <= ALPHA * len(cells) + 2 * math.sqrt(ALPHA * (1 - ALPHA) * len(cells)):
        return "what one dataset teaches does not reliably beat chance on another"
    return f"what carries over beats chance in {f'all {len(cells)}' if all(cells) else f'{sum(cells)} of {len(cells)}'}"
