"""What a study found, as the few lines a terminal shows."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from latentscape.figures.profile_words import name_target
from latentscape.figures.rank_words import say_easier
from latentscape.figures.receipt_words import IN_MEMORY, list_receipt
from latentscape.figures.render import tidy
from latentscape.figures.sample_words import name_groups, words_of
from latentscape.findings import Accounting, DrawnMap, EmbeddingsFindings, LatentsFindings, MapFindings, ModelCard
from latentscape.measures.faithfulness import WEAK_BELOW
from latentscape.measures.readout import Target
from latentscape.measures.scales import describe_margin, describe_separation
from latentscape.measures.score import Score
from latentscape.pages import embeddings_improve
from latentscape.pages.latents_conclusion import label_recalls
from latentscape.pages.latents_improve import list_advice, list_withheld
from latentscape.pages.report import Advice
from latentscape.pages.spelled import warn_of_spelled

MOST_FAILED = 10
"""Failed samples listed one by one."""
METHOD_NAMES = {"tsne": "t-SNE", "umap": "UMAP", "pca": "PCA"}
MAP_SCORES = (
    *("neighbor_recall", "laid_out_recall", "placed_recall", "trustworthiness", "continuity"),
    *("shepard_spearman", "triplet_accuracy", "stability"),
)
WEAK = f"1 in {round(1 / WEAK_BELOW)}"
PROBED: tuple[Target, ...] = ("class", "dataset", "speaker")
RETRIEVAL = ("mrr", "hit_at_1", "recall_at_1", "recall_at_5", "recall_at_10", "ndcg_at_10", "map")
LONGEST_NAME = 48
"""Letters of a score's or class's name."""
LONGEST_LINE = 240
"""Letters of a sentence."""


def summarize_latents(findings: LatentsFindings) -> str:
    """Accuracy against chance, recall by class, and for each layer the Spearman correlation and the maps' trust."""
    scores, group = findings.scores, words_of(findings).group
    lines = ["Classification", *_lines(scores, ("accuracy", "chance_accuracy", "balanced_accuracy"))]
    recalls = {score: f"recall {name}" for score, name in label_recalls(findings).items()}
    lines += ["Recall by class", *(_line(label, scores[name]) for name, label in recalls.items())]
    lines += ["Read from each layer by a linear probe, cross-validated"]
    for layer in findings.layers:
        read = ((target, layer.readouts.get((target, "linear"))) for target in PROBED)
        lines += [
            name_groups(_line(f"{layer.layer} {name_target(target, group)}", each.score), group)
            for target, each in read
            if each is not None
        ]
    lines += ["Confusion against distance between classes (Spearman)"]
    lines += _say_once([(layer.layer, layer.confusion.spearman) for layer in findings.layers])
    lines += ["Neighbors kept by the maps (share of the 15 nearest)"]
    for layer in findings.layers:
        lines += [_line(f"{layer.layer} {name}", drawn.trust.recall) for name, drawn in layer.maps.items()]
    lines += _list_improvements(list_advice(findings), list_withheld(findings))
    return "\n".join([*lines, *_closing(findings.accounting, findings.model), *_warn(findings)])


def _list_improvements(advice: Sequence[Advice], withheld: Sequence[str]) -> list[str]:
    """The ranked claims, and what could not be judged."""
    claims = [f"  {place}. {tidy(each.claim, limit=LONGEST_LINE)}" for place, each in enumerate(advice, start=1)]
    silent = [f"  {tidy(sentence, limit=LONGEST_LINE)}" for sentence in withheld]
    return ["Improve next (evidence and actions are in the report)", *(claims or ["  no claim survives"]), *silent]


