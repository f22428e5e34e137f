"""What the pictures can't write because no installed font has the letters: spelled out in the report, and counted."""

from collections.abc import Sequence
from itertools import chain

from latentscape.comparison_findings import ComparisonFindings
from latentscape.figures.render import find_undrawable, tidy
from latentscape.findings import EmbeddingsFindings, LatentsFindings, MapFindings
from latentscape.pages.report import Table
from latentscape.pages.words import count

MOST_ROWS = 100
MOST_CODES = 4
"""Letters whose code points are written beside them: a browser may lack the font as well."""
LONGEST = 200
HEADING = "Letters the pictures can't write"
HINT = "install a font that has them, e.g. Noto Sans CJK, and draw again"

Findings = LatentsFindings | EmbeddingsFindings | ComparisonFindings | MapFindings


def tabulate_spelled(findings: Findings) -> list[Table]:
    """The id of each piece of text that the pictures could not write, and the text; nothing where they can."""
    spelled = list(find_undrawable(list_texts(findings)).items())
    if not spelled:
        return []
    more = f" The first {MOST_ROWS} are listed." if len(spelled) > MOST_ROWS else ""
    return [
        Table(
            title=HEADING,
            header=("On the pictures", "Text"),
            rows=tuple((name, _spell_out(letters)) for name, letters in spelled[:MOST_ROWS]),
            note=f"{_say_count(len(spelled))}: an id stands in {'its' if len(spelled) == 1 else 'their'} place. "
            f"To see the letters, {HINT}.{more}",
        )
    ]


def warn_of_spelled(findings: Findings) -> list[str]:
    """One sentence for the terminal; none where the pictures can write everything."""
    n = len(find_undrawable(list_texts(findings)))
    return [f"{_say_count(n)}, shown as ids on the pictures: {HINT}"] if n else []


def list_spelled(findings: Findings) -> list[str]:
    """The same as lines for the foot of a page that has no tables."""
    spelled = find_undrawable(list_texts(findings))
    rows = [f"{name} on the pictures is {_spell_out(letters)}" for name, letters in list(spelled.items())[:MOST_ROWS]]
    return [*(f"{sentence}." for sentence in warn_of_spelled(findings)), *rows]


def _say_count(n: int) -> str:
    return f"{count(n, 'piece')} of text {'has' if n == 1 else 'have'} letters that no installed font can draw"


def _spell_out(letters: str) -> str:
    """The letters, few of them with their code points."""
    codes = " ".join(f"U+{ord(letter):04X}" for letter in letters)
    shown = tidy(letters, limit=LONGEST)
    return f"{shown} ({codes})" if len(letters) <= MOST_CODES else shown


def list_texts(findings: Findings) -> Sequence[str]:
    """Every text of the user's that a picture may write, those that are surely on one first."""
    if isinstance(findings, LatentsFindings):
        return _list_latents(findings)
    if isinstance(findings, EmbeddingsFindings):
        return _list_embeddings(findings)
    if isinstance(findings, ComparisonFindings):
        return _list_comparison(findings)
    columns = [findings.source, findings.label_column, findings.shape_column]
    return [*columns, *findings.label_names, *findings.shape_names]


def _list_latents(findings: LatentsFindings) -> list[str]:
    layers = [layer.layer for layer in findings.layers]
    return [*findings.class_names, *findings.dataset_names, *layers, *findings.model.stamps]


def _list_embeddings(findings: EmbeddingsFindings) -> list[str]:
    """Names, then the texts on the heatmap, then all others: which of them the examples show, the examples choose."""
    types = chain.from_iterable(chain.from_iterable(findings.hard_types))
    names = [findings.heatmap_attribute, *findings.heatmap_groups, *findings.weights, *dict.fromkeys(types)]
    for attribute in findings.attributes:
        names += [attribute.name, *attribute.values]
    for group in findings.groups:
        names += [group.attribute, *(each.value for each in group.groups)]
    shown = [findings.queries[int(row)] for row in findings.heatmap_queries]
    return [*names, *findings.model.stamps, *shown, *findings.queries, *findings.documents]


def _list_comparison(findings: ComparisonFindings) -> list[str]:
    subject = findings.subject
    names = [checkpoint.name for checkpoint in findings.checkpoints]
    layers = [layer.name for layer in findings.layers]
    groups = chain.from_iterable((name, *dict.fromkeys(values)) for name, values in subject.groups.items())
    stamps = chain.from_iterable(checkpoint.model.stamps for checkpoint in findings.checkpoints)
    return [*names, *subject.kind_names, *subject.shape_names, *layers, *groups, *stamps]
