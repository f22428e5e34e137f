"""A finished run folder of any study -> everything the explorer shows of it."""

from latentscape.exploring.run import explore_run, explore_table
from latentscape.exploring.style import describe_style, read_style

__all__ = ["describe_style", "explore_run", "explore_table", "read_style"]
