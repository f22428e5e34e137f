"""The weight receipt in words, and inside every picture."""

import json
from dataclasses import replace
from io import BytesIO

import pytest
from PIL import Image

from latentscape.figures import LATENTS_FIGURES, Style, render_png
from latentscape.figures.receipt_words import list_receipt, say_receipt, tidy_receipt
from latentscape.figures.tables import COMPARISON_FIGURES
from latentscape.findings import ModelCard
from tests.comparison_values import build_comparison

CARD = ModelCard(
    name="hubert", checkpoint="best.pt", sha256="ab" * 32, n_parameters=2000, n_tensors_matched=210,
    n_tensors_total=211,
)  # fmt: skip
RECEIPT = {
    "n_parameters": 2000, "n_parameters_matched": 1999, "wrapper": "model_state", "prefix": "module.",
    "inner": ["_orig_mod."], "allowed": ["head.bias"], "side_branches": [f"domain.{i}" for i in range(7)],
    "tied": ["decoder.weight"], "set_aside": ["criterion.weight"],
    "adapter": {"kind": "LoRA", "base": "bge", "n_modules_changed": 8},
}  # fmt: skip


def describe(png: bytes) -> str:
    return Image.open(BytesIO(png)).info.get("Description", "")


def test_it_says_how_much_arrived_and_never_rounds_up():
    (told,) = list_receipt(replace(CARD, receipt={"n_parameters": 2000, "n_parameters_matched": 1999}))
    assert "210 of 211 tensors (99.5 %) and 1,999 of 2,000 parameters (99.9 %)" in told
    assert f"`best.pt` (SHA-256 {'ab' * 32}), bit for bit." in told
    whole = replace(CARD, n_tensors_matched=211)
    assert "211 of 211 tensors (100 %) are those of" in say_receipt(whole)


def test_it_says_what_was_done_to_names_and_what_was_let_pass():
    told = say_receipt(replace(CARD, receipt=RECEIPT))
    for part in (
        "`model_state`", "`module.` was taken off", "`_orig_mod.`", "allowed by the user (1): `head.bias`",
        "(7): `domain.0`, `domain.1`, `domain.2`, `domain.3`, `domain.4` and 2 more", "`decoder.weight`",
        "`criterion.weight`", "an adapter (LoRA) in 8 modules, trained on `bge`, was added",
    ):  # fmt: skip
        assert part in told


def test_what_came_from_the_model_beneath_is_not_said_to_be_the_files():
    base = {"name": "BAAI/bge-m3", "files": {"model.safetensors": "c" * 64}, "n_tensors": 200}
    told = say_receipt(replace(CARD, receipt={"base": base}))
    assert f"those of `best.pt` (SHA-256 {'ab' * 32}) and, 200 of them, of the model it builds on, `BAAI" in told
    only = say_receipt(replace(CARD, receipt={"base": {**base, "n_tensors": CARD.n_tensors_matched}}))
    assert f"are those of `BAAI/bge-m3` (SHA-256 {'c' * 64}), bit for bit." in only
    assert "best.pt" not in only


@pytest.mark.parametrize("wrapper", ["", "bare", "safetensors", None])
def test_nothing_is_said_of_a_file_without_a_wrapper(wrapper):
    assert len(list_receipt(replace(CARD, receipt={"wrapper": wrapper, "adapter": None}))) == 1


def test_vectors_without_a_model_have_no_receipt():
    assert not list_receipt(replace(CARD, n_tensors_total=0, n_tensors_matched=0))


def test_names_are_one_line_each():
    told = say_receipt(replace(CARD, checkpoint="a\n\x1b[31mb\u202e.pt", receipt={"allowed": ["x\ny"]}))
    assert "\n" not in told and "\x1b" not in told and "\u202e" not in told


def test_every_picture_of_a_model_carries_the_receipt(make_latents):
    findings = make_latents(n=60)
    findings = replace(findings, model=replace(CARD, receipt=RECEIPT, checkpoint="phòng.pt"))
    figure = LATENTS_FIGURES["confusion_matrix"](findings, Style())
    assert figure is not None
    assert describe(render_png(figure)) == say_receipt(findings.model)
    assert "phòng.pt" in say_receipt(findings.model)


def test_a_picture_of_a_comparison_carries_all_of_them():
    findings = build_comparison(n=40)
    figure = COMPARISON_FIGURES["comparison_scores"](findings, Style())
    assert figure is not None
    told = describe(render_png(figure))
    assert all(f"{each.name}: Weights: 20 of 20 tensors (100 %)" in told for each in findings.checkpoints)


def test_a_receipt_from_a_manifest_is_told_as_the_models_own():
    receipt = {**RECEIPT, "tied": [["a", "b"]], "base": {"name": "b", "files": {"f": "cd" * 32}, "n_tensors": 1}}
    kept = tidy_receipt(json.loads(json.dumps(receipt)))
    assert list_receipt(replace(CARD, receipt=kept)) == list_receipt(replace(CARD, receipt=receipt))


@pytest.mark.parametrize(
    "receipt",
    [None, 3, [], {"allowed": 5}, {"allowed": {"a": {"b": 1}}}, {"tied": [[["x", [["y"]]]]]}, {"wrapper": {"a": [1]}},
     {"adapter": [[1]]}, {"base": {"files": {"a": 1, "b": 2}, "n_tensors": -1}},
     {"n_parameters": 0, "n_parameters_matched": -1},
     {"n_parameters_matched": 10**400}, {"side_branch": "\ud800"}, {"base": {"files": []}}],
)  # fmt: skip
def test_no_receipt_of_a_strangers_manifest_is_too_odd(receipt):
    told = list_receipt(replace(CARD, receipt=tidy_receipt(receipt)))
    assert told[0].startswith("Weights:")
    "".join(told).encode("utf-8")
