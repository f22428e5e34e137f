"""LoRA adapters: the same vectors as PEFT's own merge, and nothing that fits only by half."""

import json
import shutil
import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import XLMRobertaModel

from latentscape.errors import ModelError
from latentscape.models.retriever import ProjectionHead, load_encoder, load_retriever

TEXTS = ["phòng trọ quận 10", "phòng"]


@pytest.fixture(scope="module")
def folder(make_text_folder):
    return make_text_folder()


def settings(folder, **changes):
    """What PEFT writes of a plain LoRA."""
    return {
        "peft_type": "LORA",
        "base_model_name_or_path": str(folder),
        "r": 2,
        "lora_alpha": 6,
        "target_modules": ["query", "value"],
        "bias": "none",
        "init_lora_weights": True,
        "use_dora": False,
        "use_rslora": False,
        "rank_pattern": {},
        "alpha_pattern": {},
        "loftq_config": {},
        "modules_to_save": None,
        **changes,
    }


def factors(*, rank=2, seed=5, names=("query", "value"), suffix=".weight", start="base_model.model."):
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name in names:
        path = f"{start}encoder.layer.0.attention.self.{name}"
        tensors[f"{path}.lora_A{suffix}"] = torch.randn(rank, 32, generator=generator)
        tensors[f"{path}.lora_B{suffix}"] = torch.randn(32, rank, generator=generator)
    return tensors


def write(place, tensors, config):
    place.mkdir(exist_ok=True)
    save_file(tensors, place / "adapter_model.safetensors")
    (place / "adapter_config.json").write_text(json.dumps(config))
    return place


def run(loaded):
    with torch.inference_mode():
        return loaded.model(**loaded.tokenize(TEXTS))


def refuse(place, fault, *, says="adapter", **options):
    with pytest.raises(ModelError, match=says) as caught:
        load_retriever(place, **options)
    assert caught.value.fault == fault, caught.value
    assert caught.value.hint
    return str(caught.value)


@pytest.mark.slow  # the library costs seconds to import
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"use_rslora": True},
        {
            "target_modules": ["query", "intermediate.dense"],
            "rank_pattern": {"query": 3},
            "alpha_pattern": {"query": 1},
        },
        {"target_modules": ["query", "word_embeddings"]},
        {"target_modules": "all-linear"},
        {"bias": "all"},
        {"bias": "lora_only"},
        {"modules_to_save": ["attention.output.LayerNorm"]},
        {"target_modules": ["query", "dense"], "exclude_modules": ["intermediate.dense"]},
        {"fan_in_fan_out": True},
    ],
    ids=str,
)
def test_vectors_equal_those_of_the_peft_librarys_own_merge(folder, tmp_path, changes):
    peft = pytest.importorskip("peft")
    torch.manual_seed(3)
    base = XLMRobertaModel.from_pretrained(folder)
    options = {"r": 2, "lora_alpha": 6, "target_modules": ["query", "value"], "init_lora_weights": False, **changes}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the oracle's own remarks
        model = peft.get_peft_model(base, peft.LoraConfig(**options))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn(parameter.shape)
    shutil.copytree(folder, tmp_path / "merged")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save_pretrained(tmp_path / "adapter")
        model.merge_and_unload().save_pretrained(tmp_path / "merged")
    ours = load_retriever(tmp_path / "adapter", base_model=str(folder))
    torch.testing.assert_close(run(ours), run(load_encoder(str(tmp_path / "merged"))), rtol=1e-5, atol=1e-6)
    assert not torch.allclose(run(ours), run(load_encoder(str(folder))), atol=1e-4)
    assert ours.receipt.adapter["n_modules_changed"] == ours.receipt.adapter["n_modules"] > 0
    assert ours.fingerprint != load_encoder(str(folder)).fingerprint


def test_what_was_merged_by_hand(folder, tmp_path):
    tensors = factors()
    loaded = load_retriever(write(tmp_path / "a", tensors, settings(folder)))
    base = XLMRobertaModel.from_pretrained(folder).state_dict()
    name = "encoder.layer.0.attention.self.query"
    expected = (
        base[f"{name}.weight"]
        + 3 * tensors[f"base_model.model.{name}.lora_B.weight"] @ (tensors[f"base_model.model.{name}.lora_A.weight"])
    )
    torch.testing.assert_close(loaded.model.encoder.state_dict()[f"{name}.weight"], expected)
    told = loaded.receipt.to_dict()["adapter"]
    assert (told["n_modules"], told["n_tensors"], told["base"]) == (2, 4, str(folder))
    assert json.dumps(told)


@pytest.mark.parametrize("suffix", [".weight", ".default.weight", ".default_0.weight"])
@pytest.mark.parametrize(
    "start", ["base_model.model.", "base_model.model.roberta.", "", "base_model.model.0.auto_model."]
)
def test_names_as_different_trainings_write_them(folder, tmp_path, suffix, start):
    plain = run(load_retriever(write(tmp_path / "a", factors(), settings(folder))))
    other = write(tmp_path / "b", factors(suffix=suffix, start=start), settings(folder))
    assert torch.equal(run(load_retriever(other)), plain)


def test_pickled_weights_and_a_base_beside_the_folder(folder, tmp_path):
    place = write(tmp_path / "a", factors(), settings("base"))
    torch.save(load_file(place / "adapter_model.safetensors"), place / "adapter_model.bin")
    (place / "adapter_model.safetensors").unlink()
    (tmp_path / "base").symlink_to(folder)
    assert load_retriever(place).receipt.adapter["n_modules"] == 2


