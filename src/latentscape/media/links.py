"""Files -> the relative URLs under which a page in the run folder finds them."""

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from latentscape.exploration import Media
from latentscape.media.kinds import Kind, read_kind
from latentscape.paths import real_path


def link_media(run_folder: Path, paths: Sequence[Path | None]) -> Media:
    """Links to files whose bytes say that they are sounds, or pictures: whichever there are more of.

    The paths are real ones, as `locate_files` gives them.
    """
    kinds = [read_kind(path) if path else None for path in paths]
    counts = Counter(kind for kind in kinds if kind)
    kind: Kind = "image" if counts["image"] > counts["audio"] else "audio"
    folder = real_path(run_folder)
    links = (link_from(folder, path) if path and own == kind else None for path, own in zip(paths, kinds, strict=True))
    return Media(kind=kind, links=tuple(links))


def link_from(folder: Path, path: Path) -> str | None:
    """The relative URL of a file for a page in `folder`, both real paths; None where none would say less than `path`.

    >>> link_from(Path("/data/runs/a"), Path("/data/speech/Sad 1.wav"))
    '../../speech/Sad%201.wav'
    >>> link_from(Path("/home/me/run"), Path("/data/speech/1.wav"))
    """
    try:
        common = Path(os.path.commonpath([folder, path]))
    except ValueError:  # on different drives
        return None
    if common == Path(common.anchor):
        return None  # a link through the root of the file system is an absolute path, written in another way
    return quote(os.fsencode(os.path.relpath(path, folder).replace(os.sep, "/")))
