import io
from pathlib import Path

import numpy as np
import pytest
import soundfile


def write_tone(path: Path, *, seconds: float = 0.2, rate: int = 16000, loud: float = 0.5) -> Path:
    """A rising tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    times = np.arange(int(seconds * rate)) / rate
    sound, buffer = loud * np.sin(2 * np.pi * 300 * times) * np.linspace(0, 1, len(times)), io.BytesIO()
    soundfile.write(buffer, sound, rate, format=path.suffix[1:])
    path.write_bytes(buffer.getvalue())  # soundfile itself takes no names that are no UTF-8
    return path


@pytest.fixture
def tone():
    return write_tone
