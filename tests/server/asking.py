"""A small run as the server holds it, and requests put to it letter by letter, as they come out of a socket."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.exploration import (
    Answer,
    Category,
    Exploration,
    Frame,
    NeighborLists,
    Numbers,
    Probabilities,
    RankedDocuments,
    Texts,
)
from latentscape.server.app import Desk
from latentscape.server.clips import Clips, read_roots
from latentscape.server.door import Door, Keys
from latentscape.server.opened import OpenedRun, Watched
from latentscape.server.queries import SampleTable

PORT = 8123
HOST = f"127.0.0.1:{PORT}"
HOSTILE = "<script>alert(1)</script> ' OR 1=1 -- $1 {}"
IDS = ("set/a.wav", "set/sub/b.wav", "set/c.wav", "set/../../secret.wav")
TEXTS = ("Phòng trọ Quận 10", "Phòng trọ Quận 10", HOSTILE, None)  # the second in separate marks
TRICKY_VERSION = "0123456789abcdef"


def make_exploration(**changes: Any) -> Exploration:
    """Four samples with something of everything."""
    given: dict[str, Any] = {
        "study": "latents",
        "title": "t",
        "headline": "h",
        "n": 4,
        "ids": IDS,
        "columns": (
            Category(key="label", title="Label", codes=np.array([0, 1, 1, -1]), values=("Buồn", "Đau khổ")),
            Category(key="said", title="Said", codes=np.array([0, 0, 1, 1]), values=("Buồn", "Đau khổ")),
            Numbers(key="it's", title="p", values=np.array([0.1, 0.5, np.nan, 0.9])),
            Texts(key="text", title="Text", values=TEXTS),
        ),
        "frames": (Frame(layer="mlp", method="tsne", xy=np.zeros((4, 2)), trust=np.ones(4)),),
        "answers": (Answer(truth="label", said="said"),),
        "neighbors": (
            NeighborLists(
                layer="mlp",
                metric="cosine",
                rows=np.array([[1, 2], [0, -1], [0, 1], [0, 1]]),
                distances=np.array([[0.25, 0.5], [0.25, np.nan], [0.5, 0.75], [np.nan, 1.0]]),
            ),
        ),
        "probabilities": (
            Probabilities(codes=np.array([[0, 1]] * 4), shares=np.array([[0.75, 0.25]] * 3 + [[np.nan, 0.5]])),
        ),
        "ranked": RankedDocuments(
            queries=np.array([1, 0]),
            rows=np.array([[2, 3], [3, -1]]),
            similarities=np.array([[0.5, 0.25], [0.75, np.nan]]),
            marks=np.array([[0, 1], [2, 0]]),
            hard_ends=np.array([1, 1]),
            hard_rows=np.array([3]),
            hard_similarities=np.array([0.25]),
            hard_types=("price, area",),
        ),
    }
    return Exploration(**{**given, **changes})


def make_opened(*roots: object, version: str = TRICKY_VERSION, **changes: Any) -> OpenedRun:
    """The run, loaded."""
    exploration = make_exploration(**changes)
    return OpenedRun(
        version=version,
        exploration=exploration,
        page=b"<!DOCTYPE html><title>PAGE</title>",
        payload=b"PAYLOAD",
        table=SampleTable(exploration),
        clips=Clips(exploration.ids, read_roots([str(root) for root in roots])),
    )


@dataclass
class Answered:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def mask(self) -> list[int]:
        """The samples of a bit mask."""
        return np.flatnonzero(np.unpackbits(np.frombuffer(self.body, np.uint8), bitorder="little")).tolist()


class Visitor:
    """Somebody who knows the cookie, unless told otherwise."""

    def __init__(self, folder: Path, opened: OpenedRun | None = None) -> None:
        self.keys, self.told = Keys(), []
        self.watched = Watched(folder, lambda run, version: make_opened(version=version))
        if opened is not None:
            self.watched.opened = opened
        self.door = Door(Desk(self.watched).make_app(), port=PORT, keys=self.keys, tell=self.told.append)

    def cookie(self) -> str:
        """The cookie that a browser would send."""
        return f"latentscape-{PORT}={self.keys.secret}"

    def ask(
        self,
        target: str,
        *,
        method: str = "GET",
        headers: Sequence[tuple[str, str]] = (),
        host: str | None = HOST,
        knows: bool = True,
    ) -> Answered:
        """One request. Paths of the run begin with its version, put in for `@`."""
        path, _, query = target.replace("@", f"/{TRICKY_VERSION}/").partition("?")
        given = [*([("host", host)] if host is not None else []), *headers]
        given += [("cookie", self.cookie())] if knows else []
        return asyncio.run(self._ask(method, path, query, given))

    async def _ask(self, method: str, path: str, query: str, headers: Sequence[tuple[str, str]]) -> Answered:
        from urllib.parse import unquote

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(path), "raw_path": path.encode("latin-1"), "query_string": query.encode("latin-1"),
            "root_path": "", "server": ("127.0.0.1", PORT), "client": ("127.0.0.1", 9),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers], "state": {},
        }  # fmt: skip
        sent: list[dict[str, Any]] = []
        asked: list[bool] = []

        async def receive() -> dict[str, Any]:
            if asked:  # the visitor stays until the answer is whole
                await asyncio.sleep(3600)
            asked.append(True)
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self.door(scope, receive, send)
        names = [name for name, _ in sent[0]["headers"]]
        assert len(set(names) - {b"set-cookie"}) == len([name for name in names if name != b"set-cookie"])
        headers_out = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        return Answered(sent[0]["status"], headers_out, b"".join(each.get("body", b"") for each in sent[1:]))
