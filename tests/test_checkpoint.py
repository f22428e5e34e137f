"""Files in, tensors out: every wrapping, every fault, and nothing that runs."""

import builtins
import gzip
import io
import json
import os
import pickle
import random
import struct
import tarfile
import zipfile
from collections import OrderedDict
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from latentscape.checkpoint import load_checkpoint, load_weights
from latentscape.errors import LatentscapeError, ModelError, SafetyError
from latentscape.paths import hash_file


def state():
    generator = torch.Generator().manual_seed(3)
    return {
        "first.weight": torch.randn(4, 3, generator=generator),
        "first.bias": torch.randn(4, generator=generator),
        "half.weight": torch.randn(2, 2, generator=generator).half(),
        "steps": torch.tensor(7),
    }


def assert_same(tensors, expected):
    assert set(tensors) == set(expected)
    for name, tensor in expected.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor), name


def save(tmp_path, saved, **options):
    torch.save(saved, tmp_path / "checkpoint.pt", **options)
    return tmp_path / "checkpoint.pt"


@pytest.mark.parametrize("wrapper", ["model_state", "model_state_dict", "state_dict", "bare"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "module._orig_mod.", "model.module."])
@pytest.mark.parametrize("zipped", [True, False])
def test_wrappers_and_prefixes_come_off(tmp_path, wrapper, prefix, zipped):
    inner = OrderedDict((prefix + name, tensor) for name, tensor in state().items())
    saved = inner if wrapper == "bare" else {wrapper: inner, "epoch": 4}
    loaded = load_checkpoint(save(tmp_path, saved, _use_new_zipfile_serialization=zipped))
    assert (loaded.wrapper, loaded.prefix) == (wrapper, prefix)
    assert_same(loaded.tensors, state())
    if wrapper != "bare":
        assert loaded.metadata == {"epoch": 4}


def test_a_prefix_on_some_names_only_is_a_name(tmp_path):
    names = {"model.a": torch.ones(1), "head.b": torch.ones(1)}
    assert set(load_checkpoint(save(tmp_path, names)).tensors) == set(names)


