"""What scikit-learn expects of an estimator, around a map of ours."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float

from latentscape.datasets.feature_table import to_floats
from latentscape.datasets.feature_values import take_features
from latentscape.errors import DataError, LatentscapeError, UsageError, nearest
from latentscape.maps import LatentMap, MapOptions, make_map, neighbors_needed, place_samples
from latentscape.maps.new_samples import NEIGHBORS, find_width
from latentscape.measures.faithfulness import MapTrust, measure_map_trust
from latentscape.neighbors import Neighbors, find_neighbors, find_neighbors_among

METRICS = ("euclidean", "cosine")
OUTPUTS = ("default", "pandas", "polars")

Itself = TypeVar("Itself", bound="Estimator")
Matrix = Float[np.ndarray, "sample feature"]


class InvalidValueError(DataError, ValueError):
    """Data that can't be mapped; a ValueError, as other estimators raise."""


class InvalidOptionError(UsageError, ValueError):
    """An option that can't be honored; a ValueError, as other estimators raise."""


class NotFittedError(UsageError, ValueError, AttributeError):
    """Asked for something that only `fit` gives."""


class Estimator(ABC):
    """What both have in common. `fit` gives `embedding_` [sample, 2], `trust_` (how far to trust it: its `level`,
    `recall.value`, and `per_point`), `latent_map_`, `neighbors_` and `n_features_in_`."""

    map_method: str
    """Of `make_map`."""
    only: Mapping[str, Sequence[Any]]
    """Option -> the values that our maps can honor."""

    embedding_: Float[np.ndarray, "sample 2"]
    latent_map_: LatentMap
    neighbors_: Neighbors
    trust_: MapTrust
    n_features_in_: int

    @abstractmethod
    def _choose(self) -> MapOptions:
        """The options of our map."""

    def fit(self: Itself, X: Any, y: Any = None) -> Itself:  # noqa: N803  scikit-learn's names
        """Draw the map of `X` [sample, feature]: NumPy, a tensor, a pandas or polars frame, an Arrow table, lists.

        `y` is ignored: a map that saw the labels could prove nothing about them. Raises ValueError (a DataError or
        UsageError of ours) for data with NaN or infinity, for no samples, and for options that can't be honored.
        """
        with _as_value_error():
            self._refuse()
            features, names = _read(X)
            options = self._choose()
            metric = str(getattr(self, "metric"))  # noqa: B009  a parameter of both
            graph = find_neighbors(features, k=neighbors_needed(len(features), options), metric=metric)
            made = make_map(features, graph, method=self.map_method, seed=self._seed(), options=options)
            self.trust_ = measure_map_trust(features, graph, made)
        self.latent_map_, self.neighbors_, self._features = made, graph, features
        self.embedding_ = made.xy.astype(np.float32)
        self.n_features_in_ = features.shape[1]
        self._keep_names(names)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:  # noqa: N803
        """Draw the map of `X` and return it, [sample, 2] float32, in row order."""
        return self._hand_out(self.fit(X, y).embedding_, X)

    def transform(self, X: Any) -> Any:  # noqa: N803
        """Places of new samples on the map that was drawn, [new, 2] float32; nothing on it moves.

        Each lies beside its nearest samples of the fit; one that equals a sample of it gets its place.
        """
        self._require_fitted()
        with _as_value_error():
            features, _ = _read(X)
            self._require_width(features.shape[1])
            near = find_neighbors_among(features, self._features, k=NEIGHBORS, metric=self.neighbors_.metric)
            placed = place_samples(self.latent_map_, near, width=find_width(self.latent_map_, self.neighbors_))
        return self._hand_out(placed.astype(np.float32), X)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """`tsne0`, `tsne1` or `umap0`, `umap1`."""
        return np.array([f"{self.map_method}{axis}" for axis in range(2)], dtype=object)

    def get_params(self, deep: bool = True) -> dict[str, Any]:  # noqa: FBT001  scikit-learn's signature
        """Every option as it was given."""
        return {name: getattr(self, name) for name in list_parameters(type(self))}

    def set_params(self: Itself, **params: Any) -> Itself:
        """Change options. Raises ValueError for a name that is none."""
        known = list_parameters(type(self))
        for name, value in params.items():
            if name not in known:
                raise InvalidOptionError(f"no option `{name}` of {type(self).__name__}", hint=nearest(name, known))
            setattr(self, name, value)
        return self

    def set_output(self: Itself, *, transform: str | None = None) -> Itself:
        """What `transform` gives: `default` (NumPy), `pandas` or `polars`."""
        if transform is not None and transform not in OUTPUTS:
            raise InvalidOptionError(f"no output `{transform}`", hint=nearest(str(transform), OUTPUTS))
        self._output = transform or getattr(self, "_output", "default")
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "embedding_")

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags  # noqa: PLC0415  only where it asks

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=[]),
            input_tags=InputTags(),
        )

    def __repr__(self) -> str:
        usual = {name: each.default for name, each in list_parameters(type(self)).items()}
        given = [f"{name}={value!r}" for name, value in self.get_params().items() if not _is_same(value, usual[name])]
        trust = f"  # {self.trust_.level}" if hasattr(self, "trust_") else ""
        return f"{type(self).__name__}({', '.join(given)}){trust}"

    def _refuse(self) -> None:
        for name, allowed in self.only.items():
            value = getattr(self, name)
            if not any(_is_same(value, each) for each in allowed):
                raise InvalidOptionError(
                    f"`{name}` can't be honored",
                    got=repr(value)[:80],
                    expected=" or ".join(map(repr, allowed)),
                    hint="leave it out, or keep the library that has it for this map",
                    fault="option-value",
                )

    def _seed(self) -> int:
        """The seed of a `random_state`: None is 0 here, so that the same data give the same map."""
        state: Any = getattr(self, "random_state")  # noqa: B009  a parameter of both
        if state is None:
            return 0
        if isinstance(state, np.random.RandomState):
            return int(state.randint(2**31))
        if isinstance(state, np.random.Generator):
            return int(state.integers(2**31))
        if isinstance(state, int | np.integer) and 0 <= int(state) < 2**32:
            return int(state)
        raise InvalidOptionError(
            "a bad `random_state`", got=repr(state)[:80], expected="None, 0 to 4294967295, or a generator of NumPy"
        )

    def _keep_names(self, names: Any) -> None:
        if names is not None:
            self.feature_names_in_ = names
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_

    def _require_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise NotFittedError(
                f"this {type(self).__name__} is not fitted", hint="call `fit` or `fit_transform` first"
            )

    def _require_width(self, n_features: int) -> None:
        if n_features != self.n_features_in_:
            name = type(self).__name__
            raise InvalidValueError(
                f"X has {n_features} features, but {name} is expecting {self.n_features_in_} features as input",
                hint="take the columns that it was fitted on, in their order",
                fault="data-columns",
            )

    def _hand_out(self, places: Float[np.ndarray, "sample 2"], asked: Any) -> Any:
        output = getattr(self, "_output", "default")
        columns = dict(zip(self.get_feature_names_out(), places.T, strict=True))
        if output == "pandas":
            import pandas as pd  # noqa: PLC0415  the user asked for it

            return pd.DataFrame(columns, index=getattr(asked, "index", None))
        if output == "polars":
            import polars as pl  # noqa: PLC0415  the user asked for it

            return pl.DataFrame(columns)
        return places


