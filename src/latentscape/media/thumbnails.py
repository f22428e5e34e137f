"""Pictures -> small copies of them, which a page shows wherever a sample is pointed at."""

import io
import warnings
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from latentscape.datasets.labeled import LabeledSamples
from latentscape.engine import count_threads
from latentscape.errors import DataError
from latentscape.media.kinds import HEAD_BYTES, tell_mime
from latentscape.output_folder import THUMBNAILS
from latentscape.progress import SILENT, Progress
from latentscape.run_reader import FinishedRun
from latentscape.store import RunFolder

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 64
"""Pixels of the longest side."""
EXACT_SIDE = 32
"""A picture up to here is kept pixel by pixel: in a digit of 8 x 8 each one counts."""
LARGEST = 2**16
"""Bytes of a thumbnail; one of ours has about a thousand."""
BATCH = 64
_QUALITY = 80


def make_thumbnails(contents: Sequence[Path | bytes], *, progress: Progress = SILENT) -> list[bytes | None]:
    """A WebP of each picture, none of its sides longer than SIDE; None for one that can't be read.

    Small pictures keep their size. The same pictures give the same bytes, however many threads there are.
    """
    made: list[bytes | None] = []
    starts = range(0, len(contents), BATCH)
    # Threads that open pictures change the filters of warnings behind each other's back: here they are put back.
    with warnings.catch_warnings(), ThreadPoolExecutor(count_threads()) as pool:
        for start in progress.track(starts, label="thumbnails", total=len(starts)):
            made += pool.map(_make, contents[start : start + BATCH])
    return made


def keep_thumbnails(folder: RunFolder, samples: LabeledSamples, *, progress: Progress = SILENT) -> tuple[str, ...]:
    """Write the thumbnails of a run's samples, row by row as in samples.parquet; the names of what was written.

    Nothing is written where the samples are no pictures, or none of them can be read.
    """
    pictures = [content for content in samples.contents if not isinstance(content, str)]
    if samples.kind != "image" or len(pictures) < len(samples):
        return ()
    made = make_thumbnails(pictures, progress=progress)
    return save_thumbnails(folder, {row: image for row, image in enumerate(made) if image}, n=len(made))


def save_thumbnails(folder: RunFolder, found: Mapping[int, bytes], *, n: int) -> tuple[str, ...]:
    """Write the thumbnails of `n` samples that are there already; the names of what was written."""
    if not found:
        return ()
    rows, images = pa.array(range(n), pa.int32()), pa.array([found.get(row) for row in range(n)], pa.binary())
    folder.save_table(THUMBNAILS, {"row": rows, "image": images})
    return (THUMBNAILS,)


def read_thumbnails(run: FinishedRun, *, n: int) -> dict[int, bytes]:
    """The thumbnails of a run with `n` samples, by sample. What is no small picture by its bytes is left out.

    Raises DataError for a table that is none of ours.
    """
    table = run.read_table(THUMBNAILS, wanted=lambda name: name in ("row", "image"))
    if table.column_names != ["row", "image"] or not _fits(table):
        raise DataError(
            f"`{run.path / THUMBNAILS}` holds no thumbnails", got=str(table.schema)[:200],
            expected="columns `row` and `image`", hint="run the study again", fault="run-damaged",
        )  # fmt: skip
    pairs = zip(table.column("row").to_pylist(), table.column("image").to_pylist(), strict=True)
    return {row: image for row, image in pairs if image and row is not None and 0 <= row < n and is_thumbnail(image)}


def choose_thumbnails(found: Mapping[int, bytes], order: Sequence[int], *, budget_bytes: int) -> dict[int, bytes]:
    """Those that fit into so many bytes, the first of `order` first; all rows of `order` that have none are passed."""
    chosen: dict[int, bytes] = {}
    room = budget_bytes
    for row in order:
        image = found.get(row)
        if image is None:
            continue
        if len(image) > room:
            break  # what follows is less wanted: no small picture goes before a large one that does not fit
        chosen[row] = image
        room -= len(image)
    return chosen


def is_thumbnail(data: bytes) -> bool:
    """Whether it is a small picture by its bytes."""
    return len(data) <= LARGEST and (tell_mime(data[:HEAD_BYTES]) or "").startswith("image/")


def _fits(table: pa.Table) -> bool:
    row, image = (table.schema.field(name).type for name in ("row", "image"))
    return pa.types.is_integer(row) and (pa.types.is_binary(image) or pa.types.is_large_binary(image))


def _make(content: Path | bytes) -> bytes | None:
    from latentscape.datasets.pictures import load_picture  # noqa: PLC0415  Pillow, only where there are pictures

    try:
        return shrink(load_picture(content))
    except DataError:
        return None


def shrink(picture: "Image") -> bytes:
    """The small copy of an RGB picture."""
    from PIL import Image, features  # noqa: PLC0415  as above

    longest = max(picture.size)
    if longest > SIDE:
        wide, high = (max(1, round(side * SIDE / longest)) for side in picture.size)
        picture = picture.resize((wide, high), Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    if not features.check("webp"):
        picture.save(buffer, "PNG", optimize=True)
    elif longest <= EXACT_SIDE:
        picture.save(buffer, "WEBP", lossless=True, quality=80, exact=True)
    else:
        picture.save(buffer, "WEBP", quality=_QUALITY, method=4)
    return buffer.getvalue()
