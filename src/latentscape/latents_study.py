"""The conductor of the latents study: what each layer of a classifier keeps of its validation set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from latentscape.classifier_input import list_model_layers, open_samples
from latentscape.datasets.labeled import LabeledSamples
from latentscape.diagnosis import Judged, WholeSet, diagnose, score_everything
from latentscape.executor import IN_PROCESS, Executor, InProcess
from latentscape.explorer import name_map_page, write_pages
from latentscape.features import Extraction, ListedLayer, Reading, Shards, read_features
from latentscape.figures.style import Style
from latentscape.figures.tables import LATENTS_FIGURES
from latentscape.findings import LOGITS, Accounting, DrawnMap, LatentsFindings, LayerFindings, Skip
from latentscape.kept_features import describe_extraction, keep_extraction
from latentscape.layer_maps import MapPlan, map_columns, map_layers, score_maps, versions, write_figures
from latentscape.light_runs import describe_classes, keep_classifier_run, tabulate_classifier
from latentscape.measures.score import Score
from latentscape.measures.suspects import tabulate_suspects
from latentscape.media.thumbnails import keep_thumbnails
from latentscape.notebook import Explorable
from latentscape.output_folder import EXPLORER, refuse_among_data
from latentscape.pages.latents_report import describe_latents
from latentscape.pages.report import render_report_html, render_report_markdown
from latentscape.progress import SILENT, Progress
from latentscape.ray_cluster import open_executor
from latentscape.settings import EmotionConfig, LatentsSettings, load_config, record_settings
from latentscape.store import RunFolder, clean_text
from latentscape.study import MODEL_VERSIONED, choose_methods, make_manifest
from latentscape.subject import Subject, ValidationSet

REDRAW_UP_TO = 1_000
"""With more samples, drawing every map of every layer twice would take as long as everything that is measured."""


@dataclass(frozen=True, kw_only=True)
class LatentsStudy(Explorable):
    """A finished study: where it lies and what it found."""

    folder: Path
    findings: LatentsFindings = field(repr=False)
    scores: Mapping[str, Score] = field(repr=False)
    """Every number of scores.json: those of the findings, and each layer's."""
    files: tuple[str, ...]
    """Names in the folder, as written."""
    lease: Any = field(default=None, repr=False, compare=False)


def study_latents(settings: LatentsSettings, *, progress: Progress = SILENT) -> LatentsStudy:
    """Run the whole study and write its run folder.

    Raises UsageError for a bad config or option, DataError where no sample can be used, ModelError or SafetyError for
    the model, ResourceError for memory or disk, BusyError if the run folder is in use.
    """
    settings.require_sources()
    config = load_config(settings.config, EmotionConfig) if settings.config else None
    with open_executor(settings, progress=progress) as executor:
        subject = open_subject(settings, config, executor=executor)
        return study_subject(subject, settings, style=choose_style(config), executor=executor)


def study_subject(
    subject: Subject, settings: LatentsSettings, *, style: Style | None = None, executor: Executor = IN_PROCESS
) -> LatentsStudy:
    """Run the whole study of what is opened already; of the settings those count that choose neither model nor data.

    Raises as `study_latents`.
    """
    style = style or Style()
    refuse_among_data(subject.output, subject.data_folders)
    progress = executor.progress
    with RunFolder(subject.output, resume=settings.reuse, shards=settings.shards) as folder:
        inputs = describe_inputs(subject)
        extraction = extract_subject(folder, subject, inputs=inputs, executor=executor)
        findings = find_latents(folder, subject, extraction, settings=settings, inputs=inputs, executor=executor)
        scores = {**findings.scores, **score_everything(findings), **score_maps(_list_maps(findings.layers))}
        samples = subject.found.samples.take(extraction.kept)
        files = write_study(folder, findings, scores, samples=samples, style=style, progress=progress)
        manifest = make_manifest(
            "latents",
            settings={**record_settings(settings), **subject.recorded},
            inputs=inputs,
            model=findings.model,
            accounting=findings.accounting,
            files=files,
            extraction=describe_extraction(extraction),
            facts={**describe_classes(findings), "chance": _list_chances(findings), **_describe_samples(findings)},
        )
        write_pages(folder, manifest, style=style, progress=progress)
        folder.finish(manifest)
    return LatentsStudy(folder=folder.path, findings=findings, scores=scores, files=tuple(files))


