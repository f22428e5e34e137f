"""The conductor of the embeddings study: how a retriever places queries, right documents and hard negatives."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from latentscape.errors import UsageError
from latentscape.executor import IN_PROCESS, Executor, InProcess
from latentscape.explorer import name_map_page, write_pages
from latentscape.exploring import describe_style
from latentscape.figures.style import KIND_COLORS, Style
from latentscape.figures.tables import EMBEDDINGS_FIGURES
from latentscape.findings import DrawnMap, EmbeddingsFindings
from latentscape.layer_maps import MapPlan, map_columns, map_layer, score_maps, write_figures
from latentscape.light_runs import account_pairs, describe_layers, keep_retriever_run, tabulate_retriever
from latentscape.measures.scales import PUBLISHED_FIGURES, READINESS, Check, check_readiness
from latentscape.measures.score import Score
from latentscape.notebook import Explorable
from latentscape.output_folder import EXPLORER
from latentscape.pages.embeddings_lists import tabulate_defects, tabulate_queries
from latentscape.pages.embeddings_report import describe_embeddings
from latentscape.pages.report import render_report_html, render_report_markdown
from latentscape.pair_input import PairInput, PairVectors, list_attributes, read_pair_input
from latentscape.progress import SILENT, Progress
from latentscape.ray_cluster import open_executor
from latentscape.retrieval_diagnosis import Background, diagnose_retrieval
from latentscape.settings import EmbeddingsSettings, ReadinessConfig, RetrieverConfig, load_config, record_settings
from latentscape.store import RunFolder
from latentscape.study import choose_methods, make_manifest

if TYPE_CHECKING:
    from latentscape.features import ListedLayer

Thresholds = Mapping[str, float | str]
"""Score -> threshold, or a whole condition such as `> 0.3`."""
Maps = Mapping[str, Mapping[str, DrawnMap]]
"""Layer -> method -> map of queries and documents together."""


@dataclass(frozen=True, kw_only=True)
class EmbeddingsStudy(Explorable):
    """A finished study: where it lies and what it found."""

    folder: Path
    findings: EmbeddingsFindings = field(repr=False)
    scores: Mapping[str, Score] = field(repr=False)
    """Every number of scores.json: those of the findings, and each map's."""
    checks: tuple[Check, ...] = field(repr=False)
    """The readiness checklist."""
    files: tuple[str, ...]
    """Names in the folder, as written."""
    lease: Any = field(default=None, repr=False, compare=False)


def study_embeddings(settings: EmbeddingsSettings, *, progress: Progress = SILENT) -> EmbeddingsStudy:
    """Run the whole study and write its run folder.

    Raises DataError for a pair, vector or table file, UsageError for a config, ModelError or SafetyError for the
    checkpoint, ResourceError for memory or disk, BusyError if the run folder is in use.
    """
    choose_style(settings.config)  # what is wrong with either file is said before data are read
    choose_thresholds(settings.readiness)
    with open_executor(settings, progress=progress) as executor:
        return study_pairs(read_pair_input(settings, executor=executor), settings, executor=executor)


def study_pairs(given: PairInput, settings: EmbeddingsSettings, *, executor: Executor = IN_PROCESS) -> EmbeddingsStudy:
    """Run the whole study of pairs that are read already; of the settings those count that do not choose the data.

    Raises as `study_embeddings`.
    """
    style, thresholds = choose_style(settings.config), choose_thresholds(settings.readiness)
    find_vectors = _open(given, settings)
    progress = executor.progress
    with RunFolder(settings.output, resume=settings.reuse, shards=settings.shards) as folder:
        found = find_vectors(folder, executor)
        maps = _map(folder, found, settings=settings, executor=executor)
        studied = next(iter(found.layers))
        findings = diagnose_retrieval(
            found.pairs,
            found.layers[studied],
            maps[studied],
            background=_gather_background(given, found, settings),
            model=found.model,
            accounting=account_pairs(found, given.skipped),
            seed=settings.seed,
            executor=executor,
        )
        scores = {**findings.scores, **score_maps(_list_maps(maps))}
        folder.save_scores(scores)
        folder.save_table("samples.parquet", _tabulate(findings, maps, found))
        files, checks, headline = _write(folder, findings, maps, style=style, thresholds=thresholds, progress=progress)
        manifest = make_manifest(
            "embeddings",
            settings=record_settings(settings),
            inputs=found.inputs,
            model=findings.model,
            accounting=findings.accounting,
            files=files,
            extraction=found.extraction,
            facts={**describe_layers(found), "headline": headline, "style": describe_style(style)},
        )
        write_pages(folder, manifest, style=style, progress=progress)
        folder.finish(manifest)
    return EmbeddingsStudy(folder=folder.path, findings=findings, scores=scores, checks=checks, files=tuple(files))


def record_embeddings(
    path: Path, given: PairInput, *, settings: EmbeddingsSettings, progress: Progress = SILENT
) -> None:
    """Keep what one checkpoint makes of the pairs in a run folder, and draw nothing.

    Raises what `study_embeddings` raises.
    """
    find_vectors = _open(given, settings)
    with RunFolder(path) as folder:
        found = find_vectors(folder, InProcess(progress))
        keep_retriever_run(
            folder,
            found,
            attributes=list_attributes(given, found.pairs),
            accounting=account_pairs(found, given.skipped),
            settings=record_settings(settings),
            seed=settings.seed,
        )


