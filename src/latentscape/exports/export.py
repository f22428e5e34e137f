"""The one door out: which run, to which program, where to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from latentscape.errors import UsageError, nearest
from latentscape.exports.contents import Contents, read_contents
from latentscape.exports.embedding_atlas import write_atlas
from latentscape.exports.flat_tables import write_csv, write_parquet
from latentscape.exports.places import require_free
from latentscape.exports.tensorboard import write_projector
from latentscape.progress import SILENT, Progress
from latentscape.run_reader import open_run

Format = Literal["tensorboard", "embedding-atlas", "parquet", "csv"]
FORMATS: tuple[str, ...] = get_args(Format)


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What was written, and the command that opens it."""

    path: Path
    files: tuple[Path, ...]
    n_samples: int
    command: str = ""
    """Empty where any program opens it."""


_WRITERS: Mapping[str, Callable[[Contents, Path], tuple[tuple[Path, ...], str]]] = {
    "tensorboard": write_projector,
    "embedding-atlas": write_atlas,
    "parquet": write_parquet,
    "csv": write_csv,
}
"""Each takes what is to be written and where to; returns the files and the command that opens them."""


def export_run(run: Path, *, to: str, output: Path, layer: str | None = None, progress: Progress = SILENT) -> Exported:
    """Write what a finished run holds for another program; nothing that is there is written over.

    `output` is a folder for TensorBoard, else a file. `layer` leaves the others out. Every file that is read is proven
    by its checksum, and the run folder stays as it is.

    Raises UsageError for an unknown format or layer and for an output that is taken, DataError for a run that is
    unfinished, damaged or has nothing of what the format shows, ResourceError for a disk that is full.
    """
    if to not in FORMATS:
        expected, hint = ", ".join(FORMATS), nearest(to, FORMATS)
        raise UsageError(f"unknown format `{to}`", expected=expected, hint=hint, fault="option-value")
    require_free(output, run=run, is_folder=to == "tensorboard")
    if to == "embedding-atlas" and output.suffix.lower() != ".parquet":
        what, hint = f"Embedding Atlas would not take `{output}` for Parquet", "end the name with `.parquet`"
        raise UsageError(what, expected="a name that ends with `.parquet`", hint=hint, fault="option-value")
    finished = open_run(run)
    progress.say(f"reading {run}")
    contents = read_contents(finished, layer=layer)
    files, command = _WRITERS[to](contents, output)
    return Exported(path=output, files=files, n_samples=contents.n, command=command)
