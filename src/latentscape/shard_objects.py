"""Shards in an object store: a machine that is lost takes nothing with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final
from urllib.parse import urlsplit

from latentscape.errors import DataError, ResourceError
from latentscape.object_store import Place, as_uri, explained, is_forbidden, local_path, open_place
from latentscape.paths import expand_home
from latentscape.shard_files import LARGEST_SHARD, Home, LocalHome


def open_home(shards: str, name: str) -> Home:
    """The folder `name` below the URI, or the path of this machine, that holds shards; nothing is made yet.

    Raises UsageError for a URI that is none, DataError for a store that can't be reached.
    """
    uri = as_uri(shards)
    if uri is None or urlsplit(uri).scheme == "file":
        return LocalHome((local_path(uri) if uri else expand_home(shards)) / name)
    place = open_place(uri)
    return ObjectHome(Place(uri=f"{place.uri}/{name}", filesystem=place.filesystem, path=f"{place.path}/{name}"))


@final
@dataclass(frozen=True)
class ObjectHome:
    """What begins with one key. A store takes a whole object or none; HDFS shows half a file, whose checksum tells.

    A store that does not answer is an error, never an empty folder: what lies there would be taken for lost.
    """

    place: Place

    def list_names(self) -> list[str]:
        """The names of all objects directly below."""
        from pyarrow import fs  # noqa: PLC0415  pyarrow costs 0.2 s

        listing = fs.FileSelector(self.place.path, allow_not_found=True)
        with explained(self.place.uri):
            found = self.place.filesystem.get_file_info(listing)
        return [each.base_name for each in found if each.type == fs.FileType.File]

    def read(self, name: str, *, largest: int = LARGEST_SHARD) -> bytes:
        """A whole object. Raises OSError where there is none of at most `largest` bytes, DataError without answer."""
        from pyarrow import fs  # noqa: PLC0415  as above

        path = f"{self.place.path}/{name}"
        info = self.place.ask(lambda: self.place.filesystem.get_file_info(path))
        if info.type != fs.FileType.File or info.size > largest:
            raise OSError(f"no object {name} of a size we wrote")
        with explained(self.place.uri), self.place.filesystem.open_input_stream(path) as source:
            return source.read()

    def write(self, name: str, *pieces: bytes | memoryview) -> None:
        """In the store when this returns."""
        with _writing(self.place.uri):
            if self.place.filesystem.type_name in ("hdfs", "local"):
                self.place.filesystem.create_dir(self.place.path, recursive=True)
            with self.place.filesystem.open_output_stream(f"{self.place.path}/{name}") as sink:
                for piece in pieces:
                    sink.write(piece)

    def remove(self, name: str) -> None:
        """Gone from the store when this returns."""
        from pyarrow import fs  # noqa: PLC0415  as above

        path = f"{self.place.path}/{name}"
        with explained(self.place.uri):
            is_there = self.place.filesystem.get_file_info(path).type == fs.FileType.File
        if is_there:
            self._try(self.place.filesystem.delete_file, path)

    def leave(self) -> None:
        """Remove the mark of a folder that some stores keep, if nothing is in it."""
        from pyarrow import fs  # noqa: PLC0415  as above

        listing = fs.FileSelector(self.place.path, recursive=True, allow_not_found=True)
        with explained(self.place.uri):
            is_there = self.place.filesystem.get_file_info(self.place.path).type == fs.FileType.Directory
            is_empty = not self.place.filesystem.get_file_info(listing)
        if is_there and is_empty:
            self._try(self.place.filesystem.delete_dir, self.place.path)

    def require_space(self, n_bytes: int) -> None:
        """A store has room."""

    def _try(self, act: Callable[[str], Any], path: str) -> None:
        """Do what another run over the same shards may have done meanwhile."""
        with _writing(self.place.uri):
            try:
                act(path)
            except FileNotFoundError:
                return


@contextmanager
def _writing(uri: str) -> Iterator[None]:
    """Turn what a store says to a change into a ResourceError that a user can act on."""
    try:
        with explained(uri):
            yield
    except DataError as error:
        is_closed = is_forbidden(error.got)
        hint = "see to it that these credentials may write and delete there, then run the same command again"
        if not is_closed:
            hint = "check `--shards`, then run the same command again: what is finished is not computed twice"
        raise ResourceError(
            f"{uri} can't be written",
            got=error.got,
            hint=hint,
            fault="disk-forbidden" if is_closed else "disk-broken",
        ) from None
