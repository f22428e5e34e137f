"""Every config file that a command names, read before anything heavy is imported: what is wrong is said at once."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from latentscape.settings.attributes import AttributesConfig
from latentscape.settings.compare import CompareSettings
from latentscape.settings.config_file import load_config
from latentscape.settings.embeddings import EmbeddingsSettings
from latentscape.settings.emotion import EmotionConfig
from latentscape.settings.readiness import ReadinessConfig
from latentscape.settings.retriever import RetrieverConfig

_FILES: Mapping[type, Mapping[str, type[BaseModel]]] = {
    EmbeddingsSettings: {
        "config": RetrieverConfig,
        "readiness": ReadinessConfig,
        "attributes": AttributesConfig,
    },
    CompareSettings: {"config": EmotionConfig, "attributes": AttributesConfig},
}
"""Option -> the kind of file it names."""


def check_configs(settings: Any) -> None:
    """Read every config file of a command's settings and keep none. Raises UsageError for the first that is wrong."""
    retriever = isinstance(settings, CompareSettings) and settings.is_retriever
    for name, kind in _FILES[type(settings)].items():
        path: Path | None = getattr(settings, name)
        if path is not None:
            load_config(path, RetrieverConfig if retriever and name == "config" else kind)
