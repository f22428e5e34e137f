import os

from latentscape.datasets.copies import find_copies


def test_groups_of_equal_bytes(tmp_path):
    contents = {
        "a": b"x" * 9000,
        "b": b"x" * 9000,
        "c": b"x" * 8999 + b"y",
        "d": b"y" + b"x" * 8999,
        "e": b"",
        "f": b"",
    }
    contents |= {"g": b"z", "h": b"z", "i": b"z"}
    paths = []
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        paths.append(tmp_path / name)
    assert find_copies(paths) == [[0, 1], [6, 7, 8]]


def test_difference_in_the_middle_of_a_large_file(tmp_path):
    (tmp_path / "a").write_bytes(bytes(50_000))
    (tmp_path / "b").write_bytes(bytes(25_000) + b"\1" + bytes(24_999))
    assert find_copies([tmp_path / "a", tmp_path / "b"]) == []


def test_what_can_not_be_read_is_no_copy(tmp_path):
    (tmp_path / "a").write_bytes(b"z")
    os.mkfifo(tmp_path / "p")
    assert find_copies([tmp_path / "a", tmp_path / "gone", tmp_path / "p"]) == []
    assert find_copies([]) == []


def test_the_two_real_clips_with_two_labels(shared_data):
    paths = sorted((shared_data / "speech").rglob("*.wav"))
    groups = [[paths[place].name for place in group] for group in find_copies(paths)]
    assert groups == [["1006_TIE_HAP_XX.wav", "1006_TIE_NEU_XX.wav"]]
