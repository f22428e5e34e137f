"""Every interactive page, whatever is on it: self-contained, fenced in, the same bytes each time."""

import base64
import hashlib
import re

import numpy as np
import plotly.graph_objects as go
import pytest

from latentscape.figures.style import Style
from latentscape.pages.embeddings_map import render_embeddings_map
from latentscape.pages.feature_map import render_feature_map
from latentscape.pages.latents_map import render_latents_map


@pytest.fixture(params=["latents", "embeddings", "maps"])
def page(request, latents, embeddings, maps, hostile):
    if request.param == "latents":
        findings = latents(names=hostile, class_names=(*hostile, "Surprised"))
        return render_latents_map(findings, layer="cnn", method="tsne", style=Style())
    if request.param == "maps":
        columns = {"label_column": hostile[0], "shape_column": hostile[1], "source": hostile[2]}
        shapes = {"shapes": np.arange(60) % 7, "shape_names": hostile, "ids": tuple(hostile[i % 7] for i in range(60))}
        findings = maps(n_classes=7, names=hostile, weak=np.arange(60) < 20, **columns, **shapes)
        return render_feature_map(findings, method="tsne", style=Style())
    return render_embeddings_map(embeddings(texts=hostile), method="tsne", style=Style())


def test_nothing_is_loaded_from_anywhere(page, read_page):
    parsed = read_page(page)
    assert not parsed.attributes("src")
    assert not parsed.attributes("href")
    assert not {tag for tag, _ in parsed.elements} & {"link", "iframe", "object", "embed", "base", "form", "img"}


def test_no_text_becomes_markup(page, read_page):
    parsed = read_page(page)
    assert len(parsed.scripts) == 4
    assert not [name for _, values in parsed.elements for name in values if name.startswith("on")]
    assert not {tag for tag, _ in parsed.elements} & {"b", "i", "a"}
    assert not re.search("[\u2028\u2029\u202e]", page)


def test_policy_allows_exactly_the_scripts_on_the_page(page, read_page):
    parsed = read_page(page)
    policy = next(values["content"] for tag, values in parsed.elements if tag == "meta" and "http-equiv" in values)
    run = [text for values, text in parsed.scripts if "type" not in values]
    hashes = {base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in run}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe-eval" not in policy


def test_mathjax_is_never_loaded(page, read_page):
    assert not [text for values, text in read_page(page).scripts if "mathjax" in str(values).lower()]


def test_hover_labels_hold_only_our_own_tags(page, read_page):
    texts = [text for trace in read_page(page).data("figure")["data"] for text in trace.get("text", [])]
    assert texts
    tags = {tag for text in texts for tag in re.findall(r"<[^>]*>?", text)}
    assert tags <= {"<b>", "</b>", "<br>"}
    joined = "\n".join(texts)
    assert "&lt;b&gt;bold&lt;/b&gt;" in joined
    assert "$\\href{javascript:alert(1)}{x}$" in joined
    assert "Cho thuê phòng trọ Quận 10, 25m², giá 5.5 triệu" in joined


def test_equal_findings_give_equal_bytes(latents, embeddings):
    for _ in range(2):
        first = render_latents_map(latents(20), layer="mlp", method="umap", style=Style())
        assert first == render_latents_map(latents(20), layer="mlp", method="umap", style=Style())
        first = render_embeddings_map(embeddings(20), method="umap", style=Style())
        assert first == render_embeddings_map(embeddings(20), method="umap", style=Style())


def test_many_points_are_drawn_by_webgl_and_the_policy_says_so(latents, read_page):
    parsed = read_page(render_latents_map(latents(2001), layer="mlp", method="tsne", style=Style()))
    assert {trace["type"] for trace in parsed.data("figure")["data"]} == {"scattergl"}
    policy = next(values["content"] for tag, values in parsed.elements if tag == "meta" and "http-equiv" in values)
    assert "'unsafe-eval'" in policy


def test_plotly_knows_every_property_of_the_figure(page, read_page):
    figure = read_page(page).data("figure")
    # An unknown name or a value of the wrong kind is a ValueError.
    drawn = go.Figure(figure)
    assert len(drawn.data) == len(figure["data"]) > 0
    assert drawn.layout.yaxis.scaleanchor == "x"


def test_the_points_are_those_of_the_map(latents, read_page):
    findings = latents(20)
    page = read_page(render_latents_map(findings, layer="mlp", method="tsne", style=Style()))
    xy = []
    for trace in page.data("figure")["data"]:
        if trace["meta"]["part"] in ("filled", "open"):
            sides = [np.frombuffer(base64.b64decode(trace[side]["bdata"]), trace[side]["dtype"]) for side in "xy"]
            xy.append(np.stack(sides, axis=1))
    (wanted,) = (layer.maps["tsne"].latent_map.xy for layer in findings.layers if layer.layer == "mlp")
    found = np.concatenate(xy)
    assert np.array_equal(found[np.lexsort(found.T)], wanted[np.lexsort(wanted.T)])
