"""Batches read by workers that share nothing give the bytes, failures and counts of one process that reads in order."""

import numpy as np
import pytest
import torch

from latentscape.errors import DataError, ModelError, WorkerDiedError
from latentscape.features import LazyInputs, NoShards, Reading, harvest
from latentscape.features.inputs import Unreadable, find_read, pack_inputs
from latentscape.features.plan import Plan, plan_batches
from latentscape.features.spread import Batches, describe_batches, split_batches
from tests.listening import Listener
from tests.scattered import Scattered, copy

from .shards_in_memory import Bomb, CrashError, ShardsInMemory
from .test_resume import CASES, LENGTHS, Exact, Narrow, fingerprint, read
from .toys import Recorder, clips

HARDEST = ("unreadable, poison and memory", "no mask in the middle", "memory twice")


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(harvest, "SHARD_SAMPLES", 8)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(("n_workers", "seed"), [(3, 0), (1, 1)])
def test_everything_is_as_in_one_process(name, n_workers, seed):
    make, inputs = CASES[name]
    shards = ShardsInMemory()
    made, _ = read(make, inputs, shards, executor=Scattered(n_workers=n_workers, seed=seed))
    whole, _ = read(make, inputs)
    assert fingerprint(made) == fingerprint(whole)
    assert shards.n_batches == len(shards.plan and set().union(*(batches for batches, _ in shards.kept)))


@pytest.mark.parametrize("name", HARDEST)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_in_whichever_order_tasks_come_back(name, seed):
    make, inputs = CASES[name]
    made, _ = read(make, inputs, executor=Scattered(seed=seed))
    assert fingerprint(made) == fingerprint(read(make, inputs)[0])


