"""Run folders that are none, unfinished, changed, or made by somebody with a wish: nothing in them is trusted."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chaos.gauntlet.case import Case, Place
from chaos.gauntlet.words import Writer

CLASSES = ("Neutral", "Happy", "Sad")
CHECK = ("check", "r", "--fail-if", "accuracy<0.1")


def write_run(folder: Path, *, ids: str = "abcd", study: str = "latents", **facts: Any) -> Path:
    """A small finished run of a classifier, written as the study writes it."""
    import numpy as np

    from latentscape.store import RunFolder

    card = {
        "name": "a model", "checkpoint": f"{folder.name}.pt",
        "sha256": hashlib.sha256(str(folder).encode()).hexdigest(),
        "n_parameters": 12, "n_tensors_matched": 3, "n_tensors_total": 3, "trained": {}, "unlearns_dataset": False,
        "stamps": [],
    }  # fmt: skip
    rng = np.random.default_rng(0)
    widths = {"logits": len(CLASSES), "mlp": 5}
    layers = {name: rng.normal(size=(len(ids), width)).astype(np.float32) for name, width in widths.items()}
    with RunFolder(folder) as run:
        run.stage(
            "features", {"model": folder.name}, lambda: {**layers, "_rows": np.arange(3), "_facts": np.array("{}")}
        )
        table = {
            "id": list(ids), "label": [CLASSES[row % 3] for row in range(len(ids))], "prediction": ["Sad"] * len(ids),
            "dataset": ["ravdess"] * len(ids), "speaker": [f"s{row // 2}" for row in range(len(ids))],
        }  # fmt: skip
        run.save_table("samples.parquet", table)
        run.save_json("scores.json", {"accuracy": 0.5, "accuracy_n": 4, "accuracy_low": None, "accuracy_high": None})
        run.finish({"study": study, "model": card, "classes": list(CLASSES), "datasets": ["ravdess"], **facts})
    return folder


def _edit_manifest(folder: Path, **changes: Any) -> None:
    """Change what a manifest says; None takes a key out."""
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps({key: value for key, value in manifest.items() if value is not None}), encoding="utf-8")


def _replace(folder: Path, name: str, data: bytes) -> None:
    """Another file under the name of one of the run, as somebody would who can write the manifest too."""
    (folder / name).write_bytes(data)
    checksums = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["checksums"]
    _edit_manifest(folder, checksums={**checksums, name: hashlib.sha256(data).hexdigest()})


def _checked(change: Callable[[Path], object]) -> Writer:
    """`check` on a run that was changed."""

    def write(place: Place) -> list[object]:
        change(write_run(place.folder / "r"))
        return list(CHECK)

    return write


def _compared(change: Callable[[Path], object], **facts: Any) -> Writer:
    """`compare` of a good run with one that was changed."""

    def write(place: Place) -> list[object]:
        write_run(place.folder / "good")
        change(write_run(place.folder / "r", **facts))
        return ["compare", "good", "r", "--quiet"]

    return write


def _plain(make: Callable[[Path], object]) -> Writer:
    """`check` on something that was never a run."""

    def write(place: Place) -> list[object]:
        make(place.folder / "r")
        return list(CHECK)

    return write


# -- changes ---------------------------------------------------------------------------------------------------------


def _manifest(content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / "manifest.json").write_bytes(content)


def _say(**changes: Any) -> Callable[[Path], object]:
    return lambda folder: _edit_manifest(folder, **changes)


def _drop(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


def _give(name: str, data: bytes) -> Callable[[Path], object]:
    return lambda folder: _replace(folder, name, data)


def _lead_out(folder: Path) -> None:
    """The scores become a link to a file outside, of which the manifest knows the checksum."""
    outside = folder.parent / "outside.json"
    (folder / "scores.json").rename(outside)
    (folder / "scores.json").symlink_to(outside)


def _make_pipe(folder: Path) -> None:
    (folder / "scores.json").unlink()
    os.mkfifo(folder / "scores.json")


def _name_files_outside(folder: Path) -> None:
    record = folder / "stages" / "features.json"
    known = json.loads(record.read_text())
    for each in known["arrays"]:
        each["file"] = "../../../../etc/passwd"
    _replace(folder, "stages/features.json", json.dumps(known).encode())


def _keep_objects(folder: Path) -> None:
    import io

    import numpy as np

    buffer = io.BytesIO()
    np.save(buffer, np.array([[None] * 5] * 4, dtype=object), allow_pickle=True)
    _replace(folder, "features/mlp.npy", buffer.getvalue())


def _claim_rows(folder: Path) -> None:
    """An array that says it has 10^12 rows, in a file of some bytes."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 5), }"
    header += b" " * (117 - len(header)) + b"\n"
    _replace(folder, "features/mlp.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(80))


def _extend(folder: Path) -> None:
    """A table with a column that says it is of somebody's type."""
    import io

    import pyarrow as pa
    import pyarrow.parquet as pq

    marks = {b"ARROW:extension:name": b"arrow.py_extension_type", b"ARROW:extension:metadata": b"\x80\x04K\x01."}
    table = pq.read_table(folder / "samples.parquet")
    fields = [field.with_metadata(marks) if field.name == "id" else field for field in table.schema]
    buffer = io.BytesIO()
    pq.write_table(table.cast(pa.schema(fields)), buffer)
    _replace(folder, "samples.parquet", buffer.getvalue())


# -- more than one run -----------------------------------------------------------------------------------------------


def _strangers(place: Place) -> list[object]:
    write_run(place.folder / "a", ids="abcd")
    write_run(place.folder / "b", ids="efgh")
    return ["compare", "a", "b", "--quiet"]


def _other_classes(place: Place) -> list[object]:
    write_run(place.folder / "a")
    folder = write_run(place.folder / "b")
    _edit_manifest(folder, classes=["Neutral", "Happy", "Calm"])
    return ["compare", "a", "b", "--quiet"]


def _alone(place: Place) -> list[object]:
    write_run(place.folder / "a")
    return ["compare", "a"]


def _policy(text: str) -> Writer:
    def write(place: Place) -> list[object]:
        write_run(place.folder / "r", study="embeddings")
        (place.folder / "policy.yml").write_text(text)
        return ["check", "r", "--policy", "policy.yml"]

    return write


def _asked(*words: object) -> Writer:
    def write(place: Place) -> list[object]:
        write_run(place.folder / "r")
        return ["check", "r", *words]

    return write


# -- the table -------------------------------------------------------------------------------------------------------


def _check(name: str, write: Writer, fault: str, *told: str) -> Case:
    code = 2 if fault.startswith(("option", "config", "usage")) else 5 if fault.startswith("code") else 3
    return Case(name=name, group="runs", write=write, code=code, fault=fault, told=told, output="")


def _compare(name: str, write: Writer, fault: str, *told: str) -> Case:
    code = 2 if fault.startswith("option") else 5 if fault.startswith("code") else 3
    return Case(name=name, group="runs", write=write, code=code, fault=fault, told=told, output="out")


NO_RUNS = [
    _check("run-not-there", lambda _: list(CHECK), "run-missing", "`r`", "--output"),
    _check("file-as-run", _plain(lambda path: path.write_text("x")), "run-missing", "`r`", "a file"),
    _check("empty-folder-as-run", _plain(lambda path: path.mkdir()), "run-missing", "no manifest.json"),
    _check("run-without-manifest", _checked(_drop("manifest.json")), "run-unfinished", "`r`"),
    _check("manifest-of-others", _checked(_manifest(b'{"name": "a browser extension"}')), "run-missing",
           "manifest.json", "not of ours"),
    _check("manifest-of-a-newer-version", _checked(_say(format_version=999)), "run-newer", "999", "update"),
    _check("version-as-text", _checked(_say(format_version="1")), "run-newer", "`r`"),
    _check("empty-manifest", _checked(_manifest(b"")), "run-damaged", "manifest.json"),
    _check("torn-manifest", _checked(_manifest(b'{"format": "latentsc')), "run-damaged", "manifest.json"),
    _check("deep-manifest", _checked(_manifest(b"[" * 200_000)), "run-damaged", "manifest.json"),
    _check("list-as-manifest", _checked(_manifest(b"[]")), "run-damaged", "no JSON object"),
    _check("latin-1-manifest", _checked(_manifest(b'{"format": "\xe9"}')), "run-damaged", "manifest.json"),
    _check("folder-as-manifest", _plain(lambda path: (path / "manifest.json").mkdir(parents=True)), "run-missing",
           "`r`"),
]  # fmt: skip

CHANGED = [
    _check("scores-changed", _checked(lambda folder: (folder / "scores.json").write_text('{"accuracy": 1}')),
           "run-damaged", "scores.json", "checksum"),
    _check("scores-gone", _checked(_drop("scores.json")), "run-damaged", "scores.json"),
    _check("scores-lead-out", _checked(_lead_out), "run-damaged", "scores.json"),
    _check("pipe-as-scores", _checked(_make_pipe), "run-damaged", "scores.json"),
    _check("scores-without-checksum", _checked(_say(checksums={})), "run-damaged", "scores.json", "no checksum"),
    _check("checksums-that-are-a-list", _checked(_say(checksums=["scores.json"])), "run-damaged", "scores.json"),
    _check("list-as-scores", _checked(_give("scores.json", b"[]")), "run-damaged", "scores.json"),
    _check("scores-nested-deep", _checked(_give("scores.json", b"[" * 200_000)), "run-damaged", "scores.json"),
    _compare("features-outside", _compared(_name_files_outside), "run-damaged", "stages/features.json"),
    _compare("features-of-objects", _compared(_keep_objects), "code-data", "mlp.npy"),
    _compare("features-that-claim-rows", _compared(_claim_rows), "features-format", "mlp.npy"),
    _compare("table-of-extension-types", _compared(_extend), "code-data", "samples.parquet", "`id`"),
    _compare("torn-table", _compared(_give("samples.parquet", b"PAR1" + bytes(100))), "run-damaged", "samples.parquet"),
    _compare("table-gone", _compared(_drop("samples.parquet")), "run-damaged", "samples.parquet"),
    _compare("card-gone", _compared(_say(model=None)), "run-damaged", "no `model`"),
    _compare("card-without-a-checksum", _compared(_say(model={"name": "x"})), "run-damaged", "`model"),
    _compare("run-that-is-gone", _compared(shutil.rmtree), "run-missing", "`r`"),
]  # fmt: skip

UNMATCHED = [
    _compare("runs-of-other-samples", _strangers, "runs-unmatched", "share no sample", "--max-samples"),
    _compare("runs-of-other-classes", _other_classes, "run-damaged", "samples.parquet"),
    _compare("run-of-a-map", _compared(_say(study="map")), "runs-unmatched", "`map`"),
    _compare("one-run", _alone, "option-missing", "two or more"),
]  # fmt: skip

ASKED = [
    _check("policy-not-there", _asked("--policy", "none.yml"), "config-missing", "none.yml"),
    _check("policy-of-unknown-words", _policy("margn: high\n"), "config-values", "policy.yml:1:", "margn"),
    _check("policy-without-lines", _policy("margin:\n"), "config-values", "policy.yml"),
    _check("no-checklist-for-a-classifier", _asked(), "option-missing", "--fail-if"),
    _check("condition-that-is-none", _asked("--fail-if", "accuracy"), "option-value", "accuracy"),
    _check("condition-on-an-unknown-score", _asked("--fail-if", "acuracy<0.5"), "option-value", "acuracy", "accuracy"),
]  # fmt: skip

CASES: list[Case] = [*NO_RUNS, *CHANGED, *UNMATCHED, *ASKED]
