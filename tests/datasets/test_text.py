import unicodedata

import pytest

from latentscape.datasets.text import LONGEST_TEXT, explain_bad_text, fold, make_printable, normalize


def test_composed_and_decomposed_vietnamese_are_one_text():
    for text in ("Phòng trọ Quận 10, giá 5tr5", "đường Nguyễn Huệ", "ầấẩẫậ"):
        decomposed = unicodedata.normalize("NFD", text)
        assert decomposed != text
        assert normalize(decomposed) == text
        assert fold(decomposed) == fold(text)


def test_folding_joins_whitespace_but_keeps_case_and_signs():
    assert fold("\u00a0 Phòng\t\n 25m²  ") == "Phòng 25m²"
    assert fold("A b") != fold("a b")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "is empty"),
        (" \n\t", "is empty"),
        ("\u200b\ufeff ", "is empty"),
        (None, "is null, not text"),
        (7, "is a number, not text"),
        (float("nan"), "is a number, not text"),
        (True, "is true/false, not text"),
        (["a"], "is a list, not text"),
        ({"a": 1}, "is a mapping, not text"),
        ("a\0b", "contains a NUL character"),
        ("ab\ud800", "contains half a character (a lone surrogate) at position 2"),
        ("x" * (LONGEST_TEXT + 1), "has 1,000,001 characters; the longest allowed is 1,000,000"),
        ("x" * LONGEST_TEXT, ""),
        ("</script><!-- \u202e", ""),
        ("0", ""),
        ("🙂", ""),
    ],
)
def test_reasons_why_a_value_is_no_text(value, reason):
    assert explain_bad_text(value) == reason


def test_printable_names_survive_every_file_format():
    name = make_printable("a\udcff.wav")
    assert name == "a\\udcff.wav"
    assert name.encode()
