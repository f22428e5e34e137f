"""What is not installed is one line that installs it, and the table of that knows every library we import."""

import ast
import re
import sys
import tomllib

import pytest

import latentscape
from latentscape.doctor import EXTRAS as TOLD
from latentscape.errors import UsageError
from latentscape.extras import ALONE, EXTRAS, MissingExtraError, explain_missing, import_or_explain
from latentscape.process import run_command

PACKAGES = {
    "PIL": "pillow",
    "llvmlite": "numba",
    "markupsafe": "jinja2",
    "mlflow": "mlflow-skinny",
    "ruamel": "ruamel.yaml",
    "pydantic_core": "pydantic",
    "sentence_transformers": "sentence-transformers",
}
"""Module -> its package, where the names differ."""
BROUGHT = {"tokenizers": "transformers", "huggingface_hub": "transformers", "pydantic_core": "pydantic"}
"""Module -> the library that never comes without it."""
DEVELOPERS = {"dev", "test", "docs", "package", "audit", "bench"}


@pytest.fixture(scope="module")
def project(root):
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def name_package(requirement):
    return re.split(r"[\[<>=~! ]", requirement)[0].lower()


def unfold(project, extra):
    """Every package an extra brings, those of the extras it names included."""
    found = set()
    for requirement in project["optional-dependencies"][extra]:
        inner = re.fullmatch(r"latentscape\[([\w,]+)\]", requirement)
        found |= (
            {name_package(requirement)}
            if inner is None
            else {package for name in inner[1].split(",") for package in unfold(project, name)}
        )
    return found


def list_imports(root):
    """Every module of somebody else's that the package names in an import, lazy ones included."""
    found = {}
    for path in (root / "src" / "latentscape").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module or ""]
            else:
                continue
            found |= {name.partition(".")[0]: path.name for name in names}
    return {name: file for name, file in found.items() if name not in sys.stdlib_module_names | {"latentscape"}}


def test_the_core_has_nothing_heavy(project):
    core = {name_package(requirement) for requirement in project["dependencies"]}
    heavy = {
        "torch",
        "transformers",
        "sentence-transformers",
        "soundfile",
        "starlette",
        "duckdb",
        "datasets",
        "uvicorn",
    }
    assert not core & (heavy | {"pandas", "polars", "scikit-learn", "plotly"})


def test_every_library_we_import_is_of_the_core_or_has_its_extra(root, project):
    core = {name_package(requirement) for requirement in project["dependencies"]}
    strangers = {
        name: file
        for name, file in list_imports(root).items()
        if PACKAGES.get(name, name) not in core and name not in EXTRAS and name not in ALONE
    }
    assert not strangers


@pytest.mark.parametrize("module", EXTRAS)
def test_each_extra_brings_the_module_it_is_named_for(project, module):
    library = BROUGHT.get(module, module)
    for extra in EXTRAS[module]:
        assert PACKAGES.get(library, library) in unfold(project, extra)


def test_all_is_every_extra_of_a_user(project):
    extras = project["optional-dependencies"]
    wanted = {package for extra in set(extras) - DEVELOPERS - {"all"} for package in unfold(project, extra)}
    assert unfold(project, "all") == wanted


def test_the_doctor_looks_for_every_extra_of_a_user(project):
    extras = set(project["optional-dependencies"])
    assert extras - DEVELOPERS - {"all"} <= set(TOLD) <= extras
    for extra in set(TOLD) - DEVELOPERS:
        assert set(TOLD[extra]) <= unfold(project, extra) | {"transformers"}


@pytest.mark.parametrize("module", [*EXTRAS, *ALONE])
def test_what_is_missing_is_one_line(module):
    explained = explain_missing(ModuleNotFoundError(f"No module named {module}.nn", name=f"{module}.nn"))
    assert isinstance(explained, UsageError)
    assert isinstance(explained, ImportError)
    assert explained.what == f"this needs {module}, which is not installed"
    assert explained.hint.startswith("pip install ")
    assert "\n" not in explained.hint


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("No module named 'latentscape.room'", name="latentscape.room"),
        ModuleNotFoundError("No module named 'their_own'", name="their_own"),
        ModuleNotFoundError("somebody raised it by hand"),
        ImportError("cannot import name 'x' from 'torch'", name="torch"),
    ],
)
def test_no_other_failed_import_is_taken_for_an_extra(error):
    assert explain_missing(error) is None


def test_the_command_line_ends_with_2_and_the_line(capsys):
    def run():
        raise ModuleNotFoundError("No module named 'duckdb'", name="duckdb")

    assert run_command(run, debug=False) == 2
    said = capsys.readouterr().err
    assert said.startswith("error[extra-missing]: this needs duckdb, which is not installed")
    assert "hint: pip install 'latentscape[serve]'" in said


def test_a_bug_of_ours_stays_one(capsys):
    def run():
        raise ModuleNotFoundError("No module named 'latentscape.room'", name="latentscape.room")

    assert run_command(run, debug=False) == 9
    assert "error[bug]" in capsys.readouterr().err


def test_a_room_whose_library_is_missing_says_so(monkeypatch, tmp_path):
    (tmp_path / "room_with_search.py").write_text("import duckdb")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(MissingExtraError, match="this needs duckdb"):
        import_or_explain("room_with_search")
    assert import_or_explain("latentscape") is latentscape
    with pytest.raises(ModuleNotFoundError, match="no_such_room"):
        import_or_explain("latentscape.no_such_room")
