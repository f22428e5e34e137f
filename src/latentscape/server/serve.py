"""The server's life: a free port of this machine, an address with a key in it, a browser, and an end by Ctrl-C."""

import contextlib
import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import uvicorn

from latentscape.errors import UsageError
from latentscape.exploring import explore_run, read_style
from latentscape.pages.explorer_page import render_served
from latentscape.pages.explorer_payload import pack
from latentscape.progress import SILENT, Progress
from latentscape.run_reader import FinishedRun
from latentscape.server.app import Desk
from latentscape.server.clips import Clips, Roots, read_roots
from latentscape.server.door import TOKEN, Door, Keys
from latentscape.server.opened import OpenedRun, Watched
from latentscape.server.protocol import LARGEST_HEAD, ImpatientProtocol
from latentscape.server.queries import SampleTable

ADDRESS = "127.0.0.1"
LOWEST_PORT, HIGHEST_PORT = 1024, 65535
SECONDS_FOR_BROWSER = 60.0
SECONDS_TO_END = 2
BACKLOG = 128


def serve_run(
    run: Path,
    *,
    announce: Callable[[str], None],
    port: int = 0,
    audio_roots: Sequence[str | Path] = (),
    opens_browser: bool = True,
    progress: Progress = SILENT,
) -> None:
    """Show a run folder at an address of this machine until Ctrl-C. A study may still be writing it.

    `announce` is given the address with its token, which opens the explorer once; nothing else ever says the token.
    Files are played or shown from below `audio_roots` only (`DIR`, or `NAME=DIR` for one data set).

    Raises:
        UsageError: the port is taken or out of range, or a root is no folder.
        DataError: there is no run folder, it is damaged, or has no maps.
        SafetyError: a file of the run would have to run code.
    """
    roots = read_roots(audio_roots)
    watched = Watched(Path(run), partial(load_run, roots=roots, progress=progress))
    with contextlib.closing(_listen(port)) as listening, contextlib.closing(watched):
        if watched.open_now() is None:
            progress.say(f"`{run}` is not finished yet: the page waits for it")
        number, keys = listening.getsockname()[1], Keys()
        announce(_address(number, keys.cut()))
        if opens_browser and _has_display():
            own = _address(number, keys.cut(seconds=SECONDS_FOR_BROWSER))
            threading.Thread(target=_open_browser, args=(own,), daemon=True).start()
        progress.say("Ctrl-C ends it")
        door = Door(Desk(watched).make_app(), port=number, keys=keys, tell=progress.say)
        with contextlib.suppress(KeyboardInterrupt):  # how a server is meant to end
            _make_server(door).run(sockets=[listening])
        progress.say("closed")


def load_run(run: FinishedRun, version: str, *, roots: Roots, progress: Progress = SILENT) -> OpenedRun:
    """A finished run, made into what is shown of it."""
    style = read_style(run.manifest)
    exploration = explore_run(run, style=style)
    clips = Clips(exploration.ids, roots)
    media = clips.list_media()
    if roots and media is None:
        progress.say("no clip or picture of this run lies below the folders of `--audio-root`")
    exploration = replace(exploration, media=media)
    table = SampleTable(exploration)
    threading.Thread(target=table.warm).start()
    return OpenedRun(
        version=version,
        exploration=exploration,
        page=render_served(exploration).encode(),
        payload=pack(exploration, style=style, is_served=True),
        table=table,
        clips=clips,
    )


def _listen(port: int) -> socket.socket:
    if port and not LOWEST_PORT <= port <= HIGHEST_PORT:
        raise UsageError(
            f"`--port {port}` can't be used", expected=f"0 for any free one, or {LOWEST_PORT} to {HIGHEST_PORT}",
            hint="leave `--port` out", fault="option-value",
        )  # fmt: skip
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((ADDRESS, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        what, hint = f"port {port} of this machine can't be had", "leave `--port` out, or name another one"
        raise UsageError(what, got=error.strerror or str(error), hint=hint, fault="port-taken") from None
    return listening


def _make_server(door: Door) -> uvicorn.Server:
    """uvicorn as we want it: it writes no log, believes no header about who asks, and says nothing of itself."""
    config = uvicorn.Config(
        door,
        http=ImpatientProtocol,
        ws="none",
        loop="asyncio",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=SECONDS_TO_END,
        h11_max_incomplete_event_size=LARGEST_HEAD,
    )
    return uvicorn.Server(config)


def _address(port: int, token: str) -> str:
    return f"http://{ADDRESS}:{port}/?{TOKEN}={token}"


def _has_display() -> bool:
    """Whether a browser could show something; one that runs in the terminal would take it over."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_browser(address: str) -> None:
    with contextlib.suppress(webbrowser.Error, OSError):  # the printed address is there
        webbrowser.open(address)
