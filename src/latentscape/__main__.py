"""`python -m latentscape`: the same as the `latentscape` command."""

import sys
from pathlib import Path

# Python looks for modules in the current folder first, where somebody's data may lie beside a `numpy.py`.
sys.path[:] = [place for place in sys.path if place and Path(place).resolve() != Path.cwd()]

from latentscape.cli import main  # noqa: E402  only now

main()
