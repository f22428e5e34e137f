"""The embeddings study from pair file to report, on a tiny model."""

import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from latentscape.embeddings_study import study_embeddings
from latentscape.errors import DataError
from latentscape.measures.scales import check_readiness
from latentscape.settings import EmbeddingsSettings

from .payload_reader import read_page

pytestmark = pytest.mark.slow  # whole studies

ORIGINALS = [
    "tsne_projection.png",
    "umap_projection.png",
    "similarity_heatmap.png",
    "similarity_distribution.png",
    "top_k_predictions.png",
]


def settings_for(run, output, **changes):
    return EmbeddingsSettings(
        checkpoint=run.checkpoint, data=str(changes.pop("data", run.pairs)), output=output, **changes
    )


@pytest.fixture(scope="module")
def studied(finished_rental, tmp_path_factory):
    """One study that several tests look at."""
    return study_embeddings(settings_for(finished_rental, tmp_path_factory.mktemp("viz")))


def test_every_file_of_the_original_is_written(studied):
    for name in [*ORIGINALS, "tsne_embedding_interactive.html", "scores.json", "report.md", "manifest.json"]:
        assert (studied.folder / name).stat().st_size > 100, name


def test_the_numbers_follow_from_the_vectors_kept(studied, finished_rental):
    """Margin, MRR and recall computed anew, the slow and obvious way."""
    rows = json.loads(finished_rental.pairs.read_text(encoding="utf-8"))
    queries, documents = studied.findings.queries, studied.findings.documents
    vectors = dict(zip((*queries, *documents), _vectors(studied), strict=False))
    right = {row["query"]: {r["pos"] for r in rows if r["query"] == row["query"]} for row in rows}
    positive, negative, ranks = [], [], []
    for query in queries:
        cosines = {text: float(vectors[query] @ vectors[text]) for text in documents}
        positive += [cosines[text] for text in right[query]]
        negative += [cosine for text, cosine in cosines.items() if text not in right[query]]
        best = max(cosines[text] for text in right[query])
        ranks.append(1 + sum(c >= best for text, c in cosines.items() if text not in right[query]))
    scores = json.loads((studied.folder / "scores.json").read_text())
    assert scores["positive_mean"] == pytest.approx(np.mean(positive), abs=1e-5)
    assert scores["negative_sd"] == pytest.approx(np.std(negative), abs=1e-5)
    assert scores["margin"] == pytest.approx(np.mean(positive) - np.mean(negative), abs=1e-5)
    assert scores["mrr"] == pytest.approx(np.mean(1 / np.array(ranks)), abs=1e-3)
    assert scores["hit_at_1"] == pytest.approx(np.mean(np.array(ranks) == 1), abs=0.03)


def _vectors(study):
    """Row by row of the study, through the kept features."""
    kept = np.load(study.folder / "features" / "embedding.npy")
    texts = list(dict.fromkeys([*study.findings.queries, *study.findings.documents]))
    place = {text: row for row, text in enumerate(texts)}
    return kept[[place[text] for text in (*study.findings.queries, *study.findings.documents)]]


def test_samples_name_every_text_once(studied):
    rows = pq.read_table(studied.folder / "samples.parquet").to_pydict()
    assert len(rows["id"]) == len(set(rows["id"])) == len(studied.findings.queries) + len(studied.findings.documents)
    assert set(rows["kind"]) == {"query", "positive", "hard_negative"}
    assert {"tsne_embedding_x", "umap_embedding_y", "umap_embedding_trust"} <= rows.keys()
    ranks = [rank for rank, kind in zip(rows["rank"], rows["kind"], strict=True) if kind == "query"]
    assert None not in ranks


def test_every_row_of_the_file_is_accounted_for(studied, finished_rental):
    found = studied.findings.accounting
    assert found.n_in == len(json.loads(finished_rental.pairs.read_text(encoding="utf-8")))
    assert found.n_in == found.n_ok + len(found.skipped) + len(found.failed)


def test_the_checklist_is_judged_and_reported(studied):
    assert len(studied.checks) == len(check_readiness({}))
    text = (studied.folder / "report.md").read_text(encoding="utf-8")
    assert all(f"## {heading}" in text for heading in ("Model info", "Key metrics", "Visual analysis", "Conclusion"))
    assert "FAIL" in text


