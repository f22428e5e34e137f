"""`latentscape.latents`: the study of a module that is in memory."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import latentscape
from latentscape.errors import DataError, ModelError, UsageError
from latentscape.from_python.gathering import gather, split_batch
from latentscape.from_python.pictures import list_pictures

N, WIDTH, CLASSES = 60, 6, 3


def make_data(n=N):
    random = np.random.default_rng(0)
    labels = np.arange(n) % CLASSES
    centers = random.normal(size=(CLASSES, WIDTH)) * 4
    return (centers[labels] + random.normal(size=(n, WIDTH))).astype(np.float32), labels


def make_model():
    torch.manual_seed(0)
    layers = nn.Linear(WIDTH, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, CLASSES)
    return nn.Sequential(*layers)


class Stream(IterableDataset):
    def __iter__(self):
        values, labels = make_data(12)
        yield from ((torch.from_numpy(row), int(label)) for row, label in zip(values, labels, strict=True))


class Named(nn.Module):
    """Takes its input by name, as models of Hugging Face do."""

    def __init__(self):
        super().__init__()
        self.inner = make_model()

    def forward(self, pixels, scale=1.0):
        return {"logits": self.inner(pixels) * scale}


@pytest.fixture(scope="module")
def study():
    values, labels = make_data()
    model = make_model().train()
    made = latentscape.latents(
        model, (values, labels), class_names=("a", "b", "c"), texts=[f"văn bản {row}" for row in range(N)]
    )
    return made, model


@pytest.mark.slow
def test_it_is_a_whole_study_that_shows_itself_and_can_be_kept(study, tmp_path):
    made, model = study
    assert made.findings.class_names == ("a", "b", "c")
    assert [layer.layer for layer in made.findings.layers][-1] == "logits"
    assert len(made.findings.layers) >= 3
    assert made.scores["accuracy"].n == N
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert (made.folder / "explorer.html").is_file()
    assert "<iframe" in made._repr_html_()
    kept = made.save(tmp_path / "kept")
    assert kept.folder == tmp_path / "kept"
    assert latentscape.open_run(kept.folder).samples.column("text")[1].as_py() == "văn bản 1"
    with pytest.raises(UsageError, match="is there already"):
        made.save(tmp_path / "kept")


@pytest.mark.slow
def test_the_temporary_folder_goes_with_the_study():
    values, labels = make_data(30)
    made = latentscape.latents(make_model(), (values, labels), layers="4")
    folder = made.folder
    assert folder.is_dir()
    del made
    assert not folder.exists()


@pytest.mark.slow
def test_weights_and_random_numbers_are_as_before_and_another_run_is_the_same(tmp_path):
    values, labels = make_data(30)
    model = make_model()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    torch.manual_seed(5)
    stream = torch.get_rng_state()
    loader = DataLoader(TensorDataset(torch.from_numpy(values), torch.from_numpy(labels)), batch_size=7, shuffle=True)
    one = latentscape.latents(model, loader, output=tmp_path / "one", layers=["0", "4"])
    assert torch.equal(torch.get_rng_state(), stream)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())
    two = latentscape.latents(model, (values, labels), output=tmp_path / "two", layers=["0", "4"])
    names = ["features/0.npy", "samples.parquet", "scores.json"]
    assert [(one.folder / name).read_bytes() for name in names] == [(two.folder / name).read_bytes() for name in names]


@pytest.mark.parametrize(
    "make",
    [
        lambda values, labels: ((values, labels), None),
        lambda values, labels: (values, labels),
        lambda values, labels: (torch.from_numpy(values), labels.tolist()),
        lambda values, labels: (list(zip(torch.from_numpy(values), labels.tolist(), strict=True)), None),
        lambda values, labels: (DataLoader(TensorDataset(torch.from_numpy(values), torch.from_numpy(labels))), None),
    ],
)
def test_every_way_to_hold_samples_gives_the_model_the_same(make):
    values, labels = make_data(12)
    data, beside = make(values, labels)
    model = make_model()
    found = gather(data, model, labels=beside, collate=None)
    batch = found.collate([found.items[row] for row in range(12)])
    inputs = batch["plain_inputs"]
    assert torch.equal(inputs[0], torch.from_numpy(values))
    told = found.labels if found.labels is not None else [found.items[row][-1] for row in range(12)]
    assert [int(label) for label in told] == labels.tolist()


def test_a_stream_is_taken_apart_into_its_items():
    found = gather(DataLoader(Stream(), batch_size=5), make_model(), labels=None, collate=None)
    assert len(found.items) == 12
    assert [int(item[1]) for item in found.items] == make_data(12)[1].tolist()
    assert split_batch(torch.eye(2))[1].tolist() == [0, 1]


def test_frames_of_numbers_name_their_column_of_classes():
    pd = pytest.importorskip("pandas", reason="pandas is not installed")
    values, labels = make_data(12)
    frame = pd.DataFrame(values, columns=list("abcdef")).assign(species=[f"kind {label}" for label in labels])
    found = gather(frame, make_model(), labels="species", collate=None)
    assert torch.equal(found.items[3], torch.from_numpy(values[3]))
    assert found.labels[4] == "kind 1"
    with pytest.raises(DataError, match="did you mean `species`"):
        gather(frame, make_model(), labels="specie", collate=None)
    with pytest.raises(DataError, match="more than numbers"):
        gather(frame, make_model(), labels=None, collate=None)


def test_columns_that_the_model_does_not_take_stay_away_from_it():
    items = [{"pixels": torch.ones(WIDTH), "text": "a", "idx": 3, "label": 1}] * 2
    found = gather(items, Named(), labels=None, collate=None)
    assert set(found.collate(items)) == {"pixels"}
    with pytest.raises(UsageError, match="no column of the data is what the model takes"):
        gather([{"image": 1}], Named(), labels=None, collate=None).collate([{"image": 1}])


def test_pictures_of_every_make_become_files():
    from PIL import Image

    gray = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    channels_first = np.stack([gray] * 3)
    made = list_pictures(np.stack([channels_first] * 2))
    import io

    assert Image.open(io.BytesIO(made[0])).size == (4, 4)
    assert np.asarray(Image.open(io.BytesIO(made[0])))[3, 3].tolist() == [255, 255, 255]
    assert list_pictures([Image.new("L", (2, 3))])[0][:4] == b"\x89PNG"
    assert list_pictures(["a.png"])[0].name == "a.png"
    with pytest.raises(DataError, match="holds no pictures"):
        list_pictures(np.zeros((5, 7)))
    with pytest.raises(DataError, match=r"shape \[5, 4, 6\]"):
        list_pictures([np.zeros((5, 4, 6))])


@pytest.mark.parametrize(
    ("keywords", "kind", "said"),
    [
        ({"class_names": ("a", "b")}, UsageError, "a label is no class"),
        ({"class_names": ("a", "b", "c", "d")}, ModelError, "do not have the same classes"),
        ({"ids": ["x"] * N}, DataError, "the same id"),
        ({"texts": ["x"]}, DataError, "`texts` has another length"),
        ({"layers": "5"}, UsageError, "no layer is called `5`"),
        ({"labels": "species"}, UsageError, "names a column"),
        ({"data": 3}, UsageError, "can't be read by number"),
        ({"data": (np.ones((4, WIDTH)), [0, 1])}, DataError, "another length"),
    ],
)
def test_what_can_not_be_studied_is_said(keywords, kind, said, tmp_path):
    values, labels = make_data()
    given = dict(keywords)
    data = given.pop("data", (values, labels))
    with pytest.raises(kind, match=said):
        latentscape.latents(make_model(), data, output=tmp_path / "run", **given)
    assert not (tmp_path / "run").exists()
