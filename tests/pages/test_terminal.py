"""The lines a terminal shows."""

from dataclasses import replace

from latentscape.findings import Accounting, Skip
from latentscape.measures.score import Score
from latentscape.pages.terminal import summarize_embeddings, summarize_latents


def without(findings, *names):
    """The findings with some scores that could not be measured."""
    gone = {name: replace(findings.scores[name], value=None, low=None, high=None, reason="no reason") for name in names}
    return replace(findings, scores={**findings.scores, **gone})


def test_what_is_not_measured_says_so_and_why(embeddings):
    text = summarize_embeddings(without(embeddings(), "negative_mean", "margin", "separation"))
    lines = text.splitlines()
    assert "  Negative    n/a" in lines
    assert "  Margin      n/a" in lines
    assert "  Separation  n/a" in lines
    assert "  Margin can't be told: no reason" in lines
    assert "σ" not in text


def test_classes_are_called_by_their_names_and_long_ones_are_cut(latents):
    findings = latents()
    names = tuple("x" * 300 if n == 3 else f"<{name}>" for n, name in enumerate(findings.class_names))
    lines = summarize_latents(replace(findings, class_names=names)).splitlines()
    assert any(line.startswith(f"  recall {names[0]} ") for line in lines)
    assert max(map(len, lines)) < 160
    assert all("… " in line for line in lines if "xxx" in line)


def test_failures_are_listed_up_to_ten_and_counted(latents):
    failed = tuple(Skip(id=f"clip {n}", reason="empty") for n in range(13))
    findings = latents()
    n_ok = findings.accounting.n_ok
    text = summarize_latents(
        replace(findings, accounting=Accounting(n_in=n_ok + 13, n_ok=n_ok, skipped=(), failed=failed))
    )
    assert text.count("failed clip") == 10
    assert "and 3 more: see the report" in text
    assert f"{n_ok + 13} in = {n_ok} studied + 0 skipped + 13 failed" in text


def test_a_long_name_never_touches_its_value(latents):
    findings = latents()
    score = Score(name="recall_x", value=0.25, n=4)
    names = tuple(f"a class whose name is longer than the column {n}" for n in range(len(findings.class_names)))
    kept = {name: score for name in findings.scores if name.startswith("recall_")}
    lines = summarize_latents(replace(findings, class_names=names, scores={**findings.scores, **kept})).splitlines()
    assert all(" 0.2500  n = 4" in line for line in lines if "longer" in line)