def open_subject(
    settings: LatentsSettings, config: EmotionConfig | None, *, executor: Executor = IN_PROCESS
) -> Subject:
    """The model and the samples that the settings name. Raises as `study_latents`."""
    if config is None:
        return open_samples(settings, executor=executor)
    from latentscape.speech_input import open_speech  # noqa: PLC0415  transformers and soundfile, not for every model

    return open_speech(config, settings)


def list_layers(settings: LatentsSettings) -> Sequence[ListedLayer]:
    """Every layer that `--layers` can name, with its type, and the shape of its answer where a sample is known."""
    settings.require_sources()
    if settings.config is None:
        return list_model_layers(settings)
    from latentscape.speech_input import list_speech_layers  # noqa: PLC0415  as above

    return list_speech_layers(load_config(settings.config, EmotionConfig), settings)


def choose_style(config: EmotionConfig | None) -> Style:
    """The colors and markers of a speech config; the defaults for the rest."""
    if config is None:
        return Style()
    style = config.style
    return Style(
        class_colors=style.class_colors,
        dataset_markers=style.dataset_markers,
        dark=style.dark,
        show_trust=style.show_trust,
    )


def describe_inputs(subject: Subject) -> dict[str, Any]:
    """Everything the features depend on; the same values, the same features."""
    return {
        **subject.fingerprint,
        "layers": dict(subject.layers),
        "batch_size": subject.batch_size,
        "device": subject.device,
        "versions": versions(MODEL_VERSIONED),
    }


def extract_subject(
    folder: RunFolder, subject: Subject, *, inputs: Mapping[str, Any], executor: Executor = IN_PROCESS
) -> Extraction:
    """Features of the chosen layers and, always, the logits. Raises ModelError where these are not of the classes."""

    def compute(shards: Shards) -> Extraction:
        reading = Reading(
            layers={LOGITS: subject.logits, **subject.layers},
            collate=subject.collate,
            lengths=subject.lengths(),
            batch_size=subject.batch_size,
            device=subject.device,
        )
        return read_features(subject.model, subject.inputs, reading, shards=shards, executor=executor)

    extraction = keep_extraction(folder, inputs, compute, progress=executor.progress)
    subject.refuse_other_classes(extraction.features[LOGITS].shape[1])
    return extraction


def find_latents(
    folder: RunFolder,
    subject: Subject,
    extraction: Extraction,
    *,
    settings: LatentsSettings,
    inputs: Mapping[str, Any],
    executor: Executor = IN_PROCESS,
) -> LatentsFindings:
    """Draw the maps and measure everything the study reports."""
    found, census = subject.found, subject.found.census
    features = {layer: extraction.features[layer] for layer in inputs["layers"]}
    findings = diagnose(
        judge_samples(found, extraction),
        features,
        map_layers(folder, features, plan=plan_maps(settings), inputs=inputs, executor=executor),
        whole=WholeSet(
            ids=census.samples.ids,
            labels=census.samples.labels,
            splits=census.splits,
            copies=census.samples.copies,
            shared_speakers=census.find_shared_speakers(),
        ),
        model=subject.card,
        accounting=_account(found, extraction),
        seed=settings.seed,
        progress=executor.progress,
    )
    return replace(findings, kind=found.samples.kind, split=found.samples.split)


def judge_samples(found: ValidationSet, extraction: Extraction) -> Judged:
    """The samples that have features, and what the model says of them."""
    samples = found.samples.take(extraction.kept)
    return Judged(
        ids=samples.ids,
        labels=samples.labels,
        probabilities=softmax(extraction.features[LOGITS].astype(np.float64), axis=1),
        dataset_ids=samples.dataset_ids,
        speakers=samples.speakers,
        class_names=samples.class_names,
        dataset_names=samples.dataset_names,
    )


