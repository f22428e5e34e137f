"""A few of the faults of `make chaos`; that the judges can tell a broken folder from a whole one."""

import errno
import os

import pytest

from chaos import faults
from chaos.faulty_system import Fault, faulty
from latentscape.disk import write_file
from latentscape.errors import ResourceError

WHOLE = {"a.png": b"a", "manifest.json": b"{}"}


@pytest.mark.slow
def test_no_fault_leaves_half_a_file_or_ends_well(tmp_path):
    outcomes = faults.run(tmp_path, scale=0.05)
    assert [outcome.wrong for outcome in outcomes] == [[], []]
    assert outcomes[0].tried >= 50
    assert outcomes[1].tried >= 2


@pytest.mark.parametrize(
    ("found", "code", "wrong"),
    [
        (WHOLE, 0, ""),
        ({"a.png": b"a"}, 0, "exit 0, but missing"),
        ({"a.png": b"", "manifest.json": b"{}"}, 0, "exit 0, but"),
        ({"a.png": b"a", ".latentscape-0123456789abcdef.tmp": b""}, 6, ""),
        ({"a.png": b"half"}, 6, "half files"),
        ({"manifest.json": b"{}"}, 6, "a manifest without"),
        ({}, 9, "exit 9"),
    ],
)
def test_what_is_broken_is_seen(found, code, wrong):
    said = faults.compare_after(found, WHOLE, code=code)
    assert said.startswith(wrong)
    assert bool(said) == bool(wrong)


@pytest.mark.parametrize("forever", [False, True])
def test_only_the_chosen_call_below_the_folder_fails(tmp_path, forever):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    outside.mkdir()
    fault = Fault(call="fsync", at=3, code=errno.EIO, forever=forever)
    with faulty(inside, fault) as counts:
        for folder in (outside, inside):
            write_file(folder / "a", lambda sink: sink.write(b"x"))
        with pytest.raises(ResourceError, match=os.strerror(errno.EIO)):
            write_file(inside / "b", lambda sink: sink.write(b"x"))
        if not forever:
            write_file(inside / "b", lambda sink: sink.write(b"x"))
    assert counts["fsync"] >= 3
    assert sorted(path.name for path in inside.iterdir()) == (["a"] if forever else ["a", "b"])


def test_every_fault_is_tried_at_scale_one_and_a_share_of_them_below():
    counts = {"write": 10, "open": 5}
    assert len(faults.list_faults(counts, scale=1)) == 15 * 8
    assert len(faults.list_faults(counts, scale=0.1)) == 12
