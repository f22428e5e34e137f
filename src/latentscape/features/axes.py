"""Which axis of a layer's answer holds its features, and which ones become their mean."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from latentscape.errors import ModelError
from latentscape.features.hooks import ENTERED, find_module
from latentscape.features.pooling import Batch, find_valid_frames

FIRST, LAST = 1, -1
"""Where features lie: [sample, feature, frame] or [sample, frame, feature], and so with more axes of places."""


def find_axes(
    short: Float[Tensor, "1 *short"],
    long: Float[Tensor, "1 *long"],
    batch: Batch,
    *,
    layer: str,
    path: str,
    model: nn.Module,
) -> tuple[int, ...]:
    """The axes of a layer's answer to average, from what it answers to a short and to a long sample alone.

    None for vectors, else all but one. First comes that of the frames: the axis whose size follows the input; the
    model's `frame_axes`; the one axis with as many entries as there are frames expected of the long sample (`batch`).
    Raises ModelError where no vector of fixed width can come out.
    """
    axes = range(1, long.ndim)
    if short.ndim != long.ndim:
        raise _no_fixed_width(layer, short, long)
    frames = [axis for axis in axes if short.shape[axis] != long.shape[axis]]
    if not frames and long.ndim > 2:
        declared = getattr(model, "frame_axes", {}).get(layer)
        expected = [axis for axis in axes if find_valid_frames(batch, long.shape[axis], model)[0] is not None]
        frames = [declared] if declared else expected if len(expected) == 1 else []
    sides = [axis for axis in dict.fromkeys((1, long.ndim - 1)) if axis not in frames]
    if not sides:
        raise _no_fixed_width(layer, short, long)
    features = sides[0] if len(sides) == 1 else choose_side(long.shape, path, model)
    return (*frames, *(axis for axis in axes if axis != features and axis not in frames))


def choose_side(shape: Sequence[int], path: str, model: nn.Module) -> int:
    """The features' axis where the first and the last can be it.

    The layer itself decides where it says how many features it makes, and on which side (`_list_sides`); else the two
    equal axes of a square picture are places; else features come first before places, and last after frames.
    """
    last = len(shape) - 1
    module, choice = find_module(model, path)
    if choice[:1] != (ENTERED,):
        n_features, side = _find_side(module)
        fitting = [axis for axis in (1, last) if shape[axis] == n_features]
        if len(fitting) == 1:
            return fitting[0]
        if fitting or (side and not n_features):
            return 1 if side == FIRST else last
    if len(shape) == 3:
        return last
    square = [axis for axis in (1, last) if len({*shape[1:axis], *shape[axis + 1 :]}) == 1]
    return square[0] if len(square) == 1 else 1


def _find_side(module: nn.Module) -> tuple[int, int]:
    """How many features the last part of a module makes that says so, and on which side; zeros where none does."""
    for part in reversed(list(module.modules())):
        if type(part).__module__ == nn.MaxPool2d.__module__:
            return 0, FIRST
        for name, side in SIDES:
            n_features = getattr(part, name, None)
            if isinstance(n_features, tuple) and len(n_features) == 1:
                n_features = n_features[0]
            if isinstance(n_features, int):
                turned = getattr(part, "data_format", "") == "channels_first"
                return n_features, FIRST if turned else side
    return 0, 0


SIDES = (
    ("out_channels", FIRST),
    ("num_channels", FIRST),
    ("num_features", FIRST),
    ("out_features", LAST),
    ("normalized_shape", LAST),
    ("embedding_dim", LAST),
)
"""What torch's modules call the number of their features, and where these lie."""


def _no_fixed_width(layer: str, short: Tensor, long: Tensor) -> ModelError:
    return ModelError(
        f"layer `{layer}` has no fixed number of features",
        got=f"shapes {list(short.shape)} and {list(long.shape)} for two samples",
        expected="an axis of features, the first or the last, whose size does not follow the input",
        hint="choose another layer; `--list-layers` shows them",
        fault="layer-answer",
    )
