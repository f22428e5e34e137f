"""An extraction that is interrupted anywhere gives the bytes of one that was not, and reads little twice."""

import json

import numpy as np
import pytest
import torch

from latentscape.errors import DataError, ModelError, ResourceError
from latentscape.executor import InProcess
from latentscape.features import NoShards, Reading, Shards, collate_waveforms, harvest, read_features
from latentscape.features.plan import take_up_plan
from latentscape.progress import SILENT

from .shards_in_memory import Bomb, CrashError, ShardsInMemory
from .toys import Recorder, Speech, clips

LENGTHS = [40, 17, 33, 17, 90, 8, 41, 33, 64, 20, 20, 52, 33, 17, 29, 29, 71, 40, 9, 12, 55, 60]


class Exact(Speech):
    """Says where its time is, and answers a little differently in each size of batch, so that a pass shows its size."""

    def __init__(self, norm=False):
        super().__init__(norm=norm)
        self.bomb, self.n_calls = Bomb(), 0

    def forward(self, waveforms, lengths):
        self.bomb.tick()
        self.n_calls += 1
        self.refuse(lengths)
        self.states.bias = torch.nn.Parameter(self.bias + 1e-5 * len(lengths), requires_grad=False)
        answer = super().forward(waveforms, lengths)
        self.bomb.tick()
        return answer

    @property
    def bias(self):
        torch.manual_seed(3)
        return torch.rand(4)

    def refuse(self, lengths):
        """Nothing."""


class Normalized(Exact):
    def __init__(self):
        super().__init__(norm=True)


class Narrow(Exact):
    """Memory ends in the middle: with more than two samples in the batch of the clip of 33."""

    def refuse(self, lengths):
        if len(lengths) > 2 and 29 in lengths.tolist():
            raise torch.OutOfMemoryError("CUDA out of memory")


class Narrower(Exact):
    """Memory ends twice, and again later."""

    def refuse(self, lengths):
        if len(lengths) > (2 if int(lengths.max()) > 20 else 1) and int(lengths.max()) < 45:
            raise torch.OutOfMemoryError("CUDA out of memory")


class Poisoned(Exact):
    """Refuses two clips, one of them in a batch for which memory does not suffice."""

    def refuse(self, lengths):
        if len(lengths) > 2 and 29 in lengths.tolist():
            raise torch.OutOfMemoryError("CUDA out of memory")
        if {52, 20} & set(lengths.tolist()):
            raise DataError("poison")


class Misleading(Exact):
    """What it says of frames is wrong in one batch that no probe looks at."""

    busy = False

    def valid_frames(self, lengths):
        right = super().valid_frames(lengths)
        wrong = not self.busy and lengths.ndim and int(lengths.max()) == 29 and int(lengths.min()) < 29
        return right + 1 if wrong else right

    def forward(self, waveforms, lengths):
        self.busy = True
        try:
            return super().forward(waveforms, lengths)
        finally:
            self.busy = False


class Lossy:
    """Inputs of which some can't be read, and one is not finite."""

    def __init__(self):
        self.clips = clips(LENGTHS)
        self.clips[8] = np.full(64, np.nan, dtype=np.float32)

    def __len__(self):
        return len(self.clips)

    def __getitem__(self, row):
        if row in (2, 4, 17):
            raise DataError("not a wav file", got=f"file {row} \udcff", hint="convert it")
        return self.clips[row]


def register():
    from collections.abc import Sequence

    Sequence.register(Lossy)


register()
CASES = {
    "padded": (Exact, clips(LENGTHS)),
    "equal lengths": (Normalized, clips(LENGTHS)),
    "memory": (Narrow, clips(LENGTHS)),
    "memory twice": (Narrower, clips(LENGTHS)),
    "poison and memory": (Poisoned, clips(LENGTHS)),
    "unreadable and not finite": (Exact, Lossy()),
    "unreadable, poison and memory": (Poisoned, Lossy()),
    "no mask in the middle": (Misleading, clips(LENGTHS)),
}


