"""Places in object stores, `s3://bucket/key` and the like: opened, listed, copied; what goes wrong in sentences."""

import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path, PurePath, PurePosixPath
from threading import Thread
from typing import Any, TypeVar, final
from urllib.parse import parse_qs, unquote, urlsplit

from latentscape.disk import explain_errors, require_space
from latentscape.errors import DataError, LatentscapeError, UsageError
from latentscape.executor import IN_PROCESS, Executor, Job
from latentscape.plain_text import is_file_name
from latentscape.progress import SILENT, Progress

SCHEMES = ("s3", "gs", "hdfs", "abfs", "abfss", "file")
_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(//?)(.*)", re.DOTALL)
_SHARDS = (".parquet", ".jsonl", ".csv", ".tsv")
"""Endings of the files of a table in parts, whoever reads it: JSON is one for pairs only."""
SECONDS_TO_CONNECT, SECONDS_TO_ANSWER, MOST_TRIES = 5, 30, 3
SECONDS_TO_LOOK = 20
"""Until the first answer: the libraries of some stores would try for minutes."""
_PIECE = 2**20
_WORDS_OF_HADOOP = ("libhdfs", "libjvm", "java", "hdfs")
_CLOSED = re.compile(r"denied|credential|access.key|signature|unauth|\b40[13]\b")
_WORDS_OF_WIRES = ("network", "curl", "connect", "resolve", "timeout", "no answer", "unavailable")
Answer = TypeVar("Answer")
Choices = TypeVar("Choices")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A key, or what begins with one, in an object store; a path where the scheme is `file`."""

    uri: str
    """As messages name it."""
    filesystem: Any
    """One of `pyarrow.fs`."""
    path: str
    """As the file system names it."""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.path).name

    def ask(self, question: Callable[[], Answer]) -> Answer:
        """What the store answers. Raises DataError where it does not, or not in time."""
        return _within(SECONDS_TO_LOOK, question, self.uri)


def as_uri(value: object) -> str | None:
    """The URI that a text or a path is meant to be, None for a path of this machine. `Path` drops one of two slashes.

    >>> as_uri("s3://bucket/a.csv"), as_uri("s3:/bucket/a.csv"), as_uri("data/a.csv")
    ('s3://bucket/a.csv', 's3://bucket/a.csv', None)
    """
    found = _URI.fullmatch(str(value)) if isinstance(value, str | PurePath) else None
    if found is None or (found[2] == "/" and found[1].lower() not in SCHEMES):
        return None
    scheme, rest = found[1].lower(), found[3]
    return f"{scheme}://{'/' if scheme == 'file' and found[2] == '/' else ''}{rest}"


def open_place(uri: str) -> Place:
    """The place that a URI names; nothing is looked at yet.

    Raises UsageError for a scheme that is not known and for a URI with a password in it, DataError for a store that
    can't be reached or does not let us in.
    """
    check_uri(uri)
    parts, shown = urlsplit(uri), uri.partition("?")[0].rstrip("/")
    if parts.scheme == "file":
        from pyarrow import fs  # noqa: PLC0415  pyarrow costs 0.2 s

        return Place(uri=shown, filesystem=fs.LocalFileSystem(), path=str(local_path(uri)))
    filesystem, path = _within(SECONDS_TO_LOOK, lambda: _connect(uri), shown)
    return Place(uri=shown, filesystem=filesystem, path=path.rstrip("/"))


def check_uri(uri: str) -> None:
    """Raise UsageError for a scheme that is not known, and for a URI with a password in it."""
    parts = urlsplit(uri)
    if parts.scheme not in SCHEMES:
        raise UsageError(
            f"`{parts.scheme}://` is nowhere we can read from",
            got=_shorten(uri),
            expected=", ".join(f"{scheme}://" for scheme in SCHEMES),
            hint="copy the data to this machine first, and name the copy",
            fault="option-value",
        )
    if parts.password is not None:
        raise UsageError(
            "a URI with a password in it would stand in the manifest",
            got=f"{parts.scheme}://...@{parts.hostname}",
            hint="leave it out, and give credentials by environment variables (AWS_ACCESS_KEY_ID ...) or a profile",
            fault="option-value",
        )


def local_path(uri: str) -> Path:
    """The path that a `file://` URI means. Raises UsageError for one on another machine."""
    parts = urlsplit(uri)
    if parts.netloc not in ("", "localhost"):
        hint = "write three slashes: `file:///folder/file`"
        raise UsageError("a file on another machine", got=_shorten(uri), hint=hint, fault="option-value")
    return Path(unquote(parts.path))


@contextmanager
def local_data(
    settings: Choices, *names: str, executor: Executor = IN_PROCESS, in_parts: bool = True
) -> Iterator[tuple[Choices, Executor]]:
    """The settings with those of their choices that are URIs as paths of this machine, which go when the block ends.

    And who reads them: where `executor` has workers, each of them fetches the files of a table in parts that it reads,
    unless what is to be read is not such a table (`in_parts`).
    """
    for name in names:
        if uri := as_uri(getattr(settings, name)):
            with _local_parts(uri, executor, in_parts=in_parts) as (path, reader):
                kind = type(getattr(settings, name))
                local: Any = replace(settings, **{name: path if issubclass(kind, Path) else str(path)})  # pyright: ignore[reportArgumentType]  of a dataclass
                with local_data(local, *names, executor=reader, in_parts=in_parts) as ready:
                    yield ready
            return
    yield settings, executor


@contextmanager
def _local_parts(uri: str, executor: Executor, *, in_parts: bool) -> Iterator[tuple[Path, Executor]]:
    """As `local_copy`, but that workers copy the parts of a table: until then an empty file stands for each."""
    place = open_place(uri) if in_parts and executor.n_workers > 1 and urlsplit(uri).scheme != "file" else None
    files = dict(list_tables(place)) if place else {}
    if place is None or not _are_shards(files):
        with local_copy(uri, progress=executor.progress) as path:
            yield path, executor
        return
    with tempfile.TemporaryDirectory(prefix="latentscape-") as folder:
        root = Path(folder).resolve() / (place.name or "data")
        root.mkdir()
        for name in files:
            (root / name).touch()
        with _naming(str(root.parent), place.uri.rpartition("/")[0]):
            yield root, _Fetching(executor, _Parts(place=place, root=root, sizes=files))


def _are_shards(names: Iterable[str]) -> bool:
    """Whether files are parts of one table, in one folder, and nothing else: nobody but its reader opens them."""
    from latentscape.datasets.table_parts import are_parts  # noqa: PLC0415  NumPy, which `--help` does without

    paths = [PurePosixPath(name) for name in names]
    fits = all("/" not in path.as_posix() and path.name[:1] != "_" and path.suffix.lower() in _SHARDS for path in paths)
    return len(paths) > 1 and fits and are_parts([Path(path) for path in paths])


@dataclass(frozen=True, kw_only=True)
class _Parts:
    """The files of a table in a store, and the folder that stands for them, here and where a worker is."""

    place: Place
    root: Path
    sizes: Mapping[str, int]

    def read(self, read: Callable[[Path], Answer], path: Path) -> Answer:
        """What is made of a file, which is here for as long as that takes."""
        with explain_errors(self.root):  # on another machine it is not there
            self.root.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _copy(self.place, path.name, size=self.sizes[path.name], target=path)
            return read(path)
        finally:
            path.unlink(missing_ok=True)
            with suppress(OSError):  # others are in it
                self.root.rmdir()
                self.root.parent.rmdir()


@final
@dataclass(frozen=True)
class _Fetching:
    """Workers that fetch what they read."""

    executor: Executor
    parts: _Parts

    @property
    def progress(self) -> Progress:
        """Who watches."""
        return self.executor.progress

    @property
    def n_workers(self) -> int:
        """How many tasks are done at the same time."""
        return self.executor.n_workers

    def run(
        self, prepare: Callable[[Choices], Callable[[Any], Answer]], shared: Choices, tasks: Iterable[Any], *, job: Job
    ) -> Iterator[tuple[Any, Answer]]:
        """As the executor does."""
        return self.executor.run(prepare, shared, tasks, job=job)

    def read_files(self, read: Callable[[Path], Answer], paths: Sequence[Path]) -> list[Answer]:
        """What `read` makes of each file, in their order."""
        ours = all(path.parent == self.parts.root for path in paths)
        return self.executor.read_files(partial(self.parts.read, read) if ours else read, paths)


@contextmanager
def local_copy(uri: str, *, progress: Progress = SILENT) -> Iterator[Path]:
    """A file, or a folder of tables, as a path of this machine: itself for `file://`, else a copy that goes afterwards.

    What is raised inside the block names the URI, not the copy. Raises DataError for what is not there, can't be had,
    or is a folder of sounds or pictures; ResourceError where the disk has no room for it.
    """
    if urlsplit(uri).scheme == "file":
        yield local_path(uri)
        return
    place = open_place(uri)
    files = list_tables(place)
    with tempfile.TemporaryDirectory(prefix="latentscape-") as folder:
        root = Path(folder).resolve()
        require_space(root, sum(size for _, size in files))
        for name, size in progress.track(files, label=f"copying {place.name or uri}", total=len(files)):
            _copy(place, name, size=size, target=root / (place.name or "data") / name)
        with _naming(str(root), place.uri.rpartition("/")[0]):
            yield root / (place.name or "data")


def list_tables(place: Place) -> list[tuple[str, int]]:
    """(name below the place, bytes) of the files there, in order; the name of a single file is empty.

    Hidden files are passed over. Raises DataError where there is nothing, and for a folder of sounds or pictures.
    """
    from pyarrow import fs  # noqa: PLC0415  as above

    from latentscape.datasets.content_kinds import SUFFIXES  # noqa: PLC0415  NumPy, which `--help` does without

    info = place.ask(lambda: place.filesystem.get_file_info(place.path))
    if info.type == fs.FileType.File:
        return [("", info.size)]
    listing = fs.FileSelector(place.path, recursive=True, allow_not_found=True)
    with explained(place.uri):  # it answers, and a long list may take its time
        found = place.filesystem.get_file_info(listing)
    files = {each.path[len(place.path) :].strip("/"): each.size for each in found if each.type == fs.FileType.File}
    files = {name: size for name, size in files.items() if name and all(map(is_file_name, name.split("/")))}
    if not files:
        raise DataError(
            f"there is nothing at {place.uri}",
            got="an empty folder" if info.type == fs.FileType.Directory else "no such bucket or key",
            expected="a table, or a folder of tables",
            hint="check the name of the bucket and the key, letter by letter",
            fault="data-missing",
        )
    endings = SUFFIXES["audio"] | SUFFIXES["image"]
    media = [name for name in sorted(files) if PurePosixPath(name).suffix.lower() in endings]
    if media:
        raise DataError(
            f"sounds and pictures can't be read from {place.uri} file by file",
            got=media[0],
            expected="tables",
            hint="write them into Parquet as bytes, beside their labels, or copy the folder to this machine",
            fault="data-format",
        )
    return sorted(files.items())


@contextmanager
def explained(uri: str) -> Iterator[None]:
    """Turn what a store says into a DataError that a user can act on."""
    try:
        yield
    except LatentscapeError:
        raise
    except Exception as error:  # noqa: BLE001  whatever the libraries of a store may raise
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise DataError(f"can't reach {uri}", got=reason, hint=_advise(reason.lower()), fault="store-access") from None


def _connect(uri: str) -> tuple[Any, str]:
    from pyarrow import fs  # noqa: PLC0415  as above

    parts = urlsplit(uri)
    if parts.scheme == "s3":
        return _open_s3(uri), f"{parts.netloc}{unquote(parts.path)}"
    if parts.scheme == "gs":
        patience, path = timedelta(seconds=SECONDS_TO_ANSWER), f"{parts.netloc.rpartition('@')[2]}{unquote(parts.path)}"
        return fs.GcsFileSystem(anonymous=parts.username == "anonymous", retry_time_limit=patience), path
    return fs.FileSystem.from_uri(uri)


def _open_s3(uri: str) -> Any:
    """As `FileSystem.from_uri` does, but for the time that a store has to answer."""
    from pyarrow import fs  # noqa: PLC0415  as above

    parts = urlsplit(uri)
    wished = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    endpoint = wished.get("endpoint_override") or os.environ.get("AWS_ENDPOINT_URL_S3") or os.getenv("AWS_ENDPOINT_URL")
    region = wished.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    if not region and not endpoint:
        region = fs.resolve_s3_region(parts.netloc)
    return fs.S3FileSystem(
        region=region,
        endpoint_override=endpoint,
        scheme=wished.get("scheme"),
        connect_timeout=SECONDS_TO_CONNECT,
        request_timeout=SECONDS_TO_ANSWER,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=MOST_TRIES),
    )


def _within(seconds: float, question: Callable[[], Answer], uri: str) -> Answer:
    """The answer, or DataError where none comes in this time."""
    answer: Future[Answer] = Future()

    def ask() -> None:
        try:
            answer.set_result(question())
        except BaseException as error:  # noqa: BLE001  raised where it is waited for
            answer.set_exception(error)

    Thread(target=ask, daemon=True).start()
    with explained(uri):
        try:
            return answer.result(seconds)
        except TimeoutError:
            raise TimeoutError(str(answer.exception(0)) if answer.done() else f"no answer in {seconds:.0f} s") from None


def _copy(place: Place, name: str, *, size: int, target: Path) -> None:
    with explain_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        sink = target.open("wb")
    with sink:
        with explained(place.uri):
            source = place.filesystem.open_input_stream(f"{place.path}/{name}" if name else place.path)
        with source:
            n_copied = 0
            while piece := _read_piece(source, place.uri):
                with explain_errors(target):
                    sink.write(piece)
                n_copied += len(piece)
    if n_copied != size:
        raise DataError(
            f"{place.uri}/{name}".rstrip("/") + " was written to while it was copied",
            got=f"{n_copied:,} bytes",
            expected=f"{size:,}",
            hint="wait until it is whole, then run the same command again",
            fault="data-format",
        )


def _read_piece(source: Any, uri: str) -> bytes:
    with explained(uri):
        return source.read(_PIECE)


@contextmanager
def _naming(folder: str, uri: str) -> Iterator[None]:
    """Have errors name the URI where they name the folder that stands for it."""
    try:
        yield
    except LatentscapeError as error:
        if f"can't open {folder}" in error.got:
            error.hint = "files beside a table are not read from there: write them into it as bytes, or copy all of it"
        for fact in ("what", "got", "expected", "hint"):
            setattr(error, fact, getattr(error, fact).replace(folder, uri))
        error.args = (error.describe(),)
        raise


def is_forbidden(reason: str) -> bool:
    """Whether a store says that it does not let us in."""
    return bool(_CLOSED.search(reason.lower()))


def _advise(reason: str) -> str:
    """The next step, by what the store or its library said."""
    if any(word in reason for word in _WORDS_OF_HADOOP):
        return (
            "install Hadoop's client (libhdfs and Java; JAVA_HOME, HADOOP_HOME, CLASSPATH), or copy the data here first"
        )
    if is_forbidden(reason):
        return "give credentials that may read it, by environment variables or a profile: docs/data.md names them"
    if any(word in reason for word in _WORDS_OF_WIRES):
        return "check the network and the address (AWS_ENDPOINT_URL, AWS_REGION), or copy the data here first"
    return "check the name of the bucket and the key, letter by letter; docs/data.md says what each store needs"


def _shorten(uri: str) -> str:
    return uri.partition("?")[0][:80]
