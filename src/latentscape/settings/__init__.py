"""Every choice, its default and its meaning; read from YAML and checked before anything heavy is imported."""

from latentscape.settings.attributes import AttributesConfig as AttributesConfig
from latentscape.settings.commands import EMBED_AUDIO as EMBED_AUDIO
from latentscape.settings.commands import Device as Device
from latentscape.settings.commands import EmbeddingsSettings as EmbeddingsSettings
from latentscape.settings.commands import LatentsSettings as LatentsSettings
from latentscape.settings.commands import MapSettings as MapSettings
from latentscape.settings.commands import Metric as Metric
from latentscape.settings.commands import Quality as Quality
from latentscape.settings.commands import Start as Start
from latentscape.settings.commands import most_failures as most_failures
from latentscape.settings.commands import record_settings as record_settings
from latentscape.settings.compare import CompareSettings as CompareSettings
from latentscape.settings.config_file import load_config as load_config
from latentscape.settings.early import check_configs as check_configs
from latentscape.settings.emotion import EmotionConfig as EmotionConfig
from latentscape.settings.emotion import RunLabel as RunLabel
from latentscape.settings.emotion import SpeechStyle as SpeechStyle
from latentscape.settings.emotion import describe_architecture as describe_architecture
from latentscape.settings.emotion import known_speech_checkpoint as known_speech_checkpoint
from latentscape.settings.emotion import read_run_label as read_run_label
from latentscape.settings.emotion import run_folder as run_folder
from latentscape.settings.readiness import ReadinessConfig as ReadinessConfig
from latentscape.settings.retriever import RetrieverConfig as RetrieverConfig
from latentscape.settings.retriever import RetrieverStyle as RetrieverStyle
