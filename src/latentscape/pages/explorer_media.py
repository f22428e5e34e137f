"""Sound and pictures of the explorer's page: clips that travel in it, and links to those that don't."""

import re
from typing import Any

import numpy as np

from latentscape.exploration import N_PEAKS, Media
from latentscape.pages.explorer_container import Container, Described, describe_array, describe_texts, size_of
from latentscape.pages.explorer_details import say_left_out
from latentscape.pages.explorer_texts import clean_all
from latentscape.pages.words import count

CLIP_BYTES, LINK_BYTES, PEAK_BYTES = 24_000_000, 4_000_000, 4_000_000
_LINK = re.compile(r"(?!/)[\w.~%!$&'()*+,;=@/-]+", re.ASCII)
"""A relative address: no scheme, no host, nothing that a browser would take for a way out."""
LONGEST_LINK = 2_000
_MIME = re.compile(r"(audio|image)/[a-z0-9.+-]+")


def add_media(
    container: Container, media: Media | None, left_out: list[str], *, is_served: bool
) -> dict[str, Any] | None:
    """The media of the header; None where there are none. Served, it says only which samples have some."""
    if media is None:
        return None
    links = [_check_link(link) for link in media.links]
    common = {"kind": media.kind, **_add_bars(container, media, left_out, is_served=is_served)}
    if is_served:
        has = np.array([bool(link) or i in media.files for i, link in enumerate(links)], dtype=np.uint8)
        return {**common, "has": container.array(has, "u1")}
    return {**common, **_add_links(container, links, left_out), **_add_clips(container, media, left_out)}


def _check_link(link: str | None) -> str:
    """The link where it is a plain relative one; else nothing."""
    return link if link and len(link) <= LONGEST_LINK and _LINK.fullmatch(link) else ""


def _add_bars(container: Container, media: Media, left_out: list[str], *, is_served: bool) -> dict[str, Any]:
    """Lengths and waveforms, of those that were read."""
    found: dict[str, Described] = {}
    if media.seconds is not None:
        found["seconds"] = container.array(media.seconds, "f4")
    if media.peaks is None:
        return found
    rows = np.flatnonzero(media.peaks.any(axis=1))
    arrays = [describe_array(rows, "u4"), describe_array(media.peaks[rows], "u1")]
    if not is_served and sum(size_of(pieces) for _, pieces in arrays) > PEAK_BYTES:
        left_out.append(say_left_out("the waveforms"))
        return found
    peak_rows, peaks = (container.place(*array) for array in arrays)
    return {**found, "peakRows": peak_rows, "peaks": peaks, "bars": N_PEAKS}


def _add_links(container: Container, links: list[str], left_out: list[str]) -> dict[str, Any]:
    if not any(links):
        return {}
    described, pieces = describe_texts(clean_all(links, limit=LONGEST_LINK))
    if size_of(pieces) > LINK_BYTES:
        left_out.append(say_left_out("the addresses of the sounds and pictures"))
        return {}
    return {"links": container.place(described, pieces)}


def _add_clips(container: Container, media: Media, left_out: list[str]) -> dict[str, Any]:
    """Each as it is, one after the other, so that a page reads one without the others."""
    rows, ends, clips, size = [], [], [], 0
    for row, clip in media.files.items():
        if size + len(clip) <= CLIP_BYTES:
            size += len(clip)
            rows.append(row)
            ends.append(size)
            clips.append(clip)
    if len(rows) < len(media.files):
        left_out.append(say_left_out(count(len(media.files) - len(rows), "clip")))
    if not rows or not _MIME.fullmatch(media.mime):
        return {}
    return {
        "mime": media.mime,
        "clipRows": container.array(np.array(rows), "u4"),
        "clipEnds": container.array(np.array(ends), "u4"),
        "clips": container.plain(b"".join(clips)),
    }
