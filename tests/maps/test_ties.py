"""The pull toward an anchor, by hand."""

import numpy as np

from latentscape.maps.ties import pull_back


def test_it_is_strongest_at_distance_one_and_lets_go_of_what_is_far():
    anchors = np.array([[1, 1]] * 4, np.float32)
    places = anchors + np.array([[0, 0], [1, 0], [0, -2], [1000, 0]], np.float32)
    pulls = pull_back(places, anchors, strength=0.5)
    np.testing.assert_allclose(pulls, [[0, 0], [0.25, 0], [0, -0.2], [0.5 / 1000, 0]], rtol=1e-5)
    assert pulls.dtype == np.float32
