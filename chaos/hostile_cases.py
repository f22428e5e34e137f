"""The table of hostile inputs: what is made, through which doors it goes, and the refusals that are right."""

import io
import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from chaos.hostile_folders import (
    HARMLESS,
    REFUSED_CHAINS,
    REFUSED_EVERYWHERE,
    Change,
    change,
    make_sentence_transformer,
    modules,
    plant,
)
from chaos.hostile_pickles import FORMS, call, calls, opcodes, write_bare, write_beside, write_header, write_zip

PICKLE = ("code-pickle",)
BROKEN = ("code-pickle", "code-program", "checkpoint-broken", "checkpoint-kind", "checkpoint-ambiguous")
PROGRAM = ("code-program",)
TENSOR = ("code-tensor", "code-pickle", "checkpoint-broken")
OPENS = ("",)


@dataclass(frozen=True, kw_only=True)
class Room:
    """Where one case lies, and the good inputs around it."""

    folder: Path
    text: Path
    speech: Path
    checkpoint: Path
    """Of a retriever, with `text` as its base."""

    @property
    def canary(self) -> Path:
        return self.folder / "canary"


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """One hostile input. `faults`: the ids of which each door must answer with one; an empty id: it opens."""

    name: str
    kind: str
    """`file`, `text`, `chain`, `speech`, `features`, `pairs`, `config`: which doors it goes through."""
    write: Callable[[Room], Path]
    faults: Sequence[str]


def list_cases() -> list[Hostile]:
    """All of them, in an order that never changes."""
    return [*_pickles(), *_other_files(), *_folders(), *_weights_in_folders(), *_data()]


def _pickles() -> list[Hostile]:
    somewhere = Path("canary")
    cases = [
        _file(f"{form}-{name}", partial(_write_call, name=name, form=form), PICKLE)
        for name in calls(somewhere)
        for form in ("bare", "zip", "legacy")
    ]
    cases += [
        _file(f"{form}-{name}", partial(_write_opcodes, name=name, form=form), BROKEN)
        for name in opcodes(somewhere)
        for form in ("bare", "zip")
    ]
    rest = [form for form in FORMS if form not in ("bare", "zip", "legacy")]
    cases += [_file(f"form-{form}", partial(_write_call, name="os.system", form=form), BROKEN) for form in rest]
    for key in ("optimizer", "epoch", "config", "callbacks", "rng_state"):
        cases += [
            _file(f"beside-in-{key}-{kind}", partial(_write_beside, key=key, zipped=kind == "zip"), PICKLE)
            for kind in ("zip", "legacy")
        ]
    return cases


def _file(name: str, write: Callable[[Room], Path], faults: Sequence[str]) -> Hostile:
    return Hostile(name=name, kind="file", write=write, faults=faults)


def _write_call(room: Room, *, name: str, form: str) -> Path:
    return _write_form(room, calls(room.canary)[name], form)


def _write_opcodes(room: Room, *, name: str, form: str) -> Path:
    return _write_form(room, opcodes(room.canary)[name], form)


def _write_form(room: Room, content: bytes, form: str) -> Path:
    plant(room.folder, room.canary)
    (room.folder / "planted.pt").write_bytes(call("os", "system", f"touch {room.canary}"))
    FORMS[form](room.folder / "model.pt", content)
    return room.folder / "model.pt"


def _write_beside(room: Room, *, key: str, zipped: bool) -> Path:
    tensors = torch.load(room.checkpoint, weights_only=True)["model_state_dict"]
    write_beside(room.folder / "model.pt", tensors, f"touch {room.canary}", key=key, zipped=zipped)
    return room.folder / "model.pt"


_ODD_TENSORS: Mapping[str, Callable[[], torch.Tensor]] = {
    "sparse": lambda: torch.eye(2).to_sparse(),
    "sparse-rows": lambda: torch.eye(2).to_sparse_csr(),
    "quantized": lambda: torch.quantize_per_tensor(torch.zeros(2), 1.0, 0, torch.qint8),
    "meta": lambda: torch.zeros(2, device="meta"),
    "expanded": lambda: torch.zeros(1).expand(10**6, 10**6),
    "nested": lambda: torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]),
}


