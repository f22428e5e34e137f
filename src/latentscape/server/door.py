"""Who may ask: one person, with the key that was printed, at the address that was printed, to look and nothing else."""

import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import final
from urllib.parse import parse_qs

from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = ("127.0.0.1", "localhost")
METHODS = ("GET", "HEAD")
TOKEN = "token"  # noqa: S105  the name of the parameter
LONGEST_PATH, LONGEST_QUERY = 200, 16_384
_PATH = re.compile(rb"(/[A-Za-z0-9_-]*)+")
_HOME, _ICON = b"/", b"/favicon.ico"
_SITES = {b"same-origin", b"none"}
"""Who a browser says is asking: our own page, or the person at the address bar."""
SHUT = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; sandbox"
HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
WHERE = (
    "Paste the whole address that `latentscape open` printed into the address bar. It opens once: "
    "to look with another browser, run the command again.\n"
)


@final
class Keys:
    """Tokens, each good for one visit, and the secret that a visitor gets for one."""

    def __init__(self) -> None:
        self._secret = secrets.token_urlsafe(32)
        self._tokens: dict[str, float] = {}

    @property
    def secret(self) -> str:
        """What the cookie holds."""
        return self._secret

    def cut(self, *, seconds: float = float("inf")) -> str:
        """A new token, good once and for so long."""
        token = secrets.token_urlsafe(32)
        self._tokens[token] = time.monotonic() + seconds
        return token

    def spend(self, token: str) -> bool:
        """Whether the token is one of ours that nobody used yet; now it is used."""
        known = [each for each in self._tokens if hmac.compare_digest(each.encode(), token.encode(errors="replace"))]
        return any(time.monotonic() <= self._tokens.pop(each) for each in known)

    def fits(self, cookies: Iterable[str]) -> bool:
        """Whether one of the cookies is the secret."""
        return sum(hmac.compare_digest(self._secret.encode(), each.encode(errors="replace")) for each in cookies) > 0


@final
class Door:
    """Stands before the application and lets in whoever may ask; every answer goes out with the same headers.

    No answer has a CORS header, so no other page can read one. `tell` hears of requests that failed by a bug of ours.
    """

    def __init__(self, app: ASGIApp, *, port: int, keys: Keys, tell: Callable[[str], None]) -> None:
        self._app, self._keys, self._tell = app, keys, tell
        self._hosts = {f"{host}:{port}".encode() for host in HOSTS}
        self._cookie = f"latentscape-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        sender = _Sender(send)
        try:
            await (self._refuse(scope) or self._let_in(scope) or self._app)(scope, receive, sender)
        except Exception as error:
            self._tell(f"a request failed: {type(error).__name__}: {error}"[:300])
            if not sender.has_begun:
                await _say(500, "This is a bug in latentscape.\n")(scope, receive, sender)
            elif not sender.is_whole:
                raise  # the connection ends here: half an answer must not look like a whole one

    def _refuse(self, scope: Scope) -> Response | None:
        """Why this is no request for the application, whoever asks."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = _all(headers, b"host")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return _say(403, "This server answers at its own address only.\n")
        if scope["http_version"] != "1.1":
            return _say(505, "This server speaks HTTP/1.1.\n", connection="close")
        if scope["method"] not in METHODS:
            return _say(405, "This server only shows.\n", allow=", ".join(METHODS))
        if any(origin != b"http://" + hosts[0] for origin in _all(headers, b"origin")):
            return _say(403, "This server answers its own pages only.\n")
        if any(site not in _SITES for site in _all(headers, b"sec-fetch-site")):
            return _say(403, f"This server answers its own pages only. {WHERE}")
        if _all(headers, b"transfer-encoding") or any(size != b"0" for size in _all(headers, b"content-length")):
            return _say(400, "Nothing can be sent to this server.\n", connection="close")
        if len(scope["query_string"]) > LONGEST_QUERY:
            return _say(414, "The question is too long.\n")
        path = scope["raw_path"]
        if path == _ICON:  # browsers ask for one by themselves
            return Response(status_code=204)
        if len(path) > LONGEST_PATH or not _PATH.fullmatch(path) or b"//" in path:
            return _say(404, "There is nothing here.\n")
        return None

    def _let_in(self, scope: Scope) -> Response | None:
        """None for whoever has the cookie; a cookie for whoever has a token."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        token = _read_token(scope)
        knows_us = self._keys.fits(_read_cookies(headers, self._cookie))
        if token is None:
            return None if knows_us else _say(403, f"This page is for one person. {WHERE}")
        is_visit = scope["method"] == "GET" and not _all(headers, b"sec-purpose") and not _all(headers, b"purpose")
        if knows_us or (is_visit and self._keys.spend(token)):
            answer = RedirectResponse("/", status_code=303)  # so that the token leaves the address bar and the history
            if not knows_us:
                answer.set_cookie(self._cookie, self._keys.secret, path="/", httponly=True, samesite="strict")
            return answer
        return _say(403, f"This token was used, or never was one. {WHERE}")


@final
class _Sender:
    """Sends on, with our headers."""

    def __init__(self, send: Send) -> None:
        self._send, self.has_begun, self.is_whole = send, False, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_begun = True
            ours = dict(HEADERS)
            kept = [(name, value) for name, value in message.get("headers", []) if name.lower() not in ours]
            if not any(name.lower() == b"content-security-policy" for name, _ in kept):
                kept.append((b"content-security-policy", SHUT.encode()))
            message = {**message, "headers": [*kept, *HEADERS]}
        self.is_whole = message["type"] == "http.response.body" and not message.get("more_body", False)
        await self._send(message)


def _say(status: int, text: str, **headers: str) -> Response:
    return PlainTextResponse(text, status_code=status, headers=headers)


def _all(headers: list[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value.strip() for name, value in headers if name.lower() == wanted]


def _read_cookies(headers: list[tuple[bytes, bytes]], name: str) -> list[str]:
    """Every cookie of this name: another port of this machine may have set one too, and the order is not ours."""
    parts = [part for header in _all(headers, b"cookie") for part in header.decode("latin-1").split(";")]
    return [found for part in parts if (found := cookie_parser(part).get(name)) is not None]


def _read_token(scope: Scope) -> str | None:
    """The token of the address; only the first page takes one."""
    if scope["raw_path"] != _HOME or not scope["query_string"]:
        return None
    try:
        asked = parse_qs(scope["query_string"].decode("ascii"), keep_blank_values=True, max_num_fields=8)
    except ValueError:  # not ASCII, or too many
        return ""
    tokens = asked.get(TOKEN, [])
    return tokens[0] if len(tokens) == 1 else "" if tokens else None
