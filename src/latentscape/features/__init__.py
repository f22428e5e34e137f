"""A model and samples -> one matrix per layer."""

from latentscape.features.choose import choose_device, choose_layers, describe_layers
from latentscape.features.collate import collate_waveforms
from latentscape.features.default_layers import add_default_layers, find_default_layers
from latentscape.features.extract import Extraction, extract_features, read_features
from latentscape.features.inputs import LazyInputs
from latentscape.features.plan import Reading
from latentscape.features.shards import NoShards, Shards
from latentscape.features.trace import ListedLayer, Traced, list_layers, trace

__all__ = [
    "Extraction",
    "LazyInputs",
    "ListedLayer",
    "NoShards",
    "Reading",
    "Shards",
    "Traced",
    "add_default_layers",
    "choose_device",
    "choose_layers",
    "collate_waveforms",
    "describe_layers",
    "extract_features",
    "find_default_layers",
    "list_layers",
    "read_features",
    "trace",
]
