"""Checkpoints and model folders that can't be used, or that want to run code: a canary file tells whether they did."""

import copy
import json
import os
import shutil
import struct
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from chaos.gauntlet.case import Case, Place
from chaos.gauntlet.words import MAPLESS, Writer, study_pairs, study_speech

HTML = b"<!DOCTYPE html><html>404</html>"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"


class Canary:
    """Pickles to a call that leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


# -- ways to write them ----------------------------------------------------------------------------------------------


def _bytes(name: str, content: bytes, *, speech: bool = False) -> Writer:
    def write(place: Place) -> list[object]:
        path = place.folder / name
        path.write_bytes(content)
        return study_speech(place, checkpoint=path) if speech else study_pairs(place, checkpoint=path)

    return write


def _saved(change: Callable[[dict[str, Any], Place], object], *, legacy: bool = False) -> Writer:
    """The good classifier, loaded, changed and saved again."""

    def write(place: Place) -> list[object]:
        import torch

        saved = copy.deepcopy(torch.load(place.speech_checkpoint, weights_only=True))
        change(saved, place)
        torch.save(saved, place.folder / "c.pt", _use_new_zipfile_serialization=not legacy)
        return study_speech(place, *MAPLESS, checkpoint=place.folder / "c.pt")

    return write


def _retriever(change: Callable[[dict[str, Any], Path], object]) -> Writer:
    """The good retriever beside a copy of its base encoder; either is changed."""

    def write(place: Place) -> list[object]:
        import torch

        base = place.folder / "base_model"
        shutil.copytree(place.retriever.parent / "base_model", base)
        saved: Any = torch.load(place.retriever, weights_only=True)
        change(saved, base)
        torch.save(saved, place.folder / "c.pt")
        return study_pairs(place, "--max-samples", "5", *MAPLESS, checkpoint=place.folder / "c.pt")

    return write


def _cut(place: Place) -> list[object]:
    content = place.retriever.read_bytes()
    (place.folder / "c.pt").write_bytes(content[: len(content) // 2])
    return study_pairs(place, checkpoint=place.folder / "c.pt")


def _header(header: Mapping[str, Any] | None, *, length: int | None = None, data: int = 0) -> bytes:
    """A safetensors file with this header, and as many bytes of data."""
    text = json.dumps(header or {}).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + bytes(data)


def _tensor(start: int, end: int, *shape: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [start, end]}


OVERLAP = _header({"a": _tensor(0, 8, 2), "b": _tensor(4, 12, 2)}, data=12)


def _exported(place: Place) -> list[object]:
    """What `torch.export.save` writes, as far as names go."""
    with zipfile.ZipFile(place.folder / "c.pt2", "w") as archive:
        archive.writestr("archive_format", "pt2")
        archive.writestr("models/model.json", "{}")
        archive.writestr("serialized_exported_program.json", "{}")
    return study_pairs(place, checkpoint=place.folder / "c.pt2")


def _script(place: Place) -> list[object]:
    import torch

    class Twice(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return x + x

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # files of this kind will be there for long
        torch.jit.trace(Twice(), torch.zeros(1)).save(str(place.folder / "c.pt"))
    return study_pairs(place, checkpoint=place.folder / "c.pt")


def _folder(files: Mapping[str, object], *, base: bool = False) -> Writer:
    """A model folder of these files, changed from a good base encoder where `base`."""

    def write(place: Place) -> list[object]:
        folder = place.folder / "model"
        if base:
            shutil.copytree(place.retriever.parent / "base_model", folder)
        folder.mkdir(exist_ok=True)
        canary = f"open({str(place.folder / 'canary')!r}, 'w')\n"
        for name, content in files.items():
            path = folder / name
            known = json.loads(path.read_text()) if base and path.suffix == ".json" and path.is_file() else {}
            text = content if isinstance(content, str) else json.dumps(
                {**known, **content} if isinstance(content, dict) else content
            )  # fmt: skip
            path.write_text(text.replace("CANARY", canary))
        return ["embeddings", "--base-model", folder, "--data", place.pairs, "--max-samples", "5", *MAPLESS]

    return write


def _lose_shard(place: Place) -> list[object]:
    folder = place.folder / "model"
    shutil.copytree(place.retriever.parent / "base_model", folder)
    for path in [*folder.glob("*.safetensors"), *folder.glob("*.bin")]:
        path.unlink()
    index = {"metadata": {}, "weight_map": {"embeddings.word_embeddings.weight": "model-00001-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return ["embeddings", "--base-model", folder, "--data", place.pairs, "--max-samples", "5", *MAPLESS]


def _adapter(place: Place) -> list[object]:
    """LoRA matrices for a base twice as wide as the one they lie on."""
    import torch
    from safetensors.torch import save_file

    shutil.copytree(place.retriever.parent / "base_model", place.folder / "base_model")
    adapter = place.folder / "adapter"
    adapter.mkdir()
    told = {
        "peft_type": "LORA", "r": 4, "lora_alpha": 8, "target_modules": ["query"], "bias": "none",
        "base_model_name_or_path": str(place.folder / "base_model"), "task_type": "FEATURE_EXTRACTION",
    }  # fmt: skip
    (adapter / "adapter_config.json").write_text(json.dumps(told))
    name = "base_model.model.encoder.layer.0.attention.self.query.lora_{}.weight"
    torch.manual_seed(0)
    tensors = {name.format("A"): torch.randn(4, 64), name.format("B"): torch.randn(64, 4)}
    save_file(tensors, adapter / "adapter_model.safetensors")
    return study_pairs(place, "--max-samples", "5", checkpoint=adapter, data=None)


def _other(place: Place) -> list[object]:
    return study_pairs(place, checkpoint=place.speech_checkpoint)


def _other_way(place: Place) -> list[object]:
    return study_speech(place, checkpoint=place.retriever)


# -- changes ---------------------------------------------------------------------------------------------------------


def _wrap(saved: dict[str, Any], _: Place) -> None:
    state = {f"_orig_mod.module.{name}": tensor for name, tensor in saved.pop("model_state").items()}
    saved["state_dict"] = state


def _fill(number: float) -> Callable[[dict[str, Any], Place], None]:
    def change(saved: dict[str, Any], _: Place) -> None:
        for tensor in saved["model_state"].values():
            if tensor.is_floating_point():
                tensor.fill_(number)

    return change


def _reshape(saved: dict[str, Any], _: Place) -> None:
    import torch

    saved["model_state"]["classifier.mlp.3.bias"] = torch.zeros(9)


def _claim(**settings: Any) -> Callable[[dict[str, Any], Place], None]:
    return lambda saved, _: saved["architecture"].update(settings)


def _claim_encoder(**settings: Any) -> Callable[[dict[str, Any], Place], None]:
    return lambda saved, _: saved["architecture"]["encoder_config"].update(settings)


def _fill_head(number: float) -> Callable[[dict[str, Any], Path], None]:
    return lambda saved, _: saved["model_state_dict"]["head.linear.weight"].fill_(number)


def _tell_encoder(**settings: Any) -> Callable[[dict[str, Any], Path], None]:
    return lambda saved, _: saved.update(config={"encoder_config": {"model_type": "xlm-roberta", **settings}})


# -- the table -------------------------------------------------------------------------------------------------------


def _case(name: str, write: Writer, fault: str, *told: str, listed: str = "") -> Case:
    code = 5 if fault.startswith("code") else 3 if fault.startswith("data") else 4
    return Case(name=name, group="model", write=write, code=code, fault=fault, told=told, listed=listed)


FILES = [
    _case("empty-checkpoint", _bytes("c.pt", b""), "checkpoint-kind", "c.pt", "empty", listed="model 1"),
    _case("empty-checkpoint-of-speech", _bytes("c.pt", b"", speech=True), "checkpoint-kind", "c.pt", listed="model 1"),
    _case("cut-checkpoint", _cut, "checkpoint-broken", "c.pt", "again", listed="model 2"),
    _case("zip-head-only", _bytes("c.pt", b"PK\x03\x04" + bytes(100)), "checkpoint-broken", "c.pt", "torn"),
    _case("web-page-as-safetensors", _bytes("c.safetensors", HTML), "checkpoint-kind", "web page", listed="model 3"),
    _case("lfs-pointer-as-checkpoint", _bytes("c.pt", LFS), "checkpoint-kind", "git lfs pull", listed="model 4"),
    _case("text-as-checkpoint", _bytes("c.pt", b"hello"), "checkpoint-kind", "not a checkpoint"),
    _case("exported-program", _exported, "code-program", "c.pt2", listed="model 8"),
    _case("torchscript", _script, "code-program", "c.pt", "TorchScript"),
    _case(
        "safetensors-header-of-2-to-63", _bytes("c.safetensors", struct.pack("<Q", 2**63) + b"{"), "checkpoint-broken",
        "c.safetensors", listed="model 9",
    ),
    _case(
        "safetensors-overlap", _bytes("c.safetensors", OVERLAP),
        "checkpoint-broken", "c.safetensors", listed="model 10",
    ),
    _case(
        "safetensors-shape-overflow", _bytes("c.safetensors", _header({"a": _tensor(0, 4, 2**40, 2**40)}, data=4)),
        "checkpoint-broken", "c.safetensors", listed="model 11",
    ),
    _case(
        "safetensors-cut", _bytes("c.safetensors", _header({"a": _tensor(0, 4000, 1000)}, data=40)),
        "checkpoint-broken", "c.safetensors",
    ),
    _case("shard-absent", _lose_shard, "model-folder", "model-00001-of-00002.safetensors", listed="model 12"),
    _case("checkpoint-of-speech-for-texts", _other, "checkpoint-other", "a speech-emotion classifier"),
    _case("checkpoint-of-texts-for-speech", _other_way, "checkpoint-other", "a retriever"),
]  # fmt: skip

CODE = [
    _case(
        "pickle-canary", _saved(lambda saved, place: saved["model_state"].update(x=Canary(place.folder / "canary"))),
        "code-pickle", "c.pt", "system", "safetensors", listed="model 5",
    ),
    _case(
        "legacy-canary",
        _saved(lambda saved, place: saved["model_state"].update(x=Canary(place.folder / "canary")), legacy=True),
        "code-pickle", "c.pt", "system", listed="model 6",
    ),
    _case(
        "canary-in-the-optimizer", _saved(lambda saved, place: saved.update(optimizer=Canary(place.folder / "canary"))),
        "code-pickle", "c.pt", "system", listed="model 7",
    ),
    _case(
        "auto-map-in-a-folder",
        _folder({"config.json": {"auto_map": {"AutoModel": "evil.Model"}}, "evil.py": "CANARY"}, base=True),
        "code-model", "auto_map", listed="model 18",
    ),
    _case(
        "module-of-somebody-elses",
        _folder({"modules.json": [{"idx": 0, "name": "0", "path": "", "type": "evil.Model"}], "evil.py": "CANARY"}),
        "code-model", "evil.Model", listed="model 19",
    ),
    _case(
        "trust-switched-on", _folder({"config.json": {"trust_remote_code": True}}, base=True), "code-switch",
        "trust_remote_code",
    ),
]  # fmt: skip

WEIGHTS = [
    Case(
        name="wrapped-twice", group="model", write=_saved(_wrap), code=0, told=("100",), listed="model 13",
    ),
    _case(
        "tensor-missing", _saved(lambda saved, _: saved["model_state"].pop("classifier.attn.weight")), "weights-misfit",
        "classifier.attn.weight", listed="model 14",
    ),
    _case("tensor-reshaped", _saved(_reshape), "weights-misfit", "classifier.mlp.3.bias", listed="model 15"),
    _case("weights-all-nan", _saved(_fill(float("nan"))), "weights-values", "not finite", listed="model 16"),
    _case("adapter-on-the-wrong-base", _adapter, "adapter-misfit", "query", listed="model 17"),
    _case("head-of-nan", _retriever(_fill_head(float("nan"))), "weights-values", "not finite"),
    _case("head-of-zeros", _retriever(_fill_head(0.0)), "answers-values", "vector of zeros"),
    _case("head-that-overflows", _retriever(_fill_head(3e38)), "answers-values", "checkpoint"),
]  # fmt: skip

CLAIMS = [
    _case(f"classifier-{name}", _saved(change), fault, told)
    for name, change, fault, told in (
        ("with-five-classes", _claim(num_classes=5), "checkpoint-other", "5 classes"),
        ("with-classes-as-text", _claim(num_classes="8"), "checkpoint-broken", "`num_classes`"),
        ("of-no-width", _claim(hidden_dim=None), "checkpoint-broken", "`hidden_dim`"),
        ("of-less-than-no-width", _claim(hidden_dim=-1), "checkpoint-broken", "`hidden_dim`"),
        ("of-absurd-width", _claim(hidden_dim=10**9), "checkpoint-broken", "absurd"),
        ("with-a-dropout-of-nan", _claim(dropout=float("nan")), "checkpoint-broken", "`dropout`"),
        ("with-layers-as-truth", _claim(mlp_layers=True), "checkpoint-broken", "`mlp_layers`"),
        ("with-a-list-as-encoder", _claim(encoder_config=[1]), "checkpoint-broken", "`encoder_config`"),
        ("with-a-width-as-text", _claim_encoder(hidden_size="x"), "checkpoint-broken", "TypeError"),
        ("with-one-kernel-for-two", _claim_encoder(conv_kernel=[400]), "checkpoint-broken", "conv_kernel"),
        ("with-heads-that-do-not-divide", _claim_encoder(num_attention_heads=5), "checkpoint-broken", "num_heads"),
        ("with-a-key-misspelled", _claim(hiden_dim=16), "checkpoint-broken", "did you mean `hidden_dim`"),
        ("with-an-unknown-activation", _claim_encoder(hidden_act="zelu"), "checkpoint-other", "zelu"),
        ("with-a-stride-of-zero", _claim_encoder(conv_stride=[0, 0]), "checkpoint-broken", "conv_stride"),
        ("of-a-million-layers", _claim_encoder(num_hidden_layers=10**6), "checkpoint-broken", "absurd"),
    )
] + [
    _case(f"retriever-{name}", _retriever(change), fault, told)
    for name, change, fault, told in (
        ("of-absurd-width", lambda saved, _: saved.update(config={"d_out": 10**11}), "checkpoint-broken", "absurd"),
        ("with-a-base-far-away", lambda saved, _: saved.update(base_model="../../../etc/none"), "model-missing",
         "../../../etc/none"),
        ("without-base", lambda saved, _: saved.pop("base_model"), "model-missing", "--base-model"),
        ("with-no-heads", _tell_encoder(num_attention_heads=0), "model-folder", "ZeroDivisionError"),
        ("with-a-width-as-text", _tell_encoder(hidden_size="x"), "model-folder", "hidden_size"),
        ("of-a-million-layers", _tell_encoder(num_hidden_layers=10**6), "checkpoint-broken", "absurd"),
        ("without-tokenizer", lambda _, base: (base / "tokenizer.json").unlink(), "model-folder", "no tokenizer"),
        ("with-a-torn-tokenizer", lambda _, base: (base / "tokenizer.json").write_text("{"), "model-folder",
         "tokenizer"),
        ("without-config", lambda _, base: (base / "config.json").unlink(), "model-folder", "config.json"),
        ("with-a-list-as-config", lambda _, base: (base / "config.json").write_text("[]"), "model-folder",
         "config.json"),
        ("that-switches-trust-on", lambda _, base: (base / "config.json").write_text('{"trust_remote_code": true}'),
         "code-switch", "trust_remote_code"),
    )
]  # fmt: skip

PLACES = [
    _case("checkpoint-not-there", lambda place: study_pairs(place, checkpoint=Path("none.pt")), "checkpoint-missing",
          "none.pt", "--checkpoint"),
    _case("empty-folder-as-model", lambda place: study_pairs(place, checkpoint=place.folder), "model-folder",
          "config.json"),
    _case("checkpoint-with-a-name-too-long", lambda place: study_pairs(place, checkpoint=Path("x" * 300)),
          "checkpoint-missing", "xxx"),
]  # fmt: skip

CASES: list[Case] = [*FILES, *CODE, *WEIGHTS, *CLAIMS, *PLACES]
