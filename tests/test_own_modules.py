"""The user's own code, found by the name that the user typed."""

import sys
from pathlib import Path

import pytest

from latentscape.errors import UsageError
from latentscape.own_modules import describe_failure, digest_sources, find_own, names_code, running_own_code


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("owned_"):
            sys.modules.pop(name)


def test_a_function_a_class_and_a_method(here):
    (here / "owned_a.py").write_text("class Box:\n    @staticmethod\n    def make():\n        return 3\n")
    path = list(sys.path)
    assert find_own("owned_a:Box").__name__ == "Box"
    assert find_own("owned_a:Box.make")() == 3
    assert sys.path == path


@pytest.mark.parametrize(
    ("code", "spec", "message"),
    [
        ("def f(:\n", "owned_b:f", r"SyntaxError: .* \(owned_b.py, line 1\)"),
        ("\n\nx = 1 / 0\n", "owned_b:f", r"ZeroDivisionError: division by zero \(owned_b.py, line 3\)"),
        ("import sys\nsys.exit(2)\n", "owned_b:f", r"SystemExit: 2 \(owned_b.py, line 2\)"),
        ("import no_such_library\n", "owned_b:f", r"(?s)the code needs `no_such_library`: install it"),
        ("", "owned_b:f", "is the file saved"),
        ("", "sub/owned_b.py:f", "`sub.owned_b:f`"),
        ("def make(): ...\n", "owned_b:mke", "did you mean `make`"),
    ],
)
def test_what_can_not_be_found(here, code, spec, message):
    (here / "owned_b.py").write_text(code)
    with pytest.raises(UsageError, match=message) as caught:
        find_own(spec, fault="option-value")
    assert caught.value.fault == "option-value"


def test_a_file_that_has_the_name_of_a_library(here):
    (here / "colorsys.py").write_text("def make(): ...\n")
    with pytest.raises(UsageError, match="an installed module is called `colorsys` too"):
        find_own("colorsys:make")


def test_the_last_line_of_the_users_files_is_named(here):
    (here / "owned_c.py").write_text("import json\n\n\ndef f():\n    return json.loads('{')\n")
    with pytest.raises(ValueError, match="Expecting") as caught:
        find_own("owned_c:f")()
    assert describe_failure(caught.value, "owned_c:f").endswith("(owned_c.py, line 5)")
    assert describe_failure(KeyError(), "owned_c:f") == "KeyError"


def test_prints_go_to_stderr_and_the_folder_is_importable_only_inside(here, capsys):
    with running_own_code():
        sys.stdout.write("hello\n")
        assert sys.path[-1] == str(here)
    assert str(here) not in sys.path
    assert capsys.readouterr() == ("", "hello\n")


def test_a_folder_that_was_on_the_path_stays_where_it_was(here, monkeypatch):
    monkeypatch.setattr(sys, "path", [str(here), *sys.path])
    with running_own_code():
        assert sys.path.count(str(here)) == 1
    assert sys.path[0] == str(here)


def test_sources_are_the_users_own_files_only(here):
    (here / "owned_d.py").write_text("import json\nimport numpy\nfrom owned_e import g\n\n\ndef f(): ...\n")
    (here / "owned_e.py").write_text("import owned_f\n\n\ndef g(): ...\n")
    (here / "owned_f.py").write_text("import owned_d\n")
    found = digest_sources(find_own("owned_d:f"), Path, len, 3)
    assert list(found) == ["owned_d", "owned_e", "owned_f"]


def test_what_names_code(here, monkeypatch):
    monkeypatch.setenv("HOME", str(here))
    (here / "c:d").write_text("")
    (here / "e:f").mkdir()
    assert all(
        map(names_code, ("a.b:c", "models:make", "package.module:Class.build", "model.py:make", "timm:resnet18"))
    )
    assert not any(map(names_code, ("", "owner/name", "runs/best", "c:d", "e:f", str(here / "e:f"), "~/e:f")))
    assert not any(map(names_code, ("https://hub/owner/name", "C:\\models\\best")))
