"""Whatever door a model comes through, it travels to workers with its data. Run by `test_spread_doors.py`."""

import io

import numpy as np
import pytest
import soundfile
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from latentscape.classifier_input import Inputs, prepare_layers
from latentscape.datasets.labeled import LabeledSamples
from latentscape.features import Reading, choose_layers, collate_waveforms, read_features
from latentscape.features.items import Chosen, look_at
from latentscape.from_python.gathering import gather
from latentscape.models.classifiers import load_classifier
from latentscape.models.loaded import DOCUMENT, QUERY, SidedText
from latentscape.models.own_code import open_own_classifier, open_own_encoder
from latentscape.models.text_models import load_text_model
from latentscape.progress import SILENT
from latentscape.speech_input import Clips
from latentscape.watch.still import StillAnswer
from tests.models.classifier_folders import make_samples, write
from tests.models.conftest import make_emotion as make_emotion  # a fixture
from tests.models.conftest import make_text_folder as make_text_folder  # a fixture
from tests.ray_clusters import open_cluster
from tests.scattered import Scattered

from .test_resume import fingerprint

TEXTS = ["phòng trọ quận 10", "cho thuê phòng quận 11 , 25m2 , giá 5 triệu", "phòng", "quận 11", "giá 5 triệu , phòng"]
SIDED = [SidedText(side, text) for side in (QUERY, DOCUMENT) for text in TEXTS]
OWN = """
import torch
class Mine(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(2))
    def forward(self, texts):
        return self.scale * torch.tensor([[len(text), text.count('5') + 1.0] for text in texts])
def build():
    return Mine(), lambda text: text.lower()
"""


@pytest.fixture(scope="module")
def cluster():
    """A real one, where Ray is installed."""
    pytest.importorskip("ray")
    with open_cluster(SILENT) as executor:
        yield executor


def agree(model, inputs, *, layers, collate, lengths, executor=None):
    reading = Reading(layers=layers, collate=collate, lengths=lengths, batch_size=2)
    local = read_features(model, inputs, reading)
    for each in (Scattered(), executor):
        if each is not None:
            assert fingerprint(read_features(model, inputs, reading, executor=each)) == fingerprint(local)
    assert len(local.kept)
    return local


def label(kind, contents):
    n = len(contents)
    return LabeledSamples(
        kind=kind,
        contents=tuple(contents),
        ids=tuple(map(str, range(n))),
        labels=np.zeros(n, dtype=np.int64),
        class_names=("a", "b", "c"),
        dataset_ids=np.zeros(n, dtype=np.int64),
        dataset_names=("d",),
        speakers=tuple(map(str, range(n))),
        skipped=(),
    )


def as_file(sample):
    """The bytes of a file with this sound or picture; a text as it is."""
    place = io.BytesIO()
    if isinstance(sample, str):
        return sample
    if isinstance(sample, np.ndarray):
        soundfile.write(place, sample, 16_000, format="WAV")
    else:
        sample.save(place, format="PNG")
    return place.getvalue()


def check_classifier(loaded, kind):
    contents = [as_file(sample) for sample in make_samples(kind)] * 2
    inputs = Inputs(label(kind, [*contents, b"broken"] if kind != "text" else contents), loaded)
    prepare_layers(loaded.model, loaded.collate([inputs[0]]))
    made = agree(
        loaded.model,
        inputs,
        layers=choose_layers(loaded.model, None),
        collate=loaded.collate,
        lengths=inputs.measure(),
    )
    assert len(made.failed) == (kind != "text")


def check_retriever(loaded, executor=None):
    agree(
        loaded.model,
        SIDED,
        layers=choose_layers(loaded.model, None),
        collate=loaded.collate,
        lengths=loaded.count(SIDED),
        executor=executor,
    )


def test_a_speech_classifier_and_its_clips(make_emotion, tmp_path, cluster):
    model = make_emotion()
    random = np.random.default_rng(0)
    for number, size in enumerate((4000, 5000, 6000, 100, 4500)):
        soundfile.write(tmp_path / f"{number}.wav", random.normal(size=size) * 0.1, 16_000)
    clips = Clips((*sorted(tmp_path.iterdir()), tmp_path / "missing.wav"), 16_000, model.min_samples)
    made = agree(
        model,
        clips,
        layers=choose_layers(model, None),
        collate=collate_waveforms,
        lengths=[4000, 5000, 6000, 100, 4500, 0],
        executor=cluster,
    )
    assert [row for row, _ in made.failed] == [3, 5]


@pytest.mark.parametrize(("family", "kind"), [("wav2vec2", "audio"), ("bert", "text"), ("vit", "image")])
def test_classifiers_of_hugging_face(family, kind, tmp_path):
    write(tmp_path, family)
    check_classifier(load_classifier(str(tmp_path)), kind)


def test_retrievers_with_prompts_and_two_towers(make_text_folder, cluster):
    folder, other = make_text_folder(), make_text_folder(seed=5)
    check_retriever(load_text_model(str(folder), query_prompt="cho thuê "), cluster)
    check_retriever(load_text_model(str(folder), document_model=str(other)))


def test_sentence_transformers(make_text_folder, tmp_path):
    sentence_transformers = pytest.importorskip("sentence_transformers")
    from sentence_transformers.sentence_transformer import modules

    transformer = modules.Transformer(str(make_text_folder()))
    chain = sentence_transformers.SentenceTransformer(modules=[transformer, modules.Pooling(32)], device="cpu")
    chain.prompts = {"query": "giá ", "document": ""}
    chain.save(str(tmp_path / "chain"))
    check_retriever(load_text_model(str(tmp_path / "chain")))


def test_code_of_the_users_own(tmp_path, monkeypatch):
    (tmp_path / "spread_model_of_mine.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    check_retriever(open_own_encoder("spread_model_of_mine:build"))
    check_classifier(open_own_classifier("spread_model_of_mine:build", kind="text"), "text")


def test_a_module_of_a_program_with_local_classes_and_functions():
    class Local(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden, self.head = nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x):
            return {"answers": self.head(self.hidden(x).relu())}

    torch.manual_seed(0)
    model = Local()
    data = TensorDataset(torch.randn(20, 3), torch.arange(20) % 2)
    found = gather(
        DataLoader(data, collate_fn=lambda items: torch.stack([x for x, _ in items])), model, labels=None, collate=None
    )
    items = Chosen(found.items, np.arange(4, 18))
    shell = StillAnswer(model, pick=lambda output: output["answers"])
    prepare_layers(shell, found.collate([items[0]]))
    agree(shell, items, layers=choose_layers(shell, None), collate=found.collate, lengths=look_at(items).lengths)
