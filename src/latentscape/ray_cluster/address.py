"""What RAY_ADDRESS names, asked before Ray is: it would ask for minutes, and print all the while."""

import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any

from latentscape.errors import UsageError

PATIENCE = 5.0
"""Seconds that the address of a cluster has to answer."""
ATTEMPTS = 5
"""How often Ray asks, a second apart, whoever answered us."""
CLIENT = "ray://"
"""Before the address of a Ray client's server, which does for others what they ask it."""
SETTINGS = 4
HEAD = 9
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, SETTINGS, 0, 0, 0, 0, 0))
"""How HTTP/2 begins, of which every server of Ray's is one: fixed words and an empty frame of settings."""
_SILENT = "`ray status` on a node of the cluster tells whether it runs; without RAY_ADDRESS one is started here"
_OTHER = (
    "that port is not the cluster's own: it is 6379 unless `ray start --port` said otherwise (8265 is the dashboard's, "
    "10001 the Ray client's, which takes `ray://` in front)"
)
_STRANGE = (
    "somebody answers there: a cluster that asks for a token needs RAY_AUTH_MODE=token and its token "
    "(`ray get-auth-token`), and Ray and Python must be of the versions that it has"
)
_NONE = "`ray start --head` starts one that `auto` finds; without RAY_ADDRESS one is started for the run"
_FORM = "leave `http://` out, and take the port of the cluster (6379 unless `ray start --port` said otherwise)"


def require_answer(address: str) -> str:
    """Where the cluster is that RAY_ADDRESS names: the address itself, or what `auto` finds.

    Raises UsageError where nobody answers there, or somebody who is no cluster.
    """
    found = _find_running(address) if address == "auto" else address
    scheme, is_split, place = found.rpartition("://")
    if is_split and f"{scheme}://" != CLIENT:
        raise refuse_address(address, got=f"an address with `{scheme}://`", hint=_FORM)
    host, is_split, port = place.rpartition(":")
    if not is_split or not port.isdecimal():
        hint = "add the port, such as 6379: the one that `ray start --port` said"
        raise refuse_address(address, got="no port" if not is_split else f"the port `{port}`", hint=hint)
    _require_cluster(address, host.strip("[]"), int(port))
    if address == found and not is_client(address):
        _ask(address)
    return found


def is_client(address: str) -> bool:
    """Whether it is that of a Ray client's server."""
    return address.startswith(CLIENT)


def find_host(address: str) -> str:
    """The machine in an address with a port."""
    return address.rpartition("://")[2].rpartition(":")[0].strip("[]")


def refuse_address(address: str, *, got: str, hint: str = _STRANGE) -> UsageError:
    """The error for an address at which no cluster can be joined."""
    return UsageError(
        f"the Ray cluster at `{address}`, which RAY_ADDRESS names, can't be joined",
        got=got,
        expected="HOST:PORT of the head node of a cluster that runs",
        hint=hint,
        fault="cluster-missing",
    )


def first_line(error: BaseException) -> str:
    """What an error of Ray's says, without its pages."""
    return f"{type(error).__name__}: {error}".partition("\n")[0].partition(" Note: ")[0]


@contextmanager
def few_attempts() -> Iterator[None]:
    """Keep Ray, as it joins, from asking for long whoever does not know what it wants."""
    constants = import_module("ray._private.ray_constants")
    before = vars(constants).get("NUM_REDIS_GET_RETRIES", ATTEMPTS)
    vars(constants).update(NUM_REDIS_GET_RETRIES=min(ATTEMPTS, before))
    try:
        yield
    finally:
        vars(constants).update(NUM_REDIS_GET_RETRIES=before)


def _find_running(address: str) -> str:
    """The cluster of this machine that Ray would take. The file in which it looks may be older than the cluster."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Ray's own coming versions
        services: Any = import_module("ray._private.services")
    services.find_gcs_addresses.cache_clear()
    try:
        return services.get_ray_address_from_environment("auto", None)
    except ConnectionError as error:
        raise refuse_address(address, got="no cluster that runs on this machine", hint=_NONE) from error


def _require_cluster(address: str, host: str, port: int) -> None:
    """Raise UsageError unless HTTP/2 is spoken there, which neither a web page nor a mute door does."""
    try:
        line = socket.create_connection((host, port), timeout=PATIENCE)
    except (OSError, OverflowError) as error:
        raise refuse_address(address, got=str(error), hint=_SILENT) from error
    if os.environ.get("RAY_USE_TLS", "").lower() in ("1", "true"):  # it greets only who has its certificate
        return line.close()
    head = b""
    with line, suppress(OSError):  # it hung up, or says nothing
        line.sendall(_PREFACE)
        while len(head) < HEAD and (more := line.recv(HEAD - len(head))):
            head += more
    if len(head) < HEAD or head[3] != SETTINGS:
        got = "a server of another kind" if head else "an open port where nobody answers"
        raise refuse_address(address, got=got, hint=_OTHER)
    return None


def _ask(address: str) -> None:
    """Raise UsageError unless whoever answers there knows the cluster: one question, of which Ray asks twenty."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as above
        raylet: Any = import_module("ray._raylet")
    if not hasattr(raylet, "GcsClient"):
        return
    try:
        with _muted():
            raylet.GcsClient(address=address)
    except Exception as error:
        is_token = "auth" in f"{type(error).__name__}{error}".lower()
        raise refuse_address(address, got=first_line(error), hint=_STRANGE if is_token else _OTHER) from error


@contextmanager
def _muted() -> Iterator[None]:
    """Keep what is not Python from printing on stderr: the same comes as an error, which we tell."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  it is no path of anybody's
        try:
            kept = os.dup(2)
        except OSError:  # there is none
            yield
            return
        os.dup2(nowhere.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
