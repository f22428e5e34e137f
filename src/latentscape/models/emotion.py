"""The speech-emotion model: encoder, optional extra layers, attention pooling, MLP, and a domain head to unlearn."""

import dataclasses
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from latentscape.checkpoint import Checkpoint, WeightReceipt, load_weights
from latentscape.errors import DataError, ModelError, UsageError
from latentscape.models.architecture import EmotionArchitecture
from latentscape.models.choosing import choose_weights
from latentscape.models.heads import EmotionHead, make_mlp, reverse_gradient
from latentscape.models.inference import resolve_architecture
from latentscape.models.kinds import wrong_model
from latentscape.models.loading import load_body, read_folder_tensors
from latentscape.models.naming import rename_torchaudio
from latentscape.models.sizes import build_checked, explain_misfits
from latentscape.models.speech_encoders import build_speech_encoder, describe_geometry, open_speech_encoder

__all__ = [
    "EmotionArchitecture",
    "EmotionClassifier",
    "build_emotion_classifier",
    "freeze_encoder",
    "load_emotion_classifier",
    "rename_torchaudio",
]

_PARTS = ("encoder.", "classifier.", "extra_encoder.", "domain_classifier.")
_SIDE_BRANCHES = ("domain_classifier.", "encoder.masked_spec_embed")
_SECOND_LINEAR = re.compile(r"^classifier\.mlp\.2\.")
"""Without a dropout between them the second linear layer's number is 2."""


