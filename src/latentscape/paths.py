"""Paths as users give them: looked at without ever failing; and the digest of the file at one."""

import hashlib
import os
import stat
from pathlib import Path

FILE, FOLDER, SPECIAL = "a file", "a folder", "no regular file"
UNTOLD = ("model", "checkpoint", "final", "best", "best_model", "output")
"""Names of folders that say nothing of the model in them."""


def kind_of(path: str | os.PathLike[str]) -> str:
    """FILE, FOLDER or SPECIAL (pipe, device, ...), links followed; else why there is none, in the system's words."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116  it takes text as well
    except (OSError, ValueError) as error:  # missing, forbidden, too long, a loop of links, a NUL
        reason = getattr(error, "strerror", None) or str(error)
        return reason[:1].lower() + reason[1:]
    return FILE if stat.S_ISREG(mode) else FOLDER if stat.S_ISDIR(mode) else SPECIAL


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether there is a regular file; False as well where the path can't be looked at."""
    return kind_of(path) == FILE


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether there is a folder; False as well where the path can't be looked at."""
    return kind_of(path) == FOLDER


def expand_home(path: str | os.PathLike[str]) -> Path:
    """`~` and `~user` as the folders they mean; as they are where there is no such user."""
    return Path(os.path.expanduser(path))  # noqa: PTH111  pathlib's own raises where there is no such user


def real_path(path: str | os.PathLike[str]) -> Path:
    """The absolute path with all links followed as far as they lead."""
    return Path(os.path.realpath(path))


def hash_file(path: str | os.PathLike[str]) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises OSError where it can't be read."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tell_folder(path: Path) -> str:
    """What to call a model's folder: its last part, with the one before where that says no more than what it is.

    >>> tell_folder(Path("/home/ann/flowers/model")), tell_folder(Path("/home/ann/my-vit"))
    ('flowers/model', 'my-vit')
    """
    path = real_path(expand_home(path))
    return "/".join(path.parts[-2:]) if path.name.lower() in UNTOLD and path.parent.name else path.name
