"""Scores, pictures and points of a training, for the tracker that its user looks at already."""

import importlib
import re
import tempfile
from abc import ABC, abstractmethod
from io import BytesIO
from pathlib import Path
from typing import Any, final

import numpy as np

from latentscape.errors import UsageError, nearest
from latentscape.watch.entry import Entry

PREFIX = "latentscape"
"""In front of every name that a tracker shows."""
MOST_POINTS = 10_000
"""In the projector, which holds them all in the browser."""


class Logger(ABC):
    """One tracker."""

    @abstractmethod
    def write(self, entry: Entry) -> None:
        """Pass on one moment."""

    def close(self) -> None:  # noqa: B027  most have nothing to close
        """Called once, when nothing more comes; what the user opened stays open."""


@final
class TensorBoardLogger(Logger):
    """Scalars, the map, and the points with their metadata in the projector."""

    def __init__(self, writer: Any, *, owned: bool) -> None:
        self._writer, self._owned = writer, owned

    def write(self, entry: Entry) -> None:
        """Pass on one moment."""
        for name, value in entry.scalars.items():
            self._writer.add_scalar(f"{PREFIX}/{name}", value, entry.step)
        if entry.picture is not None:
            self._writer.add_image(f"{PREFIX}/map", _to_pixels(entry.picture), entry.step, dataformats="HWC")
        shown = entry.shown
        columns = {name: values[:MOST_POINTS] for name, values in shown.columns.items()}
        self._writer.add_embedding(
            np.asarray(shown.features[:MOST_POINTS]),
            metadata=[[_one_line(value) for value in row] for row in zip(*columns.values(), strict=True)],
            metadata_header=list(columns),
            global_step=entry.step,
            tag=re.sub(r"[^A-Za-z0-9_.-]", "-", shown.layer),
        )
        self._writer.flush()

    def close(self) -> None:
        """Close the writer, if it is ours."""
        if self._owned:
            self._writer.close()


@final
class WandbLogger(Logger):
    """Scalars and the map, over a step of their own: the run's steps belong to its user."""

    def __init__(self, run: Any, *, owned: bool) -> None:
        self._run, self._owned = run, owned
        run.define_metric(f"{PREFIX}/step")
        run.define_metric(f"{PREFIX}/*", step_metric=f"{PREFIX}/step")

    def write(self, entry: Entry) -> None:
        """Pass on one moment."""
        values: dict[str, Any] = {f"{PREFIX}/{name}": value for name, value in entry.scalars.items()}
        if entry.picture is not None:
            image = _require("wandb").Image
            values[f"{PREFIX}/map"] = image(_to_pixels(entry.picture), caption=entry.name)
        self._run.log({f"{PREFIX}/step": entry.step, **values})

    def close(self) -> None:
        """Finish the run, if it is ours."""
        if self._owned:
            self._run.finish()


@final
class MlflowLogger(Logger):
    """Metrics, and the map as an artifact."""

    def __init__(self, run: Any, *, owned: bool) -> None:
        self._id, self._owned = run.info.run_id, owned
        self._client = _require("mlflow").MlflowClient()

    def write(self, entry: Entry) -> None:
        """Pass on one moment."""
        for name, value in entry.scalars.items():
            plain = re.sub(r"[^\w.\- /:]", "_", name, flags=re.ASCII)
            self._client.log_metric(self._id, f"{PREFIX}/{plain}"[:250], value, step=entry.step)
        if entry.picture is not None:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / f"{entry.name}.png"
                path.write_bytes(entry.picture)
                self._client.log_artifact(self._id, str(path), PREFIX)

    def close(self) -> None:
        """End the run, if it is ours."""
        if self._owned:
            self._client.set_terminated(self._id)


def open_logger(wanted: Any, *, folder: Path | None) -> Logger | None:
    """The logger of a name, or of a writer or run that is open; without a folder only checked, and None.

    Raises UsageError for an unknown name or thing, and for a tracker that is not installed.
    """
    kind = wanted if isinstance(wanted, str) else _recognize(wanted)
    if kind not in _OPENERS:
        raise UsageError(
            "unknown logger",
            got=repr(wanted)[:80],
            expected=f"{', '.join(_OPENERS)}, or a SummaryWriter, a wandb or an MLflow run",
            hint=nearest(wanted, _OPENERS) if isinstance(wanted, str) else "give its name, or its open writer or run",
            fault="option-value",
        )
    if folder is None:
        if isinstance(wanted, str):
            _require(*_OPENERS[kind][1])
        return None
    return _OPENERS[kind][0](None if isinstance(wanted, str) else wanted, folder)


def _recognize(wanted: Any) -> str:
    if hasattr(wanted, "add_scalar"):
        return "tensorboard"
    if hasattr(wanted, "define_metric"):
        return "wandb"
    return "mlflow" if hasattr(getattr(wanted, "info", None), "run_id") else ""


def _open_tensorboard(writer: Any, folder: Path) -> Logger:
    if writer is not None:
        return TensorBoardLogger(writer, owned=False)
    made = _require("torch.utils.tensorboard", "tensorboard").SummaryWriter(str(folder / "tensorboard"))
    return TensorBoardLogger(made, owned=True)


def _open_wandb(run: Any, folder: Path) -> Logger:
    found = run or _require("wandb").run
    if found is not None:
        return WandbLogger(found, owned=False)
    return WandbLogger(_require("wandb").init(project=PREFIX, dir=str(folder)), owned=True)


def _open_mlflow(run: Any, _: Path) -> Logger:
    mlflow = _require("mlflow")
    found = run or mlflow.active_run()
    if found is not None:
        return MlflowLogger(found, owned=False)
    experiment = mlflow.get_experiment_by_name(PREFIX)
    number = experiment.experiment_id if experiment else mlflow.create_experiment(PREFIX)
    return MlflowLogger(mlflow.MlflowClient().create_run(number), owned=True)


_OPENERS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "tensorboard": (_open_tensorboard, ("torch.utils.tensorboard", "tensorboard")),
    "wandb": (_open_wandb, ("wandb",)),
    "mlflow": (_open_mlflow, ("mlflow",)),
}
"""Name -> how it is opened, and the module it needs, with the extra that brings it where that is called otherwise."""


def _require(module: str, extra: str = "") -> Any:
    """The module, imported only now. Raises UsageError that says how to install it."""
    extra = extra or module
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(
            f"the logger `{extra}` needs a package that is not installed",
            got=str(error),
            hint=f'pip install "latentscape[{extra}]"',
            fault="extra-missing",
        ) from error


def _to_pixels(png: bytes) -> np.ndarray:
    from PIL import Image  # noqa: PLC0415  comes with matplotlib, which drew the picture

    with Image.open(BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"))


def _one_line(text: str) -> str:
    """What a table with tabs can hold; never empty, which the projector would take for a missing cell."""
    return re.sub(r"\s+", " ", str(text)).strip() or "-"
