"""Write docs/cli.md from the commands' own help, so that the two can't differ; `--check` only compares.

Run as a program of its own: the help's usage lines depend on how the process was started.
"""

import sys
from pathlib import Path

from latentscape.cli import app

NOTICE = "<!-- written by docs/generate_cli.py: edit the docstrings in src/latentscape instead -->"
PAGE = Path(__file__).with_name("cli.md")


def main() -> None:
    """Write the page, or exit with 1 if it is not what the commands say."""
    text = f"{NOTICE}\n\n{app.generate_docs().strip()}\n"
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        sys.exit("docs/cli.md is out of date: run `python docs/generate_cli.py`")


if __name__ == "__main__":
    main()
