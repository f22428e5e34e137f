"""An eye on what this process does: a hook that sees every compiled text, every import, every child and every call out.

Hooks can't be taken away again, so this belongs into a process of its own.
"""

import os
import sys
from pathlib import Path

_ALWAYS = (
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.startfile",
    "subprocess.Popen",
    "pty.spawn",
    "socket.connect",
    "socket.getaddrinfo",
    "webbrowser.open",
    "urllib.Request",
)
"""None of our readers has a reason for any of these."""
_PROGRAMS = (".py", ".pyc", ".pyo", ".so", ".pyd", ".dll", ".dylib", ".pth")
_DANGEROUS = ("os", "posix", "nt", "subprocess", "builtins", "importlib", "runpy", "sys", "pty", "socket", "shutil")


class Watcher:
    """Remembers what should not have happened; only while `folder` is set."""

    def __init__(self) -> None:
        self.folder: str = ""
        self.seen: list[str] = []

    def watch(self, folder: Path) -> None:
        """From now on, everything that touches code below `folder`, starts a program or calls out."""
        self.folder, self.seen = os.path.realpath(folder), []

    def stop(self) -> list[str]:
        """What was seen since `watch`."""
        self.folder = ""
        return self.seen

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.folder and self._is_wrong(event, arguments):
            self.seen.append(f"{event}{arguments!r}"[:200])

    def _is_wrong(self, event: str, arguments: tuple[object, ...]) -> bool:
        if event in _ALWAYS:
            return True
        if event == "compile":
            return self._is_inside(arguments[1])
        if event == "exec":
            return self._is_inside(getattr(arguments[0], "co_filename", ""))
        if event in ("open", "import", "ctypes.dlopen", "marshal.load"):
            names = [name for name in arguments[:2] if isinstance(name, str | bytes | os.PathLike)]
            return any(self._is_inside(name) and os.fspath(name).endswith(_PROGRAMS) for name in map(_text, names))
        return event == "pickle.find_class" and arguments[0] in _DANGEROUS

    def _is_inside(self, name: object) -> bool:
        text = _text(name)
        return bool(text) and (text.startswith(self.folder + os.sep))


def _text(name: object) -> str:
    try:
        return os.fsdecode(name) if isinstance(name, str | bytes | os.PathLike) else ""
    except (TypeError, ValueError):
        return ""


def start_watching() -> Watcher:
    """A watcher that hears everything of this process from now on."""
    watcher = Watcher()
    sys.addaudithook(watcher)
    return watcher
