"""The explorer's page and its payload: what goes in comes out, small, and nothing of it runs."""

import time
from dataclasses import replace

import numpy as np
import pytest

from latentscape.exploration import N_PEAKS, Answer, Category, Exploration, Frame, Media, Numbers, Texts
from latentscape.figures.style import Style
from latentscape.pages import explorer_details, explorer_media, explorer_payload
from latentscape.pages.explorer_colors import RAMP, choose_colors, choose_shapes
from latentscape.pages.explorer_container import Container, round_digits
from latentscape.pages.explorer_page import render_explorer, render_served, served_policy
from latentscape.pages.explorer_payload import pack, pack_exploration
from latentscape.pages.explorer_texts import clean_all
from tests.exploration_values import EMOTIONS, build_exploration, build_large, with_sound
from tests.payload_reader import read_page, read_payload

from .conftest import HOSTILE, parse_page

STUDIES = ("latents", "embeddings", "map", "comparison")


def packed(exploration, **options):
    return read_payload(pack(exploration, style=Style(), **options))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.arange(1000) % 7, "u1"),
        (np.arange(1000) * 64, "u2"),
        (np.arange(1000) * 4_000_000, "u4"),
        (np.linspace(-1e20, 1e-3, 1000), "f4"),
        (np.array([np.nan, np.inf, -np.inf, 0.0]), "f4"),
        (np.zeros(0), "u2"),
    ],
)
def test_arrays_come_back(values, kind):
    container = Container()
    described = container.array(values, kind)
    read = read_payload(container.finish({})).array(described) if len(values) else np.zeros(0)
    np.testing.assert_array_equal(read, values.astype(kind))


def test_texts_and_plain_bytes_come_back_and_the_whole_can_be_cut_in_threes():
    container = Container()
    described = container.texts(["Quận 10", "", "x" * 1000])
    start = container.plain(b"\x00\xff<!--")
    data = container.finish({"a": "é"})
    read = read_payload(data)
    assert read.texts(described) == ["Quận 10", "", "x" * 1000]
    assert read.body[start : start + 6] == b"\x00\xff<!--"
    assert read.header == {"a": "é", "bytes": container.size} and 0 <= len(read.body) - container.size < 3
    assert len(data) % 3 == 0


def test_numbers_too_large_for_four_bytes_are_infinite():
    values = np.array([1e300, -1e300, 1.5])
    assert round_digits(values).tolist() == [np.inf, -np.inf, 1.5]
    container = Container()
    described = container.array(values, "f4")
    assert read_payload(container.finish({})).array(described).tolist() == [np.inf, -np.inf, 1.5]


def test_numbers_of_very_many_samples_keep_the_digits_that_are_shown():
    values = np.array([0.123456789, -9876.54321, 3.0, 123_456.0, np.nan, np.inf], dtype=np.float32)
    rounded = round_digits(values)
    np.testing.assert_allclose(rounded[:2], values[:2], rtol=4e-5)
    assert (rounded[:2] != values[:2]).all()
    np.testing.assert_array_equal(rounded[2:], values[2:])


def test_a_map_keeps_its_shape():
    xy = np.array([[-1.0, 5.0], [3.0, 6.0], [1.0, 5.5]])
    frame = Frame(layer="mlp", method="tsne", xy=xy, trust=np.array([0.0, np.nan, 1.0]), together="t", score="s")
    read = packed(Exploration(study="map", title="t", headline="h", n=3, ids=None, columns=(), frames=(frame,)))
    one = read.header["frames"][0]
    assert one["size"] == [65535, 16384]
    np.testing.assert_array_equal(read.array(one["xy"]), [0, 0, 65535, 16384, 32768, 8192])
    np.testing.assert_array_equal(read.array(one["trust"]), [0, 255, 254])
    assert (one["key"], one["methodName"], one["together"], one["score"]) == ("tsne_mlp", "t-SNE", "t", "s")


def test_points_that_share_one_place_are_no_problem():
    frame = Frame(layer="f", method="pca", xy=np.ones((4, 2)), trust=np.full(4, np.nan))
    read = packed(Exploration(study="map", title="t", headline="h", n=4, ids=None, columns=(), frames=(frame,)))
    assert read.array(read.header["frames"][0]["xy"]).tolist() == [0] * 8


