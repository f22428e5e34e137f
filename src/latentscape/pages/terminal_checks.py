"""What a gate found, as a table on the terminal."""

from latentscape.measures.gate import CheckedRun, GateLine
from latentscape.pages.escape import clean_text

MARKS = {"passed": "pass", "failed": "FAIL", "not measured": "FAIL"}
HEADER = ("", "score", "value", "95 % interval", "asked for")
LONGEST_NAME = 60
LONGEST_REASON = 240


def tell_checks(checked: CheckedRun) -> str:
    """One line for each condition, aligned, then how many failed."""
    rows = [HEADER, *(_row(line) for line in checked.lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    n, n_failed = len(checked.lines), checked.n_failed
    noun = "line" if n == 1 else "lines"
    verdict = f"{n_failed} of {n} {noun} failed" if n_failed else f"all {n} {noun} passed" if n > 1 else "1 line passed"
    return "\n".join([_say_what(checked), *table, verdict])


def _say_what(checked: CheckedRun) -> str:
    folder, study, policy = (
        _cut(text, limit=LONGEST_REASON) for text in (checked.folder, checked.study, checked.policy)
    )
    return f"{folder} ({study}) by {policy}"


def _cut(text: str, *, limit: int) -> str:
    """One line that can't look like another one of ours."""
    line = clean_text(text)
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _row(line: GateLine) -> tuple[str, ...]:
    name = _cut(line.condition.name, limit=LONGEST_NAME)
    if line.value is None:
        return (
            MARKS[line.verdict],
            name,
            "n/a",
            "",
            f"{line.asked}; not measured: {_cut(line.reason, limit=LONGEST_REASON)}",
        )
    interval = "" if line.low is None or line.high is None else f"[{line.low:.4f}, {line.high:.4f}]"
    return MARKS[line.verdict], name, _write(line.value), interval, line.asked


def _write(value: float) -> str:
    """A number as it can be compared with its threshold: whole ones as such.

    >>> _write(5), _write(0.15), _write(0.149996)
    ('5', '0.1500', '0.149996')
    """
    if float(value).is_integer():
        return f"{value:.0f}"
    return f"{value:.4f}" if abs(round(value, 4) - value) < 1e-12 or abs(value) >= 10 else f"{value:.6g}"
