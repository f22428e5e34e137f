"""The weight receipt in words: what every page has at its foot and every picture of a model in its file."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeGuard

from latentscape.figures.render import tidy
from latentscape.findings import ModelCard
from latentscape.plain_text import clean_text

IN_MEMORY = "those of the module in memory; there was no file to prove them by"
MOST_NAMES = 5
"""Names of tensors written out; the rest is counted."""
LONGEST_NAME = 80
BARE = ("", "bare", "safetensors")
"""Wrappers of files that are nothing but tensors."""
LISTS = (
    (("allowed",), "Not from the checkpoint, and allowed by the user"),
    (("side_branch", "side_branches"), "Left out, no layer looked at depends on it"),
    (("tied",), "In the file under another name that shares their memory"),
    (("set_aside",), "In the file beside the model, and not needed"),
)
"""Keys of the receipt (the first that is there counts) and what their names are."""
DEPTH = 3
"""Steps down to the deepest that is told: the files of the base model."""
LARGEST_COUNT = 2**53


def tidy_receipt(receipt: object) -> dict[str, Any]:
    """What of a receipt in a manifest can be told: a folder may come from anywhere. Empty where nothing can."""
    tidied = _tidy(receipt, depth=DEPTH)
    return tidied if isinstance(tidied, dict) else {}


def tidy_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that are plain: text, numbers, yes or no."""
    return {clean_text(key): _tidy(value, depth=0) for key, value in values.items() if _is_plain(value)}


def list_receipt(model: ModelCard) -> list[str]:
    """The receipt as sentences; none where nothing was loaded from a checkpoint."""
    if not model.n_tensors_total:
        return []
    if model.in_memory:
        return [f"Weights: {IN_MEMORY}{_say_digest(model.sha256)}."]
    return [_say_matched(model), *_say_changes(model.receipt), *_say_names(model.receipt)]


def say_receipt(model: ModelCard) -> str:
    """The receipt in one line."""
    return " ".join(list_receipt(model))


def _tidy(value: Any, *, depth: int) -> Any:
    """Plain values, and lists and entries of them; None for anything else."""
    if _is_plain(value):
        return clean_text(value) if isinstance(value, str) else value
    if depth and isinstance(value, Mapping):
        found = {clean_text(key): _tidy(each, depth=depth - 1) for key, each in value.items()}
        return {key: each for key, each in found.items() if each is not None}
    if depth and isinstance(value, list | tuple):
        listed = [_tidy(each, depth=depth - 1) for each in value]
        return None if None in listed else listed
    return None


def _is_plain(value: object) -> bool:
    if isinstance(value, int):
        return abs(value) < LARGEST_COUNT
    return isinstance(value, str) or (isinstance(value, float) and math.isfinite(value))


def _say_matched(model: ModelCard) -> str:
    tensors = _say_part(model.n_tensors_matched, model.n_tensors_total, "tensors")
    receipt = model.receipt
    live, known = receipt.get("n_parameters", model.n_parameters), receipt.get("n_parameters_matched")
    parameters = f" and {_say_part(known, live, 'parameters')}" if _is_count(known) and _is_count(live) else ""
    return f"Weights: {tensors}{parameters} are those of {_say_sources(model)}, bit for bit."


def _say_sources(model: ModelCard) -> str:
    """The file, and the model that it builds on where tensors are that one's."""
    base = model.receipt.get("base")
    file = f"{_name(model.checkpoint)}{_say_digest(model.sha256)}"
    if not isinstance(base, Mapping):
        return file
    files, n_tensors = base.get("files"), base.get("n_tensors")
    digest = next(iter(files.values())) if isinstance(files, Mapping) and len(files) == 1 else ""
    named = f"{_name(_join(base.get('name', '')))}{_say_digest(digest)}"
    if not _is_count(n_tensors) or n_tensors >= model.n_tensors_matched:
        return named
    return f"{file} and, {n_tensors:,} of them, of the model it builds on, {named}"


def _say_digest(sha256: object) -> str:
    return f" (SHA-256 {tidy(str(sha256), limit=LONGEST_NAME)})" if sha256 else ""


def _say_part(part: int, whole: int, noun: str) -> str:
    """A part of a whole with its percentage, rounded down: 100 % only where it is all.

    >>> _say_part(210, 211, "tensors")
    '210 of 211 tensors (99.5 %)'
    """
    percent = 100 if part >= whole else int(1000 * part / whole) / 10
    return f"{part:,} of {whole:,} {noun} ({percent:g} %)"


def _say_changes(receipt: Mapping[str, Any]) -> Iterable[str]:
    """What was taken off the names in the file, and which adapter was merged in."""
    wrapper, prefix, inner, adapter = (receipt.get(key) for key in ("wrapper", "prefix", "inner", "adapter"))
    if wrapper and wrapper not in BARE:
        yield f"They were read from the entry {_name(_join(wrapper))} of the file."
    if prefix:
        yield f"{_name(_join(prefix))} was taken off the names in the file."
    if inner:
        yield f"{_name(_join(inner))} was taken out of the middle of names."
    if adapter:
        yield f"Then {_say_adapter(adapter)} was added to them."


def _say_adapter(adapter: object) -> str:
    if not isinstance(adapter, Mapping):
        return f"the adapter {_name(_join(adapter))}"
    kind, digest, base = (adapter.get(key) for key in ("kind", "sha256", "base"))
    changed, trained = adapter.get("n_modules_changed"), f", trained on {_name(_join(base))}," if base else ""
    where = f" in {changed:,} modules" if _is_count(changed) else ""
    return f"an adapter ({tidy(_join(kind or 'unknown'), limit=20)}){_say_digest(digest)}{where}{trained}"


def _say_names(receipt: Mapping[str, Any]) -> Iterable[str]:
    for keys, meaning in LISTS:
        found = next((receipt[key] for key in keys if receipt.get(key)), ())
        listed = [found] if isinstance(found, str) else found if isinstance(found, Sequence) else []
        names = [_join(each) for each in listed]
        if names:
            more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
            yield f"{meaning} ({len(names):,}): {', '.join(map(_name, names[:MOST_NAMES]))}{more}."


def _join(value: object) -> str:
    """A plain value of the receipt as text."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_join(each)}" for key, each in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return " = ".join(map(_join, value))
    return str(value)


def _name(text: str) -> str:
    return f"`{tidy(text, limit=LONGEST_NAME)}`"


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
