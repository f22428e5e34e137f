"""Model folders that want to run code, or to make a library fetch it."""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Change = Callable[[Path], object]
"""Makes a good folder hostile, in place."""
EVIL = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model", "AutoTokenizer": ["evil.Slow", "evil.Fast"]}
SWITCH = {"trust_remote_code": True}


def change(name: str, /, **values: Any) -> Change:
    """Put these values into a JSON file of the folder, which is made where there is none."""

    def apply(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        known = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**known, **values}))

    return apply


def modules(*chain: tuple[str, str]) -> Change:
    """Another list of modules: type and path each."""
    rows = [
        {"idx": number, "name": str(number), "type": kind, "path": path} for number, (kind, path) in enumerate(chain)
    ]
    return lambda folder: (folder / "modules.json").write_text(json.dumps(rows))


def both(*changes: Change) -> Change:
    """One after the other."""

    def apply(folder: Path) -> None:
        for one in changes:
            one(folder)

    return apply


def replace(name: str, *, link: str = "") -> Change:
    """A pipe, or a link to a device, in the place of a file."""

    def apply(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        if link:
            (folder / name).symlink_to(link)
        else:
            os.mkfifo(folder / name)

    return apply


def plant(folder: Path, canary: Path) -> None:
    """Python files under every name that something might import, each of which makes the canary."""
    code = f"open({str(canary)!r}, 'w').close()\nclass Model:\n    pass\nConfig = Slow = Fast = Own = Model\n"
    names = "evil", "modeling_evil", "configuration_evil", "tokenization_evil", "hubconf", "setup", "conftest"
    names += "sitecustomize", "usercustomize", "__init__", "handler", "canary_module", "planted", "model"
    for name in names:
        (folder / f"{name}.py").write_text(code)
    (folder / "custom_generate").mkdir(exist_ok=True)
    (folder / "custom_generate" / "generate.py").write_text(code)
    (folder / "evil.pth").write_text(f"import os; os.system('touch {canary}')\n")


def make_sentence_transformer(base: Path, folder: Path) -> None:
    """A good sentence-transformers directory around a base encoder."""
    shutil.copytree(base, folder)
    kind = "sentence_transformers.models."
    modules((kind + "Transformer", ""), (kind + "Pooling", "1_Pooling"))(folder)
    width = json.loads((base / "config.json").read_text())["hidden_size"]
    change("1_Pooling/config.json", word_embedding_dimension=width, pooling_mode_mean_tokens=True)(folder)
    change("sentence_bert_config.json", max_seq_length=32, do_lower_case=False)(folder)


REFUSED_EVERYWHERE: Mapping[str, tuple[Change, str]] = {
    "auto-map-of-a-known-type": (change("config.json", auto_map=EVIL), "code-model"),
    "auto-map": (change("config.json", model_type="evil", auto_map=EVIL), "code-model"),
    "auto-map-with-borrowed-tokenizer": (
        change("config.json", model_type="evil", auto_map=EVIL, tokenizer_class="BertTokenizer"),
        "code-model",
    ),
    "auto-map-below": (change("config.json", text_config={"model_type": "evil", "auto_map": EVIL}), "code-model"),
    "auto-map-in-a-list": (change("config.json", parts=[{"deep": [{"auto_map": EVIL}]}]), "code-model"),
    "switch": (change("config.json", **SWITCH), "code-switch"),
    "switch-below": (change("config.json", text_config=SWITCH), "code-switch"),
    "switch-in-a-list": (change("config.json", a=[{"b": [[{"c": SWITCH}]]}]), "code-switch"),
    "switch-as-a-word": (change("config.json", trust_remote_code="yes"), "code-switch"),
    "switch-in-generation": (change("generation_config.json", **SWITCH), "code-switch"),
    "switch-in-tokenizer": (change("tokenizer_config.json", **SWITCH), "code-switch"),
    "switch-in-processor": (change("processor_config.json", a=SWITCH), "code-switch"),
    "tokenizer": (change("tokenizer_config.json", tokenizer_class="Own", auto_map=EVIL), "code-model"),
    "tokenizer-named-as-a-module": (
        change("tokenizer_config.json", tokenizer_class="pipelines", auto_map=EVIL),
        "code-model",
    ),
    "processor": (change("processor_config.json", processor_class="Own", auto_map=EVIL), "code-model"),
    "preprocessor": (change("preprocessor_config.json", auto_map={"AutoFeatureExtractor": "evil.Own"}), "code-model"),
    "video-preprocessor": (change("video_preprocessor_config.json", auto_map={"AutoX": "evil.Own"}), "code-model"),
    "attention": (change("config.json", _attn_implementation="somebody/evil-kernel"), "code-model"),
    "attention-by-part": (change("config.json", attn_implementation={"text": "somebody/evil:run"}), "code-model"),
    "experts": (change("config.json", experts_implementation="somebody/evil"), "code-model"),
    "second-model": (change("config.json", backbone="somebody/evil", use_pretrained_backbone=True), "model-folder"),
    "second-library": (change("config.json", backbone="evil", use_timm_backbone=True), "model-folder"),
    "other-repository": (
        change("config.json", model_type="evil", auto_map={"AutoModel": "somebody/evil--evil.Model"}),
        "code-model",
    ),
    "pipe-as-config": (replace("config.json"), "model-folder"),
    "pipe-as-tokenizer-config": (replace("tokenizer_config.json"), "model-folder"),
    "pipe-as-template": (replace("chat_template.jinja"), "model-folder"),
    "device-as-words": (replace("tokenizer.json", link="/dev/zero"), "model-folder"),
    "deep-config": (
        lambda folder: (folder / "config.json").write_text('{"a":' * 900 + "1" + "}" * 900),
        "model-folder",
    ),
    "deeper-config": (lambda folder: (folder / "config.json").write_text("[" * 100_000), "model-folder"),
}
"""Name -> the change and the id of the refusal, whatever kind of folder it is."""

TEMPLATE = "{{ ''.__class__.__mro__[1].__subclasses__() }}{{ cycler.__init__.__globals__.os.system('touch CANARY') }}"
HARMLESS: Mapping[str, Change] = {
    "python-files": lambda _: None,
    "unused-auto-map-of-words": change("tokenizer_config.json", auto_map=EVIL),
    "template": lambda folder: (folder / "chat_template.jinja").write_text(
        TEMPLATE.replace("CANARY", str(folder / "canary"))
    ),
    "template-in-tokenizer": change("tokenizer_config.json", chat_template=TEMPLATE),
    "generation": change("generation_config.json", custom_generate="./custom_generate"),
    "pipelines": change("config.json", custom_pipelines={"text": {"impl": "evil.Model", "pt": ["AutoModel"]}}),
}
"""Changes that only a careless reader would follow: the folder opens, and nothing of it runs."""

_CHAIN = "sentence_transformers.models."
REFUSED_CHAINS: Mapping[str, tuple[Change, str]] = {
    "own-module": (modules(("evil.Model", "")), "code-model"),
    "own-second": (modules((_CHAIN + "Transformer", ""), ("evil.Model", "1_Pooling")), "code-model"),
    "own-look-alike": (modules(("sentence_transformers_evil.Model", "")), "code-model"),
    "standard-library": (modules(("os.system", "")), "code-model"),
    "through-the-library": (
        modules((_CHAIN + "Transformer", ""), ("sentence_transformers.util.os.system", "x")),
        "model-folder",
    ),
    "by-string": (
        modules((_CHAIN + "Transformer", ""), ("sentence_transformers.util.import_from_string", "evil")),
        "model-folder",
    ),
    "whole-model-as-module": (modules((_CHAIN + "Transformer", ""), (_CHAIN + "Router", "1")), "model-folder"),
    "words-by-name": (modules((_CHAIN + "WordEmbeddings", "")), "model-folder"),
    "path-above": (modules((_CHAIN + "Transformer", "../.."), (_CHAIN + "Pooling", "1_Pooling")), "code-model"),
    "path-absolute": (modules((_CHAIN + "Transformer", "/tmp"), (_CHAIN + "Pooling", "1")), "code-model"),
    "switch-in-a-module": (change("1_Pooling/config.json", a=[SWITCH]), "code-switch"),
    "switch-in-arguments": (change("sentence_bert_config.json", model_args=SWITCH), "code-switch"),
    "attention-in-arguments": (
        change("sentence_bert_config.json", model_args={"attn_implementation": "somebody/evil"}),
        "code-model",
    ),
    "revision-in-arguments": (
        change("sentence_bert_config.json", model_args={"code_revision": "evil"}),
        "model-folder",
    ),
    "file-in-arguments": (
        change("sentence_bert_config.json", tokenizer_args={"tokenizer_file": "/etc/passwd"}),
        "model-folder",
    ),
    "other-backend": (change("sentence_bert_config.json", backend="onnx"), "model-folder"),
    "other-class": (change("config_sentence_transformers.json", model_type="CrossEncoder"), "model-folder"),
    "quantized": (change("config.json", quantization_config={"quant_method": "evil"}), "model-folder"),
    "adapter": (change("adapter_config.json", base_model_name_or_path="somebody/evil"), "adapter-misfit"),
    "activation": (
        both(
            modules((_CHAIN + "Transformer", ""), (_CHAIN + "Pooling", "1_Pooling"), (_CHAIN + "Dense", "2_Dense")),
            change("2_Dense/config.json", in_features=32, out_features=4, activation_function="evil.Model"),
        ),
        "code-model",
    ),
    "activation-through-torch": (
        both(
            modules((_CHAIN + "Transformer", ""), (_CHAIN + "Pooling", "1_Pooling"), (_CHAIN + "Dense", "2_Dense")),
            change("2_Dense/config.json", in_features=32, out_features=4, activation_function="torch.os.system"),
        ),
        "code-model",
    ),
}
"""What only a sentence-transformers directory has."""
