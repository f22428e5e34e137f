import json
from itertools import combinations

import numpy as np
import pytest
from scipy.sparse.csgraph import shortest_path

from latentscape.datasets.geography import find_places, measure_great_circle, read_geography
from latentscape.errors import DataError


def read(folder, text, name="g.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return read_geography(path)


def test_coordinates(tmp_path):
    """A quarter of the equator, a degree along a meridian; from pole to pole it is half a turn."""
    found = read(tmp_path, "name,lat,lon\nA,0,0\nB,0,90\nC,1,0\nN,90,12\nS,-90,-55\n")
    quarter = np.pi / 2 * 6371.0088
    assert found["A", "B"] == pytest.approx(quarter)
    assert found["A", "C"] == pytest.approx(quarter / 90)
    assert found["N", "S"] == pytest.approx(2 * quarter)
    assert len(found) == 10


def test_great_circles_equal_the_angle_between_vectors():
    random = np.random.default_rng(0)
    places = np.column_stack([random.uniform(-90, 90, 40), random.uniform(-180, 180, 40)])
    lat, lon = np.radians(places).T
    vectors = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    for a, b in combinations(range(40), 2):
        angle = np.arctan2(np.linalg.norm(np.cross(vectors[a], vectors[b])), vectors[a] @ vectors[b])
        assert measure_great_circle(tuple(places[a]), tuple(places[b])) == pytest.approx(6371.0088 * angle)


def test_neighbors_become_steps(tmp_path):
    """A chain of three, and two places apart from it: one step further than the farthest of the chain."""
    found = read(tmp_path, "a;b\nQuận 1;Quận 3\nQuận 3;Quận 10\nQuận 3;Quận 1\nĐống Đa;Ba Đình\n")
    assert found["Quận 1", "Quận 3"] == 1
    assert found["Quận 1", "Quận 10"] == 2
    assert found["Quận 1", "Đống Đa"] == 3
    assert found["Đống Đa", "Ba Đình"] == 1
    assert len(found) == 10


def test_steps_equal_scipy(tmp_path):
    random = np.random.default_rng(1)
    edges = np.triu(random.random((25, 25)) < 0.09, k=1)
    pairs = [{"a": f"p{a}", "b": f"p{b}"} for a, b in np.argwhere(edges)]
    found = read(tmp_path, json.dumps(pairs), "g.json")
    steps = shortest_path(edges, directed=False, unweighted=True)
    joined = np.unique(np.argwhere(edges))
    farthest = steps[np.ix_(joined, joined)]
    farthest = farthest[np.isfinite(farthest)].max()
    assert len(found) == len(joined) * (len(joined) - 1) // 2
    for (a, b), distance in found.items():
        expected = steps[int(a[1:]), int(b[1:])]
        assert distance == (expected if np.isfinite(expected) else farthest + 1)


def test_distances_as_given(tmp_path):
    found = read(tmp_path, "\ufeffFrom\tTo\tKM\nA\tB\t1.5\n B \tA\t1.5\nA\tC\t0\nA\tA\t7\n")
    assert found == {("A", "B"): 1.5, ("A", "C"): 0.0}


def test_json_with_other_names(tmp_path):
    rows = [{"district": "A", "latitude": 0, "lng": "0", "note": 1}, {"district": "B", "latitude": 0, "lng": 1}]
    assert list(read(tmp_path, json.dumps(rows), "g.json")) == [("A", "B")]


def test_names_are_matched_without_case_and_accents():
    distances = {("quan 10", "GÒ  VẤP"): 4.0, ("Quận 10", "Huế"): 600.0, ("Quận 10", "quan 10"): 0.0}
    assert find_places(distances, ("Gò Vấp", "Quận 1", "Quận 10")) == {(0, 2): 4.0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no rows"),
        ("name,lat,lon\n", "no rows"),
        ("name,lat\nA,1\n", "neither coordinates nor neighbors"),
        ("name,lat,lon\nA,1,2\n", "fewer than two places"),
        ("name,lat,lon\nA,91,2\nB,1,2\n", "lat in line 2"),
        ("name,lat,lon\nA,x,2\nB,1,2\n", "lat in line 2"),
        ("name,lat,lon\nA,nan,2\nB,1,2\n", "lat in line 2"),
        ("name,lat,lon\nA,1\nB,1,2\n", "lon in line 2"),
        ("name,lat,lon\n,1,2\nB,1,2\n", "line 2 has no name"),
        ("name,lat,lon\nA,1,2\nA,1,3\n", "other coordinates"),
        ("name,lat,lon\nA,1,2,3\n", "4 cells under 3 columns"),
        ("a,b,distance\nA,B,-1\n", "distance in line 2"),
        ("a,b,distance\nA,B,inf\n", "distance in line 2"),
        ("a,b,distance\nA,B,1\nB,A,2\n", "another distance"),
        ("a,b\nA,A\n", "fewer than two places"),
        ('a,b\n"A,B\n', "line 2"),
        ("[1, 2]", "no list of objects"),
        ("[{", "broken JSON"),
        ("[" * 100_000, "broken JSON"),
        ("a,b\n" + "".join(f"p{number},p{number + 1}\n" for number in range(1001)), "more than 1,000 places"),
    ],
)
def test_what_is_refused(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, text)


def test_files_that_are_no_text(tmp_path):
    (tmp_path / "g.csv").write_bytes(b"a,b\n\xff,x\n")
    with pytest.raises(DataError, match="line 2 is not UTF-8"):
        read_geography(tmp_path / "g.csv")
    with pytest.raises(DataError, match="can't open"):
        read_geography(tmp_path / "none.csv")
