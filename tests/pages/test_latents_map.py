"""The map of a layer: every sample on it once, with what a reader asks of it."""

import base64
from dataclasses import replace

import numpy as np
import pytest

from latentscape.errors import UsageError
from latentscape.figures.style import Style
from latentscape.pages import page_sample
from latentscape.pages.latents_map import describe_sample, find_wrong, render_latents_map

from .conftest import draw_map


def decode(values):
    """Plotly's typed arrays and plain lists alike."""
    if isinstance(values, list):
        return values
    return np.frombuffer(base64.b64decode(values["bdata"]), dtype=values["dtype"]).tolist()


def clouds(parsed):
    return [trace for trace in parsed.data("figure")["data"] if trace["meta"]["part"] in ("filled", "open")]


def test_every_sample_is_drawn_once_where_the_map_puts_it(latents, read_page):
    findings = latents(40)
    parsed = read_page(render_latents_map(findings, layer="mlp", method="tsne", style=Style()))
    drawn = [(x, y) for trace in clouds(parsed) for x, y in zip(decode(trace["x"]), decode(trace["y"]), strict=True)]
    xy = findings.layers[2].maps["tsne"].latent_map.xy
    assert sorted(drawn) == sorted(map(tuple, xy.tolist()))


def test_wrong_predictions_are_open_and_color_is_the_true_class(latents, read_page):
    findings = latents(64)
    style = Style(class_colors={"Happy": "#123456"})
    traces = clouds(read_page(render_latents_map(findings, layer="mlp", method="tsne", style=style)))
    opened = [trace for trace in traces if trace["marker"]["symbol"].endswith("-open")]
    assert sum(len(trace["text"]) for trace in opened) == find_wrong(findings).sum() > 0
    for trace in traces:
        true = {text.split("<br>")[1] for text in trace["text"]}
        assert len(true) == 1
        assert (true == {"true Happy"}) == (trace["marker"]["color"] == "#123456")


def test_marker_is_the_data_set(latents, read_page):
    style = Style(dataset_markers={"crema-d": "s"})
    traces = clouds(read_page(render_latents_map(latents(64), layer="mlp", method="tsne", style=style)))
    shapes = {trace["marker"]["symbol"].removesuffix("-open"): trace["meta"]["needs"][1] for trace in traces}
    assert shapes == {"circle": "dataset:0", "square": "dataset:1"}


def test_hover_tells_id_classes_data_set_and_file(latents):
    findings = latents(8, labels=np.arange(8), predictions=(np.arange(8) + 1) % 8)
    told = describe_sample(findings, 3, findings.layers[0].maps["tsne"])
    assert told.split("<br>") == [
        "<b>03-01-0003.wav</b>",
        "true Sad",
        "predicted Angry (probability 0.12)",
        "dataset ravdess",
        "speaker ravdess/03",
        "id ravdess/Actor_03/03-01-0003.wav",
        "neighbors kept here 62%",
    ]


def test_page_says_layer_method_n_and_trust(latents, read_page):
    text = read_page(render_latents_map(latents(60), layer="encoder", method="umap", style=Style())).text
    for words in ("encoder · UMAP · n = 60 · neighbor recall 62%", "62% [58%, 66%]", "axes mean nothing"):
        assert words in text


def test_legend_has_a_switch_for_whatever_a_trace_needs(latents, read_page):
    parsed = read_page(render_latents_map(latents(60), layer="cnn", method="tsne", style=Style()))
    keys = set(parsed.attributes("data-key"))
    needed = {need for trace in parsed.data("figure")["data"] for need in trace["meta"]["needs"]}
    assert needed <= keys
    assert {f"class:{c}" for c in range(8)} | {"dataset:0", "dataset:1", "right", "wrong", "centroids"} == keys


def test_centroids_are_the_classes_means_and_carry_their_names(latents, read_page):
    findings = latents(64)
    figure = read_page(render_latents_map(findings, layer="mlp", method="tsne", style=Style())).data("figure")
    labels = figure["layout"]["annotations"]
    assert [label["text"] for label in labels] == list(findings.class_names)
    xy = findings.layers[2].maps["tsne"].latent_map.xy
    assert [labels[4]["x"], labels[4]["y"]] == pytest.approx(xy[findings.labels == 4].mean(axis=0))


def test_stamps_and_notices_are_on_the_page(latents, read_page):
    findings = latents(12)
    model = type(findings.model)(**{**vars(findings.model), "stamps": ("weights <missing>",)})
    parsed = read_page(render_latents_map(latents(12, model=model), layer="cnn", method="tsne", style=Style()))
    assert "Warning: weights <missing>" in parsed.text


@pytest.mark.parametrize("n", [1, 2, 3])
def test_very_few_samples(latents, read_page, n):
    parsed = read_page(render_latents_map(latents(n), layer="cnn", method="tsne", style=Style()))
    layout = parsed.data("figure")["layout"]
    assert layout["xaxis"]["range"][0] < layout["xaxis"]["range"][1]
    assert sum(len(trace["text"]) for trace in clouds(parsed)) == n
    if n == 1:
        assert "n/a (not measurable here)" in parsed.text
        assert "None" not in parsed.text
        assert "nan" not in parsed.text