def summarize_embeddings(findings: EmbeddingsFindings) -> str:
    """The similarity statistics in their published form and words, then negatives, ranks, mistakes and advice."""
    scores, easier = findings.scores, say_easier(findings)
    lines = [describe_similarity_statistics({name: score.value for name, score in scores.items()})]
    words = {"margin": describe_margin, "separation": describe_separation}
    lines += [f"  {name.capitalize()} {_judge(scores[name], word)}" for name, word in words.items() if name in scores]
    lines += _block("Hard negatives", _lines(scores, ("negative_mean_hard", "margin_hard", "auc_hard")))
    lines += _block("Each query's hardest wrong document", _lines(scores, ("negative_mean_mined", "margin_mined")))
    lines += _block("Retrieval", _lines(scores, RETRIEVAL))
    lines += _block(f"{easier[0].upper()}{easier[1:]}", _lines(scores, ("mrr_without_hard", "hit_at_1_without_hard")))
    lines += _block(
        "As the file's rows stand, defects and all", _lines(findings.raw_scores, ("margin", *RETRIEVAL[:2]))
    )
    lines += _block("What a wrong detail costs (cosine)", _list_effects(findings))
    kept = [_line(name, drawn.trust.recall) for name, drawn in findings.maps.items()]
    lines += _block("Neighbors kept by the maps", kept)
    lines += _block("Data defects", [f"  {_label(kind):<32}{n:,}" for kind, n in findings.defect_counts.items() if n])
    lines += _list_improvements(embeddings_improve.list_advice(findings), embeddings_improve.list_withheld(findings))
    return "\n".join([*lines, *_closing(findings.accounting, findings.model), *_warn(findings)])


def _block(heading: str, lines: Sequence[str]) -> list[str]:
    """Lines under a heading, or nothing at all."""
    return [heading, *lines] if lines else []


def _list_effects(findings: EmbeddingsFindings) -> list[str]:
    """Each type of mistake, the one that costs most first."""
    effects = findings.importance.effects if findings.importance else ()
    return [_line(effect.type, effect.effect) for effect in effects]


def summarize_map(findings: MapFindings, folder: Path | None = None) -> str:
    """What each map is worth, in a word and in scores with their intervals; what was left out; where to look next."""
    n, graph = len(findings.rows), "" if findings.graph_recall == 1 else f", graph recall {findings.graph_recall:.3f}"
    size = f"{n:,} samples x {findings.n_features:,} features, {findings.metric} distance{graph}"
    lines = [f"{_sentence(findings.source)}: {size}"]
    if findings.n_kinds < n:
        lines += [f"  {findings.n_kinds:,} different rows: equal ones share a point"]
    for method, drawn in findings.maps.items():
        lines += [f"{METHOD_NAMES.get(method, method)}: {_say_level(drawn)}", *_lines(drawn.trust.scores, MAP_SCORES)]
        lines += [f"  {_sentence(notice)}" for notice in (drawn.latent_map.notice,) if notice]
    return "\n".join(
        [
            *lines,
            *_account(findings.accounting, listed_in="manifest.json"),
            *_warn(findings),
            *_point_to_files(findings, folder),
        ]
    )


def _say_level(drawn: DrawnMap) -> str:
    """How far to trust a map, in words."""
    trust, n = drawn.trust, len(drawn.trust.weak)
    words = "trust can't be measured" if trust.level == "unknown" else f"{trust.level} trust"
    weak = int(trust.weak.sum())
    return words + (f"; {weak:,} of {n:,} samples keep fewer than {WEAK} neighbors (drawn faint)" if weak else "")


def _point_to_files(findings: MapFindings, folder: Path | None) -> list[str]:
    if folder is None or not findings.maps:
        return []
    method = next(iter(findings.maps))
    atlas = f"--x {method}_x --y {method}_y --neighbors neighbors"
    return [
        f"Files    {folder}: maps.png, samples.parquet, scores.json",
        f"Next     open {folder / 'explorer.html'}",
        f"         or  embedding-atlas {folder / 'samples.parquet'} {atlas}",
    ]


