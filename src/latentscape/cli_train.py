"""The commands that train a small model; nothing heavy is imported before one runs."""

from pathlib import Path

from cyclopts import App

from latentscape.settings import Device, EmotionConfig, RetrieverConfig, load_config
from latentscape.talk import TALK, TalkOptions

train = App(name="train", help="Train a small model of the kind the studies look at.")


@train.command
def emotion(*, config: Path, device: Device = "auto", talk: TalkOptions = TALK) -> None:
    """Train a speech-emotion classifier; the checkpoint goes where `latents` looks for it.

    Example: latentscape train emotion --config configs/emotion-real.yml

    Parameters
    ----------
    config
        The YAML config; its `logging` section says where the checkpoint goes.
    device
        Where to compute.
    """
    checked = load_config(config, EmotionConfig)
    from latentscape.demo.train_emotion import train_emotion  # noqa: PLC0415  torch takes seconds

    print(train_emotion(checked, device=device, progress=talk.progress))  # noqa: T201


@train.command
def retriever(*, config: Path, device: Device = "auto", talk: TalkOptions = TALK) -> None:
    """Train a text retriever: an encoder and a projection head.

    Example: latentscape train retriever --config configs/retriever-real.yml

    Parameters
    ----------
    config
        The YAML config; its `output` says where the checkpoints go.
    device
        Where to compute.
    """
    checked = load_config(config, RetrieverConfig)
    from latentscape.demo.train_retriever import train_retriever  # noqa: PLC0415  as above

    print(train_retriever(checked, device=device, progress=talk.progress))  # noqa: T201
