"""Write docs/measures.md from the docstrings of the measures, so that the two can't differ; `--check` only compares."""

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from latentscape.measures.definitions import Definition, list_definitions
from latentscape.pages.prose import Passage, prose_markdown, read_passages

NOTICE = "<!-- written by docs/generate_measures.py: edit the docstrings in src/latentscape/measures instead -->"
INTRODUCTION = """# Measures

Every number is a *score*: a value, the number `n` it rests on, a 95 % interval where one exists, which way is better,
and the smallest and largest value possible. What can't be measured has no value but a reason. This page is what the
functions that measure say of themselves; a report ends with the part of it that it needs.

In a name `…` stands for the layer, map, class or data set that follows."""
PAGE = Path(__file__).with_name("measures.md")


def main() -> None:
    """Write the page, or exit with 1 if it is not what the docstrings say."""
    text = f"{NOTICE}\n\n{INTRODUCTION}\n\n{_write_chapters()}"
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        sys.exit("docs/measures.md is out of date: run `python docs/generate_measures.py`")


def _write_chapters() -> str:
    chapters = groupby(list_definitions(), key=lambda definition: definition.chapter)
    written = [f"## {chapter}\n\n{''.join(map(_write, definitions))}" for chapter, definitions in chapters]
    return "".join(written).rstrip() + "\n"


def _write(definition: Definition) -> str:
    names = ", ".join(f"`{name}`" for name in definition.shown_names)
    said = [f'<a id="define-{definition.key}"></a>', f"### {definition.title}", names]
    said += [_write_passage(passage) for passage in read_passages(definition.text)]
    return "".join(f"{text}\n\n" for text in said if text)


def _write_passage(passage: Passage) -> str:
    if passage.kind == "items":
        return "\n".join(f"* {prose_markdown(line)}" for line in passage.lines)
    if passage.kind == "table":
        header, *rows = passage.rows
        return "\n".join([_write_row(header), "|" + "---|" * len(header), *map(_write_row, rows)])
    return prose_markdown(passage.lines[0])


def _write_row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(prose_markdown, cells))} |"


if __name__ == "__main__":
    main()
