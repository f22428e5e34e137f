"""The callback inside a real `transformers.Trainer`, on a tiny BERT built here."""

import json

import numpy as np
import pytest
import torch

from .toys import same_state

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
VOCABULARY, N = 40, 48


class Items(torch.utils.data.Dataset):
    """Token lists of several lengths; the class is that of the token that comes most."""

    def __init__(self, n=N, seed=0, label="labels"):
        random = np.random.default_rng(seed)
        self.items = []
        for row in range(n):
            ids = [*random.integers(5, VOCABULARY, size=3 + row % 4).tolist(), 1 + row % 2, 1 + row % 2]
            self.items.append({"input_ids": ids, "attention_mask": [1] * len(ids), label: row % 2})

    def __len__(self):
        return len(self.items)

    def __getitem__(self, row):
        return self.items[row]


def collate(items):
    longest = max(len(item["input_ids"]) for item in items)
    pad = {"input_ids": 0, "attention_mask": 0}
    batch = {key: [item[key] + [value] * (longest - len(item[key])) for item in items] for key, value in pad.items()}
    return {key: torch.tensor(values) for key, values in batch.items()} | {
        "labels": torch.tensor([item.get("labels", item.get("label")) for item in items])
    }


def make_model():
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=VOCABULARY, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24,
        id2label={0: "calm", 1: "loud"}, label2id={"calm": 0, "loud": 1},
    )  # fmt: skip
    return BertForSequenceClassification(config)


def run(tmp_path, *, callbacks, evaluation=None, **choices):
    from transformers import Trainer, TrainingArguments

    arguments = TrainingArguments(
        output_dir=str(tmp_path / "trainer"), max_steps=6, per_device_train_batch_size=8, eval_strategy="steps",
        eval_steps=2, save_strategy="no", report_to=[], use_cpu=True, seed=3, disable_tqdm=True, learning_rate=5e-3,
        **choices,
    )  # fmt: skip
    trainer = Trainer(
        model=make_model(), args=arguments, train_dataset=Items(seed=1), eval_dataset=evaluation or Items(),
        data_collator=collate, callbacks=callbacks,
    )  # fmt: skip
    trainer.train()
    return trainer


def make_callback(tmp_path, **choices):
    from latentscape.watch.hugging_face import LatentscapeCallback

    return LatentscapeCallback(**{"output": tmp_path / "watch", "strict": True, "compare": False, **choices})


def test_each_evaluation_is_a_run_and_the_training_is_the_same(tmp_path):
    callback = make_callback(tmp_path)
    watched = run(tmp_path, callbacks=[callback])
    assert list(callback.study.runs) == ["step_000002", "step_000004", "step_000006"]
    assert same_state(watched.model, run(tmp_path, callbacks=[]).model)
    manifest = json.loads((tmp_path / "watch" / "step_000004" / "manifest.json").read_text())
    assert manifest["classes"] == ["calm", "loud"]
    assert manifest["model"]["trained"]["step"] == 4
    layers = json.loads((tmp_path / "watch" / "step_000004" / "stages" / "features.json").read_text())["arrays"]
    assert [each["name"] for each in layers if each["name"][0] != "_"] == ["encoder", "logits"]
    logits = np.load(tmp_path / "watch" / "step_000006" / "features" / "logits.npy")
    with torch.no_grad():
        batch = collate(Items().items)
        batch.pop("labels")
        expected = watched.model.eval()(**batch).logits.numpy()
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-5)


def test_the_best_model_loaded_at_the_end_is_not_logged_twice(tmp_path):
    callback = make_callback(tmp_path)
    trainer = run(tmp_path, callbacks=[callback])
    callback.on_train_end(trainer.args, trainer.state, trainer.control, model=trainer.model)
    assert len(callback.study.runs) == 3
    callback.on_train_end(trainer.args, trainer.state, trainer.control, model=make_model())
    assert list(callback.study.runs)[-1] == "step_000006_end"


def test_of_several_evaluation_sets_the_first_is_watched(tmp_path):
    callback = make_callback(tmp_path)
    run(tmp_path, callbacks=[callback], evaluation={"one": Items(), "two": Items(n=12, seed=4)})
    assert len(callback.study.runs) == 3
    assert json.loads((tmp_path / "watch" / "step_000002" / "manifest.json").read_text())["accounting"]["n_ok"] == N


def test_what_can_not_be_watched_is_a_warning_and_the_training_goes_on(tmp_path):
    callback = make_callback(tmp_path, strict=False, class_names=["only one"])
    with pytest.warns(RuntimeWarning, match="a label is no class"):
        trainer = run(tmp_path, callbacks=[callback])
    assert trainer.state.global_step == 6
    assert callback.study is None


def test_a_data_set_of_the_library_with_columns_the_model_does_not_take(tmp_path):
    datasets = pytest.importorskip("datasets")
    rows = [{**item, "text": "never seen"} for item in Items(label="label").items]
    callback = make_callback(tmp_path)
    run(tmp_path, callbacks=[callback], evaluation=datasets.Dataset.from_list(rows))
    assert len(callback.study.runs) == 3