def given(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """The arguments of an `__init__`, which must keep every one of them as it is."""
    return [(name, value) for name, value in values.items() if name != "self" and not name.startswith("__")]


def list_parameters(kind: type[Estimator]) -> dict[str, inspect.Parameter]:
    """The options of an estimator, as its `__init__` names them."""
    return {name: each for name, each in inspect.signature(kind).parameters.items() if name != "self"}


def _is_same(value: Any, other: Any) -> bool:
    try:
        return bool(value is other or value == other)
    except ValueError:  # an array, which is none of our words
        return False


def _read(values: Any) -> tuple[Matrix, Any]:
    """The numbers, and the names of the columns where all of them are words."""
    if isinstance(values, str):
        raise DataError("a path is no data", got=values[:80], hint="`latentscape.map(path)` takes files")
    names = [str(name) for name in getattr(values, "columns", [])]
    are_words = bool(names) and all(isinstance(name, str) for name in values.columns)
    features = to_floats(np.ascontiguousarray(take_features(values).features))
    if not np.isfinite(features).all():
        raise DataError(
            "the data hold NaN or infinity",
            hint="fill or drop these rows; `latentscape.map` leaves them out by itself",
            fault="features-values",
        )
    return features, np.array(names, dtype=object) if are_words else None


@contextmanager
def _as_value_error() -> Iterator[None]:
    """Errors of ours as the ValueError that scikit-learn's users catch."""
    try:
        yield
    except ValueError:
        raise
    except LatentscapeError as error:
        kind = InvalidOptionError if isinstance(error, UsageError) else InvalidValueError
        hint = error.hint or "look at the data and the options"
        raise kind(error.what, got=error.got, expected=error.expected, hint=hint, fault=error.fault) from error
