"""Other processes, seen from outside."""


def is_running(pid):
    """Whether there is such a process that has not ended: one whose parent did not ask for its end yet is no more."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
