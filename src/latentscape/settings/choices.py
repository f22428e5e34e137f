"""What the choices of several commands have in common."""

import re
from dataclasses import fields
from math import inf, nan
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal, get_args

from latentscape.errors import UsageError
from latentscape.object_store import as_uri, check_uri

Device = Literal["auto", "cpu", "cuda", "mps"]
Engine = Literal["local", "ray"]
HOW_TO_RUN = ("resume", "fresh", "max_failed", "shards", "engine", "workers", "gpus_per_worker")
"""Choices that leave no trace: a run that was stopped and resumed, or done by other workers, has the same bytes."""
LEAST_SHARE = 0.0001
"""Of a GPU: Ray counts in these."""
_SHARE = re.compile(r"(\d+(?:\.\d+)?)(%?)")


def record_settings(settings: Any) -> dict[str, Any]:
    """Every choice of a command that can change what the run folder holds, as JSON values for its manifest."""
    kept = [item.name for item in fields(settings) if item.name not in HOW_TO_RUN]
    return {name: _record_value(getattr(settings, name)) for name in kept}


def most_failures(limit: str | None, *, n_read: int) -> float:
    """How many of `n_read` samples may fail by `--max-failed`; infinity without it.

    >>> most_failures("1%", n_read=500), most_failures("20", n_read=500)
    (5.0, 20.0)
    """
    found = _SHARE.fullmatch(limit.strip()) if limit is not None else None
    if found is None:
        return inf
    return float(found[1]) * n_read / 100 if found[2] else float(found[1])


def _record_value(value: object) -> object:
    if isinstance(value, Path):
        return as_uri(value) or str(value)
    return [_record_value(each) for each in value] if isinstance(value, tuple) else value


def split_patterns(patterns: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """One name each, however they were separated."""
    return patterns and tuple(name.strip() for pattern in patterns for name in pattern.split(",") if name.strip())


def check_draw(max_samples: int, seed: int) -> None:
    """Raise UsageError for a number of samples or a seed out of range."""
    if max_samples < 0:
        raise bad_value("max-samples", max_samples, "0 (all) or more")
    if not 0 <= seed < 2**32:
        raise bad_value("seed", seed, "0 to 4294967295")


def check_workers(settings: Any) -> None:
    """Raise UsageError for who is to do the work: an engine there is not, or a number that is out of range."""
    engines, n_workers = get_args(Engine), settings.workers
    if settings.engine not in engines:
        raise bad_value("engine", settings.engine, " or ".join(engines))
    if isinstance(n_workers, bool) or not isinstance(n_workers, Integral) or n_workers < 0:
        raise bad_value("workers", n_workers, "0 (as many as the cluster has room for) or a larger whole number")
    share = getattr(settings, "gpus_per_worker", 1.0)
    number = float(share) if isinstance(share, Real) and not isinstance(share, bool) else nan
    if not (LEAST_SHARE <= number < inf and (number <= 1 or number.is_integer())):
        wanted = f"a share of one GPU, {LEAST_SHARE:g} to 1, such as 0.5, or a whole number of GPUs"
        raise bad_value("gpus-per-worker", share, wanted)


def bad_value(option: str, value: object, expected: str) -> UsageError:
    """The error for an option whose value is out of range."""
    hint = "`latentscape COMMAND --help` lists the options"
    return UsageError(f"a bad `--{option}`", got=str(value), expected=expected, hint=hint, fault="option-value")


def check_numbers(settings: Any) -> None:
    """Raise UsageError for a number that both studies of a model take and that is out of range."""
    check_draw(settings.max_samples, settings.seed)
    check_workers(settings)
    if settings.batch_size is not None and settings.batch_size < 1:
        raise bad_value("batch-size", settings.batch_size, "1 or more")
    if settings.layers is not None and not settings.layer_patterns:
        raise UsageError("an empty `--layers`", hint="`--list-layers` shows the names", fault="option-value")
    if settings.max_failed is not None and not _SHARE.fullmatch(settings.max_failed.strip()):
        raise bad_value("max-failed", settings.max_failed, "a number of samples or a share, such as `20` or `1%`")
    if uri := as_uri(settings.shards):
        check_uri(uri)
    if settings.resume and settings.fresh:
        raise UsageError("`--resume` and `--fresh` exclude each other", hint="leave one out", fault="option-conflict")
