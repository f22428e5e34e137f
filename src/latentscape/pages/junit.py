"""What a gate found, as JUnit XML: the form in which build servers show test results."""

import re
from xml.etree import ElementTree as ET

from latentscape.measures.gate import CheckedRun, GateLine

_UNFIT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd\U00010000-\U0010ffff]")


def render_junit(checked: CheckedRun) -> str:
    """One suite, one test case a line; a line that failed or could not be measured has a `failure`.

    Letters that XML can't hold, control characters and half letters, are left out.
    """
    totals = {"tests": str(len(checked.lines)), "failures": str(checked.n_failed), "errors": "0", "skipped": "0"}
    suites = ET.Element("testsuites", {"name": "latentscape check", **totals})
    suite = ET.SubElement(suites, "testsuite", {"name": _clean(checked.folder), **totals})
    for line in checked.lines:
        _add_case(suite, line, study=checked.study)
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _add_case(suite: ET.Element, line: GateLine, *, study: str) -> None:
    named = {"classname": _clean(f"latentscape.{study}"), "name": _clean(f"{line.condition.name} {line.asked}")}
    case = ET.SubElement(suite, "testcase", {**named, "time": "0"})
    if not line.passed:
        message = _clean(explain_failure(line))
        ET.SubElement(case, "failure", {"message": message, "type": line.verdict}).text = message


def explain_failure(line: GateLine) -> str:
    """Why a line did not pass, in one sentence."""
    if line.value is None:
        return f"{line.condition.name} was not measured: {line.reason}"
    interval = "" if line.low is None or line.high is None else f" [{line.low:.6g}, {line.high:.6g}]"
    size = "" if line.n is None else f", n = {line.n}"
    return f"{line.condition.name} is {line.value:.6g}{interval}{size}; asked for: {line.asked}"


def _clean(text: str) -> str:
    return _UNFIT.sub("", text)
