import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from latentscape import errors
from latentscape.errors import DataError, ModelError
from latentscape.faults import FAULTS

KINDS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.LatentscapeError)]

KIND_NAMES = {kind.__name__ for kind in KINDS}


class Hints:
    """What the sources of a folder say as hints, as far as it can be told without running them."""

    def __init__(self, folder: Path) -> None:
        self.trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))}
        self.outer = {
            inner: node
            for tree in self.trees.values()
            for node in ast.walk(tree)
            for inner in ast.iter_child_nodes(node)
        }
        self.bound: dict[tuple[ast.AST, str], list[ast.expr]] = defaultdict(list)
        """(scope, name) -> what the name stands for there, or, of a function, what it returns."""
        self.defined: dict[str, list[ast.AST]] = defaultdict(list)
        """Name -> the modules in which it is bound at the top level."""
        for node in self.outer:
            self._note(node)
        for scope, name in self.bound:
            if isinstance(scope, ast.Module):
                self.defined[name].append(scope)

    def find_missing(self) -> Iterator[str]:
        """Where an error is made without a hint, or a hint is given that may be empty."""
        for path, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    hints = [each.value for each in node.keywords if each.arg == "hint"]
                    is_error = ast.unparse(node.func).rpartition(".")[2] in KIND_NAMES
                    if (is_error and not hints) or not all(map(self._says_something, hints)):
                        yield f"{path}:{node.lineno}"

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                match target, node.value:
                    case ast.Tuple(elts=names), ast.Tuple(elts=values) if len(names) == len(values):
                        pairs = zip(names, values, strict=True)
                    case _:
                        pairs = [(target, node.value)]
                for name, value in pairs:
                    self.bound[self._scope(node), ast.unparse(name)].append(value)
        elif isinstance(node, ast.FunctionDef):
            names = [*node.args.posonlyargs, *node.args.args]
            defaults = zip(names[len(names) - len(node.args.defaults) :], node.args.defaults, strict=True)
            for name, value in (*defaults, *zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)):
                self.bound[node, name.arg] += [value] if value else []
        elif isinstance(node, ast.Return) and node.value:
            function = self._scope(node)
            if isinstance(function, ast.FunctionDef):
                self.bound[self._scope(function), function.name].append(node.value)

    def _scope(self, node: ast.AST) -> ast.AST:
        node = self.outer[node]
        return node if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) else self._scope(node)

    def _look_up(self, name: str, node: ast.AST) -> list[ast.expr]:
        while node in self.outer:
            node = self._scope(node)
            if (node, name) in self.bound:
                return self.bound[node, name]
        return [value for module in self.defined[name] for value in self.bound[module, name]]

    def _says_something(self, value: ast.expr) -> bool:
        """Whether it can't be empty; what can't be told counts as empty."""
        match value:
            case ast.Constant(value=str(text)):
                return bool(text.strip())
            case ast.JoinedStr(values=parts):
                return any(isinstance(part, ast.Constant) and self._says_something(part) for part in parts)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return self._says_something(left) or self._says_something(right)
            case ast.BoolOp(op=ast.Or(), values=choices):
                return self._says_something(choices[-1])
            case ast.IfExp(body=body, orelse=orelse):
                return self._says_something(body) and self._says_something(orelse)
            case ast.Name(id=name) | ast.Call(func=ast.Name(id=name)):
                meant = self._look_up(name, value)
                return bool(meant) and all(map(self._says_something, meant))
            case _:
                return False


def test_an_error_has_the_id_of_its_class_or_a_narrower_one():
    assert (DataError("x").fault, DataError("x", fault="data-empty").fault) == ("data", "data-empty")
    assert all(kind.fault in FAULTS for kind in KINDS)


def test_an_id_nobody_documented_is_our_mistake():
    with pytest.raises(AssertionError, match="no-such"):
        ModelError("x", fault="no-such")


def test_every_id_is_used_and_every_use_is_documented(root):
    """A literal `fault="..."` anywhere in the sources, or the id of a class or of the process."""
    named = {kind.fault for kind in KINDS} | {"memory", "disk-full"}
    for path in (root / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "fault":
                literals = [each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant)]
                named |= {value for value in literals if isinstance(value, str) and value}
    assert named == set(FAULTS)


def test_every_error_has_a_hint(root):
    """docs/errors.md promises one with the next step."""
    assert not list(Hints(root / "src").find_missing())


@pytest.mark.parametrize(
    "call",
    [
        'DataError("x")',
        'errors.DataError("x", got="y", **more)',
        'DataError("x", hint="")',
        'DataError("x", hint=made)',
        'DataError("x", hint=given)',
        'DataError("x", hint=suggest(x))',
        'DataError("x", hint=str(x))',
        'DataError("x", hint="" if x else "y")',
        'bad_file("x", hint="")',
    ],
)
def test_an_error_without_a_hint_is_found(tmp_path, call):
    code = (
        'def suggest(x):\n    return "y" if x else ""\n\n'
        "def advise(x, given, meant='y'):\n"
        "    made, said = '', 'y'\n"
        "    raise DataError('x', hint=said)\n"
        "    raise DataError('x', hint=suggest(x) or meant)\n"
    )
    (tmp_path / "good.py").write_text(code)
    (tmp_path / "module.py").write_text(f"{code}    raise {call}\n")
    assert list(Hints(tmp_path).find_missing()) == [f"{tmp_path / 'module.py'}:8"]


@pytest.mark.parametrize("n_known", [0, 1, 40])
def test_the_nearest_name(n_known):
    known = [f"encoder.layers.{number}" for number in range(n_known)]
    assert errors.nearest("encoder.layer.0", known).startswith("did you mean `" if n_known else "known names: ")
