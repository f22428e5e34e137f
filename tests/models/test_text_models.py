"""Text models by folder: poolings, prompts, fewer numbers, two towers, against what their own libraries say."""

import json
from fnmatch import fnmatch

import huggingface_hub
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModel,
    AutoTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    NomicBertConfig,
    NomicBertModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
    ViTConfig,
    ViTModel,
    XLMRobertaConfig,
    XLMRobertaForMaskedLM,
)

from latentscape.errors import DataError, ModelError, UsageError
from latentscape.models.loaded import DOCUMENT, QUERY, SidedText
from latentscape.models.projection import mean_over_tokens, take_first_token, take_last_token
from latentscape.models.text_models import find_text_model, load_text_model
from tests.models.conftest import TEXTS

ONE_BY_ONE = {
    "mean": lambda states: states.mean(dim=0),
    "cls": lambda states: states[0],
    "last": lambda states: states[-1],
}


def run(loaded, texts=TEXTS, side=None):
    batch = loaded.tokenize(list(texts)) if side is None else loaded.collate([SidedText(side, text) for text in texts])
    with torch.inference_mode():
        return loaded.model(**batch)


def pool_alone(encoder, tokenizer, pooling, texts=TEXTS):
    """What the format says, one text at a time, nothing padded."""
    rows = []
    for text in texts:
        tokens = tokenizer(text, return_tensors="pt", truncation=True)
        tokens = {name: part for name, part in tokens.items() if name != "token_type_ids"}
        with torch.inference_mode():
            rows.append(ONE_BY_ONE[pooling](encoder(**tokens).last_hidden_state[0]))
    return torch.nn.functional.normalize(torch.stack(rows), dim=-1)


@pytest.fixture(scope="module")
def folder(make_text_folder):
    return make_text_folder()


@pytest.fixture(scope="module")
def documents(make_text_folder):
    return make_text_folder(seed=5)


@pytest.fixture(scope="module")
def gpt(folder, tmp_path_factory):
    """A tiny GPT-2 with its head, and a tokenizer that has no padding token."""
    place = tmp_path_factory.mktemp("gpt")
    words = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    plain = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="</s>", unk_token="<unk>").save_pretrained(place)
    torch.manual_seed(3)
    config = GPT2Config(
        vocab_size=len(words), n_embd=32, n_layer=2, n_head=4, n_positions=24, bos_token_id=0, eos_token_id=2
    )
    GPT2LMHeadModel(config).save_pretrained(place)
    return place


def test_poolings_by_hand_with_padding_on_either_side():
    states = torch.arange(12.0).reshape(2, 3, 2)
    right, left = torch.tensor([[1, 1, 0], [1, 1, 1]]), torch.tensor([[0, 1, 1], [1, 1, 1]])
    assert take_first_token(states, right).tolist() == [[0, 1], [6, 7]]
    assert take_last_token(states, right).tolist() == [[2, 3], [10, 11]]
    assert take_first_token(states, left).tolist() == [[2, 3], [6, 7]]
    assert take_last_token(states, left).tolist() == [[4, 5], [10, 11]]
    assert mean_over_tokens(states, left).tolist() == [[3, 4], [8, 9]]


@pytest.mark.parametrize("padding_side", ["right", "left"])
@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_each_pooling_is_what_the_encoder_says_of_a_text_alone(folder, pooling, padding_side):
    loaded = load_text_model(str(folder), pooling=pooling)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    expected = pool_alone(AutoModel.from_pretrained(folder).eval(), tokenizer, pooling)
    loaded.tokenize.__self__.inner.padding_side = padding_side
    torch.testing.assert_close(run(loaded), expected, rtol=1e-5, atol=1e-6)
    assert len(loaded.receipt.matched) == loaded.receipt.n_tensors
    assert loaded.metadata["pooling"] == pooling


def test_poolings_are_told_apart(folder):
    prints = {load_text_model(str(folder), pooling=pooling).fingerprint for pooling in ("mean", "cls", "last")}
    assert len(prints) == 3
    assert load_text_model(str(folder)).fingerprint == load_text_model(str(folder), pooling="mean").fingerprint


def test_what_enters_no_head_is_the_one_token_where_one_counts(folder):
    paths = {pooling: load_text_model(str(folder), pooling=pooling).model.layers for pooling in ("mean", "cls")}
    assert paths["mean"]["encoder"], paths["cls"]["encoder"] == ("token_states", "pooled")


def test_a_model_with_a_head_of_its_old_task_gives_its_encoder(folder, tmp_path):
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    config = XLMRobertaConfig.from_pretrained(folder)
    torch.manual_seed(1)
    whole = XLMRobertaForMaskedLM(config).eval()
    whole.save_pretrained(tmp_path)
    loaded = load_text_model(str(tmp_path), pooling="cls")
    expected = pool_alone(whole.roberta, AutoTokenizer.from_pretrained(folder), "cls")
    torch.testing.assert_close(run(loaded), expected, rtol=1e-5, atol=1e-6)


