"""What every watch does: log a model of this moment without disturbing its training, and compare all moments."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from latentscape.errors import LatentscapeError, UsageError, nearest
from latentscape.findings import ModelCard
from latentscape.measures.score import Score
from latentscape.store import RunFolder
from latentscape.watch.entry import Entry, Shown
from latentscape.watch.frames import METHODS, Frames
from latentscape.watch.loggers import Logger, open_logger
from latentscape.watch.undisturbed import find_bare_model, is_first_process, undisturbed
from latentscape.watch.weights import digest_weights, make_card

if TYPE_CHECKING:
    from latentscape.compare import ComparisonStudy

COMPARISON = "comparison"
"""The folder of the comparison, inside the output."""
FAILED = "this could not be watched, the training goes on"


@dataclass(kw_only=True, eq=False)
class Watch(ABC):
    """Held-out samples that a model in training is shown again and again.

    `log` writes a run folder a time, which `latentscape compare` and `latentscape check` read as any other.
    """

    output: str | Path = "runs/watch"
    """The folder that gets a run folder for each `log`, and the comparison."""
    batch_size: int = 32
    max_samples: int = 2_000
    """At most this many samples (queries of a retriever), drawn once at random; 0 = all."""
    seed: int = 42
    loggers: Sequence[Any] = ()
    """Where scores and pictures go besides: `tensorboard`, `wandb`, `mlflow`, or a writer or run of theirs."""
    picture: str = "tsne"
    """The map that the loggers get: `tsne`, `umap`, `pca`, or empty for none. Without loggers none is drawn."""
    strict: bool = False
    """Raise what goes wrong in `log`. Else it is a warning, each once, and the training goes on."""
    runs: dict[str, Path] = field(init=False, default_factory=dict)
    """Name -> run folder of everything logged, in order."""
    last_step: int | None = field(init=False, default=None)
    _digests: set[str] = field(init=False, default_factory=set)
    _warned: set[str] = field(init=False, default_factory=set)
    _open: list[Logger] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.output = Path(self.output)
        if self.batch_size < 1 or self.max_samples < 0:
            got = f"batch size {self.batch_size}, {self.max_samples} samples"
            raise UsageError(
                "there is nothing to watch",
                got=got,
                expected="a batch of 1 or more, 0 (all) or more",
                hint="leave `batch_size` and `max_samples` out for their defaults",
                fault="option-value",
            )
        if self.picture and self.picture not in METHODS:
            raise UsageError(
                f"unknown picture `{self.picture}`",
                expected=", ".join(METHODS),
                hint=nearest(str(self.picture), METHODS),
                fault="option-value",
            )
        for each in self.loggers:  # a wrong name is said before the training starts
            open_logger(each, folder=None)
        self._frames = Frames(self.picture, seed=self.seed)

    def log(self, model: Any, step: int, epoch: float | None = None, *, name: str = "") -> Mapping[str, Score]:
        """Show the samples to the model as it is now, write `output/step_000100/`, and return its scores.

        The model, its training and all random numbers are as before. In other processes than the first nothing
        happens. What goes wrong is warned of once and gives no scores, unless `strict`.
        """
        if not is_first_process():
            return {}
        try:
            bare = find_bare_model(model)
            with undisturbed(bare):
                return self._log(bare, int(step), None if epoch is None else float(epoch), name=name)
        except Exception as error:
            if self.strict:
                raise
            self.warn(error)
            return {}

    def has_logged(self, model: Any) -> bool:
        """Whether a model with these very weights was logged."""
        return is_first_process() and digest_weights(find_bare_model(model)) in self._digests

    def finish(self) -> "ComparisonStudy | None":
        """Compare everything logged, in `output/comparison/`; None with fewer than two, and in other processes.

        What goes wrong is warned of, unless `strict`.
        """
        for logger in self._open or ():
            self._try(logger.close)
        self._open = None
        if len(self.runs) < 2 or not is_first_process():
            return None
        with undisturbed(nn.Module()):
            return self._try(self._compare)

    def warn(self, error: Exception) -> None:
        """Say what went wrong, once, and that the training goes on."""
        self.remark(f"{FAILED}: {describe(error)}")

    def remark(self, what: str) -> None:
        """A warning, each once."""
        if what not in self._warned:
            self._warned.add(what)
            warnings.warn(f"latentscape: {what}", RuntimeWarning, stacklevel=2)

    @abstractmethod
    def _write(self, folder: RunFolder, model: Any, card: ModelCard) -> tuple[Mapping[str, Score], Shown]:
        """Read the model and finish the run folder; its scores, and what a picture of it shows."""

    def _log(self, model: Any, step: int, epoch: float | None, *, name: str) -> Mapping[str, Score]:
        name = name or name_step(step)
        trained = {"step": step, **({} if epoch is None else {"epoch": epoch})}
        card = make_card(model, name=name, sha256=digest_weights(model), trained=trained)
        with RunFolder(Path(self.output) / name) as folder:
            scores, shown = self._write(folder, model, card)
        self.runs.pop(name, None)
        self.runs[name] = folder.path
        self.last_step = step
        self._digests.add(card.sha256)
        if self.loggers:
            self._tell(Entry(name=name, step=step, epoch=epoch, scores=scores, shown=shown, frames=self._frames))
        return scores

    def _tell(self, entry: Entry) -> None:
        """Every logger that works gets the entry, whatever becomes of the others."""
        if self._open is None:
            opened = [self._try(open_logger, each, folder=Path(self.output)) for each in self.loggers]
            self._open = [logger for logger in opened if logger is not None]
        for logger in self._open:
            self._try(logger.write, entry)

    def _try(self, do: Any, *values: Any, **keywords: Any) -> Any:
        try:
            return do(*values, **keywords)
        except Exception as error:
            if self.strict:
                raise
            self.warn(error)
            return None

    def _compare(self) -> "ComparisonStudy":
        from latentscape.compare import compare_runs  # noqa: PLC0415  pictures and pages, only at the end
        from latentscape.settings import CompareSettings  # noqa: PLC0415  as above

        settings = CompareSettings(output=Path(self.output) / COMPARISON, seed=self.seed)
        return compare_runs(list(self.runs.values()), settings)


def name_step(step: int) -> str:
    """The name of a moment, which sorts as the steps do.

    >>> name_step(100)
    'step_000100'
    """
    return f"step_{step:06d}"


def describe(error: Exception) -> str:
    """What went wrong, for a person."""
    return error.describe() if isinstance(error, LatentscapeError) else f"{type(error).__name__}: {error}"


def say_failure(error: Exception) -> None:
    """Warn that there is nothing to log with."""
    warnings.warn(f"latentscape: {FAILED}: {describe(error)}", RuntimeWarning, stacklevel=2)
