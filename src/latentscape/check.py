"""The conductor of the gate: a finished run folder, a policy -> what each line comes to. Nothing in it is touched."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latentscape.disk import make_folder, write_file
from latentscape.errors import GateError, UsageError
from latentscape.measures.gate import (
    DIRECTIONS,
    CheckedRun,
    Condition,
    FlatScores,
    judge_conditions,
    parse_condition,
    set_condition,
)
from latentscape.measures.scales import PUBLISHED_FIGURES, READINESS
from latentscape.pages.junit import render_junit
from latentscape.run_reader import open_run
from latentscape.settings.config_file import load_config
from latentscape.settings.readiness import ReadinessConfig

STUDIED = "_embedding"
"""How the names of a retriever's own maps end, where other layers were drawn too."""


def check_run(folder: str | os.PathLike[str], *, policy: Path | None = None, fail_if: Sequence[str] = ()) -> CheckedRun:
    """Judge the scores of a finished run folder of either study.

    The lines of `policy` state what must hold, `fail_if` what must not. With neither, a run of the embeddings study
    is judged by the published readiness checklist; for any other there is no such list.

    Besides the names of scores.json, an embeddings run can be asked for `figures`, the pictures it wrote, and
    `neighbor_recall`, that of its best map.

    Raises:
        DataError: the folder is not a finished run of ours, or its scores are not the ones it was finished with.
        UsageError: a condition can't be read or names no score of the run; or there is nothing to judge by.
    """
    refused = [parse_condition(text) for text in fail_if]
    asked = load_config(policy, ReadinessConfig).thresholds() if policy is not None else None
    place = Path(folder)
    run = open_run(place)
    study, scores = run.study, run.read_scores()
    is_retriever = study == "embeddings"
    if asked is None and not refused:
        if not is_retriever:
            raise UsageError(
                f"there is no published checklist for a run of `{study}`",
                expected="a policy, or what must not be",
                hint=f'try `latentscape check {place} --fail-if "accuracy<0.6"`, or write lines into a `--policy` file',
                fault="option-missing",
            )
        asked = READINESS
    if not asked and not refused:
        hint = "write at least one line, or leave `--policy` out"
        raise UsageError(
            f"`{policy}` has no lines", expected="lines such as `margin: 0.25`", hint=hint, fault="config-values"
        )
    must = [set_condition(name, value) for name, value in (asked or {}).items()]
    known = {**scores, **(_derive(run.manifest, scores) if is_retriever else {})}
    names = DIRECTIONS if is_retriever else ()
    return CheckedRun(
        folder=str(place),
        study=study,
        policy=_name_policy(policy, must, refused),
        lines=(
            *judge_conditions(must, known, must_hold=True, known=names),
            *judge_conditions(refused, known, must_hold=False, known=names),
        ),
    )


def require_passed(checked: CheckedRun) -> None:
    """Raise GateError, which ends the command with 1, when a line failed."""
    if checked.n_failed:
        raise GateError(
            f"{checked.n_failed} of {len(checked.lines)} lines failed",
            got=f"`{checked.folder}`",
            hint="look at the lines that failed: improve the model or the data, or change what is asked",
        )


def write_junit(checked: CheckedRun, path: Path) -> None:
    """Write JUnit XML, whole or not at all. Raises UsageError or ResourceError where that is not possible."""
    make_folder(path.parent)
    write_file(path, lambda sink: sink.write(render_junit(checked).encode("utf-8")))


def _name_policy(policy: Path | None, must: Sequence[Condition], refused: Sequence[Condition]) -> str:
    lines = f"`{policy}`" if policy is not None else "the published checklist" if must else ""
    return " and ".join(each for each in (lines, "--fail-if" if refused else "") if each)


def _derive(manifest: Mapping[str, Any], scores: FlatScores) -> dict[str, float | int | str | None]:
    """What the checklist asks for that is no score of its own: the pictures written, and the best map's recall."""
    files = manifest.get("files")
    n = sum(name in files for name in PUBLISHED_FIGURES) if isinstance(files, list) else 0
    maps = [name for name in scores if name.startswith("neighbor_recall_") and f"{name}_n" in scores]
    maps = [name for name in maps if name.endswith(STUDIED)] or maps
    measured = {name: value for name in maps if isinstance(value := scores[name], int | float)}
    found: dict[str, float | int | str | None] = {"figures": n, "figures_n": n}
    if not measured:
        reasons = [reason for name in maps if isinstance(reason := scores.get(f"{name}_reason"), str)]
        return found | {"neighbor_recall": None, "neighbor_recall_reason": (*reasons, "no map was drawn")[0]}
    best = max(measured, key=lambda name: measured[name])
    return found | {f"neighbor_recall{tail}": scores.get(best + tail) for tail in ("", "_n", "_low", "_high")}
