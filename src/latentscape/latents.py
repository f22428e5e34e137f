"""The conductor of the latents study: what each layer of a classifier keeps of its validation set."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax

from latentscape.checkpoint import load_checkpoint
from latentscape.datasets.audio import measure_audio
from latentscape.datasets.class_names import quote_names
from latentscape.datasets.speech import SpeechSamples
from latentscape.diagnosis import Judged, WholeSet, diagnose, score_everything
from latentscape.errors import ModelError
from latentscape.explorer import write_explorer
from latentscape.features import (
    Extraction,
    Reading,
    Shards,
    choose_device,
    choose_layers,
    collate_waveforms,
    describe_layers,
    read_features,
)
from latentscape.figures.style import Style
from latentscape.figures.tables import LATENTS_FIGURES
from latentscape.findings import LOGITS, Accounting, DrawnMap, LatentsFindings, LayerFindings, ModelCard, Skip
from latentscape.kept_features import describe_extraction, keep_extraction
from latentscape.layer_maps import MapPlan, map_columns, map_layers, score_maps, versions, write_figures
from latentscape.light_runs import describe_classes, keep_classifier_run, tabulate_classifier
from latentscape.measures.score import Score
from latentscape.measures.suspects import tabulate_suspects
from latentscape.models.emotion import EmotionArchitecture, EmotionClassifier, load_emotion_classifier
from latentscape.notebook import Explorable
from latentscape.output_folder import EXPLORER, refuse_among_data
from latentscape.pages.latents_map import render_latents_map
from latentscape.pages.latents_report import describe_latents
from latentscape.pages.report import render_report_html, render_report_markdown
from latentscape.paths import expand_home, hash_file
from latentscape.progress import SILENT, Progress
from latentscape.settings import (
    EmotionConfig,
    LatentsSettings,
    describe_architecture,
    known_speech_checkpoint,
    load_config,
    record_settings,
    run_folder,
)
from latentscape.speech_input import Clips, ValidationSet, read_validation_set
from latentscape.store import RunFolder, safe_name
from latentscape.study import (
    MODEL_VERSIONED,
    choose_methods,
    digest,
    make_manifest,
    make_model_card,
)

REDRAW_UP_TO = 1_000
"""With more samples, drawing every map of every layer twice would take as long as everything that is measured."""


@dataclass(frozen=True, kw_only=True)
class LatentsStudy(Explorable):
    """A finished study: where it lies and what it found."""

    folder: Path
    findings: LatentsFindings
    scores: Mapping[str, Score]
    """Every number of scores.json: those of the findings, and each layer's."""
    files: tuple[str, ...]
    """Names in the folder, as written."""


def study_latents(settings: LatentsSettings, *, progress: Progress = SILENT) -> LatentsStudy:
    """Run the whole study and write its run folder.

    Raises UsageError for a bad config, DataError where no clip can be used, ModelError or SafetyError for the
    checkpoint, ResourceError for memory or disk, BusyError if the run folder is in use.
    """
    config = load_config(settings.config, EmotionConfig)
    output = settings.output or run_folder(config)
    refuse_among_data(output, [expand_home(entry.data_dir) for entry in config.data.datasets])
    found = read_validation_set(config, max_samples=settings.max_samples, seed=settings.seed)
    model, card = open_model(config, settings)
    _require_same_classes(found.samples.class_names, model.architecture.num_classes)
    layers = choose_layers(model, settings.layer_patterns)
    with RunFolder(output, resume=settings.reuse) as folder:
        inputs = describe_inputs(config, settings, card=card, samples=found.samples, layers=layers)
        extraction = _extract(folder, model, found.samples, layers=layers, inputs=inputs, progress=progress)
        findings = find_latents(
            folder, found, extraction, card=card, settings=settings, inputs=inputs, progress=progress
        )
        scores = {**findings.scores, **score_everything(findings), **score_maps(_list_maps(findings.layers))}
        style = choose_style(config)
        files = write_study(folder, findings, scores, style=style, progress=progress)
        manifest = make_manifest(
            "latents",
            settings={**record_settings(settings), "values": config.model_dump(mode="json")},
            inputs=inputs,
            model=findings.model,
            accounting=findings.accounting,
            files=files,
            extraction=describe_extraction(extraction),
            facts={**describe_classes(findings), "chance": _list_chances(findings)},
        )
        write_explorer(folder, manifest, style=style, progress=progress)
        folder.finish(manifest)
    return LatentsStudy(folder=folder.path, findings=findings, scores=scores, files=tuple(files))