def record_latents(path: Path, subject: Subject, *, settings: LatentsSettings, progress: Progress = SILENT) -> None:
    """Keep what one checkpoint makes of its samples in a run folder, and draw nothing.

    Raises what `study_latents` raises.
    """
    with RunFolder(path) as folder:
        inputs = describe_inputs(subject)
        extraction = extract_subject(folder, subject, inputs=inputs, executor=InProcess(progress))
        keep_classifier_run(
            folder,
            judge_samples(subject.found, extraction),
            model=subject.card,
            accounting=_account(subject.found, extraction),
            settings={**record_settings(settings), **subject.recorded},
            inputs=inputs,
            extraction=describe_extraction(extraction),
            seed=settings.seed,
        )


def plan_maps(settings: LatentsSettings) -> MapPlan:
    """Which maps the study draws of each layer."""
    methods = choose_methods(skip_tsne=settings.skip_tsne, skip_umap=settings.skip_umap)
    return MapPlan(methods=methods, seed=settings.seed, aligned=settings.align, redraw_up_to=REDRAW_UP_TO)


def _account(found: ValidationSet, extraction: Extraction) -> Accounting:
    ids = found.samples.ids
    failed = tuple(Skip(id=ids[row], reason=reason) for row, reason in extraction.failed)
    return Accounting(
        n_in=len(ids) + len(found.skipped), n_ok=len(extraction.kept), skipped=found.skipped, failed=failed
    )


def _list_maps(layers: Sequence[LayerFindings]) -> list[tuple[str, DrawnMap]]:
    """Each map and its name, `{method}_{layer}`."""
    return [(f"{method}_{layer.layer}", drawn) for layer in layers for method, drawn in layer.maps.items()]


def write_study(
    folder: RunFolder,
    findings: LatentsFindings,
    scores: Mapping[str, Score],
    *,
    samples: LabeledSamples,
    style: Style,
    progress: Progress = SILENT,
) -> list[str]:
    """Write pictures and tables into the run folder; returns their names, and those of the pages that come last."""
    files = write_figures(folder, LATENTS_FIGURES, findings, style=style, progress=progress)
    files += [name_map_page(method, layer.layer) for layer in findings.layers for method in layer.maps]
    files += keep_thumbnails(folder, samples, progress=progress)
    folder.save_scores(scores)
    folder.save_table("samples.parquet", _tabulate(findings, samples))
    folder.save_csv("suspects.csv", tabulate_suspects(findings.suspects, findings.class_names))
    report = describe_latents(findings, files)
    folder.save_text("report.md", render_report_markdown(report))
    folder.save_text("report.html", render_report_html(report))
    return [*files, "scores.json", "samples.parquet", "suspects.csv", "report.md", "report.html", EXPLORER]


def _describe_samples(findings: LatentsFindings) -> dict[str, str]:
    """What the samples are, and which split of the data they are where it has any."""
    return {"kind": findings.kind or "unknown", **({"split": findings.split} if findings.split else {})}


def _list_chances(findings: LatentsFindings) -> dict[str, float]:
    """How often always giving the most frequent answer is right, for each question that is asked of the layers."""
    readouts = [each for layer in findings.layers for each in layer.readouts.items()]
    return {target: found.chance for (target, _), found in readouts if np.isfinite(found.chance)}


def _tabulate(findings: LatentsFindings, samples: LabeledSamples) -> dict[str, Any]:
    """The columns of samples.parquet, one row a sample."""
    texts = {"text": [clean_text(str(text)) for text in samples.contents]} if samples.kind == "text" else {}
    return {
        **tabulate_classifier(findings),
        **texts,
        "suspect": _name_suspicions(findings),
        **map_columns(_list_maps(findings.layers)),
    }


def _name_suspicions(findings: LatentsFindings) -> list[str | None]:
    """What each sample is suspected of, kinds separated by commas; None for most."""
    kinds: dict[str, list[str]] = {}
    for suspect in findings.suspects:
        for name in suspect.ids:
            kinds.setdefault(name, []).append(suspect.kind)
    return [",".join(dict.fromkeys(kinds[name])) if name in kinds else None for name in findings.ids]