def test_one_class_and_unknown_labels(latents, read_page):
    one = read_page(render_latents_map(latents(10, n_classes=1), layer="cnn", method="tsne", style=Style()))
    assert [key for key in one.attributes("data-key") if key.startswith("class")] == ["class:0"]
    unknown = latents(10, labels=np.full(10, -1), predictions=np.full(10, -1))
    parsed = read_page(render_latents_map(unknown, layer="cnn", method="tsne", style=Style()))
    assert "class:-1" in parsed.attributes("data-key")
    assert "0 of 10 (0%)" in parsed.text


def test_unknown_layer_or_method_is_refused_with_the_nearest_name(latents):
    with pytest.raises(UsageError, match="did you mean `encoder`"):
        render_latents_map(latents(10), layer="encodr", method="tsne", style=Style())
    with pytest.raises(UsageError, match="did you mean `tsne`"):
        render_latents_map(latents(10), layer="encoder", method="t-sne", style=Style())


def judge(findings, weak, *, recall=0.62):
    def again(drawn):
        return draw_map(drawn.latent_map.xy, method=drawn.latent_map.method, weak=weak, recall=recall)

    layers = [
        replace(layer, maps={name: again(drawn) for name, drawn in layer.maps.items()}) for layer in findings.layers
    ]
    return replace(findings, layers=tuple(layers))


def test_weak_samples_are_faint_and_can_be_switched(latents, read_page):
    findings = judge(latents(64), np.arange(64) % 4 == 0)
    parsed = read_page(render_latents_map(findings, layer="mlp", method="tsne", style=Style()))
    faint = [trace for trace in clouds(parsed) if trace["meta"]["faint"]]
    assert sum(len(trace["text"]) for trace in faint) == 16
    assert sum(len(trace["text"]) for trace in clouds(parsed)) == 64
    assert "faint" in parsed.attributes("data-key")
    assert "fewer than 1 in 5 neighbors kept" in parsed.text
    assert all("faint" not in trace["meta"]["needs"] for trace in clouds(parsed))


def test_too_many_weak_samples_are_only_told(latents, read_page):
    findings = judge(latents(64), np.arange(64) < 50)
    parsed = read_page(render_latents_map(findings, layer="mlp", method="tsne", style=Style()))
    assert not any(trace["meta"]["faint"] for trace in clouds(parsed))
    assert "50 of 64 points: fewer than 1 in 5 neighbors kept; too many to mark." in parsed.text
    assert "faint" not in parsed.attributes("data-key")


def test_low_trust_is_in_the_headline(latents, read_page):
    findings = judge(latents(64), np.zeros(64, dtype=bool), recall=0.25)
    parsed = read_page(render_latents_map(findings, layer="mlp", method="tsne", style=Style()))
    assert "drawn by t-SNE. Low trust: neighbors on this map are often no neighbors in the data" in parsed.text


def test_a_name_leaves_a_centroid_that_lies_outside_of_its_class(latents, read_page):
    findings = latents(64, n_classes=1)
    turn = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    layer = replace(findings.layers[0], maps={"tsne": draw_map(ring, method="tsne")})
    page = render_latents_map(replace(findings, layers=(layer,)), layer="cnn", method="tsne", style=Style())
    figure = read_page(page).data("figure")
    (label,) = figure["layout"]["annotations"]
    assert np.hypot(label["x"], label["y"]) == pytest.approx(1.0)
    (dot,) = [trace for trace in figure["data"] if trace["meta"]["part"] == "landmark"]
    assert [dot["x"][0], dot["y"][0]] == pytest.approx([0, 0], abs=1e-9)


def test_of_very_many_samples_a_choice_is_shown_and_all_are_counted(latents, read_page, monkeypatch):
    monkeypatch.setattr(page_sample, "MOST_POINTS", 40)
    findings = latents(400)
    parsed = read_page(render_latents_map(findings, layer="mlp", method="tsne", style=Style()))
    shown = [text for trace in clouds(parsed) for text in trace["text"]]
    assert len(shown) == len(set(shown)) == 40
    assert "Shown are 40 of 400 points, drawn at random so that each class keeps its share" in parsed.text
    assert "n = 400" in parsed.text
    classes = [text.split("<br>")[1] for text in shown]
    assert all(classes.count(name) == 5 for name in set(classes)) and len(set(classes)) == 8
    xy = findings.layers[2].maps["tsne"].latent_map.xy
    rows = {int(text.rpartition("/03-01-")[2][:4]): text for text in shown}
    drawn = {
        text: place
        for trace in clouds(parsed)
        for text, *place in zip(trace["text"], decode(trace["x"]), decode(trace["y"]), strict=True)
    }
    assert all(drawn[text] == xy[row].tolist() for row, text in rows.items())
