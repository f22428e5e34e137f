"""The callback inside real Lightning trainers, under both names of the library."""

import importlib
import json

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from .toys import NAMES, Dense, make_items, make_samples, same_state

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
PACKAGES = ["lightning.pytorch", "pytorch_lightning"]


def make_module(library):
    class Module(library.LightningModule):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.model = Dense()

        def forward(self, values):
            return self.model(values)

        def training_step(self, batch, _):
            return nn.functional.cross_entropy(self(batch[0]), batch[1])

        def validation_step(self, batch, _, dataloader_idx=0):
            self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), lr=0.02)

    return Module()


def run(tmp_path, *, package="lightning.pytorch", callbacks=(), loaders=None, precision="32-true"):
    library = importlib.import_module(package)
    library.seed_everything(7)
    module = make_module(library)
    trainer = library.Trainer(
        max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, default_root_dir=str(tmp_path), callbacks=list(callbacks), precision=precision,
    )  # fmt: skip
    values, labels = make_samples(96, seed=9)
    training = DataLoader(list(zip(values, labels, strict=True)), batch_size=16, shuffle=True)
    held_out = DataLoader(make_items(), batch_size=20) if loaders is None else loaders
    trainer.fit(module, training, held_out)
    return module


def make_callback(tmp_path, **choices):
    from latentscape.watch.lightning import LatentscapeCallback

    usual = {"output": tmp_path / "watch", "strict": True, "compare": False, "class_names": NAMES}
    return LatentscapeCallback(**{**usual, **choices})


@pytest.mark.parametrize("package", PACKAGES)
def test_each_validation_is_a_run_and_the_training_is_the_same(tmp_path, package):
    for each in PACKAGES:  # both are in use here, so the callback must be one of both
        importlib.import_module(each)
    callback = make_callback(tmp_path, layers=["model.body"])
    watched = run(tmp_path, package=package, callbacks=[callback])
    assert list(callback.study.runs) == ["step_000006", "step_000012"]  # no sanity check
    assert same_state(watched, run(tmp_path, package=package))
    manifest = json.loads((tmp_path / "watch" / "step_000012" / "manifest.json").read_text())
    assert manifest["model"]["trained"] == {"step": 12, "epoch": 1.0}
    assert manifest["accounting"]["n_ok"] == 60


def test_several_loaders_and_half_precision(tmp_path):
    callback = make_callback(tmp_path)
    other = DataLoader(make_items(12), batch_size=4)
    run(tmp_path, callbacks=[callback], precision="bf16-true",
        loaders={"first": DataLoader(make_items(), batch_size=20), "second": other})  # fmt: skip
    assert len(callback.study.runs) == 2


def test_what_can_not_be_watched_is_a_warning_and_the_training_goes_on(tmp_path):
    class Stream(torch.utils.data.IterableDataset):
        def __iter__(self):
            return iter(make_items())

    callback = make_callback(tmp_path, strict=False)
    with pytest.warns(RuntimeWarning, match="can't be read by number"):
        run(tmp_path, callbacks=[callback], loaders=DataLoader(Stream(), batch_size=20))
    assert callback.study is None


def test_without_the_library_the_extra_is_named(monkeypatch):
    from latentscape.errors import UsageError
    from latentscape.watch import lightning

    def missing(_):
        raise ImportError

    monkeypatch.setattr(lightning.importlib, "import_module", missing)
    with pytest.raises(UsageError) as error:
        lightning._find_callbacks()
    assert error.value.hint == 'pip install "latentscape[lightning]"'
