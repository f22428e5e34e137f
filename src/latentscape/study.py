"""What both studies say the same way: which maps they draw, which model they saw, what the run was made with."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from latentscape.datasets.labeled import Content, LabeledSamples
from latentscape.errors import TooManyFailuresError
from latentscape.findings import Accounting, ModelCard
from latentscape.layer_maps import VERSIONED
from latentscape.paths import hash_file
from latentscape.settings import most_failures

MODEL_VERSIONED = (*VERSIONED, "torch", "transformers", "tokenizers", "pillow", "soxr", "soundfile")
"""Packages whose version may change a feature or a map."""


def choose_methods(*, skip_tsne: bool, skip_umap: bool) -> tuple[str, ...]:
    """Map methods to draw; PCA where both of the others are skipped, so that there is always something to look at."""
    return tuple(name for name, skipped in (("tsne", skip_tsne), ("umap", skip_umap)) if not skipped) or ("pca",)


def digest(values: Sequence[Any]) -> str:
    """SHA-256 over plain JSON values: stands for long inputs in a stage's record."""
    return hashlib.sha256(json.dumps(values).encode("ascii")).hexdigest()


def digest_samples(samples: LabeledSamples) -> str:
    """SHA-256 over the samples' names and what they are made of."""
    return digest([[name, _hash_content(content)] for name, content in zip(samples.ids, samples.contents, strict=True)])


def _hash_content(content: Content) -> str:
    """SHA-256 of a file, a text or bytes; empty where a file can't be read, which loading it will say."""
    if isinstance(content, Path):
        try:
            return hash_file(content)
        except OSError:
            return ""
    raw = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return hashlib.sha256(raw).hexdigest()


def make_model_card(receipt: Any, *, name: str, checkpoint: str, sha256: str, metadata: Mapping[str, Any]) -> ModelCard:
    """What every page says of the model: its receipt, what it says of its training, and the stamps it must carry."""
    trained = {key: value for key, value in metadata.items() if isinstance(value, str | int | float)}
    return ModelCard(
        name=name,
        checkpoint=checkpoint,
        sha256=sha256,
        n_parameters=receipt.n_parameters,
        n_tensors_matched=len(receipt.matched),
        n_tensors_total=receipt.n_tensors,
        trained=trained,
        stamps=_stamp(receipt.allowed),
        receipt=receipt.to_dict(),
    )


def _stamp(allowed: Sequence[str]) -> tuple[str, ...]:
    if not allowed:
        return ()
    shown = ", ".join(allowed[:3]) + (f" and {len(allowed) - 3} more" if len(allowed) > 3 else "")
    return (f"NOT FULLY LOADED: {len(allowed)} tensor(s) did not come from the checkpoint ({shown})",)


def require_enough(accounting: Accounting, max_failed: str | None) -> None:
    """Raise TooManyFailuresError where more samples failed than `--max-failed` allows; all is written by then."""
    n_read = accounting.n_in - accounting.n_skipped
    if accounting.n_failed <= most_failures(max_failed, n_read=n_read):
        return
    first = accounting.failed[0]
    raise TooManyFailuresError(
        "too many samples failed",
        got=f"{accounting.n_failed:,} of {n_read:,}, the first is {first.id}: {first.reason}",
        expected=f"at most {max_failed}",
        hint="the run folder is whole; manifest.json names every sample that failed and why",
    )


def make_manifest(
    study: str,
    *,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Any],
    model: ModelCard,
    accounting: Accounting,
    files: Sequence[str],
    extraction: Mapping[str, Any],
    facts: Mapping[str, Any],
) -> dict[str, Any]:
    """What the run was made with and what it left: manifest.json but for the checksums. No time and no host: the same
    run gives the same bytes. `facts` are what a reader of its arrays needs to know besides."""
    return {
        **facts,
        "study": study,
        "settings": dict(settings),
        "inputs": dict(inputs),
        "model": asdict(model),
        "accounting": asdict(accounting),
        "extraction": dict(extraction),
        "files": sorted(files),
    }
