"""Where an export may be written: nowhere that is taken."""

import os
from pathlib import Path

from latentscape.disk import explain_errors
from latentscape.errors import UsageError
from latentscape.paths import is_folder as is_there_a_folder
from latentscape.paths import real_path

HINT = "choose another `--output`"


def require_free(output: Path, *, run: Path, is_folder: bool) -> None:
    """Raise UsageError for a path that is taken, that is none, or that lies in the run folder.

    A folder that is empty is free for a folder.
    """
    if "\0" in str(output):
        expected = "the name of a file or folder"
        raise UsageError("`--output` is not a path", expected=expected, hint=HINT, fault="output-unusable")
    if real_path(output).is_relative_to(real_path(run)):
        raise UsageError(
            f"`{output}` lies in the run folder `{run}`",
            expected="a place of its own: a run folder holds what its study wrote",
            hint=HINT,
            fault="output-foreign",
        )
    with explain_errors(output):
        if not os.path.lexists(output) or (is_folder and is_there_a_folder(output) and not any(output.iterdir())):
            return
    what = "a folder that is new or empty" if is_folder else "a file that is not there yet"
    raise UsageError(
        f"`{output}` is there already, and nothing is written over", expected=what, hint=HINT, fault="output-foreign"
    )
