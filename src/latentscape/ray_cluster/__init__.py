"""A Ray cluster as an executor: workers that hold what is shared, die, and are followed by others."""

from latentscape.ray_cluster.pool import RayExecutor, open_executor

__all__ = ["RayExecutor", "open_executor"]
