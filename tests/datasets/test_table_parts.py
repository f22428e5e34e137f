"""A table in many files: the same samples whoever reads them, also where some are broken."""

import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from latentscape.datasets.pairs import read_pairs
from latentscape.datasets.samples import read_samples
from latentscape.errors import DataError
from tests.scattered import Scattered


def write_parts(folder, ending):
    folder.mkdir()
    for number in range(5):
        rows = [{"text": f"text {number} {row}", "label": "xy"[row % 2]} for row in range(3)]
        path = folder / f"part-{number:05}.{ending}"
        if ending == "parquet":
            parquet.write_table(pa.Table.from_pylist(rows), path)
        else:
            path.write_text("\n".join([*map(json.dumps, rows), '{"text": "half']))
    return folder


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_workers_read_the_same_samples_in_the_same_order(tmp_path, ending):
    folder = write_parts(tmp_path / "reviews", ending)
    here, there = read_samples(folder), read_samples(folder, executor=Scattered())
    assert len(here) == 15
    assert here.contents[:4] == ("text 0 0", "text 0 1", "text 0 2", "text 1 0")
    assert len(here.skipped) == (5 if ending == "jsonl" else 0)
    assert (here.ids, here.contents, here.skipped) == (there.ids, there.contents, there.skipped)
    assert here.labels.tolist() == there.labels.tolist()


@pytest.mark.parametrize("executor", [None, Scattered()])
def test_of_broken_files_the_first_is_named_with_its_reason_and_its_next_step(tmp_path, executor):
    folder = write_parts(tmp_path / "reviews", "parquet")
    for number in (3, 1):
        (folder / f"part-{number:05}.parquet").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=r"part-00001.parquet can't be read") as caught:
        read_samples(folder, **({"executor": executor} if executor else {}))
    assert caught.value.hint == "copy, download or write it again"


def test_files_that_differ_in_words_are_several_tables(tmp_path):
    for name in ("apples.csv", "pears.csv"):
        (tmp_path / name).write_text("text,label\na,x\n")
    with pytest.raises(DataError, match="holds several tables"):
        read_samples(tmp_path)


@pytest.mark.parametrize("ending", ["parquet", "jsonl"])
def test_a_pair_file_in_parts(tmp_path, ending):
    for number in range(3):
        rows = [{"query": f"query {number} {row}", "pos": f"right {number} {row}"} for row in range(2)]
        path = tmp_path / f"{number}.{ending}"
        if ending == "parquet":
            parquet.write_table(pa.Table.from_pylist(rows), path)
        else:
            path.write_text("\n".join([*map(json.dumps, rows), '{"query": "half']))
    here, there = read_pairs(tmp_path), read_pairs(tmp_path, executor=Scattered())
    assert here.queries == there.queries == tuple(f"query {number} {row}" for number in range(3) for row in range(2))
    assert (here.documents, here.skipped, here.rows) == (there.documents, there.skipped, there.rows)
    assert here.rows[2] == f"1.{ending}, {'row' if ending == 'parquet' else 'line'} 1"
    assert [name for name, _ in here.skipped] == ([f"{n}.jsonl, line 3" for n in range(3)] if ending == "jsonl" else [])