def list_layers(settings: LatentsSettings) -> list[tuple[str, str]]:
    """Every layer that `--layers` can name, with its type."""
    model, _ = open_model(load_config(settings.config, EmotionConfig), settings)
    return describe_layers(model)


def open_model(config: EmotionConfig, settings: LatentsSettings) -> tuple[EmotionClassifier, ModelCard]:
    """The classifier with every weight proven, and its card."""
    path = settings.checkpoint or known_speech_checkpoint(config)
    checkpoint = load_checkpoint(path)
    model, receipt = load_emotion_classifier(
        checkpoint, declared_architecture(config), allow_missing=settings.allow_missing
    )
    card = make_model_card(
        receipt,
        name=f"{config.model.encoder_name} emotion classifier",
        checkpoint=path.name,
        sha256=checkpoint.sha256,
        metadata=checkpoint.metadata,
    )
    unlearns = model.architecture.has_domain_head and model.architecture.grl_lambda > 0
    return model, replace(card, unlearns_dataset=unlearns)


def choose_style(config: EmotionConfig) -> Style:
    """The config's colors and markers; the defaults for the rest."""
    style = config.style
    return Style(
        class_colors=style.class_colors,
        dataset_markers=style.dataset_markers,
        dark=style.dark,
        show_trust=style.show_trust,
    )


def declared_architecture(config: EmotionConfig) -> EmotionArchitecture:
    """What the config says of the model; the checkpoint's own tensors go before it."""
    return EmotionArchitecture(**describe_architecture(config))


def describe_inputs(
    config: EmotionConfig,
    settings: LatentsSettings,
    *,
    card: ModelCard,
    samples: SpeechSamples,
    layers: Mapping[str, str],
) -> dict[str, Any]:
    """Everything the features depend on; the same values, the same features."""
    return {
        "checkpoint": card.sha256,
        "stamps": list(card.stamps),
        "architecture": declared_architecture(config).to_dict(),
        "n_samples": len(samples),
        "samples": digest([[name, _hash_clip(path)] for name, path in zip(samples.ids, samples.paths, strict=True)]),
        "sample_rate": config.data.sample_rate,
        "layers": dict(layers),
        "batch_size": settings.batch_size or config.training.batch_size,
        "device": choose_device(settings.device),
        "versions": versions(MODEL_VERSIONED),
    }


def _hash_clip(path: Path) -> str:
    """SHA-256 of a clip; empty where it can't be read, which loading it will say with the reason."""
    try:
        return hash_file(path)
    except OSError:
        return ""


def _extract(
    folder: RunFolder,
    model: EmotionClassifier,
    samples: SpeechSamples,
    *,
    layers: Mapping[str, str],
    inputs: Mapping[str, Any],
    progress: Progress,
) -> Extraction:
    """Features of the chosen layers and, always, the logits."""
    rate = inputs["sample_rate"]

    def compute(shards: Shards) -> Extraction:
        reading = Reading(
            layers={LOGITS: model.layers[LOGITS], **layers},
            collate=collate_waveforms,
            lengths=[measure_audio(path, sample_rate=rate) for path in samples.paths],
            batch_size=inputs["batch_size"],
            device=inputs["device"],
        )
        return read_features(
            model, Clips(samples.paths, rate, model.min_samples), reading, shards=shards, progress=progress
        )

    return keep_extraction(folder, inputs, compute, progress=progress)