def describe_similarity_statistics(values: Mapping[str, float | None]) -> str:
    """The block the original command printed.

    >>> print(describe_similarity_statistics({"positive_mean": 0.8234, "positive_sd": 0.0876, "negative_mean": 0.4521,
    ...     "negative_sd": 0.1234, "margin": 0.3713, "separation": 2.4535}))
    Similarity statistics
      Positive    0.8234 ± 0.0876
      Negative    0.4521 ± 0.1234
      Margin      0.3713
      Separation  2.45σ
    """

    forms = {
        "Positive": "{positive_mean:.4f} ± {positive_sd:.4f}",
        "Negative": "{negative_mean:.4f} ± {negative_sd:.4f}",
        "Margin": "{margin:.4f}",
        "Separation": "{separation:.2f}σ",
    }
    known = {name: value for name, value in values.items() if value is not None}
    return "\n".join(["Similarity statistics", *(f"  {name:<12}{_fill(form, known)}" for name, form in forms.items())])


def _fill(form: str, known: Mapping[str, float]) -> str:
    """The form with its numbers, or `n/a` where one is missing."""
    try:
        return form.format_map(known)
    except KeyError:
        return "n/a"


def _judge(score: Score, word: Callable[[float], str]) -> str:
    return f"can't be told: {_sentence(score.reason)}" if score.value is None else f"is {word(score.value)}"


def _lines(scores: Mapping[str, Score], names: Iterable[str]) -> list[str]:
    return [_line(name, scores[name]) for name in names if name in scores]


def _say_once(scores: Sequence[tuple[str, Score]]) -> list[str]:
    """A line a score; one for all where none could be measured for the same reason."""
    reasons = {score.reason for _, score in scores if score.value is None}
    if len(scores) > 1 and len(reasons) == 1 and all(score.value is None for _, score in scores):
        return [f"  n/a ({_sentence(reasons.pop())})"]
    return [_line(name, score) for name, score in scores]


def _label(name: str) -> str:
    """A name in its column, cut where it is too long."""
    return f"{tidy(name, limit=LONGEST_NAME).replace('_', ' '):<21}"


def _line(name: str, score: Score) -> str:
    label = f"  {_label(name)} "
    if score.value is None:
        return f"{label}n/a ({_sentence(score.reason)})"
    interval = "" if score.low is None else f"  [{score.low:.3f}, {score.high:.3f}]"
    return f"{label}{score.value:.4f}{interval}  n = {score.n}"


def _closing(accounting: Accounting, model: ModelCard) -> list[str]:
    matched = f"{model.n_tensors_matched} of {model.n_tensors_total} tensors match the checkpoint bit for bit"
    matched = IN_MEMORY if model.in_memory else matched
    weights = [f"Weights  {matched}"] if model.n_tensors_total else []
    more = [f"         {_sentence(told)}" for told in list_receipt(model)[1:]]
    return [*_account(accounting), *weights, *more, *(f"WARNING  {_sentence(stamp)}" for stamp in model.stamps)]


def _warn(findings: LatentsFindings | EmbeddingsFindings | MapFindings) -> list[str]:
    """What the pictures could not write."""
    return [f"WARNING  {sentence}" for sentence in warn_of_spelled(findings)]


def _sentence(text: str) -> str:
    """A user's words as one line that can't look like another one of ours."""
    return tidy(text, limit=LONGEST_LINE)


def _account(accounting: Accounting, *, listed_in: str = "the report") -> list[str]:
    n_more = accounting.n_failed - sum(skip.count for skip in accounting.failed[:MOST_FAILED])
    return [
        f"Samples  {accounting.n_in} in = {accounting.n_ok} studied + {accounting.n_skipped} skipped "
        f"+ {accounting.n_failed} failed",
        *(f"  failed {_sentence(skip.id)}: {_sentence(skip.reason)}" for skip in accounting.failed[:MOST_FAILED]),
        *([f"  and {n_more} more: see {listed_in}"] if n_more > 0 else []),
    ]
