"""The table of samples: nothing of the machine in reach, and an end to every question."""

import subprocess
import sys
import time
import unicodedata
from concurrent.futures import ThreadPoolExecutor

import duckdb
import numpy as np
import pytest

from latentscape.exploration import UNKNOWN, Category, Numbers
from latentscape.pages.explorer_assets import read_modules
from latentscape.server.queries import ClosedError, QueryError, SampleTable, TooSlowError, _fold_all, pack_mask

from .asking import make_exploration

FOREVER = "(SELECT sum(sin(i * place)) FROM range(100000000000) numbers(i)) > 0"


@pytest.fixture(scope="module")
def table():
    made = SampleTable(make_exploration())
    made.warm()
    yield made
    made.close()


@pytest.mark.parametrize(
    "statement",
    ["SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM glob('/*')",
     "COPY samples TO '/tmp/stolen.csv'", "ATTACH '/tmp/stolen.db'", "INSTALL httpfs",
     "LOAD '/tmp/evil.duckdb_extension'", "EXPORT DATABASE '/tmp/stolen'",
     "SET enable_external_access = true", "SET lock_configuration = false", "SET temp_directory = '/tmp'",
     "SELECT * FROM read_parquet('http://127.0.0.1/x')"],
)  # fmt: skip
def test_even_a_statement_of_somebody_else_could_reach_nothing(table, statement):
    with pytest.raises(duckdb.Error), table._open() as cursor:
        cursor.execute(statement)


def test_variables_of_the_program_are_no_tables(table):
    secret = {"password": ["x"]}
    with pytest.raises(duckdb.CatalogException), table._open() as cursor:
        cursor.execute("SELECT * FROM secret")
    assert secret


def test_a_question_ends_with_its_time():
    table = SampleTable(make_exploration(), seconds=0.1)
    table.warm()
    began = time.monotonic()
    with pytest.raises(TooSlowError):
        table._ask(FOREVER, [])
    assert time.monotonic() - began < 2
    assert table.search("quan").tolist() == [True, True, False, False]
    table.close()


def test_samples_without_ids_or_texts_are_searched_by_their_values():
    table = SampleTable(make_exploration(ids=None, columns=make_exploration().columns[:1]))
    assert table.search("kho").tolist() == [False, True, True, False]
    assert table.search("clip").tolist() == [False] * 4
    assert table.search("2").tolist() == [False, False, True, False]
    table.close()


def test_half_letters_of_broken_names_are_searched_as_they_are_shown():
    table = SampleTable(make_exploration(ids=("\ud800a", "b", "c", "d")))
    assert table.search("a").tolist()[0]
    table.close()


def test_numbers_and_categories_alone_are_filters(table):
    with pytest.raises(QueryError, match="no column"):
        table.filter("text")
    assert table.filter("label", values=["Buồn", "nobody"]).tolist() == [True, False, False, False]


def test_a_mask_has_its_first_sample_in_the_lowest_bit():
    assert pack_mask(np.array([True, False, False, True, False, False, False, False, True])) == b"\x09\x01"


def test_ids_that_are_their_numbers_are_found_as_numbers():
    ids = tuple(map(str, range(12)))
    table = SampleTable(make_exploration(n=12, ids=ids, columns=()))
    assert np.flatnonzero(table.search("1")).tolist() == [1]
    table.close()


def test_columns_that_only_the_page_has_are_filters_too(tmp_path):
    margin, outcome = np.array([0.5, -0.25, np.nan, -1.0]), np.array([0, 1, UNKNOWN, 0])
    columns = (
        Numbers(key="margin", title="Margin", values=margin, worst="low"),
        Category(key="outcome", title="From a to b", codes=outcome, values=("broken", "fixed")),
    )
    table = SampleTable(make_exploration(columns=columns))
    assert table.filter("margin", high=0).tolist() == [False, True, False, True]
    assert table.filter("outcome", values=["broken", "still right"]).tolist() == [True, False, False, True]
    assert not table.filter("outcome").any()
    assert table.search("fixed").tolist() == [False, True, False, False]
    table.close()


def test_a_table_is_closed_when_the_last_question_is_answered_and_answers_no_more():
    table = SampleTable(make_exploration(), seconds=2)
    table.warm()
    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(table.search, "quan") for _ in range(20)]
        slow = pool.submit(table._ask, FOREVER, [])
        while not table._n_asking and not slow.done():
            time.sleep(0.001)
        table.close()
        assert table._database is None and not table._n_asking
        answers = [each.exception() or each.result().tolist() for each in asked]
    kept = [answer for answer in answers if not isinstance(answer, ClosedError)]
    assert all(answer == [True, True, False, False] for answer in kept)
    assert isinstance(slow.exception(), TooSlowError | ClosedError)
    with pytest.raises(ClosedError):
        table.filter("label", values=["Buồn"])
    table.warm()
    table.close()


@pytest.mark.slow
def test_a_process_that_ends_while_the_table_is_made_ends_well():
    code = """if True:
        import threading, numpy as np
        from latentscape.exploration import Exploration, Texts
        from latentscape.server.queries import SampleTable
        n = 300_000
        texts = Texts(key="t", title="t", values=tuple(map(str, range(n))))
        table = SampleTable(Exploration(study="map", title="", headline="", n=n, ids=None, columns=(texts,), frames=()))
        threading.Thread(target=table.warm).start()
        table.close()
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_the_page_and_the_server_fold_text_by_one_rule(table, browser):
    """Every letter that Unicode has, and words in which letters depend on their neighbors."""
    letters = [chr(code) for code in range(1, 0x30000) if unicodedata.category(chr(code)) not in ("Cn", "Cs", "Co")]
    texts = [
        *letters,
        "Đường Nguyễn Huệ",
        unicodedata.normalize("NFD", "Đường Nguyễn Huệ"),
        "ĐẦU ĐUÔI",
        "ẞtraße",
        "İstanbul",
    ]
    script = read_modules()["source_search.js"].replace("export ", "")
    page = browser.new_page()
    page.add_script_tag(content=script)
    folded = page.evaluate("(texts) => texts.map(foldText)", texts)
    page.close()
    with table._open() as cursor:
        ours = _fold_all(cursor, texts)
    assert [(text, page, own) for text, page, own in zip(texts, folded, ours, strict=True) if page != own] == []
