"""Retrievers in their three containers, and what happens when the base encoder is not what it should be."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, XLMRobertaModel

from latentscape.errors import ModelError, SafetyError
from latentscape.models.retriever import ProjectionHead, Retriever, load_encoder, load_retriever, mean_over_tokens
from latentscape.paths import hash_file

TEXTS = ["phòng trọ quận 10", "cho thuê phòng quận 11 , 25m2 , giá 5 triệu", "phòng", ""]


@pytest.fixture(scope="module")
def folder(make_text_folder):
    return make_text_folder()


@pytest.fixture(scope="module")
def head():
    torch.manual_seed(6)
    head = ProjectionHead(32, 12, use_layernorm=True)
    with torch.no_grad():
        head.ln.weight += 0.1 * torch.randn(12)
        head.ln.bias += 0.1 * torch.randn(12)
    return head


def embed(folder, head, texts=TEXTS):
    """What the format says, one text at a time with no padding, in NumPy from the last hidden state on."""
    tokenizer, encoder = AutoTokenizer.from_pretrained(folder), XLMRobertaModel.from_pretrained(folder).eval()
    rows = []
    for text in texts:
        with torch.inference_mode():
            states = encoder(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].numpy()
        vector = head.linear.weight.detach().numpy() @ states.mean(axis=0)
        if head.ln is not None:
            vector = (vector - vector.mean()) / np.sqrt(vector.var() + 1e-5)
            vector = vector * head.ln.weight.detach().numpy() + head.ln.bias.detach().numpy()
        rows.append(vector / np.linalg.norm(vector))
    return torch.tensor(np.stack(rows))


def run(loaded, texts=TEXTS):
    with torch.inference_mode():
        return loaded.model(**loaded.tokenize(list(texts)))


def state(folder, head, *, encoder=True):
    tensors = {f"head.{name}": tensor for name, tensor in head.state_dict().items()}
    if encoder:
        body = XLMRobertaModel.from_pretrained(folder, add_pooling_layer=False).state_dict()
        tensors |= {f"encoder.{name}": tensor for name, tensor in body.items()}
    return tensors


def write(path, tensors, **beside):
    torch.save({"model_state_dict": tensors, "epoch": 5, "loss": 0.25, "val_loss": 0.5, **beside}, path)
    return path


# -- the model -----------------------------------------------------------------------------------------------------


def test_mean_over_tokens_by_hand():
    states = torch.tensor([[[1.0, 2.0], [3.0, 6.0], [100.0, 100.0]], [[4.0, 4.0], [9.0, 9.0], [9.0, 9.0]]])
    mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    torch.testing.assert_close(mean_over_tokens(states, mask), torch.tensor([[2.0, 4.0], [4.0, 4.0]]))


def test_a_checkpoint_file_gives_the_vectors_of_the_format(folder, head, tmp_path):
    path = write(tmp_path / "best.pt", state(folder, head), base_model=str(folder))
    loaded = load_retriever(path)
    torch.testing.assert_close(run(loaded), embed(folder, head), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(run(loaded).norm(dim=1), torch.ones(len(TEXTS)))
    assert loaded.sha256 == hash_file(path)
    assert loaded.metadata == {"epoch": 5, "loss": 0.25, "val_loss": 0.5, "base_model": str(folder)}
    assert len(loaded.receipt.matched) == loaded.receipt.n_tensors
    assert loaded.receipt.n_parameters == loaded.receipt.n_parameters_matched
    assert not loaded.model.training


def test_an_encoder_without_any_head_gives_its_own_mean_vectors(folder):
    loaded = load_encoder(str(folder))
    tokens = loaded.tokenize(TEXTS)
    with torch.inference_mode():
        states = loaded.model.encoder(**tokens).last_hidden_state
    expected = torch.nn.functional.normalize(mean_over_tokens(states, tokens["attention_mask"]), dim=-1)
    torch.testing.assert_close(run(loaded), expected)
    assert len(loaded.receipt.matched) == loaded.receipt.n_tensors > 0
    assert loaded.name == f"{folder}, no head"
    assert set(loaded.model.layers) == {"encoder", "embedding"}


def test_an_encoder_without_weights_is_no_encoder(make_text_folder):
    with pytest.raises(ModelError, match="no weights"):
        load_encoder(str(make_text_folder(weights=False)))


def test_layers_by_public_name(folder, head, tmp_path):
    loaded = load_retriever(write(tmp_path / "best.pt", state(folder, head), base_model=str(folder)))
    seen = {}
    for name, path in loaded.model.layers.items():
        loaded.model.get_submodule(path).register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
    tokens = loaded.tokenize(TEXTS)
    with torch.inference_mode():
        vectors = loaded.model(**tokens)
        states = loaded.model.encoder(**tokens).last_hidden_state
    assert torch.equal(seen["embedding"], vectors)
    assert torch.equal(seen["encoder"], states)
    assert vectors.shape == (4, 12)


def test_token_lengths_and_the_cut(folder, head, tmp_path):
    path = write(tmp_path / "best.pt", state(folder, head), base_model=str(folder), config={"max_length": 7})
    loaded = load_retriever(path)
    assert (loaded.max_length, loaded.token_lengths(TEXTS)) == (7, [6, 7, 3, 2])
    assert loaded.token_lengths(TEXTS) == loaded.tokenize(TEXTS)["attention_mask"].sum(dim=1).tolist()
    shorter = load_retriever(path, max_length=5)
    assert (shorter.max_length, shorter.token_lengths(TEXTS)) == (5, [5, 5, 3, 2])
    assert shorter.fingerprint != loaded.fingerprint
    assert shorter.sha256 == loaded.sha256


def test_texts_never_outrun_the_positions(folder, head, tmp_path):
    """22 positions, of which XLM-R loses 2: the tokenizer's own limit of 24 would break the encoder."""
    loaded = load_retriever(write(tmp_path / "best.pt", state(folder, head), base_model=str(folder)))
    assert loaded.max_length == 20
    assert run(loaded, ["phòng " * 50]).isfinite().all()


