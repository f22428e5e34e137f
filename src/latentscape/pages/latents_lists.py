"""The samples that the latents report names: mistakes and suspects."""

from collections.abc import Iterable, Sequence

from latentscape.figures.words import say_share
from latentscape.findings import LatentsFindings
from latentscape.measures.suspects import Suspect
from latentscape.pages.report import Cell, Table
from latentscape.pages.words import count

MOST_MISTAKES = 15
MOST_SUSPECTS = 20
SUSPECT_KINDS = {
    "conflicting_copies": "Copies with different labels",
    "leaking_copies": "Copies on both sides of the split",
    "copies": "Copies",
    "near_copies": "Near copies",
    "label": "Label in doubt",
    "outlier": "Outlier",
}


def tabulate_mistakes(findings: LatentsFindings) -> Iterable[Table]:
    """The mistakes of which the model was surest."""
    rows = [int(row) for row in findings.mistakes[:MOST_MISTAKES]]
    if rows:
        names, sure = findings.class_names, findings.probabilities.max(axis=1)
        yield Table(
            header=("Sample", "Filed under", "Model says", "At"),
            rows=tuple(
                (
                    findings.ids[row],
                    names[findings.labels[row]],
                    names[findings.predictions[row]],
                    say_share(float(sure[row])),
                )
                for row in rows
            ),
        )


def tabulate_suspects(findings: LatentsFindings) -> Iterable[Table]:
    """The first suspects, with where they stand and what speaks against them."""
    rows = tuple(_suspect_row(suspect, findings.class_names) for suspect in findings.suspects[:MOST_SUSPECTS])
    if rows:
        more = len(findings.suspects) - len(rows)
        yield Table(
            header=("Sample and evidence", "Why", "Side of the split", "Filed under", "Suggested"),
            rows=rows,
            note=f"The first {len(rows)}; {count(more, 'more is', 'more are')} in suspects.csv." if more > 0 else "",
        )


def _suspect_row(suspect: Suspect, class_names: Sequence[str]) -> tuple[str | Cell, ...]:
    filed = [class_names[label] if label >= 0 else "unknown" for label in suspect.labels]
    return (
        Cell(text=_list_few(suspect.ids), notes=(suspect.reason,) if suspect.reason else ()),
        SUSPECT_KINDS.get(suspect.kind, suspect.kind),
        ", ".join(dict.fromkeys(map(say_split, suspect.splits))),
        ", ".join(dict.fromkeys(filed)),
        class_names[suspect.suggested] if suspect.suggested >= 0 else "",
    )


def say_split(split: str) -> str:
    """The side of the split; what the model was trained on is said to be."""
    return "trained on" if split == "train" else split


def _list_few(ids: Sequence[str]) -> str:
    return ", ".join(ids) if len(ids) <= 4 else f"{', '.join(ids[:3])} and {len(ids) - 3:,} more"
