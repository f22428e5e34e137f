"""The layers of several models -> those that can be followed through all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from latentscape.snapshots.values import LayerMatrix, RowNumbers


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """Layers by the name that they are followed under."""

    features: dict[str, tuple[LayerMatrix, ...]]
    """One matrix a checkpoint."""
    own_names: dict[str, tuple[str, ...]]
    """What each checkpoint calls the layer."""
    main_layer: str


def track_layers(
    layers: Sequence[Mapping[str, LayerMatrix]], rows: Sequence[RowNumbers], *, mains: Sequence[str], common_name: str
) -> Tracked:
    """The layers that all models have by name, in the order of the first model, cut to `rows`.

    `mains` are the layers that most is asked of, one a model. Where they have different names, each model's own is
    followed under `common_name`, in the place of the first model's.
    """
    first = list(layers[0])
    own = {name: (name,) * len(layers) for name in first if all(name in other for other in layers)}
    main = mains[0]
    if len(set(mains)) > 1:
        main = common_name if common_name not in own else f"{common_name} (each model's)"
        before = set(first[: first.index(mains[0]) + 1])
        own = {
            **{name: names for name, names in own.items() if name in before},
            main: tuple(mains),
            **{name: names for name, names in own.items() if name not in before},
        }
    return Tracked(
        features={
            name: tuple(cut_rows(layer[mine], at) for layer, mine, at in zip(layers, names, rows, strict=True))
            for name, names in own.items()
        },
        own_names=own,
        main_layer=main,
    )


def cut_rows(features: LayerMatrix, rows: RowNumbers) -> LayerMatrix:
    """The rows asked for; no copy where these are all, in their order."""
    return features if np.array_equal(rows, np.arange(len(features))) else features[rows]


def describe_tracking(tracked: Tracked, layers: Sequence[Mapping[str, LayerMatrix]]) -> list[str]:
    """What a reader must know of the layers, in sentences."""
    notes: list[str] = []
    own = tracked.own_names[tracked.main_layer]
    if len(set(own)) > 1:
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(own))
        notes.append(f"The models name their main layers differently ({names}): `{tracked.main_layer}` is each one's.")
    followed = {name for names in tracked.own_names.values() for name in names}
    lost = [name for name in dict.fromkeys(name for layer in layers for name in layer) if name not in followed]
    if lost:
        names = ", ".join(f"`{name}`" for name in lost[:8]) + (f" and {len(lost) - 8} more" if len(lost) > 8 else "")
        notes.append(f"Layers that not all runs have are not compared: {names}.")
    return notes
