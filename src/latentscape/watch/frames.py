"""Maps of the same samples through a training, one at a time, each in the frame of the one before it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import final

import numpy as np

from latentscape.findings import Accounting, DrawnMap, MapFindings
from latentscape.layer_maps import TRUST_NEIGHBORS
from latentscape.maps import make_map, neighbors_needed
from latentscape.maps.align import align
from latentscape.measures.faithfulness import measure_map_trust
from latentscape.neighbors import find_neighbors
from latentscape.shapes import FeatureMatrix, Points

METHODS = ("tsne", "umap", "pca")


@final
class Frames:
    """Draws map after map; each begins where the one before it ended, so that what moves has moved for a reason."""

    def __init__(self, method: str, *, seed: int) -> None:
        self._method, self._seed = method, seed
        self._before: tuple[tuple[str, ...], Points] | None = None

    def draw(
        self,
        features: FeatureMatrix,
        *,
        ids: tuple[str, ...],
        colors: Sequence[str | None],
        color_name: str,
        source: str,
    ) -> bytes | None:
        """The next map as a PNG, its trust below it; None where no method was chosen."""
        if not self._method:
            return None
        from latentscape.figures.feature_maps import draw_feature_maps  # noqa: PLC0415  matplotlib, only to draw
        from latentscape.figures.render import render_png  # noqa: PLC0415  as above
        from latentscape.figures.style import Style  # noqa: PLC0415  as above

        names = tuple(sorted({color for color in colors if color is not None}))
        numbers = {name: number for number, name in enumerate(names)}
        findings = replace(
            self._find(features, ids, source),
            labels=np.array([-1 if color is None else numbers[color] for color in colors], dtype=np.int64),
            label_names=names,
            label_column=color_name,
        )
        figure = draw_feature_maps(findings, Style())
        return None if figure is None else render_png(figure, dpi=90)

    def _find(self, features: FeatureMatrix, ids: tuple[str, ...], source: str) -> MapFindings:
        n = len(features)
        graph = find_neighbors(features, k=max(TRUST_NEIGHBORS, neighbors_needed(n)), metric="cosine")
        before = self._before[1] if self._before is not None and self._before[0] == ids else None
        made = make_map(features, graph, method=self._method, seed=self._seed, anchors=before)
        if before is not None:
            made = replace(made, xy=align(made.xy, onto=before))
        self._before = ids, made.xy
        trust = measure_map_trust(features, graph, made, k=TRUST_NEIGHBORS, seed=self._seed)
        return MapFindings(
            source=source,
            accounting=Accounting(n_in=n, n_ok=n),
            rows=np.arange(n),
            ids=ids,
            maps={self._method: DrawnMap(latent_map=made, trust=trust)},
            metric=graph.metric,
            n_features=features.shape[1],
            n_kinds=len(graph.kinds.first) if graph.kinds else n,
            k=graph.indices.shape[1],
            graph_recall=graph.recall,
            scores=dict(trust.scores),
        )
