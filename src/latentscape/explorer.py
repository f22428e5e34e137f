"""The last file of every study: explorer.html, one page with everything that can be looked at in the run."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.exploration import Exploration, Numbers
from latentscape.exploring import explore_run
from latentscape.figures.style import Style
from latentscape.output_folder import EXPLORER
from latentscape.pages.explorer_page import render_explorer
from latentscape.progress import SILENT, Progress
from latentscape.shapes import Rows
from latentscape.store import RunFolder


def write_explorer(
    folder: RunFolder,
    manifest: Mapping[str, Any],
    *,
    style: Style,
    roots: Mapping[str, Path] | None = None,
    progress: Progress = SILENT,
) -> None:
    """Write explorer.html from all that is saved so far; `manifest` is what the run will be finished with.

    Sound and pictures are those that the manifest's settings lead to, or lie below `roots` (a folder by the name of
    its data set). Raises ResourceError for a full disk.
    """
    run = folder.as_run(manifest)
    exploration = explore_run(run, style=style)
    if exploration.study != "embeddings" and not _is_bare_map(manifest):
        from latentscape.media import media_of_run  # noqa: PLC0415  soundfile, only where there may be sound

        media = media_of_run(run, exploration.ids, order=sort_worst(exploration), roots=roots, progress=progress)
        exploration = replace(exploration, media=media)
    folder.save_text(EXPLORER, render_explorer(exploration, style=style))


def _is_bare_map(manifest: Mapping[str, Any]) -> bool:
    return manifest["study"] == "map" and not manifest["settings"].get("media")


def sort_worst(exploration: Exploration) -> Rows:
    """All samples, the worst first by what the last checkpoint says of them; those of which it says nothing last."""
    column = exploration.find_column(exploration.answers[-1].worst)
    if not isinstance(column, Numbers):
        return np.arange(exploration.n)
    sign = -1.0 if column.worst == "high" else 1.0
    return np.argsort(sign * column.values, kind="stable")  # NaN sorts last either way
