"""HTTP/1.1 as uvicorn speaks it, with an end to its patience: slow visitors can't keep others out."""

import asyncio
from typing import Any, final

from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS, STALL_SECONDS = 5.0, 60.0
MOST_CONNECTIONS = 64
LARGEST_HEAD = 32_768


@final
class ImpatientProtocol(H11Protocol):
    """A connection that is closed where a request does not come, or an answer is not taken, for too long.

    Where there are very many connections, the one that has waited longest for its request makes room for the new one.
    """

    _since = 0.0
    _head: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._await_head()
        silent = [each for each in self.connections if isinstance(each, ImpatientProtocol) and each._head]
        if len(self.connections) > MOST_CONNECTIONS and silent:
            min(silent, key=lambda each: each._since).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._head, self._stall = _cancel(self._head), _cancel(self._stall)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """A request that is whole ends the wait for it."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._head = _cancel(self._head)

    def on_response_complete(self) -> None:
        """Wait for the next request; uvicorn's own wait ends with its first byte."""
        if not self.transport.is_closing():
            self._await_head()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The visitor takes nothing at present."""
        super().pause_writing()
        self._stall = _cancel(self._stall) or self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The visitor goes on."""
        super().resume_writing()
        self._stall = _cancel(self._stall)

    def _await_head(self) -> None:
        _cancel(self._head)
        self._since = self.loop.time()
        self._head = self.loop.call_later(HEAD_SECONDS, self.transport.abort)


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
