"""A model folder is looked through before any library opens it, and nothing of it is imported."""

import json
import os

import pytest

from latentscape.errors import ModelError, SafetyError
from latentscape.models.folder_scan import read_json, scan_model_folder
from latentscape.models.loading import clean_config, find_model_folder
from latentscape.models.text_encoders import build_text_encoder

MAP = {"AutoModel": "evil.Model"}


def write(folder, name, values):
    path = folder / name
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(values if isinstance(values, str) else json.dumps(values))


def refused(folder, kind=SafetyError):
    with pytest.raises(kind) as caught:
        scan_model_folder(folder)
    assert caught.value.hint
    return caught.value.fault


@pytest.mark.parametrize(
    ("name", "values", "fault"),
    [
        ("config.json", {"model_type": "evil", "auto_map": MAP}, "code-model"),
        ("config.json", {"model_type": "bert", "auto_map": MAP, "attn_implementation": "sdpa"}, "code-model"),
        ("config.json", {"model_type": "evil", "auto_map": MAP, "tokenizer_class": "BertTokenizer"}, "code-model"),
        ("config.json", {"model_type": "bert", "part": [{"auto_map": MAP}]}, "code-model"),
        ("config.json", {"model_type": ["bert"], "auto_map": MAP}, "code-model"),
        ("tokenizer_config.json", {"tokenizer_class": "Own", "auto_map": MAP}, "code-model"),
        ("tokenizer_config.json", {"tokenizer_class": "pipelines", "auto_map": MAP}, "code-model"),
        ("processor_config.json", {"auto_map": MAP}, "code-model"),
        ("config.json", {"_attn_implementation": "somebody/kernel"}, "code-model"),
        ("config.json", {"attn_implementation": {"": "somebody/kernel:run"}}, "code-model"),
        ("1_Dense/config.json", {"activation_function": "evil.Model"}, None),
        ("2_Dense/config.json", {"activation_function": "torch.os.system"}, "code-model"),
        ("any.json", {"a": [{"trust_remote_code": 1}]}, "code-switch"),
    ],
)
def test_code_that_is_named_or_switched_on(tmp_path, name, values, fault):
    kinds = [("Transformer", ""), ("Dense", "2_Dense")]
    rows = [{"type": f"sentence_transformers.models.{kind}", "path": path} for kind, path in kinds]
    write(tmp_path, "modules.json", rows)
    write(tmp_path, name, values)
    if fault is None:  # a folder that nothing names is not read
        scan_model_folder(tmp_path)
    else:
        assert refused(tmp_path) == fault


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("config.json", {"model_type": "bert", "attn_implementation": "sdpa"}),
        ("config.json", {"model_type": "bert", "auto_map": {}, "trust_remote_code": False}),
        ("tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "auto_map": MAP}),
        ("config.json", {"activation_function": "gelu"}),
        ("notes.json", "{ not closed"),
        ("model.py", "raise SystemExit"),
        ("tokenizer.json", "x"),
    ],
)
def test_what_does_no_harm_is_left_alone(tmp_path, name, values):
    write(tmp_path, name, values)
    scan_model_folder(tmp_path)


def test_pipes_devices_and_depth(tmp_path):
    os.mkfifo(tmp_path / "chat_template.jinja")
    assert refused(tmp_path, ModelError) == "model-folder"
    (tmp_path / "chat_template.jinja").unlink()
    (tmp_path / "tokenizer.json").symlink_to("/dev/zero")
    assert refused(tmp_path, ModelError) == "model-folder"
    (tmp_path / "tokenizer.json").unlink()
    for text in ("[" * 100_000, '{"a":' * 200 + "1" + "}" * 200, "{"):
        write(tmp_path, "config.json", text)
        assert refused(tmp_path, ModelError) == "model-folder"
        with pytest.raises(ModelError):
            read_json(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("kind", "path", "fault"),
    [
        ("evil.Model", "", "code-model"),
        ("sentence_transformers_evil.Model", "", "code-model"),
        ("sentence_transformers.models.Pooling", "../x", "code-model"),
        ("sentence_transformers.models.Pooling", "/x", "code-model"),
        ("sentence_transformers.util.import_from_string", "evil", "model-folder"),
        ("sentence_transformers.util.os.system", "true", "model-folder"),
        ("sentence_transformers.models.Router", "1", "model-folder"),
        ("sentence_transformers.models.WordEmbeddings", "1", "model-folder"),
    ],
)
def test_only_modules_that_build_nothing_by_name(tmp_path, kind, path, fault):
    first = {"type": "sentence_transformers.models.Transformer", "path": ""}
    write(tmp_path, "modules.json", [first, {"type": kind, "path": path}])
    assert refused(tmp_path, (SafetyError, ModelError)) == fault


@pytest.mark.parametrize("key", ["use_pretrained_backbone", "use_timm_backbone"])
def test_a_model_that_fetches_another(tmp_path, key):
    write(tmp_path, "config.json", {"model_type": "detr", key: True})
    assert refused(tmp_path, ModelError) == "model-folder"


def test_every_folder_given_by_name_is_looked_through(tmp_path):
    write(tmp_path, "generation_config.json", {"trust_remote_code": True})
    with pytest.raises(SafetyError):
        find_model_folder(str(tmp_path), option="`--base-model`")


def test_a_config_that_lies_in_a_checkpoint_is_cleaned_as_well():
    """It never was a file in a folder, so nobody looked through it before."""
    for values in ({"model_type": "evil", "auto_map": MAP}, {"model_type": "bert", "_attn_implementation": "a/b"}):
        with pytest.raises(SafetyError):
            build_text_encoder(values, source="x.pt")
    kept = clean_config({"a": {"auto_map": {}, "b": 1}, "quantization_config": {}, "c": [{"auto_map": {}}]}, source="x")
    assert kept == {"a": {"b": 1}, "c": [{}]}