def read(make, inputs, shards=None, *, bomb=None, progress=SILENT, executor=None):
    model = make()
    shards = shards or NoShards()
    if bomb is not None:
        model.bomb = shards.bomb = bomb
    reading = Reading(
        layers=model.layers, collate=collate_waveforms, lengths=[len(clip) for clip in clips(LENGTHS)], batch_size=4
    )
    executor = executor or InProcess(progress)
    return read_features(model, inputs, reading, shards=shards, executor=executor), model.n_calls


def fingerprint(extraction):
    """Everything that must be the same."""
    features = {name: values.tobytes() for name, values in extraction.features.items()}
    rest = {name: value for name, value in vars(extraction).items() if name not in ("features", "kept")}
    return {**rest, "features": features, "kept": extraction.kept.tolist()}


QUICK = ("unreadable, poison and memory", "no mask in the middle")
"""The two cases that hold all the others; those run with `make chaos`."""
RARE = [pytest.mark.slow, pytest.mark.chaos]


@pytest.fixture(params=[pytest.param(name, marks=[] if name in QUICK else RARE) for name in CASES])
def case(request):
    return CASES[request.param]


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(harvest, "SHARD_SAMPLES", 8)


def count_moments(make, inputs):
    bomb = Bomb()
    read(make, inputs, ShardsInMemory(), bomb=bomb)
    return bomb.n


def test_the_cases_are_what_they_are_named_for():
    made = {name: read(make, inputs)[0] for name, (make, inputs) in CASES.items()}
    assert made["padded"].padding == "padded"
    assert made["padded"].backoffs == ()
    assert made["equal lengths"].padding == made["no mask in the middle"].padding == "equal lengths"
    assert made["no mask in the middle"].pad_difference < 1e-3 < made["equal lengths"].pad_difference
    assert [limit for _, limit in made["memory"].backoffs] == [2]
    assert 0 < made["memory"].backoffs[0][0] < 5
    assert [limit for _, limit in made["memory twice"].backoffs] == [2, 1]
    assert [row for row, _ in made["poison and memory"].failed] == [9, 10, 11]
    assert [row for row, _ in made["unreadable and not finite"].failed] == [2, 4, 8, 17]
    plans = {name: extraction.plan_sha256 for name, extraction in made.items()}
    assert plans["memory"] == plans["poison and memory"]  # what is refused while reading changes no batch
    assert len(set(plans.values())) == len(made) - 1


@pytest.mark.slow
def test_a_crash_at_any_moment_costs_nothing_but_the_batches_since_the_last_shard(case):
    check_crashes(*case, step=1)


@pytest.mark.slow
def test_a_crash_now_and_then_costs_nothing():
    check_crashes(*CASES["unreadable, poison and memory"], step=6)
    check_crashes(*CASES["padded"], step=4)


def check_crashes(make, inputs, *, step):
    whole, _ = read(make, inputs)
    for moment in range(1, count_moments(make, inputs) + 1, step):
        shards = ShardsInMemory()
        with pytest.raises(CrashError):
            read(make, inputs, shards, bomb=Bomb(moment))
        planned, n_kept = shards.plan is not None, shards.n_passes
        made, n_calls = read(make, inputs, shards, bomb=Bomb())
        assert fingerprint(made) == fingerprint(whole), moment
        if planned and make in (Exact, Normalized):
            assert n_calls == whole.n_batches - n_kept, moment  # no probe, and nothing twice


@pytest.mark.slow
def test_no_crash_loses_more_than_one_shard():
    for moment in range(1, count_moments(Exact, clips(LENGTHS)) + 1):
        shards, model = ShardsInMemory(), Exact()
        model.bomb = shards.bomb = Bomb(moment)
        reading = Reading(layers=model.layers, collate=collate_waveforms, lengths=LENGTHS, batch_size=4)
        seen = Recorder()
        done = []
        seen.track = lambda items, *, label, total, done=done: (done.append(item) or item for item in items)
        with pytest.raises(CrashError):
            read_features(model, clips(LENGTHS), reading, shards=shards, executor=InProcess(seen))
        assert len(done) - shards.n_batches <= 2  # a shard is two batches of four here


