import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from latentscape.datasets import pictures
from latentscape.datasets.pictures import load_picture
from latentscape.errors import DataError

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)


def encode(picture, kind="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_a_picture_without_loss_is_itself_from_bytes_and_from_a_file(tmp_path, kind):
    data = encode(Image.fromarray(PIXELS), kind)
    (tmp_path / "a.jpg").write_bytes(data)  # the ending says nothing
    for content in (data, tmp_path / "a.jpg"):
        loaded = load_picture(content)
        assert loaded.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(loaded), PIXELS)


def test_a_photograph_is_turned_as_its_exif_data_says():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = load_picture(encode(Image.fromarray(PIXELS), exif=exif))
    np.testing.assert_array_equal(np.asarray(turned), np.rot90(PIXELS, -1))


def test_transparency_is_dropped_and_the_colors_stay():
    alpha = np.dstack([PIXELS, np.full((6, 9), 7, np.uint8)])
    np.testing.assert_array_equal(np.asarray(load_picture(encode(Image.fromarray(alpha)))), PIXELS)


def test_a_palette_with_transparent_colors():
    palette = Image.fromarray(PIXELS).quantize(16)
    expected = np.asarray(palette.convert("RGB"))
    data = encode(palette, transparency=bytes([0, 128] * 8))
    np.testing.assert_array_equal(np.asarray(load_picture(data)), expected)


def test_of_sixteen_bits_the_upper_eight_are_kept():
    gray = (PIXELS[:, :, 0].astype(np.uint16) << 8) | 0xFF
    loaded = np.asarray(load_picture(encode(Image.fromarray(gray))))
    np.testing.assert_array_equal(loaded, np.repeat(PIXELS[:, :, :1], 3, axis=2))


def test_gray_one_bit_and_floats():
    gray = np.asarray(load_picture(encode(Image.fromarray(PIXELS[:, :, 0]))))
    np.testing.assert_array_equal(gray, np.repeat(PIXELS[:, :, :1], 3, axis=2))
    bits = np.asarray(load_picture(encode(Image.fromarray(PIXELS[:, :, 0] > 99))))
    np.testing.assert_array_equal(bits[:, :, 0] == 255, PIXELS[:, :, 0] > 99)
    shades = Image.fromarray(PIXELS[:, :, 0].astype(np.float32) / 255)
    np.testing.assert_array_equal(np.asarray(load_picture(encode(shades, "TIFF")))[:, :, 0], PIXELS[:, :, 0])


def test_cmyk_becomes_red_green_and_blue():
    data = encode(Image.new("CMYK", (3, 2), (0, 255, 255, 0)), "JPEG", quality=100)
    red, green, blue = np.asarray(load_picture(data))[0, 0]
    assert red > 250
    assert max(green, blue) < 8


def test_the_first_frame_of_a_moving_picture():
    frames = [Image.new("RGB", (4, 4), color) for color in ("red", "blue")]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert load_picture(data).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("n", [0, 5, 60, -200])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_half_a_picture_is_refused(n, kind):
    data = encode(Image.fromarray(np.tile(PIXELS, (9, 9, 1))), kind)
    with pytest.raises(DataError, match="as a picture") as caught:
        load_picture(data[:n])
    assert caught.value.fault == "picture-broken"


@pytest.mark.parametrize("data", [b"<svg/>", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"RIFF1234WAVEfmt "])
def test_what_is_no_picture_is_not_opened(tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(DataError, match=r"a\.png as a picture: it starts with"):
        load_picture(tmp_path / "a.png")


def test_two_pictures_in_one_file_of_a_camera():
    data = encode(Image.new("RGB", (8, 8), "red"), "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))])
    assert load_picture(data).getpixel((0, 0))[0] > 200


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize("side", [9_000, 40_000])
def test_a_bomb_is_refused_before_it_is_unpacked(side):
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    with pytest.raises(DataError, match="too large") as caught:
        load_picture(data)
    assert caught.value.fault == "picture-large"


def test_floats_that_are_no_shades_are_refused():
    with pytest.raises(DataError, match="measured values"):
        load_picture(encode(Image.fromarray(np.full((2, 2), 7.5, np.float32)), "TIFF"))


def test_a_file_that_is_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "LARGEST_BYTES", 9)
    (tmp_path / "a.png").write_bytes(bytes(10))
    with pytest.raises(DataError, match="too large"):
        load_picture(tmp_path / "a.png")


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="can't open"):
        load_picture(tmp_path / "a.png")
