"""A whole study with `--engine ray`: every file of its run folder is that of the local engine."""

import pytest

from chaos.kills import compare_files, list_files

pytest.importorskip("ray", reason="the extra ray is not installed")
MAPLESS = ("--skip-tsne", "--skip-umap")
"""tests/test_ray_maps.py has the maps."""


def study_both(run_command, monkeypatch, folder, *words):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    files = {}
    for engine in ("local", "ray"):
        (folder / engine).mkdir(parents=True)
        monkeypatch.chdir(folder / engine)
        code, _, err = run_command(*words, "--engine", engine, "--output", "run")
        assert code == 0, err
        assert ("a Ray cluster was started" in err) == (engine == "ray")
        files[engine] = list_files(folder / engine / "run")
    assert "scores.json" in files["ray"]
    return compare_files(files["local"], files["ray"])


@pytest.mark.slow
def test_a_retriever(run_command, monkeypatch, tmp_path, finished_rental):
    words = ["embeddings", "--checkpoint", finished_rental.checkpoint, "--data", finished_rental.pairs, *MAPLESS]
    assert study_both(run_command, monkeypatch, tmp_path, *words) == ""


@pytest.mark.slow
def test_a_classifier(run_command, monkeypatch, tmp_path, finished_speech):
    words = ["latents", "--config", finished_speech.config, "--layers", "encoder", *MAPLESS]
    assert study_both(run_command, monkeypatch, tmp_path, *words) == ""
