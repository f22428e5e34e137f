"""What turns the documents, which read well as they are, into pages of the site; mkdocs.yml names it as a hook.

Documents outside docs/ become pages, links to them stay right, and lists and tables that follow a line of text get
the blank line that Python-Markdown wants before them.
"""

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = (
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/EXPLORER.md",
    "benchmarks/README.md",
    "benchmarks/RESULTS.md",
    "examples/README.md",
)
"""Documents of the repository that are pages, at the same path below the site's top."""
PROGRAMS = ("*.py", "*.ipynb")
"""Of examples/: they lie on the site as they are, beside the page that tells of them."""
FENCE = re.compile(r"^ *(```|~~~)")
LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)]*)?\))")
PUBLIC = "<!-- every public name -->"
"""Where docs/api.md has the docstrings."""
BLOCK = re.compile(r"^( *)(?:[*+-]|\d+\.) +|^\|")
_NO_TEXT = re.compile(r"^\s*(?:$|#|\||>|<|[*+-] |\d+\. )")


def on_files(files: Any, config: Any) -> Any:
    """Add the documents outside docs/, and the programs of examples/."""
    from mkdocs.structure.files import File  # noqa: PLC0415  only mkdocs calls this

    for name in OUTSIDE:
        files.append(File.generated(config, name, content=(ROOT / name).read_text(encoding="utf-8")))
    for program in sorted(path for pattern in PROGRAMS for path in (ROOT / "examples").glob(pattern)):
        files.append(File.generated(config, f"examples/{program.name}", content=program.read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Any, **_: Any) -> str:
    """One document as Python-Markdown reads it."""
    name = page.file.src_uri
    if name == "api.md":
        import latentscape  # noqa: PLC0415  the package need not be installed to read this file

        markdown = markdown.replace(PUBLIC, "\n\n".join(f"::: latentscape.{public}" for public in latentscape._HOMES))
    return turn_links(space_blocks(markdown), name, inside=name not in OUTSIDE)


def space_blocks(text: str) -> str:
    """A blank line before each list and table that follows a line of text, code left as it is.

    >>> space_blocks("Three:\\n* one\\n  more\\n* two")
    'Three:\\n\\n* one\\n  more\\n* two'
    """
    spaced, fenced, before = [], False, ""
    for line in text.split("\n"):
        if FENCE.match(line):
            fenced = not fenced
        block = None if fenced else BLOCK.match(line)
        if block and not _NO_TEXT.match(before) and not before.startswith(" "):
            spaced.append("")
        spaced.append(line)
        before = line
    return "\n".join(spaced)


def turn_links(text: str, name: str, *, inside: bool) -> str:
    """Relative links as they are on the site, where docs/ is the top.

    >>> turn_links("[a](docs/guide.md#x) [b](benchmarks/RESULTS.md)", "CHANGELOG.md", inside=False)
    '[a](guide.md#x) [b](benchmarks/RESULTS.md)'
    >>> turn_links("[a](../benchmarks/RESULTS.md)", "guide.md", inside=True)
    '[a](benchmarks/RESULTS.md)'
    """

    def turn(found: re.Match[str]) -> str:
        start, link, rest = found.groups()
        here = posixpath.dirname(f"docs/{name}" if inside else name)
        aim = posixpath.normpath(posixpath.join(here, link))
        if aim == "README.md":
            aim = "docs/index.md"
        if not aim.startswith(("docs/", "examples/")) and aim not in OUTSIDE:
            return found[0]
        aim = aim.removeprefix("docs/")
        return f"{start}{posixpath.relpath(aim, posixpath.dirname(name) or '.')}{rest}"

    return LINK.sub(turn, text)
