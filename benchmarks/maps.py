"""Maps against peers, in one run: seconds, and what each map is worth. README.md says how it is measured.

make bench                                            # everything but the million, then RESULTS.md
python benchmarks/maps.py --part fashion-500 text     # some parts; every measurement is kept
python benchmarks/maps.py --million                  # both maps of a million rows
python benchmarks/maps.py --render                    # RESULTS.md from all that is kept
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from contestants import DRAWERS, FAST, SEARCHERS
from feature_sets import SETS, SIZES, MissingError, open_set
from judge import Judge, agree_on_graph, judge_map, prepare_judge
from measure import HERE, describe_machine, keep, measure_first_use, run_contestant, run_process
from render import write_results

from latentscape.engine import prepare_kernels

GRAPHS = {f"graph-{n}": f"fashion-{n}" for n in SIZES}
PARTS = ("first-use", "speech", *(f"fashion-{n}" for n in SIZES[:2]), "text", "blobs", "fashion-10000", *GRAPHS)
PARTS = (*PARTS, "fashion-70000")
"""Quick ones first; `make bench` runs these. A Fashion part that can't be run is replaced by its `classes` part."""


def count_runs(n: int, name: str) -> int:
    """How many processes a median is taken of; a peer at 70,000 is run once."""
    if n <= 10_000:
        return 5 if n <= 2_000 else 3
    return 3 if name in (FAST, *SEARCHERS) else 1


def run_part(part: str, names: list[str], runs: int | None) -> None:
    """Rounds of one process a contestant, so that a busy minute of the machine meets all of them."""
    source, labels = open_set(GRAPHS.get(part, part))
    features = np.load(source)
    judge = prepare_judge(features, labels)
    left = {name: runs or count_runs(len(features), name) for name in names}
    for round_number in range(max(left.values())):
        for name in [name for name, wanted in left.items() if round_number < wanted]:
            taken, drawn = run_contestant(name, source)
            keep("speed", part=part, contestant=name, n=len(features), width=features.shape[1], **taken)
            told = taken["failed"] if "failed" in taken else f"{taken['cold']:8.2f} s"
            print(f"{part:>14} {name:<26} {told}", flush=True)
            if round_number == 0:
                judge_drawn(judge, drawn, part=part, name=name)
            if "failed" in taken:
                left[name] = 0


def judge_drawn(judge: Judge, drawn: dict[str, np.ndarray], *, part: str, name: str) -> None:
    for method, values in drawn.items():
        if method in ("tsne", "umap"):
            keep("quality", part=part, contestant=name, map=method, scores=judge_map(judge, values, method=method))
        elif method == "graph":
            keep("quality", part=part, contestant=name, map=method, scores=agree_on_graph(judge, values))


def run_million(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        failed = run_process([sys.executable, HERE / "million.py", str(rows), folder])
        report = {"failed": failed} if failed else json.loads(Path(folder, "report.json").read_text())
    keep("million", **{"rows": rows, **report})
    print(json.dumps(report, indent=1))


def run_parts(parts: list[str], only: list[str], runs: int | None) -> None:
    keep("machine", **describe_machine())
    prepare_kernels()
    warm_up([name for name in DRAWERS if not only or name in only])
    for part in parts:
        names = [name for name in (SEARCHERS if part in GRAPHS else DRAWERS) if not only or name in only]
        try:
            run_any(part, names, runs)
        except MissingError as reason:
            keep("skip", part=part, reason=str(reason))
            print(f"{part:>14} skipped: {reason}")
            if part.startswith("fashion"):
                run_part(part.replace("fashion", "classes"), names, runs)


def run_any(part: str, names: list[str], runs: int | None) -> None:
    if part == "first-use":
        for seconds in measure_first_use():
            keep("first-use", seconds=seconds)
            print(f"{part:>14} {seconds:8.2f} s", flush=True)
    elif names:
        run_part(part, names, runs)


def warm_up(names: list[str]) -> None:
    """Everybody once, unmeasured: what they keep on disk (compiled code, Python's own cache) is there afterwards."""
    source, _ = open_set("classes-500")
    for name in names:
        run_contestant(name, source, calls=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", nargs="+", choices=[*PARTS, *(name for name in SETS if name not in PARTS)])
    parser.add_argument("--only", nargs="+", default=[], choices=[*DRAWERS, *SEARCHERS], help="these contestants")
    parser.add_argument("--runs", type=int, help="processes a median is taken of")
    parser.add_argument("--million", type=int, nargs="?", const=1_000_000, help="so many rows of 64 columns")
    parser.add_argument("--render", action="store_true", help="only write RESULTS.md")
    words = parser.parse_args()
    if words.million:
        keep("machine", **describe_machine())
        run_million(words.million)
    elif not words.render:
        run_parts(words.part or list(PARTS), words.only, words.runs)
    write_results()


if __name__ == "__main__":
    main()
