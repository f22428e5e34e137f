"""How a command talks to the person who typed it, and to the program that reads its answer."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from latentscape.progress import SILENT, Progress, Terminal


@dataclass(frozen=True, kw_only=True)
class Talk:
    """How a command talks to the person who typed it."""

    quiet: bool = False
    """No progress and no remarks on stderr."""
    debug: bool = False
    """Show the traceback when something fails."""

    @property
    def progress(self) -> Progress:
        """The listener that stage functions report to."""
        return SILENT if self.quiet else Terminal()


TALK = Talk()
AsJson = Annotated[bool, Parameter(name="--json", group="Talk")]
TalkOptions = Annotated[Talk, Parameter(name="*", group="Talk")]


def print_json(value: Any) -> None:
    """Write a value to stdout as JSON; NaN and infinity are refused, they are not JSON."""
    print(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False))  # noqa: T201