def find_latents(
    folder: RunFolder,
    found: ValidationSet,
    extraction: Extraction,
    *,
    card: ModelCard,
    settings: LatentsSettings,
    inputs: Mapping[str, Any],
    progress: Progress = SILENT,
) -> LatentsFindings:
    """Draw the maps and measure everything the study reports."""
    census = found.census
    features = {layer: extraction.features[layer] for layer in inputs["layers"]}
    return diagnose(
        judge_samples(found, extraction),
        features,
        map_layers(folder, features, plan=plan_maps(settings), inputs=inputs, progress=progress),
        whole=WholeSet(
            ids=census.samples.ids,
            labels=census.samples.labels,
            splits=census.splits,
            copies=census.samples.copies,
            shared_speakers=census.find_shared_speakers(),
        ),
        model=card,
        accounting=_account(found, extraction),
        seed=settings.seed,
        progress=progress,
    )


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


def record_latents(
    path: Path,
    config: EmotionConfig,
    found: ValidationSet,
    *,
    settings: LatentsSettings,
    progress: Progress = SILENT,
) -> None:
    """Keep what one checkpoint makes of a validation set in a run folder, and draw nothing.

    Raises what `study_latents` raises.
    """
    model, card = open_model(config, settings)
    _require_same_classes(found.samples.class_names, model.architecture.num_classes)
    layers = choose_layers(model, settings.layer_patterns)
    with RunFolder(path) as folder:
        inputs = describe_inputs(config, settings, card=card, samples=found.samples, layers=layers)
        extraction = _extract(folder, model, found.samples, layers=layers, inputs=inputs, progress=progress)
        keep_classifier_run(
            folder,
            judge_samples(found, extraction),
            model=card,
            accounting=_account(found, extraction),
            settings={**record_settings(settings), "values": config.model_dump(mode="json")},
            inputs=inputs,
            extraction=describe_extraction(extraction),
            seed=settings.seed,
        )


def plan_maps(settings: LatentsSettings) -> MapPlan:
    """Which maps the study draws of each layer."""
    methods = choose_methods(skip_tsne=settings.skip_tsne, skip_umap=settings.skip_umap)
    return MapPlan(methods=methods, seed=settings.seed, aligned=settings.align, redraw_up_to=REDRAW_UP_TO)


def _require_same_classes(class_names: Sequence[str], n_outputs: int) -> None:
    if n_outputs != len(class_names):
        raise ModelError(
            "the model and the data do not have the same classes",
            got=f"{n_outputs} outputs of the model",
            expected=f"{len(class_names)}, one for each class of the data: {quote_names(class_names)}",
            hint="list the model's classes in its own order under `style: class_names:` in the config",
            fault="model-classes",
        )


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
    style: Style,
    progress: Progress = SILENT,
) -> list[str]:
    """Write pictures, pages and tables into the run folder; returns their names, and that of the page that is last."""
    files = write_figures(folder, LATENTS_FIGURES, findings, style=style, progress=progress)
    for layer in findings.layers:
        for method in layer.maps:
            name = f"{method}_{safe_name(layer.layer)}_interactive.html"
            folder.save_text(name, render_latents_map(findings, layer=layer.layer, method=method, style=style))
            files.append(name)
    folder.save_scores(scores)
    folder.save_table("samples.parquet", _tabulate(findings))
    folder.save_csv("suspects.csv", tabulate_suspects(findings.suspects, findings.class_names))
    report = describe_latents(findings, files)
    folder.save_text("report.md", render_report_markdown(report))
    folder.save_text("report.html", render_report_html(report))
    return [*files, "scores.json", "samples.parquet", "suspects.csv", "report.md", "report.html", EXPLORER]


def _list_chances(findings: LatentsFindings) -> dict[str, float]:
    """How often always giving the most frequent answer is right, for each question that is asked of the layers."""
    readouts = [each for layer in findings.layers for each in layer.readouts.items()]
    return {target: found.chance for (target, _), found in readouts if np.isfinite(found.chance)}


def _tabulate(findings: LatentsFindings) -> dict[str, Any]:
    """The columns of samples.parquet, one row a sample."""
    return {
        **tabulate_classifier(findings),
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
