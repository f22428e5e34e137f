"""The one graph everything below reads: for each sample the nearest others.

Exact while that is quick: products of tiles, or a KD-tree where there are few columns. Beyond that only rows of near
clusters are compared, and the share of true neighbors found is measured and reported.
"""

import numpy as np
from jaxtyping import Float

from latentscape.engine import Crew
from latentscape.errors import DataError, UsageError, nearest
from latentscape.executor import IN_PROCESS, Executor
from latentscape.neighbors.approximate import search_approximately
from latentscape.neighbors.graph import Kinds, Neighbors
from latentscape.neighbors.kinds import find_kinds, spread_graph, spread_kinds
from latentscape.neighbors.low_dimensional import TREE_AXES, TREE_ROWS, search_tree
from latentscape.neighbors.ranking import Found, Task
from latentscape.neighbors.space import Space, choose_exponent, place, require_finite
from latentscape.neighbors.spread import STEPS_A_PAIR, search_lines
from latentscape.progress import SILENT

METRICS = ("cosine", "euclidean")
EXACT_WORK = 2e12
"""Exact search up to this many steps, n * n * (columns + STEPS_A_PAIR): about 20 seconds on two cores."""
QUIET_ROWS = 300_000
"""Fewer rows of a tree take less than a second: nobody needs to see progress."""


def find_neighbors(
    features: Float[np.ndarray, "sample feature"], *, k: int, metric: str = "cosine", executor: Executor = IN_PROCESS
) -> Neighbors:
    """The k nearest other samples of each sample; k is cut to the n - 1 that exist.

    `metric` is `cosine` (1 - cos, in [0, 2]) or `euclidean` (in the features' own units). A row of zeros has no
    direction: its cosine distance to any other row is 1, and 0 to another row of zeros. Rows of any finite magnitude
    are fine, and the features may be memory-mapped. The search is exact (`recall` 1) while that takes some seconds,
    approximate for more rows, with a measured `recall` of 0.99 or more; the same input gives the same bytes on any
    number of threads, and of workers where an `executor` has some. Raises DataError for no samples, no features, or
    values that are not finite; UsageError for another metric.

    >>> find_neighbors(np.array([[0.0], [1.0], [3.0]]), k=2, metric="euclidean").indices.tolist()
    [[1, 2], [0, 2], [1, 0]]
    """
    _refuse_unknown(metric)
    require_finite(features, purpose="a neighbor graph")
    space = place(features, metric=metric, exponent=choose_exponent(features))
    k = max(0, min(k, len(features) - 1))
    first, group = find_kinds(space)
    distinct = space if len(first) == len(group) else space.take(first)
    found = _search(Task(queries=distinct, space=distinct, k=min(k, len(first) - 1)), executor)
    graph = Neighbors(indices=found.rows, distances=found.distances, metric=metric, recall=found.recall)
    if distinct is space:
        return graph
    indices, distances = spread_graph(found.rows, found.distances, group, k=k)
    kinds = Kinds(first=first, group=group, neighbors=graph)
    return Neighbors(indices=indices, distances=distances, metric=metric, recall=found.recall, kinds=kinds)


def find_neighbors_among(
    queries: Float[np.ndarray, "query feature"],
    features: Float[np.ndarray, "sample feature"],
    *,
    k: int,
    metric: str,
    is_exact: bool = True,
    executor: Executor = IN_PROCESS,
) -> Neighbors:
    """The k nearest rows of `features` for each query; k is cut to the n there are.

    Indices are row numbers of `features`; a query that is also a row there finds it at distance 0. The search is exact,
    and an answer depends on no other query, unless `is_exact` is False: then many queries of many rows are compared
    with near clusters only, as in `find_neighbors`, and `recall` is measured. Raises DataError where queries or
    features are empty, not finite, or of different widths; UsageError for another metric.
    """
    _refuse_unknown(metric)
    require_finite(features, purpose="a neighbor graph")
    require_finite(queries, purpose="a search for neighbors")
    if queries.shape[1] != features.shape[1]:
        got = f"{queries.shape[1]} columns in the queries, {features.shape[1]} in the features"
        raise DataError(
            "queries and features are of different widths",
            got=got,
            expected="the same number of columns",
            hint="read both from the same layer of the same model",
            fault="data-columns",
        )
    kind = np.promote_types(queries.dtype, features.dtype)
    tables = queries.astype(kind, copy=False), features.astype(kind, copy=False)
    exponent = choose_exponent(*tables)
    asked, space = (place(table, metric=metric, exponent=exponent) for table in tables)
    found = _search_among(asked, space, k=max(0, min(k, len(features))), is_exact=is_exact, executor=executor)
    return Neighbors(indices=found.rows, distances=found.distances, metric=metric, recall=found.recall)


def _search_among(asked: Space, space: Space, *, k: int, is_exact: bool, executor: Executor) -> Found:
    first, group = find_kinds(space)
    distinct = space if len(first) == len(group) else space.take(first)
    task = Task(queries=asked, space=distinct, k=min(k, len(first)))
    if not k:
        return Found(rows=np.empty((len(asked.rows), 0), np.int32), distances=np.empty((len(asked.rows), 0)))
    found = None if is_exact else _search_quickly(task, executor)
    found = found or search_lines(task, np.arange(len(asked.rows)), executor=executor)
    if distinct is space:
        return found
    with Crew() as crew:
        rows, distances = spread_kinds(found.rows, found.distances, group, k=k, crew=crew)
    return Found(rows=rows, distances=distances, recall=found.recall)


def _refuse_unknown(metric: str) -> None:
    if metric not in METRICS:
        raise UsageError(f"unknown metric `{metric}`", expected=" or ".join(METRICS), hint=nearest(metric, METRICS))


def _search(task: Task, executor: Executor) -> Found:
    n, axes = task.space.rows.shape
    if not task.k:
        return Found(rows=np.empty((n, 0), np.int32), distances=np.empty((n, 0)))
    if axes <= TREE_AXES and n >= TREE_ROWS:
        return search_tree(task, progress=executor.progress if n > QUIET_ROWS else SILENT)
    return _search_quickly(task, executor) or search_lines(task, np.arange(n), executor=executor)


def _search_quickly(task: Task, executor: Executor) -> Found | None:
    """Among near clusters, where exact search takes long and these are enough."""
    (n, axes), n_queries = task.space.rows.shape, len(task.queries.rows)
    is_much = n_queries * n * (axes + STEPS_A_PAIR) > EXACT_WORK
    return search_approximately(task, executor=executor) if is_much else None