@pytest.mark.parametrize("use_layernorm", [True, False])
@pytest.mark.parametrize("d_out", [8, 16])
def test_the_heads_sizes_are_told_by_its_tensors(folder, tmp_path, use_layernorm, d_out):
    head = ProjectionHead(32, d_out, use_layernorm=use_layernorm)
    loaded = load_retriever(write(tmp_path / "x.pt", state(folder, head), base_model=str(folder)))
    torch.testing.assert_close(run(loaded), embed(folder, head), rtol=1e-5, atol=1e-5)


# -- where the base comes from -------------------------------------------------------------------------------------


def test_a_file_with_the_head_alone_takes_the_bases_weights(folder, head, tmp_path):
    path = write(tmp_path / "head.pt", state(folder, head, encoder=False), config={"base_model": str(folder)})
    loaded = load_retriever(path)
    torch.testing.assert_close(run(loaded), embed(folder, head), rtol=1e-5, atol=1e-5)
    assert set(loaded.receipt.side_branch) <= {"encoder.pooler.dense.weight", "encoder.pooler.dense.bias"}


def test_the_option_goes_before_the_file(folder, head, make_text_folder, tmp_path):
    other = make_text_folder(seed=9)
    path = write(tmp_path / "head.pt", state(folder, head, encoder=False), base_model=str(folder))
    loaded = load_retriever(path, base_model=str(other))
    torch.testing.assert_close(run(loaded), embed(other, head), rtol=1e-5, atol=1e-5)
    assert loaded.fingerprint != load_retriever(path).fingerprint


def test_a_base_beside_the_checkpoint(folder, head, tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "base").symlink_to(folder)
    path = write(tmp_path / "run" / "best.pt", state(folder, head), base_model="base")
    monkeypatch.chdir(tmp_path)
    assert run(load_retriever(path)).shape == (4, 12)
    assert run(load_retriever(Path("run/best.pt"))).shape == (4, 12)


