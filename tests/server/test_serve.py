"""The server as a process: sockets, signals, slow visitors, and a study that finishes while somebody waits."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from latentscape.errors import UsageError
from latentscape.server.serve import serve_run
from latentscape.store import RunFolder
from tests.run_folders import write_classifier_run

PATIENCE = 60


# -- in this process ------------------------------------------------------------------------------------------------


def test_ports_that_can_not_be_had_are_told(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for port, fault in ((taken.getsockname()[1], "port-taken"), (80, "option-value"), (70000, "option-value"),
        (-1, "option-value")):  # fmt: skip
            with pytest.raises(UsageError) as raised:
                serve_run(tmp_path, announce=print, port=port)
            assert raised.value.fault == fault


def test_words_of_the_command(run_command, tmp_path):
    assert run_command("open", tmp_path / "no", "--no-browser")[0] == 3
    (tmp_path / "run").mkdir()
    code, out, err = run_command("open", tmp_path / "run", "--no-browser", "--audio-root", tmp_path / "no")
    assert (code, out) == (2, "")
    assert "--audio-root" in err
    assert run_command("open")[0] == 2
    assert run_command("open", tmp_path, "--port", "x")[0] == 2


# -- as a process ---------------------------------------------------------------------------------------------------


class Server:
    """`latentscape open`, started."""

    def __init__(self, process: subprocess.Popen, errors: Path) -> None:
        self.process, self._errors = process, errors
        self.address = process.stdout.readline().decode().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{43}", self.address), errors.read_text()
        self.token = self.address.partition("token=")[2]
        self.port = int(self.address.split(":")[2].partition("/")[0])

    @property
    def said(self) -> str:
        return self._errors.read_text()

    def visit(self) -> httpx.Client:
        client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", follow_redirects=True, timeout=PATIENCE)
        self.landed = client.get(self.address)
        return client

    def send(self, data: bytes, *, seconds: float = 10) -> bytes:
        """What comes back for these bytes until the server closes or falls silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            answer = b""
            with suppress(OSError):
                connection.sendall(data)
                while part := connection.recv(65536):
                    answer += part
            return answer

    def end(self, number: int) -> int:
        self.process.send_signal(number)
        return self.process.wait(10)


@contextmanager
def started(folder, tmp_path, *words):
    errors = tmp_path / "stderr.txt"
    environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, "-m", "latentscape", "open", str(folder), *map(str, words)]
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=environment) as process,
    ):
        try:
            yield Server(process, errors)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def run(tmp_path_factory, root) -> Path:
    """A copy of a finished run with maps: that of the demo where it was made, else a small one."""
    folder, made = tmp_path_factory.mktemp("served") / "run", root / "demo-output" / "emotion"
    if not (made / "manifest.json").is_file():
        pytest.skip("the demo was not made on this machine")
    return Path(
        shutil.copytree(made, folder, ignore=shutil.ignore_patterns("comparison", "*.png", "*.html", "*.pt", "redrawn"))
    )


@pytest.mark.slow
def test_a_visit_from_the_first_page_to_the_end(run, tmp_path, root):
    with (
        started(run, tmp_path, "--audio-root", root / "demo-output" / "speech") as server,
        closing(server.visit()) as client,
    ):
        page, place = server.landed, server.landed.url.path
        assert (page.status_code, len(page.history)) == (200, 2)
        assert re.fullmatch(r"/[0-9a-f]{16}/", place)
        assert "<script" in page.text
        assert client.get(f"{place}payload").content[:8] == b"latspace"
        assert client.get(f"{place}details/0", params={"layer": "mlp", "checkpoint": 0}).json()["neighbors"]["list"]
        assert any(client.get(f"{place}search", params={"q": "fearful"}).content)
        clip = client.get(f"{place}media/0", headers={"range": "bytes=0-3"})
        assert (clip.status_code, clip.content) == (206, b"RIFF")
        assert server.token not in str(client.cookies)
        assert httpx.get(server.address).status_code == 403  # once
        assert httpx.get(f"http://127.0.0.1:{server.port}{place}payload").status_code == 403
        assert server.end(signal.SIGINT) == 0
        assert server.said.splitlines() == ["Ctrl-C ends it", "closed"]
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", server.port), timeout=2)


