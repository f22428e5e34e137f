"""The sound or picture of each sample: found below the user's data folders, linked, and packed for the explorer."""

from latentscape.media.clips import pack_clips
from latentscape.media.kinds import tell_mime
from latentscape.media.links import link_media
from latentscape.media.places import Finder, locate_files, match_roots, name_roots
from latentscape.media.runs import media_of_run

__all__ = [
    "Finder",
    "link_media",
    "locate_files",
    "match_roots",
    "media_of_run",
    "name_roots",
    "pack_clips",
    "tell_mime",
]
