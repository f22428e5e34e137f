"""Models that the user's own code builds: written into a folder as a user would, found from there, looked at."""

import importlib
import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from transformers import AutoModel, AutoTokenizer

from latentscape.errors import DataError, ModelError, SafetyError, UsageError
from latentscape.features import extract_features
from latentscape.models.own_code import find_class_names, open_own_classifier, open_own_encoder
from latentscape.models.own_inputs import OwnInputs
from latentscape.models.own_shells import describe_batch
from latentscape.models.shells import PLAIN
from latentscape.own_modules import find_own

ZOO = '''
import numpy as np
import torch
from torch import nn

from own_zoo_parts import Net, Words

print("imported")


def plain():
    return Net()

def with_preprocess():
    return Net(), lambda picture: np.asarray(picture.resize((6, 6)), dtype=np.float64).transpose(2, 0, 1)

def fails():
    raise RuntimeError("no luck")

def leaves():
    raise SystemExit(3)

def needs(width):
    return Net()

def nothing():
    return None

def pair_of_nothing():
    return "model", "preprocess"

def meta():
    with torch.device("meta"):
        return Net()

def lazy():
    return nn.LazyLinear(3)

class Sound(nn.Module):
    """Means over what `lengths` says is real."""

    sample_rate = 8_000
    classes = ["low", "high"]
    layers = {"frames": "conv"}

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv1d(1, 4, 8, stride=4), nn.Linear(4, 2)

    def valid_frames(self, lengths):
        return (lengths - 8) // 4 + 1

    def forward(self, waveforms, lengths):
        frames = self.conv(waveforms[:, None])
        real = torch.arange(frames.shape[2]) < self.valid_frames(lengths)[:, None]
        return self.head((frames * real[:, None]).sum(2) / real.sum(1, keepdim=True))

class Unmasked(Sound):
    def forward(self, waveforms):
        return self.head(self.conv(waveforms[:, None]).mean(2))

class Breaks(Sound):
    def forward(self, waveforms):
        return self.missing(waveforms)

def turned():
    """Spectra whose last axis counts frames."""
    class Turned(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(3, 2)
        def forward(self, spectra, attention_mask):
            real = attention_mask[:, None].float()
            return self.head((spectra * real).sum(2) / real.sum(2))
    return Turned(), lambda sound: {"spectra": np.stack([sound[: len(sound) // 100]] * 3)}

class Two(nn.Linear):
    def forward(self, x):
        return super().forward(x), x

def two():
    return Two(100, 2)

def picky():
    def preprocess(sample):
        if len(sample) < 100:
            raise ValueError("too short for me")
        return sample[:100].tolist()
    return nn.Linear(100, 2), preprocess

def no_tensor():
    return nn.Linear(100, 2), lambda sample: {"x": object()}

def words():
    return Words(), lambda text: [len(word) for word in text.split()]

def letters():
    return Letters()

class Letters(nn.Module):
    def forward(self, texts):
        return torch.tensor([[float(len(text)), float(text.count("a")), 1.0] for text in texts])

class Encodes(nn.Module):
    def encode(self, texts):
        return np.array([[len(text), 2.0] for text in texts])

class Tokens(nn.Module):
    def forward(self, texts):
        return torch.ones(len(texts), 3, 4)
'''
PARTS = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 3)
        self.class_names = ("cat", "dog", "bird")

    def forward(self, pictures):
        return self.head(torch.relu(self.conv(pictures)).mean((2, 3)))


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(30, 4)

    def forward(self, words, attention_mask=None):
        states = self.table(words)
        mask = attention_mask[..., None]
        return {"sentence_embedding": (states * mask).sum(1) / mask.sum(1)}
"""
LIGHTNING = '''
from torch import nn


class LightningModule(nn.Module):
    """Stands in for Lightning's, which takes seconds to import."""


class Plane(LightningModule):
    def __init__(self, width, names=("a", "b"), depth=1):
        super().__init__()
        self.class_names = names
        self.model = nn.Sequential(*[nn.Linear(width, width) for _ in range(depth)], nn.Linear(width, len(names)))
        self.criterion = nn.BatchNorm1d(2)

    def forward(self, x):
        return self.model(x)