def _other_files() -> list[Hostile]:
    def save(room: Room, value: object) -> Path:
        torch.save(value, room.folder / "model.pt")
        return room.folder / "model.pt"

    def script(room: Room) -> Path:
        torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(str(room.folder / "model.pt"))
        return room.folder / "model.pt"

    def exported(room: Room) -> Path:
        program = torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),))
        torch.export.save(program, str(room.folder / "model.pt2"))
        return room.folder / "model.pt2"

    def pack(room: Room, names: Sequence[str]) -> Path:
        with zipfile.ZipFile(room.folder / "model.pt", "w") as archive:
            for name in names:
                archive.writestr(name, pickle.dumps({}, 2))
        return room.folder / "model.pt"

    def mobile(room: Room) -> Path:
        (room.folder / "model.ptl").write_bytes(b"\x20\0\0\0PTMF" + bytes(600))
        return room.folder / "model.ptl"

    def bomb(room: Room) -> Path:
        with zipfile.ZipFile(room.folder / "model.pt", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a/data.pkl", pickle.dumps({}, 2))
            archive.writestr("a/data/0", bytes(50_000_000))
        return room.folder / "model.pt"

    def header(room: Room, text: bytes) -> Path:
        write_header(room.folder / "model.safetensors", text)
        return room.folder / "model.safetensors"

    def odd(room: Room, kind: str) -> Path:
        return save(room, {"w": _ODD_TENSORS[kind]()})

    offsets = {"x": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 8]}}
    return [
        _file("torchscript", script, PROGRAM),
        _file("exported", exported, PROGRAM),
        _file("mobile", mobile, PROGRAM),
        _file("code-without-folder", partial(pack, names=("code/__torch__.py", "data.pkl")), PROGRAM),
        _file("program-beside-weights", partial(pack, names=("m/data.pkl", "m/code/x.py")), PROGRAM),
        _file("inductor", partial(pack, names=("m/data.pkl", "m/data/aotinductor/model/x.so")), PROGRAM),
        _file("bomb", bomb, ("checkpoint-broken",)),
        _file("whole-model", partial(save, value=torch.nn.Linear(2, 2)), PICKLE),
        _file("partial", partial(save, value={"x": partial(os.system, "true")}), PICKLE),
        *(_file(f"tensor-{kind}", partial(odd, kind=kind), TENSOR) for kind in _ODD_TENSORS),
        _file("header-huge", partial(header, text=b"{" * 64), ("checkpoint-broken",)),
        _file("header-overflow", partial(header, text=json.dumps(offsets).encode()), ("checkpoint-broken",)),
    ]


def _folders() -> list[Hostile]:
    """Every change to every kind of folder. The speech encoder has no tokenizer, so what is in its file is not read."""
    everywhere = [
        Hostile(name=f"{kind}-{name}", kind=kind, write=partial(_write_folder, kind=kind, apply=apply), faults=(fault,))
        for kind in ("text", "chain", "speech")
        for name, (apply, fault) in REFUSED_EVERYWHERE.items()
    ]
    chains = [
        Hostile(
            name=f"chain-{name}", kind="chain", write=partial(_write_folder, kind="chain", apply=apply), faults=(fault,)
        )
        for name, (apply, fault) in REFUSED_CHAINS.items()
    ]
    harmless = [
        Hostile(name=f"{kind}-{name}", kind=kind, write=partial(_write_folder, kind=kind, apply=apply), faults=OPENS)
        for kind in ("text", "chain", "speech")
        for name, apply in HARMLESS.items()
        if kind != "speech" or "words" not in name
    ]
    return [*everywhere, *chains, *harmless]


def _write_folder(room: Room, *, kind: str, apply: Change) -> Path:
    folder = room.folder / "model"
    if kind == "chain":
        make_sentence_transformer(room.text, folder)
    else:
        shutil.copytree(room.text if kind == "text" else room.speech, folder)
    plant(folder, room.canary)
    apply(folder)
    return folder