def test_the_encoders_config_may_lie_in_the_file(folder, head, make_text_folder, tmp_path):
    """Then the base folder only lends its tokenizer."""
    tokenizer_only = make_text_folder(weights=False, hidden_act="relu")
    config = json.loads((folder / "config.json").read_text())
    settings = {"base_model": str(tokenizer_only), "encoder_config": config}
    loaded = load_retriever(write(tmp_path / "x.pt", state(folder, head), config=settings))
    torch.testing.assert_close(run(loaded), embed(folder, head), rtol=1e-5, atol=1e-5)


def test_old_files_with_a_pooler_and_position_numbers(folder, head, tmp_path):
    extra = {
        "encoder.pooler.dense.weight": torch.ones(32, 32),
        "encoder.embeddings.position_ids": torch.arange(22)[None],
    }
    loaded = load_retriever(write(tmp_path / "x.pt", {**state(folder, head), **extra}, base_model=str(folder)))
    assert loaded.receipt.side_branch == ("encoder.pooler.dense.weight",)
    torch.testing.assert_close(run(loaded), embed(folder, head), rtol=1e-5, atol=1e-5)


def unreachable(*_arguments, **_options):
    raise OSError("no network")


@pytest.mark.parametrize("option", [None, "somebody/else"])
def test_a_base_that_cannot_be_had(head, folder, tmp_path, monkeypatch, option):
    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    path = write(tmp_path / "x.pt", state(folder, head), base_model="nobody/has-this")
    start = time.monotonic()
    with pytest.raises(ModelError) as caught:
        load_retriever(path, base_model=option)
    assert time.monotonic() - start < 5
    assert option or "nobody/has-this" in str(caught.value)
    assert "--base-model" in str(caught.value)


def test_a_file_that_names_no_base(folder, head, tmp_path):
    with pytest.raises(ModelError, match="does not say which encoder") as caught:
        load_retriever(write(tmp_path / "x.pt", state(folder, head)))
    assert "--base-model" in str(caught.value)


def test_a_base_of_another_width(folder, tmp_path):
    path = write(tmp_path / "x.pt", state(folder, ProjectionHead(16, 4), encoder=False))
    with pytest.raises(ModelError, match="does not fit its base") as caught:
        load_retriever(path, base_model=str(folder))
    assert "32 wide" in str(caught.value)


# -- weights are never guessed -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_single_tensor_counts(folder, head, tmp_path):
    whole = state(folder, head)
    config = {"base_model": str(folder), "d_in": 32, "d_out": 12, "use_layernorm": True}
    for name, tensor in whole.items():
        others = {key: value for key, value in whole.items() if key != name}
        faults = [others, {**others, name[:-2] + "_" + name[-2:]: tensor}, {**others, name: torch.zeros(3, 3, 3)}]
        for tensors in faults:
            with pytest.raises(ModelError) as caught:
                load_retriever(write(tmp_path / "x.pt", tensors, config=config))
            assert name in str(caught.value)


def test_a_base_with_a_gap_is_refused_and_can_be_allowed(folder, head, make_text_folder, tmp_path):
    base = make_text_folder()
    tensors = load_file(base / "model.safetensors")
    del tensors["embeddings.LayerNorm.bias"]
    save_file(tensors, base / "model.safetensors")
    path = write(tmp_path / "x.pt", state(folder, head, encoder=False), base_model=str(base))
    with pytest.raises(ModelError, match=r"encoder\.embeddings\.LayerNorm\.bias"):
        load_retriever(path)
    loaded = load_retriever(path, allow_missing=["encoder.embeddings.LayerNorm.*"])
    assert loaded.receipt.allowed == ("encoder.embeddings.LayerNorm.bias",)


