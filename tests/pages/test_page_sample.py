import numpy as np

from latentscape.pages.page_sample import MOST_POINTS, choose_points, say_choice


def test_up_to_the_limit_all_points_are_shown():
    assert choose_points(np.zeros(MOST_POINTS, dtype=int)).tolist() == list(range(MOST_POINTS))


def test_beyond_it_every_group_keeps_its_share_and_at_least_one_point():
    groups = np.concatenate([np.zeros(60_000, dtype=int), np.ones(40_000, dtype=int), [-1]])
    rows = choose_points(groups)
    assert len(rows) == MOST_POINTS
    assert (np.diff(rows) > 0).all()
    sizes = [int((groups[rows] == group).sum()) for group in (0, 1, -1)]
    assert sizes[2] == 1
    assert abs(sizes[0] - 30_000) <= 1 and abs(sizes[1] - 20_000) <= 1


def test_the_choice_is_the_same_every_time():
    groups = np.arange(MOST_POINTS + 10) % 3
    assert choose_points(groups).tolist() == choose_points(groups).tolist()


def test_the_choice_is_told():
    assert say_choice(10, 10) == ""
    assert say_choice(5, 1000) == "Shown are 5 of 1,000 points, drawn at random; counts are of all."