def test_the_terminal_shows_the_published_block(finished_rental, tmp_path, run_command):
    words = ["--checkpoint", finished_rental.checkpoint, "--data", finished_rental.pairs, "--output", tmp_path / "viz"]
    code, out, err = run_command("embeddings", *words, "--skip-umap", "--skip-tsne")
    assert code == 0
    assert out.startswith("Similarity statistics\n  Positive    ")
    assert " ± " in out
    assert "σ\n" in out
    assert "report.html" in err
    assert not (tmp_path / "viz" / "umap_projection.png").exists()


def test_json_on_stdout_and_nothing_else(finished_rental, tmp_path, run_command):
    words = ["--checkpoint", finished_rental.checkpoint, "--data", finished_rental.pairs, "--output", tmp_path / "viz"]
    code, out, err = run_command("embeddings", *words, "--skip-umap", "--skip-tsne", "--json", "--quiet")
    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "viz" / "scores.json").read_text())
    assert err == ""


def test_a_sample_is_drawn_by_query_and_not_from_the_top(finished_rental, tmp_path, studied):
    study = study_embeddings(
        settings_for(finished_rental, tmp_path / "viz", max_samples=10, skip_umap=True, skip_tsne=True)
    )
    assert len(study.findings.queries) == 10
    assert study.findings.queries != studied.findings.queries[:10]
    assert study.findings.accounting.n_in == studied.findings.accounting.n_in


@pytest.mark.parametrize("n", [1, 2, 3])
def test_one_two_and_three_pairs(finished_rental, tmp_path, n):
    rows = json.loads(finished_rental.pairs.read_text(encoding="utf-8"))[:n]
    data = tmp_path / "few.json"
    data.write_text(json.dumps([{"query": row["query"], "pos": row["pos"]} for row in rows]), encoding="utf-8")
    study = study_embeddings(settings_for(finished_rental, tmp_path / "viz", data=data))
    assert study.findings.accounting.n_ok == n
    assert (study.folder / "report.html").exists()
    margin = study.findings.scores["margin"]
    assert (margin.value is None) == bool(margin.reason)
    assert n > 1 or margin.value is None


def test_thresholds_and_colors_of_ones_own(finished_rental, tmp_path, root):
    mine, published = tmp_path / "mine.yml", root / "configs" / "readiness.yml"
    mine.write_text("margin: -1.0\n")
    config = tmp_path / "config.yml"
    config.write_text("data: {pairs: p.json}\nmodel: {base_model: x}\nstyle: {query: '#123456'}\n")
    options = {"skip_umap": True, "skip_tsne": True, "config": config}
    study = study_embeddings(settings_for(finished_rental, tmp_path / "viz", readiness=mine, **options))
    assert [(check.name, check.passed) for check in study.checks] == [("margin", True)]
    page = read_page((study.folder / "pca_embedding_interactive.html").read_text())
    assert page.column("kind")["colors"][0] == "#123456"
    study = study_embeddings(settings_for(finished_rental, tmp_path / "viz", readiness=published, **options))
    assert len(study.checks) == len(check_readiness({}))


def test_layers_can_be_compared(finished_rental, tmp_path):
    settings = settings_for(
        finished_rental, tmp_path / "viz", layers=("encoder,embedding",), skip_umap=True, skip_tsne=True
    )
    study = study_embeddings(settings)
    assert (study.folder / "pca_encoder_interactive.html").exists()
    assert (study.folder / "pca_embedding_interactive.html").exists()
    assert np.load(study.folder / "features" / "encoder.npy").shape[1] == 32


def test_a_text_the_model_can_not_embed_costs_its_query_only(finished_rental, tmp_path, monkeypatch, studied):
    from latentscape import pair_vectors

    extract, poisoned = pair_vectors.read_features, studied.findings.queries[3]

    def lose_one(model, texts, reading, **options):
        made = extract(model, texts, reading, **options)
        row = [getattr(text, "text", text) for text in texts].index(poisoned)
        keep = made.kept != row
        features = {layer: values[keep] for layer, values in made.features.items()}
        return replace(made, features=features, kept=made.kept[keep], failed=((row, "not finite"),))

    monkeypatch.setattr(pair_vectors, "read_features", lose_one)
    study = study_embeddings(settings_for(finished_rental, tmp_path / "viz", skip_umap=True, skip_tsne=True))
    assert poisoned not in study.findings.queries
    assert len(study.findings.queries) == len(studied.findings.queries) - 1
    assert [skip.reason for skip in study.findings.accounting.failed] == ["not finite"]


