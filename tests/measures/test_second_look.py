"""A second look at all pairs by workers that share nothing finds what one process finds, whichever of them die."""

import numpy as np
import pytest

from latentscape.executor import IN_PROCESS
from latentscape.measures import populations, second_look
from latentscape.measures.similarity import measure_similarities
from tests.scattered import Scattered, same

from .pair_scans import judge, scan_by_hand

N, M, WIDTH = 61, 150, 8


def collapse(seed=0):
    """Vectors that are nearly all the same: right and wrong pairs share a few bins of the scan."""
    random = np.random.default_rng(seed)
    base = random.normal(size=WIDTH)
    documents = base + 3e-3 * random.normal(size=(M, WIDTH))
    documents[-20:] = documents[:20]  # their cosines tie exactly
    queries = documents[:N] + 2e-3 * random.normal(size=(N, WIDTH))
    relevant = [np.array([q, M - 21 - q % 5][: 1 + q % 2]) for q in range(N)]
    ignored = [np.array([N + q % 7][: q % 3 // 2], dtype=int) for q in range(N)]
    judgments = judge(relevant, [np.array([], dtype=int)] * N, ignored, n_documents=M)
    return queries.astype(np.float32), documents.astype(np.float32), judgments


@pytest.fixture
def resolved(monkeypatch):
    """What `resolve_pairs` has given, in small blocks and several parts."""
    monkeypatch.setattr(second_look, "QUERIES_AT_ONCE", 7)
    monkeypatch.setattr(second_look, "DOCUMENTS_AT_ONCE", 11)
    monkeypatch.setattr(second_look, "PART_PAIRS", 7 * 40)
    given = []

    def keep(*args, **options):
        given.append(second_look.resolve_pairs(*args, **options))
        return given[-1]

    monkeypatch.setattr(populations, "resolve_pairs", keep)
    return given


@pytest.mark.parametrize("exact_pairs", [0, populations.EXACT_PAIRS])
def test_workers_count_what_one_process_counts(exact_pairs, resolved, monkeypatch):
    monkeypatch.setattr(populations, "EXACT_PAIRS", exact_pairs)
    case = collapse()
    scan = scan_by_hand(*case, n_groups=13)
    here, there = (measure_similarities(*case, scan, seed=0, executor=each) for each in (IN_PROCESS, Scattered()))
    assert len(resolved) == 2  # the bins of the scan were not trusted
    assert same(resolved[0], resolved[1])
    assert len(resolved[0].inside) == (2 if exact_pairs else 0)
    assert resolved[0].negative.sum() == N * M - sum(map(len, case[2].relevant)) - sum(map(len, case[2].ignored))
    assert same(here, there)
    assert here.scores["auc"].value is not None


def test_deaths_change_nothing(resolved):
    case = collapse(1)
    scan, seen = scan_by_hand(*case), set()

    def kills(part):
        """Every part that can still be cut."""
        seen.add(part)
        return bool(second_look.halve_part(part))

    measure_similarities(*case, scan, seed=0)
    measure_similarities(*case, scan, seed=0, executor=Scattered(kills=kills))
    assert same(*resolved)
    assert len(seen) > -(-N // 7) * -(-M // 11)  # each block in the end, and what they were cut from


@pytest.mark.usefixtures("resolved")
@pytest.mark.parametrize(("n", "m"), [(1, 1), (7, 500), (500, 7), (61, 150), (700, 20)])
def test_parts_and_their_halves_hold_every_pair_once_in_whole_blocks(n, m):
    parts, times, n_blocks = second_look.cut_parts(n, m), np.zeros((n, m), int), 0
    while parts:
        (start, stop), (first, last) = part = parts.pop()
        assert (start % 7, first % 11) == (0, 0)
        assert (stop - start) * (last - first) <= 7 * 44
        if halves := second_look.halve_part(part):
            parts += halves
            continue
        times[start:stop, first:last] += 1
        n_blocks += 1
    assert (times == 1).all()
    assert n_blocks == -(-n // 7) * -(-m // 11)


def test_a_part_is_told_in_words():
    assert second_look.name_part(((0, 512), (2048, 4096))) == "queries 0 to 511 against documents 2,048 to 4,095"
