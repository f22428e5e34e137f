"""The report of a comparison: the answers first, then the evidence, from the numbers alone."""

from collections.abc import Iterable, Sequence

from latentscape.comparison_findings import ComparisonFindings
from latentscape.figures.comparison_words import NO_DIFFERENCE, capitalize, list_few, noun_of, say_score_name
from latentscape.pages.advice import tell_improvements
from latentscape.pages.comparison_claims_words import list_changes, list_withheld
from latentscape.pages.comparison_conclusion import conclude_comparison
from latentscape.pages.comparison_lists import tell_movers, tell_samples
from latentscape.pages.comparison_pictures import name_pages, tell_stories
from latentscape.pages.comparison_tables import (
    describe_checkpoints,
    tabulate_checkpoints,
    tabulate_differences,
    tabulate_groups,
    tabulate_layers,
    tabulate_types,
)
from latentscape.pages.comparison_words import list_receipts, list_scores, list_stamps, name_of, say_title
from latentscape.pages.report import AdviceList, Block, Notes, Paragraph, Report, Section, collect_definitions
from latentscape.pages.report_parts import gather, link_pages, tell_pictures
from latentscape.pages.spelled import tabulate_spelled

KINDS_OF_FACTS = frozenset({"same_weights"})
"""Claims that say nothing of a change."""


def describe_comparison(findings: ComparisonFindings, figures: Sequence[str]) -> Report:
    """Everything worth telling about a comparison; `figures` are the files written beside the report."""
    stories = tell_stories(findings, figures)

    def show(stem: str) -> list[Block]:
        return [stories[stem]] if stem in stories else []

    sections = (
        Section(heading="Conclusion", blocks=conclude_comparison(findings)),
        Section(heading="What changed", blocks=tuple(_tell_changes(findings))),
        Section(heading="Maps", blocks=(*show("comparison_maps"), *_link(figures))),
        Section(heading="Scores", blocks=(*show("comparison_scores"), *tabulate_checkpoints(findings))),
        Section(heading="Differences", blocks=(*show("comparison_changes"), *tabulate_differences(findings))),
        Section(heading=capitalize(noun_of(findings)[1]), blocks=tuple(tell_samples(findings))),
        Section(heading="Groups", blocks=(*tabulate_types(findings), *tabulate_groups(findings))),
        Section(heading="Movers", blocks=tuple(tell_movers(findings))),
        Section(heading="Layers", blocks=(*show("comparison_drift"), *tabulate_layers(findings))),
        Section(heading="What was compared", blocks=tuple(describe_checkpoints(findings))),
        *gather("Ids on the pictures", tabulate_spelled(findings)),
        *gather("Other pictures", tell_pictures(_list_others(figures, stories), {})),
    )
    sections = tuple(section for section in sections if section.blocks)
    return Report(
        title=say_title(findings),
        sections=sections,
        stamps=tuple(list_stamps(findings)),
        definitions=collect_definitions(sections),
        foot=tuple(list_receipts(findings)),
    )


def _link(figures: Sequence[str]) -> Iterable[Block]:
    return link_pages(figures, name_pages(figures))


def _list_others(figures: Sequence[str], stories: Iterable[str]) -> list[str]:
    """Pictures that no story is told about."""
    known = set(stories)
    return [file for file in figures if file.endswith(".png") and file.rpartition("/")[2][:-4] not in known]


def _tell_changes(findings: ComparisonFindings) -> Iterable[Block]:
    """The claims; or the sentence that there is no difference; and what could not be judged."""
    advice, withheld = list_changes(findings), list_withheld(findings)
    if all(claim.kind in KINDS_OF_FACTS for claim in findings.claims.found):
        yield Paragraph(text=_say_nothing(findings))
        yield from [AdviceList(entries=advice)] if advice else []
        yield from [Notes(title="Not said", lines=withheld)] if withheld else []
        return
    yield from tell_improvements(advice, withheld)


def _say_nothing(findings: ComparisonFindings) -> str:
    """That no claim is made; scores that differ without one, such as those of layers, are named."""
    step, (_, many) = findings.overall, noun_of(findings)
    between = f"between {name_of(findings, step.first)} and {name_of(findings, step.second)}"
    steps = ", nor in any step between them" if len(findings.consecutive) > 1 else ""
    names = [name for each in findings.steps for name, change in each.changes.items() if change.is_detected]
    if not names:
        return (
            f"{NO_DIFFERENCE} {between}{steps}: no score, no group of {many}, no class and no sample changed more than "
            "chance explains."
        )
    lead = say_score_name(findings.choice.score)
    return (
        f"{NO_DIFFERENCE} in {lead} {between}{steps}; no group of {many}, no class and no sample changed more than "
        f"chance explains. What differs is {list_few(list_scores(list(dict.fromkeys(names))))}: see Differences."
    )
