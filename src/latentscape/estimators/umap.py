"""UMAP behind the name that notebooks import."""

from typing import Any, final

from latentscape.estimators.base import METRICS, Estimator, given
from latentscape.maps import MapOptions


@final
class UMAP(Estimator):
    """UMAP with the names and defaults of `umap.UMAP`, and its `transform` for new samples.

    Honored: `n_neighbors`, `min_dist`, `metric` ("euclidean", "cosine"), `random_state` (None is 0), `init`
    ("spectral", "pca"; "random" is taken as "pca"), and our `quality` ("fast", "best"). `n_components` is 2, `spread`
    and the strengths are 1; neither labels (`y`) nor densities enter. Without effect: `n_epochs`, `learning_rate`,
    `low_memory`, `n_jobs`, `negative_sample_rate`, `transform_queue_size`, `angular_rp_forest`, `transform_seed`,
    `force_approximation_algorithm`, `unique`, `verbose`, `tqdm_kwds`, and what concerns labels only.

    >>> places = UMAP(n_neighbors=5).fit_transform(np.eye(20))
    >>> places.shape
    (20, 2)
    """

    map_method = "umap"
    only = {  # noqa: RUF012  read only
        "n_components": (2,),
        "metric": METRICS,
        "metric_kwds": (None,),
        "output_metric": ("euclidean",),
        "output_metric_kwds": (None,),
        "init": ("spectral", "pca", "random"),
        "spread": (1.0,),
        "set_op_mix_ratio": (1.0,),
        "local_connectivity": (1.0,),
        "repulsion_strength": (1.0,),
        "a": (None,),
        "b": (None,),
        "transform_mode": ("embedding",),
        "densmap": (False,),
        "output_dens": (False,),
        "disconnection_distance": (None,),
        "precomputed_knn": ((None, None, None), None),
        "quality": ("fast", "best"),
    }

    def __init__(  # noqa: PLR0913, PLR0917  umap-learn's signature
        self,
        n_neighbors: int = 15,
        n_components: int = 2,
        metric: str = "euclidean",
        metric_kwds: Any = None,
        output_metric: str = "euclidean",
        output_metric_kwds: Any = None,
        n_epochs: int | None = None,
        learning_rate: float = 1.0,
        init: Any = "spectral",
        min_dist: float = 0.1,
        spread: float = 1.0,
        low_memory: bool = True,  # noqa: FBT001  umap-learn's signature
        n_jobs: int = -1,
        set_op_mix_ratio: float = 1.0,
        local_connectivity: float = 1.0,
        repulsion_strength: float = 1.0,
        negative_sample_rate: int = 5,
        transform_queue_size: float = 4.0,
        a: float | None = None,
        b: float | None = None,
        random_state: Any = None,
        angular_rp_forest: bool = False,  # noqa: FBT001
        target_n_neighbors: int = -1,
        target_metric: str = "categorical",
        target_metric_kwds: Any = None,
        target_weight: float = 0.5,
        transform_seed: int = 42,
        transform_mode: str = "embedding",
        force_approximation_algorithm: bool = False,  # noqa: FBT001
        verbose: bool = False,  # noqa: FBT001
        tqdm_kwds: Any = None,
        unique: bool = False,  # noqa: FBT001
        densmap: bool = False,  # noqa: FBT001
        dens_lambda: float = 2.0,
        dens_frac: float = 0.3,
        dens_var_shift: float = 0.1,
        output_dens: bool = False,  # noqa: FBT001
        disconnection_distance: float | None = None,
        precomputed_knn: Any = (None, None, None),
        quality: str = "fast",
    ) -> None:
        for name, value in given(locals()):
            setattr(self, name, value)

    def _choose(self) -> MapOptions:
        options: Any = self
        return MapOptions(
            n_neighbors=options.n_neighbors,
            min_dist=float(options.min_dist),
            start="spectral" if options.init == "spectral" else "pca",
            quality=options.quality,
        )