@pytest.mark.parametrize("every", [15, 22])
def test_crash_after_crash_it_gets_done(case, every, monkeypatch):
    monkeypatch.setattr(harvest, "SHARD_SAMPLES", 1)
    make, inputs = case
    whole, _ = read(make, inputs)
    shards, n = ShardsInMemory(), 0

    class Late(Bomb):
        def tick(self):
            if shards.plan:  # the probes must get through once: nothing of them is kept
                super().tick()

    while True:
        try:
            made, _ = read(make, inputs, shards, bomb=Late(every))
            break
        except CrashError:
            n += 1
            assert n < 30
    assert n
    assert fingerprint(made) == fingerprint(whole)


@pytest.mark.parametrize(("samples", "seconds"), [(1, 10), (5, 10), (1000, 10), (1000, 0)])
def test_any_partition_into_shards_gives_the_same_bytes(case, samples, seconds, monkeypatch):
    make, inputs = case
    whole, _ = read(make, inputs)
    monkeypatch.setattr(harvest, "SHARD_SAMPLES", samples)
    monkeypatch.setattr(harvest, "SHARD_SECONDS", seconds)
    shards = ShardsInMemory()
    assert fingerprint(read(make, inputs, shards)[0]) == fingerprint(whole)
    if samples == 1000 and seconds:
        assert len(shards.kept) == 1
    if samples == 1 or not seconds:
        assert [len(covered) for covered, _ in shards.kept] == [1] * shards.n_batches
    again, n_calls = read(make, inputs, shards)
    assert fingerprint(again) == fingerprint(whole)
    assert n_calls == 0
    while shards.kept:  # and from every shard on
        shards.kept.pop()
        keeping = ShardsInMemory()
        keeping.plan, keeping.kept = shards.plan, list(shards.kept)
        assert fingerprint(read(make, inputs, keeping)[0]) == fingerprint(whole)


@pytest.mark.slow
def test_whoever_asks_to_stop_finds_everything_kept_that_was_read():
    whole, _ = read(Exact, clips(LENGTHS))
    for moment in range(count_moments(Exact, clips(LENGTHS))):
        shards, model = ShardsInMemory(), Exact()
        model.bomb, shards.stop_after = shards.bomb, moment
        reading = Reading(layers=model.layers, collate=collate_waveforms, lengths=LENGTHS, batch_size=4)
        try:
            read_features(model, clips(LENGTHS), reading, shards=shards)
        except CrashError:
            n_read, shards.stop_after = shards.n_passes, None
            made, n_calls = read(Exact, clips(LENGTHS), shards)
            assert n_calls == whole.n_batches - n_read
            assert fingerprint(made) == fingerprint(whole)
        assert shards.n_batches == 6


def test_memory_that_was_short_once_is_remembered_at_once():
    whole, _ = read(Narrow, clips(LENGTHS))
    start, limit = whole.backoffs[0]
    shards = ShardsInMemory()
    crashing = type("Crashing", (Narrow,), {})

    def refuse(self, lengths):
        Narrow.refuse(self, lengths)
        if len(lengths) <= limit and 29 in lengths.tolist() and len(lengths) > 1 and self.n_calls > 3:
            raise CrashError  # before anything is read with the new limit

    crashing.refuse = refuse
    with pytest.raises(CrashError):
        read(crashing, clips(LENGTHS), shards)
    assert json.loads(shards.plan)["backoffs"] == [[start, limit]]
    made, _ = read(Exact, clips(LENGTHS), shards)  # memory would suffice now
    assert fingerprint(made) == fingerprint(whole)


def test_going_on_says_so():
    shards, recorder = ShardsInMemory(), Recorder()
    with pytest.raises(CrashError):
        read(Exact, clips(LENGTHS), shards, bomb=Bomb(count_moments(Exact, clips(LENGTHS)) - 1))
    read(Exact, clips(LENGTHS), shards, bomb=Bomb(), progress=recorder)
    assert recorder.said == ["4 of 6 batches were read before: going on after them."]
    assert recorder.tracked == [("features", 2)]


