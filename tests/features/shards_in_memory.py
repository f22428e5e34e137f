"""A place for shards that forgets nothing, and a bomb that ends the work wherever it is set."""

import json

import numpy as np


class CrashError(BaseException):
    """The process is gone."""


class Bomb:
    """Counts moments and crashes at one of them."""

    def __init__(self, at=None):
        self.at, self.n = at, 0

    def tick(self):
        self.n += 1
        if self.n == self.at:
            raise CrashError


class ShardsInMemory:
    """Plan and shards as a disk would hold them: as bytes."""

    def __init__(self):
        self.bomb, self.plan, self.kept, self.asked = Bomb(), None, [], []
        self.stop_after = None

    def load_plan(self):
        return None if self.plan is None else json.loads(self.plan)

    def save_plan(self, plan):
        self.bomb.tick()
        self.plan = json.dumps(plan, sort_keys=True)
        self.bomb.tick()

    def load(self):
        yield from sorted(self.kept, key=lambda one: one[0].start)

    def save(self, batches, arrays):
        assert all(isinstance(values, np.ndarray) and values.dtype.kind in "iuf" for values in arrays.values())
        self.bomb.tick()
        self.kept = [one for one in self.kept if one[0].stop <= batches.start or batches.stop <= one[0].start]
        self.kept.append((batches, {name: np.array(values) for name, values in arrays.items()}))
        self.bomb.tick()

    def forget(self, start):
        self.bomb.tick()
        self.kept = [one for one in self.kept if one[0].stop <= start]
        self.bomb.tick()

    def clear(self):
        self.bomb.tick()
        self.plan, self.kept = None, []
        self.bomb.tick()

    def require_space(self, n_bytes):
        self.asked.append(n_bytes)

    @property
    def stopping(self):
        return self.stop_after is not None and self.bomb.n >= self.stop_after

    def stop(self):
        raise CrashError

    @property
    def n_batches(self):
        return sum(len(batches) for batches, _ in self.kept)

    @property
    def n_passes(self):
        return sum(int(arrays["passes"][0]) for _, arrays in self.kept)
