"""What the server answers: one sample, which samples fit, one range of a clip, and which run is there."""

import json
import time
import unicodedata
from urllib.parse import quote

import pytest

from latentscape.server.opened import Unfinished
from latentscape.server.ranges import UnreadableRangeError, read_range
from latentscape.server.waiting import render_waiting

from .asking import HOSTILE, Visitor, make_opened

WAV = b"RIFF\0\0\0\0WAVEfmt " + bytes(range(240))


@pytest.fixture(scope="module")
def visitor(tmp_path_factory):
    root = tmp_path_factory.mktemp("app")
    (root / "data" / "set" / "sub").mkdir(parents=True)
    (root / "data" / "set" / "a.wav").write_bytes(WAV)
    return Visitor(root / "run", make_opened(root / "data"))


def ask_json(visitor, target):
    answer = visitor.ask(target)
    assert answer.headers["content-type"] == "application/json"
    return json.loads(answer.body)


# -- one sample -----------------------------------------------------------------------------------------------------


def test_details_are_those_of_the_sample_the_layer_and_the_checkpoint(visitor):
    assert ask_json(visitor, "@details/0?layer=mlp&checkpoint=0") == {
        "texts": [["Text", "Phòng trọ Quận 10"]],
        "probabilities": [["Buồn", 0.75], ["Đau khổ", 0.25]],
        "neighbors": {"metric": "cosine", "list": [[1, 0.25], [2, 0.5]]},
        "ranked": [[3, 0.75, 2]],
        "hard": [],
    }
    second = ask_json(visitor, "@details/1?layer=mlp&checkpoint=0")
    assert second["neighbors"]["list"] == [[0, 0.25]]  # a short list ends
    assert (second["ranked"], second["hard"]) == ([[2, 0.5, 0], [3, 0.25, 1]], [[3, 0.25, "price, area"]])
    last = ask_json(visitor, "@details/3?layer=mlp")
    assert (last["texts"], last["ranked"], last["hard"]) == ([], None, None)
    assert (last["neighbors"]["list"], last["probabilities"]) == ([[0, None], [1, 1.0]], [["Đau khổ", 0.5]])
    assert ask_json(visitor, "@details/2?layer=mlp")["texts"] == [["Text", HOSTILE]]


def test_an_unknown_layer_has_no_neighbors_and_an_unknown_checkpoint_is_none(visitor):
    assert ask_json(visitor, f"@details/0?layer={quote(HOSTILE)}")["neighbors"] is None
    for word in ("1", "-1", "x", "1e3", "9" * 30, ""):
        assert visitor.ask(f"@details/0?checkpoint={word}").status == 404


# -- which samples fit ----------------------------------------------------------------------------------------------


def search(visitor, text):
    answer = visitor.ask(f"@search?q={quote(text)}")
    assert (answer.status, len(answer.body)) == (200, 1)
    return answer.mask


@pytest.mark.parametrize(
    ("text", "found"),
    [("quan 10", [0, 1]), ("QUẬN 10", [0, 1]), (unicodedata.normalize("NFD", "Quận"), [0, 1]), ("dau kho", [1, 2, 3]),
    ("đau", [1, 2, 3]), ("", [0, 1, 2, 3]),
     ("  ", [0, 1, 2, 3]), ("sub quan", [1]), ("buon tro", [0, 1]), ("secret", [3]), ("c.wav", [2]), ("nothing", []),
     ("%", []), ("_", []), (".*", []),
     ("<script>alert(1)</script>", [2]), ("' OR 1=1 --", [2]), ("$1 {}", [2]), ("'; DROP TABLE samples; --", []),
     ("quan\0", []), ("\\", []),
     ("(a+)+$", []), ("wav set", [0, 1, 2, 3])],
)  # fmt: skip
def test_search_takes_letters_as_letters_and_folds_capitals_and_diacritics(visitor, text, found):
    assert search(visitor, text) == found


def test_search_has_limits(visitor):
    assert visitor.ask("@search?q=" + "a" * 1001).status == 400
    assert visitor.ask("@search?q=" + "%20".join(f"{i:x}" for i in range(33))).status == 400
    assert visitor.ask("@search?q=%ff%fe").mask == []
    began = time.monotonic()
    search(visitor, "(a+)+$" * 160)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("query", "found"),
    [("column=it%27s&low=0.2&high=0.6", [1]), ("column=it%27s&low=0.1", [0, 1, 3]), ("column=it%27s&high=0.1", [0]),
    ("column=it%27s", [0, 1, 3]),
     ("column=label&values=Bu%E1%BB%93n", [0]), ("column=label&values=Bu%E1%BB%93n&values=%C4%90au+kh%E1%BB%95", [0,
     1, 2]), ("column=label", []),
     ("column=label&values=%27+OR+1=1", []), ("column=it%27s&low=1e308", [])],
)  # fmt: skip
def test_rows_are_those_in_a_range_or_of_a_value(visitor, query, found):
    assert visitor.ask(f"@rows?{query}").mask == found


