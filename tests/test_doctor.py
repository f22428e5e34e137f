"""The oldest versions without a hole we would walk into, and where else they are promised."""

import re

import pytest

from latentscape.doctor import SAFE_FLOORS, SAFE_IF_PRESENT, _release, examine_installation

FLOORS = {**SAFE_FLOORS, **SAFE_IF_PRESENT}


def plain(name):
    return name.lower().replace("_", "-")


@pytest.mark.parametrize("package", FLOORS)
def test_the_constraints_are_above_every_floor(root, package):
    lines = (root / "constraints.txt").read_text().split()
    versions = {plain(name): version for name, _, version in (line.partition("==") for line in lines)}
    assert _release(versions[package]) >= _release(FLOORS[package][0])


@pytest.mark.parametrize("package", ["torch", "transformers", "sentence-transformers", "pyarrow"])
def test_an_installation_without_constraints_is_above_them_too(root, package):
    text = (root / "pyproject.toml").read_text()
    sign, version = re.search(rf'"{package}(>=?)([\d.]+)"', text).groups()
    asked, floor = _release(version), _release(FLOORS[package][0])
    assert asked >= floor or (sign == ">" and asked == (5, 2, 0) and floor == (5, 2, 1))


def test_what_reliability_promises_is_looked_at():
    assert {"torch", "transformers", "sentence-transformers", "pyarrow", "starlette"} <= set(FLOORS)


def test_a_package_that_only_extras_bring_is_judged_where_it_is(monkeypatch):
    from latentscape import doctor

    real = doctor._installed
    for version, is_told in (("0.49", True), ("1.3.1", False), ("", None)):
        monkeypatch.setattr(doctor, "_installed", lambda name, v=version: v if name == "starlette" else real(name))
        found = [check for check in examine_installation() if check.name == "starlette"]
        assert [bool(check.problem) for check in found] == ([] if is_told is None else [is_told])
