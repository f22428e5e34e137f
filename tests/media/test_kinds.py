import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from latentscape.media.kinds import HEAD_BYTES, read_kind, tell_mime

TONE = np.sin(np.arange(4000) / 9).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "mime"),
    [
        ("WAV", "wav"),
        ("WAVEX", "wav"),
        ("RF64", "wav"),
        ("FLAC", "flac"),
        ("OGG", "ogg"),
        ("MP3", "mpeg"),
        ("AIFF", "aiff"),
    ],
)
def test_sounds_are_told_by_their_first_bytes(kind, mime):
    buffer = io.BytesIO()
    soundfile.write(buffer, TONE, 16000, format=kind)
    assert tell_mime(buffer.getvalue()[:HEAD_BYTES]) == f"audio/{mime}"


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "gif"])
def test_pictures_are_told_by_their_first_bytes(kind):
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2)).save(buffer, kind)
    assert tell_mime(buffer.getvalue()[:HEAD_BYTES]) == f"image/{kind}"


@pytest.mark.parametrize(
    "head",
    [
        b"", b"\xff", b"<html><script>", b"<svg xmlns=", b"RIFF\0\0\0\0AVI ", b"FORM\0\0\0\0ILBM", b"%PDF-1.7",
        b"\xff\xfe<\0s\0c\0r\0", b"\xff\xff\xff\xff", b"\0" * 16, b"PK\x03\x04", b"root:x:0:0:root",
    ],
)  # fmt: skip
def test_anything_else_is_no_media(head):
    assert tell_mime(head) is None


def test_a_name_proves_nothing(tmp_path):
    (tmp_path / "secret.wav").write_text("root:x:0:0")
    Image.new("RGB", (3, 2)).save(tmp_path / "picture.wav", "png")
    assert read_kind(tmp_path / "secret.wav") is None
    assert read_kind(tmp_path / "picture.wav") == "image"
    assert read_kind(tmp_path / "nothing.wav") is None
