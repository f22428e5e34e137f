"""The process around a command: its streams, its signals, and the exit code that every end of it has."""

import os
import shlex
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from cyclopts import CycloptsError

from latentscape.disk import FULL
from latentscape.errors import LatentscapeError
from latentscape.extras import explain_missing
from latentscape.progress import make_visible

_GOES_ON = "the same command goes on from what is finished, or begins anew where nothing is"


class Terminated(BaseException):
    """SIGTERM arrived."""


def prepare_process() -> None:
    """Make the terminal take every letter, SIGTERM end with 143, and the libraries' own bars stay silent."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by whoever started us: else the next file opened would take its place
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115  open as long as we run
        getattr(sys, name).reconfigure(errors="replace")
    signal.signal(signal.SIGTERM, _terminate)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def _terminate(*_: object) -> None:
    raise Terminated


def run_command(run: Callable[[], object], *, debug: bool) -> int:
    """Run a command to its end, explain on stderr what went wrong, and return the exit code that the guide promises."""
    code = _run(run, debug=debug)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # what is left can't be written; Python must not try again as it ends
            _silence(stream)
    return code


def spell_command() -> str:
    """The command this process was started with, as somebody can type it again."""
    program, words = Path(sys.argv[0]), sys.argv[1:]
    if program.name == "__main__.py":
        return shlex.join(["python", "-m", program.parent.name, *words])
    return shlex.join(["python", sys.argv[0], *words] if program.suffix == ".py" else [program.name, *words])


def _run(run: Callable[[], object], *, debug: bool) -> int:
    try:
        run()
        sys.stdout.flush()  # as long as a full disk can be answered for
    except LatentscapeError as error:
        return _explain(str(error), error.exit_code, fault=error.fault, debug=debug)
    except CycloptsError as error:
        hint = "`latentscape --help` lists the commands, `latentscape COMMAND --help` the options"
        return _explain(f"{error}\n\nhint: {hint}", 2, fault="usage", debug=debug)
    except KeyboardInterrupt:
        return _explain(f"interrupted; {_GOES_ON}\n\n    {spell_command()}", 130, debug=debug)
    except Terminated:
        return _explain(f"terminated; {_GOES_ON}\n\n    {spell_command()}", 143, debug=debug)
    except BrokenPipeError:  # the reader has seen enough; the work was done before we spoke
        return 0
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # how rich ends when the reader of `--help` left
            return 0
        raise
    except Exception as error:  # noqa: BLE001  the last line of defense: a bug of ours must not look like the user's
        text, code, fault = _judge(error)
        return _explain(text, code, fault=fault, debug=debug)
    return 0


def _judge(error: Exception) -> tuple[str, int, str]:
    """What an error that nobody foresaw says, its exit code and its id."""
    missing = explain_missing(error) if isinstance(error, ImportError) else None
    if missing:
        return str(missing), missing.exit_code, missing.fault
    if isinstance(error, MemoryError):
        return f"memory ran out: {error}\n\nhint: take a smaller `--max-samples` or `--batch-size`", 6, "memory"
    if isinstance(error, OSError) and error.errno in FULL:
        return f"the output can't be written: {error.strerror}\n\nhint: free some space; {_GOES_ON}", 6, "disk-full"
    text = f"a bug in latentscape: {type(error).__name__}: {error}"
    return f"{text}\n\nhint: run again with `--debug` and report what it shows", 9, "bug"


def _explain(text: str, code: int, *, fault: str = "", debug: bool) -> int:
    trace = traceback.format_exc() if debug else ""
    named = f"error[{fault}]" if fault else "stopped"
    with suppress(OSError):  # nobody listens: the exit code has to say it
        print(make_visible(f"{trace}{named}: {text}"), file=sys.stderr)  # noqa: T201
    return code


def _silence(stream: TextIO) -> None:
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
