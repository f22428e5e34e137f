"""`python -m latentscape`: the same as the `latentscape` command."""

from latentscape.cli import main

main()