def test_space_is_asked_for_before_the_first_batch_and_nothing_is_read_without():
    shards = ShardsInMemory()
    made, _ = read(Exact, clips(LENGTHS), shards)
    n_bytes = 4 * len(LENGTHS) * sum(values.shape[1] for values in made.features.values())
    assert shards.asked == [2 * n_bytes]
    read(Exact, clips(LENGTHS), shards)
    assert shards.asked == [2 * n_bytes, n_bytes]

    class Full(ShardsInMemory):
        def require_space(self, n_bytes):
            raise ResourceError("the disk is full")

    shards = Full()
    with pytest.raises(ResourceError):
        read(Exact, clips(LENGTHS), shards)
    assert not shards.kept


# --- what does not fit is not used ---

BAD_SHARDS = {
    "an array is missing": lambda arrays: arrays.pop("layer_1"),
    "an array too many": lambda arrays: arrays.update(layer_3=np.zeros(3)),
    "rows of another batch": lambda arrays: arrays.update(rows=arrays["rows"] + 1),
    "a row twice": lambda arrays: arrays.update(rows=np.full_like(arrays["rows"], arrays["rows"][0])),
    "rows of another type": lambda arrays: arrays.update(rows=arrays["rows"].astype(np.int32)),
    "rows in two axes": lambda arrays: arrays.update(rows=arrays["rows"][:, None]),
    "another width": lambda arrays: arrays.update(layer_0=arrays["layer_0"][:, :-1]),
    "a row short": lambda arrays: arrays.update(layer_2=arrays["layer_2"][:-1]),
    "doubles": lambda arrays: arrays.update(layer_2=arrays["layer_2"].astype(np.float64)),
    "reasons that are no JSON": lambda arrays: arrays.update(failed=np.frombuffer(b"[[1,", dtype=np.uint8)),
    "reasons that are no pairs": lambda arrays: arrays.update(failed=np.frombuffer(b"[1]", dtype=np.uint8)),
    "reasons that are no list": lambda arrays: arrays.update(failed=np.frombuffer(b"7", dtype=np.uint8)),
    "a reason that is no text": lambda arrays: arrays.update(failed=np.frombuffer(b"[[1, 2]]", dtype=np.uint8)),
    "reasons too deep": lambda arrays: arrays.update(failed=np.frombuffer(b"[" * 99999, dtype=np.uint8)),
    "reasons as floats": lambda arrays: arrays.update(failed=arrays["failed"].astype(np.float32)),
    "a row read and failed": lambda arrays: arrays.update(failed=np.frombuffer(b'[[4, "x"]]', dtype=np.uint8)),
    "passes below zero": lambda arrays: arrays.update(passes=np.array([-1])),
    "no passes": lambda arrays: arrays.update(passes=np.empty(0, dtype=np.int64)),
}


@pytest.mark.parametrize("kind", BAD_SHARDS)
@pytest.mark.parametrize("place", [0, 1])
def test_a_shard_that_does_not_fit_is_read_again_and_no_other(kind, place):
    shards = ShardsInMemory()
    whole, _ = read(Exact, clips(LENGTHS), shards)
    n_passes = int(shards.kept[place][1]["passes"][0])
    BAD_SHARDS[kind](shards.kept[place][1])
    made, n_calls = read(Exact, clips(LENGTHS), shards)
    assert fingerprint(made) == fingerprint(whole)
    assert n_calls == n_passes


@pytest.mark.parametrize("covered", [range(1, 3), range(99), range(0), range(1)])
def test_a_shard_of_other_batches_is_not_used(covered):
    shards = ShardsInMemory()
    whole, _ = read(Exact, clips(LENGTHS), shards)
    n_passes = int(shards.kept[0][1]["passes"][0])
    shards.kept[0] = (covered, shards.kept[0][1])
    made, n_calls = read(Exact, clips(LENGTHS), shards)
    assert fingerprint(made) == fingerprint(whole)
    assert n_calls == n_passes


