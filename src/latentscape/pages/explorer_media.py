"""Sound and pictures of the explorer's page: clips that travel in it, and links to those that don't."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from latentscape.exploration import Media
from latentscape.pages.explorer_container import Container, Described, describe_array, describe_texts, size_of
from latentscape.pages.explorer_details import say_left_out
from latentscape.pages.explorer_texts import clean_all
from latentscape.pages.words import count

CLIP_BYTES, LINK_BYTES, PEAK_BYTES, THUMBNAIL_BYTES = 24_000_000, 4_000_000, 4_000_000, 24_000_000
_LINK = re.compile(r"(?!/)[\w.~%!$&'()*+,;=@/-]+", re.ASCII)
"""A relative address: no scheme, no host, nothing that a browser would take for a way out."""
LONGEST_LINK = 2_000
_MIME = re.compile(r"(audio|image)/[a-z0-9.+-]+")
THUMBNAIL_MIME = "image/webp"
"""What thumbnails are called; a browser looks at the bytes of a picture, not at this."""


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
    return {**found, "peakRows": peak_rows, "peaks": peaks, "bars": media.peaks.shape[1]}


def _add_links(container: Container, links: list[str], left_out: list[str]) -> dict[str, Any]:
    if not any(links):
        return {}
    described, pieces = describe_texts(clean_all(links, limit=LONGEST_LINK))
    if size_of(pieces) > LINK_BYTES:
        left_out.append(say_left_out("the addresses of the sounds and pictures"))
        return {}
    return {"links": container.place(described, pieces)}


def _add_clips(container: Container, media: Media, left_out: list[str]) -> dict[str, Any]:
    if not _MIME.fullmatch(media.mime):
        return {}
    clips, n_left = _add_files(container, media.files, most_bytes=CLIP_BYTES)
    if n_left:
        left_out.append(say_left_out(count(n_left, "clip")))
    return {"mime": media.mime, **clips} if clips else {}


def add_thumbnails(
    container: Container, thumbnails: Mapping[int, bytes], left_out: list[str], *, is_served: bool, n: int
) -> dict[str, Any] | None:
    """The small pictures of the header; None where there are none. Served, it says only which samples have one."""
    if not thumbnails:
        return None
    if is_served:
        return {"has": container.array(np.isin(np.arange(n), list(thumbnails)), "u1")}
    placed, n_left = _add_files(container, thumbnails, most_bytes=THUMBNAIL_BYTES)
    if n_left:
        left_out.append(say_left_out(count(n_left, "thumbnail")))
    return {"mime": THUMBNAIL_MIME, **placed} if placed else None


def _add_files(container: Container, files: Mapping[int, bytes], *, most_bytes: int) -> tuple[dict[str, Any], int]:
    """Each as it is, one after the other, so that a page reads one without the others; and how many had no room."""
    rows, ends, kept, size = [], [], [], 0
    for row, file in files.items():
        if size + len(file) <= most_bytes:
            size += len(file)
            rows.append(row)
            ends.append(size)
            kept.append(file)
    if not rows:
        return {}, len(files)
    placed = {
        "clipRows": container.array(np.array(rows), "u4"),
        "clipEnds": container.array(np.array(ends), "u4"),
        "clips": container.plain(b"".join(kept)),
    }
    return placed, len(files) - len(rows)
