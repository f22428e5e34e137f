"""The conductor of a comparison: run folders or checkpoints in; what changed between them, and whether it is real."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.comparison_claims import PROBE, sort_step
from latentscape.comparison_diagnosis import answer, diagnose_comparison
from latentscape.comparison_findings import ComparisonFindings, Subject
from latentscape.errors import UsageError, nearest
from latentscape.executor import InProcess
from latentscape.explorer import write_pages
from latentscape.exploring import describe_style
from latentscape.figures.style import Style
from latentscape.figures.tables import COMPARISON_FIGURES
from latentscape.findings import DrawnMap
from latentscape.layer_maps import LayerMaps, MapPlan, map_columns, map_layers, score_maps, versions, write_figures
from latentscape.measures.classification import name_scores
from latentscape.measures.gate import parse_condition
from latentscape.measures.score import Score
from latentscape.media import name_roots
from latentscape.media.thumbnails import save_thumbnails
from latentscape.notebook import Explorable
from latentscape.output_folder import EXPLORER, refuse_among_data
from latentscape.pages.comparison_lists import tabulate_changes
from latentscape.pages.comparison_page import render_comparison_page
from latentscape.pages.comparison_report import describe_comparison
from latentscape.pages.comparison_words import say_title
from latentscape.pages.report import render_report_html, render_report_markdown
from latentscape.paths import expand_home
from latentscape.plain_text import folder_name, safe_name
from latentscape.progress import SILENT, Progress
from latentscape.settings import CompareSettings, EmotionConfig, load_config, record_settings
from latentscape.snapshots import Matched, Snapshot, match_snapshots, read_snapshot
from latentscape.snapshots.values import LayerMatrix
from latentscape.store import RunFolder
from latentscape.study import choose_methods

DEFAULTS = CompareSettings()
RUNS = "runs"
"""Where the run folders of checkpoints are kept, in the folder of the comparison."""
PAGE = "comparison.html"
DELTA = "delta"
"""How the names of differences end, or go on: `accuracy_delta`, `accuracy_delta_a_to_b`."""


@dataclass(frozen=True, kw_only=True)
class ComparisonStudy(Explorable):
    """A finished comparison: where it lies and what it found."""

    folder: Path
    findings: ComparisonFindings
    scores: Mapping[str, Score]
    """Every number of scores.json; those that end in `_delta` are of the last checkpoint against the first."""
    files: tuple[str, ...]
    """Names in the folder, as written."""


def study_comparison(
    runs: Sequence[Path] = (),
    *,
    checkpoints: Sequence[Path] = (),
    settings: CompareSettings = DEFAULTS,
    progress: Progress = SILENT,
) -> ComparisonStudy:
    """Compare finished run folders, or run checkpoints through the settings' data and compare those.

    Raises UsageError for choices that make no comparison, DataError for a folder that is no finished run or where
    nothing is shared, and what the studies raise for a checkpoint or its data.
    """
    settings.require_models(n_runs=len(runs), n_checkpoints=len(checkpoints))
    for condition in settings.fail_if:
        parse_condition(condition)  # what can't be read is said before an hour of work
    if settings.config and not settings.is_retriever:
        places = load_config(settings.config, EmotionConfig).data.datasets
        refuse_among_data(settings.output, [expand_home(entry.data_dir) for entry in places])
    runs = runs or record_checkpoints(checkpoints, settings, progress=progress)
    return compare_runs(runs, settings, progress=progress)


def compare_runs(runs: Sequence[Path], settings: CompareSettings, *, progress: Progress = SILENT) -> ComparisonStudy:
    """Compare finished run folders and write the run folder of the comparison."""
    snapshots = _sort(
        [read_snapshot(Path(run)) for run in progress.track(runs, label="runs read", total=len(runs))], settings
    )
    matched = match_snapshots(snapshots)
    style = choose_style(matched, settings)
    answers = answer(matched, seed=settings.seed, progress=progress)
    _refuse_unknown(settings.fail_if, known=answers[0].tallies)
    with RunFolder(settings.output) as folder:
        maps = _map(folder, matched, settings=settings, progress=progress)
        findings = diagnose_comparison(matched, answers, maps, seed=settings.seed, progress=progress)
        scores = score_everything(findings)
        files = _write(folder, findings, scores, style=style, progress=progress)
        facts = {"headline": say_title(findings), "spaces": _name_spaces(matched), "style": describe_style(style)}
        manifest = {**_make_manifest(findings, settings, files=files, runs=runs), **facts}
        roots = _find_roots(findings, settings)
        write_pages(folder, manifest, style=style, roots=roots, progress=progress)
        folder.finish(manifest)
    return ComparisonStudy(
        folder=folder.path,
        findings=findings,
        scores=scores,
        files=tuple(files),
    )


def _refuse_unknown(conditions: Sequence[str], *, known: Iterable[str]) -> None:
    """Raise UsageError for a difference of a score that is none, before the long part of the work."""
    for condition in conditions:
        name = parse_condition(condition).name
        score, found, rest = name.partition(f"_{DELTA}")
        if found and score not in known and not rest.startswith("_") and not score.startswith(PROBE):
            raise UsageError(
                "there is no such score to compare",
                got=f"`{name}`",
                hint=nearest(name, [f"{each}_{DELTA}" for each in known]),
            )


def record_checkpoints(
    checkpoints: Sequence[Path], settings: CompareSettings, *, progress: Progress = SILENT
) -> list[Path]:
    """Run every checkpoint through the data, which is read once; returns their run folders."""
    folders = [settings.output / RUNS / name for name in _name_folders(checkpoints)]
    record = _record_retrievers if settings.is_retriever else _record_classifiers
    record(dict(zip(folders, checkpoints, strict=True)), settings, progress=progress)
    return folders


def _record_classifiers(checkpoints: Mapping[Path, Path], settings: CompareSettings, *, progress: Progress) -> None:
    from latentscape.latents_study import record_latents  # noqa: PLC0415  torch, which finished runs do without
    from latentscape.speech_input import open_speech, read_validation_set  # noqa: PLC0415

    each = {folder: settings.for_latents(checkpoint) for folder, checkpoint in checkpoints.items()}
    first = next(iter(each.values()))
    if first.config is None:
        raise AssertionError("checkpoints of classifiers without a config")
    config = load_config(first.config, EmotionConfig)
    found = read_validation_set(config, max_samples=first.max_samples, seed=settings.seed)
    for folder, own in each.items():
        progress.say(f"checkpoint {own.checkpoint}")
        record_latents(folder, open_speech(config, own, found), settings=own, progress=progress)


def _record_retrievers(checkpoints: Mapping[Path, Path], settings: CompareSettings, *, progress: Progress) -> None:
    from latentscape.embeddings_study import record_embeddings  # noqa: PLC0415  as above
    from latentscape.pair_input import read_pair_input  # noqa: PLC0415

    each = {folder: settings.for_embeddings(checkpoint) for folder, checkpoint in checkpoints.items()}
    given = read_pair_input(next(iter(each.values())))
    for folder, own in each.items():
        progress.say(f"checkpoint {own.checkpoint}")
        record_embeddings(folder, given, settings=own, progress=progress)


def _name_folders(checkpoints: Sequence[Path]) -> list[str]:
    """A folder name for each checkpoint: its stem, with a number where two have the same."""
    names: list[str] = []
    for checkpoint in checkpoints:
        stem = folder_name(checkpoint.stem or "checkpoint")
        tries = (stem if number == 1 else f"{stem}-{number}" for number in count(1))
        names.append(next(name for name in tries if name not in names))
    return names


def choose_style(matched: Matched, settings: CompareSettings) -> Style:
    """The colors and markers of the config, where one is given."""
    if settings.config is None:
        return Style()
    if matched.subject.study == "embeddings":
        from latentscape.embeddings_study import choose_style as choose  # noqa: PLC0415  torch, only where a config is given

        return choose(settings.config)
    from latentscape.latents_study import choose_style as choose_speech  # noqa: PLC0415

    return choose_speech(load_config(settings.config, EmotionConfig))


def _sort(snapshots: list[Snapshot], settings: CompareSettings) -> list[Snapshot]:
    if settings.order == "given":
        return snapshots
    unknown = [each.checkpoint.name for each in snapshots if each.checkpoint.epoch is None]
    if unknown:
        raise UsageError(
            "not every checkpoint says which epoch it is of",
            got=f"none in {', '.join(unknown[:5])}",
            hint="give them in their order, without `--order epoch`",
        )
    return sorted(snapshots, key=lambda each: each.checkpoint.epoch or 0.0)


def _map(
    folder: RunFolder, matched: Matched, *, settings: CompareSettings, progress: Progress
) -> dict[str, list[LayerMaps]]:
    """Each layer's graphs and maps, a frame a checkpoint; features that are equal share theirs."""
    methods = choose_methods(skip_tsne=settings.skip_tsne, skip_umap=settings.skip_umap)
    plan = MapPlan(methods=methods, seed=settings.seed, aligned=True, redraw_up_to=0)
    drawn: dict[str, list[LayerMaps]] = {}
    for number, (layer, frames) in enumerate(matched.features.items(), start=1):
        progress.say(f"layer {layer}, {number} of {len(matched.features)}")
        keys = _name_frames(layer, frames)
        different = dict(zip(keys, frames, strict=True))
        inputs = {"features": list(dict.fromkeys(map(_digest, frames))), "versions": versions()}
        mapped = map_layers(folder, different, plan=plan, inputs=inputs, executor=InProcess(progress))
        drawn[layer] = [mapped[key] for key in keys]
    return drawn