BAD_PLANS = {
    "empty": lambda plan: plan.clear(),
    "a key is missing": lambda plan: plan.pop("axes"),
    "a key too many": lambda plan: plan.update(more=1),
    "another size of batches": lambda plan: plan.update(batch_size=5),
    "another padding": lambda plan: plan.update(padding="none"),
    "padding that makes other batches": lambda plan: plan.update(padding="equal lengths"),
    "other layers": lambda plan: plan["layers"].update(cnn="conv"),
    "an axis too far": lambda plan: plan["axes"].update(cnn=[3]),
    "an axis that is a word": lambda plan: plan["axes"].update(cnn=["1"]),
    "an axis that is true": lambda plan: plan["axes"].update(cnn=[True]),
    "an axis that is no list": lambda plan: plan["axes"].update(cnn=2),
    "an axis twice": lambda plan: plan["axes"].update(cnn=[2, 2]),
    "more axes than any answer has": lambda plan: plan["axes"].update(cnn=[1, 2, 3, 4]),
    "an axis is missing": lambda plan: plan["axes"].pop("cnn"),
    "axes that are none": lambda plan: plan.update(axes=None),
    "no width": lambda plan: plan["widths"].update(cnn=0),
    "a type that is none": lambda plan: plan["dtypes"].update(cnn="complex"),
    "a type that is no word": lambda plan: plan["dtypes"].update(cnn=1),
    "failed rows out of range": lambda plan: plan.update(failed=[[99, "x"]]),
    "failed rows that have no reason": lambda plan: plan.update(failed=[3]),
    "failed rows that were none": lambda plan: plan.update(failed=[[3, "x"]]),
    "a difference that is none": lambda plan: plan.update(pad_difference=float("nan")),
    "a difference without end": lambda plan: plan.update(pad_difference=float("inf")),
    "a checksum of something else": lambda plan: plan.update(batches_sha256="0" * 64),
    "a limit of nothing": lambda plan: plan.update(backoffs=[[1, 0]]),
    "a limit above": lambda plan: plan.update(backoffs=[[1, 9]]),
    "a limit at no batch": lambda plan: plan.update(backoffs=[[99, 1]]),
    "limits that are no pairs": lambda plan: plan.update(backoffs=[[1, 2, 3]]),
}


@pytest.mark.parametrize("kind", BAD_PLANS)
def test_a_plan_that_does_not_fit_is_made_anew(kind):
    shards = ShardsInMemory()
    whole, _ = read(Exact, clips(LENGTHS), shards)
    plan = json.loads(shards.plan)
    BAD_PLANS[kind](plan)
    shards.plan = json.dumps(plan)
    made, n_calls = read(Exact, clips(LENGTHS), shards)
    assert fingerprint(made) == fingerprint(whole)
    assert n_calls > whole.n_batches  # the probes too
    assert made.plan_sha256 == whole.plan_sha256


def test_a_plan_for_other_inputs_or_another_order_of_layers():
    shards, model = ShardsInMemory(), Exact()
    read(Exact, clips(LENGTHS), shards)
    reading = Reading(layers=model.layers, collate=collate_waveforms, lengths=LENGTHS, batch_size=4)
    assert take_up_plan(shards.load_plan(), reading)
    turned = dict(reversed(model.layers.items()))
    made = read_features(model, clips(LENGTHS), Reading(**vars(reading) | {"layers": turned}), shards=shards)
    assert list(made.features) == ["logits", "encoder", "cnn"]
    assert made.features["cnn"].tobytes() == read(Exact, clips(LENGTHS))[0].features["cnn"].tobytes()
    assert model.n_calls == 0
    for lengths in (LENGTHS[:-1], [length + 1 for length in LENGTHS], LENGTHS[::-1]):
        assert take_up_plan(shards.load_plan(), Reading(**vars(reading) | {"lengths": lengths})) is None


def test_without_shards_nothing_is_kept():
    assert isinstance(NoShards(), Shards)
    assert isinstance(ShardsInMemory(), Shards)
    assert list(NoShards().load()) == []


def test_a_model_that_fails_midway_keeps_what_was_read():
    class Failing(Exact):
        def refuse(self, lengths):
            if 29 in lengths.tolist():
                raise IndexError("index out of range in self")

    shards = ShardsInMemory()
    with pytest.raises(ModelError, match=r"the model fails on row .*\n  got: IndexError"):
        read(Failing, clips(LENGTHS), shards)
    assert shards.n_batches == 2
