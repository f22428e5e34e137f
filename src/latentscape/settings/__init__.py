"""Every choice, its default and its meaning; read from YAML and checked before anything heavy is imported."""

from latentscape.settings.attributes import AttributesConfig as AttributesConfig
from latentscape.settings.choices import Device as Device
from latentscape.settings.choices import most_failures as most_failures
from latentscape.settings.choices import record_settings as record_settings
from latentscape.settings.compare import CompareSettings as CompareSettings
from latentscape.settings.config_file import load_config as load_config
from latentscape.settings.early import check_configs as check_configs
from latentscape.settings.embeddings import EmbeddingsSettings as EmbeddingsSettings
from latentscape.settings.embeddings import Pooling as Pooling
from latentscape.settings.emotion import EmotionConfig as EmotionConfig
from latentscape.settings.emotion import RunLabel as RunLabel
from latentscape.settings.emotion import SpeechStyle as SpeechStyle
from latentscape.settings.emotion import describe_architecture as describe_architecture
from latentscape.settings.emotion import known_speech_checkpoint as known_speech_checkpoint
from latentscape.settings.emotion import read_run_label as read_run_label
from latentscape.settings.emotion import run_folder as run_folder
from latentscape.settings.latents import EMBED_AUDIO as EMBED_AUDIO
from latentscape.settings.latents import EMBED_IMAGES as EMBED_IMAGES
from latentscape.settings.latents import LatentsSettings as LatentsSettings
from latentscape.settings.map import MapSettings as MapSettings
from latentscape.settings.map import Metric as Metric
from latentscape.settings.map import Quality as Quality
from latentscape.settings.map import Start as Start
from latentscape.settings.readiness import ReadinessConfig as ReadinessConfig
from latentscape.settings.retriever import RetrieverConfig as RetrieverConfig
from latentscape.settings.retriever import RetrieverStyle as RetrieverStyle