@pytest.mark.parametrize("study", STUDIES)
def test_columns_ids_and_words_come_back(study):
    exploration = build_exploration(study, n=60)
    read = packed(exploration)
    header = read.header
    assert [column["key"] for column in header["columns"]] == [column.key for column in exploration.columns]
    for column, one in zip(exploration.columns, header["columns"], strict=True):
        if isinstance(column, Category):
            assert one["values"] == list(column.values)
            np.testing.assert_array_equal(read.array(one["codes"]), column.codes + 1)
            assert len(one["colors"]) == len(one["shapes"]) == len(column.values)
        elif isinstance(column, Numbers):
            np.testing.assert_array_equal(read.array(one["numbers"]), column.values.astype(np.float32))
            assert one["worst"] == column.worst
        else:
            assert read.texts(one["texts"]) == list(column.values)
    assert (read.texts(header["ids"]) if header["ids"] else None) == (
        list(exploration.ids) if exploration.ids else None
    )
    assert header["facts"] == [list(fact) for fact in exploration.facts.items()]
    assert [one["checkpoint"] for one in header["answers"]] == [one.checkpoint for one in exploration.answers]
    assert len({frame["key"] for frame in header["frames"]}) == len(exploration.frames)


def test_neighbors_come_back_in_their_order():
    exploration = build_exploration(n=50)
    read = packed(exploration)
    for given, one in zip(exploration.neighbors, read.header["neighbors"], strict=True):
        assert (one["layer"], one["metric"], one["k"]) == (given.layer, "cosine", 10)
        np.testing.assert_array_equal(read.array(one["rows"]).astype(int).reshape(-1, 10) - 1, given.rows)
        ways = read.array(one["distances"]).astype(int).reshape(-1, 10)
        distances = one["low"] + one["step"] * (np.cumsum(ways, axis=1) % 65_536)
        np.testing.assert_allclose(distances, given.distances, atol=one["step"])


def test_short_lists_of_neighbors_end_with_none():
    exploration = build_exploration("map", n=30)
    rows, distances = exploration.neighbors[0].rows.copy(), exploration.neighbors[0].distances.copy()
    rows[:, 7:], distances[:, 7:] = -1, np.nan
    lists = replace(exploration.neighbors[0], rows=rows, distances=distances)
    read = packed(replace(exploration, neighbors=(lists,)))
    found = read.array(read.header["neighbors"][0]["rows"]).reshape(-1, 10)
    assert (found[:, 7:] == 0).all()
    assert (found[:, :7] > 0).all()


def test_ranks_and_probabilities_come_back():
    exploration = build_exploration("embeddings", n=80)
    read, given = packed(exploration), exploration.ranked
    one = read.header["ranked"]
    np.testing.assert_array_equal(read.array(one["rows"]).reshape(-1, 10).astype(int) - 1, given.rows)
    np.testing.assert_array_equal(read.array(one["marks"]).reshape(-1, 10), given.marks)
    similarities = 2 * (read.array(one["similarities"]).reshape(-1, 10) / 65535) - 1
    np.testing.assert_allclose(similarities, given.similarities, atol=2e-5)
    assert [one["types"][i] for i in read.array(one["hardTypes"])] == list(given.hard_types)
    np.testing.assert_array_equal(read.array(one["hardEnds"]), given.hard_ends)
    latents = build_exploration(n=40)
    read = packed(latents)
    top = read.header["probabilities"][0]
    np.testing.assert_array_equal(
        read.array(top["codes"]).reshape(-1, 3).astype(int) - 1, latents.probabilities[0].codes
    )
    shares = read.array(top["shares"]).reshape(-1, 3) / 65535
    np.testing.assert_allclose(shares, latents.probabilities[0].shares, atol=1e-5)


def test_ids_that_are_row_numbers_travel_as_nothing():
    exploration = build_exploration(n=30, ids=tuple(map(str, range(30))))
    assert packed(exploration).header["ids"] is None


def test_a_category_of_very_many_values_is_a_text(monkeypatch):
    monkeypatch.setattr(explorer_payload, "MOST_VALUES", 20)
    read = packed(build_exploration(n=30))
    speaker = read.column("speaker")
    assert speaker["kind"] == "text"
    assert read.texts(speaker["texts"])[:3] == ["", "Actor_01", "Actor_02"]


