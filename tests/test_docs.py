"""The documents say what the code does."""

import re
import subprocess
import sys

import pytest


@pytest.mark.parametrize("generator", ["generate_cli.py", "generate_measures.py"])
def test_generated_pages_are_what_the_code_says(root, generator):
    words = [sys.executable, str(root / "docs" / generator), "--check"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    "document",
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "docs/guide.md", "docs/measures.md", "docs/format.md"],
)
def test_every_relative_link_leads_somewhere(root, document):
    text = (root / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert not [link for link in links if not ((root / document).parent / link).exists()]


def test_the_architecture_names_every_room(root):
    text = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    package = root / "src" / "latentscape"
    rooms = [
        path.name if path.is_file() else f"{path.name}/" for path in package.iterdir() if not path.name.startswith("__")
    ]
    missing = [room for room in rooms if room != "py.typed" and f"`{room}`" not in text]
    assert not missing


def test_the_readme_names_every_top_level_file(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    shown = [
        "Makefile",
        "visualize_latents.py",
        "visualize_embeddings.py",
        "constraints.txt",
        "configs/",
        "docs/",
        "benchmarks/",
        "tests/",
    ]
    assert not [name for name in shown if f"`{name}`" not in text]
