"""A tiny BERT reads what tenants write in English and in Vietnamese: where do the two languages meet?

You learn: a text classifier on disk, texts in a CSV, and `--dataset-column`, which asks what carries over.
Run: python examples/text_two_languages.py [OUTPUT_FOLDER]
"""

import csv
import subprocess
import sys
from itertools import product
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

import latentscape

WISHES = ("rent", "repair", "visit", "cancel")
WHO = {"en": "I/we/my sister and I/my parents/the office", "vi": "tôi/chúng tôi/chị em tôi/bố mẹ tôi/công ty"}
WHAT = {
    "en": "the room/a small flat/the house by the river/the studio",
    "vi": "căn phòng/căn hộ nhỏ/ngôi nhà/phòng trên tầng ba",
}
WANT = {
    "en": "want to rent/look for;want to fix/have a leak in;want to see/ask for a tour of;give up/no longer want",
    "vi": "muốn thuê/đang tìm;cần thợ sửa/bị dột ở;muốn xem/hẹn ghé thăm;xin trả lại/không cần nữa",
}
SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}


def write_texts() -> list[tuple[str, str, str]]:
    """Every sentence that can be made: (text, wish, language)."""
    rows = []
    for language, (number, wish) in product(("en", "vi"), enumerate(WISHES)):
        parts = WHO[language].split("/"), WANT[language].split(";")[number].split("/"), WHAT[language].split("/")
        rows += [(" ".join(words), wish, language) for words in product(*parts)]
    return rows


def train(rows: list[tuple[str, str, str]], folder: Path) -> None:
    """Train on a third of the sentences and save the model with its tokenizer."""
    words = sorted({word for text, _, _ in rows for word in text.lower().split()})
    known = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", *words])}
    inner = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    inner.normalizer, inner.pre_tokenizer = normalizers.Lowercase(), pre_tokenizers.WhitespaceSplit()
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner, model_max_length=24, **special)
    names = {"id2label": dict(enumerate(WISHES)), "label2id": {wish: number for number, wish in enumerate(WISHES)}}
    model = BertForSequenceClassification(BertConfig(**SIZES, **names, vocab_size=len(known)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for numbers in [part for _ in range(14) for part in torch.randperm(len(rows)).split(16)]:
        batch = tokenizer([rows[number][0] for number in numbers], padding=True, return_tensors="pt")
        labels = torch.tensor([WISHES.index(rows[number][1]) for number in numbers])
        model(batch.input_ids, attention_mask=batch.attention_mask, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder), tokenizer.save_pretrained(folder)


def main(output: Path) -> None:
    """Train on a part, study the rest by the command."""
    torch.manual_seed(0)
    made, rows = output.with_name(f"{output.name}_inputs"), write_texts()
    train(rows[::3], made / "model")
    with (made / "texts.csv").open("w", encoding="utf-8", newline="") as file:
        held_out = [row for number, row in enumerate(rows) if number % 3]
        csv.writer(file).writerows([("text", "wish", "language"), *held_out])
    words = ["--model", made / "model", "--data", made / "texts.csv", "--label-column", "wish"]
    words += ["--dataset-column", "language", "--output", output, "--quiet"]
    subprocess.run([sys.executable, "-m", "latentscape", "latents", *words], check=True)
    scores = latentscape.open_run(output).scores
    early, late = (scores[f"transfer_linear_{layer}_en_to_vi"] for layer in ("input", "last_hidden"))
    before, after = (scores[f"linear_dataset_{layer}"] for layer in ("input", "head"))
    print(f"finding: a reader trained on English reads {early:.0%} of the Vietnamese wishes from the word vectors,")
    print(f"         {late:.0%} from the last layer; which language it is can be read at {before:.0%} and, in")
    print(f"         what enters the head, at {after:.0%} (chance: 50%)")
    print(f"page:    {output / 'explorer.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/text_two_languages"))
