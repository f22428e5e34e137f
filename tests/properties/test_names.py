"""Any text a user brings as a file name, a class, a cell, a line on the terminal, JSON in a page."""

import csv
import io
import json
import unicodedata

from hypothesis import strategies as st

from latentscape.datasets.class_names import number_classes
from latentscape.datasets.recordings import EMOTIONS
from latentscape.datasets.text import fold, make_printable, normalize
from latentscape.errors import LatentscapeError
from latentscape.pages.escape import clean_text, embed_json
from latentscape.plain_text import safe_name
from latentscape.progress import make_visible
from latentscape.store import RunFolder

from .trials import ANY_TEXT, WILD_TEXT, few_or_many, for_all

TWINS = st.sampled_from(
    ["a", "A", "ä", "a\u0308", "a b", "a-b", "a_b", "../a", "a/", ".a", "a.", "-", "", "CON", "x" * 90]
)
LABELS = st.sampled_from([*EMOTIONS, "happy", "3", "07", "٣", "9" * 30, "9" * 5000, "a", "A", "ß", "SS"]) | ANY_TEXT


@few_or_many(100, 5000)
def test_file_names_are_one_plain_step(n):
    def check(text):
        name = safe_name(text)
        assert name.isascii() and name.isprintable()
        assert 0 < len(name) <= 200
        assert not set(name) & set('/\\:*?"<>| ') and name[0] not in ".-"

    for_all(n, check, WILD_TEXT | TWINS | ANY_TEXT.map(lambda text: text * 20))


@few_or_many(100, 5000)
def test_what_differs_has_names_that_differ(n):
    def check(first, second):
        if normalize(first) != normalize(second):
            assert safe_name(first) != safe_name(second)

    for_all(n, check, ANY_TEXT | TWINS, ANY_TEXT | TWINS)


@few_or_many(60, 3000)
def test_any_labels_as_classes(n):
    def check(labels, given):
        try:
            names, number = number_classes(labels, given)
        except LatentscapeError as error:
            assert error.hint and error.fault in ("data-labels", "config-values")
            assert len(str(error)) < 4000
            return
        numbers = {label: number(label) for label in labels}
        assert all(0 <= each < len(names) for each in numbers.values())
        assert all(names[numbers[label]] == label for label in labels if label in names)

    labels = st.sets(LABELS.map(normalize).filter(bool), min_size=1, max_size=6)
    for_all(n, check, labels, st.none() | st.lists(LABELS, max_size=9))


@few_or_many(40, 1500)
def test_cells_of_a_table_begin_no_formula_and_lose_nothing(tmp_path, n):
    with RunFolder(tmp_path / "run") as folder:

        def check(texts):
            folder.save_csv("t.csv", {"a": texts, "b": list(range(len(texts)))})
            written = (tmp_path / "run" / "t.csv").read_bytes().decode("utf-8")
            rows = list(csv.reader(io.StringIO(written, newline="")))
            assert rows[0] == ["a", "b"] and len(rows) == len(texts) + 1
            for text, (cell, place) in zip(texts, rows[1:], strict=True):
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
                assert place.isdecimal()
                if not any(unicodedata.category(sign) == "Cs" for sign in text):
                    assert list(filter(str.isalnum, normalize(cell))) == list(filter(str.isalnum, normalize(text)))

        for_all(n, check, st.lists(WILD_TEXT, min_size=1, max_size=5))


@few_or_many(100, 5000)
def test_a_terminal_shows_text_and_obeys_none(n):
    def check(text):
        shown = make_visible(text)
        assert not any(unicodedata.category(sign) == "Cc" and sign not in "\t\n" for sign in shown)
        assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")
        assert make_visible(shown) == shown
        if text.isascii() and text.isprintable():
            assert shown == text

    for_all(n, check, WILD_TEXT)


@few_or_many(100, 5000)
def test_what_is_embedded_in_a_page_comes_back_and_ends_no_script(n):
    def check(text):
        embedded = embed_json([text, {text: 1}])
        assert json.loads(embedded) == [text, {text: 1}]
        assert not set(embedded) & set("<>&\u2028\u2029")

    for_all(n, check, WILD_TEXT | st.sampled_from(["</script>", "<!--", "]]>", "&lt;"]))


@few_or_many(100, 5000)
def test_one_spelling_for_what_looks_the_same(n):
    def check(text):
        assert normalize(unicodedata.normalize("NFD", text)) == normalize(text)
        assert fold(fold(text)) == fold(text) and fold(f" {text}\n") == fold(text)
        make_printable(text).encode("utf-8")
        shown = clean_text(text)
        assert "\n" not in shown and not any(unicodedata.category(sign) in ("Cc", "Cs") for sign in shown)
        shown.encode("utf-8")

    for_all(n, check, WILD_TEXT)
