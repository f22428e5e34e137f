"""The interactive page of a comparison: one frame, in which points move from checkpoint to checkpoint."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from latentscape.comparison_findings import ComparisonFindings
from latentscape.errors import UsageError
from latentscape.figures.style import Style
from latentscape.pages.comparison_page_words import describe_study
from latentscape.pages.comparison_payload import choose_rows, collect_payload
from latentscape.pages.comparison_words import list_receipts, list_stamps, name_of, say_overfitting, say_title
from latentscape.pages.escape import embed_json
from latentscape.pages.page_sample import say_choice
from latentscape.pages.templates import policy, read_asset, render, style_of
from latentscape.pages.words import count

SCRIPTS = ("compare_values.js", "compare_map.js", "compare_panels.js", "compare.js")
"""In the order in which they run."""


def render_comparison_page(findings: ComparisonFindings, *, style: Style) -> str:
    """The page as HTML: our scripts, our style and the data in one file, nothing fetched.

    Color is the class (a retriever's kind of text), shape the data set, an outline a wrong answer of the checkpoint
    that is shown. Of more than 50,000 samples a random choice is shown, by class, and every sample that has left its
    neighbors; of fewer where there are very many maps. Raises UsageError if no layer has a map.
    """
    if not any(layer.maps for layer in findings.layers):
        raise UsageError("no layer has a map to show", hint="compare with at least one map method, e.g. tsne")
    shown = choose_rows(findings)
    n, n_checkpoints = len(findings.subject.ids), len(findings.checkpoints)
    pictures = "inside" if findings.subject.thumbnails else "none"
    return render(
        "compare.html.j2",
        style=_style(),
        policy=policy(_scripts().values(), styles=[_style()], pictures=pictures),
        title=f"{name_of(findings, 0)} to {name_of(findings, -1)} · {count(n_checkpoints, 'checkpoint')} · n = {n:,}",
        headline=say_title(findings),
        facts=describe_study(findings),
        warning=say_overfitting(findings),
        captions=_list_captions(findings, n_shown=len(shown)),
        stamps=list_stamps(findings),
        payload=embed_json(collect_payload(findings, shown, style=style)),
        scripts=_scripts(),
        foot=list_receipts(findings),
    )


@cache
def _scripts() -> Mapping[str, str]:
    return MappingProxyType({name: read_asset(name) for name in SCRIPTS})


@cache
def _style() -> str:
    return style_of("theme.css", "compare.css")


def _list_captions(findings: ComparisonFindings, *, n_shown: int) -> list[str]:
    """How to read the page."""
    is_retriever = findings.subject.study == "embeddings"
    thing, wrong = ("text", "query whose right document does not come first") if is_retriever else (
        "sample", "sample predicted wrong"
    )  # fmt: skip
    sentences = [
        f"Each point is one {thing}, placed so that {thing}s that the checkpoint takes for similar lie close together; "
        f"an outline is a {wrong} by the checkpoint that is shown.",
        "All checkpoints share one frame: each map begins where the one before ended and is turned onto it, so a model "
        "that only turns or scales its space moves nothing. Directions and axes mean nothing.",
        f"Movers are {thing}s that have left their former neighbors in the model's own space far behind, compared "
        "with all others; how far a point travels on the map does not count.",
        "Differences are tested on the same samples in pairs and adjusted (Holm) for everything asked.",
        say_choice(n_shown, len(findings.subject.ids), groups="kind" if is_retriever else "class"),
    ]
    return [sentence for sentence in sentences if sentence]
