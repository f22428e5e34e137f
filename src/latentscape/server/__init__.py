"""A finished run folder -> an explorer at an address of this machine, for one person, until Ctrl-C."""

from latentscape.server.serve import serve_run

__all__ = ["serve_run"]
