import runpy

import pytest


@pytest.fixture(scope="module")
def judge(root):
    return runpy.run_path(str(root / ".ci" / "audit.py"))["judge"]


def package(*ids, **more):
    return {"name": "a", "version": "1", "vulns": [{"id": each, "fix_versions": ["2"]} for each in ids], **more}


@pytest.mark.parametrize(
    ("packages", "code", "told"),
    [
        ([package(), package()], 0, "2 packages"),
        ([package(), package("CVE-1"), {"name": "b", "skip_reason": "x"}], 1, "a 1: CVE-1, mended in 2"),
        ([package(), {"name": "b", "skip_reason": "not found"}], 2, "1 of 2"),
        ([], 2, "nothing is proven"),
    ],
)
def test_a_feed_that_is_silent_is_not_taken_for_a_clean_bill(judge, packages, code, told):
    found, lines = judge(packages)
    assert found == code
    assert told in "\n".join(lines)
