"""RESULTS.md from everything that is kept."""

from collections.abc import Iterable, Iterator

from contestants import DRAWERS, FAISS, GRAPH
from feature_sets import SETS, describe
from goals import Row, compare_faithfulness, compare_limits, compare_speed
from measure import HERE, read_records
from results import Record, Result, Results, latest, sort_results

RESULTS = HERE / "RESULTS.md"
MAPS = {"tsne": ("t-SNE", "KL"), "umap": ("UMAP", "UMAP objective")}
HOW = """\
Written by `make bench`; README.md says how it is measured. Seconds are medians. **cold**: from before a process is
started, imports included, to all its maps being in memory, with compiled caches filled. **warm**: a second call in the
same process. Graphs are included everywhere. **others**: the most of the machine's processor time that other processes
took during a run; with more than a few percent, peers that spin while they wait (OpenMP) look slower than they are.
Every measure is the same code for everybody, of the first process's maps; KL and objective are those of our affinities
and memberships, in nats, lower is better. Umap-learn without a seed draws another map each time."""


def write_results() -> None:
    records = read_records()
    results = sort_results(records)
    parts = [part for part in SETS if part in results]
    blocks = [
        "# What the maps cost, and what they are worth",
        HOW,
        *describe_machines(records),
        *(block for part in parts for block in render_part(part, results[part])),
        *render_graphs(results),
        *render_million(records),
        *render_skips(records, results),
        *render_goals(records, {part: results[part] for part in parts}),
    ]
    RESULTS.write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    print(f"wrote {RESULTS.relative_to(HERE.parent)}")


def describe_machines(records: list[Record]) -> Iterator[str]:
    facts = ("processor", "memory", "system", "packages")
    machines = dict.fromkeys(tuple(each[fact] for fact in facts) for each in records if each["kind"] == "machine")
    for machine in machines:
        yield "\n".join(f"* {fact}: {value}" for fact, value in zip(facts, machine, strict=True))
    if len(machines) > 1:
        yield "**More than one machine or set of packages: rows are comparable within a part only.**"


def render_part(part: str, contestants: dict[str, Result]) -> Iterator[str]:
    n, width = next(((run["n"], run["width"]) for each in contestants.values() for run in each.runs), (0, 0))
    yield f"## {part}: {n:,} x {width}\n\n{describe(part)}"
    order = sorted(contestants.items(), key=lambda item: list(DRAWERS).index(item[0]))
    columns = ("", "maps", "processes", "cold s", "warm s", "peak MB", "others")
    yield tabulate(columns, (render_speed(name, each) for name, each in order))
    for method, (title, objective) in MAPS.items():
        columns = (
            title,
            "first s",
            "second s",
            "recall@15",
            "trustworthiness",
            "Shepard",
            "label agreement",
            objective,
        )
        yield tabulate(columns, (render_map(name, each, method) for name, each in order if method in each.quality))


def render_speed(name: str, result: Result) -> Row:
    if not result.runs:
        return name, "–", "0", result.failed, "–", "–", "–"
    maps = " + ".join(MAPS[method][0] for method in result.quality)
    peak, others = f"{result.peak / 1e6:,.0f}", "–" if result.others is None else f"{result.others:.0%}"
    return name, maps, str(len(result.runs)), show(result.cold), show(result.warm), peak, others


def render_map(name: str, result: Result, method: str) -> Row:
    scores = result.quality[method]
    seconds = (show(result.stage(method, warm=warm)) for warm in (False, True))
    return name, *seconds, *(f"{scores[key]:.3f}" for key in ("recall", "trust", "shepard", "labels", "objective"))


def render_graphs(results: Results) -> Iterator[str]:
    rows = [
        (part, name, show(each.cold), show(each.stage("graph", warm=True)), f"{each.quality['graph']['recall']:.5f}")
        for part in sorted((part for part in results if part.startswith("graph")), key=lambda part: int(part[6:]))
        for name, each in results[part].items()
        if name in (GRAPH, FAISS) and each.runs
    ]
    if rows:
        yield "## The graph alone: 90 nearest neighbors, Fashion-MNIST"
        yield tabulate(("", "", "cold s", "warm s", "in common with ours"), rows)


def render_million(records: list[Record]) -> Iterator[str]:
    for each in latest(records, "million"):
        yield f"## {each['rows']:,} x 64, read from disk"
        if "failed" in each:
            yield each["failed"]
            return
        taken = [(f"{name}, s", f"{seconds:.0f}") for name, seconds in each["seconds"].items()]
        peak = ("peak memory, MB", f"{each['peak_bytes'] / 1e6:,.0f}")
        recall = ("recall of the graph", f"{each['graph_recall']:.4f}")
        trust = [
            (f"{method}: {name}", f"{value:.3f}")
            for method, scores in each["scores"].items()
            for name, value in scores.items()
        ]
        yield tabulate(("", ""), [*taken, peak, recall, *trust])


def render_skips(records: list[Record], results: Results) -> Iterator[str]:
    reasons = {
        each["part"]: each["reason"] for each in records if each["kind"] == "skip" and each["part"] not in results
    }
    if reasons:
        yield "\n".join(f"* {part} was skipped: {reason}" for part, reason in reasons.items())


def render_goals(records: list[Record], results: Results) -> Iterator[str]:
    yield "## Goals\n\nThe pair of maps, ours against scikit-learn + umap-learn:"
    yield tabulate(("", "goal", "measured", ""), [*compare_speed(results), *compare_limits(records)])
    yield (
        "Faithfulness: ours less the best peer's. Recall may be 0.01 lower and Shepard's correlation 0.02; `best` "
        "should reach openTSNE's KL, and umap-learn's objective (the better of its two) within 1 %."
    )
    columns = ("", "recall, fast", "recall, best", "Shepard, fast", "Shepard, best", "objective, best / peer")
    yield tabulate(columns, compare_faithfulness(results))


def show(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds:.2f}" if seconds < 100 else f"{seconds:.0f}"


def tabulate(columns: Row, rows: Iterable[Row]) -> str:
    lines = (columns, ("---",) * len(columns), *rows)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
