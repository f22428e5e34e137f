"""An extraction kept in a run folder: batch by batch while it is read, as a stage when it is done."""

import os
import signal

import numpy as np
import pytest
import torch
from torch import nn

from latentscape.errors import UsageError
from latentscape.features import Reading, read_features
from latentscape.kept_features import describe_extraction, keep_extraction
from latentscape.layer_maps import versions
from latentscape.store import RunFolder
from latentscape.study import MODEL_VERSIONED
from tests.listening import Listener

N, BATCH = 700, 8
INPUTS = {"checkpoint": "ab12", "layers": {"hidden": "0"}, "batch_size": BATCH}


class Model(nn.Module):
    """Counts its passes and can be told to do something in the n-th."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 3)
        with torch.no_grad():
            self.first.weight.copy_(torch.arange(12.0).reshape(3, 4) / 7)
            self.first.bias.fill_(0.25)
        self.n_passes, self.at, self.act = 0, -1, None

    def forward(self, x):
        self.n_passes += 1
        if self.n_passes == self.at:
            self.act()
        return self.first(x)


def collate(rows):
    return {"x": torch.tensor([[row, row % 7, 1.0, row / N] for row in rows])}


def run(path, model, *, inputs=INPUTS, progress=None, **choices):
    def compute(shards):
        reading = Reading(layers={"hidden": "first"}, collate=collate, lengths=[1] * N, batch_size=BATCH)
        return read_features(model, list(range(N)), reading, shards=shards)

    with RunFolder(path, **choices) as folder:
        return keep_extraction(folder, inputs, compute, progress=progress or Listener())


def tree(path):
    return {str(p.relative_to(path)): p.read_bytes() for p in path.rglob("*") if p.is_file() and "lock" not in p.name}


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


class PowerCutError(BaseException):
    """Nothing that anybody handles."""


def crash():
    raise PowerCutError


@pytest.fixture
def reference(tmp_path):
    model = Model()
    made = run(tmp_path / "reference", model)
    return made, tree(tmp_path / "reference"), model.n_passes


@pytest.fixture(autouse=True)
def handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("act", "kind", "most_redone"), [(interrupt, KeyboardInterrupt, 1), (crash, PowerCutError, 33)]
)
@pytest.mark.parametrize("at", [5, 50, 80])
def test_what_was_read_is_kept_and_the_end_is_the_same(tmp_path, reference, act, kind, most_redone, at):
    expected, files, n_passes = reference
    model = Model()
    model.at, model.act = at, act
    with pytest.raises(kind):
        run(tmp_path / "run", model)
    assert not (tmp_path / "run" / "stages").exists()
    made = run(tmp_path / "run", model)
    assert np.array_equal(made.features["hidden"], expected.features["hidden"])
    assert tree(tmp_path / "run") == files
    assert not (tmp_path / "run" / "shards").exists()
    assert model.n_passes <= n_passes + most_redone + at * (at < 10)


def test_a_finished_one_is_not_read_again_and_says_the_same(tmp_path, reference):
    model = Model()
    made = run(tmp_path / "reference", model)
    assert model.n_passes == 0
    assert describe_extraction(made) == describe_extraction(reference[0])
    assert made.failed == reference[0].failed
    assert {"backoffs", "plan_sha256", "dtypes"} <= describe_extraction(made).keys()


def test_left_over_shards_of_a_finished_one_are_removed(tmp_path, reference):
    left = tmp_path / "reference" / "shards" / "features"
    left.mkdir(parents=True)
    (left / "000000-000003.shard").write_bytes(b"x")
    run(tmp_path / "reference", Model())
    assert tree(tmp_path / "reference") == reference[1]


def test_other_inputs_are_told_by_name(tmp_path, reference):
    listener = Listener()
    run(tmp_path / "reference", Model(), inputs=INPUTS | {"checkpoint": "cd"}, progress=listener)
    assert [each for each in listener.said if "(checkpoint)" in each]
    with pytest.raises(UsageError, match="checkpoint"):
        run(tmp_path / "reference", Model(), resume=True)


def test_a_run_of_an_earlier_version_is_read_anew_and_the_reason_said(tmp_path):
    made_with = versions(MODEL_VERSIONED)
    assert {"pillow", "tokenizers", "torch"} <= made_with.keys()
    earlier = {name: made for name, made in made_with.items() if name not in ("pillow", "tokenizers")}
    run(tmp_path, Model(), inputs=INPUTS | {"versions": earlier})
    model, listener = Model(), Listener()
    made = run(tmp_path, model, inputs=INPUTS | {"versions": made_with}, progress=listener)
    assert model.n_passes
    assert len(made.features["hidden"]) == N
    told = "features are read anew: the run that was here had other inputs (versions.pillow, versions.tokenizers)"
    assert told in listener.said


def test_resume_goes_on_also_where_the_signal_came_before_the_first_batch(tmp_path, reference):
    model = Model()
    model.at, model.act = 1, interrupt
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "run", model)
    run(tmp_path / "run", Model(), resume=True)
    assert tree(tmp_path / "run") == reference[1]


def test_resume_false_reads_all_again(tmp_path, reference):
    model = Model()
    model.at, model.act = 50, crash
    with pytest.raises(PowerCutError):
        run(tmp_path / "run", model)
    before = model.n_passes
    run(tmp_path / "run", model, resume=False)
    assert model.n_passes - before == reference[2]


def test_the_users_own_features_are_found_before_a_model_runs(tmp_path):
    (tmp_path / "run" / "features").mkdir(parents=True)
    (tmp_path / "run" / "features" / "hidden.npy").write_bytes(b"mine")
    model = Model()
    with pytest.raises(UsageError, match="would write over it"):
        run(tmp_path / "run", model)
    assert model.n_passes == 0
