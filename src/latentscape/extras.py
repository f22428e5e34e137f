"""A library that is not installed -> the extra that brings it, and the one line that installs it."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import ModuleType

from latentscape.errors import UsageError

EXTRAS: Mapping[str, Sequence[str]] = {
    "torch": ("torch", "speech", "text", "images"),
    "transformers": ("speech", "text", "images"),
    "tokenizers": ("speech", "text", "images"),
    "huggingface_hub": ("speech", "text", "images"),
    "sentence_transformers": ("text",),
    "soundfile": ("speech",),
    "soxr": ("speech",),
    "datasets": ("datasets",),
    "ray": ("ray",),
    "starlette": ("serve",),
    "uvicorn": ("serve",),
    "duckdb": ("serve",),
    "tensorboard": ("tensorboard",),
    "wandb": ("wandb",),
    "mlflow": ("mlflow",),
    "lightning": ("lightning",),
}
"""Module -> the extras of pyproject.toml that bring it, the smallest first."""
ALONE: Mapping[str, str] = {"timm": "timm", "pandas": "pandas", "polars": "polars", "sklearn": "scikit-learn"}
"""Modules of no extra -> the package that holds them: needed only where a user brings something of theirs."""
BRINGS: Mapping[str, str] = {
    "torch": "torch alone",
    "speech": "models of speech",
    "text": "models of text",
    "images": "models of images",
}


class MissingExtraError(UsageError, ImportError):
    """A library that this needs is not installed. An ImportError as well, for code that only asks whether it is."""

    fault = "extra-missing"


def explain_missing(error: ImportError) -> MissingExtraError | None:
    """What to install, where a library of an extra could not be found; None where it is anything else."""
    if isinstance(error, MissingExtraError):
        return error
    module = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or not (module in EXTRAS or module in ALONE):
        return None
    return MissingExtraError(f"this needs {module}, which is not installed", hint=_spell_install(module))


def import_or_explain(module: str) -> ModuleType:
    """Import a module of ours; raises MissingExtraError where it needs a library of an extra that is not there."""
    try:
        return import_module(module)
    except ImportError as error:
        explained = explain_missing(error)
        if explained is None:
            raise
        raise explained from error


def _spell_install(module: str) -> str:
    if module in ALONE:
        return f"pip install {ALONE[module]}"
    extras = EXTRAS[module]
    named = [f"'latentscape[{extra}]'" + (f" for {BRINGS[extra]}" if len(extras) > 1 else "") for extra in extras]
    return f"pip install {', '.join(named)}"