def test_no_rows_is_a_data_error(finished_rental, tmp_path):
    (tmp_path / "empty.json").write_text("[]")
    with pytest.raises(DataError):
        study_embeddings(settings_for(finished_rental, tmp_path / "viz", data=tmp_path / "empty.json"))


def test_queries_of_the_training_file_are_left_out_and_told(finished_rental, tmp_path):
    rows = json.loads(finished_rental.pairs.read_text(encoding="utf-8"))
    train = tmp_path / "train.json"
    seen = list(dict.fromkeys(row["query"] for row in rows))[:4]
    train.write_text(json.dumps([row for row in rows if row["query"] in seen]), encoding="utf-8")
    study = study_embeddings(
        settings_for(finished_rental, tmp_path / "viz", train=train, max_samples=0, skip_umap=True, skip_tsne=True)
    )
    findings = study.findings
    assert not set(seen) & set(findings.queries)
    assert findings.defect_counts["trained_query"] == 4
    assert findings.accounting.n_in == len(rows)
    assert findings.improvements.found[0].kind == "trained_queries"
    with pytest.raises(DataError, match="nothing is left"):
        study_embeddings(settings_for(finished_rental, tmp_path / "none", train=finished_rental.pairs))
    assert not (tmp_path / "none").exists()


def test_before_training_the_report_speaks_of_the_data(finished_rental, tmp_path, run_command):
    base = finished_rental.checkpoint.parent / "base_model"
    words = ["--base-model", base, "--data", finished_rental.pairs, "--output", tmp_path / "viz", "--quiet"]
    code, _, err = run_command("embeddings", *words, "--skip-umap", "--skip-tsne")
    assert (code, err) == (0, "")
    text = (tmp_path / "viz" / "report.md").read_text(encoding="utf-8")
    assert "Are the data sound?" in text
    assert "What did it learn?" not in text
    assert json.loads((tmp_path / "viz" / "manifest.json").read_text())["model"]["name"].endswith("no head")


def test_the_gate_passes_and_fails_as_asked(studied, tmp_path, run_command):
    margin = studied.scores["margin"].value
    code, out, _ = run_command("check", studied.folder, "--fail-if", f"margin<{margin - 0.01}")
    assert (code, "1 line passed" in out) == (0, True)
    policy = tmp_path / "policy.yml"
    policy.write_text(f"margin: '> {margin + 0.01}'\nmrr: '>= 0'\n")
    code, out, err = run_command("check", studied.folder, "--policy", policy, "--junit", tmp_path / "junit.xml")
    assert code == 1
    assert "1 of 2 lines failed" in out
    assert 'failures="1"' in (tmp_path / "junit.xml").read_text()
    assert "error[gate]: 1 of 2 lines failed" in err
    code, out, _ = run_command("check", studied.folder, "--fail-if", "mrr<0", "--json")
    assert code == 0
    assert json.loads(out)[0]["verdict"] == "passed"


def test_attributes_are_read_grouped_and_tabled(finished_rental, tmp_path, root):
    study = study_embeddings(
        settings_for(finished_rental, tmp_path / "viz", attributes=root / "configs" / "rental.yml", skip_tsne=True)
    )
    findings = study.findings
    known = {each.name: each for each in findings.attributes}
    assert known["district"].document_coverage > 0.95
    assert "knn_purity_district" in study.scores
    assert "monotonicity_price" in study.scores or "response to price" in findings.unmeasured
    rows = pq.read_table(study.folder / "samples.parquet").to_pydict()
    assert len(set(rows["attribute_district"])) > 3
    assert len(findings.first_wrong) == len(findings.queries)
    assert any("asked" in why for why in findings.first_wrong) or all(findings.ranking.top_right[:, 0])