def test_what_has_no_room_stays_out_and_the_page_says_so(monkeypatch):
    monkeypatch.setattr(explorer_payload, "FRAME_BYTES", 100)
    monkeypatch.setattr(explorer_payload, "ID_BYTES", 10)
    monkeypatch.setattr(explorer_payload, "TEXT_BYTES", 10)
    monkeypatch.setattr(explorer_details, "NEIGHBOR_BYTES", 10)
    monkeypatch.setattr(explorer_details, "RANK_BYTES", 10)
    exploration = build_exploration("embeddings", n=60)
    left = pack_exploration(exploration, style=Style())
    read = read_payload(left.data)
    assert len(read.header["frames"]) == 1
    assert read.header["ids"] is None
    assert read.column("text")["texts"] is None
    assert not read.header["neighbors"]
    assert (read.header["hasNeighbors"], read.header["hasRanks"]) == (False, False)
    said = " ".join(left.left_out)
    for word in ("1 of 2 maps", "the ids", "“text”", "nearest neighbors", "ranked documents", "`latentscape open`"):
        assert word in said
    page = render_explorer(exploration, style=Style())
    assert all(sentence in parse_page(page).text for sentence in left.left_out)


def test_fewer_neighbors_travel_where_ten_have_no_room(monkeypatch):
    exploration = build_exploration("map", n=100)
    one = packed(exploration).header["neighbors"][0]
    size = sum(length for name in ("rows", "distances") for _, length in one[name]["places"])
    monkeypatch.setattr(explorer_details, "NEIGHBOR_BYTES", size - 1)
    assert packed(exploration).header["neighbors"][0]["k"] == 5


def test_a_server_is_asked_for_neighbors_ranks_and_media():
    exploration = with_sound(build_exploration("embeddings", n=60), [b"RIFF"], links=[None, None, *["x.wav"] * 58])
    read = packed(exploration, is_served=True)
    assert (read.header["neighbors"], read.header["probabilities"], read.header["ranked"]) == ([], [], None)
    assert read.header["hasNeighbors"]
    assert read.header["hasRanks"]
    assert read.header["isServed"]
    assert read.array(read.header["media"]["has"]).tolist() == [1, 0, *[1] * 58]
    assert "links" not in read.header["media"]
    assert b"RIFF" not in read.body


def test_clips_travel_as_they_are_and_the_others_as_links():
    clips = [b"RIFF one", b"RIFF two two"]
    read = packed(with_sound(build_exploration(n=20), clips))
    media = read.header["media"]
    ends = read.array(media["clipEnds"])
    starts = [0, *ends[:-1]]
    found = [read.body[media["clips"] + a : media["clips"] + b] for a, b in zip(starts, ends, strict=True)]
    assert found == clips
    assert read.texts(media["links"])[5] == "../clips/5.wav"
    assert read.array(media["peaks"]).shape == (20 * N_PEAKS,)


@pytest.mark.parametrize(
    "link",
    ["/etc/passwd", "//host/x.wav", "file:///x.wav", "javascript:alert(1)", "a\\b.wav", "a?b#c", "é.wav", "a\nb"],
)
def test_only_plain_relative_links_travel(link):
    media = Media(kind="audio", links=(link, "../a%20b/c.wav"))
    read = packed(replace(build_exploration(n=2), media=media))
    assert read.texts(read.header["media"]["links"]) == ["", "../a%20b/c.wav"]


def test_clips_beyond_their_room_stay_out(monkeypatch):
    monkeypatch.setattr(explorer_media, "CLIP_BYTES", 10)
    left = pack_exploration(with_sound(build_exploration(n=20), [b"12345678", b"12345678"]), style=Style())
    assert read_payload(left.data).header["media"]["clipRows"]["n"] == 1
    assert "1 clip." in " ".join(left.left_out)


def test_classes_have_the_colors_of_the_pictures_in_every_column():
    style = Style(class_colors={"Sad": "#123456"})
    colors = choose_colors(build_exploration(n=30), style)
    assert colors["label"] == colors["prediction"]
    assert colors["label"][EMOTIONS.index("Sad")] == "#123456"
    assert colors["label"][0] == style.class_color("Neutral", 0)
    assert colors["correct"] == ["#d55e00", "#0072b2"]
    assert choose_colors(build_exploration("embeddings", n=30), style)["kind"] == list(style.kind_colors)
    assert len(RAMP) == 32


def test_many_classes_have_different_colors_that_both_grounds_show():
    column = Category(key="c", title="c", codes=np.zeros(3, dtype=int), values=tuple(f"v{i}" for i in range(300)))
    exploration = replace(build_exploration("map", n=3), columns=(column,), color="c")
    colors = choose_colors(exploration, Style())["c"]
    assert len(set(colors)) == len(colors) == 256
    read = packed(exploration)
    assert len(read.column("c")["values"]) == 300


