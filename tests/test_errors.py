import ast

import pytest

from latentscape import errors
from latentscape.errors import DataError, ModelError
from latentscape.faults import FAULTS

KINDS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.LatentscapeError)]


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


@pytest.mark.parametrize("n_known", [0, 1, 40])
def test_the_nearest_name(n_known):
    known = [f"encoder.layers.{number}" for number in range(n_known)]
    assert errors.nearest("encoder.layer.0", known).startswith("did you mean `" if n_known else "known names: ")
