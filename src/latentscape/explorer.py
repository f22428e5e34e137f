"""The last files of every study: explorer.html with everything there is to see of the run, and a page of each map."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.exploration import Exploration, Frame, Media, Numbers
from latentscape.exploring import explore_run
from latentscape.figures.style import Style
from latentscape.figures.words import say_count, say_method
from latentscape.findings import title_layer
from latentscape.output_folder import EXPLORER
from latentscape.pages.explorer_page import render_explorer
from latentscape.plain_text import safe_name
from latentscape.progress import SILENT, Progress
from latentscape.run_reader import FinishedRun
from latentscape.shapes import Rows
from latentscape.store import RunFolder

MEGABYTE = 1_000_000
_IN_PAGE = 4 / 3
"""Bytes become text of a third more on their way into a page."""
EMBED_IMAGES = 4.0
"""MB of thumbnails in a page where the settings do not say."""
MAP_PAGE_IMAGES = 60_000
"""Bytes of thumbnails in the page of one map."""
MAP_PAGE_BARS = 48
"""Of a waveform there."""
ONE_MAP = "This page shows one map; explorer.html beside it has all of them."


def name_map_page(method: str, layer: str = "") -> str:
    """The file of the page of one map; a study lists it in its manifest to have it written.

    >>> name_map_page("tsne", "mlp"), name_map_page("umap")
    ('tsne_mlp_interactive.html', 'umap_interactive.html')
    """
    return "_".join(filter(None, [method, safe_name(layer) if layer else "", "interactive.html"]))


def write_pages(
    folder: RunFolder,
    manifest: Mapping[str, Any],
    *,
    style: Style,
    roots: Mapping[str, Path] | None = None,
    progress: Progress = SILENT,
) -> None:
    """Write explorer.html from all that is saved so far, and the page of each map that the manifest lists.

    `manifest` is what the run will be finished with. Sound and pictures are those that its settings lead to, or lie
    below `roots` (a folder by the name of its data set). Raises ResourceError for a full disk.
    """
    run = folder.as_run(manifest)
    exploration = explore_run(run, style=style)
    order = sort_worst(exploration)
    exploration = _add_media(run, exploration, order=order, roots=roots, progress=progress)
    folder.save_text(EXPLORER, render_explorer(_fit(exploration, order, _read_room(manifest)), style=style))
    pages = _list_pages(exploration, manifest.get("files") or ())
    for name, frame in progress.track(pages.items(), label="pages of maps", total=len(pages)):
        only = _fit(show_one_map(exploration, frame), order, MAP_PAGE_IMAGES)
        folder.save_text(name, render_explorer(only, style=style))


def show_one_map(exploration: Exploration, frame: Frame) -> Exploration:
    """What the page of one map shows: the map, its layer's neighbors, the samples as they are; sound lies beside it."""
    is_map, name = exploration.study == "map", say_method(frame.method)
    source = exploration.title.rpartition(" · ")[0]
    what = f"{say_count(exploration.n, 'sample')} of {source}" if is_map else f"The {title_layer(frame.layer)} layer"
    about = f"{what}, drawn by {name}"
    facts = {name: value for name, value in exploration.facts.items() if name != "layers"}
    return replace(
        exploration,
        title=" · ".join([*([] if is_map else [title_layer(frame.layer)]), name, exploration.title]),
        headline=f"{about}. {frame.warning}" if frame.warning else about,
        frames=(frame,),
        layers=(frame.layer,),
        neighbors=tuple(
            near for near in exploration.neighbors if (near.layer, near.checkpoint) == (frame.layer, frame.checkpoint)
        ),
        media=_lighten(exploration.media),
        profile=(),
        facts=facts,
        captions=(*exploration.captions, ONE_MAP),
    )


def sort_worst(exploration: Exploration) -> Rows:
    """All samples, the worst first by what the last checkpoint says of them; those of which it says nothing last."""
    column = exploration.find_column(exploration.answers[-1].worst)
    if not isinstance(column, Numbers):
        return np.arange(exploration.n)
    sign = -1.0 if column.worst == "high" else 1.0
    return np.argsort(sign * column.values, kind="stable")  # NaN sorts last either way


def _list_pages(exploration: Exploration, files: Sequence[Any]) -> dict[str, Frame]:
    """The pages of single maps among the files of a run."""
    of_layer = exploration.study != "map"
    pages = {name_map_page(each.method, each.layer if of_layer else ""): each for each in reversed(exploration.frames)}
    return {name: pages[name] for name in files if name in pages}


def _add_media(
    run: FinishedRun,
    exploration: Exploration,
    *,
    order: Rows,
    roots: Mapping[str, Path] | None,
    progress: Progress,
) -> Exploration:
    if exploration.study == "embeddings" or _is_bare_map(run.manifest):
        return exploration
    from latentscape.media import media_of_run  # noqa: PLC0415  soundfile, only where there may be sound

    media = media_of_run(run, exploration.ids, order=order, roots=roots, progress=progress)
    return replace(exploration, media=media)


def _fit(exploration: Exploration, order: Rows, budget_bytes: int) -> Exploration:
    """With as many thumbnails as there is room for, the worst samples first."""
    if not exploration.thumbnails:
        return exploration
    from latentscape.media.thumbnails import choose_thumbnails  # noqa: PLC0415  as above

    chosen = choose_thumbnails(exploration.thumbnails, order.tolist(), budget_bytes=budget_bytes)
    return replace(exploration, thumbnails=chosen)


def _lighten(media: Media | None) -> Media | None:
    """Links instead of sound, and waveforms of half as many bars, coarser than one sees."""
    if media is None or media.peaks is None:
        return media and replace(media, files={})
    known = media.peaks.reshape(len(media.peaks), MAP_PAGE_BARS, -1).max(axis=2)
    return replace(media, files={}, peaks=np.where(known > 0, known | 15, known).astype(np.uint8))


def _read_room(manifest: Mapping[str, Any]) -> int:
    """Bytes of thumbnails in explorer.html, as the settings have it."""
    settings = manifest.get("settings")
    value = settings.get("embed_images") if isinstance(settings, Mapping) else None
    megabytes = float(value) if isinstance(value, int | float) and 0 <= value < float("inf") else EMBED_IMAGES
    return int(megabytes * MEGABYTE / _IN_PAGE)


def _is_bare_map(manifest: Mapping[str, Any]) -> bool:
    return manifest["study"] == "map" and not manifest["settings"].get("media")
