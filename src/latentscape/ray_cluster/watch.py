"""Whether a cluster that we joined is still there: Ray itself asks for a minute, then ends this process."""

import socket
import threading
import time
from contextlib import suppress
from importlib import import_module
from typing import Any, final

from latentscape.ray_cluster.deaths import explain_loss

BETWEEN, ANSWER = 2.0, 4.0
"""Seconds between two questions, and those that the head has to answer one."""
PATIENCE = 30.0
"""Seconds without an answer, after which the cluster is lost: a head that was begun anew may have been back by then."""
GRACE = 5.0
"""Seconds that whoever uses Ray has to hear of the loss, before Ray is left; all of them must be less than 60."""
LEAVING = 20.0


@final
class Watch:
    """Asks the head of a cluster in a thread, however long the caller is at something else."""

    def __init__(self, ray: Any) -> None:
        """`ray` is the library, connected to a cluster that this process did not start."""
        self._ray = ray
        host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
        self._head = (host.strip("[]"), int(port))
        self._node = _reach_node()
        self._lost = ""
        self._is_left = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True, name="watch over the cluster")
        self._thread.start()

    def require_alive(self) -> None:
        """Raise ResourceError where the head has not answered for long, or the node that we speak through ended."""
        self._hear_node()
        if self._lost:
            raise explain_loss(self._lost)

    def leave(self) -> None:
        """Watch no longer. Where the cluster is lost, Ray is left with the end of this."""
        self._is_left.set()
        if self._lost:
            self._thread.join(LEAVING)
        if self._node is not None:
            self._node.close()

    def _hear_node(self) -> None:
        if not self._lost and self._node is not None and _is_closed(self._node):
            self._lost = "the node that this process was connected through ended"

    def _look(self) -> None:
        silent_since = None
        while not self._lost and not self._is_left.wait(BETWEEN):
            self._hear_node()
            began = time.monotonic()
            try:
                socket.create_connection(self._head, timeout=ANSWER).close()
                silent_since = None
            except OSError as error:
                silent_since = silent_since or began
                if time.monotonic() - silent_since >= PATIENCE:
                    place = ":".join(map(str, self._head))
                    self._lost = f"its head at {place} has not answered for {PATIENCE:.0f} s: {error}"
        if self._lost:
            self._is_left.wait(GRACE)
            _leave_ray(self._ray)


def _leave_ray(ray: Any) -> None:
    """Else it ends this process soon. It must not be begun anew by whoever still calls it: that one hears others."""
    with suppress(Exception):
        hook: Any = import_module("ray._private.auto_init_hook")
        hook.enable_auto_connect = False
        ray.shutdown()


def _reach_node() -> socket.socket | None:
    """A line to the node that Ray speaks through, over which nothing is said: it closes when the node ends."""
    with suppress(Exception):  # there is none where Ray is reached through its client
        line = socket.socket(socket.AF_UNIX)
        line.connect(import_module("ray._private.worker")._global_node.raylet_socket_name)
        line.setblocking(False)
        return line
    return None


def _is_closed(line: socket.socket) -> bool:
    try:
        return not line.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
