"""Try everything the tool promises to survive, and write what came of it into docs/reliability.md.

python -m chaos                     everything, about an hour on two cores
python -m chaos kills races         these only; their rows of the table are written anew
python -m chaos --scale 0.1         fewer trials, printed only
"""

import argparse
import datetime as dt
import importlib
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from chaos.outcome import Outcome

SERIES = (
    "gauntlet.runner",
    "small_maps",
    "mutations",
    "torn",
    "hostile",
    "fuzz",
    "kills",
    "signals",
    "workers",
    "nodes",
    "power",
    "faults",
    "races",
    "scripts",
    "ray_kills",
)
"""Modules of this package, each with `run(folder, scale=, seed=)`."""
FIGURES = Path(__file__).with_name("figures.json")
"""The outcomes of the last whole run of every series."""
PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: written by `make chaos` -->", "<!-- end of figures -->"
PACKAGES = "torch", "transformers", "sentence-transformers", "safetensors", "pyarrow", "numpy"


def main() -> int:
    """Run the series and print their table; 1 where a trial broke its promise."""
    options = _read_options()
    wrong = 0
    for name in options.series:
        started = time.monotonic()
        outcomes = _run(name, options.scale, options.seed)
        wrong += sum(len(outcome.wrong) for outcome in outcomes)
        print("\n".join(_tell(name, outcomes, time.monotonic() - started)), flush=True)
        if options.scale == 1:
            _keep(name, outcomes, time.monotonic() - started)
    return int(wrong > 0)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("series", nargs="*", choices=[*SERIES, []], default=list(SERIES), metavar="SERIES")
    parser.add_argument("--scale", type=float, default=1.0, help="1: as many trials as docs/reliability.md tells")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _run(name: str, scale: float, seed: int) -> Sequence[Outcome]:
    with tempfile.TemporaryDirectory(prefix="latentscape-chaos-") as folder:
        return importlib.import_module(f"chaos.{name}").run(Path(folder), scale=scale, seed=seed)


def _tell(name: str, outcomes: Sequence[Outcome], seconds: float) -> Iterator[str]:
    yield f"{name}: {seconds:.0f} s"
    for outcome in outcomes:
        yield f"  {outcome.name}: {outcome.tried:,} tried, {len(outcome.wrong)} wrong. {outcome.note}"
        yield from (f"    WRONG {trial}" for trial in outcome.wrong)


def _keep(name: str, outcomes: Sequence[Outcome], seconds: float) -> None:
    """Put the outcomes in place of the series' last ones, and the table of all into the page."""
    known: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    made = {
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "versions": {"Python": platform.python_version()} | {package: version(package) for package in PACKAGES},
        "seconds": round(seconds),
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }
    known = {each: {**known, name: made}[each] for each in SERIES if each in {**known, name: made}}
    FIGURES.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    table = "\n".join(_tabulate(known))
    PAGE.write_text(f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _tabulate(known: dict[str, Any]) -> Iterator[str]:
    last = max(known.values(), key=lambda series: series["date"])
    days = " to ".join(dict.fromkeys((min(series["date"] for series in known.values()), last["date"])))
    versions = ", ".join(f"{package} {number}" for package, number in last["versions"].items())
    yield f"{days}; {last['machine']}, shared with others; {versions}.\n"
    yield "| what was tried | trials | broken | promise of each | measured |\n|---|--:|--:|---|---|"
    for series in known.values():
        for each in series["outcomes"]:
            cells = (each["name"], f"{each['tried']:,}", str(len(each["wrong"])), each["promise"], each["note"])
            yield f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