def choose_style(config: Path | None) -> Style:
    """The colors of a training run's config; the defaults for the rest."""
    if config is None:
        return Style()
    chosen = load_config(config, RetrieverConfig).style
    given = (chosen.query, chosen.positive, chosen.hard_negative)
    query, positive, hard = (color or default for color, default in zip(given, KIND_COLORS, strict=True))
    return Style(kind_colors=(query, positive, hard), dark=chosen.dark, show_trust=chosen.show_trust)


def choose_thresholds(readiness: Path | None) -> Thresholds:
    """The user's thresholds for the checklist, or the published ones."""
    return READINESS if readiness is None else load_config(readiness, ReadinessConfig).thresholds()


def list_layers(settings: EmbeddingsSettings) -> "Sequence[ListedLayer]":
    """Every layer that `--layers` can name, with its type. Raises UsageError where there is no model."""
    if settings.vectors:
        raise UsageError("vectors have no layers", hint="`--list-layers` needs a model: `--checkpoint` or `--model`")
    from latentscape.features import list_layers as list_all  # noqa: PLC0415  torch, as above
    from latentscape.pair_vectors import open_retriever  # noqa: PLC0415

    return list_all(open_retriever(settings).loaded.model)


def _open(given: PairInput, settings: EmbeddingsSettings) -> Callable[[RunFolder, Executor], PairVectors]:
    """Where the vectors come from. A model is opened at once, so that a bad one leaves no run folder behind."""
    brought = given.vectors
    if brought is not None:
        return lambda folder, _: _keep_vectors(folder, brought)
    from latentscape.pair_vectors import embed_pairs, open_retriever  # noqa: PLC0415  torch, not for ready-made vectors

    opened = open_retriever(settings)
    return lambda folder, executor: embed_pairs(folder, given.pairs, opened, settings=settings, executor=executor)


def _keep_vectors(folder: RunFolder, brought: PairVectors) -> PairVectors:
    """The same, kept as the features of a model are: another run can be compared with this one."""
    folder.stage("features", brought.inputs, lambda: brought.layers)
    return brought


def _gather_background(given: PairInput, found: PairVectors, settings: EmbeddingsSettings) -> Background:
    return Background(
        attributes=list_attributes(given, found.pairs),
        geography=given.geography,
        weights=given.weights,
        before_head=found.before_head,
        is_trained=settings.base_model is None or settings.checkpoint is not None,
        train_compared=settings.train is not None,
    )


def _map(folder: RunFolder, found: PairVectors, *, settings: EmbeddingsSettings, executor: Executor) -> Maps:
    methods = choose_methods(skip_tsne=settings.skip_tsne, skip_umap=settings.skip_umap)
    plan = MapPlan(methods=methods, seed=settings.seed)
    return {
        layer: map_layer(folder, rows, layer=layer, plan=plan, inputs=found.inputs, executor=executor).maps
        for layer, rows in found.layers.items()
    }


def _list_maps(maps: Maps) -> list[tuple[str, DrawnMap]]:
    """Each map and its name, `{method}_{layer}`."""
    return [(f"{method}_{layer}", drawn) for layer, methods in maps.items() for method, drawn in methods.items()]


def _write(
    folder: RunFolder,
    findings: EmbeddingsFindings,
    maps: Maps,
    *,
    style: Style,
    thresholds: Thresholds,
    progress: Progress,
) -> tuple[list[str], tuple[Check, ...], str]:
    """Pictures, pages, tables; returns their names and that of the page that is last, the readiness checklist, and the
    finding in one sentence."""
    files = write_figures(folder, EMBEDDINGS_FIGURES, findings, style=style, progress=progress)
    checks = _check_readiness(findings, files, thresholds=thresholds)
    files += [name_map_page(method, layer) for layer, methods in maps.items() for method in methods]
    folder.save_csv("queries.csv", tabulate_queries(findings))
    folder.save_csv("defects.csv", tabulate_defects(findings))
    files += ["queries.csv", "defects.csv"]
    report = describe_embeddings(findings, files, checks)
    folder.save_text("report.md", render_report_markdown(report))
    folder.save_text("report.html", render_report_html(report))
    return [*files, "scores.json", "samples.parquet", "report.md", "report.html", EXPLORER], checks, report.title


def _check_readiness(
    findings: EmbeddingsFindings, files: Sequence[str], *, thresholds: Thresholds
) -> tuple[Check, ...]:
    """The published checklist; the best map's neighbor recall stands for `clear clusters`."""
    recalls = [drawn.trust.recall for drawn in findings.maps.values()]
    best = max(recalls, key=lambda score: -1.0 if score.value is None else score.value)
    n_figures = sum(name in files for name in PUBLISHED_FIGURES)
    figures = Score(name="figures", value=n_figures, n=n_figures, bounds=(0, len(PUBLISHED_FIGURES)))
    measured = {**findings.scores, "figures": figures, "neighbor_recall": best}
    return check_readiness(measured, thresholds=thresholds)


def _tabulate(findings: EmbeddingsFindings, maps: Maps, found: PairVectors) -> dict[str, Any]:
    """The columns of samples.parquet: queries first, then documents."""
    return {
        **tabulate_retriever(
            found.pairs,
            findings.ranking,
            similarities=findings.similarities,
            feature_rows=found.feature_rows,
            attributes=findings.attributes,
        ),
        **map_columns(_list_maps(maps)),
    }
