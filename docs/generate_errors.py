"""Write docs/errors.md from `latentscape.faults`, so that the two can't differ; `--check` only compares."""

import sys
from collections.abc import Iterator
from pathlib import Path

from latentscape import errors, faults

NOTICE = "<!-- written by docs/generate_errors.py: edit src/latentscape/faults.py instead -->"
INTRODUCTION = """# Errors

What goes wrong is told on stderr as `error[id]: ...`: what failed, what was there, what was expected, and a hint with
the next step. The id and the exit code stay the same from version to version; the sentences may change. There is no
traceback unless `--debug` asks for one."""
CHAPTERS = (
    ("A gate", 1, ("gate", "installation")),
    ("Usage and config", 2, tuple(faults.USAGE)),
    ("Data", 3, tuple(faults.DATA)),
    ("Model and weights", 4, tuple(faults.MODEL)),
    ("Refused for safety", 5, tuple(faults.SAFETY)),
    ("Resources", 6, tuple(faults.RESOURCES)),
    ("Run folder busy", 7, ("run-busy",)),
    ("Too many samples failed", 8, ("too-many-failed",)),
    ("Our mistake", 9, ("bug",)),
)
SIGNALS = "Ctrl-C ends with exit code 130, SIGTERM with 143. Both say how to go on."
PAGE = Path(__file__).with_name("errors.md")


def main() -> None:
    """Write the page, or exit with 1 if it is not what the table says."""
    chapters = "\n\n".join("\n".join(_write(*chapter)) for chapter in CHAPTERS)
    text = f"{NOTICE}\n\n{INTRODUCTION}\n\n{chapters}\n\n{SIGNALS}\n"
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        sys.exit("docs/errors.md is out of date: run `python docs/generate_errors.py`")


def _write(title: str, code: int, ids: tuple[str, ...]) -> Iterator[str]:
    known = {kind.exit_code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "exit_code")}
    if code not in known:
        raise AssertionError(f"no error ends with {code}")
    yield f"## {title}: exit code {code}\n\n| id | meaning |\n|---|---|"
    yield from (f"| `{name}` | {faults.FAULTS[name]} |" for name in ids)


if __name__ == "__main__":
    main()
