"""Write docs/cli.md from the commands' own help, so that the two can't differ."""

from pathlib import Path

from latentscape.cli import app


def describe_commands() -> str:
    """The whole reference as Markdown."""
    return (
        "<!-- written by docs/generate_cli.py: edit the docstrings in src/latentscape instead -->\n\n"
        + app.generate_docs().strip()
        + "\n"
    )


if __name__ == "__main__":
    Path(__file__).with_name("cli.md").write_text(describe_commands(), encoding="utf-8")
