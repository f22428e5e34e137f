"""A model and samples -> one matrix per layer."""

from latentscape.features.choose import choose_device, choose_layers, describe_layers
from latentscape.features.collate import collate_waveforms
from latentscape.features.extract import Extraction, extract_features, read_features
from latentscape.features.plan import Reading
from latentscape.features.shards import NoShards, Shards

__all__ = [
    "Extraction",
    "NoShards",
    "Reading",
    "Shards",
    "choose_device",
    "choose_layers",
    "collate_waveforms",
    "describe_layers",
    "extract_features",
    "read_features",
]
