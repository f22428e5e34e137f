"""Runs in a notebook: they show themselves as their explorer page, and give what a cell wants to go on with."""

import html
from abc import ABC
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, final

from latentscape.disk import explain_errors, make_folder, read_file, write_file
from latentscape.errors import DataError, LatentscapeError, UsageError
from latentscape.output_folder import EXPLORER
from latentscape.paths import expand_home
from latentscape.run_reader import LOCK, MANIFEST, FinishedRun
from latentscape.run_reader import open_run as open_finished

if TYPE_CHECKING:
    import pyarrow  # noqa: ICN001  annotations are looked up by the whole name

    from latentscape.exploration import Exploration
    from latentscape.figures.style import Style

Itself = TypeVar("Itself", bound="Explorable")
HEIGHT = 720
"""Pixels."""
LARGEST_PAGE = 20 * 10**6
"""Bytes that a cell may hold: the notebook keeps them in its own file."""
PICTURE = ".png"
SANDBOX = "allow-scripts allow-downloads"
"""What the page may do in a frame: it runs, and its lists can be saved. It is nobody's origin: it can't reach the
notebook, its cookies or its server."""
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "media-src data: blob:; connect-src data: blob:; worker-src blob:; base-uri 'none'; form-action 'none'"
)
"""Beside the page's own, which is stricter: a run folder may be a stranger's, and whatever lies there under this name
reaches no network."""


@final
class Picture(bytes):
    """A picture as PNG, which a notebook shows."""

    def _repr_png_(self) -> bytes:
        return bytes(self)


@final
class Pictures(Mapping[str, Any]):
    """The pictures of a run folder by name, without `.png`; each is read, and proven, when it is asked for."""

    def __init__(self, run: FinishedRun) -> None:
        files = run.manifest.get("files")
        names = [name for name in files if isinstance(name, str)] if isinstance(files, list) else []
        self._run, self._names = run, sorted(name.removesuffix(PICTURE) for name in names if name.endswith(PICTURE))

    def __getitem__(self, name: str) -> Picture:
        if name.removesuffix(PICTURE) not in self._names:
            raise KeyError(f"no picture `{name}`; there are: {', '.join(self._names) or 'none'}")
        return Picture(self._run.read_bytes(f"{name.removesuffix(PICTURE)}{PICTURE}"))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"pictures: {', '.join(self._names) or 'none'}"


@dataclass(frozen=True, kw_only=True)
class Explorer:
    """An explorer page in a cell: a frame of its own, or a sentence where the page is too large for one."""

    page: str
    height: int = HEIGHT
    path: Path | None = None
    """Where the page lies, if it was written."""

    def _repr_html_(self) -> str:
        size = len(self.page.encode())
        if size > LARGEST_PAGE:
            return _say_large(size, self.path)
        return frame_page(self.page, height=self.height)

    def __repr__(self) -> str:
        return f"explorer: {self.path or 'not written'}"


class Explorable(ABC):
    """Something that was written to a run folder, and shows itself in a notebook."""

    folder: Any
    """Where it lies; None where it was not written."""
    lease: Any = None
    """What keeps the folder there, where it is a temporary one."""

    def hold(self: Itself, lease: Any) -> Itself:
        """The same, which keeps its temporary folder for as long as it is there itself."""
        return replace(self, lease=lease)  # pyright: ignore[reportArgumentType]  every study is a dataclass

    def save(self: Itself, folder: str | Path) -> Itself:
        """Copy the whole run to a folder that is new or empty; returns the study that lies there.

        Raises UsageError for a folder that holds something, ResourceError for a full disk.
        """
        target = expand_home(folder)
        with explain_errors(target):
            if target.exists() and (not target.is_dir() or any(target.iterdir())):
                raise UsageError(
                    f"`{folder}` is there already",
                    expected="a new or empty folder",
                    hint="name another one",
                    fault="output-foreign",
                )
        _copy(self.run.path, target)
        return replace(self, folder=target, lease=None)  # pyright: ignore[reportArgumentType]  as above

    @property
    def run(self) -> "Run":
        """The run folder. Raises DataError where nothing was written."""
        if self.folder is None:
            raise DataError("this was not written anywhere", hint="use `.save(folder)` first", fault="run-missing")
        return open_run(self.folder)

    @property
    def figures(self) -> Pictures | dict[str, Picture]:
        """Its pictures by name, as PNG that a notebook shows."""
        return self.run.figures

    def explore(self, height: int = HEIGHT) -> Explorer:
        """Its explorer page, for a cell of a notebook; `height` in pixels."""
        return self.run.explore(height)

    def _repr_html_(self) -> str:
        return show(self)


