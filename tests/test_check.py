import hashlib
import json
import subprocess
import sys
from xml.etree import ElementTree as ET

import pytest

from latentscape.check import check_run, require_passed, write_junit
from latentscape.errors import DataError, GateError, UsageError
from latentscape.measures.scales import PUBLISHED_FIGURES, READINESS
from latentscape.measures.score import Score
from latentscape.store import FORMAT, FORMAT_VERSION, RunFolder

READY = {"positive_mean": 0.82, "negative_mean": 0.45, "margin": 0.37, "separation": 2.45, "hit_at_1": 0.91,
         "neighbor_recall_tsne_embedding": 0.3, "neighbor_recall_umap_embedding": 0.6, "heatmap_diagonal": 0.95,
         "margin_hard": 0.12}  # fmt: skip


def write_run(folder, *, study="embeddings", files=PUBLISHED_FIGURES, **changes):
    scores = {name: Score(name=name, value=value, n=10) for name, value in READY.items()}
    scores |= {name: Score(name=name, value=value, n=10, reason="no spread") for name, value in changes.items()}
    with RunFolder(folder) as run:
        run.save_scores(scores)
        run.finish({"study": study, "files": [*files, "scores.json"]})
    return folder


def snapshot(folder):
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


def test_a_ready_run_passes_the_published_checklist_and_is_not_touched(tmp_path):
    folder = write_run(tmp_path / "run")
    before = snapshot(folder)
    checked = check_run(folder)
    assert [line.condition.name for line in checked.lines] == list(READINESS)
    assert {line.condition.name: line.value for line in checked.lines}["neighbor_recall"] == 0.6
    assert (checked.n_failed, checked.study, checked.policy) == (0, "embeddings", "the published checklist")
    require_passed(checked)
    assert snapshot(folder) == before


def test_each_line_fails_alone(tmp_path):
    bad = {"positive_mean": 0.75, "negative_mean": 0.55, "margin": 0.2, "separation": 2, "hit_at_1": 0.85,
           "heatmap_diagonal": 0.1}  # fmt: skip
    for name, value in bad.items():
        checked = check_run(write_run(tmp_path / name, **{name: value}))
        assert [line.condition.name for line in checked.lines if not line.passed] == [name]
        with pytest.raises(GateError, match="1 of 8 lines failed") as told:
            require_passed(checked)
        assert told.value.exit_code == 1
    checked = check_run(write_run(tmp_path / "few", files=[*PUBLISHED_FIGURES[:4], "more.png"]))
    assert [line.condition.name for line in checked.lines if not line.passed] == ["figures"]


def test_what_was_not_measured_fails(tmp_path):
    folder = write_run(tmp_path, separation=None, neighbor_recall_tsne_embedding=None,
                       neighbor_recall_umap_embedding=None)  # fmt: skip
    failed = {line.condition.name: line for line in check_run(folder).lines if not line.passed}
    assert set(failed) == {"separation", "neighbor_recall"}
    assert {(line.verdict, line.reason) for line in failed.values()} == {("not measured", "no spread")}


def test_conditions_that_fail_replace_the_published_lines(tmp_path):
    folder = write_run(tmp_path / "run")
    (line,) = check_run(folder, fail_if=["margin_hard<0.15"]).lines
    assert (line.verdict, line.value, line.asked) == ("failed", 0.12, "not < 0.15")
    assert check_run(folder, fail_if=["margin_hard<0.1", "figures<5"]).n_failed == 0
    with pytest.raises(UsageError, match="did you mean `margin_hard`"):
        check_run(folder, fail_if=["margin_hrad<0.15"])


