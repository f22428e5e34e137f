from xml.etree import ElementTree as ET

import pytest

from latentscape.measures.gate import CheckedRun, judge_conditions, parse_condition
from latentscape.pages.junit import render_junit
from latentscape.pages.terminal_checks import tell_checks

SCORES = {
    "auc": 0.91, "auc_n": 40, "auc_low": 0.88, "auc_high": 0.94,
    "tau": None, "tau_n": 3, "tau_low": None, "tau_high": None, "tau_reason": "3 \x1b[31mđỏ\ud800\ufffe <b>&",
    "figures": 5, "figures_n": 5,
}  # fmt: skip


@pytest.fixture
def checked():
    texts = ["auc<0.9", "auc<0.95", "tau<0", "figures<5"]
    lines = judge_conditions([parse_condition(text) for text in texts], SCORES, must_hold=False)
    return CheckedRun(folder="runs/<a>\x00", study="embeddings", policy="--fail-if", lines=lines)


def test_one_case_a_line_and_a_failure_for_each_that_did_not_pass(checked):
    suites = ET.fromstring(render_junit(checked).encode("utf-8"))
    (suite,) = suites
    cases = list(suite)
    assert [suites.get(key) for key in ("tests", "failures", "errors", "skipped")] == ["4", "2", "0", "0"]
    assert [case.get("name") for case in cases] == ["auc not < 0.9", "auc not < 0.95", "tau not < 0", "figures not < 5"]
    assert {case.get("classname") for case in cases} == {"latentscape.embeddings"}
    assert [len(case) for case in cases] == [0, 1, 1, 0]
    failed, unknown = cases[1][0], cases[2][0]
    assert failed.get("type") == "failed"
    assert failed.get("message") == "auc is 0.91 [0.88, 0.94], n = 40; asked for: not < 0.95"
    assert unknown.get("type") == "not measured"
    assert unknown.text == "tau was not measured: 3 [31mđỏ <b>&"
    assert suite.get("name") == "runs/<a>"


def test_the_terminal_has_an_aligned_line_for_each_and_a_verdict(checked):
    head, header, *rows, verdict = tell_checks(checked).split("\n")
    assert head.startswith("runs/<a>")
    assert [row.split()[0] for row in rows] == ["pass", "FAIL", "FAIL", "pass"]
    assert rows[1].split()[1:] == ["auc", "0.9100", "[0.8800,", "0.9400]", "not", "<", "0.95"]
    assert "not measured: 3" in rows[2]
    assert rows[3].split()[:3] == ["pass", "figures", "5"]
    assert len({row.index("not <") for row in [*rows]} | {header.index("asked for")}) == 1
    assert verdict == "2 of 4 lines failed"


def test_a_run_that_passes_says_so(checked):
    one = CheckedRun(folder="a", study="latents", policy="p", lines=checked.lines[:1])
    assert tell_checks(one).endswith("\n1 line passed")
    both = CheckedRun(folder="a", study="latents", policy="p", lines=(checked.lines[0], checked.lines[3]))
    assert tell_checks(both).endswith("\nall 2 lines passed")
