"""Does what was learned on one dataset hold on another, and do the datasets put a class in the same place?"""

from collections.abc import Sequence

from latentscape.figures.drift_panel import MOST_NAMES, MOST_PAIRS, draw_drifts, list_pairs, plan_drifts
from latentscape.figures.headline import MARGIN, line_height, text_font, wrap_text, write_text
from latentscape.figures.inches import open_figure
from latentscape.figures.render import plain
from latentscape.figures.shown_layers import choose_evenly
from latentscape.figures.style import Style, ThemedFigure, themed
from latentscape.figures.transfer_matrix import DOWN, Plan, draw_transfers, plan_matrices
from latentscape.figures.transfer_words import say_transfer
from latentscape.findings import LatentsFindings, LayerFindings

MATRICES = (
    "Each cell: accuracy of a reader trained on the row's dataset and tested on the column's, on the classes of both; "
    "bluer is farther above always answering the most frequent class (chance), gray figures are not reliably above it. "
    "On the diagonal: cross-validated."
)
LOSS = f"{DOWN} points lost against training on the tested dataset itself, where the interval leaves out 0."
DRIFTS = (
    "Below: distance of a class's centroids in two datasets, in units of its spread within one, chance subtracted; "
    "hollow: may be chance (p > 0.05)."
)
WIDEST, BLOCK_GAP, ROW_GAP, PART_GAP, NOTE_GAP = 15.0, 0.5, 0.3, 0.05, 0.1


def draw_generalization(findings: LatentsFindings, style: Style) -> ThemedFigure | None:
    """A train-by-test matrix for each layer and reader, then the drift of every class; None with a single dataset.

    Of many layers some have matrices; the drift is that of all.
    """
    layers = [layer for layer in findings.layers if layer.transfers]
    drifts = any(layer.drifts for layer in findings.layers)
    if len(findings.dataset_names) < 2 or not (layers or drifts):
        return None
    with themed(style):
        matrices, shown = plan_matrices(findings.dataset_names), [layers[i] for i in choose_evenly(len(layers))]
        columns = _count_columns(len(shown), matrices)
        width = max(columns * (matrices.width + BLOCK_GAP) - BLOCK_GAP, 8.0)
        below = plan_drifts(findings, room=width)
        width = max(width, below.width)
        notes = _list_notes(layers, findings, width=width)
        upper = -(-len(shown) // columns) * (matrices.height + ROW_GAP) + PART_GAP * drifts
        noted = len(notes) * line_height(text_font(8.0)) + NOTE_GAP if notes else 0.0
        figure, top = open_figure(
            style, say_transfer(findings), subtitle=_subtitle(layers, len(shown), matrices, drifts=drifts),
            stamps=findings.model.stamps, width=2 * MARGIN + width, below=upper + below.height + noted,
        )  # fmt: skip
        for i, layer in enumerate(shown):
            left = MARGIN + i % columns * (matrices.width + BLOCK_GAP)
            draw_transfers(
                figure, layer, plan=matrices, left=left, top=top + i // columns * (matrices.height + ROW_GAP)
            )
        draw_drifts(figure, findings, plan=below, left=MARGIN, top=top + upper)
        _write_notes(figure, notes, top=top + upper + below.height + NOTE_GAP)
    return figure


def _count_columns(n: int, plan: Plan) -> int:
    """Layers beside each other."""
    fitting = max(int((WIDEST + BLOCK_GAP) // (plan.width + BLOCK_GAP)), 1)
    return max(min(fitting, {4: 2}.get(n, 3), n), 1)


def _subtitle(layers: Sequence[LayerFindings], n_shown: int, plan: Plan, *, drifts: bool) -> str:
    sentences = [MATRICES] if layers else []
    sentences += [LOSS] if layers and plan.detailed else []
    if n_shown < len(layers):
        sentences.append(
            f"Of {len(layers)} layers {n_shown} have matrices, at even steps and the last two; the title counts all."
        )
    return " ".join([*sentences, *([DRIFTS] if drifts else [])])


def _list_notes(layers: Sequence[LayerFindings], findings: LatentsFindings, *, width: float) -> list[str]:
    """What could not be measured, and what is not named."""
    cells = [score for layer in layers for transfer in layer.transfers for score in transfer.scores.values()]
    drifts = [drift.score for layer in findings.layers for drift in layer.drifts]
    lines = []
    for what, scores in (("cells", cells), ("drifts", drifts)):
        reasons = [score.reason for score in scores if score.value is None]
        if reasons:
            lines.append(f"{len(reasons):,} of {len(scores):,} {what} not measured: {plain(reasons[0], limit=140)}.")
    n_classes = len({drift.label for layer in findings.layers for drift in layer.drifts})
    if n_classes > MOST_NAMES:
        lines.append(f"Of {n_classes} classes the {MOST_NAMES} with the largest drift in the last layer are named.")
    n_pairs = len(list_pairs(findings))
    if n_pairs > MOST_PAIRS:
        lines.append(
            f"Of {n_pairs} pairs of datasets the {MOST_PAIRS} with the largest drift in the last layer are shown."
        )
    return [line for each in lines for line in wrap_text(each, text_font(8.0), width=width)]


def _write_notes(figure: ThemedFigure, notes: Sequence[str], *, top: float) -> None:
    font = text_font(8.0)
    for i, note in enumerate(notes):
        write_text(
            figure, note, left=MARGIN, top=top + i * line_height(font), font=font, color=figure.style.theme.muted
        )