class Held(LightningModule):
    def __init__(self, settings):
        super().__init__()
        self.model = nn.Linear(settings["width"], 2)


def inner():
    return nn.Sequential(nn.Linear(5, 5), nn.Linear(5, 2))
'''


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zoo")
    for name, code in (("own_zoo", ZOO), ("own_zoo_parts", PARTS), ("own_zoo_light", LIGHTNING)):
        (folder / f"{name}.py").write_text(code)
    yield folder
    for name in ("own_zoo", "own_zoo_parts", "own_zoo_light"):
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def here(zoo, monkeypatch):
    monkeypatch.chdir(zoo)
    return zoo


def save(model, path, *, prefix="", wrapper="model_state", **beside):
    state = {prefix + name: tensor + 1 for name, tensor in model.state_dict().items()}
    torch.save({wrapper: state, **beside}, path)
    return state


def test_a_module_with_the_weights_of_a_checkpoint(tmp_path, capsys):
    path = tmp_path / "net.pt"
    sys.modules.pop("own_zoo", None)
    loaded = open_own_classifier("own_zoo:plain", kind="image")
    state = save(loaded.model.model, path, prefix="module._orig_mod.", epoch=3)
    found = open_own_classifier("own_zoo:plain", checkpoint=path, kind="image")
    assert capsys.readouterr().out == ""  # what the user's code prints stays out of our data
    live = found.model.model.state_dict()
    assert all(torch.equal(live[name.removeprefix("module._orig_mod.")], tensor) for name, tensor in state.items())
    told = found.receipt.to_dict()
    assert (told["percent_tensors"], told["wrapper"], told["prefix"]) == (100.0, "model_state", "module._orig_mod.")
    assert found.class_names == ("cat", "dog", "bird")
    assert (found.metadata["epoch"], found.metadata["factory"], found.name) == (3, "own_zoo:plain", "own_zoo:plain")
    assert found.sha256 != loaded.sha256
    assert found.fingerprint != loaded.fingerprint
    assert not found.model.training
    assert found.example is not None


def test_fresh_weights_are_the_same_every_time_and_nobody_else_draws_differently():
    # Python's own stream is drawn from by the checks of types in these tests.
    before = np.random.get_state()[1].tolist(), torch.random.get_rng_state()  # noqa: NPY002
    one, other = (open_own_classifier("own_zoo:plain") for _ in range(2))
    assert one.sha256 == other.sha256
    assert one.fingerprint == other.fingerprint
    assert one.receipt.to_dict()["base"]["name"] == "own_zoo:plain"
    after = np.random.get_state()[1].tolist(), torch.random.get_rng_state()  # noqa: NPY002
    assert before[0] == after[0]
    assert torch.equal(before[1], after[1])


def test_a_picture_without_and_with_a_preprocess():
    picture = Image.new("RGB", (9, 7), (255, 0, 51))
    plain = open_own_classifier("own_zoo:plain")
    made = plain.prepare(picture)
    assert made.shape == (3, 7, 9)
    assert made[:, 0, 0].tolist() == pytest.approx([1.0, 0.0, 0.2])
    own = open_own_classifier("own_zoo:with_preprocess")
    made = own.prepare(picture)
    assert (made.shape, made.dtype) == ((3, 6, 6), torch.float32)  # doubles become the model's own type
    batch = own.collate([made, made])
    assert batch[PLAIN][0].shape == (2, 3, 6, 6)
    torch.testing.assert_close(own.model(**batch)[0], own.model.model(made[None])[0])


def test_pictures_of_different_sizes_are_read_one_by_one():
    own = open_own_classifier("own_zoo:plain", kind="image")
    pictures = [own.prepare(Image.new("RGB", (8 + place, 8), (place, 9, 9))) for place in range(3)]
    with pytest.raises(DataError, match="different sizes"):
        own.collate(pictures)
    found = extract_features(own.model, pictures, layers=own.model.layers, collate=own.collate, lengths=[1, 1, 1])
    alone = torch.cat([own.model(**own.collate([picture])) for picture in pictures])
    np.testing.assert_allclose(found.features["logits"], alone, rtol=1e-5)


def test_sound_of_different_lengths_is_padded_where_forward_takes_lengths():
    own = open_own_classifier("own_zoo:Sound", kind="audio")
    assert (own.sample_rate, own.class_names) == (8_000, ("low", "high"))
    sounds = [np.linspace(-1, 1, size, dtype=np.float32) for size in (80, 123, 160)]
    batch = own.collate([own.prepare(sound) for sound in sounds])
    assert batch["lengths"].tolist() == [80, 123, 160]
    lengths = [len(sound) for sound in sounds]
    inputs = [own.prepare(sound) for sound in sounds]
    found = extract_features(own.model, inputs, layers=own.model.layers, collate=own.collate, lengths=lengths)
    assert found.padding == "padded"
    assert set(found.features) == {"frames", "logits"}
    alone = own.model(**own.collate(inputs[:1]))
    np.testing.assert_allclose(found.features["logits"][0], alone[0], rtol=1e-4)


def test_sound_is_never_padded_for_a_model_that_is_not_told():
    own = open_own_classifier("own_zoo:Unmasked", kind="audio")
    inputs = [own.prepare(np.linspace(-1, 1, size, dtype=np.float32)) for size in (80, 123, 80)]
    found = extract_features(own.model, inputs, layers=own.model.layers, collate=own.collate, lengths=[80, 123, 80])
    alone = torch.cat([own.model(**own.collate([each])) for each in inputs])
    np.testing.assert_allclose(found.features["logits"], alone, rtol=1e-5)
    assert found.features["frames"].shape == (3, 4)


def test_the_axis_that_counts_frames_is_found_from_made_up_samples():
    own = open_own_classifier("own_zoo:turned", kind="audio")
    sounds = [np.linspace(0, 1, size, dtype=np.float32) for size in (1_000, 3_000)]
    batch = own.collate([own.prepare(sound) for sound in sounds])
    assert batch["spectra"].shape == (2, 3, 30)
    assert batch["attention_mask"].sum(1).tolist() == [10, 30]
    alone = own.model(**own.collate([own.prepare(sounds[0])]))
    torch.testing.assert_close(own.model(**batch)[0], alone[0])


@pytest.mark.parametrize(
    ("spec", "error", "message"),
    [
        ("own_zoo:plan", UsageError, "did you mean `plain`"),
        ("no_such_module_at_all:make", UsageError, r"(?s)ModuleNotFoundError.*current folder"),
        ("own_zoo.py:plain", UsageError, "without `.py`: `own_zoo:plain`"),
        ("own_zoo:fails", ModelError, r"RuntimeError: no luck \(own_zoo.py, line \d+\)"),
        ("own_zoo:leaves", ModelError, r"SystemExit: 3 \(own_zoo.py"),
        ("own_zoo:needs", ModelError, r"(?s)missing 1 required positional argument.*without arguments"),
        ("own_zoo:nothing", ModelError, r"(?s)gives no model.*NoneType.*\(module, preprocess\)"),
        ("own_zoo:pair_of_nothing", ModelError, r"\(str, str\)"),
        ("own_zoo:meta", ModelError, r"(?s)without values.*conv.weight"),
        ("own_zoo:lazy", ModelError, r"(?s)without values.*weight"),
    ],
)
def test_what_goes_wrong_while_a_model_is_built(spec, error, message):
    with pytest.raises(error, match=message):
        open_own_classifier(spec)


def test_a_checkpoint_of_something_else(tmp_path):
    torch.save(
        {"model_state": {"conv.weight": torch.ones(4, 3, 3, 3), "heap.weight": torch.ones(3, 4)}}, tmp_path / "a.pt"
    )
    with pytest.raises(ModelError, match=r"(?s)missing +head.weight.*nearest.*heap.weight"):
        open_own_classifier("own_zoo:plain", checkpoint=tmp_path / "a.pt")
    loaded = open_own_classifier("own_zoo:plain")
    state = loaded.model.model.state_dict()
    torch.save({"model": state, "ema": {name: tensor + 1 for name, tensor in state.items()}}, tmp_path / "two.pt")
    with pytest.raises(ModelError, match="several models"):
        open_own_classifier("own_zoo:plain", checkpoint=tmp_path / "two.pt")
    torch.save({name: tensor for name, tensor in state.items() if name != "head.bias"}, tmp_path / "short.pt")
    partly = open_own_classifier("own_zoo:plain", checkpoint=tmp_path / "short.pt", allow_missing=("head.bias",))
    assert partly.receipt.allowed == ("head.bias",)


def test_what_fails_later_names_the_line():
    own = open_own_classifier("own_zoo:Breaks", kind="audio")
    assert own.example is None
    with pytest.raises(ModelError, match=r"(?s)AttributeError.*missing.*\(own_zoo.py, line \d+\).*float32 \[1, 90\]"):
        own.model(**own.collate([own.prepare(np.zeros(90, dtype=np.float32))]))
    two = open_own_classifier("own_zoo:two", kind="audio")
    with pytest.raises(ModelError, match=r"which part of the answer of `own_zoo:two`") as caught:
        two.model(**two.collate([two.prepare(np.zeros(100, dtype=np.float32))]))
    assert (caught.value.fault, "forward" in caught.value.hint) == ("own-code", True)
    picky = open_own_classifier("own_zoo:picky", kind="audio")
    with pytest.raises(DataError, match=r"(?s)preprocess.*ValueError: too short for me \(own_zoo.py, line \d+\)"):
        picky.prepare(np.zeros(90, dtype=np.float32))
    assert picky.prepare(np.zeros(120, dtype=np.float32)).shape == (100,)
    with pytest.raises(DataError, match=r"(?s)no tensor.*object"):
        open_own_classifier("own_zoo:no_tensor").prepare("text")


def test_a_lightning_class_is_called_with_what_the_file_says(tmp_path):
    made = find_own("own_zoo_light:Plane")(5, names=("x", "y", "z"), depth=2)
    plain = {"hyper_parameters": {"width": 5, "names": ["x", "y", "z"], "depth": 2, "_class_path": "os.system"}}
    save(made, tmp_path / "a.ckpt", wrapper="state_dict", hparams_name="kwargs", **plain)
    found = open_own_classifier("own_zoo_light:Plane", checkpoint=tmp_path / "a.ckpt")
    assert found.class_names == ("x", "y", "z")
    assert len(found.model.model.model) == 3
    assert found.receipt.to_dict()["percent_tensors"] == 100.0
    held = find_own("own_zoo_light:Held")({"width": 4})
    save(held, tmp_path / "b.ckpt", wrapper="state_dict", hparams_name="settings", hyper_parameters={"width": 4})
    assert open_own_classifier("own_zoo_light:Held", checkpoint=tmp_path / "b.ckpt").model.model.model.in_features == 4


def test_a_lightning_file_for_the_module_inside(tmp_path):
    made = find_own("own_zoo_light:Plane")(5)
    save(made, tmp_path / "a.ckpt", wrapper="state_dict", hparams_name="kwargs", hyper_parameters={"width": 5})
    found = open_own_classifier("own_zoo_light:inner", checkpoint=tmp_path / "a.ckpt")
    told = found.receipt.to_dict()
    assert told["prefix"] == "model."
    assert "criterion.weight" in told["set_aside"]


def test_lightning_hyper_parameters_that_are_no_plain_values(tmp_path):
    made = find_own("own_zoo_light:Plane")(5)
    odd = {"hparams_name": "kwargs", "hyper_parameters": {"width": 5, "weights": torch.ones(3)}}
    save(made, tmp_path / "a.ckpt", wrapper="state_dict", **odd)
    with pytest.raises(ModelError, match="more than plain values"):
        open_own_classifier("own_zoo_light:Plane", checkpoint=tmp_path / "a.ckpt")
    code = {"hparams_name": "kwargs", "hyper_parameters": {"width": 5, "loss": nn.CrossEntropyLoss()}}
    save(made, tmp_path / "b.ckpt", wrapper="state_dict", **code)
    with pytest.raises(SafetyError, match="wants to run code"):
        open_own_classifier("own_zoo_light:Plane", checkpoint=tmp_path / "b.ckpt")


def test_names_of_classes():
    module = nn.Module()
    assert find_class_names(module, "a:b") is None
    module.id2label = {1: "no", 0: "yes"}
    assert find_class_names(module, "a:b") == ("yes", "no")
    module.classes = {"b": 1, "a": 0}
    assert find_class_names(module, "a:b") == ("a", "b")
    module.class_names = ["LABEL_0", "LABEL_1"]
    assert find_class_names(module, "a:b") is None
    for bad in (["a", "a"], ["a", " "], {"a": 1, "b": 2}, {3: "x"}):
        module.class_names = bad
        with pytest.raises(ModelError, match="does not name its classes"):
            find_class_names(module, "a:b")


def test_encoders_of_texts():
    texts = ["a b", "a bb ccc dddd"]
    own = open_own_encoder("own_zoo:words")
    batch = own.tokenize(texts)
    assert batch["attention_mask"].sum(1).tolist() == own.token_lengths(texts) == [2, 4]
    vectors = own.model(**batch)
    torch.testing.assert_close(vectors.norm(dim=1), torch.ones(2))
    torch.testing.assert_close(vectors[0], own.model(**own.tokenize(texts[:1]))[0])
    assert own.model.layers == {"embedding": "embedding"}
    letters = open_own_encoder("own_zoo:letters")
    torch.testing.assert_close(
        letters.model(**letters.tokenize(texts)), nn.functional.normalize(torch.tensor([[3.0, 1, 1], [13, 1, 1]]))
    )
    encodes = open_own_encoder("own_zoo:Encodes")
    assert encodes.model(**encodes.tokenize(texts)).shape == (2, 2)
    tokens = open_own_encoder("own_zoo:Tokens")
    with pytest.raises(ModelError, match=r"shape \[2, 3, 4\]"):
        tokens.model(**tokens.tokenize(texts))
    with pytest.raises(UsageError, match="is a model of images"):
        open_own_encoder("timm:resnet18")


def test_a_tokenizer_of_hugging_face_is_a_preprocess(make_text_folder):
    tokenizer = AutoTokenizer.from_pretrained(make_text_folder())
    model = AutoModel.from_pretrained(tokenizer.name_or_path).eval()
    inputs = OwnInputs(model, tokenizer, spec="a:b", sample_rate=16_000)
    texts = ["phòng trọ quận 10", "phòng"]
    batch = inputs.collate([inputs.prepare(text) for text in texts])
    expected = tokenizer(texts, padding=True, return_tensors="pt")
    assert {name: tensor.tolist() for name, tensor in batch.items()} == {
        name: tensor.tolist() for name, tensor in expected.items()
    }
    assert inputs.measure(texts) == expected["attention_mask"].sum(1).tolist()


def test_a_processor_of_hugging_face_is_a_preprocess():
    class Processor:
        """Called as those are, it answers with a batch of one."""

        def save_pretrained(self, folder): ...

        def __call__(self, picture, *, return_tensors):
            assert return_tensors == "pt"
            return {"pixels": torch.ones(1, 3, *picture.size)}

    class Takes(nn.Module):
        def forward(self, pixels, attention_mask=None): ...

    inputs = OwnInputs(Takes(), Processor(), spec="a:b", sample_rate=16_000)
    batch = inputs.collate([inputs.prepare(Image.new("RGB", (4, 5)))] * 2)
    assert {name: list(tensor.shape) for name, tensor in batch.items()} == {"pixels": [2, 3, 4, 5]}


def test_what_a_batch_holds():
    batch = {PLAIN: (torch.zeros(2, 3), ["a", "b"]), "mask": torch.ones(2, dtype=torch.long), "scale": 2}
    assert describe_batch(batch) == "mask int64 [2], scale int, float32 [2, 3], list of 2"


def test_the_fingerprint_follows_the_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "finger_help.py").write_text("SCALE = 1\n")
    (tmp_path / "finger.py").write_text(
        "import finger_help\nfrom torch import nn\n\n\nclass Net(nn.Linear):\n"
        "    def __init__(self):\n        super().__init__(2, 2)\n"
    )
    seen = []
    for scale in (1, 22):
        (tmp_path / "finger_help.py").write_text(f"SCALE = {scale}\n")
        importlib.invalidate_caches()
        seen.append(open_own_classifier("finger:Net").fingerprint)
        for name in ("finger", "finger_help"):
            sys.modules.pop(name, None)
    assert seen[0] != seen[1]


@pytest.mark.slow
def test_a_checkpoint_that_lightning_itself_wrote(tmp_path, monkeypatch):
    lightning = pytest.importorskip("lightning.pytorch")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "real_light.py").write_text(
        "import lightning.pytorch as pl\nfrom torch import nn\n\n\nclass Plane(pl.LightningModule):\n"
        "    def __init__(self, width, names=('a', 'b')):\n        super().__init__()\n"
        "        self.save_hyperparameters()\n        self.class_names = names\n"
        "        self.net = nn.Linear(width, len(names))\n\n    def forward(self, x):\n        return self.net(x)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    made = importlib.import_module("real_light").Plane(4, names=("x", "y", "z"))
    trainer = lightning.Trainer(logger=False, enable_checkpointing=False, enable_progress_bar=False, accelerator="cpu")
    trainer.strategy.connect(made)
    trainer.save_checkpoint(tmp_path / "a.ckpt")
    found = open_own_classifier("real_light:Plane", checkpoint=tmp_path / "a.ckpt")
    assert found.class_names == ("x", "y", "z")
    x = torch.randn(5, 4)
    torch.testing.assert_close(found.model(**found.collate(list(x))), made(x).detach())
    sys.modules.pop("real_light", None)


def has_timm():
    try:
        return importlib.import_module("timm") is not None
    except (ImportError, RuntimeError):  # a torchvision of another torch
        return False


@pytest.mark.slow
def test_models_of_timm(tmp_path):
    if not has_timm():
        pytest.skip("timm, or the torchvision that belongs to this torch, is not installed")
    timm = importlib.import_module("timm")
    torch.manual_seed(0)
    made = timm.create_model("resnet18", pretrained=False, num_classes=3).eval()
    torch.save(
        {"state_dict": {f"model.{name}": tensor for name, tensor in made.state_dict().items()}}, tmp_path / "a.pt"
    )
    found = open_own_classifier("timm:resnet18", checkpoint=tmp_path / "a.pt")
    picture = Image.new("RGB", (300, 200), (10, 200, 30))
    batch = found.collate([found.prepare(picture)])
    assert batch[PLAIN][0].shape == (1, 3, 224, 224)
    torch.testing.assert_close(found.model(**batch), made(batch[PLAIN][0]).detach())
    assert found.receipt.to_dict()["percent_tensors"] == 100.0
    importlib.import_module("timm.models._hub").save_for_hf(
        made, tmp_path / "folder", model_config={"label_names": ["a", "b", "c"]}, safe_serialization=True
    )
    own_timm = importlib.import_module("latentscape.models.own_timm")
    again = own_timm.open_timm_folder(tmp_path / "folder")
    assert again.class_names == ("a", "b", "c")
    torch.testing.assert_close(again.model(**batch), made(batch[PLAIN][0]).detach())
    with pytest.raises(UsageError, match="did you mean `resnet18`"):
        open_own_classifier("timm:resnet_18")
    config = json.loads((tmp_path / "folder" / "config.json").read_text())
    (tmp_path / "folder" / "config.json").write_text(json.dumps({**config, "model_args": {"checkpoint_path": "x.pt"}}))
    with pytest.raises(ModelError, match="checkpoint_path"):
        own_timm.open_timm_folder(tmp_path / "folder")
