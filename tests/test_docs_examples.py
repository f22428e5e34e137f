"""Every block of the documents is run: commands by their own words, Python as it stands, each page in its own folder.

Fences say what a block is: `sh` and `python` are run; `text` (make, pip, output, placeholders), `yaml` and `console`
(written from the commands' help) are not. Commands that stay open or train for minutes are only read: every option
of theirs must be there.
"""

import re
import subprocess
import sys

import pytest

from .docs_run import PAGES, list_blocks

LANGUAGES = {"sh", "python", "text", "yaml", "console"}
NOT_HERE = (".ckpt", "s3://", "timm:", "path/to/folder", "my_models:encoder")
"""What commands that are not run need: a training of Lightning, a store, timm, folders that no page makes."""


@pytest.mark.parametrize("page", PAGES)
def test_every_fence_says_what_it_holds(page):
    assert {language for language, _ in list_blocks(page)} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES)
def test_no_command_hides_among_what_is_not_run(page):
    for language, block in list_blocks(page):
        if language in {"text", "yaml"}:
            commands = [line for line in block.splitlines() if re.match(r"latentscape |python visualize_", line)]
            assert all(any(word in line for word in NOT_HERE) for line in commands), commands


def test_no_page_is_forgotten(root):
    written = {f"docs/{path.stem}" for path in (root / "docs").glob("*.md")}
    assert written - set(PAGES) == {"docs/cli", "docs/errors", "docs/measures"}, "the generated ones"


@pytest.mark.slow
def test_every_block_runs(root, tmp_path):
    """One test for all pages: what they need is written once. Type checks would more than double its time."""
    words = [sys.executable, "-m", "tests.docs_run", str(tmp_path)]
    ended = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-5000:]