def _weights_in_folders() -> list[Hostile]:
    def evil(path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        write_zip(path, call("os", "system", f"touch {path.parents[1] / 'canary'}"))

    def only_pickle(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        evil(folder / "pytorch_model.bin")

    def shard(folder: Path) -> None:
        only_pickle(folder)
        (folder / "pytorch_model.bin").rename(folder / "pytorch_model-1.bin")
        change("pytorch_model.bin.index.json", weight_map={"x": "pytorch_model-1.bin"})(folder)

    def shard_outside(folder: Path) -> None:
        only_pickle(folder)
        (folder / "pytorch_model.bin").rename(folder.parent / "evil.bin")
        change("pytorch_model.bin.index.json", weight_map={"x": "../evil.bin"})(folder)

    def disguised(folder: Path) -> None:
        write_bare(folder / "model.safetensors", call("os", "system", f"touch {folder.parent / 'canary'}"))

    def passengers(folder: Path) -> None:
        for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", "rng_state.pth", "scheduler.pt"):
            evil(folder / name)

    def dense(folder: Path) -> None:
        kind = "sentence_transformers.models."
        modules((kind + "Transformer", ""), (kind + "Pooling", "1_Pooling"), (kind + "Dense", "2_Dense"))(folder)
        change("2_Dense/config.json", in_features=32, out_features=4)(folder)
        write_zip(folder / "2_Dense" / "pytorch_model.bin", call("os", "system", f"touch {folder.parent / 'canary'}"))

    rows: list[tuple[str, Change, Sequence[str]]] = [
        ("only-pickle", only_pickle, PICKLE),
        ("shard", shard, PICKLE),
        ("shard-outside", shard_outside, ("model-folder",)),
        ("disguised", disguised, (*PICKLE, "checkpoint-broken")),
        ("passengers", passengers, OPENS),
    ]
    kinds = [(kind, *row) for row in rows for kind in ("text", "chain")] + [("chain", "dense", dense, PICKLE)]
    return [
        Hostile(
            name=f"{kind}-weights-{name}",
            kind=kind,
            write=partial(_write_folder, kind=kind, apply=apply),
            faults=faults,
        )
        for kind, name, apply, faults in kinds
    ]


def _data() -> list[Hostile]:
    return [
        Hostile(name=f"{kind}-{name}", kind=kind, write=partial(_write_data, name=name, content=content), faults=faults)
        for kind, rows in {"features": _FEATURES, "pairs": _PAIRS, "config": _CONFIGS}.items()
        for name, (content, faults) in rows.items()
    ]


def _write_data(room: Room, *, name: str, content: Callable[[Path], bytes]) -> Path:
    plant(room.folder, room.canary)
    path = room.folder / name
    path.write_bytes(content(room.canary))
    return path


def _objects(canary: Path, *, packed: bool, member: str = "") -> bytes:
    class Calls:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, (f"touch {canary}",)

    array, buffer = np.array([Calls()] * 4, dtype=object), io.BytesIO()
    if not packed:
        np.save(buffer, array, allow_pickle=True)
    elif member:
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(member, call("os", "system", f"touch {canary}"))
    else:
        np.savez(buffer, features=array, labels=array)
    return buffer.getvalue()


def _extension(canary: Path, *, name: str = "arrow.py_extension_type") -> bytes:
    serialized = call("os", "system", f"touch {canary}")
    marks = {b"ARROW:extension:name": name.encode(), b"ARROW:extension:metadata": serialized}
    fields = [pa.field("x", pa.float64(), metadata=marks), pa.field("query", pa.string(), metadata=marks)]
    fields += [pa.field("pos", pa.string())]
    table = pa.table([[1.0, 2.0], ["a", "b"], ["c", "d"]], schema=pa.schema(fields))
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _yaml(text: str) -> Callable[[Path], bytes]:
    return lambda canary: text.replace("CANARY", str(canary)).encode()


DATA = ("code-data", "features-format", "pairs-format", "vectors-format", "data-columns", "data-format")
_BAD_CONFIG = ("config-broken", "config-values")
_Content = Mapping[str, tuple[Callable[[Path], bytes], Sequence[str]]]
_FEATURES: _Content = {
    "objects.npy": (partial(_objects, packed=False), DATA),
    "objects.npz": (partial(_objects, packed=True), DATA),
    "pickle.npz": (partial(_objects, packed=True, member="data.pkl"), DATA),
    "member.npz": (partial(_objects, packed=True, member="features.npy"), DATA),
    "pickle.npy": (lambda canary: call("os", "system", f"touch {canary}"), DATA),
    "extension.parquet": (_extension, DATA),
    "extension-uuid.parquet": (partial(_extension, name="evil.type"), DATA),
    "pickle.parquet": (lambda canary: call("os", "system", f"touch {canary}"), DATA),
    "pickle.csv": (lambda canary: call("os", "system", f"touch {canary}"), DATA),
}
_PAIRS: _Content = {
    "extension.parquet": (_extension, DATA),
    "pickle.json": (lambda canary: call("os", "system", f"touch {canary}"), DATA),
    "pickle.jsonl": (lambda canary: call("os", "system", f"touch {canary}"), DATA),
    "objects.npz": (partial(_objects, packed=True), DATA),
}
_CONFIGS: _Content = {
    "apply.yml": (_yaml('a: !!python/object/apply:os.system ["touch CANARY"]\n'), _BAD_CONFIG),
    "new.yml": (_yaml('!!python/object/new:os.system ["touch CANARY"]\n'), _BAD_CONFIG),
    "name.yml": (_yaml("data: !!python/name:os.system\n"), _BAD_CONFIG),
    "module.yml": (_yaml("data: !!python/module:evil\n"), _BAD_CONFIG),
    "local.yml": (_yaml("data: !evil {a: 1}\n"), _BAD_CONFIG),
    "directive.yml": (_yaml("%TAG ! tag:yaml.org,2002:python/\n---\ndata: !object/apply:os.system [x]\n"), _BAD_CONFIG),
    "pickle.yml": (lambda canary: call("os", "system", f"touch {canary}"), _BAD_CONFIG),
}
