"""What can go wrong for a user, in sentences, and the exit code each kind ends with."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from latentscape.faults import FAULTS


class LatentscapeError(Exception):
    """Base of every failure we explain to a user: what failed, got, expected, then a hint with the next step."""

    exit_code = 9
    fault = "bug"
    """Its id, one of `faults.FAULTS`: that of its class unless `fault` names a narrower one."""

    def __init__(self, what: str, *, got: str = "", expected: str = "", hint: str = "", fault: str = "") -> None:
        self.what, self.got, self.expected, self.hint = what, got, expected, hint
        self.fault = fault or self.fault
        if self.fault not in FAULTS:
            raise AssertionError(f"no such fault: {self.fault}")
        super().__init__(self.describe())

    def __reduce__(self) -> tuple[Any, ...]:
        return _revive, (type(self), self.args), vars(self)  # whatever a child's `__init__` takes

    def describe(self) -> str:
        """The message as the terminal shows it, one fact a line."""
        facts = [self.what]
        facts += [f"  got: {self.got}"] if self.got else []
        facts += [f"  expected: {self.expected}"] if self.expected else []
        facts += [f"\nhint: {self.hint}"] if self.hint else []
        return "\n".join(facts)


class GateError(LatentscapeError):
    """A condition the user set on the numbers does not hold."""

    exit_code = 1
    fault = "gate"


class UsageError(LatentscapeError):
    """A wrong option or a wrong config file."""

    exit_code = 2
    fault = "usage"


class DataError(LatentscapeError):
    """A dataset that is missing, empty or can't be read."""

    exit_code = 3
    fault = "data"


class ModelError(LatentscapeError):
    """A checkpoint or model that is missing, broken, or does not fit."""

    exit_code = 4
    fault = "model"


class SafetyError(LatentscapeError):
    """A file that wants to run code: refused."""

    exit_code = 5
    fault = "code"


class ResourceError(LatentscapeError):
    """Memory or disk ran out."""

    exit_code = 6
    fault = "resources"


class WorkerDiedError(ResourceError):
    """Workers of a cluster died over one task, again and again."""

    fault = "worker-died"

    def __init__(
        self, what: str, *, task: object = None, got: str = "", expected: str = "", hint: str = "take it out, and go on"
    ) -> None:
        super().__init__(what, got=got, expected=expected, hint=hint)
        self.task = task


class BusyError(LatentscapeError):
    """Another process is writing this run folder."""

    exit_code = 7
    fault = "run-busy"


class TooManyFailuresError(LatentscapeError):
    """More samples failed than the user allows."""

    exit_code = 8
    fault = "too-many-failed"


def _revive(kind: type[LatentscapeError], args: tuple[Any, ...]) -> LatentscapeError:
    return kind.__new__(kind, *args)


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or lists the known ones if none is close.

    >>> nearest("perplexety", ["perplexity", "seed"])
    'did you mean `perplexity`?'
    """
    known = sorted(known)
    close = get_close_matches(name, known, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else f"known names: {', '.join(known)}"