def test_markers_follow_the_style():
    column = Category(key="d", title="d", codes=np.zeros(2, dtype=int), values=("A", "B", "C"))
    assert choose_shapes(column, Style()) == [0, 1, 2]
    assert choose_shapes(column, Style(dataset_markers={"B": "*"})) == [0, 6, 2]


@pytest.mark.parametrize("texts", [["a", "b c"], [], ["", "x"], ["  a", "b\n"], ["é", "e\u0301"], ["a\x00b", None]])
def test_all_texts_are_cleaned_like_one(texts):
    from latentscape.pages.escape import clean_text

    assert clean_all(texts) == [clean_text(text or "") for text in texts]


def hostile(study="embeddings", n=28):
    """Every text is hostile."""
    exploration = build_exploration(study, n=n)

    def bad(i):
        return HOSTILE[i % len(HOSTILE)]

    columns = []
    for column in exploration.columns:
        if isinstance(column, Category):
            columns.append(
                replace(column, title=bad(1), values=tuple(f"{bad(i)} {i}" for i in range(len(column.values))))
            )
        elif isinstance(column, Texts):
            columns.append(replace(column, title=bad(2), values=tuple(bad(i) for i in range(n))))
        else:
            columns.append(replace(column, title=bad(3)))
    return replace(
        exploration, columns=tuple(columns), title=bad(0), headline=bad(0),
        ids=tuple(f"{bad(i)} {i}" for i in range(n)),
        facts={bad(0): bad(1)}, stamps=(bad(0),), captions=(bad(5),), foot=(bad(0),),
        answers=tuple(replace(one, checkpoint=bad(i)) for i, one in enumerate(exploration.answers)),
        frames=tuple(replace(one, score=bad(0), warning=bad(5)) for one in exploration.frames),
    )  # fmt: skip


def test_hostile_text_is_text():
    page = render_explorer(hostile(), style=Style())
    parsed = parse_page(page)
    plain = parse_page(render_explorer(build_exploration("embeddings", n=28), style=Style()))
    assert {tag for tag, _ in parsed.elements} - {tag for tag, _ in plain.elements} <= {"p", "dt", "dd"}
    assert len(parsed.scripts) == len(plain.scripts) == 2
    assert "alert(1)" in parsed.text
    header = read_page(page).header
    assert "\u202e" not in str(header)
    assert "\u2028" not in str(header)


def test_the_policy_lets_nothing_in_and_nothing_out():
    page = render_explorer(build_exploration(n=20), style=Style())
    rules = dict(rule.split(" ", 1) for rule in _policy(page).split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'none'"
    assert rules["script-src"].startswith("'sha256-")
    assert " " not in rules["script-src"]
    assert rules["style-src"].startswith("'sha256-")
    assert rules["media-src"] == rules["img-src"] == "'self' file: data: blob:"
    assert rules["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in _policy(page)


def test_a_served_page_asks_its_server_only_and_holds_no_data():
    page = render_served(build_exploration(n=20))
    rules = dict(rule.split(" ", 1) for rule in _policy(page).split("; "))
    assert rules["connect-src"] == "'self'"
    assert 'id="payload"' not in page
    assert served_policy() == f"{_policy(page)}; frame-ancestors 'none'"


def _policy(page):
    return next(
        values["content"]
        for tag, values in parse_page(page).elements
        if tag == "meta" and values.get("http-equiv") == "Content-Security-Policy"
    )


def test_ten_thousand_points_with_neighbors_fit_in_a_megabyte():
    assert len(render_explorer(build_exploration("map", n=10_000), style=Style())) < 1_000_000


def test_answers_that_name_no_column_are_no_problem():
    read = packed(replace(build_exploration("map", n=5), answers=(Answer(),), frames=()))
    assert read.header["answers"] == [{"checkpoint": "", "truth": "", "said": "", "correct": "", "worst": ""}]


@pytest.mark.slow
def test_a_million_points_fit_in_ten_megabytes():
    exploration = build_large(1_000_000)
    start = time.monotonic()
    page = render_explorer(exploration, style=Style())
    assert time.monotonic() - start < 10  # 3 s on a machine with nothing else to do
    assert len(page) <= 10_000_000
