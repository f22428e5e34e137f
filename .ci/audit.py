"""Known holes in what constraints.txt installs, by pip-audit; `make audit`.

Exit codes: 0 none is known; 1 there are holes, each named; 2 the advisory feed could not be reached: nothing is proven.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
HOLES, UNPROVEN = 1, 2


def main() -> int:
    """Ask the feed and say what it knows."""
    words = ["-m", "pip_audit", "--requirement", str(CONSTRAINTS), "--no-deps", "--disable-pip", "--format", "json"]
    ended = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)  # noqa: S603
    try:
        packages = json.loads(ended.stdout)["dependencies"]
    except (ValueError, LookupError, TypeError):
        packages = []
    code, lines = judge(packages)
    print("\n".join(lines))  # noqa: T201
    return code


def judge(packages: Sequence[Mapping[str, Any]]) -> tuple[int, list[str]]:
    """The exit code and what to print for the answer of pip-audit; a package it could not ask for proves nothing."""
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none'}"
        for package in packages
        for hole in package.get("vulns", ())
    ]
    if holes:
        return HOLES, holes
    silent = [package["name"] for package in packages if "skip_reason" in package]
    if silent or not packages:
        asked = f"{len(silent)} of {len(packages)} packages" if packages else "any package"
        return UNPROVEN, [f"the advisory feed did not answer for {asked}: nothing is proven"]
    return 0, [f"no known hole in {len(packages)} packages"]


if __name__ == "__main__":
    sys.exit(main())
