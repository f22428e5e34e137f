import pytest

from latentscape.datasets.class_names import number_classes
from latentscape.datasets.recordings import EMOTIONS
from latentscape.errors import DataError, UsageError

VIETNAMESE = ("Bình thường", "Điềm tĩnh", "Vui", "Buồn", "Giận", "Sợ", "Ghê tởm", "Ngạc nhiên")


def numbered(labels, given=None):
    names, number = number_classes(set(labels), given)
    return names, [number(label) for label in labels]


def test_some_emotions_keep_their_places_in_any_case():
    assert numbered(["sad", "Happy", "DISGUST"]) == (EMOTIONS, [3, 2, 6])


def test_other_names_are_sorted():
    assert numbered(["dog", "cat", "Cat"]) == (("Cat", "cat", "dog"), [2, 1, 0])


def test_numbers_mean_themselves():
    assert numbered(["10", "2"]) == (tuple(map(str, range(11))), [10, 2])
    assert numbered(["Happy", "3"]) == (EMOTIONS, [2, 3])


def test_a_mixture_is_refused_and_names_the_nearest():
    with pytest.raises(DataError, match=r"(?s)emotions: `happy`; others: `fear`, `surprise`.*did you mean `Fearful`"):
        numbered(["happy", "fear", "surprise"])


def test_given_names_decide_the_order():
    assert numbered(["dog", "CAT"], ["cow", "dog", "cat"]) == (("cow", "dog", "cat"), [1, 2])
    assert numbered(["Happy", "sad"], [*EMOTIONS[::-1]])[1] == [5, 4]


def test_eight_other_words_are_the_emotions_in_another_language():
    assert numbered(["Happy", "Surprised", "Vui", "0"], VIETNAMESE) == (VIETNAMESE, [2, 7, 2, 0])


def test_labels_outside_the_given_names():
    with pytest.raises(DataError, match=r"(?s)`doge`.*did you mean `dog`"):
        numbered(["doge"], ["cat", "dog"])
    with pytest.raises(DataError, match="none of the classes: `Happy`"):
        numbered(["Happy"], ["cat", "dog"])
    with pytest.raises(DataError, match="`2`"):
        numbered(["2"], ["cat", "dog"])


@pytest.mark.parametrize("given", [["a", "a"], ["a", " a"], ["a", ""]])
def test_given_names_that_repeat_or_are_empty(given):
    with pytest.raises(UsageError):
        numbered(["a"], given)


def test_numbers_far_too_large():
    with pytest.raises(DataError, match="no class number"):
        numbered(["123456"])


def test_one_class_and_ten_thousand():
    assert numbered(["only"]) == (("only",), [0])
    many = [f"c{number:05}" for number in range(10_000)]
    assert numbered(many)[1] == list(range(10_000))
