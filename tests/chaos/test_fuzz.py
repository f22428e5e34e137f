"""A few broken files of each kind; `make chaos` breaks thousands."""

import io
import random
import zipfile

import pytest

from chaos.fuzz import TRIALS, Target, _fork, run
from chaos.mutate import mutate, mutate_archive, seed_of
from latentscape.errors import DataError


def test_changes_are_many_and_the_same_every_time():
    content = bytes(range(256)) * 8
    first = [mutate(content, random.Random(seed_of(1, number))) for number in range(50)]
    again = [mutate(content, random.Random(seed_of(1, number))) for number in range(50)]
    assert first == again
    assert len(set(first)) >= 40


def test_archives_are_packed_again_with_sums_that_fit():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", b"x" * 100)
    whole = 0
    for number in range(60):
        try:
            with zipfile.ZipFile(io.BytesIO(mutate_archive(buffer.getvalue(), random.Random(number)))) as archive:
                whole += archive.testzip() is None
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError, EOFError):
            pass
    assert whole >= 20


def read_oddly(path):
    content = path.read_bytes()
    if content[:1] == b"c":
        import os
        import signal

        os.kill(os.getpid(), signal.SIGSEGV)
    if content[:1] == b"e":
        raise ZeroDivisionError
    if content[:1] == b"r":
        raise DataError("broken", hint="mend it")
    if content[:1] == b"h":
        raise DataError("broken")


def test_a_fall_a_foreign_error_and_a_missing_hint_are_told_and_the_rest_goes_on(tmp_path):
    letters = b"rrcrehr"
    seen = []

    def letter(_, __):
        seen.append(0)
        return letters[start + len(seen) - 1 :][:1]

    target = Target(suffix=".x", content=b"", change=letter, read=read_oddly)
    start = 0
    first = _fork(target, tmp_path, range(7), seed=1)
    assert first["next"] == 3
    assert first["tried"] == 3
    assert first["refused"] == 2
    assert "SIGSEGV" in first["wrong"][0]
    start = 3
    rest = _fork(target, tmp_path, range(3, 7), seed=1)
    assert (rest["next"], rest["tried"], rest["refused"]) == (7, 4, 3)
    assert "ZeroDivisionError" in rest["wrong"][0]
    assert "no hint" in rest["wrong"][1]


@pytest.mark.slow
def test_no_reader_falls(tmp_path):
    outcomes = run(tmp_path, scale=0.02)
    assert [outcome.wrong for outcome in outcomes] == [[]] * len(outcomes)
    assert sum(outcome.tried for outcome in outcomes) >= 14 * 50
    assert len(outcomes) * TRIALS >= 20_000