@pytest.mark.slow
def test_raw_bytes_and_slow_visitors(run, tmp_path):
    with started(run, tmp_path) as server, closing(server.visit()) as client:
        place, host = server.landed.url.path, f"Host: 127.0.0.1:{server.port}\r\n".encode()
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items()).encode()
        known = b"Cookie: " + cookie + b"\r\nConnection: close\r\n\r\n"
        at = f"GET {place}payload HTTP/1.1\r\n".encode()
        payload = client.get(f"{place}payload").content
        assert server.send(at + host + known).endswith(payload)
        attacks = [
            at + host + host + known, at + known, at + b"Host: evil.com\r\n" + known,
            f"GET {place}payload\r\n".encode(), b"GET /\r\n\r\n",
            f"GET http://evil.com{place}payload HTTP/1.1\r\n".encode() + host + known, at.replace(b"1.1",
            b"0.9") + host + known,
            at.replace(b"1.1", b"1.0") + known, at + b"Host:127.0.0.1\r\n" + known,
            at + host.strip() + b", evil.com\r\n" + known,
            at.replace(b"GET", b"POST") + host + b"Content-Length: 5\r\n" + known + b"hello",
            at + host + b"Transfer-Encoding: chunked\r\n" + known,
            at + host + b"Content-Length: 0\r\nContent-Length: 5\r\n" + known,
            at + host + b"X: " + b"a" * 2**20 + b"\r\n" + known,
            f"GET {place}search?q={'a' * 10_000_000} HTTP/1.1\r\n".encode() + host + known,
            at + host + b" folded: x\r\n" + known,
            at.replace(place.encode(), b"/../..//etc/passwd") + host + known, at.replace(b"payload",
            b"%2e%2e/payload") + host + known,
            at.replace(b"payload", b"media/..%2f..%2f") + host + known, at + host + b"Origin: null\r\n" + known,
            b"\x16\x03\x01\x02\x00\x01\x00", b"\0" * 500,
            at + host + b"Sec-Fetch-Site: cross-site\r\n" + known, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            at.replace(b"GET", b"TRACE") + host + known,
            at.replace(b"GET", b"CONNECT") + host + known, b"CONNECT evil.com:80 HTTP/1.1\r\n" + host + known,
            at + host + known.replace(cookie, b"x=y"),
        ]  # fmt: skip
        for attack in attacks:
            answer = server.send(attack)
            assert payload[:50] not in answer, attack[:200]
            assert b" 200 " not in answer[:20], attack[:200]
            assert b"access-control" not in answer.lower()
            assert b"root:" not in answer
        upgrade = (
            at
            + host
            + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n"
            + known
        )
        assert b" 101 " not in server.send(upgrade)[:20]
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(200)]
        for connection in slow:
            connection.sendall(b"GET / HTTP/1.1\r\nX-a: b")
        began = time.monotonic()
        assert client.get(f"{place}payload").content == payload
        assert time.monotonic() - began < 3
        time.sleep(6)
        for connection in slow:
            connection.settimeout(1)
            with connection, suppress(ConnectionError):
                assert connection.recv(10) == b""
        assert server.send(at + host + known).endswith(payload)
        assert server.end(signal.SIGTERM) == 143
        assert server.token not in server.said
        assert cookie.partition(b"=")[2].decode() not in server.said
        assert "Traceback" not in server.said


@pytest.mark.slow
def test_a_visitor_waits_for_a_study_and_sees_it(run, tmp_path):
    folder = Path(shutil.copytree(run, tmp_path / "begun"))
    (folder / "manifest.json").rename(tmp_path / "manifest.json")
    with started(folder, tmp_path, "--quiet") as server, closing(server.visit()) as client:
        assert "is not finished" in server.landed.text
        assert "maps/tsne_mlp" in server.landed.text
        with RunFolder(folder):
            assert "being made" in client.get("/").text
        (tmp_path / "manifest.json").rename(folder / "manifest.json")
        page = client.get("/")
        assert len(page.history) == 1
        assert client.get(f"{page.url.path}payload").content[:8] == b"latspace"
        assert client.get(f"{page.url.path}status").json()["isCurrent"]
        assert server.end(signal.SIGINT) == 0
        assert server.said == ""


@pytest.mark.slow
def test_a_run_without_maps_is_refused_before_anybody_looks(tmp_path):
    folder = write_classifier_run(tmp_path / "light", columns={"tsne_mlp_x": None})
    command = [sys.executable, "-m", "latentscape", "open", str(folder), "--no-browser"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ended.returncode, ended.stdout) == (3, "")
    assert "error[run-mapless]" in ended.stderr
