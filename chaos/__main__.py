"""Try everything the tool promises to survive, and write what came of it into docs/reliability.md.

python -m chaos                     everything, about half an hour on two cores; the table is written
python -m chaos kills races         these only, printed
python -m chaos --scale 0.1         fewer trials, printed
"""

import argparse
import datetime as dt
import importlib
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

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
    "power",
    "faults",
    "races",
    "scripts",
)
"""Modules of this package, each with `run(folder, scale=, seed=)`."""
PAGE = Path(__file__).parents[1] / "docs" / "reliability.md"
BEGIN, END = "<!-- figures: written by `make chaos` -->", "<!-- end of figures -->"
PACKAGES = "torch", "transformers", "sentence-transformers", "safetensors", "pyarrow", "numpy"


def main() -> int:
    """Run the series and print their table; 1 where a trial broke its promise."""
    options = _read_options()
    outcomes = [outcome for name in options.series for outcome in _run(name, options.scale, options.seed)]
    table = "\n".join(_tabulate(outcomes))
    print(table)
    for outcome in outcomes:
        for trial in outcome.wrong:
            print(f"WRONG {outcome.name}: {trial}")
    if tuple(options.series) == SERIES and options.scale == 1:
        _write(table)
    return int(any(outcome.wrong for outcome in outcomes))


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("series", nargs="*", choices=[*SERIES, []], default=list(SERIES), metavar="SERIES")
    parser.add_argument("--scale", type=float, default=1.0, help="1: as many trials as docs/reliability.md tells")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def _run(name: str, scale: float, seed: int) -> Sequence[Outcome]:
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="latentscape-chaos-") as folder:
        outcomes = importlib.import_module(f"chaos.{name}").run(Path(folder), scale=scale, seed=seed)
    print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return outcomes


def _tabulate(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield "| tried | trials | broke the promise | promise | measured |\n|---|--:|--:|---|---|"
    for each in outcomes:
        yield f"| {each.name} | {each.tried:,} | {len(each.wrong)} | {each.promise} | {each.note} |"


def _write(table: str) -> None:
    """Replace the figures between the marks."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n\n{_describe_machine()}\n\n{table}\n\n{END}{after}", encoding="utf-8")


def _describe_machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    today = dt.datetime.now(tz=dt.UTC).date()
    where = f"{platform.system()} {platform.machine()}, {len(os.sched_getaffinity(0))} cores"
    return f"{today}, {where}, Python {platform.python_version()}, {packages}."


if __name__ == "__main__":
    sys.exit(main())
