"""Every kind of array we pass around, its axes named.

One axis word means one thing everywhere: `sample` a row of the study, `feature` a column of one layer, `k` a neighbor
rank, `class` a label, `query` and `document` the two sides of a retriever. Checked in the tests only.
"""

from jaxtyping import Bool, Float, Float32, Int
from numpy import ndarray

from latentscape.sample_kinds import Kind as Kind

FeatureMatrix = Float32[ndarray, "sample feature"]
"""The pooled activations of one layer, one row a sample."""
Points = Float[ndarray, "sample 2"]
"""A place on a 2-D map for each sample, in the map's own units."""
PerSample = Float[ndarray, " sample"]
"""One number a sample."""
Labels = Int[ndarray, " sample"]
"""A class number for each sample, 0-based; -1 where the class is unknown."""
Rows = Int[ndarray, " row"]
"""Row numbers into a table of samples."""
Flags = Bool[ndarray, " sample"]
"""A yes or no for each sample."""
Waveform = Float32[ndarray, " time"]
"""Mono audio, amplitude in [-1, 1]."""
Vectors = Float32[ndarray, "sample feature"]
"""L2-normalized embeddings of a retriever."""

LOGITS = "logits"
"""The layer that is a classifier's answer, [sample, class]."""
