"""Pictures as a program holds them -> what a folder of files would hold."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latentscape.datasets.labeled import Content
from latentscape.datasets.sample_columns import to_numpy
from latentscape.errors import DataError

CHANNELS = (1, 3, 4)


def list_pictures(images: Any) -> tuple[Content, ...]:
    """One picture a sample: paths, bytes, PIL images, or arrays [height, width], [height, width, channel] or
    [channel, height, width]; numbers that are no bytes are spread over the range that all of them have.

    Raises DataError for anything else.
    """
    whole = images if isinstance(images, list | tuple) else _split(images)
    low, high = _find_range(whole)
    return tuple(_to_content(image, low, high) for image in whole)


def _split(images: Any) -> Sequence[Any]:
    if hasattr(images, "__len__") and hasattr(images, "__getitem__") and not hasattr(images, "shape"):
        return [images[row] for row in range(len(images))]
    values = to_numpy(images)
    if values.ndim < 3:
        raise _no_picture(f"an array of shape {list(values.shape)}")
    return list(values)


def _find_range(images: Sequence[Any]) -> tuple[float, float]:
    arrays = [to_numpy(image) for image in images if hasattr(image, "shape")]
    floats = [array for array in arrays if array.dtype.kind == "f" and array.size]
    if not floats:
        return 0.0, 255.0
    low, high = min(float(each.min()) for each in floats), max(float(each.max()) for each in floats)
    return (0.0, 1.0) if low >= 0 and high <= 1 else (low, high)


def _to_content(image: Any, low: float, high: float) -> Content:
    if isinstance(image, Path | bytes):
        return image
    if isinstance(image, str):
        return Path(image)
    from PIL import Image  # noqa: PLC0415  an extra, only where there are pictures

    if not isinstance(image, Image.Image):
        image = Image.fromarray(_to_bytes(to_numpy(image), low, high))
    written = io.BytesIO()
    image.save(written, format="PNG")
    return written.getvalue()


def _to_bytes(values: Any, low: float, high: float) -> Any:
    """[height, width] or [height, width, channel] of bytes."""
    if values.ndim == 3 and _has_channels_first(values.shape):
        values = np.moveaxis(values, 0, 2)
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in CHANNELS):
        raise _no_picture(f"an array of shape {list(values.shape)}")
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    spread = (np.nan_to_num(values.astype(np.float64)) - low) / ((high - low) or 1.0)
    return np.ascontiguousarray(np.clip(np.rint(spread * 255), 0, 255).astype(np.uint8))


def _has_channels_first(shape: tuple[int, ...]) -> bool:
    """Where both ends could be channels, pictures are taken to be square."""
    return shape[0] in CHANNELS and (shape[2] not in CHANNELS or shape[1] == shape[2])


def _no_picture(got: str) -> DataError:
    return DataError(
        "`images` holds no pictures",
        got=got,
        expected="paths, bytes, PIL images, or arrays [height, width] with 1, 3 or 4 channels",
        hint="give one picture for each sample",
        fault="data-columns",
    )
