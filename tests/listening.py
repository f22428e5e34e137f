"""A progress that keeps what it is told."""

from latentscape.progress import Progress


class Listener(Progress):
    """Keeps what is said."""

    def __init__(self):
        self.said = []

    def track(self, items, *, label, total, status=str):
        """The items, and nothing is shown."""
        yield from items

    def say(self, message):
        """Keep it."""
        self.said.append(message)
