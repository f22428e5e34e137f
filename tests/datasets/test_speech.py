import os
import unicodedata

import numpy as np
import pytest

from latentscape.datasets.speech import EMOTIONS, NOTES, READERS, read_speech
from latentscape.errors import DataError, UsageError


@pytest.fixture
def both(tmp_path, wav):
    """A RAVDESS and a CREMA-D folder with two speakers each; every file sounds different."""
    seed = 0
    for actor in ("01", "02"):
        for code in ("01", "03", "05"):
            wav(tmp_path / "ravdess" / f"Actor_{actor}" / f"03-01-{code}-01-01-01-{actor}.wav", seed=(seed := seed + 1))
    for speaker in ("1001", "1002"):
        for code in ("HAP", "SAD"):
            wav(tmp_path / "crema" / f"{speaker}_DFA_{code}_XX.wav", seed=(seed := seed + 1))
    return [
        ("data.ravdess_dataset.RAVDESSDataset", tmp_path / "ravdess"),
        ("data.cremad_dataset.CREMADataset", tmp_path / "crema"),
    ]


def test_two_data_sets_become_one_table(both):
    samples = read_speech(both)
    assert len(samples) == 10
    assert samples.class_names == EMOTIONS
    assert samples.dataset_names == ("ravdess", "crema-d")
    assert samples.ids[0] == "ravdess/Actor_01/03-01-01-01-01-01-01.wav"
    assert samples.ids[-1] == "crema-d/1002_DFA_SAD_XX.wav"
    assert samples.labels.tolist() == [0, 2, 4, 0, 2, 4, 2, 3, 2, 3]
    assert samples.dataset_ids.tolist() == [0] * 6 + [1] * 4
    assert samples.speakers == ("ravdess/01",) * 3 + ("ravdess/02",) * 3 + ("crema-d/1001",) * 2 + ("crema-d/1002",) * 2
    assert all(path.is_file() for path in samples.paths)
    assert samples.skipped == ()
    assert samples.notes == {}


def test_take_keeps_the_meaning_of_every_number(both):
    samples = read_speech(both)
    taken = samples.take(np.array([9, 0, 4]))
    assert taken.ids == (samples.ids[9], samples.ids[0], samples.ids[4])
    assert taken.labels.tolist() == [3, 0, 2]
    assert taken.dataset_ids.tolist() == [1, 0, 0]
    assert taken.speakers == ("crema-d/1002", "ravdess/01", "ravdess/02")
    assert taken.dataset_names == samples.dataset_names
    assert len(samples.take(np.array([], dtype=int))) == 0


def test_arrays_can_not_be_changed(both):
    with pytest.raises(ValueError, match="read-only"):
        read_speech(both).labels[0] = 3


def test_names_of_a_kind_that_mean_the_same(both):
    expected = read_speech(both).ids
    for ravdess, crema in (("ravdess", "crema-d"), ("RAVDESS", "CREMA_D"), ("x.RAVDESSDataset", "CREMADDataset")):
        assert read_speech([(ravdess, both[0][1]), (crema, both[1][1])]).ids == expected


@pytest.mark.parametrize("kind", ["ravdes", "data.tess_dataset.TESSDataset", ""])
def test_unknown_kinds_name_the_known_ones(tmp_path, kind):
    with pytest.raises(UsageError, match="unknown kind") as caught:
        read_speech([(kind, tmp_path)])
    assert all(name in str(caught.value) for name in READERS)


def test_nothing_given_or_one_given_twice(both):
    with pytest.raises(UsageError, match="no data sets"):
        read_speech([])
    with pytest.raises(UsageError, match="listed twice"):
        read_speech([both[0], ("folder", both[0][1] / ".." / "ravdess")])