def _name_frames(layer: str, frames: Iterable[LayerMatrix]) -> list[str]:
    """What the stages call a layer of each checkpoint."""
    return [f"{safe_name(layer)}_{_digest(features)[:16]}" for features in frames]


def _name_spaces(matched: Matched) -> dict[str, list[str]]:
    """For the manifest: under which name each layer of each checkpoint is kept."""
    return {layer: _name_frames(layer, frames) for layer, frames in matched.features.items()}


def _find_roots(findings: ComparisonFindings, settings: CompareSettings) -> dict[str, Path]:
    """Where the clips lie, by their data sets. Only the user's own config says so: run folders may come from others."""
    if settings.config is None or findings.subject.study != "latents":
        return {}
    config = load_config(settings.config, EmotionConfig)
    return name_roots({"settings": {"values": config.model_dump(mode="json")}}, findings.subject.ids)


def _digest(features: LayerMatrix) -> str:
    values = np.ascontiguousarray(features)
    return hashlib.sha256(repr((values.shape, values.dtype.str)).encode() + values.tobytes()).hexdigest()


def score_everything(findings: ComparisonFindings) -> dict[str, Score]:
    """Every number of the comparison under the flat names of scores.json."""
    places = _name_places(findings)
    scores = {f"{name}_delta": change.score for name, change in findings.overall.changes.items()}
    for step in findings.consecutive if len(places) > 2 else ():
        way = f"{places[step.first]}_to_{places[step.second]}"
        scores |= {f"{name}_delta_{way}": change.score for name, change in step.changes.items()}
    for place, answers in zip(places, findings.answers, strict=True):
        scores |= {f"{name}_{place}": score for name, score in answers.scores.items()}
    return {**scores, **_count_outcomes(findings), **_score_groups(findings), **_score_layers(findings, places)}


