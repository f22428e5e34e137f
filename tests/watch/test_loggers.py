"""What reaches TensorBoard, Weights & Biases and MLflow, read back from what they wrote on this machine."""

import json

import numpy as np
import pytest

from latentscape.errors import UsageError
from latentscape.figures.style import Style
from latentscape.measures.score import Score
from latentscape.watch import ClassifierWatch, loggers
from latentscape.watch.entry import Entry, Shown
from latentscape.watch.frames import Frames
from latentscape.watch.loggers import open_logger

from .toys import NAMES, make_items, make_model

HOSTILE = ("a\tb\nc", "", "sản phẩm\u202e", "=1+1")


def make_entry(step=3, *, method="pca", names=None):
    random = np.random.default_rng(0)
    ids = tuple(f"sample {row}" for row in range(24))
    texts = [HOSTILE[row % 4] for row in range(24)]
    shown = Shown(
        layer="body/1",
        features=random.normal(size=(24, 5)).astype(np.float32),
        ids=ids,
        color_name="class",
        colors=tuple(None if row == 5 else NAMES[row % 3] for row in range(24)),
        columns={"id": ids, "text": texts},
    )
    scores = {
        "accuracy": Score(name="accuracy", value=0.5, n=24, low=0.3, high=0.7),
        "recall_sản phẩm": Score(name="recall_sản phẩm", value=0.25, n=8),
        "none": Score(name="none", value=None, n=0, reason="nothing to measure"),
    }
    return Entry("step_000003", step, 1.5, scores, shown, Frames(method, seed=0))


def test_scalars_have_values_only():
    scalars = make_entry().scalars
    assert scalars == {
        "accuracy": 0.5, "accuracy_low": 0.3, "accuracy_high": 0.7, "recall_sản phẩm": 0.25, "epoch": 1.5,
    }  # fmt: skip


def test_a_picture_is_drawn_once_and_not_without_a_method():
    entry = make_entry()
    assert entry.picture is entry.picture
    assert entry.picture.startswith(b"\x89PNG")
    assert make_entry(method="").picture is None


def test_frames_stay_where_the_one_before_was():
    random = np.random.default_rng(0)
    ids = tuple(map(str, range(60)))
    features = random.normal(size=(60, 5)).astype(np.float32)
    features[:30] += 3
    turn = np.linalg.qr(random.normal(size=(5, 5)))[0].astype(np.float32)
    frames = Frames("pca", seed=0)
    for each in (features, features @ turn):
        frames._find(each, ids, "test")
        places = frames._before[1]
        first = places if each is features else first
    spread = first.std()
    assert np.abs(places - first).max() < 0.05 * spread
    assert Style().dark is False


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = open_logger("tensorboard", folder=tmp_path)
    logger.write(make_entry(3))
    logger.write(make_entry(6))
    logger.close()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    found = events.Scalars("latentscape/accuracy")
    assert [(each.step, each.value) for each in found] == [(3, 0.5), (6, 0.5)]
    assert len(events.Images("latentscape/map")) == 2
    config = (tmp_path / "tensorboard" / "projector_config.pbtxt").read_text()
    assert config.count("embeddings {") == 2
    folder = next((tmp_path / "tensorboard").glob("00003/*"))
    metadata = (folder / "metadata.tsv").read_text(encoding="utf-8").splitlines()
    assert metadata[0] == "id\ttext"
    assert len(metadata) == 25
    assert metadata[1] == "sample 0\ta b c"
    assert metadata[2] == "sample 1\t-"
    assert len((folder / "tensors.tsv").read_text().splitlines()) == 24


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_writer_of_the_users_stays_open(tmp_path):
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        study = ClassifierWatch(
            inputs=make_items(), class_names=NAMES, output=tmp_path, strict=True, loggers=[writer], picture="pca"
        )
        study.log(make_model(), 1)
        study.finish()
        writer.add_scalar("mine", 1.0, 1)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_wandb_offline(tmp_path, monkeypatch):
    import wandb

    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    logger = open_logger("wandb", folder=tmp_path)
    logger.write(make_entry(3))
    run = wandb.run
    assert run.summary["latentscape/accuracy"] == 0.5
    assert run.summary["latentscape/step"] == 3
    logger.close()
    assert wandb.run is None
    assert list(tmp_path.rglob("*.wandb"))
    assert list(tmp_path.rglob("*.png"))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_mlflow_in_a_folder(tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    logger = open_logger("mlflow", folder=tmp_path)
    logger.write(make_entry(3))
    logger.write(make_entry(6))
    logger.close()
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("latentscape")
    [run] = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.metrics["latentscape/accuracy"] == 0.5
    assert [each.step for each in client.get_metric_history(run.info.run_id, "latentscape/accuracy")] == [3, 6]
    assert [each.path for each in client.list_artifacts(run.info.run_id, "latentscape")] == [
        "latentscape/step_000003.png"
    ]
    with mlflow.start_run() as mine:
        open_logger(mine, folder=tmp_path).write(make_entry(9))
        open_logger("mlflow", folder=tmp_path).close()
        assert mlflow.active_run().info.run_id == mine.info.run_id


def test_a_name_is_checked_before_the_training(monkeypatch):
    assert open_logger("tensorboard", folder=None) is None
    with pytest.raises(UsageError, match="unknown logger"):
        open_logger("tensorbord", folder=None)
    with pytest.raises(UsageError, match="unknown logger"):
        open_logger(42, folder=None)

    def missing(_):
        raise ImportError("No module named 'wandb'")

    monkeypatch.setattr(loggers.importlib, "import_module", missing)
    with pytest.raises(UsageError) as error:
        open_logger("wandb", folder=None)
    assert error.value.hint == 'pip install "latentscape[wandb]"'


def test_one_logger_that_fails_does_not_stop_the_others(tmp_path):
    class Broken:
        def add_scalar(self, *_):
            raise OSError("no network")

    class Works:
        n = 0

        def add_scalar(self, *_):
            self.n += 1

        def add_embedding(self, *_, **__):
            pass

        def flush(self):
            pass

    works = Works()
    study = ClassifierWatch(
        inputs=make_items(), class_names=NAMES, output=tmp_path, loggers=[Broken(), works], picture=""
    )
    with pytest.warns(RuntimeWarning, match="no network") as said:
        assert study.log(make_model(), 1)
        assert study.log(make_model(), 2)
    assert len(said) == 1
    assert works.n > 2
    assert json.loads((tmp_path / "step_000002" / "manifest.json").read_text())["study"] == "latents"
