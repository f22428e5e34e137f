"""The rules of the house that no linter knows."""

import ast
import re
import subprocess
import sys
import tomllib

import pytest


def functions(root):
    for path in sorted((root / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield path, node


def body_lines(node) -> int:
    has_docstring = ast.get_docstring(node) is not None
    body = node.body[1:] if has_docstring else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_no_function_is_longer_than_sixty_lines(root):
    assert not [f"{path.name}:{node.name}" for path, node in functions(root) if body_lines(node) > 60]


def test_nine_in_ten_functions_fit_in_thirty_lines(root):
    lengths = sorted(body_lines(node) for _, node in functions(root))
    assert lengths[int(0.9 * len(lengths))] <= 30


def test_no_file_is_longer_than_four_hundred_lines(root):
    files = sorted((root / "src").rglob("*.py"))
    assert not [path.name for path in files if len(path.read_text(encoding="utf-8").splitlines()) > 400]


def test_annotations_stay_real_so_that_shapes_are_checked(root):
    offenders = [
        path
        for path in (root / "src").rglob("*.py")
        if "from __future__ import annotations" in path.read_text(encoding="utf-8")
    ]
    assert not offenders


def test_the_table_of_rooms_is_in_the_order_of_the_layers(root):
    rules = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = rules["tool"]["importlinter"]["contracts"]
    layers = next(each["layers"] for each in contracts if each["type"] == "layers")
    table = (root / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in table.splitlines() if line.startswith("| `")]
    row_of = {room.removesuffix(".py").removesuffix("/"): number for number, row in enumerate(rows) for room in row}
    known = [
        [row_of[name] for part in layer.split("|") if (name := part.strip().partition(".")[2]) != "__main__"]
        for layer in layers
    ]
    filled = [numbers for numbers in known if numbers]
    above = [max(numbers) for numbers in filled]
    below = [min(numbers) for numbers in filled]
    assert all(over <= under for over, under in zip(above, below[1:], strict=False))


@pytest.mark.parametrize(
    "words",
    [
        ["--help"], ["latents", "--help"], ["embeddings", "--help"], ["map", "--help"], ["compare", "--help"],
        ["check", "--help"], ["train", "--help"],
    ],
)  # fmt: skip
def test_help_imports_nothing_heavy(words):
    heavy = "torch", "transformers", "matplotlib", "plotly", "sklearn", "faiss", "pyarrow", "scipy", "numpy", "numba"
    code = (
        "import sys\n"
        "from latentscape.cli import main\n"
        f"try:\n    main({words!r})\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"print('LOADED', sorted(set({heavy!r}) & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "LOADED []" in ended.stdout
    assert "Example" in ended.stdout


def test_the_project_speaks_of_itself_only(root):
    words = "/" + "work/", "/" + "root/", "file:///" + "opt"
    texts = [
        path for path in root.rglob("*") if path.suffix in {".py", ".md", ".toml", ".yml", ".txt", ".j2", ".js", ".css"}
    ]
    mine = [path for path in texts if not {".venv", ".git", "demo-output"} & set(path.relative_to(root).parts)]
    assert not [path for path in mine if any(word in path.read_text(encoding="utf-8") for word in words)]