def _count_outcomes(findings: ComparisonFindings) -> dict[str, Score]:
    """How many judged samples the last checkpoint mends, and how many it breaks, against the first."""
    rows = sort_step(findings, findings.overall.first, findings.overall.second)
    n = sum(map(len, rows.values()))
    return {
        "fixed": Score(name="fixed", value=len(rows["fixed"]), n=n, bounds=(0, n)),
        "broken": Score(name="broken", value=len(rows["broken"]), n=n, better="lower", bounds=(0, n)),
    }


def _score_groups(findings: ComparisonFindings) -> dict[str, Score]:
    """The difference within each class, data set, attribute value, first checkpoint to last."""
    changes = findings.overall.group_changes
    names = name_scores("group_delta", [f"{grouping} {value}" for grouping, value in changes])
    return dict(zip(names, (change.score for change in changes.values()), strict=True))


def _score_layers(findings: ComparisonFindings, places: Sequence[str]) -> dict[str, Score]:
    scores: dict[str, Score] = {}
    for layer in findings.layers:
        for name, pairs in (("cka", layer.drift.similarity), ("neighbor_overlap", layer.drift.overlap)):
            scores |= {f"{name}_{layer.name}_{places[i]}_vs_{places[j]}": score for (i, j), score in pairs.items()}
        for place, geometry in zip(places, layer.drift.geometry, strict=True):
            scores |= {f"{name}_{layer.name}_{place}": score for name, score in geometry.items()}
    return {**scores, **score_maps(_list_maps(findings))}


