import pytest

from latentscape.datasets.kind_names import KINDS, find_kind, suggest_kind
from latentscape.datasets.speech import READERS


def test_every_kind_has_a_reader():
    assert tuple(READERS) == KINDS


@pytest.mark.parametrize(
    ("class_path", "kind"),
    [
        ("ravdess", "ravdess"),
        ("data.crema_dataset.CREMADDataset", "crema-d"),
        (" CSV ", "csv"),
        ("ravdes", None),
        ("", None),
        (".", None),
    ],
)
def test_the_name_of_an_original_class_means_its_kind(class_path, kind):
    assert find_kind(class_path) == kind


def test_a_slip_is_met_with_the_name_that_was_meant():
    assert "`ravdess`" in suggest_kind("my.ravdes")