class EmotionClassifier(nn.Module):
    """Waveforms in, emotion logits out. Padding after a clip's end never reaches its logits (layer-norm encoders)."""

    LAYERS: Mapping[str, str] = {
        "cnn": "encoder.feature_extractor",
        "encoder": "encoder_states",
        "mlp": "classifier.mlp.1",
        "logits": "classifier.mlp",
    }
    """Public layer names and the modules that make them, for a two-layer MLP; see `layers`."""

    def __init__(self, encoder: nn.Module, architecture: EmotionArchitecture) -> None:
        super().__init__()
        self.architecture = dataclasses.replace(architecture, encoder_config=describe_geometry(encoder.config))  # pyright: ignore[reportArgumentType]
        self.encoder = encoder
        width = int(encoder.config.hidden_size)  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
        # The encoder answers with a record of several things; this names its last hidden state as a plain tensor.
        self.encoder_states = nn.Identity()
        self.extra_encoder = _make_extra_encoder(encoder, architecture) if architecture.extra_layers else None
        self.classifier = EmotionHead(
            width,
            hidden_dim=architecture.hidden_dim,
            num_classes=architecture.num_classes,
            mlp_layers=architecture.mlp_layers,
            dropout=architecture.dropout,
        )
        self.domain_classifier = None
        if architecture.has_domain_head:
            hidden, domains = architecture.hidden_dim, architecture.num_domains
            self.domain_classifier = make_mlp(width, hidden, domains, dropout=architecture.dropout)

    @property
    def layers(self) -> dict[str, str]:
        """Public layer name -> module path. cnn [batch, channel, frame], encoder [batch, frame, feature], mlp (the
        hidden activation; with a one-layer MLP the pooled vector it reads) and logits [batch, feature]."""
        single = self.architecture.mlp_layers == 1
        return {**self.LAYERS, **({"mlp": "classifier.attn"} if single else {})}

    @property
    def frame_axes(self) -> dict[str, int]:
        """Which axis counts frames, for the layers that have frames."""
        return {"cnn": 2, "encoder": 1}

    def forward(
        self, waveforms: Float[Tensor, "batch *channel time"], lengths: Int[Tensor, " batch"]
    ) -> Float[Tensor, "batch class"]:
        """Emotion logits of mono waveforms ([batch, time] or [batch, 1, time]) with `lengths` samples each."""
        return self._read(waveforms, lengths)[0]

    def classify(
        self, waveforms: Float[Tensor, "batch *channel time"], lengths: Int[Tensor, " batch"]
    ) -> tuple[Float[Tensor, "batch class"], Float[Tensor, "batch domain"] | None]:
        """Emotion logits and, where there is a domain head, domain logits whose gradient comes back reversed."""
        logits, pooled = self._read(waveforms, lengths)
        if self.domain_classifier is None:
            return logits, None
        return logits, self.domain_classifier(reverse_gradient(pooled, self.architecture.grl_lambda))

    def valid_frames(self, lengths: Int[Tensor, " batch"]) -> Int[Tensor, " batch"]:
        """How many frames depend on nothing but real audio, for clips of `lengths` samples; 0 if too short for one."""
        frames = lengths
        for kernel, stride in self._conv_geometry():
            frames = torch.div(frames - kernel, stride, rounding_mode="floor") + 1
        return frames.clamp(min=0)

    @property
    def min_samples(self) -> int:
        """The shortest clip that gives a frame."""
        samples = 1
        for kernel, stride in reversed(self._conv_geometry()):
            samples = (samples - 1) * stride + kernel
        return samples

    def _conv_geometry(self) -> list[tuple[int, int]]:
        config: Any = self.encoder.config
        return list(zip(config.conv_kernel, config.conv_stride, strict=True))

    def _read(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and the pooled vector."""
        samples = waveforms.squeeze(1) if waveforms.ndim == 3 else waveforms
        frames = self._check_lengths(samples, lengths)
        inside = _up_to(lengths, samples.shape[1])
        states = self.encoder_states(_encode(self.encoder, samples, inside))
        valid = _up_to(frames, states.shape[1])
        if self.extra_encoder is not None:
            states = self.extra_encoder(states, src_key_padding_mask=~valid)
        return self.classifier(states, valid)

    def _check_lengths(self, samples: Tensor, lengths: Tensor) -> Tensor:
        """Frames of each clip. Raises DataError for a clip too short for one frame or longer than its row."""
        if samples.ndim != 2 or int(lengths.max()) > samples.shape[1]:
            raise DataError(
                "waveforms and lengths do not fit",
                got=f"waveforms {tuple(samples.shape)}, lengths {lengths.tolist()}",
                hint="give one length for each row, none longer than the row",
            )
        if int(lengths.min()) < self.min_samples:
            raise DataError(
                "a clip is too short for the encoder",
                got=f"{int(lengths.min())} samples",
                expected=f"at least {self.min_samples}",
                hint="leave out clips that hold hardly any sound",
                fault="audio-short",
            )
        return self.valid_frames(lengths)


def _up_to(counts: Int[Tensor, " batch"], size: int) -> Bool[Tensor, "batch size"]:
    """True at the first `counts[i]` places of row i."""
    return torch.arange(size, device=counts.device) < counts.unsqueeze(1)


def _encode(encoder: nn.Module, samples: Tensor, inside: Tensor) -> Tensor:
    """The encoder's last hidden state, padding masked out."""
    with warnings.catch_warnings():
        # WavLM hands torch a boolean padding mask beside a float position bias; torch adds them up right, and says so.
        warnings.filterwarnings("ignore", message="Support for mismatched key_padding_mask", category=UserWarning)
        return encoder(samples, attention_mask=inside.long()).last_hidden_state


def _rectify(values: Tensor) -> Tensor:
    """ReLU under a name torch does not know: its fused inference path, which skips hooks, needs a ReLU it knows."""
    return torch.relu(values)


def _make_extra_encoder(encoder: nn.Module, architecture: EmotionArchitecture) -> nn.TransformerEncoder:
    config: Any = encoder.config
    layer = nn.TransformerEncoderLayer(
        config.hidden_size,
        config.num_attention_heads,
        dim_feedforward=architecture.extra_feedforward_dim or config.intermediate_size,
        dropout=architecture.dropout,
        activation=_rectify,
        batch_first=True,
    )
    return nn.TransformerEncoder(layer, architecture.extra_layers, enable_nested_tensor=False)


def build_emotion_classifier(architecture: EmotionArchitecture, *, pretrained: bool) -> EmotionClassifier:
    """A model of that architecture, with the encoder's published weights or with fresh random ones.

    `pretrained` reads the encoder from a local folder or the hub (ModelError where it can't be had); otherwise
    `encoder_name` only says which kind of encoder to build, by its own name or by a local folder's config.
    """
    config, folder = open_speech_encoder(
        architecture.encoder_name, architecture.encoder_config or {}, weights=pretrained
    )
    model = EmotionClassifier(build_speech_encoder(config), architecture)
    if pretrained and folder is not None:
        tensors, _ = read_folder_tensors(folder)
        load_body(model.encoder, tensors, source=str(folder))
    freeze_encoder(model)
    return model


def freeze_encoder(model: EmotionClassifier) -> None:
    """Apply the architecture's `freeze_encoder` and `unfreeze_last_n_layers`: what is frozen takes no gradient."""
    if not model.architecture.freeze_encoder:
        return
    encoder: Any = model.encoder
    encoder.requires_grad_(False)
    encoder.feature_extractor._freeze_parameters()  # else it asks for the gradient of its input
    count = model.architecture.unfreeze_last_n_layers
    for layer in list(encoder.encoder.layers)[-count:] if count else []:
        layer.requires_grad_(True)


def load_emotion_classifier(
    checkpoint: Checkpoint, declared: EmotionArchitecture | None, *, allow_missing: Sequence[str] = ()
) -> tuple[EmotionClassifier, WeightReceipt]:
    """The model of a checkpoint in either naming, ready to look at, and the proof that its weights arrived.

    The architecture comes from the file (what was saved beside the weights, then the tensors' shapes); `declared`
    fills what the file does not tell. The domain head is a side branch: no looked-at layer can feel it. Raises
    ModelError for another model's checkpoint, for a contradiction with `declared`, and for any tensor that is
    missing, unexpected or of another shape.
    """
    source = str(checkpoint.path)
    chosen = choose_weights(checkpoint, roots=_PARTS, anchors=("classifier.attn.weight",))
    if chosen is None or not any(name.startswith("classifier.") for name in chosen.tensors):
        names = chosen.tensors if chosen else next(iter(checkpoint.states.values()))
        raise wrong_model(source, names, expected="a speech-emotion classifier (`encoder.*`, `classifier.*`)")
    tensors = {
        _SECOND_LINEAR.sub("classifier.mlp.3.", name): t for name, t in rename_torchaudio(chosen.tensors).items()
    }
    try:
        with explain_misfits(source):
            architecture = resolve_architecture(tensors, checkpoint.metadata, declared)
        model = _build_empty(architecture, tensors, source)
    except UsageError as error:
        if not checkpoint.metadata.keys() & {"architecture", "config"}:
            raise
        # What the file says of itself was wrong, not what the user typed.
        hint = error.hint or "get the file again, or another checkpoint"
        raise ModelError(
            f"{source}: {error.what}", got=error.got, expected=error.expected, hint=hint, fault="checkpoint-broken"
        ) from error
    receipt = load_weights(model, tensors, source=source, side_branches=_SIDE_BRANCHES, allow_missing=allow_missing)
    return model.eval(), chosen.stamp(receipt)


def _build_empty(architecture: EmotionArchitecture, tensors: Mapping[str, Tensor], source: str) -> EmotionClassifier:
    with torch.random.fork_rng(devices=[]):
        # Only what the user allows to be missing keeps these first values: let them be the same every time.
        torch.manual_seed(0)
        return build_checked(
            lambda: build_emotion_classifier(architecture, pretrained=False),
            architecture.encoder_config or {},
            tensors=tensors,
            source=source,
        )