def test_the_numbers_of_a_file_of_defects_are_right(finished_rental, tmp_path):
    """Repeated queries, shared positives, false negatives and near copies; both readings computed anew by hand."""
    rows = json.loads(finished_rental.pairs.read_text(encoding="utf-8"))[:24]
    rows = [{"query": row["query"], "pos": row["pos"], "hard_neg": row.get("hard_neg", [])} for row in rows]
    rows += [
        {**rows[0], "pos": rows[5]["pos"]},  # a second right document
        {**rows[1], "hard_neg": [rows[1]["pos"], rows[7]["pos"]]},  # its own, and another query's
        {
            "query": "phòng nào cũng được",
            "pos": rows[2]["pos"],
            "hard_neg": [rows[2]["pos"].upper() + "!"],
        },  # near copy
    ]
    data = tmp_path / "defects.json"
    data.write_text(json.dumps(rows), encoding="utf-8")
    study = study_embeddings(
        settings_for(finished_rental, tmp_path / "viz", data=data, skip_umap=True, skip_tsne=True, max_samples=0)
    )
    findings, counts = study.findings, study.findings.defect_counts
    for kind in ("negative_is_own_positive", "negative_is_other_positive", "near_copy_of_positive"):
        assert counts[kind] == 1, kind
    assert counts["query_with_several_positives"] >= 1
    vectors = dict(zip((*findings.queries, *findings.documents), _vectors(study), strict=False))

    def rank(query, documents, right, ignored=()):
        cosine = {number: float(vectors[query] @ vectors[text]) for number, text in documents.items()}
        best = max(cosine[number] for number in right)
        return 1 + sum(cosine[n] >= best - 1e-9 for n in documents if n not in right and n not in ignored)

    said = [
        (row, text, place)
        for row, each in enumerate(rows)
        for place, text in enumerate([each["pos"], *(n if isinstance(n, str) else n["text"] for n in each["hard_neg"])])
    ]
    every = dict(enumerate(text for _, text, _ in said))  # each mention a document of its own
    own = {row: number for number, (row, _, place) in enumerate(said) if place == 0}
    raw = [rank(each["query"], every, {own[row]}) for row, each in enumerate(rows)]
    assert study.scores["raw_hit_at_1"].value == pytest.approx(np.mean(np.array(raw) == 1))
    assert study.scores["raw_mrr"].value == pytest.approx(np.mean(1 / np.array(raw)), abs=1e-6)
    texts = {text: text for text in findings.documents}
    right = {query: {row["pos"] for row in rows if row["query"] == query} for query in findings.queries}
    shouted = rows[2]["pos"].upper() + "!"
    ignored = {query: {shouted} if rows[2]["pos"] in right[query] else set() for query in findings.queries}
    clean = [rank(query, texts, right[query], ignored[query]) for query in findings.queries]
    assert findings.ranking.best_rank.tolist() == clean
    assert study.scores["mrr"].value == pytest.approx(np.mean(1 / np.array(clean)), abs=1e-6)


def test_the_table_says_how_clear_each_first_place_is(studied):
    rows = pq.read_table(studied.folder / "samples.parquet").to_pydict()
    n = len(studied.findings.queries)
    units = _vectors(studied).astype(np.float64)
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    cosines = units[:n] @ units[n:].T
    for query in range(n):
        right, ignored = rows["right"][query], rows["ignored"][query]
        wrong = np.delete(cosines[query], [*right, *ignored])
        assert rows["right_similarity"][query] == pytest.approx(cosines[query][right].max(), abs=1e-6)
        assert rows["hardest_similarity"][query] == pytest.approx(wrong.max(), abs=1e-6)
        hard = cosines[query][rows["hard_negatives"][query]]
        assert rows["hard_similarities"][query] == pytest.approx(hard.tolist(), abs=1e-6)
        assert len(rows["top_documents"][query]) == min(10, cosines.shape[1] - len(ignored))
        top = cosines[query][rows["top_documents"][query]]
        assert rows["top_similarities"][query] == pytest.approx(top.tolist(), abs=1e-6)
    assert set(rows["right_similarity"][n:]) == {None} and (studied.folder / "explorer.html").stat().st_size > 10_000