def test_a_policy_of_ones_own(tmp_path):
    folder, policy = write_run(tmp_path / "run"), tmp_path / "policy.yml"
    policy.write_text('margin: 0.3\nmargin_hard: ">= 0.12"\nnegative_mean: "> 0.5"\n', encoding="utf-8")
    checked = check_run(folder, policy=policy, fail_if=["hit_at_1<0.95"])
    assert [(line.condition.name, line.passed) for line in checked.lines] == [
        ("negative_mean", False), ("margin", True), ("margin_hard", True), ("hit_at_1", False),
    ]  # fmt: skip
    assert checked.policy == f"`{policy}` and --fail-if"
    policy.write_text('hit_at_one: "> 0.5"\n', encoding="utf-8")
    with pytest.raises(UsageError, match="did you mean `hit_at_1`"):
        check_run(folder, policy=policy)
    policy.write_text("margin:\n", encoding="utf-8")
    with pytest.raises(UsageError, match="has no lines"):
        check_run(folder, policy=policy)


def test_the_policy_that_ships_is_the_published_one(tmp_path, root):
    folder = write_run(tmp_path)
    published, shipped = check_run(folder), check_run(folder, policy=root / "configs" / "readiness.yml")
    names = ("name", "relation", "threshold")
    for one, other in zip(published.lines, shipped.lines, strict=True):
        assert [getattr(one.condition, name) for name in names] == [getattr(other.condition, name) for name in names]


def test_a_latents_run_wants_to_be_told_what_to_judge_by(tmp_path):
    folder = write_run(tmp_path / "run", study="latents", accuracy=0.7)
    with pytest.raises(UsageError, match=r"latentscape check .* --fail-if") as told:
        check_run(folder)
    assert told.value.exit_code == 2
    assert check_run(folder, fail_if=["accuracy<0.6"]).n_failed == 0
    assert check_run(folder, fail_if=["accuracy<0.8"]).n_failed == 1
    with pytest.raises(UsageError, match="no such score"):
        check_run(folder, fail_if=["figures<5"])


def test_folders_that_are_no_finished_run_of_ours(tmp_path):
    with pytest.raises(DataError, match="is not a run folder"):
        check_run(tmp_path / "missing")
    with pytest.raises(DataError, match="is not a run folder"):
        check_run(tmp_path)
    folder = write_run(tmp_path / "run")
    (folder / "manifest.json").unlink()
    with pytest.raises(DataError, match="unfinished run"):
        check_run(folder)
    for text, words in (
        ("{", "can't be read"), ("[]", "no JSON object"), ('{"format": "x"}', "is not of ours"),
        (json.dumps({"format": FORMAT, "format_version": FORMAT_VERSION + 1}), "newer version"),
        ("[" * 100_000, "can't be read"), ("\udcff", "can't be read"),
    ):  # fmt: skip
        (folder / "manifest.json").write_bytes(text.encode("utf-8", errors="surrogateescape"))
        with pytest.raises(DataError, match=words):
            check_run(folder)


def test_scores_that_were_changed_afterwards_are_not_believed(tmp_path):
    folder = write_run(tmp_path / "run", margin=0.1)
    path = folder / "scores.json"
    path.write_text(path.read_text(encoding="utf-8").replace("0.1,", "0.9,"), encoding="utf-8")
    with pytest.raises(DataError, match="changed after the run"):
        check_run(folder)
    path.unlink()
    with pytest.raises(DataError, match=r"scores.json` can't be read"):
        check_run(folder)


def test_nan_in_a_score_file_of_another_hand_is_not_measured(tmp_path):
    folder = write_run(tmp_path / "run")
    data = (folder / "scores.json").read_text(encoding="utf-8").replace('"margin": 0.37', '"margin": NaN')
    (folder / "scores.json").write_text(data, encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["checksums"]["scores.json"] = hashlib.sha256(data.encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (line,) = check_run(folder, fail_if=["margin<0.1"]).lines
    assert line.verdict == "not measured"


def test_junit_is_written_whole_and_says_what_failed(tmp_path):
    checked = check_run(write_run(tmp_path / "run"), fail_if=["margin_hard<0.15", "margin<0.15"])
    write_junit(checked, tmp_path / "ci" / "junit.xml")
    suite = ET.parse(tmp_path / "ci" / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_nothing_heavy_is_imported():
    code = "import sys, latentscape.check, latentscape.pages.terminal_checks; print(sorted({'torch', 'matplotlib', "
    code += "'transformers', 'scipy', 'pyarrow', 'numba'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
