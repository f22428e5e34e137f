"""Whether similarity answers to a number, in words that the intervals carry."""

from collections.abc import Mapping, Sequence

from latentscape.figures.geometry_panel import say_tick
from latentscape.figures.render import plain
from latentscape.figures.words import say_count, say_interval, say_number
from latentscape.measures.response import ResponseCurve

MOST_NAMED = 3
ANSWERS, SILENT, WRONG_WAY = "answers", "silent", "wrong way"
VERDICTS = {
    ANSWERS: "falls with the difference in {}",
    SILENT: "is not shown to answer to {}",
    WRONG_WAY: "rises with the difference in {}",
}


def judge(curve: ResponseCurve) -> str:
    """Whether similarity falls with the difference, rises, or is not shown to do either; empty where nobody knows."""
    tau = curve.monotonicity
    if tau.value is None or tau.low is None or tau.high is None:
        return ""
    if tau.high < 0:
        return ANSWERS
    return WRONG_WAY if tau.low > 0 else SILENT


def say_responses(curves: Sequence[ResponseCurve]) -> str:
    """What similarity does with each number, then where a curve breaks or ends."""
    verdicts: dict[str, list[str]] = {}
    for curve in curves:
        if judge(curve):
            verdicts.setdefault(judge(curve), []).append(name_curve(curve))
    said = [sentence.format(_list(verdicts[verdict])) for verdict, sentence in VERDICTS.items() if verdict in verdicts]
    first = f"Similarity {', '.join(said)}" if said else "How similarity answers to numbers"
    return f"{first}\n{_say_breaks(curves)}".strip()


def name_curve(curve: ResponseCurve) -> str:
    """The attribute's name, drawable."""
    return plain(curve.attribute, limit=30) or "(unnamed number)"


def say_size(curve: ResponseCurve) -> str:
    """How the curve falls as a whole, and on how much it rests."""
    tau = curve.monotonicity
    counts = f"{say_count(int(curve.n.sum()), 'pair')} of {say_count(curve.n_documents, 'document')}"
    if tau.value is None:
        return f"{counts}; monotonicity not measured: {plain(tau.reason, limit=80)}"
    return f"τ = {say_number(tau.value)} {say_interval(tau)}".rstrip() + f"; {counts}"


def say_axis(curve: ResponseCurve, *, squeezed: bool) -> str:
    """What is on the horizontal axis, with its unit and scale."""
    details = [detail for detail in (plain(curve.unit, limit=20), "square-root scale" if squeezed else "") if detail]
    said = f"difference in {name_curve(curve)}"
    return f"{said} ({', '.join(details)})" if details else said


def say_flat(curve: ResponseCurve) -> str:
    """From where on a curve falls no more; empty where it falls to its end."""
    return "" if curve.flat_from is None else f"flat from {_with_unit(curve.flat_from, curve)}"


def list_unmeasured(unmeasured: Mapping[str, str]) -> list[str]:
    """The responses that could not be measured, and why."""
    return [
        f"{plain(what, limit=60)} not measured: {plain(reason, limit=140)}.".capitalize()
        for what, reason in unmeasured.items()
        if what.startswith("response")
    ]


def _say_breaks(curves: Sequence[ResponseCurve]) -> str:
    broken = [f"{name_curve(curve)} at a difference of {_say_break(curve)}" for curve in curves if curve.breaks]
    if broken:
        return f"Farther apart, yet more alike: {_list(broken)}"
    flat = [curve for curve in curves if curve.flat_from is not None and judge(curve) == ANSWERS]
    parts = [f"{name_curve(curve)} beyond {_with_unit(curve.flat_from or 0.0, curve)}" for curve in flat]
    return f"No further fall in {_list(parts)}" if parts else ""


def _say_break(curve: ResponseCurve) -> str:
    return _with_unit(float(curve.difference[curve.breaks[0]]), curve)


def _with_unit(value: float, curve: ResponseCurve) -> str:
    return f"{say_tick(value)} {plain(curve.unit, limit=20)}".rstrip()


def _list(names: Sequence[str]) -> str:
    shown, more = list(names[:MOST_NAMED]), len(names) - MOST_NAMED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else shown[0]
