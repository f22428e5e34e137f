"""The queries and defects that the embeddings report names, and the rows of queries.csv and defects.csv."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Float

from latentscape.datasets.pair_defects import DEFECTS, Defect
from latentscape.figures.render import cut
from latentscape.findings import EmbeddingsFindings
from latentscape.pages.report import Cell, Paragraph, Table
from latentscape.pages.words import count
from latentscape.retrieval_improvements import name_query

MOST_QUERIES = 15
MOST_LETTERS = 160
Row = dict[str, str | int | float | None]


def tabulate_queries(findings: EmbeddingsFindings) -> dict[str, list[str | int | float | None]]:
    """The columns of queries.csv: a row a query, the worst first.

    Worst is the largest rank of the best right document, then how much closer a wrong one is. Numbers of queries and
    documents are those of samples.parquet; attributes follow, each under its name.
    """
    right, order = _find_best_cosines(findings), _order_queries(findings)
    rows = [{**_describe_query(findings, row, right), **_list_attributes(findings, row)} for row in order]
    return {column: [row[column] for row in rows] for column in rows[0]} if rows else {}


def _order_queries(findings: EmbeddingsFindings) -> list[int]:
    """Queries without any right document last."""
    ranks, first = findings.ranking.best_rank, findings.ranking.top_similarity[:, 0]
    lead = np.nan_to_num(first - _find_best_cosines(findings), nan=-3.0)
    return np.lexsort((np.arange(len(ranks)), -lead, -ranks)).tolist()


def _describe_query(findings: EmbeddingsFindings, row: int, right: Float[np.ndarray, " query"]) -> Row:
    ranking, rank = findings.ranking, int(findings.ranking.best_rank[row])
    first = int(ranking.top[row, 0])
    return {
        "query_id": name_query(row),
        "query": findings.queries[row],
        "best_rank": rank or None,
        "best_rank_without_hard": int(ranking.best_rank_without_hard[row]) or None,
        "average_precision": _keep_finite(ranking.average_precision[row]),
        "ndcg_at_10": _keep_finite(ranking.ndcg[row]),
        "n_right": len(findings.relevant[row]),
        "n_hard": len(findings.hard_negatives[row]),
        "right_similarity": _keep_finite(right[row]),
        "first_document_id": f"document {first}" if first >= 0 else None,
        "first_document": findings.documents[first] if first >= 0 else None,
        "first_similarity": float(ranking.top_similarity[row, 0]) if first >= 0 else None,
        "first_is_right": int(bool(ranking.top_right[row, 0])) if first >= 0 else None,
        "first_is_wrong_in": _explain(findings, row, first),
    }


def _keep_finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _find_types(findings: EmbeddingsFindings, row: int, document: int) -> tuple[str, ...]:
    """What the file says is wrong with a document; empty where it says nothing."""
    if not findings.hard_types:
        return ()
    pairs = zip(findings.hard_negatives[row].tolist(), findings.hard_types[row], strict=True)
    return next((types for number, types in pairs if number == document), ())


def _find_best_cosines(findings: EmbeddingsFindings) -> Float[np.ndarray, " query"]:
    """The cosine of each query's most similar right document; NaN where there is none."""
    sizes = np.array([len(each) for each in findings.relevant], dtype=np.int64)
    best = np.full(len(sizes), np.nan)
    if sizes.sum() == len(findings.similarities.positives):
        np.fmax.at(best, np.repeat(np.arange(len(sizes)), sizes), findings.similarities.positives)
    return best


def _list_attributes(findings: EmbeddingsFindings, row: int) -> Row:
    """The values of a query's attributes; None where one is not known."""
    found: Row = {}
    for each in findings.attributes:
        value = float(each.queries[row])
        known = None if np.isnan(value) else value
        is_name = each.kind == "category" and known is not None
        found[f"attribute_{each.name}"] = each.values[int(known)] if is_name and known is not None else known
    return found


def tabulate_worst(findings: EmbeddingsFindings) -> Iterable[Table]:
    """The queries whose right documents rank lowest, with what comes first and what is wrong with that."""
    ranks = findings.ranking.best_rank
    worst = [row for row in _order_queries(findings) if ranks[row] > 1]
    if not worst:
        return
    shown, right = worst[:MOST_QUERIES], _find_best_cosines(findings)
    more = f" All {len(worst):,} are in queries.csv." if len(worst) > len(shown) else ""
    yield Table(
        header=("Query", "Comes first", "Best right document", "What is wrong with the first"),
        rows=tuple(_worst_row(findings, row, right=right) for row in shown),
        note=f"Below each document its rank and its cosine with the query.{more}",
    )


def _worst_row(findings: EmbeddingsFindings, row: int, *, right: Float[np.ndarray, " query"]) -> tuple[str | Cell, ...]:
    ranking, first = findings.ranking, int(findings.ranking.top[row, 0])
    n_right = len(findings.relevant[row])
    own = findings.documents[int(findings.relevant[row][0])] if n_right == 1 else f"the best of {n_right} right ones"
    return (
        Cell(text=cut(findings.queries[row], limit=MOST_LETTERS), notes=(name_query(row),)),
        _tell_document(findings.documents[first] if first >= 0 else "", 1, cosine=ranking.top_similarity[row, 0]),
        _tell_document(own, int(ranking.best_rank[row]), cosine=right[row]),
        _explain(findings, row, first),
    )


def _tell_document(text: str, rank: int, *, cosine: float) -> Cell:
    known = f", cosine {cosine:.3f}" if np.isfinite(cosine) else ""
    return Cell(text=cut(text, limit=MOST_LETTERS), notes=(f"rank {rank:,}{known}",))


def _explain(findings: EmbeddingsFindings, row: int, document: int) -> str:
    """Why the first document is wrong, where anybody knows."""
    if findings.first_wrong:
        return findings.first_wrong[row]
    types = _find_types(findings, row, document)
    return f"declared: {', '.join(types)}" if types else ""


def tabulate_defects(findings: EmbeddingsFindings) -> dict[str, list[str]]:
    """The columns of defects.csv: a row a defect, in the order they were found."""
    found = findings.defects
    return {
        "kind": [each.kind for each in found],
        "where": [each.where for each in found],
        "text": [each.text for each in found],
        "other": [each.other for each in found],
        "meaning": [DEFECTS.get(each.kind, "") for each in found],
    }


def tell_defects(findings: EmbeddingsFindings) -> Iterable[Paragraph | Table]:
    """How many defects of each kind, what was done about them, and the first of each."""
    counts = {kind: n for kind, n in findings.defect_counts.items() if n}
    if not counts:
        yield Paragraph(text="No defect was found.")
        return
    firsts = {each.kind: each for each in reversed(findings.defects)}
    yield Paragraph(
        text=f"{count(sum(counts.values()), 'finding')} of {count(len(counts), 'kind')} in the file"
        f"{'; defects.csv lists each with its row' if findings.defects else ''}."
    )
    yield Table(
        header=("What", "What it is, and what was done", "The first"),
        rows=tuple(
            (
                Cell(text=kind.replace("_", " "), notes=(f"{n:,} found",)),
                DEFECTS.get(kind, ""),
                _tell_first(firsts.get(kind)),
            )
            for kind, n in counts.items()
        ),
    )


def _tell_first(defect: Defect | None) -> str | Cell:
    if defect is None:
        return ""
    equals = f" ({cut(defect.other, limit=60)})" if defect.other else ""
    return Cell(text=cut(defect.text, limit=80), notes=(f"{defect.where}{equals}",))
