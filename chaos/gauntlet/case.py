"""One bad input: how to make it, and the verdict that is expected."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a case may write, and the good inputs it starts from (never changed)."""

    folder: Path
    """Empty; the command runs here."""
    speech_folder: Path
    """`speech/ravdess`, `speech/crema` (clips of three speakers each), made by `latentscape.demo`."""
    speech_checkpoint: Path
    pairs: Path
    retriever: Path
    """A checkpoint whose base encoder lies beside it."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A bad input. `code` 0: the study must finish and its report say what it left out (`told`)."""

    name: str
    """Unique, words with hyphens."""
    group: str
    """`config`, `model`, `audio`, `text`, `vectors`, `map`, `labels`, `runs`, `output`."""
    write: Callable[[Place], Sequence[object]]
    """Makes the input below `place.folder` and returns the words of the command, without `--output`."""
    code: int
    fault: str = ""
    """The id of the error, one of `latentscape.faults.FAULTS`; empty where the code is 0."""
    told: Sequence[str] = ()
    """Words of which each must stand on stderr (code 0: in report.md): the file, row or key; besides it a hint."""
    output: str = "run"
    """What `--output` names, from `place.folder`; empty: the command takes none."""
    counts: tuple[int, int, int] | None = None
    """For a study that finishes: how many samples were studied, skipped and failed, exactly."""
    listed: str = ""
    """Which of the 66 inputs that the tool was designed against it tries: `config 3`; several may try one."""


def finishes(
    group: str,
    name: str,
    write: Callable[[Place], Sequence[object]],
    *told: str,
    counts: tuple[int, int, int],
    listed: str = "",
) -> Case:
    """A case whose study finishes: so many samples are studied, skipped and failed, and its report tells why."""
    return Case(name=name, group=group, write=write, code=0, told=told, counts=counts, listed=listed)
