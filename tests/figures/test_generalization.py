"""What carries over from dataset to dataset, and how far classes drift."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba

from latentscape.figures.drift_panel import collect
from latentscape.figures.generalization import draw_generalization
from latentscape.figures.render import render_png
from latentscape.figures.style import LIGHT, Style
from latentscape.figures.transfer_words import FALLBACK, beats_chance, say_transfer

from .layer_values import (
    add_layer_values,
    all_texts,
    assert_ticks_apart,
    make_score,
    make_transfer,
    set_everywhere,
)
from .test_layer_profile import HOSTILE

LONG = ("Bộ ghi âm Thành phố Hồ Chí Minh năm 2024", "Bộ ghi âm Thành phố Hồ Chí Minh năm 2025")


@pytest.fixture
def make(make_latents):
    def make(**choice):
        return add_layer_values(make_latents(**({"n": 40, "methods": (), "layers": ("cnn", "mlp")} | choice)))

    return make


def lose(transfer, cells):
    """These cells could not be measured."""
    gone = make_score("-", None, reason="fewer than two classes in common")
    return replace(
        transfer,
        scores={cell: gone if cell in cells else score for cell, score in transfer.scores.items()},
        chance={cell: float("nan") if cell in cells else share for cell, share in transfer.chance.items()},
        losses={cell: gone if cell in cells else loss for cell, loss in transfer.losses.items()},
        p_values={cell: None if cell in cells else p for cell, p in transfer.p_values.items()},
        loss_p_values={cell: None if cell in cells else p for cell, p in transfer.loss_p_values.items()},
    )


@pytest.mark.parametrize(
    ("choice", "dark"),
    [
        ({"layers": ("mlp",)}, False), ({"layers": tuple("abcd")}, True), ({"dataset_names": LONG}, False),
        ({"layers": HOSTILE, "stamps": ("weights were missing",), "class_names": ("Rất vui vẻ và phấn khởi",)}, True),
        ({"dataset_names": tuple(f"set {i}" for i in range(5)), "layers": ("mlp",)}, False),
        ({"dataset_names": tuple(f"set {i}" for i in range(14)), "layers": ("mlp",), "class_names": ("a",)}, False),
        ({"n": 800, "class_names": tuple(f"class number {i}" for i in range(40))}, True),
    ],
    ids=["one", "four", "long", "hostile", "5 datasets", "14 datasets", "40 classes"],
)  # fmt: skip
@pytest.mark.slow
def test_every_text_is_on_the_paper_and_on_no_other(make, assert_tidy, choice, dark):
    figure = draw_generalization(make(**choice), Style(dark=dark))
    assert_tidy(figure)
    assert_ticks_apart(figure)


def test_one_dataset_has_no_picture(make, make_latents):
    assert draw_generalization(make(dataset_names=("ravdess",)), Style()) is None
    assert draw_generalization(make_latents(n=20), Style()) is None


def test_rows_train_and_columns_test(make):
    transfer = make_transfer(2)
    scores = {(a, b): make_score("t", 0.5 + 0.2 * a + 0.1 * b) for a, b in transfer.scores}
    findings = set_everywhere(make(layers=("mlp",)), transfers=(replace(transfer, scores=scores),))
    figure = draw_generalization(findings, Style())
    values = np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)
    # Above a chance of 20 %, as a share of what is above it.
    assert values == pytest.approx((np.array([[0.5, 0.6], [0.7, 0.8]]) - 0.2) / 0.8)
    cells = {tuple(map(round, (text.get_position()[1], text.get_position()[0]))): text for text in figure.axes[0].texts}
    assert set(cells) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    top_right = [text.get_text() for text in figure.axes[0].texts if round(text.get_position()[1]) == 0][3:]
    assert top_right == ["60% ▼20", "[57%, 63%]", "chance 20%"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["ravdess", "crema-d"]
    assert figure.axes[1].texts[0].get_text() == "not read"


def test_losses_are_marked_only_where_the_interval_leaves_out_zero(make):
    findings = set_everywhere(make(layers=("mlp",)), transfers=(make_transfer(2, own=0.43, other=0.4, half=0.04),))
    figure = draw_generalization(findings, Style())
    assert not any("▼" in text.get_text() for axes in figure.axes for text in axes.texts)


def test_where_nothing_is_read_nothing_is_lost(make, assert_tidy):
    findings = set_everywhere(make(), transfers=(make_transfer(2, own=0.22, other=0.1),))
    assert say_transfer(findings) == "What one dataset teaches does not reliably beat chance on another"
    figure = draw_generalization(findings, Style())
    assert_tidy(figure)
    texts = all_texts(figure)
    assert "nothing to lose: classes are not reliably read within a dataset either" in texts
    assert not any("▼" in text.get_text() for axes in figure.axes for text in axes.texts)


def test_figures_that_chance_explains_are_gray(make):
    weak, strong = make_transfer(2, own=0.6, other=0.22), make_transfer(2, reader="centroid")
    figure = draw_generalization(set_everywhere(make(layers=("mlp",)), transfers=(weak, strong)), Style())
    shades = {text.get_text(): text.get_color() for text in figure.axes[0].texts if "%" in text.get_text()}
    assert shades["60%"] == LIGHT.ink and shades["22% ▼38"] == LIGHT.muted


@pytest.mark.parametrize(
    ("changes", "wanted"), [({}, True), ({"p": None}, False), ({"p": 0.2}, False), ({"half": 0.3}, False)]
)
def test_beating_chance_needs_interval_and_null(changes, wanted):
    transfer = make_transfer(2, half=changes.get("half", 0.04))
    if "p" in changes:
        transfer = replace(transfer, p_values=dict.fromkeys(transfer.p_values, changes["p"]))
    assert beats_chance(transfer, (0, 1)) is wanted


def test_missing_cells_are_dashes_with_a_reason(make, assert_tidy):
    findings = make()
    transfers = tuple(lose(transfer, {(0, 1), (1, 0)}) for transfer in findings.layers[0].transfers)
    drifts = tuple(
        replace(drift, score=make_score("drift", None, reason="one sample"), p_value=None)
        for drift in findings.layers[0].drifts
    )
    layers = (replace(findings.layers[0], transfers=transfers, drifts=drifts), findings.layers[1])
    figure = draw_generalization(replace(findings, layers=layers), Style())
    assert_tidy(figure)
    assert all_texts(figure).count("–") == 4
    assert "4 of 16 cells not measured: fewer than two classes in common." in all_texts(figure)
    assert "8 of 16 drifts not measured: one sample." in all_texts(figure)
    assert np.isnan(figure.axes[-1].lines[0].get_ydata()).tolist() == [True, False]


def test_with_nothing_measured_the_picture_says_so(make, assert_tidy):
    findings = make(layers=("mlp",))
    transfers = tuple(lose(transfer, set(transfer.scores)) for transfer in findings.layers[0].transfers)
    drifts = tuple(replace(drift, score=make_score("drift", None), p_value=None) for drift in findings.layers[0].drifts)
    figure = draw_generalization(set_everywhere(findings, transfers=transfers, drifts=drifts), Style())
    assert_tidy(figure)
    assert all_texts(figure)[0] == FALLBACK
    assert "drift could not be measured" in all_texts(figure) and "not tested against chance" in all_texts(figure)


@pytest.mark.parametrize("gone", ["transfers", "drifts"])
def test_one_half_is_enough(make, assert_tidy, gone):
    figure = draw_generalization(set_everywhere(make(), **{gone: ()}), Style())
    assert_tidy(figure)
    assert len(figure.axes) == {"transfers": 1, "drifts": 4}[gone]


def test_each_class_is_a_dot_a_layer_filled_where_chance_does_not_explain_it(make):
    findings = make(layers=("cnn", "encoder", "mlp"), class_names=("Calm", "Sad"))
    changed = tuple(replace(drift, p_value=(0.001, 0.2)[drift.label]) for drift in findings.layers[2].drifts)
    findings = replace(findings, layers=(*findings.layers[:2], replace(findings.layers[2], drifts=changed)))
    axes = draw_generalization(findings, Style()).axes[-1]
    wanted = sorted(drift.score.value for layer in findings.layers for drift in layer.drifts)
    dots = [dot for dot in axes.findobj(PathCollection) if len(dot.get_offsets())]
    assert sorted(y for dot in dots for _, y in dot.get_offsets()) == pytest.approx(wanted)
    hollow = [dot.get_offsets() for dot in dots if tuple(dot.get_facecolor()[0]) == to_rgba(LIGHT.paper)]
    assert [y for points in hollow for _, y in points] == pytest.approx([changed[1].score.value])
    assert "1 of 2 classes displaced; 0.1 by chance, in mlp" in all_texts(draw_generalization(findings, Style()))


def test_drifts_are_sorted_by_pair_and_class(make):
    findings = make(dataset_names=("a", "b", "c"), class_names=("Calm", "Sad"))
    drifts = collect(findings, (0, 2))
    assert list(drifts) == [0, 1]
    assert all((drift.first, drift.second, drift.label) == (0, 2, label) for label in drifts for drift in drifts[label])


def test_of_many_pairs_those_that_drift_most_are_shown(make):
    findings = make(dataset_names=tuple("abcdef"), class_names=("Calm", "Sad"), layers=("cnn", "mlp"))
    strange = tuple(
        replace(drift, score=make_score("drift", 9.0)) if (drift.first, drift.second) == (4, 5) else drift
        for drift in findings.layers[1].drifts
    )
    figure = draw_generalization(
        replace(findings, layers=(findings.layers[0], replace(findings.layers[1], drifts=strange))), Style()
    )
    texts = all_texts(figure)
    assert "e – f" in texts and sum(" – " in text for text in texts) == 10
    assert "Of 15 pairs of datasets the 10 with the largest drift in the last layer are shown." in texts


@pytest.mark.parametrize(
    ("transfer", "title"),
    [
        (
            make_transfer(2),
            "Training on another dataset costs accuracy in 4 of 4 readings, up to 20 points [16, 24] "
            "(ravdess to crema-d, cnn); what carries over beats chance in all 4",
        ),
        (
            make_transfer(2, p=0.02),
            "No loss between datasets is certain in any layer; what carries over beats chance in all 4",
        ),
        (
            make_transfer(2, half=0.3),
            "No loss between datasets is certain in any layer; "
            "what one dataset teaches does not reliably beat chance on another",
        ),
        (lose(make_transfer(2), {(0, 1), (1, 0)}), FALLBACK),
    ],
)  # fmt: skip
def test_title_claims_only_what_the_intervals_carry(make, transfer, title):
    assert say_transfer(set_everywhere(make(), transfers=(transfer,))) == title


@pytest.mark.parametrize(("n_beating", "told"), [(1, "does not reliably beat chance"), (2, "beats chance in 2 of 8")])
def test_one_lucky_reading_of_many_is_no_claim(make, n_beating, told):
    findings = make(layers=tuple("abcd"))
    strong, weak = make_transfer(2, own=0.42), make_transfer(2, own=0.42)
    weak = replace(weak, p_values=dict.fromkeys(weak.p_values, 0.3))
    lucky = replace(strong, p_values={**weak.p_values, **dict.fromkeys([(0, 1), (1, 0)][:n_beating], 0.001)})
    layers = [
        replace(layer, transfers=(each,))
        for layer, each in zip(findings.layers, (lucky, weak, weak, weak), strict=True)
    ]
    assert told in say_transfer(replace(findings, layers=tuple(layers)))


def test_the_linear_reader_speaks_first(make):
    linear, centroid = make_transfer(2), make_transfer(2, reader="centroid", own=0.9)
    for transfers in ((linear, centroid), (centroid, linear)):
        assert "20 points" in say_transfer(set_everywhere(make(), transfers=transfers))
    assert "50 points" in say_transfer(set_everywhere(make(), transfers=(centroid,)))
    assert say_transfer(set_everywhere(make(), transfers=())) == FALLBACK


@pytest.mark.slow
def test_equal_findings_give_equal_bytes(make):
    first, second = (render_png(draw_generalization(make(layers=("mlp",)), Style())) for _ in range(2))
    assert first == second


@pytest.mark.slow
def test_of_many_layers_some_have_matrices_and_all_have_their_drift(make, assert_tidy):
    names = (*(f"encoder.layers.{i}" for i in range(25)), "logits")
    figure = draw_generalization(make(layers=names), Style())
    assert_tidy(figure)
    assert_ticks_apart(figure)
    assert figure.get_figheight() < 20
    texts = [text.get_text() for text in figure.texts]
    assert [name for name in names if name in texts] == [names[i] for i in (0, 5, 9, 14, 18, 23, 24, 25)]
    assert "Of 26 layers 8 have matrices, at even steps and the last two; the title counts all." in " ".join(texts)
    drifts = figure.axes[-1]
    assert drifts.get_xlim() == (-0.5, 25.5)
    assert not any("have matrices" in text.get_text() for text in draw_generalization(make(), Style()).texts)
