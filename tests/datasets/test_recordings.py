import os

import pytest

from latentscape.datasets.recordings import EMOTIONS, read_class_folders, read_crema, read_ravdess
from latentscape.errors import DataError


def test_ravdess_names_carry_emotion_and_actor(tmp_path, wav):
    for code in range(1, 9):
        wav(tmp_path / "Actor_07" / f"03-01-{code:02}-02-01-02-07.wav")
    listing = read_ravdess(tmp_path)
    assert [recording.label for recording in listing.recordings] == list(EMOTIONS)
    assert {recording.speaker for recording in listing.recordings} == {"07"}
    assert listing.skipped == ()


def test_crema_names_carry_speaker_and_emotion_and_the_one_odd_name_is_read(tmp_path, wav):
    names = ["1001_DFA_ANG_XX", "1002_IEO_DIS_HI", "1003_IEO_FEA_LO", "1004_IEO_HAP_MD", "1005_TIE_NEU_XX"]
    for name in [*names, "1040_ITH_SAD_X", "1006_TIE_SAD"]:
        wav(tmp_path / f"{name}.wav")
    listing = read_crema(tmp_path)
    assert [(r.speaker, r.label) for r in listing.recordings] == [
        ("1001", "Angry"),
        ("1002", "Disgust"),
        ("1003", "Fearful"),
        ("1004", "Happy"),
        ("1005", "Neutral"),
        ("1006", "Sad"),
        ("1040", "Sad"),
    ]


@pytest.mark.parametrize(
    ("read", "good", "bad", "reason"),
    [
        (read_ravdess, "03-01-01-01-01-01-01", "03-01-09-01-01-01-01", "unknown emotion code 09: RAVDESS has 01 to 08"),
        (read_ravdess, "03-01-01-01-01-01-01", "03-01-00-01-01-01-01", "unknown emotion code 00: RAVDESS has 01 to 08"),
        (read_ravdess, "03-01-01-01-01-01-01", "03-01-01-01-01-01", "the name is not of RAVDESS's form"),
        (read_ravdess, "03-01-01-01-01-01-01", "٠٣-01-01-01-01-01-01", "the name is not of RAVDESS's form"),
        (read_crema, "1001_DFA_ANG_XX", "1001_DFA_BOR_XX", "unknown emotion code BOR: CREMA-D has ANG, DIS, FEA"),
        (read_crema, "1001_DFA_ANG_XX", "silence", "the name is not of CREMA-D's form"),
    ],
)
def test_names_without_meaning_are_skipped_with_the_reason(tmp_path, wav, read, good, bad, reason):
    wav(tmp_path / f"{good}.wav")
    wav(tmp_path / f"{bad}.wav")
    listing = read(tmp_path)
    assert len(listing.recordings) == 1
    ((name, why),) = listing.skipped
    assert name == f"{bad}.wav"
    assert why.startswith(reason)


def test_a_folder_for_each_class(tmp_path, wav):
    for name in ("happy/1.wav", "sad/deep/er/2.flac", "sad/3.wav", "readme.wav"):
        wav(tmp_path / name)
    listing = read_class_folders(tmp_path)
    assert [(r.name, r.label, r.speaker) for r in listing.recordings] == [
        ("happy/1.wav", "happy", ""),
        ("sad/3.wav", "sad", ""),
        ("sad/deep/er/2.flac", "sad", ""),
    ]
    assert listing.skipped == (("readme.wav", "lies beside the class folders, not in one"),)


@pytest.mark.parametrize("read", [read_ravdess, read_crema, read_class_folders])
def test_missing_empty_and_wrong_folders(tmp_path, wav, read):
    file = wav(tmp_path / "else" / "a.wav")
    (tmp_path / "empty").mkdir()
    for root, message in (
        (tmp_path / "nowhere", "no such folder"),
        (tmp_path / "empty", "no audio file at all"),
        (file, "is a file"),
    ):
        with pytest.raises(DataError, match=message) as caught:
            read(root)
        assert caught.value.hint


def test_all_skipped_says_why(tmp_path):
    os.mkfifo(tmp_path / "03-01-01-01-01-01-01.wav")
    with pytest.raises(DataError, match=r"1 files, none usable \(03-01.*pipe"):
        read_ravdess(tmp_path)


def test_real_ravdess_and_crema(shared_data):
    ravdess = read_ravdess(shared_data / "speech" / "ravdess")
    crema = read_crema(shared_data / "speech" / "crema-d")
    assert (len(ravdess.recordings), len(crema.recordings)) == (240, 491)
    assert ravdess.skipped == crema.skipped == ()
    assert {recording.speaker for recording in crema.recordings} == {str(number) for number in range(1001, 1007)}