@pytest.mark.parametrize("name", HARDEST)
@pytest.mark.parametrize("first_local", [True, False])
def test_each_engine_goes_on_where_the_other_one_was_ended(name, first_local):
    make, inputs = CASES[name]
    whole, _ = read(make, inputs)
    engines = [None, Scattered(seed=5)] if first_local else [Scattered(seed=6), None]
    bomb = Bomb()
    read(make, inputs, ShardsInMemory(), bomb=bomb, executor=engines[0])
    n_used = 0
    for moment in range(1, bomb.n, max(1, bomb.n // 6)):
        shards = ShardsInMemory()
        with pytest.raises(CrashError):
            read(make, inputs, shards, bomb=Bomb(moment), executor=engines[0])
        n_used += shards.n_batches
        made, _ = read(make, inputs, shards, bomb=Bomb(), executor=engines[1])
        assert fingerprint(made) == fingerprint(whole), moment
    assert n_used


def test_only_what_is_missing_is_read():
    shards = ShardsInMemory()
    whole, _ = read(Exact, clips(LENGTHS), shards)
    del shards.kept[1]
    seen = Recorder()
    made, n_calls = read(Exact, clips(LENGTHS), shards, progress=seen)
    assert (fingerprint(made), n_calls) == (fingerprint(whole), 2)
    del shards.kept[0]
    made, n_calls = read(Exact, clips(LENGTHS), shards, executor=Scattered())
    assert (fingerprint(made), n_calls) == (fingerprint(whole), 0)  # here: workers have models of their own
    assert seen.said == ["4 of 6 batches were read before: going on after them."]


def test_what_was_read_of_later_batches_goes_before_the_plan_says_otherwise():
    whole, _ = read(Narrow, clips(LENGTHS))
    start, _ = whole.backoffs[0]
    shards = ShardsInMemory()
    read(Exact, clips(LENGTHS), shards)  # memory sufficed; now a hole at the batch for which it won't
    shards.kept = [one for one in shards.kept if start not in one[0]]
    kept_at = []
    save_plan = shards.save_plan
    shards.save_plan = lambda plan: (kept_at.append([batches for batches, _ in shards.kept]), save_plan(plan))
    made, _ = read(Narrow, clips(LENGTHS), shards)
    assert fingerprint(made) == fingerprint(whole)
    assert all(batches.stop <= start for batches in kept_at[-1])


def test_whoever_asks_to_stop_finds_everything_kept_that_was_read():
    whole, _ = read(Exact, clips(LENGTHS))
    shards = ShardsInMemory()
    shards.stop_after = 6
    with pytest.raises(CrashError):
        read(Exact, clips(LENGTHS), shards, executor=Scattered())
    assert 0 < shards.n_batches < 6
    shards.stop_after = None
    assert fingerprint(read(Exact, clips(LENGTHS), shards)[0]) == fingerprint(whole)


class Failing(Exact):
    def refuse(self, lengths):
        for length in (29, 17):
            if length in lengths.tolist():
                raise IndexError(f"no {length}")


@pytest.mark.parametrize("seed", range(4))
def test_the_first_error_in_order_is_raised_and_what_comes_before_is_kept(seed):
    with pytest.raises(ModelError) as local:
        read(Failing, clips(LENGTHS))
    shards = ShardsInMemory()
    with pytest.raises(ModelError) as spread:
        read(Failing, clips(LENGTHS), shards, executor=Scattered(seed=seed))
    assert str(spread.value) == str(local.value)
    reached = {number for batches, _ in shards.kept for number in batches}
    assert {0, 1} <= reached


def list_batches():
    return plan_batches(range(len(LENGTHS)), LENGTHS, batch_size=4, padding="padded")


def rows_of(task):
    return {row for batch in task.rows for row in batch}


def test_a_sample_that_kills_workers_is_named():
    with pytest.raises(WorkerDiedError, match=r"row 17 dies each time\n") as caught:
        read(Exact, clips(LENGTHS), executor=Scattered(kills=lambda task: 17 in rows_of(task)))
    assert "leave the sample out" in caught.value.hint
    assert caught.value.fault == "worker-died"


def test_several_of_a_batch_are_named_together():
    batch = list_batches()[2]
    shards = ShardsInMemory()
    with pytest.raises(WorkerDiedError) as caught:
        read(Exact, clips(LENGTHS), shards, executor=Scattered(kills=lambda task: rows_of(task) & {*batch[:2]}))
    assert f"rows {', '.join(map(str, sorted(batch[:2])))} dies" in caught.value.what
    made, _ = read(Exact, clips(LENGTHS), shards)
    assert fingerprint(made) == fingerprint(read(Exact, clips(LENGTHS))[0])


def test_a_batch_that_kills_workers_only_together_is_named_whole():
    batch = list_batches()[2]
    kills = Scattered(kills=lambda task: set(batch) <= rows_of(task))
    with pytest.raises(WorkerDiedError, match="not over one of them alone") as caught:
        read(Exact, clips(LENGTHS), executor=kills)
    assert all(str(row) in caught.value.what for row in batch)
    assert "--batch-size" in caught.value.hint


def test_a_batch_over_which_somebody_else_killed_workers_is_read_in_the_end():
    batch, deaths, said = list_batches()[2], [0], Listener()

    def kills(task):
        is_there = set(batch) <= rows_of(task)
        deaths[0] += is_there and len(task) == 1
        return is_there and deaths[0] < 3

    made, _ = read(Exact, clips(LENGTHS), executor=Scattered(progress=said, kills=kills))
    assert fingerprint(made) == fingerprint(read(Exact, clips(LENGTHS))[0])
    assert any("read together again" in each for each in said.said)


def test_a_task_is_cut_down_to_single_batches():
    task = Batches(
        first=3,
        rows=[[5, 1], [2], [9, 8]],
        contents=[["e", "a"], ["b"], ["i", "h"]],
        lengths=[[1, 1], [1], [1, 1]],
        limits=[4, 2, 2],
    )
    one, rest = split_batches(task)
    assert (one.first, one.rows, rest.first, rest.limits) == (3, [[5, 1]], 4, [2, 2])
    assert split_batches(one) == []
    assert describe_batches(task) == "batches 3 to 5 (rows 1, 2, 5, 8, 9)"
    assert describe_batches(rest.take(0, 1)) == "batch 4 (row 2)"


# --- what travels ---


class Numbers(LazyInputs):
    contents = tuple(range(10))

    @property
    def read(self):
        return halve


def halve(number):
    if number == 3:
        raise DataError("three")
    return number / 2


def test_lazy_inputs_are_read_where_they_arrive():
    inputs = Numbers()
    assert (len(inputs), inputs[4], inputs[-1]) == (10, 2.0, 4.5)
    with pytest.raises(DataError, match="three"):
        list(inputs)
    assert pack_inputs(inputs, [4, 3]) == [4, 3]
    read_one = copy(find_read(inputs))
    assert read_one(4) == 2.0
    with pytest.raises(DataError, match="three"):
        read_one(3)


def test_an_input_that_can_not_be_read_here_fails_there():
    _, lossy = next(case for name, case in CASES.items() if name.startswith("unreadable and"))
    packed = copy(pack_inputs(lossy, [1, 2]))
    assert isinstance(packed[1], Unreadable)
    assert np.array_equal(find_read(lossy)(packed[0]), lossy[1])
    with pytest.raises(DataError) as caught:
        find_read(lossy)(packed[1])
    assert (caught.value.what, caught.value.got) == ("not a wav file", "file 2 \udcff")


def test_a_row_of_a_tensor_does_not_take_the_whole_along():
    whole = torch.arange(1_000_000.0).reshape(1000, 1000)
    [row, (part, label), named] = pack_inputs([whole[3], (whole[4], 1), {"x": whole[5]}], range(3))
    for tensor, number in ((row, 3), (part, 4), (named["x"], 5)):
        assert torch.equal(tensor, whole[number])
        assert tensor.untyped_storage().nbytes() == 4000
    assert label == 1


def test_no_shards_forget_nothing():
    NoShards().forget(0)


def plan_harvest(n, batch_size):
    reading = Reading(layers={"a": "a"}, collate=dict, lengths=[1] * n, batch_size=batch_size)
    facts = {"axes": {"a": ()}, "widths": {"a": 2}, "dtypes": {"a": "float32"}, "failed": (), "batches_sha256": ""}
    plan = Plan(layers=reading.layers, batch_size=batch_size, padding="padded", pad_difference=0.0, **facts)
    return harvest.Harvest(plan, reading, NoShards())


def test_of_very_many_samples_shards_are_larger(monkeypatch):
    monkeypatch.setattr(harvest, "MOST_RUNS", 3)
    monkeypatch.setattr(harvest, "SHARD_SAMPLES", 2)
    runs = plan_harvest(n=40, batch_size=4).cut(1)
    assert [len(run) for run in runs] == [4, 4, 2]
    assert len(plan_harvest(n=40, batch_size=4).cut(5)) == 5