def test_metadata_is_plain_and_the_training_state_is_left_out(tmp_path):
    model = nn.Linear(2, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    saved = {
        "model_state": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "scheduler_state": {"last_epoch": 3},
        "epoch": 3,
        "best_acc": torch.tensor(0.5),
        "best_loss": float("inf"),
        "config": {"sizes": (1, 2), "name": "x", 5: None},
        "embeddings": torch.zeros(3),
        "history": [torch.zeros(3)],
    }
    expected = {
        "epoch": 3,
        "best_acc": 0.5,
        "best_loss": "inf",
        "config": {"sizes": [1, 2], "name": "x", "5": None},
    }
    assert load_checkpoint(save(tmp_path, saved)).metadata == expected


def test_safetensors_by_content_whatever_the_ending(tmp_path):
    save_file(state(), tmp_path / "weights.bin", metadata={"epoch": "3"})
    loaded = load_checkpoint(tmp_path / "weights.bin")
    assert (loaded.wrapper, loaded.metadata) == ("safetensors", {"epoch": "3"})
    assert_same(loaded.tensors, state())
    save(tmp_path, state()).rename(tmp_path / "weights.safetensors")
    assert_same(load_checkpoint(tmp_path / "weights.safetensors").tensors, state())


@pytest.mark.parametrize("name", ["models.pt", "code.pt", "data.pt", "constants.pkl.pt"])
def test_the_name_of_the_file_does_not_make_it_a_program(tmp_path, name):
    torch.save(state(), tmp_path / name)
    assert_same(load_checkpoint(tmp_path / name).tensors, state())


def test_sha256_is_of_the_bytes(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    # FIPS 180-2, appendix B.1
    assert hash_file(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path = save(tmp_path, state())
    assert load_checkpoint(path).sha256 == hash_file(path)


def test_tensors_outlive_a_change_of_the_file(tmp_path):
    save_file(state(), tmp_path / "w.safetensors")
    loaded = load_checkpoint(tmp_path / "w.safetensors")
    with (tmp_path / "w.safetensors").open("r+b") as file:
        file.truncate(0)
    assert_same(loaded.tensors, state())


NUMBERS = [
    *(kind(7) for kind in (np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64)),
    *(kind(0.15625) for kind in (np.float16, np.float32, np.float64)),
    np.bool_(True),
    np.float64(-2.5e300),
]


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("spelling", [b"numpy._core.multiarray", b"numpy.core.multiarray"])
def test_numpy_numbers_beside_the_weights_become_plain_ones(tmp_path, zipped, spelling):
    saved = {"model_state": state(), "best_acc": np.float64(0.625), "numbers": NUMBERS, "nan": np.float32("nan")}
    path = save(tmp_path, saved, _use_new_zipfile_serialization=zipped)
    respell(path, b"numpy._core.multiarray", spelling, zipped=zipped)
    trusted = set(torch.serialization.get_safe_globals())
    loaded = load_checkpoint(path)
    assert set(torch.serialization.get_safe_globals()) == trusted
    assert_same(loaded.tensors, state())
    assert loaded.metadata == {"best_acc": 0.625, "numbers": [number.item() for number in NUMBERS], "nan": "nan"}
    assert all(type(number) in (int, float, bool) for number in loaded.metadata["numbers"])


def respell(path, old, new, *, zipped):
    """Change names in a checkpoint's pickle, as another version of NumPy would have written them."""
    if not zipped:
        path.write_bytes(path.read_bytes().replace(old, new))
        return
    with zipfile.ZipFile(path) as archive:
        records = {record.filename: archive.read(record) for record in archive.infolist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in records.items():
            archive.writestr(name, content.replace(old, new) if name.endswith("data.pkl") else content)


def test_numbers_of_the_other_byte_order(tmp_path):
    scalar = Calls(SCALAR, np.dtype(">f4"), struct.pack(">f", 1.5))
    assert load_checkpoint(save(tmp_path, {"model_state": state(), "best": scalar})).metadata == {"best": 1.5}


# -- what is not a checkpoint --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b"  <html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS"),
        (gzip.compress(b"x" * 99, mtime=0), "gzip"),
        (b"\x93NUMPY\x01\x00", "NumPy"),
        (b"\x89HDF\r\n\x1a\n" + bytes(32), "HDF5"),
        (b"just some text", "not a checkpoint"),
        (bytes(64), "not a checkpoint"),
        (b"\x80", "broken"),
        (b"PK\x03\x04", "torn"),
    ],
)
@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_other_files_are_named_for_what_they_are(tmp_path, content, says, ending):
    path = tmp_path / f"checkpoint{ending}"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        load_checkpoint(path)
    assert caught.value.exit_code == 4
    assert "checkpoint" in str(caught.value)
    if ending == ".pt":
        assert says in str(caught.value)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    path = save(tmp_path, state())

    def forbid(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", forbid)
    with pytest.raises(ModelError, match=r"can't be read\n  got: Permission denied\n\nhint: check its permissions"):
        load_checkpoint(path)


def test_missing_folder_and_pipe(tmp_path):
    with pytest.raises(ModelError, match="no checkpoint"):
        load_checkpoint(tmp_path / "absent.pt")
    with pytest.raises(ModelError, match="folder"):
        load_checkpoint(tmp_path)
    os.mkfifo(tmp_path / "pipe.pt")
    with pytest.raises(ModelError, match="regular"):
        load_checkpoint(tmp_path / "pipe.pt")


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_truncated_anywhere_is_a_model_error(tmp_path, kind):
    path = tmp_path / "checkpoint.pt"
    if kind == "safetensors":
        save_file(state(), path)
    else:
        torch.save(state(), path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    for share in (0.02, 0.1, 0.3, 0.5, 0.8, 0.95, 0.999):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ModelError):
            load_checkpoint(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_flipped_bytes_give_tensors_or_our_errors(tmp_path, kind):
    path = tmp_path / "checkpoint.pt"
    if kind == "safetensors":
        save_file(state(), path)
    else:
        torch.save(state(), path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    dice = random.Random(5)
    for _ in range(150):
        mutated = bytearray(whole)
        for _ in range(dice.choice([1, 1, 4])):
            mutated[dice.randrange(len(mutated))] = dice.randrange(256)
        path.write_bytes(mutated)
        try:
            loaded = load_checkpoint(path)
        except LatentscapeError as error:
            assert error.exit_code in (4, 5)
        else:
            assert loaded.tensors


@pytest.mark.parametrize(
    ("saved", "says"),
    [
        ([1, 2], "no state dict"),
        (torch.ones(2), "no state dict"),
        ({}, "no weights"),
        ({"epoch": 3}, "no weights"),
        ({"state_dict": {"a": torch.ones(1)}, "model_state": {"a": torch.ones(1)}}, "several models"),
    ],
)
def test_saved_things_without_one_state_dict(tmp_path, saved, says):
    with pytest.raises(ModelError, match=says):
        assert load_checkpoint(save(tmp_path, saved)).tensors


@pytest.mark.parametrize(
    "header",
    [struct.pack("<Q", 2**63) + b"{", struct.pack("<Q", 5) + b'{"a":', struct.pack("<Q", 2) + b"{}" + b"extra"],
)
def test_hostile_safetensors_headers(tmp_path, header):
    (tmp_path / "w.safetensors").write_bytes(header)
    with pytest.raises(ModelError, match="safetensors"):
        load_checkpoint(tmp_path / "w.safetensors")


# -- what wants to run code ----------------------------------------------------------------------------------------


class Calls:
    """Pickles to a call of `function(*arguments)`."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


class Builds:
    """Pickles to a call of its own state setter."""

    def __init__(self, trap):
        self.trap = trap

    def __reduce__(self):
        return OrderedDict, (), {"x": Calls(os.system, f"touch {self.trap}")}


def traps(canary):
    touch = f"touch {canary}"
    code = f"open({str(canary)!r}, 'w').close()"
    return {
        "os.system": Calls(os.system, touch),
        "os.popen": Calls(os.popen, touch),
        "builtins.eval": Calls(eval, code),
        "builtins.exec": Calls(exec, code),
        "builtins.open": Calls(open, str(canary), "w"),
        "builtins.getattr": Calls(getattr, Calls(__import__, "os"), "system"),
        "builtins.map": Calls(list, Calls(map, eval, [code])),
        "subprocess": Calls(__import__("subprocess").run, touch.split()),
        "importlib": Calls(__import__("importlib").import_module, "this"),
        "runpy": Calls(__import__("runpy").run_path, str(canary)),
        "pickle.loads": Calls(pickle.loads, pickle.dumps(Calls(os.system, touch))),
        "torch.load": Calls(torch.load, str(canary)),
        "code": Calls(__import__("code").interact),
        "build": Builds(canary),
        "functools.partial": Calls(__import__("functools").partial, os.system, touch),
        "pathlib": Calls(type(canary), str(canary)),
    }


NAMES = list(traps(__import__("pathlib").Path("x")))


@pytest.fixture
def canary(tmp_path):
    yield tmp_path / "canary"
    assert not (tmp_path / "canary").exists(), "code of the file ran"


def refuse(path):
    with pytest.raises(SafetyError) as caught:
        load_checkpoint(path)
    assert caught.value.exit_code == 5
    return str(caught.value)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_checkpoint_is_refused_and_named(tmp_path, canary, name, zipped):
    saved = {"model_state": state(), "optimizer": traps(canary)[name]}
    told = refuse(save(tmp_path, saved, _use_new_zipfile_serialization=zipped))
    assert "wants to run code" in told


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "build"])
def test_bare_pickles_of_every_protocol_are_refused(tmp_path, canary, protocol, name):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(pickle.dumps(traps(canary)[name], protocol))
    assert "it names" in refuse(path)


def test_handmade_opcodes_are_refused(tmp_path, canary):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(f"(S'touch {canary}'\nios\nsystem\n.".encode())
    assert "os.system" in refuse(path)
    path.write_bytes(b"\x80\x04\x8c\x02os\x8c\x06system\x93" + f"\x8c\x40touch {canary}".encode().ljust(66) + b"\x85R.")
    assert "os.system" in refuse(path)


def test_code_in_a_zip_that_is_not_torchs(tmp_path, canary):
    path = tmp_path / "checkpoint.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(traps(canary)["os.system"]))
        archive.writestr("archive/version", "3")
    assert "system" in refuse(path)


def test_a_newer_pickle_protocol_without_code_is_no_danger_only_unreadable(tmp_path):
    with pytest.raises(ModelError, match="broken or was not written"):
        load_checkpoint(save(tmp_path, {"model_state": state(), "again": state()}, pickle_protocol=4))


def test_a_global_behind_the_memo_is_seen(tmp_path, canary):
    hidden = b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94"
    hidden += b"\x8c\x0bcollections\x8c\x0bOrderedDicth\x00h\x01\x93\x8c\x04true\x85R."
    (tmp_path / "c.pt").write_bytes(hidden)
    assert "os.system" in refuse(tmp_path / "c.pt")


def test_a_whole_pickled_model_is_refused_with_advice(tmp_path):
    assert "state_dict" in refuse(save(tmp_path, nn.Linear(2, 2)))


def test_programs_are_refused(tmp_path):
    for inside in ("code/__torch__.py", "constants.pkl", "archive_format", "models/model.json"):
        with zipfile.ZipFile(tmp_path / "m.pt", "w") as archive:
            archive.writestr("m/data.pkl", pickle.dumps({}))
            archive.writestr(f"m/{inside}", "x")
        assert "program" in refuse(tmp_path / "m.pt")
    with tarfile.open(tmp_path / "old.pt", "w") as archive:
        info = tarfile.TarInfo("pickle")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"N.."))
    assert "tar" in refuse(tmp_path / "old.pt")


def test_a_packed_archive_is_not_read(tmp_path):
    source = save(tmp_path, state())
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(tmp_path / "p.pt", "w", zipfile.ZIP_DEFLATED) as new:
        for record in old.namelist():
            new.writestr(record, old.read(record))
    with pytest.raises(ModelError, match="packed"):
        load_checkpoint(tmp_path / "p.pt")


OBJECT = np.dtype("O")
SCALAR = np._core.multiarray.scalar


@pytest.mark.parametrize(
    "value",
    [
        Calls(SCALAR, OBJECT, bytes(8)),
        Calls(SCALAR, OBJECT, "text"),
        Calls(SCALAR, OBJECT, [1, 2]),
        Calls(SCALAR, OBJECT),
        Calls(SCALAR, np.dtype([("a", "O")]), bytes(8)),
        Calls(SCALAR, np.dtype("V8"), bytes(8)),
        Calls(SCALAR, np.dtype("U2"), bytes(8)),
        Calls(SCALAR, np.dtype("M8[s]"), bytes(8)),
        Calls(SCALAR, np.dtype("c16"), bytes(16)),
        Calls(SCALAR, np.dtype("f8"), bytes(7)),
        Calls(SCALAR, np.dtype("f8"), bytes(16)),
        Calls(SCALAR, np.dtype("f8"), "12345678"),
        Calls(SCALAR, np.dtype("f8")),
        Calls(SCALAR, "f8", bytes(8)),
        Calls(np.dtype, {"names": ["a"], "formats": ["O"]}),
        Calls(np.dtype, "f8,O"),
        Calls(np.dtype, 5),
        OBJECT,
        np.str_("x"),
        np.datetime64("2020-01-01"),
    ],
    ids=count(),  # the objects' own names hold addresses, which differ from one test process to the next
)
@pytest.mark.parametrize("zipped", [True, False])
def test_numpy_values_that_are_no_plain_numbers_are_refused(tmp_path, value, zipped):
    told = refuse(save(tmp_path, {"model_state": state(), "x": value}, _use_new_zipfile_serialization=zipped))
    assert "no plain number" in told


@pytest.mark.parametrize("zipped", [True, False])
def test_an_object_scalar_runs_no_code(tmp_path, canary, zipped):
    for trap in traps(canary).values():
        for value in (Calls(SCALAR, OBJECT, trap), Calls(SCALAR, trap, bytes(8)), Calls(np.dtype, trap)):
            refuse(save(tmp_path, {"model_state": state(), "x": value}, _use_new_zipfile_serialization=zipped))


def test_a_numpy_kind_that_was_never_told_its_code_is_refused(tmp_path):
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"\x80\x02cnumpy._core.multiarray\nscalar\ncnumpy\ndtype\n)\x81U\x0812345678\x86R.")
    assert "no plain number" in refuse(path)


def test_arrays_beside_the_weights_are_still_refused(tmp_path):
    assert "_reconstruct" in refuse(save(tmp_path, {"model_state": state(), "x": np.zeros(3)}))


def test_odd_tensors_are_refused(tmp_path):
    sparse = torch.sparse_coo_tensor(torch.tensor([[0], [1]]), torch.tensor([1.0]), (2, 2), check_invariants=True)
    for odd in (sparse, torch.zeros(1).expand(1000, 1000), torch.zeros(2, device="meta")):
        assert "`w`" in refuse(save(tmp_path, {"w": odd}))


def test_nothing_is_imported_that_the_file_names(tmp_path, monkeypatch):
    asked = []
    real = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", lambda name, *rest: asked.append(name) or real(name, *rest))
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(b"\x80\x02cantigravity\nfly\n)R.")
    refuse(path)
    assert "antigravity" not in asked


# -- the receipt ---------------------------------------------------------------------------------------------------


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
        self.head = nn.Linear(4, 2)
        self.side = nn.Linear(4, 2)
        self.register_buffer("position_ids", torch.arange(5), persistent=False)


def weights():
    generator = torch.Generator().manual_seed(8)
    return {
        name: torch.randn(tensor.shape, generator=generator) if tensor.is_floating_point() else tensor.clone()
        for name, tensor in Model().state_dict().items()
    }


def load(tensors, **options):
    model = Model()
    return model, load_weights(model, tensors, source="file.pt", **options)


def test_a_full_receipt_counts_by_hand():
    model, receipt = load(weights())
    assert_same(model.state_dict(), weights())
    # tensors: 2 + (2 parameters and 3 buffers) + 2 + 2; parameters: 12+4 + 4+4 + 8+2 + 8+2
    assert (receipt.n_tensors, receipt.n_parameters, receipt.n_parameters_matched) == (11, 44, 44)
    assert len(receipt.matched) == 11
    assert not receipt.missing + receipt.unexpected + receipt.reshaped + receipt.allowed + receipt.side_branch


@pytest.mark.parametrize("name", list(Model().state_dict()))
def test_any_one_tensor_missing_renamed_or_reshaped_is_refused(name):
    missing = {key: tensor for key, tensor in weights().items() if key != name}
    renamed = {**missing, name + "_x": weights()[name]}
    wider = torch.zeros(*weights()[name].shape, 1)
    with pytest.raises(ModelError, match="1 missing") as caught:
        load(missing)
    assert name in str(caught.value)
    with pytest.raises(ModelError, match="1 missing, 1 unexpected") as caught:
        load(renamed)
    assert f"{name}  (nearest on the other side: {name}_x)" in str(caught.value)
    with pytest.raises(ModelError, match="1 reshaped") as caught:
        load({**weights(), name: wider})
    assert f"{list(wider.shape)} in the file" in str(caught.value)
    assert f"{list(weights()[name].shape)}" in str(caught.value)
    assert caught.value.exit_code == 4


def test_whole_numbers_do_not_pass_for_weights():
    with pytest.raises(ModelError, match="reshaped") as caught:
        load({**weights(), "head.weight": torch.ones(2, 4, dtype=torch.int8)})
    assert "int8" in str(caught.value)


def test_lower_precision_is_cast_and_equal_after_the_cast():
    model, receipt = load({name: t.half() if t.is_floating_point() else t for name, t in weights().items()})
    assert torch.equal(model.head.weight, weights()["head.weight"].half().float())
    assert len(receipt.matched) == 11


def test_side_branches_may_be_missing_reshaped_or_more():
    tensors = {key: tensor for key, tensor in weights().items() if key != "side.weight"}
    tensors |= {"side.bias": torch.ones(7), "side.extra": torch.ones(1)}
    _, receipt = load(tensors, side_branches=("side.",))
    assert receipt.side_branch == ("side.bias", "side.extra", "side.weight")
    assert (len(receipt.matched), receipt.n_parameters_matched) == (9, 34)
    with pytest.raises(ModelError):
        load(tensors)


def test_allowed_names_pass_and_are_recorded():
    tensors = {key: tensor for key, tensor in weights().items() if not key.startswith("head.")} | {"x": torch.ones(1)}
    _, receipt = load(tensors, allow_missing=["head.*", "x"])
    assert receipt.allowed == ("head.bias", "head.weight", "x")
    with pytest.raises(ModelError, match="1 missing, 1 unexpected"):
        load(tensors, allow_missing=["head.w*"])


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(value):
    tensors = weights()
    tensors["head.bias"][1] = value
    with pytest.raises(ModelError, match="finite") as caught:
        load(tensors)
    assert "head.bias" in str(caught.value)


def test_a_buffer_the_module_makes_itself_may_be_in_the_file_if_it_is_the_same():
    _, receipt = load({**weights(), "position_ids": torch.arange(5)})
    assert not receipt.unexpected
    with pytest.raises(ModelError, match="unexpected"):
        load({**weights(), "position_ids": torch.arange(5).flip(0)})


def test_tied_weights_need_to_be_there_once_and_must_agree():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
            self.b.weight = self.a.weight

    one = load_weights(Tied(), {"a.weight": torch.eye(2)}, source="x")
    assert one.n_parameters == one.n_parameters_matched == 4
    with pytest.raises(ModelError, match="did not arrive"):
        load_weights(Tied(), {"a.weight": torch.eye(2), "b.weight": torch.ones(2, 2)}, source="x")


def test_a_long_list_is_cut_and_counted():
    with pytest.raises(ModelError) as caught:
        load({})
    assert "11 missing" in str(caught.value)
    assert "... and 1 more" in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_buffers_that_are_not_finite_are_refused(value):
    tensors = weights()
    tensors["encoder.1.running_var"][2] = value
    with pytest.raises(ModelError, match="finite") as caught:
        load(tensors)
    assert caught.value.fault == "weights-values"
    assert "encoder.1.running_var" in str(caught.value)


def test_a_mask_of_infinities_that_the_module_makes_itself_is_its_own():
    class Masked(nn.Linear):
        def __init__(self):
            super().__init__(2, 2)
            self.register_buffer("mask", torch.tensor([0.0, float("-inf")]))

    tensors = Masked().state_dict()
    assert len(load_weights(Masked(), tensors, source="x").matched) == 3
    with pytest.raises(ModelError, match="finite"):
        load_weights(Masked(), {**tensors, "mask": torch.tensor([float("-inf"), 0.0])}, source="x")


def test_a_receipt_in_plain_values():
    tensors = {key: tensor for key, tensor in weights().items() if key not in ("side.weight", "head.bias")}
    _, receipt = load(tensors, side_branches=("side.",), allow_missing=["head.*"])
    told = json.loads(json.dumps(receipt.to_dict()))
    # 9 of 11 tensors; 34 of 44 parameters, rounded down
    assert (told["n_tensors_matched"], told["n_tensors"], told["percent_tensors"]) == (9, 11, 81.8)
    assert (told["n_parameters_matched"], told["n_parameters"], told["percent_parameters"]) == (34, 44, 77.2)
    assert (told["allowed"], told["side_branches"]) == (["head.bias"], ["side.weight"])


# -- a file that is written to -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["zip", "safetensors"])
@pytest.mark.parametrize("how", ["rewritten", "rewritten with its old times", "cut", "removed"])
def test_a_file_that_changes_while_it_is_read(tmp_path, monkeypatch, kind, how):
    path = tmp_path / "checkpoint.pt"
    other = {name: tensor + 1 for name, tensor in state().items()}
    (save_file if kind == "safetensors" else torch.save)(other, path)
    later = path.read_bytes()
    (save_file if kind == "safetensors" else torch.save)(state(), path)
    read = Path.read_bytes

    def change(self):
        data, stat = read(self), self.stat()
        if how == "removed":
            self.unlink()
        else:
            self.write_bytes(later if how.startswith("rewritten") else later[:100])
        if how == "rewritten with its old times":
            os.utime(self, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        return data

    monkeypatch.setattr(Path, "read_bytes", change)
    with pytest.raises(ModelError, match="changed while") as caught:
        load_checkpoint(path)
    assert caught.value.fault == "checkpoint-changed"


def test_a_name_twice_in_a_safetensors_header(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "w.safetensors")
    data = (tmp_path / "w.safetensors").read_bytes()
    header = data[8 : 8 + int.from_bytes(data[:8], "little")].rstrip()
    entry = header[1:-1]
    twice = b"{" + entry + b"," + entry + b"}"
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(twice)) + twice + data[-8:])
    with pytest.raises(ModelError) as caught:
        load_checkpoint(tmp_path / "w.safetensors")
    assert caught.value.fault == "checkpoint-broken"