def test_a_head_beside_the_adapter(folder, tmp_path):
    head = ProjectionHead(32, 12)
    place = write(tmp_path / "a", factors(), settings(folder))
    save_file({f"head.{name}": t.detach() for name, t in head.state_dict().items()}, place / "model.safetensors")
    (place / "config.json").write_text(json.dumps({"d_in": 32, "d_out": 12, "base_model": str(folder)}))
    loaded = load_retriever(place)
    assert run(loaded).shape == (2, 12)
    assert loaded.receipt.adapter["n_modules"] == 2


def test_a_head_that_is_on_no_path_is_set_aside(folder, tmp_path):
    beside = {"base_model.model.classifier.out_proj.weight": torch.ones(2, 32)}
    place = write(tmp_path / "a", factors() | beside, settings(folder, modules_to_save=["classifier"]))
    assert load_retriever(place).receipt.adapter["set_aside"] == ["classifier.out_proj.weight"]


@pytest.mark.parametrize("side", ["A", "B"])
def test_an_adapter_that_was_never_trained(folder, tmp_path, side):
    tensors = {name: t * 0 if f"lora_{side}" in name else t for name, t in factors().items()}
    refuse(write(tmp_path / "a", tensors, settings(folder)), "adapter-zero", says="changes nothing")


def test_an_adapter_that_is_lost_in_rounding(folder, tmp_path):
    tensors = {name: t * 1e-15 for name, t in factors().items()}
    refuse(write(tmp_path / "a", tensors, settings(folder)), "adapter-zero", says="rounding")


def test_another_base(folder, make_text_folder, tmp_path):
    place = write(tmp_path / "a", factors(), settings(folder))
    told = refuse(place, "adapter-misfit", base_model=str(make_text_folder(width=48)))
    assert "[48, 48]" in told
    deeper = factors()
    for name, tensor in factors().items():
        deeper[name.replace("layer.0", "layer.1")] = tensor
    assert "layer.1" in refuse(write(tmp_path / "b", deeper, settings(folder)), "adapter-misfit")


FAULTS = {
    "drop": lambda name, t: {},
    "rename": lambda name, t: {name + "_x": t},
    "move": lambda name, t: {name.replace("attention", "attentoin"): t},
    "reshape": lambda name, t: {name: t.reshape(-1).repeat(2).reshape(2 * t.shape[0], -1)},
    "retype": lambda name, t: {name: t.to(torch.int8)},
    "twice": lambda name, t: {name: t, name.replace(".weight", ".default.weight"): t.clone()},
    "nan": lambda name, t: {name: t * float("nan")},
}


@pytest.mark.parametrize("kind", FAULTS)
@pytest.mark.parametrize("name", list(factors()))
def test_any_one_tensor_wrong_is_refused(folder, tmp_path, kind, name):
    tensors = factors()
    tensors |= FAULTS[kind](name, tensors.pop(name))
    with pytest.raises(ModelError) as caught:
        load_retriever(write(tmp_path / "a", tensors, settings(folder)))
    assert caught.value.fault == ("weights-values" if kind in ("nan", "retype") else "adapter-misfit")


def test_a_whole_module_of_an_adapter_missing(folder, tmp_path):
    told = refuse(write(tmp_path / "a", factors(names=["query"]), settings(folder)), "adapter-misfit")
    assert "self.value" in told
    told = refuse(write(tmp_path / "b", factors(names=["query", "value", "key"]), settings(folder)), "adapter-misfit")
    assert "self.key" in told


@pytest.mark.parametrize(
    "changes",
    [
        {"use_dora": True},
        {"peft_type": "IA3"},
        {"init_lora_weights": "pissa"},
        {"target_modules": "(a+)+$"},
        {"target_parameters": ["x"]},
        {"layer_replication": [[0, 1]]},
        {"lora_bias": True},
        {"something_new": 3},
        {"rank_pattern": {"^(a+)+$": 3}},
        {"r": "2"},
        {"lora_alpha": True},
    ],
    ids=str,
)
def test_kinds_that_can_not_be_added_exactly(folder, tmp_path, changes):
    told = refuse(write(tmp_path / "a", factors(), settings(folder, **changes)), "adapter-misfit", says="kind")
    assert next(iter(changes)) in told or "pattern" in told


def test_a_rank_that_the_settings_deny(folder, tmp_path):
    refuse(write(tmp_path / "a", factors(rank=4), settings(folder)), "adapter-misfit", says="rank 4")


def test_a_folder_with_the_merged_model_in_it(folder, tmp_path):
    place = write(tmp_path / "a", factors(), settings(folder))
    shutil.copy(folder / "model.safetensors", place)
    refuse(place, "checkpoint-ambiguous", says="whole model")


def test_a_merged_model_saved_as_an_adapter(folder, tmp_path):
    merged = {f"base_model.model.{name}": t for name, t in load_file(folder / "model.safetensors").items()}
    refuse(write(tmp_path / "a", merged, settings(folder)), "adapter-misfit", says="no LoRA")


def test_several_adapters_no_weights_no_base(folder, tmp_path):
    both = factors(suffix=".one.weight", names=["query"]) | factors(suffix=".two.weight", names=["value"])
    refuse(write(tmp_path / "a", both, settings(folder)), "adapter-misfit", says="several adapters")
    place = write(tmp_path / "b", factors(), settings(folder, base_model_name_or_path=None))
    refuse(place, "adapter-misfit", says="does not say")
    (place / "adapter_model.safetensors").unlink()
    refuse(place, "model-folder", says="no adapter weights")