def test_a_generative_model_needs_a_pooling_and_pads_with_its_end(gpt):
    with pytest.raises(UsageError, match=r"--pooling last") as caught:
        load_text_model(str(gpt))
    assert (caught.value.exit_code, caught.value.fault) == (2, "option-missing")
    whole = GPT2LMHeadModel.from_pretrained(gpt).eval()
    for pooling in ("last", "mean"):
        expected = pool_alone(whole.transformer, AutoTokenizer.from_pretrained(gpt), pooling)
        loaded = load_text_model(str(gpt), pooling=pooling)
        torch.testing.assert_close(run(loaded), expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(DataError, match="no tokens"):
        loaded.tokenize(["phòng", ""])


def test_a_model_without_any_padding_token(gpt, tmp_path):
    for file in gpt.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    settings.pop("eos_token")
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    (tmp_path / "special_tokens_map.json").unlink(missing_ok=True)
    with pytest.raises(ModelError, match="no padding token"):
        load_text_model(str(tmp_path), pooling="last")


def test_of_a_model_of_two_halves_the_encoder_is_taken(folder, tmp_path):
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    torch.manual_seed(2)
    n_words = XLMRobertaConfig.from_pretrained(folder).vocab_size
    config = T5Config(vocab_size=n_words, d_model=16, d_kv=4, d_ff=32, num_layers=1, num_heads=4, pad_token_id=1)
    whole = T5ForConditionalGeneration(config).eval()
    whole.save_pretrained(tmp_path)
    loaded = load_text_model(str(tmp_path))
    expected = pool_alone(whole.encoder, AutoTokenizer.from_pretrained(folder), "mean")
    torch.testing.assert_close(run(loaded), expected, rtol=1e-5, atol=1e-6)
    assert any(name.startswith("encoder.decoder.") for name in loaded.receipt.side_branch)


def test_parts_that_the_library_renamed_arrive(folder, tmp_path):
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    torch.manual_seed(4)
    n_words = XLMRobertaConfig.from_pretrained(folder).vocab_size
    config = NomicBertConfig(
        vocab_size=n_words,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        pad_token_id=1,
    )
    whole = NomicBertModel(config, add_pooling_layer=False).eval()
    whole.save_pretrained(tmp_path)
    assert set(load_file(tmp_path / "model.safetensors")) != set(whole.state_dict())  # else this shows nothing
    loaded = load_text_model(str(tmp_path))
    expected = pool_alone(whole, AutoTokenizer.from_pretrained(folder), "mean")
    torch.testing.assert_close(run(loaded), expected, rtol=1e-5, atol=1e-6)


def test_fewer_numbers_are_cut_before_the_length_is_made_1(folder):
    whole, cut = load_text_model(str(folder)), load_text_model(str(folder), dimension=8)
    expected = torch.nn.functional.normalize(run(whole)[:, :8], dim=-1)
    torch.testing.assert_close(run(cut), expected, rtol=1e-5, atol=1e-6)
    assert whole.fingerprint != cut.fingerprint
    for dimension in (33, 0):
        with pytest.raises(UsageError, match="1 to 32") as caught:
            load_text_model(str(folder), dimension=dimension)
        assert caught.value.fault == "option-value"


def test_prompts_stand_before_the_texts_of_their_side(folder):
    loaded = load_text_model(str(folder), query_prompt="cho thuê ", document_prompt="phòng ")
    plain = load_text_model(str(folder))
    asked, told = (run(loaded, side=side) for side in (QUERY, DOCUMENT))
    torch.testing.assert_close(asked, run(plain, ["cho thuê " + text for text in TEXTS]))
    torch.testing.assert_close(told, run(plain, ["phòng " + text for text in TEXTS]))
    torch.testing.assert_close(run(loaded), asked)
    mixed = [SidedText(DOCUMENT, TEXTS[0]), SidedText(QUERY, TEXTS[0])]
    with torch.inference_mode():
        vectors = loaded.model(**loaded.collate(mixed))
    torch.testing.assert_close(vectors, torch.stack([told[0], asked[0]]), rtol=1e-5, atol=1e-6)
    assert loaded.count(mixed) == [plain.token_lengths([TEXTS[0]])[0] + 1, plain.token_lengths([TEXTS[0]])[0] + 2]
    assert loaded.metadata["query_prompt"] == "cho thuê "
    alike = load_text_model(str(folder), query_prompt="phòng ", document_prompt="phòng ")
    assert alike.sides is None
    torch.testing.assert_close(run(alike), told)
    assert len({each.fingerprint for each in (loaded, plain, alike)}) == 3


def test_a_prompt_of_one_word_is_a_name_that_is_not_there(folder):
    with pytest.raises(UsageError, match="it names no prompts") as caught:
        load_text_model(str(folder), document_prompt="passage")
    assert "--document-prompt" in caught.value.hint


def test_two_towers_read_a_side_each_and_keep_the_order(folder, documents):
    loaded = load_text_model(
        str(folder), document_model=str(documents), pooling="cls", document_prompt="phòng ", dimension=16
    )
    queries = load_text_model(str(folder), pooling="cls", dimension=16)
    told = load_text_model(str(documents), pooling="cls", dimension=16, document_prompt="phòng ")
    batch = [SidedText(side, text) for text in TEXTS for side in (DOCUMENT, QUERY)]
    with torch.inference_mode():
        vectors = loaded.model(**loaded.collate(batch))
    torch.testing.assert_close(vectors[1::2], run(queries), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(vectors[::2], run(told, side=DOCUMENT), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(run(loaded, side=DOCUMENT), run(told, side=DOCUMENT), rtol=1e-5, atol=1e-6)
    assert loaded.count(batch)[:2] == [*told.count(batch[:1]), *queries.count(batch[1:2])]
    assert loaded.receipt.n_tensors == queries.receipt.n_tensors + told.receipt.n_tensors == len(loaded.receipt.matched)
    assert loaded.receipt.matched[0].startswith("query.")
    assert set(loaded.model.state_dict()) == set(loaded.receipt.matched)
    assert dict(loaded.model.layers) == {"embedding": "embedding"}
    assert loaded.fingerprint != load_text_model(str(documents), document_model=str(folder)).fingerprint
    assert loaded.metadata["document_prompt"] == "phòng "
    assert loaded.metadata["dimension"] == 16
    assert loaded.metadata["query_model"] != loaded.metadata["document_model"]
    assert "query_prompt" not in loaded.metadata


def test_towers_of_different_widths_are_refused(folder, make_text_folder):
    with pytest.raises(ModelError, match="different spaces") as caught:
        load_text_model(str(folder), document_model=str(make_text_folder(width=16)))
    assert caught.value.fault == "model-towers"
    assert "32 numbers" in caught.value.got


def test_a_tower_that_is_not_there_names_its_option(folder):
    with pytest.raises(ModelError, match=r"--document-model"):
        load_text_model(str(folder), document_model="./absent/folder")
    with pytest.raises(ModelError, match=r"--model"):
        load_text_model("./absent/folder")


def test_bad_choices(folder, tmp_path):
    with pytest.raises(UsageError, match="did you mean `mean`"):
        load_text_model(str(folder), pooling="meen")
    (tmp_path / "best.pt").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"--checkpoint FILE"):
        load_text_model(str(tmp_path / "best.pt"))


def test_an_encoder_that_is_none_of_texts(folder, tmp_path):
    AutoTokenizer.from_pretrained(folder).save_pretrained(tmp_path)
    config = ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=8, patch_size=4
    )
    ViTModel(config, add_pooling_layer=False).save_pretrained(tmp_path)
    with pytest.raises(ModelError) as caught:
        load_text_model(str(tmp_path))
    assert caught.value.fault == "model-texts"
    assert "pixel_values" in caught.value.got


def test_a_cut_vector_is_no_random_one(folder):
    """Neighbors by the first numbers are those by the same numbers of the whole vectors, whatever their length."""
    whole = np.asarray(run(load_text_model(str(folder))))[:, :4]
    cut = np.asarray(run(load_text_model(str(folder), dimension=4)))
    angles = whole @ whole.T / np.outer(*[np.linalg.norm(whole, axis=1)] * 2)
    np.testing.assert_allclose(cut @ cut.T, angles, atol=1e-5)


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub with one sentence-transformers model, whose cache has only what was asked for."""
    cache, asked = tmp_path / "cache", []

    def snapshot_download(name, *, local_files_only=False, allow_patterns=None, ignore_patterns=None, **_options):
        if local_files_only:
            raise FileNotFoundError(name)
        asked.append((name, allow_patterns))
        cache.mkdir(exist_ok=True)
        files = {"config.json": "{}", "model.safetensors": "", "1_Pooling/config.json": "{}"}
        modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
        chain = [{"type": f"sentence_transformers.models.{kind}", "path": path} for path, kind in modules]
        for file, text in {**files, "modules.json": json.dumps(chain)}.items():
            wanted = any(fnmatch(file, pattern) for pattern in allow_patterns or ["*"])
            if wanted and not any(fnmatch(file, pattern) for pattern in ignore_patterns or []):
                (cache / file).parent.mkdir(exist_ok=True)
                (cache / file).write_text(text)
        return str(cache)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return cache, asked


def test_of_a_hubs_chain_every_folder_is_fetched(hub):
    cache, asked = hub
    folder = find_text_model("some/retriever", "`--model`")
    assert folder == cache
    assert (cache / "1_Pooling" / "config.json").exists()
    assert asked[-1][0] == "some/retriever"
    assert "1_Pooling/*.json" in asked[-1][1]


def test_a_hubs_chain_that_breaks_off(hub, monkeypatch):
    whole = huggingface_hub.snapshot_download

    def breaks_off(name, **options):
        if any(pattern.startswith("1_Pooling") for pattern in options.get("allow_patterns") or []):
            raise OSError("no network")
        return whole(name, **options)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", breaks_off)
    with pytest.raises(ModelError, match="no folder `1_Pooling`") as caught:
        find_text_model("some/retriever", "`--model`")
    assert (caught.value.exit_code, caught.value.fault) == (4, "model-missing")
