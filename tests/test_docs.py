"""The documents say what the code does."""

import ast
import re
import subprocess
import sys

import pytest

from latentscape.compare import score_everything
from latentscape.figures.tables import COMPARISON_FIGURES, EMBEDDINGS_FIGURES, LATENTS_FIGURES, MAP_FIGURES
from latentscape.pages.comparison_lists import tabulate_changes

from .comparison_values import build_comparison

DOCUMENTS = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    *(f"docs/{name}.md" for name in ("guide", "watch", "cli", "errors", "measures", "format", "reliability")),
    *(f"docs/{name}.md" for name in ("index", "classifiers", "own-code", "retrievers", "data", "python")),
    *(f"docs/{name}.md" for name in ("scikit-learn", "gallery", "api")),
    "examples/README.md",
]


@pytest.mark.parametrize("generator", ["generate_cli.py", "generate_errors.py", "generate_measures.py"])
def test_generated_pages_are_what_the_code_says(root, generator):
    words = [sys.executable, str(root / "docs" / generator), "--check"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_relative_link_leads_somewhere(root, document):
    text = (root / document).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if "://" not in link]
    assert not [link for link in links if not ((root / document).parent / link).exists()]


def name_anchor(heading: str) -> str:
    """As code hosts make it: lower case, hyphens for blanks, nothing else but letters and digits."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_into_a_page_finds_its_heading(root, document):
    text = (root / document).read_text(encoding="utf-8")
    lost = []
    for path, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", text):
        aim = (root / document).parent / path if path else root / document
        there = aim.read_text(encoding="utf-8")
        known = {name_anchor(heading) for heading in re.findall(r"^#+ (.+)$", there, flags=re.MULTILINE)}
        if anchor not in known | set(re.findall(r'id="([^"]+)"', there)):
            lost.append(f"{path}#{anchor}")
    assert not lost


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_python_example_can_be_read(root, document):
    text = (root / document).read_text(encoding="utf-8")
    for example in re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        ast.parse(example)


def test_the_format_names_every_picture(root):
    text = (root / "docs" / "format.md").read_text(encoding="utf-8")
    tables = LATENTS_FIGURES, EMBEDDINGS_FIGURES, MAP_FIGURES, COMPARISON_FIGURES
    assert not [name for table in tables for name in table if f"`{name}.png`" not in text]


def test_the_gallery_shows_every_program(root):
    text = (root / "docs" / "gallery.md").read_text(encoding="utf-8")
    programs = [path for path in (root / "examples").iterdir() if path.suffix in {".py", ".ipynb"}]
    pictures = list((root / "docs" / "images" / "gallery").glob("*.png"))
    assert len(programs) >= 10
    assert not [path.name for path in programs if f"(../examples/{path.name})" not in text]
    assert not [path.name for path in pictures if f"(images/gallery/{path.name})" not in text]


def cut_section(text: str, start: str) -> str:
    """From a sentence to the next heading."""
    return text.partition(start)[2].partition("\n## ")[0]


@pytest.mark.parametrize("study", ["latents", "embeddings"])
def test_the_format_names_every_column_of_the_changes(root, study):
    told = cut_section((root / "docs" / "format.md").read_text(encoding="utf-8"), "## `changes.csv`")
    findings = build_comparison(study=study, n=60, n_checkpoints=3)
    names = "|".join(re.escape(checkpoint.name) for checkpoint in findings.checkpoints)
    columns = {re.sub(f"^(?:{names})_", "NAME_", column) for column in tabulate_changes(findings)}
    assert not [column for column in columns - set(findings.subject.groups) if f"`{column}`" not in told]


@pytest.mark.parametrize("study", ["latents", "embeddings"])
def test_the_format_names_every_score_that_is_compared(root, study):
    told = cut_section((root / "docs" / "format.md").read_text(encoding="utf-8"), "Names of a comparison.")
    findings = build_comparison(study=study, n=60, n_checkpoints=3)
    known = set(score_everything(findings))
    endings = {"linear_class_": "linear_class_{layer}", "violation_rate_": "violation_rate_{type}"}
    for name in findings.overall.changes:
        shown = next((words for start, words in endings.items() if name.startswith(start)), None)
        assert f"`{shown or re.sub('_(hard|mined)$', '', name)}" in told
        assert f"{name}_delta" in known


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
