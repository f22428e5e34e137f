"""What can be asked for: the page, its data, one sample, which samples fit, and a clip. Nothing is ever changed."""

import asyncio
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from latentscape.exploration import Exploration
from latentscape.media.kinds import HEAD_BYTES, tell_mime
from latentscape.pages.explorer_page import served_policy
from latentscape.server.clips import Clip
from latentscape.server.details import describe_sample
from latentscape.server.door import SHUT
from latentscape.server.opened import OpenedRun, Watched, describe_state
from latentscape.server.queries import ClosedError, QueryError, SampleTable, TooSlowError, pack_mask
from latentscape.server.ranges import UnreadableRangeError, read_range
from latentscape.server.waiting import render_waiting

CHUNK = 2**17
WAITING_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Around the page's own, which is narrower: a page can't say itself who may frame it."""
MOST_AT_ONCE = 4
"""Questions to the table that are worked on at the same time."""
REPLACED = "Another run has taken its place: load the page again."
_WHOLE_NUMBER = re.compile(r"[0-9]{1,9}")

Endpoint = Callable[[Request, OpenedRun], Awaitable[Response]]


@final
class Desk:
    """Answers requests about one run folder."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._turn = asyncio.Semaphore(MOST_AT_ONCE)

    def make_app(self) -> Starlette:
        """The application; what may come in is decided before it."""
        paths: dict[str, Endpoint] = {
            "payload": self._send_payload,
            "details/{row}": self._send_details,
            "search": self._search,
            "rows": self._filter,
            "media/{row}": self._send_media,
            "thumbnails/{row}": self._send_thumbnail,
        }
        routes = [Route("/", self._welcome), Route("/status", self._tell_status), Route("/{version}/", self._send_page)]
        routes += [Route("/{version}/status", self._tell_status)]
        routes += [Route(f"/{{version}}/{path}", partial(self._answer, answer)) for path, answer in paths.items()]
        app = Starlette(routes=routes)
        app.router.redirect_slashes = False
        return app

    async def _welcome(self, request: Request) -> Response:
        found = await self._watched.find()
        if isinstance(found, OpenedRun):
            return RedirectResponse(f"/{found.version}/", status_code=303)
        return HTMLResponse(
            render_waiting(found, name=self._watched.folder.name), headers={"content-security-policy": WAITING_POLICY}
        )

    async def _send_page(self, request: Request) -> Response:
        found = await self._watched.find()
        if not isinstance(found, OpenedRun) or found.version != request.path_params["version"]:
            return RedirectResponse("/", status_code=303)
        return HTMLResponse(found.page, headers={"content-security-policy": served_policy()})

    async def _tell_status(self, request: Request) -> Response:
        """Whether an open page still shows what is in the folder: asked now and then, so nothing is loaded for it."""
        opened, asked = self._watched.opened, request.path_params.get("version")
        if opened is not None and self._watched.is_current:
            return JSONResponse({**describe_state(opened), "isCurrent": asked in (None, opened.version)})
        progress = await run_in_threadpool(self._watched.peek)
        return JSONResponse({**describe_state(progress), "isCurrent": False})

    async def _answer(self, answer: Endpoint, request: Request) -> Response:
        opened = self._watched.opened
        if opened is None or opened.version != request.path_params["version"]:
            return _say(410, REPLACED)
        return await answer(request, opened)

    async def _send_payload(self, request: Request, opened: OpenedRun) -> Response:
        return Response(opened.payload, media_type="application/octet-stream")

    async def _send_details(self, request: Request, opened: OpenedRun) -> Response:
        row, checkpoint = _read_row(request, opened.exploration), request.query_params.get("checkpoint", "0")
        if row is None:
            return _say(404, "There is no such sample.")
        if not _WHOLE_NUMBER.fullmatch(checkpoint) or int(checkpoint) >= len(opened.exploration.answers):
            return _say(404, "There is no such checkpoint.")
        layer = request.query_params.get("layer", "")
        return JSONResponse(describe_sample(opened.exploration, row, layer=layer, checkpoint=int(checkpoint)))

    async def _search(self, request: Request, opened: OpenedRun) -> Response:
        return await self._ask(opened.table, lambda table: table.search(request.query_params.get("q", "")))

    async def _filter(self, request: Request, opened: OpenedRun) -> Response:
        asked = request.query_params
        try:
            low, high = _read_end(asked.get("low")), _read_end(asked.get("high"))
        except ValueError:
            return _say(400, "An end of a range is a number.")
        key, values = asked.get("column", ""), asked.getlist("values")
        return await self._ask(opened.table, lambda table: table.filter(key, low=low, high=high, values=values))

    async def _ask(self, table: SampleTable, question: Callable[[SampleTable], Any]) -> Response:
        try:
            async with self._turn:
                found = await run_in_threadpool(question, table)
        except QueryError as error:
            return _say(400, f"{error}.")
        except ClosedError:
            return _say(410, REPLACED)
        except TooSlowError:
            return _say(503, "It took too long and was stopped: ask for less.")
        return Response(pack_mask(found), media_type="application/octet-stream")

    async def _send_thumbnail(self, request: Request, opened: OpenedRun) -> Response:
        row = _read_row(request, opened.exploration)
        image = None if row is None else opened.exploration.thumbnails.get(row)
        mime = tell_mime(image[:HEAD_BYTES]) if image else None
        if mime is None or not mime.startswith("image/"):
            return _say(404, "There is no picture of it.")
        return Response(image, media_type=mime, headers={"content-security-policy": SHUT})

    async def _send_media(self, request: Request, opened: OpenedRun) -> Response:
        row = _read_row(request, opened.exploration)
        clip = None if row is None else await run_in_threadpool(opened.clips.open, row)
        if clip is None:
            return _say(404, "There is nothing to play or show.")
        try:
            asked = None if "if-range" in request.headers else ",".join(request.headers.getlist("range")) or None
            part = read_range(asked, clip.size)
        except UnreadableRangeError:
            clip.close()
            return _say(416, "That is not one range of this file.", **{"content-range": f"bytes */{clip.size}"})
        start, stop = part or (0, clip.size)
        headers = {"accept-ranges": "bytes", "content-length": str(stop - start), "content-security-policy": SHUT}
        headers |= {"content-range": f"bytes {start}-{stop - 1}/{clip.size}"} if part else {}
        status = 206 if part else 200
        if request.method == "HEAD":
            clip.close()
            return Response(status_code=status, headers=headers, media_type=clip.mime)
        return StreamingResponse(_stream(clip, start, stop), status_code=status, headers=headers, media_type=clip.mime)


@final
class CutShortError(Exception):
    """A file that was made shorter while it was sent."""


async def _stream(clip: Clip, start: int, stop: int) -> AsyncIterator[bytes]:
    try:
        while start < stop:
            data = await run_in_threadpool(clip.read, start, min(CHUNK, stop - start))
            if not data:
                raise CutShortError
            start += len(data)
            yield data
    finally:
        clip.close()


def _read_row(request: Request, exploration: Exploration) -> int | None:
    text = request.path_params["row"]
    row = int(text) if _WHOLE_NUMBER.fullmatch(text) else -1
    return row if 0 <= row < exploration.n else None


def _read_end(text: str | None) -> float | None:
    value = float(text) if text else None
    if value is not None and not math.isfinite(value):
        raise ValueError
    return value


def _say(status: int, text: str, **headers: str) -> Response:
    return PlainTextResponse(f"{text}\n", status_code=status, headers=headers)
