"""Classifiers of the transformers library: the same answers as the library's own, every weight proven."""

import shutil

import numpy as np
import pytest
import torch
import transformers

from latentscape.errors import DataError, ModelError, SafetyError, UsageError
from latentscape.models.classifiers import load_classifier

from .classifier_folders import FAMILIES, NAMES, edit, make_samples, write


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A function that gives the folder of a family and the model in it, both made once."""
    made = {}

    def get(family):
        if family not in made:
            folder = tmp_path_factory.mktemp(family)
            made[family] = folder, write(folder, family)
        return made[family]

    return get


@pytest.fixture
def copy_of(folders, tmp_path):
    """A function that gives a folder of a family which may be changed."""

    def get(family):
        return shutil.copytree(folders(family)[0], tmp_path / family)

    return get


def answer(loaded, inputs):
    with torch.inference_mode():
        return loaded.model(**loaded.collate(inputs))


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_it_answers_as_the_model_that_was_saved(folders, family):
    folder, saved = folders(family)
    loaded = load_classifier(str(folder))
    inputs = [loaded.prepare(sample) for sample in make_samples(loaded.kind)]
    alone = torch.cat([answer(loaded, [each]) for each in inputs])
    assert loaded.class_names == NAMES
    assert loaded.receipt.matched == tuple(saved.state_dict())
    assert all(
        torch.equal(value, dict(loaded.model.model.named_parameters())[name])
        for name, value in saved.named_parameters()
    )
    if family != "wavlm":  # its own forward warns
        if loaded.kind == "text":
            saved.config.pad_token_id = loaded.model.model.config.pad_token_id
        with torch.inference_mode():
            own = torch.cat([saved(**loaded.collate([each])).logits for each in inputs])
        assert torch.equal(alone, own)
    if family != "wav2vec2":  # group norm over time: those padded frames count, which the study finds out
        assert torch.allclose(answer(loaded, inputs), alone, atol=1e-5)
    assert answer(loaded, [loaded.prepare(make_samples(loaded.kind)[0])]).shape == (1, 3)
    assert loaded.model(**loaded.example).shape == (1, 3)


@pytest.mark.parametrize(
    ("family", "kind", "even"),
    [("hubert", "audio", False), ("whisper", "audio", True), ("ast", "audio", True), ("vit", "image", True)],
)
def test_kind_and_evenness_are_found_out(folders, family, kind, even):
    loaded = load_classifier(str(folders(family)[0]))
    assert (loaded.kind, loaded.is_even, loaded.measure) == (kind, even, None)
    assert loaded.metadata.get("seconds_heard") == {"whisper": 30, "ast": 0.64}.get(family)


def test_inputs_are_those_of_the_library(folders):
    sound, picture = make_samples("audio")[0], make_samples("image")[1]
    for family, sample in (("hubert", sound), ("whisper", sound), ("vit", picture), ("convnext", picture)):
        folder = folders(family)[0]
        loaded = load_classifier(str(folder))
        if family in {"vit", "convnext"}:
            own = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")(sample, return_tensors="pt")
        else:
            own = transformers.AutoFeatureExtractor.from_pretrained(folder)
            own = own(sample, sampling_rate=16_000, return_tensors="pt")
        (name, values), *_ = own.items()
        assert torch.equal(loaded.collate([loaded.prepare(sample)])[name], values)


def test_padded_sound_is_marked(folders):
    loaded = load_classifier(str(folders("hubert")[0]))
    clips = make_samples("audio")
    batch = loaded.collate([loaded.prepare(clip) for clip in clips])
    assert batch["attention_mask"].sum(dim=1).tolist() == [len(clip) for clip in clips]
    encoder = loaded.model.model.hubert
    with torch.inference_mode():
        frames = encoder.feature_extractor(batch["input_values"]).shape[2]
    assert loaded.model.valid_frames(torch.tensor([16_000])).tolist() == [frames]


def test_texts_are_counted_as_they_are_cut(folders):
    loaded = load_classifier(str(folders("bert")[0]))
    texts = ["phòng trọ", "giá " * 100]
    assert loaded.measure(texts) == [4, 20]
    assert loaded.collate([loaded.prepare(text) for text in texts])["input_ids"].shape == (2, 20)


def test_a_model_that_reads_to_the_right_is_padded_with_its_end(folders):
    loaded = load_classifier(str(folders("gpt2")[0]))
    batch = loaded.collate(["phòng trọ giá", "giá"])
    assert batch["input_ids"][1].tolist()[1:] == [2, 2]
    assert loaded.model.model.config.pad_token_id == 2
    assert loaded.metadata["pad_token"] == "</s>"


def test_sharded_and_half_precision_weights_arrive(folders, tmp_path):
    _, saved = folders("bert")
    shutil.copytree(folders("bert")[0], tmp_path, dirs_exist_ok=True)
    (tmp_path / "model.safetensors").unlink()
    half = build_half(saved)
    half.save_pretrained(tmp_path, max_shard_size="5KB")
    loaded = load_classifier(str(tmp_path))
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    assert {value.dtype for value in loaded.model.parameters()} == {torch.float32}
    for name, value in half.named_parameters():
        assert torch.equal(loaded.model.model.get_parameter(name), value.float())


def build_half(model):
    return type(model)(model.config).half()


def test_bin_weights_arrive(folders, copy_of):
    folder, saved = copy_of("vit"), folders("vit")[1]
    (folder / "model.safetensors").unlink()
    torch.save(saved.state_dict(), folder / "pytorch_model.bin")
    loaded = load_classifier(str(folder))
    assert len(loaded.receipt.matched) == len(saved.state_dict())


@pytest.mark.parametrize(
    ("family", "form"), [("vit", "bare"), ("vit", "wrapped"), ("llama", "lightning"), ("bert", "lightning")]
)
def test_a_checkpoint_gives_the_weights(folders, tmp_path, family, form):
    folder, saved = folders(family)
    tuned = {name: 1.5 * value if value.is_floating_point() else value for name, value in saved.state_dict().items()}
    file = {
        "bare": tuned,
        "wrapped": {"model_state": {f"module.{name}": value for name, value in tuned.items()}, "epoch": 3},
        "lightning": {
            "state_dict": {f"model.{name}": value for name, value in tuned.items()} | {"loss.w": torch.ones(2)}
        },
    }
    torch.save(file[form], tmp_path / "tuned.ckpt")
    loaded = load_classifier(str(folder), checkpoint=tmp_path / "tuned.ckpt")
    live = loaded.model.model.state_dict()
    assert all(torch.equal(live[name], value) for name, value in tuned.items())
    assert loaded.receipt.set_aside == (("loss.w",) if form == "lightning" else ())
    assert loaded.fingerprint != load_classifier(str(folder)).fingerprint


def test_a_checkpoint_of_an_encoders_folder_says_how_many_classes(folders, copy_of, tmp_path):
    folder = copy_of("bert")
    edit(folder / "config.json", architectures=["BertForMaskedLM"], id2label=None, label2id=None)
    torch.save(folders("bert")[1].state_dict(), tmp_path / "tuned.pt")
    loaded = load_classifier(str(folder), checkpoint=tmp_path / "tuned.pt", kind="text")
    assert loaded.class_names is None
    assert loaded.model(**loaded.example).shape == (1, 3)


def test_a_checkpoint_of_another_model_is_refused(folders, tmp_path):
    torch.save(folders("bert")[1].state_dict(), tmp_path / "other.pt")
    with pytest.raises(ModelError) as raised:
        load_classifier(str(folders("vit")[0]), checkpoint=tmp_path / "other.pt")
    assert raised.value.fault == "checkpoint-other"


def test_a_head_that_is_missing_is_refused_and_can_be_let_pass(folders, copy_of):
    folder, saved = copy_of("vit"), folders("vit")[1]
    saved.vit.save_pretrained(folder)
    edit(folder / "config.json", architectures=["ViTForImageClassification"])
    with pytest.raises(ModelError) as raised:
        load_classifier(str(folder))
    assert raised.value.fault == "weights-misfit"
    assert "classifier.weight" in raised.value.got
    loaded = load_classifier(str(folder), allow_missing=["classifier.*"])
    assert set(loaded.receipt.allowed) == {"classifier.weight", "classifier.bias"}


def test_the_fingerprint_follows_weights_config_and_processor(folders, copy_of):
    first = load_classifier(str(folders("vit")[0]))
    folder = copy_of("vit")
    same = load_classifier(str(folder))
    edit(folder / "preprocessor_config.json", image_mean=[0.1, 0.2, 0.3])
    other = load_classifier(str(folder))
    assert first.fingerprint == same.fingerprint != other.fingerprint
    assert first.sha256 == same.sha256 == other.sha256


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"problem_type": "multi_label_classification"}, "model-task"),
        ({"problem_type": "regression"}, "model-task"),
        ({"id2label": {"0": "amount"}, "label2id": {"amount": 0}}, "model-task"),
        ({"architectures": ["BertForMaskedLM"]}, "model-task"),
        ({"architectures": None, "model_type": "t5gemma9"}, "model-folder"),
        ({"id2label": {"0": "a", "2": "b"}}, "model-classes"),
        ({"label2id": {"calm": 1, "angry": 0, "glad": 2}}, "model-classes"),
        ({"quantization_config": {"load_in_8bit": True}}, "model-folder"),
        ({"hidden_size": 15}, "checkpoint-other"),
        ({"num_hidden_layers": 3}, "weights-misfit"),
    ],
)
def test_a_config_that_fits_no_classifier_is_refused(copy_of, changes, fault):
    folder = copy_of("bert")
    edit(folder / "config.json", **changes)
    with pytest.raises(ModelError) as raised:
        load_classifier(str(folder))
    assert (raised.value.fault, raised.value.exit_code) == (fault, 4)
    assert raised.value.hint


@pytest.mark.parametrize(
    ("family", "file", "fault"),
    [
        ("hubert", "preprocessor_config.json", "model-processor"),
        ("vit", "preprocessor_config.json", "model-processor"),
        ("bert", "tokenizer.json", "model-folder"),
        ("bert", "config.json", "model-folder"),
        ("bert", "model.safetensors", "model-folder"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(copy_of, family, file, fault):
    folder = copy_of(family)
    (folder / file).unlink()
    with pytest.raises(ModelError, match=r"no ") as raised:
        load_classifier(str(folder))
    assert raised.value.fault == fault
    assert file in str(raised.value)


def test_an_adapter_alone_is_refused(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="adapter") as raised:
        load_classifier(str(tmp_path))
    assert raised.value.fault == "adapter-misfit"


def test_code_is_never_run(copy_of):
    folder = copy_of("vit")
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    edit(folder / "preprocessor_config.json", auto_map={"AutoImageProcessor": "evil.Evil"}, image_processor_type="Evil")
    with pytest.raises(SafetyError):
        load_classifier(str(folder))


def test_a_kind_that_it_is_not_is_refused(folders):
    with pytest.raises(UsageError, match="pictures") as raised:
        load_classifier(str(folders("vit")[0]), kind="audio")
    assert raised.value.fault == "option-conflict"


def test_a_name_that_cannot_be_had_is_refused():
    with pytest.raises(ModelError) as raised:
        load_classifier("no such/folder at/all")
    assert raised.value.fault == "model-missing"


def test_samples_that_it_cannot_take_are_refused(folders):
    sound, text = (load_classifier(str(folders(family)[0])) for family in ("hubert", "gpt2"))
    with pytest.raises(DataError, match="too short") as raised:
        sound.prepare(np.zeros(399, dtype=np.float32))
    assert raised.value.fault == "audio-short"
    assert sound.prepare(np.zeros(400, dtype=np.float32))
    for sample, reason in ((3, "no text"), ("", "no tokens")):
        with pytest.raises(DataError, match=reason):
            text.prepare(sample)


def test_pictures_of_many_sizes_are_refused(copy_of):
    folder = copy_of("vit")
    edit(folder / "preprocessor_config.json", do_resize=False)
    with pytest.raises(ModelError, match="different sizes") as raised:
        load_classifier(str(folder))
    assert raised.value.fault == "model-processor"


def test_a_file_or_a_folder_above_is_no_model(folders, tmp_path):
    folder = folders("vit")[0]
    with pytest.raises(ModelError, match="is a file") as raised:
        load_classifier(str(folder / "model.safetensors"))
    assert "--checkpoint model.safetensors" in raised.value.hint
    shutil.copytree(folder, tmp_path / "checkpoint-500")
    with pytest.raises(ModelError, match=r"no config\.json") as raised:
        load_classifier(str(tmp_path))
    assert "checkpoint-500" in raised.value.hint


def test_a_processor_that_makes_no_sense_is_refused(copy_of):
    folder = copy_of("whisper")
    edit(folder / "preprocessor_config.json", feature_extractor_type="NoSuchExtractor")
    with pytest.raises(ModelError, match="feature extractor") as raised:
        load_classifier(str(folder))
    assert raised.value.fault == "model-processor"


@pytest.mark.parametrize(
    ("family", "changes"),
    [("vit", {"size": {"height": 24, "width": 24}}), ("whisper", {"feature_size": 40}), ("ast", {"max_length": 99})],
)
def test_a_processor_of_another_model_is_refused(copy_of, family, changes):
    folder = copy_of(family)
    edit(folder / "preprocessor_config.json", **changes)
    with pytest.raises(ModelError, match="what its processor gives") as raised:
        load_classifier(str(folder))
    assert raised.value.fault == "model-processor"
