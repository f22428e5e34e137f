"""What a sample can be; a word for options, which are read before NumPy is there, and for arrays alike."""

from typing import Literal

Kind = Literal["audio", "image", "text"]
"""What a sample is to the eye or ear."""