def test_shards_and_old_pickled_weights_of_a_base(folder, head, make_text_folder, tmp_path):
    tensors = load_file(folder / "model.safetensors")
    path = write(tmp_path / "x.pt", state(folder, head, encoder=False))
    expected = embed(folder, head)
    sharded, old = make_text_folder(weights=False), make_text_folder(weights=False)
    names = sorted(tensors)
    parts = {"model-1.safetensors": names[:5], "model-2.safetensors": names[5:]}
    for part, inside in parts.items():
        save_file({name: tensors[name] for name in inside}, sharded / part)
    places = {name: part for part, inside in parts.items() for name in inside}
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    legacy = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): tensor for name, tensor in tensors.items()}
    legacy = {"roberta." + name.replace("LayerNorm.bias", "LayerNorm.beta"): tensor for name, tensor in legacy.items()}
    torch.save({**legacy, "lm_head.bias": torch.ones(3)}, old / "pytorch_model.bin")
    for base in (sharded, old):
        torch.testing.assert_close(run(load_retriever(path, base_model=str(base))), expected, rtol=1e-5, atol=1e-5)
    (sharded / "model-2.safetensors").unlink()
    with pytest.raises(ModelError, match=r"model-2\.safetensors"):
        load_retriever(path, base_model=str(sharded))
    places[names[0]] = "../model-1.safetensors"
    (sharded / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    with pytest.raises(ModelError, match="inside the folder"):
        load_retriever(path, base_model=str(sharded))


# -- other models, other folders -----------------------------------------------------------------------------------


def test_another_models_checkpoint(make_emotion, tmp_path):
    path = write(tmp_path / "x.pt", make_emotion().state_dict())
    with pytest.raises(ModelError, match="another model") as caught:
        load_retriever(path)
    assert "speech-emotion classifier" in str(caught.value)


def test_folders_that_are_no_retrievers(folder, tmp_path):
    with pytest.raises(ModelError, match="not a retriever"):
        load_retriever(folder)
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_retriever(tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(ModelError, match="not a settings file"):
        load_retriever(tmp_path)
    (tmp_path / "config.json").write_text('{"d_out": 3')
    with pytest.raises(ModelError, match="cannot be read"):
        load_retriever(tmp_path)
    with pytest.raises(ModelError, match="no checkpoint"):
        load_retriever(tmp_path / "absent.pt")


# -- head-only folders ---------------------------------------------------------------------------------------------


@pytest.fixture
def head_folder(head, folder, tmp_path):
    """Like the real one: a config that names custom code, and the code, which would leave a mark if it ran."""
    config = {
        "model_type": "bgem3_projection",
        "base_model": str(folder),
        "d_in": 32,
        "d_out": 12,
        "use_layernorm": True,
        "max_length": 9,
        "auto_map": {"AutoConfig": "custom.Config", "AutoModel": "custom.Model"},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "custom.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w').close()\n")
    header = {"epoch": "16", "loss": "1.5", "val_loss": "None", "format": "pt"}
    save_file(state(folder, head, encoder=False), tmp_path / "model.safetensors", metadata=header)
    yield tmp_path
    assert not (tmp_path / "canary").exists()


def test_a_head_only_folder(head_folder, folder, head):
    loaded = load_retriever(head_folder)
    torch.testing.assert_close(run(loaded, TEXTS[:1]), embed(folder, head, TEXTS[:1]), rtol=1e-5, atol=1e-5)
    assert loaded.max_length == 9
    assert loaded.metadata == {"epoch": 16, "loss": 1.5, "base_model": str(folder)}
    assert loaded.sha256 == hash_file(head_folder / "model.safetensors")


def test_a_head_that_is_not_what_its_config_says(head_folder):
    config = json.loads((head_folder / "config.json").read_text())
    (head_folder / "config.json").write_text(json.dumps({**config, "d_out": 16}))
    with pytest.raises(ModelError, match="reshaped") as caught:
        load_retriever(head_folder)
    assert "[12, 32] in the file, [16, 32] in the model" in str(caught.value)


def test_the_real_head_without_and_with_a_base(shared_data, make_text_folder, monkeypatch):
    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    real = shared_data / "retriever-head"
    with pytest.raises(ModelError, match="BAAI/bge-m3") as caught:
        load_retriever(real)
    assert "--base-model" in str(caught.value)
    loaded = load_retriever(real, base_model=str(make_text_folder(width=1024)))
    assert run(loaded).shape == (4, 128)
    assert (loaded.metadata["epoch"], loaded.metadata["loss"]) == (16, 1.8215122487809923)
    weight = load_file(real / "model.safetensors")["head.linear.weight"]
    assert torch.equal(loaded.model.head.linear.weight, weight)


# -- what wants to run code ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("config.json", {"model_type": "custom", "auto_map": {"AutoModel": "custom.Model"}}),
        ("config.json", {"text_config": {"trust_remote_code": True}}),
        ("config.json", {"nested": [{"deep": {"trust_remote_code": True}}]}),
        ("tokenizer_config.json", {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": ["custom.Own", None]}}),
        ("tokenizer_config.json", {"trust_remote_code": True}),
    ],
)
def test_a_base_that_wants_to_run_code(head, make_text_folder, tmp_path, file, change):
    base = make_text_folder()
    values = json.loads((base / file).read_text())
    (base / file).write_text(json.dumps({**values, **change}))
    (base / "custom.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w').close()\n")
    path = write(
        tmp_path / "x.pt", state(base, head, encoder=False) if file != "config.json" else dict(head_only(head))
    )
    with pytest.raises(SafetyError) as caught:
        load_retriever(path, base_model=str(base))
    assert caught.value.exit_code == 5
    assert not (tmp_path / "canary").exists()


def head_only(head):
    return {f"head.{name}": tensor for name, tensor in head.state_dict().items()}


def test_a_known_model_that_names_code_of_its_own_is_another_model(head, make_text_folder, tmp_path):
    base = make_text_folder()
    values = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**values, "auto_map": {"AutoModel": "custom.Model"}}))
    (base / "custom.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w').close()\n")
    with pytest.raises(SafetyError, match="delete `auto_map`"):
        load_retriever(write(tmp_path / "x.pt", head_only(head)), base_model=str(base))
    assert not (tmp_path / "canary").exists()