def test_one_missing_data_set_is_an_error_not_a_smaller_study(both, tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        read_speech([both[0], ("crema-d", tmp_path / "gone")])


def test_class_folders_are_split_by_sample_and_say_so(tmp_path, wav):
    for number, name in enumerate(("dog/1.wav", "dog/2.wav", "cat/1.wav")):
        wav(tmp_path / "pets.v2" / name, seed=number)
    samples = read_speech([("folder", tmp_path / "pets.v2")])
    assert samples.dataset_names == ("pets.v2",)
    assert samples.class_names == ("cat", "dog")
    assert samples.ids == ("pets.v2/cat/1.wav", "pets.v2/dog/1.wav", "pets.v2/dog/2.wav")
    assert samples.speakers == samples.ids
    assert samples.notes == {"speaker_unknown": 3}


def test_data_sets_of_one_kind_get_different_names(both, tmp_path, wav):
    wav(tmp_path / "more" / "Actor_01" / "03-01-01-01-01-01-01.wav", seed=99)
    samples = read_speech([both[0], ("ravdess", tmp_path / "more")])
    assert samples.dataset_names == ("ravdess", "ravdess-2")
    assert samples.ids[-1] == "ravdess-2/Actor_01/03-01-01-01-01-01-01.wav"
    assert len(set(samples.ids)) == len(samples)


def test_a_table_may_hold_several_data_sets(tmp_path, wav):
    for number in range(3):
        wav(tmp_path / f"{number}.wav", seed=number)
    (tmp_path / "mine.csv").write_text(
        "path,label,dataset,speaker\n0.wav,Happy,lab,s\n1.wav,sad,,s\n2.wav,4,lab,\n9.wav,4,,\n"
    )
    samples = read_speech([("csv", tmp_path / "mine.csv")])
    assert samples.dataset_names == ("lab", "mine")
    assert samples.dataset_ids.tolist() == [0, 1, 0]
    assert samples.labels.tolist() == [2, 3, 4]
    assert samples.speakers == ("lab/s", "mine/s", "lab/2.wav")
    assert [name for name, _ in samples.skipped] == ["lab/9.wav"]


def test_a_folder_that_does_not_speak_of_emotions_beside_one_that_does(both, tmp_path, wav):
    wav(tmp_path / "pets" / "dog" / "1.wav")
    with pytest.raises(DataError, match="`dog`"):
        read_speech([both[0], ("folder", tmp_path / "pets")])


def test_given_names_replace_the_emotions_in_order(both):
    samples = read_speech(both, class_names=list("abcdefgh"))
    assert samples.class_names == tuple("abcdefgh")
    assert samples.labels.tolist() == read_speech(both).labels.tolist()
    with pytest.raises(DataError, match="none of the classes"):
        read_speech(both, class_names=["a", "b", "c"])


def test_skipped_files_carry_their_data_sets_name(both):
    root = both[1][1]
    os.mkfifo(root / "1001_DFA_ANG_XX.wav")
    (root / "1001_DFA_XYZ_XX.wav").touch()
    (root / "1001_DFA_DIS_XX.wav").symlink_to("/etc/hostname")
    samples = read_speech(both)
    assert len(samples) == 10
    reasons = dict(samples.skipped)
    assert "pipe" in reasons["crema-d/1001_DFA_ANG_XX.wav"]
    assert "leads out" in reasons["crema-d/1001_DFA_DIS_XX.wav"]
    assert "unknown emotion code XYZ" in reasons["crema-d/1001_DFA_XYZ_XX.wav"]


def test_copies_with_different_labels_are_counted_and_stay(both):
    root = both[1][1]
    (root / "1002_DFA_SAD_XX.wav").write_bytes((root / "1002_DFA_HAP_XX.wav").read_bytes())
    samples = read_speech(both)
    assert len(samples) == 10
    assert samples.notes == {"identical_groups": 1, "identical_groups_with_different_labels": 1}
    assert set(samples.notes) <= set(NOTES)


def test_twin_spellings_of_a_class_are_one_and_twins_in_case_are_two(tmp_path, wav):
    for number, name in enumerate((unicodedata.normalize("NFC", "Buồn"), unicodedata.normalize("NFD", "Buồn"), "buồn")):
        wav(tmp_path / "twins" / name / "1.wav", seed=number)
    samples = read_speech([("folder", tmp_path / "twins")])
    assert samples.class_names == ("Buồn", "buồn")
    assert sorted(samples.labels.tolist()) == [0, 0, 1]
    assert len(set(samples.ids)) == 3
    assert samples.notes["labels_differing_only_in_case"] == 2


def test_names_from_hell_are_usable_ids(tmp_path, wav):
    label = "../" * 0 + "=cmd|' $x_$ 漢字 🙂 مرحبا"
    wav(tmp_path / "hell" / label / "a.wav")
    wav(tmp_path / "hell" / label / os.fsdecode(b"\xff.wav"), seed=1)
    samples = read_speech([("folder", tmp_path / "hell")])
    assert samples.class_names == (unicodedata.normalize("NFC", label),)
    assert all(name.encode() for name in samples.ids)


def test_reading_twice_gives_the_same(both):
    assert read_speech(both).ids == read_speech(both).ids


def test_the_real_data(shared_data):
    speech = shared_data / "speech"
    samples = read_speech([("ravdess", speech / "ravdess"), ("crema-d", speech / "crema-d")])
    assert len(samples) == 240 + 491
    assert np.bincount(samples.labels).tolist() == [87, 32, 116, 116, 116, 116, 116, 32]
    assert samples.skipped == ()
    assert samples.notes == {"identical_groups": 1, "identical_groups_with_different_labels": 1}
    twins = [samples.ids.index(f"crema-d/1006_TIE_{code}_XX.wav") for code in ("HAP", "NEU")]
    assert samples.labels[twins].tolist() == [2, 0]
    assert len(set(samples.speakers)) == 10
