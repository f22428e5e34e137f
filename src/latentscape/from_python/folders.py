"""Where the run of a study of Python values lies: where the user says, else for as long as the study is there."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import final

from latentscape.paths import expand_home


@final
class Lease:
    """Keeps a temporary folder for as long as it is there itself."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="latentscape-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


def choose_folder(output: str | Path | None) -> tuple[Path, Lease | None]:
    """The run folder, and what keeps it where it is a temporary one."""
    if output is not None:
        return expand_home(output), None
    lease = Lease()
    return lease.folder / "run", lease
