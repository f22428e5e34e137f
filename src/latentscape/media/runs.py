"""A run folder -> the sound or picture of each of its samples, as its page takes them along."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from latentscape.exploration import Media
from latentscape.media.clips import pack_clips
from latentscape.media.links import link_media
from latentscape.media.places import locate_files, name_roots
from latentscape.progress import SILENT, Progress
from latentscape.run_reader import FinishedRun
from latentscape.settings import EMBED_AUDIO
from latentscape.shapes import Rows

MEGABYTE = 1_000_000
_IN_PAGE = 4 / 3
"""Bytes become text of a third more on their way into a page."""


def media_of_run(
    run: FinishedRun,
    ids: Sequence[str] | None,
    *,
    order: Rows | None = None,
    roots: Mapping[str, Path] | None = None,
    progress: Progress = SILENT,
) -> Media | None:
    """The media of a run's samples, with clips inside as its settings say; None where there are none.

    Only for a run that this process has made, unless `roots` (folder by name of data set) are given: without them the
    manifest says which folders are read. `order` are rows, the most wanted first.
    """
    settings = run.manifest.get("settings")
    settings = settings if isinstance(settings, Mapping) else {}
    if not ids:
        if settings.get("media"):
            progress.say("no pictures or clips on the page: samples without names; give their file names with `--ids`")
        return None
    roots = _find_roots(run, ids, settings) if roots is None else roots
    if not roots:
        return None
    paths = locate_files(ids, roots)
    media = link_media(run.path, paths)
    budget = int(_read_megabytes(settings) * MEGABYTE / _IN_PAGE)
    media = pack_clips(media, paths, order=order, budget_bytes=budget, progress=progress)
    n_found = sum(bool(link) or row in media.files for row, link in enumerate(media.links))
    if n_found < len(ids):
        kind = "clip" if media.kind == "audio" else "picture"
        progress.say(
            f"{len(ids) - n_found:,} of {len(ids):,} samples have no {kind} on the page: not found, or unreadable"
        )
    return media if n_found else None


def _find_roots(run: FinishedRun, ids: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Path]:
    if run.study == "map":
        folder = settings.get("media")
        return {"": Path(folder)} if isinstance(folder, str) else {}
    return name_roots(run.manifest, ids)


def _read_megabytes(settings: Mapping[str, Any]) -> float:
    """What sound may add to the page; a run of an older version does not say."""
    value = settings.get("embed_audio")
    return float(value) if isinstance(value, int | float) and 0 <= value < float("inf") else EMBED_AUDIO