def _name_places(findings: ComparisonFindings) -> list[str]:
    """The checkpoints as names of scores and columns end in them; none is taken for a difference."""
    names = [name.removeprefix("_") for name in name_scores("", [each.name for each in findings.checkpoints])]
    return [f"checkpoint_{name}" if name.startswith(DELTA) else name for name in names]


def _list_maps(findings: ComparisonFindings) -> list[tuple[str, DrawnMap]]:
    """Each map and its name, `{method}_{layer}_{checkpoint}`."""
    places = _name_places(findings)
    return [
        (f"{method}_{layer.name}_{place}", drawn)
        for layer in findings.layers
        for method, frames in layer.maps.items()
        for place, drawn in zip(places, frames, strict=True)
    ]


def _write(
    folder: RunFolder,
    findings: ComparisonFindings,
    scores: Mapping[str, Score],
    *,
    style: Style,
    progress: Progress,
) -> list[str]:
    """Pictures, page, tables; returns their names, and that of the page that is last."""
    files = write_figures(folder, COMPARISON_FIGURES, findings, style=style, progress=progress)
    folder.save_text(PAGE, render_comparison_page(findings, style=style))
    folder.save_scores(scores)
    folder.save_table("samples.parquet", _tabulate(findings))
    folder.save_csv("changes.csv", tabulate_changes(findings))
    files += [PAGE, "changes.csv"]
    files += save_thumbnails(folder, findings.subject.thumbnails, n=len(findings.subject.ids))
    report = describe_comparison(findings, files)
    folder.save_text("report.md", render_report_markdown(report))
    folder.save_text("report.html", render_report_html(report))
    return [*files, "scores.json", "samples.parquet", "report.md", "report.html", EXPLORER]


def _tabulate(findings: ComparisonFindings) -> dict[str, Any]:
    """The columns of samples.parquet: judged samples first; what only they have is null for the others."""
    subject = findings.subject
    none = [None] * (len(subject.ids) - subject.n_judged)
    columns: dict[str, Any] = {
        "id": list(subject.ids),
        "text": list(subject.texts),
        "kind": [_spell_kind(subject, kind) for kind in subject.kinds.tolist()],
    }
    places = _name_places(findings)
    for place, answers in zip(places, findings.answers, strict=True):
        columns |= {
            f"correct_{place}": [*answers.right.tolist(), *none],
            f"answer_{place}": [*answers.said, *none],
            f"confidence_{place}": [*answers.confidence.tolist(), *none],
        }
        columns |= {} if answers.ranks is None else {f"rank_{place}": [*answers.ranks.tolist(), *none]}
    return columns | map_columns(_list_maps(findings))


def _spell_kind(subject: Subject, kind: int) -> str | None:
    """A class's name; of a retriever as in its own runs."""
    name = subject.kind_names[kind] if kind >= 0 else None
    return name.replace(" ", "_") if name and subject.study == "embeddings" else name


def _make_manifest(
    findings: ComparisonFindings, settings: CompareSettings, *, files: Sequence[str], runs: Sequence[Path]
) -> dict[str, Any]:
    """What was compared with what, and what was left out."""
    return {
        "study": "comparison",
        "compared": findings.subject.study,
        "settings": record_settings(settings),
        "runs": [str(run) for run in runs],
        "checkpoints": [asdict(checkpoint) for checkpoint in findings.checkpoints],
        "recommended": findings.checkpoints[findings.choice.recommended].name,
        "classes": list(findings.subject.class_names),
        "accounting": asdict(findings.accounting),
        "files": sorted(files),
    }