def _copy(source: Path, target: Path) -> None:
    """Every file of a run folder, the manifest last: a copy that was cut short is no finished run."""
    files = sorted(path for path in source.rglob("*") if path.is_file() and path.name != LOCK)
    for path in sorted(files, key=lambda path: path.name == MANIFEST):
        aim = target / path.relative_to(source)
        make_folder(aim.parent)
        data = read_file(path)
        write_file(aim, lambda sink, data=data: sink.write(data))


@final
@dataclass(frozen=True, kw_only=True)
class Run:
    """A finished run folder: what it scored, its samples, its pictures and its explorer page."""

    finished: FinishedRun

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.finished.path

    @property
    def study(self) -> str:
        """`latents`, `embeddings`, `map` or `comparison`."""
        return self.finished.study

    @property
    def manifest(self) -> Mapping[str, Any]:
        """What the run was made with."""
        return self.finished.manifest

    @cached_property
    def scores(self) -> dict[str, Any]:
        """Every number of scores.json: `accuracy`, `accuracy_n`, `accuracy_low`, `accuracy_high`, ..."""
        return self.finished.read_scores()

    @cached_property
    def samples(self) -> "pyarrow.Table":
        """samples.parquet, one row a sample; `.to_pandas()` makes a frame of it."""
        return self.finished.read_table("samples.parquet")

    @property
    def figures(self) -> Pictures:
        """Its pictures by name, as PNG that a notebook shows."""
        return Pictures(self.finished)

    def explore(self, height: int = HEIGHT) -> Explorer:
        """Its explorer page, for a cell of a notebook; `height` in pixels.

        Raises DataError for a run that has nothing to explore, as one without maps.
        """
        if self.finished.has(EXPLORER):
            page = self.finished.read_bytes(EXPLORER).decode("utf-8", errors="replace")
            return Explorer(page=page, height=height, path=self.path / EXPLORER)
        from latentscape.exploring import explore_run, read_style  # noqa: PLC0415  of an earlier version: drawn now

        style = read_style(self.manifest)
        return show_exploration(explore_run(self.finished, style=style), style=style, height=height)

    def _repr_html_(self) -> str:
        return show(self)

    def __repr__(self) -> str:
        return f"{self.study} run: {self.path}"


def open_run(path: str | PathLike[str]) -> Run:
    """A finished run folder; in a notebook it shows itself as its explorer page.

    Every file that is read is proven by its checksum. Raises DataError for what is no run folder, or one that is
    unfinished, damaged or newer.
    """
    return Run(finished=open_finished(expand_home(path)))


def show(explorable: Run | Explorable) -> str:
    """What a cell shows of it: its page, or in a sentence why there is none."""
    try:
        return explorable.explore()._repr_html_()
    except LatentscapeError as error:
        return f"<p>{html.escape(f'{error.what}. {error.hint}'.strip())}</p>"


def show_exploration(exploration: "Exploration", *, style: "Style", height: int = HEIGHT) -> Explorer:
    """The page of what was not written."""
    from latentscape.pages.explorer_page import render_explorer  # noqa: PLC0415  jinja2, only to show

    return Explorer(page=render_explorer(exploration, style=style), height=height)


def frame_page(page: str, *, height: int = HEIGHT) -> str:
    """A page as a frame that holds it whole, so that it needs no server and no file beside the notebook."""
    held = f'<!doctype html><meta http-equiv="Content-Security-Policy" content="{POLICY}">{page}'
    return (
        f'<iframe srcdoc="{html.escape(held)}" sandbox="{SANDBOX}" width="100%" height="{int(height)}" '
        'allow="clipboard-write; fullscreen" style="border:0" title="explorer"></iframe>'
    )


def _say_large(size: int, path: Path | None) -> str:
    """Where to look instead."""
    if path is None:
        where = "Save it, and open <code>explorer.html</code> in a browser."
    else:
        shown, command = html.escape(str(path)), html.escape(f"latentscape open {path.parent}")
        where = f"Open <code>{shown}</code> in a browser, or run <code>{command}</code>."
    return f"<p>The explorer page has {size / 1e6:.0f} MB, too much for a cell. {where}</p>"
