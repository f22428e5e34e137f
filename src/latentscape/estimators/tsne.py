"""t-SNE behind the name that notebooks import."""

from typing import Any, final

import numpy as np

from latentscape.estimators.base import METRICS, Estimator, given
from latentscape.maps import MapOptions


@final
class TSNE(Estimator):
    """t-SNE with the names and defaults of `sklearn.manifold.TSNE`, and a `transform` for new samples.

    Honored: `perplexity`, `metric` ("euclidean", "cosine"), `random_state` (None is 0), `init` ("pca"; "random" is
    taken as "pca"), and our `quality` ("fast", "best"). `n_components` is 2. Without effect: `early_exaggeration`,
    `learning_rate`, `max_iter`, `n_iter_without_progress`, `min_grad_norm`, `verbose`, `method`, `angle`, `n_jobs`.

    >>> places = TSNE(perplexity=5).fit_transform(np.eye(20))
    >>> places.shape
    (20, 2)
    """

    map_method = "tsne"
    only = {  # noqa: RUF012  read only
        "n_components": (2,),
        "metric": METRICS,
        "metric_params": (None,),
        "init": ("pca", "random"),
        "quality": ("fast", "best"),
    }

    def __init__(  # noqa: PLR0913  scikit-learn's signature
        self,
        n_components: int = 2,
        *,
        perplexity: float = 30.0,
        early_exaggeration: float = 12.0,
        learning_rate: Any = "auto",
        max_iter: int | None = 1000,
        n_iter_without_progress: int = 300,
        min_grad_norm: float = 1e-7,
        metric: str = "euclidean",
        metric_params: Any = None,
        init: Any = "pca",
        verbose: int = 0,
        random_state: Any = None,
        method: str = "barnes_hut",
        angle: float = 0.5,
        n_jobs: int | None = None,
        quality: str = "fast",
    ) -> None:
        for name, value in given(locals()):
            setattr(self, name, value)

    @property
    def n_iter_(self) -> int:
        """How many steps the layout took."""
        self._require_fitted()
        return int(self.latent_map_.parameters.get("iterations", 0))

    @property
    def kl_divergence_(self) -> float:
        """The divergence that was gone down, at the end."""
        self._require_fitted()
        return float(self.latent_map_.parameters.get("divergence", np.nan))

    def _choose(self) -> MapOptions:
        options: Any = self
        return MapOptions(perplexity=float(options.perplexity), quality=options.quality)
