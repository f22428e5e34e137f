"""Runs every block of the documents, in a process of its own: as a user's would, without the tests' type checks.

What all pages need is written once, each page gets a copy, and a command that stands on two pages runs once.
"""

import importlib
import re
import shlex
import shutil
import sys
import traceback
from contextlib import chdir
from pathlib import Path
from typing import Any

from latentscape.cli import app, main

from .docs_place import make_names, write_place

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README", *(f"docs/{name}" for name in ("index", "classifiers", "own-code", "retrievers", "data", "python")))
PAGES += tuple(
    f"docs/{name}" for name in ("scikit-learn", "guide", "watch", "gallery", "api", "format", "reliability", "scale")
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
ORIGINALS = {"visualize_latents.py": "latents", "visualize_embeddings.py": "embeddings"}
STAYS = {"open", "demo", "train"}
"""Commands that are read but not run."""
GATES = {"check", "compare"}
"""Commands that may end with 1: the numbers of an untrained model are no better than its training."""
TRAINERS = ("Trainer", "SentenceTransformerTrainer")
"""Somebody else's classes, which the blocks call with `...` for what is the reader's own."""
PICTURES = {
    "latents_study": "LATENTS_FIGURES",
    "embeddings_study": "EMBEDDINGS_FIGURES",
    "compare": "COMPARISON_FIGURES",
}
DRAWN = {"confusion_matrix"}
"""Pictures are most of a study's time; other tests draw them. Of these one is read by a block."""


def list_blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each block."""
    return BLOCK.findall((ROOT / f"{page}.md").read_text(encoding="utf-8"))


def list_commands(block: str) -> list[list[str]]:
    """The words of each command of ours, as a shell would split them."""
    commands = []
    for line in block.replace("\\\n", " ").splitlines():
        words = shlex.split(line.partition(" | ")[0], comments=True)
        if words[:1] == ["latentscape"]:
            commands.append(words[1:])
        elif words[:1] == ["python"]:
            commands.append([ORIGINALS[words[1]], *words[2:]])
        else:
            assert not words, f"not a command of ours: {line}"
    return commands


def run_pages(folder: Path) -> list[str]:
    """The pages with a block that does not work, each with what it said on stderr."""
    for room, name in PICTURES.items():
        module = importlib.import_module(f"latentscape.{room}")
        setattr(module, name, {each: draw for each, draw in getattr(module, name).items() if each in DRAWN})
    prepared = folder / "prepared"
    prepared.mkdir()
    write_place(prepared)
    done: set[tuple[str, ...]] = set()
    broken = []
    for page in PAGES:
        shutil.copytree(prepared, folder / page)
        sys.path.insert(0, str(folder / page))
        with chdir(folder / page):
            try:
                run_page(page, done)
            except (Exception, SystemExit):  # noqa: BLE001  whatever it was, the other pages are tried too
                traceback.print_exc()
                broken.append(page)
        sys.path.remove(str(folder / page))
    return broken


def run_page(page: str, done: set[tuple[str, ...]]) -> None:
    """Every block in its order, in one namespace."""
    names = {**make_names(), **make_training_names(page)}
    for language, block in list_blocks(page):
        if language == "python":
            exec(compile(block, f"{page}.md", "exec"), names)
        elif language == "sh":
            for words in list_commands(block):
                if tuple(words) not in done:
                    run(words)
                done.add(tuple(words))


def run(words: list[str]) -> None:
    """One command; SystemExit or AssertionError where it does not end as it should."""
    if words[0] in STAYS:
        app.parse_args(words, exit_on_error=False, print_error=False)
        return
    code: Any = None
    try:
        main([*words, *(["--quiet"] if "--quiet" not in words else [])])
    except SystemExit as ended:
        code = ended.code
    assert code in ({0, 1} if words[0] in GATES else {0}), f"exit code {code}: latentscape {shlex.join(words)}"


def make_training_names(page: str) -> dict[str, Any]:
    """What somebody's training script holds."""
    names: dict[str, Any] = {name: (lambda *_, **__: None) for name in TRAINERS}
    if page != "docs/watch":
        return names
    import torch
    from torch import nn

    class Model(nn.Module):
        """Logits of rows, or vectors of texts."""

        def __init__(self):
            super().__init__()
            self.head = nn.Linear(4, 3)

        def forward(self, inputs):
            return self.head(inputs)

    held_out = [(torch.randn(4), number % 3) for number in range(30)]
    tokenize = lambda texts: {"inputs": torch.tensor([[len(text), ord(text[0]), ord(text[-1]), 1.0] for text in texts])}  # noqa: E731
    return {**names, "model": Model(), "held_out": held_out, "batches": range(501), "tokenize": tokenize}


if __name__ == "__main__":
    sys.exit(f"blocks that don't work: {found}" if (found := run_pages(Path(sys.argv[1]))) else 0)
