"""Small copies of pictures: of what size, in which bytes, kept with the run and taken into pages."""

import io
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from latentscape.datasets.labeled import LabeledSamples
from latentscape.errors import DataError
from latentscape.media.thumbnails import (
    LARGEST,
    SIDE,
    choose_thumbnails,
    keep_thumbnails,
    make_thumbnails,
    read_thumbnails,
    save_thumbnails,
)
from latentscape.run_reader import FinishedRun, open_run
from latentscape.store import RunFolder

RNG = np.random.default_rng(0)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def picture(wide, high, *, form="PNG"):
    rows = np.linspace(0, 255, high)[:, None, None] * np.linspace(0, 1, wide)[None, :, None] * np.ones(3)
    return encode(Image.fromarray(rows.astype(np.uint8)), form)


def encode(image, form="PNG"):
    buffer = io.BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def opened(data):
    return Image.open(io.BytesIO(data)).convert("RGB")


def samples(contents, kind="image"):
    n = len(contents)
    return LabeledSamples(
        kind=kind, contents=tuple(contents), ids=tuple(f"d/{row}.png" for row in range(n)),
        labels=np.zeros(n, dtype=np.int64), class_names=("a",), dataset_ids=np.zeros(n, dtype=np.int64),
        dataset_names=("d",), speakers=tuple(map(str, range(n))), skipped=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("size", "small"), [((640, 480), (64, 48)), ((480, 640), (48, 64)), ((2000, 10), (64, 1)), ((64, 3), (64, 3))]
)
def test_the_longest_side_is_short_and_the_shape_stays(size, small):
    (made,) = make_thumbnails([picture(*size)])
    assert opened(made).size == small and max(small) <= SIDE
    assert len(made) < 4_000


def test_a_tiny_picture_is_kept_pixel_by_pixel():
    pixels = RNG.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    (made,) = make_thumbnails([encode(Image.fromarray(pixels))])
    np.testing.assert_array_equal(np.asarray(opened(made)), pixels)


def test_what_is_seen_is_the_picture():
    half = np.zeros((300, 300, 3), dtype=np.uint8)
    half[:, 150:] = (250, 30, 30)
    small = np.asarray(opened(make_thumbnails([encode(Image.fromarray(half), "JPEG")])[0])).astype(int)
    assert small[:, :28].max() < 40
    assert np.abs(small[:, 36:] - (250, 30, 30)).max() < 40


def test_the_same_pictures_give_the_same_bytes_and_broken_ones_none(tmp_path):
    (tmp_path / "a.png").write_bytes(picture(100, 50))
    contents = [tmp_path / "a.png", b"no picture", picture(100, 50), tmp_path / "gone.png", picture(9, 9)[:40]]
    made = make_thumbnails(contents)
    assert made == make_thumbnails(contents)
    assert made[0] == made[2] and made[0]
    assert [image is None for image in made] == [False, True, False, True, True]


def test_a_run_keeps_the_thumbnails_of_its_samples_row_by_row(tmp_path):
    given = samples([picture(90, 90), b"broken", picture(20, 10)])
    with RunFolder(tmp_path / "run") as folder:
        assert keep_thumbnails(folder, given) == ("thumbnails.parquet",)
        folder.finish({"study": "latents"})
    found = read_thumbnails(open_run(tmp_path / "run"), n=3)
    assert list(found) == [0, 2]
    assert opened(found[2]).size == (20, 10)
    assert list(read_thumbnails(open_run(tmp_path / "run"), n=1)) == [0]


@pytest.mark.parametrize(
    "given", [samples(["a text"], "text"), samples([b"sound"], "audio"), samples([b"broken"]), samples(["a text"])]
)
def test_where_there_are_no_pictures_nothing_is_written(tmp_path, given):
    with RunFolder(tmp_path / "run") as folder:
        assert keep_thumbnails(folder, given) == ()
    assert not (tmp_path / "run" / "thumbnails.parquet").exists()


def keep(folder, **columns):
    with RunFolder(folder) as run:
        run.save_table("thumbnails.parquet", columns)
        run.finish({"study": "latents"})
    return open_run(folder)


def test_what_is_no_small_picture_is_left_out(tmp_path):
    images = [PNG, b"<svg onload=alert(1)>", PNG + bytes(LARGEST), None, b"RIFF0000WAVEfmt ", PNG]
    run = keep(tmp_path / "run", row=pa.array([0, 1, 2, 3, 4, 99]), image=pa.array(images, pa.binary()))
    assert read_thumbnails(run, n=6) == {0: PNG}


@pytest.mark.parametrize(
    "columns", [{"row": pa.array([0])}, {"row": pa.array(["0"]), "image": pa.array([PNG])},
                {"row": pa.array([0]), "image": pa.array(["text"])}],
)  # fmt: skip
def test_a_table_of_something_else_is_damaged(tmp_path, columns):
    with pytest.raises(DataError, match="holds no thumbnails"):
        read_thumbnails(keep(tmp_path / "run", **columns), n=1)


def test_a_page_takes_the_most_wanted_that_fit():
    found = {0: b"x" * 40, 1: b"x" * 30, 2: b"x" * 50, 4: b"x" * 5}
    assert list(choose_thumbnails(found, [2, 3, 1, 0, 4], budget_bytes=85)) == [2, 1]
    assert choose_thumbnails(found, [2, 1], budget_bytes=0) == {}
    assert len(choose_thumbnails(found, range(5), budget_bytes=125)) == 4


def test_thumbnails_of_another_run_are_saved_again(tmp_path):
    with RunFolder(tmp_path / "run") as folder:
        assert save_thumbnails(folder, {}, n=3) == ()
        assert save_thumbnails(folder, {1: PNG}, n=3) == ("thumbnails.parquet",)
        run = folder.as_run({"study": "comparison"})
        assert isinstance(run, FinishedRun) and read_thumbnails(run, n=3) == {1: PNG}
    assert read_thumbnails(replace(run, path=tmp_path / "run"), n=1) == {}
