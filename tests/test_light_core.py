"""Without torch and every other library of an extra: maps, vectors, comparison, checks, exports and runs all work."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from latentscape.extras import ALONE, EXTRAS

from .models.classifier_folders import write

PROGRAM = '''
import json, sys

class Absent:
    """Finds no library of an extra, as where none is installed."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

ABSENT, COMMANDS = json.loads(sys.argv[1]), json.loads(sys.argv[2])
sys.meta_path.insert(0, Absent())
from latentscape.cli import main
codes = []
for words in COMMANDS:
    try:
        main(words)
    except SystemExit as ended:
        codes.append(ended.code)
import latentscape
run = latentscape.open_run("map")
codes += [len(run.scores) > 0, run.samples.num_rows, sorted(set(ABSENT) & set(sys.modules))]
print(json.dumps(codes))
'''


def run_light(folder, commands, *, absent=tuple({*EXTRAS, *ALONE})):
    """The exit code of each command, what a run says of itself, and the absent libraries that were imported."""
    words = [sys.executable, "-c", PROGRAM, json.dumps(absent), json.dumps(commands)]
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1]), ended.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("light")
    draw = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    np.save(folder / "features.npy", (draw.standard_normal((60, 8)) + 4 * np.eye(8)[labels]).astype(np.float32))
    (folder / "labels.txt").write_text("\n".join("abc"[label] for label in labels))
    queries = draw.standard_normal((40, 8)).astype(np.float32)
    for name, noise in (("before", 0.8), ("after", 0.2)):
        documents = queries + noise * draw.standard_normal((40, 8)).astype(np.float32)
        np.savez(folder / f"{name}.npz", queries=queries, documents=documents)
    (folder / "pairs.jsonl").write_text('{"query": "a room", "pos": "a room to let"}\n' * 3)
    return folder


@pytest.mark.slow
def test_the_core_does_all_that_needs_no_model(folder):
    quick = ["--skip-umap", "--quiet"]
    commands = [
        ["map", "features.npy", "--labels", "labels.txt", "--output", "map", "--method", "pca", "--quiet"],
        ["embeddings", "--vectors", "before.npz", "--output", "before", *quick],
        ["embeddings", "--vectors", "after.npz", "--output", "after", *quick],
        ["compare", "before", "after", "--output", "compared", "--quiet"],
        ["check", "after", "--fail-if", "mrr<0.1"],
        ["export", "map", "--to", "parquet", "--output", "map.parquet"],
        ["export", "map", "--to", "csv", "--output", "map.csv"],
        ["export", "map", "--to", "tensorboard", "--output", "projector"],
        ["export", "map", "--to", "embedding-atlas", "--output", "atlas.parquet"],
        ["doctor"],
    ]
    codes, said = run_light(folder, commands)
    assert codes[: len(commands)] == [0] * len(commands), said
    assert codes[len(commands) :] == [True, 60, []]
    for name in ("map/explorer.html", "after/report.html", "compared/comparison.html", "map.csv", "atlas.parquet"):
        assert (folder / name).stat().st_size


@pytest.mark.slow
def test_what_needs_more_ends_with_2_and_says_what_to_install(folder):
    commands = [
        ["map", "features.npy", "--output", "map", "--method", "pca", "--quiet"],
        ["open", "map", "--no-browser"],
        ["latents", "--model", "no-such-model", "--data", "."],
        ["embeddings", "--model", "no-such-model", "--data", "pairs.jsonl"],
        ["demo"],
    ]
    codes, said = run_light(folder, commands)
    assert codes[:5] == [0, 2, 2, 2, 2], said
    assert said.count("error[extra-missing]: this needs ") == 4
    assert "pip install 'latentscape[serve]'" in said
    assert "'latentscape[text]' for models of text" in said


ALONE_PROGRAM = '''
import json, sys
from importlib.machinery import PathFinder
from importlib.metadata import MetadataPathFinder

ABSENT = set(json.loads(sys.argv[1]))

class Absent(PathFinder):
    """Finds neither the modules nor the metadata of libraries that are not there."""

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in ABSENT else PathFinder.find_spec(name, path, target)

    @classmethod
    def find_distributions(cls, *words, **options):
        found = MetadataPathFinder.find_distributions(*words, **options)
        return (each for each in found if each.metadata["Name"].lower().replace("-", "_") not in ABSENT)

sys.meta_path[sys.meta_path.index(PathFinder)] = Absent
sys.meta_path[:] = [each for each in sys.meta_path if each is not MetadataPathFinder]
exec(sys.argv[2])
print(json.dumps(sorted(ABSENT & set(sys.modules))))
'''
STUDY = """
from latentscape.cli import main
try:
    main({words})
except SystemExit as ended:
    assert not ended.code, ended.code
"""
IN_MEMORY = """
import numpy, torch, latentscape
data = numpy.eye(3, dtype="float32")[numpy.arange(30) % 3], numpy.arange(30) % 3
study = latentscape.latents(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 3)), data)
assert study.scores["accuracy"].n == 30
"""


def run_alone(folder, extra, program):
    """What of the other extras was imported, though it is not there, by a program with this extra alone."""
    absent = [module for module, extras in {**EXTRAS, **dict.fromkeys(ALONE, ())}.items() if extra not in extras]
    words = [sys.executable, "-c", ALONE_PROGRAM, json.dumps(absent), program]
    ended = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize(("extra", "family"), [("images", "vit"), ("text", "bert")])
def test_an_extra_alone_opens_its_door(tmp_path, extra, family):
    write(tmp_path / "model", family)
    names, data = ("calm", "angry", "glad"), tmp_path / "data"
    if extra == "text":
        rows = [f"an example of {'few ' * (row % 4)}words,{names[row % 3]}" for row in range(12)]
        data = tmp_path / "data.csv"
        data.write_text("\n".join(["text,label", *rows]))
    for row in range(12 if extra == "images" else 0):
        (data / names[row % 3]).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (row * 20, 0, 0)).save(data / names[row % 3] / f"{row}.png")
    words = [
        "latents",
        "--model",
        "model",
        "--data",
        data.name,
        "--layers",
        "last_hidden",
        "--quiet",
        "--output",
        "run",
    ]
    assert run_alone(tmp_path, extra, STUDY.format(words=[*words, "--skip-umap", "--skip-tsne"])) == []
    assert (tmp_path / "run" / "explorer.html").stat().st_size


@pytest.mark.slow
def test_a_model_in_memory_needs_torch_alone(tmp_path):
    assert run_alone(tmp_path, "torch", IN_MEMORY) == []