@pytest.mark.parametrize("query", ["", "column=no", "column=text", "column=it%27s&low=x", "column=it%27s&low=nan",
"column=it%27s&high=inf",
                                   "column=n0", "column=samples", "column=label&" + "values=a&" * 1001])  # fmt: skip
def test_rows_of_what_is_no_filter_are_refused(visitor, query):
    assert visitor.ask(f"@rows?{query}").status == 400


# -- clips ----------------------------------------------------------------------------------------------------------


def test_a_clip_comes_whole_or_as_one_range(visitor):
    whole = visitor.ask("@media/0")
    assert (whole.status, whole.body) == (200, WAV)
    assert (whole.headers["content-type"], whole.headers["content-length"]) == ("audio/wav", "256")
    assert (whole.headers["accept-ranges"], "content-range" in whole.headers) == ("bytes", False)
    for asked, start, stop in [("0-", 0, 256), ("0-0", 0, 1), ("255-", 255, 256), ("-1", 255, 256), ("-999", 0, 256),
    ("10-999", 10, 256), ("7-19", 7, 20)]:  # fmt: skip
        part = visitor.ask("@media/0", headers=[("range", f"bytes={asked}")])
        assert (part.status, part.body) == (206, WAV[start:stop])
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/256"
        assert part.headers["content-length"] == str(stop - start)
    head = visitor.ask("@media/0", method="HEAD", headers=[("range", "bytes=7-19")])
    assert (head.status, head.body, head.headers["content-length"]) == (206, b"", "13")
    assert visitor.ask("@media/0", headers=[("range", "bytes=0-1"), ("if-range", '"x"')]).status == 200


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-1,3-4", "bytes=" + ",".join(["0-"] * 10_000), "bytes=256-", "bytes=5-2", "bytes=-0", "bytes=-",
    "bytes=", "bytes", "bytes=a-b",
     "bytes=--1", "bytes=-1-", "bytes=0-1-2", "bytes= 0-1", "bytes=0x0-0x1", "bytes=1e1-", "items=0-1",
     "bytes=" + "9" * 400 + "-", "bytes=\xb2-"],
    ids=lambda asked: asked[:20],
)  # fmt: skip
def test_other_ranges_are_refused_at_once(visitor, asked):
    began = time.monotonic()
    with pytest.raises(UnreadableRangeError):
        read_range(asked, 256)
    assert time.monotonic() - began < 0.05
    answer = visitor.ask("@media/0", headers=[("range", asked)])
    assert (answer.status, answer.headers["content-range"]) == (416, "bytes */256")
    assert b"RIFF" not in answer.body


def test_two_range_headers_are_two_ranges(visitor):
    assert visitor.ask("@media/0", headers=[("range", "bytes=0-1"), ("range", "bytes=3-4")]).status == 416


def test_samples_without_a_file_have_none(visitor):
    assert [visitor.ask(f"@media/{row}").status for row in (1, 2, 3)] == [404] * 3


# -- which run ------------------------------------------------------------------------------------------------------


def test_an_older_page_learns_that_its_run_is_gone(visitor):
    for path in ("payload", "details/0", "search?q=a", "rows?column=label", "media/0"):
        answer = visitor.ask(f"/ffffffffffffffff/{path}")
        assert (answer.status, b"load the page again" in answer.body) == (410, True)


def test_the_waiting_page_shows_hostile_names_as_text():
    page = render_waiting(
        Unfinished(stages=("</style><script>alert(1)</script>", "features"), n_shards=2, writer="<b>process 1</b>"),
        name='"><img src=x>',
    )
    assert "<script" not in page
    assert "<b>" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "features, the first 2 parts" in page
    assert "being made" in page
    assert 'http-equiv="refresh"' in page
    assert "not finished" in render_waiting(Unfinished(), name="run")
    assert "hint: run &lt;it" in render_waiting(Unfinished(reason="broken\nhint: run <it> again"), name="run")


# -- thumbnails -----------------------------------------------------------------------------------------------------


def test_a_thumbnail_is_sent_as_what_it_is_and_runs_nothing(tmp_path):
    webp, png = b"RIFF\0\0\0\0WEBPVP8 ", b"\x89PNG\r\n\x1a\n" + bytes(9)
    visitor = Visitor(tmp_path, make_opened(thumbnails={0: webp, 2: png, 3: b"<svg onload=alert(1)>"}))
    first = visitor.ask("@thumbnails/0")
    assert (first.status, first.headers["content-type"], first.body) == (200, "image/webp", webp)
    assert "sandbox" in first.headers["content-security-policy"]
    assert visitor.ask("@thumbnails/2").headers["content-type"] == "image/png"
    assert [visitor.ask(f"@thumbnails/{row}").status for row in ("1", "3", "4", "-1", "x")] == [404] * 5
    assert visitor.ask("@thumbnails/0", knows=False).status in (401, 403)
