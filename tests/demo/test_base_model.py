import pytest
import torch

from latentscape.demo.base_model import train_tokenizer, write_base_model
from latentscape.errors import UsageError
from latentscape.models.text_encoders import open_tokenizer

TEXTS = ["Cho thuê phòng trọ Quận 10, 25m², giá 5tr5", "phong tro q10 25m2 5.5 triệu", "Phòng trọ Gò Vấp, wc riêng"] * 5
SIZES = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def test_numbers_stand_apart_and_spellings_meet():
    tokenizer = train_tokenizer(TEXTS, vocab_size=300)
    tokens = tokenizer.encode("Phòng trọ 25m², 5tr5").tokens
    assert tokens == ["<s>", "▁phòng", "▁trọ", "▁", "25", "m", "2", ",", "▁", "5", "tr", "5", "</s>"]
    assert tokenizer.encode("PHÒNG TRỌ 25m2").ids == tokenizer.encode("phòng trọ 25m²").ids


def test_decomposed_text_gives_the_same_tokens():
    tokenizer = train_tokenizer(TEXTS, vocab_size=300)
    assert tokenizer.encode("pho\u0300ng").ids == tokenizer.encode("phòng").ids


def test_the_same_texts_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        torch.manual_seed(3)
        write_base_model(tmp_path / name, TEXTS, encoder_config=SIZES, vocab_size=200, max_length=32)
    names = {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}
    assert {path.name for path in (tmp_path / "one").iterdir()} == names
    assert all((tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes() for name in names)


def test_the_folder_opens_as_any_other_and_cuts_at_its_length(tmp_path):
    encoder = write_base_model(tmp_path, TEXTS, encoder_config=SIZES, vocab_size=200, max_length=12)
    tokenizer = open_tokenizer(tmp_path, encoder, max_length=None)
    assert tokenizer.max_length == 12
    batch = tokenizer.encode([TEXTS[0], "phòng"])
    assert batch["input_ids"].shape == (2, 12)
    assert batch["attention_mask"].sum(dim=1).tolist() == [12, 3]
    assert encoder(**batch).last_hidden_state.shape == (2, 12, 16)
    raw = train_tokenizer(TEXTS, vocab_size=200)
    assert batch["input_ids"][1, :3].tolist() == raw.encode("phòng").ids


def test_a_wrong_key_names_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="hidden_size"):
        write_base_model(tmp_path, TEXTS, encoder_config={"hiden_size": 3}, vocab_size=100, max_length=8)


def test_sizes_that_do_not_fit_are_explained(tmp_path):
    with pytest.raises(UsageError, match="does not hold together"):
        write_base_model(
            tmp_path, TEXTS, encoder_config={**SIZES, "num_attention_heads": 5}, vocab_size=100, max_length=8
        )
