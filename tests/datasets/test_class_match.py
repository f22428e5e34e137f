from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from latentscape.datasets.class_match import match_classes
from latentscape.datasets.sample_roles import Columns
from latentscape.datasets.sample_rows import take_rows
from latentscape.datasets.sample_tables import SampleTable
from latentscape.errors import ModelError, UsageError


def make(labels, classes=None):
    values = pa.table({"text": [f"text {row}" for row in range(len(labels))], "label": labels})
    table = SampleTable(source="data", values=values, class_names={} if classes is None else {"label": tuple(classes)})
    return take_rows(table, kind=None, columns=Columns(), named="data")


def words(samples):
    return [samples.class_names[label] for label in samples.labels]


def test_the_models_order_is_taken():
    matched = match_classes(make(["b", "a", "c"]), ["c", "unused", "b", "a"])
    assert matched.class_names == ("c", "unused", "b", "a")
    assert matched.labels.tolist() == [2, 3, 0]
    assert not matched.labels.flags.writeable


def test_case_blanks_lines_and_unicode_do_not_matter():
    matched = match_classes(
        make(["Very_Good", "pho\u0300ng tro\u0323", " ODD-one "]), ["very good", "Odd One", "phòng_trọ"]
    )
    assert matched.labels.tolist() == [0, 2, 1]


def test_classes_that_differ_only_in_case_are_told_apart_exactly():
    assert match_classes(make(["a", "A"]), ["A", "a"]).labels.tolist() == [1, 0]
    with pytest.raises(ModelError, match="does not have: `á`"):
        match_classes(make(["á"]), ["A", "a"])


def test_strangers_are_named_with_their_nearest():
    with pytest.raises(ModelError) as caught:
        match_classes(make(["happyy", "sad", "zzz"]), ["happy", "sad"])
    error = caught.value
    assert (error.fault, error.exit_code) == ("model-classes", 4)
    assert "`happyy`, `zzz`" in error.what
    assert "did you mean `happy`?" in error.hint
    assert "--rename 'happyy=happy'" in error.hint


def test_renames_join_classes_and_may_hold_the_sign_itself():
    matched = match_classes(make(["joy", "happy", "a=b"]), ["sad", "happy"], rename=["joy=happy", "a=b=Sad"])
    assert words(matched) == ["happy", "happy", "sad"]


@pytest.mark.parametrize(
    ("rename", "said"),
    [
        ("joy", "OLD=NEW"),
        ("joy=", "OLD=NEW"),
        ("jjoy=happy", "did you mean `joy`"),
        ("joy=hapy", "did you mean `happy`"),
    ],
)
def test_bad_renames(rename, said):
    with pytest.raises(UsageError, match=said):
        match_classes(make(["joy"]), ["happy", "sad"], rename=[rename])


def test_numbers_are_the_models_numbers():
    assert words(match_classes(make([1, 0, 1]), ["negative", "positive"])) == ["positive", "negative", "positive"]
    with pytest.raises(ModelError, match="does not have: `2`"):
        match_classes(make([0, 1, 2]), ["negative", "positive"])


def test_a_model_whose_names_are_numbers_is_matched_by_name():
    assert match_classes(make([1, 2]), ["2", "1"]).labels.tolist() == [1, 0]


def test_named_numbers_go_by_name_and_never_by_number():
    assert match_classes(make([0, 1], ["cat", "dog"]), ["dog", "cat"]).labels.tolist() == [1, 0]
    with pytest.raises(ModelError, match="`cat`, `dog`"):
        match_classes(make([0, 1], ["cat", "dog"]), ["x", "y"])


def test_a_class_without_samples_need_not_be_the_models():
    assert words(match_classes(make([0, 1], ["cat", "dog", "emu"]), ["dog", "cat"])) == ["cat", "dog"]


@pytest.mark.parametrize("names", [None, ["LABEL_0", "LABEL_1", "LABEL_2"]])
def test_a_model_without_names_takes_what_the_data_orders(names):
    assert match_classes(make([0, 2]), names, n_classes=3).class_names == ("0", "1", "2")
    assert match_classes(make([0, 1]), names, n_classes=3).class_names == ("0", "1", "2")
    assert match_classes(make([0, 1], ["cat", "dog", "emu"]), names, n_classes=3).class_names == ("cat", "dog", "emu")
    for samples in (make([0, 1], ["cat", "dog"]), make([0, 3])):
        with pytest.raises(ModelError, match="different numbers of classes"):
            match_classes(samples, names, n_classes=3)
    with pytest.raises(ModelError, match="does not name its classes") as caught:
        match_classes(make(["b", "a"]), names, n_classes=3)
    assert "--class-names a,b" in caught.value.hint
    with pytest.raises(UsageError, match="--class-names"):
        match_classes(make([0, 1]), names, rename=["0=1"])


@pytest.mark.parametrize("names", [None, ["cat", "dog", "emu"]])
def test_data_that_counts_from_one_is_told_so(names):
    with pytest.raises(ModelError) as caught:
        match_classes(make([1, 2, 3]), names, n_classes=3)
    assert "from 1" in caught.value.hint
    with pytest.raises(ModelError) as caught:
        match_classes(make([0, 2, 3]), names, n_classes=3)
    assert "from 1" not in caught.value.hint


def test_data_of_which_no_class_is_the_models_may_be_another_column():
    with pytest.raises(ModelError) as caught:
        match_classes(make(["xxx", "yyy"]), ["cat", "dog"])
    assert "--label-column" in caught.value.hint
    with pytest.raises(ModelError) as caught:
        match_classes(make(["xxx", "dog"]), ["cat", "dog"])
    assert "--label-column" not in caught.value.hint
    assert "--rename 'xxx=NEW'" in caught.value.hint


def test_unknown_stays_unknown():
    samples = replace(make(["b", "a"]), labels=np.array([-1, 0]))
    assert match_classes(samples, ["x", "a"]).labels.tolist() == [-1, 1]