def test_a_tokenizer_of_another_encoder(head, folder, make_text_folder, tmp_path):
    base = make_text_folder(weights=False)
    config = json.loads((base / "config.json").read_text()) | {"vocab_size": 5}
    (base / "config.json").write_text(json.dumps(config))
    tensors = load_file(folder / "model.safetensors")
    tensors["embeddings.word_embeddings.weight"] = tensors["embeddings.word_embeddings.weight"][:5].clone()
    save_file(tensors, base / "model.safetensors")
    with pytest.raises(ModelError, match="belongs to another encoder"):
        load_retriever(write(tmp_path / "x.pt", head_only(head)), base_model=str(base))


def test_a_base_without_a_tokenizer(head, make_text_folder, tmp_path):
    base = make_text_folder()
    (base / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="no tokenizer"):
        load_retriever(write(tmp_path / "x.pt", head_only(head)), base_model=str(base))


@pytest.mark.parametrize("broken", ["tokenizer.json", "tokenizer_config.json"])
def test_a_broken_tokenizer(head, make_text_folder, tmp_path, broken):
    base = make_text_folder()
    (base / broken).write_text("{")
    with pytest.raises(ModelError, match="token"):
        load_retriever(write(tmp_path / "x.pt", head_only(head)), base_model=str(base))


def test_nothing_is_said_on_the_terminal(folder, head, tmp_path, capfd):
    load_retriever(write(tmp_path / "x.pt", state(folder, head, encoder=False), base_model=str(folder)))
    told = capfd.readouterr()
    assert (told.out, told.err) == ("", "")


def test_training_a_head_is_possible(folder, head):
    model = Retriever(XLMRobertaModel.from_pretrained(folder, add_pooling_layer=False), ProjectionHead(32, 8))
    tokens = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    vectors = model.train()(**tokens)
    (vectors[0] @ vectors[1]).backward()
    assert model.head.linear.weight.grad.abs().max() > 0
    assert model.encoder.embeddings.word_embeddings.weight.grad.abs().max() > 0
