"""Files of ready-made vectors and features that can't be read, or whose arrays do not fit each other."""

import os
import struct
from collections.abc import Sequence
from typing import Any

from chaos.gauntlet.case import Case, Place
from chaos.gauntlet.words import MAPLESS, Writer

HTML = b"<!DOCTYPE html><html>404</html>"
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"


def _noise(*shape: int) -> Any:
    import numpy as np

    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def _vectors(**changes: Any) -> Writer:
    """Eight queries and their documents; a function changes an array, None leaves it out, anything else is added."""

    def write(place: Place) -> list[object]:
        import numpy as np

        arrays: dict[str, Any] = {"queries": _noise(8, 5), "documents": _noise(8, 5) + 1}
        for name, change in changes.items():
            arrays[name] = change(arrays.get(name)) if callable(change) else change
        np.savez(place.folder / "v.npz", **{name: array for name, array in arrays.items() if array is not None})
        return ["embeddings", "--vectors", "v.npz", *MAPLESS]

    return write


def _file(name: str, content: bytes) -> Writer:
    def write(place: Place) -> list[object]:
        (place.folder / name).write_bytes(content)
        return ["embeddings", "--vectors", name, *MAPLESS]

    return write


def _change(row: int, value: float) -> Any:
    def change(array: Any) -> Any:
        array[row] = value
        return array

    return change


def _objects(_: Any) -> Any:
    import numpy as np

    return np.array([None, 1], dtype=object)


def _misfit(name: str, write: Writer, *told: str) -> Case:
    return Case(name=name, group="vectors", write=write, code=3, fault="vectors-format", told=("v.npz", *told))


VECTORS = [
    _misfit("no-documents", _vectors(documents=None), "no array `documents`"),
    _misfit("vectors-of-two-lengths", _vectors(documents=lambda _: _noise(8, 6)), "5 and 6 features"),
    _misfit("no-queries-in-it", _vectors(queries=lambda a: a[:0], documents=lambda a: a[:0]), "`queries`", "no rows"),
    _misfit("not-told-what-is-right", _vectors(documents=lambda a: a[:5]), "8 queries and 5 documents", "`relevant`"),
    _misfit("relevant-misspelled", _vectors(relevent=[0] * 8), "`relevent`", "`relevant`"),
    _misfit("relevant-out-of-range", _vectors(relevant=[8] * 8), "`relevant`", "8"),
    _misfit("relevant-below-none", _vectors(relevant=[-2] * 8), "`relevant`", "-2"),
    _misfit("relevant-of-another-length", _vectors(relevant=[0] * 7), "`relevant`", "7"),
    _misfit("relevant-as-fractions", _vectors(relevant=[0.5] * 8), "`relevant`", "whole numbers"),
    _misfit("relevant-said-twice", _vectors(relevant=[0] * 8, relevant_offsets=[0] * 9), "`relevant_numbers`"),
    _misfit("offsets-that-descend", _vectors(relevant_offsets=[0, 2, 1, 3, 4, 5, 6, 7, 8], relevant_numbers=[0] * 8),
            "`relevant_offsets`"),
    _misfit("types-without-hard", _vectors(hard_types=["a"] * 8), "`hard_types`", "`hard`"),
    _misfit("hard-that-is-no-pair", _vectors(hard=[[0, 1, 2]]), "`hard`"),
    _misfit("texts-of-another-length", _vectors(query_texts=["a"] * 7), "`query_texts`", "7"),
    Case(name="vectors-of-objects", group="vectors", write=_vectors(queries=_objects), code=5, fault="code-data",
         told=("v.npz", "Python objects")),
    Case(name="all-vectors-zero", group="vectors", write=_vectors(queries=lambda a: a * 0), code=3, fault="data-empty",
         told=("v.npz", "query 1", "zeros")),
    Case(name="vectors-not-there", group="vectors", write=lambda _: ["embeddings", "--vectors", "none.npz"], code=3,
         fault="data-missing", told=("none.npz",)),
    Case(name="one-array-as-vectors", group="vectors", write=_file("v.npz", b"\x93NUMPY\x01\x00" + bytes(100)), code=3,
         fault="vectors-format", told=("v.npz", "`queries`")),
    Case(name="web-page-as-vectors", group="vectors", write=_file("v.npz", HTML), code=3, fault="features-format",
         told=("v.npz", "web page")),
    Case(name="torn-vectors", group="vectors", write=_file("v.npz", b"PK\x03\x04" + bytes(50)), code=3,
         fault="features-format", told=("v.npz",)),
    Case(name="some-vectors-without-direction", group="vectors", write=_vectors(queries=_change(2, 0.0)), code=0,
         counts=(7, 1, 0), told=("query 3", "all zeros")),
    Case(name="some-vectors-not-finite", group="vectors", write=_vectors(queries=_change(5, float("nan"))), code=0,
         counts=(7, 1, 0), told=("query 6", "not finite")),
    Case(name="documents-without-direction", group="vectors", write=_vectors(documents=_change(0, 0.0)), code=0,
         counts=(7, 1, 1), told=("query 1", "document 1")),
]  # fmt: skip


# -- features for a map ----------------------------------------------------------------------------------------------


def _features(content: Any, *words: object, files: Sequence[tuple[str, str]] = ()) -> Writer:
    """An array saved as .npy, or a file of these bytes, and what lies beside it."""

    def write(place: Place) -> list[object]:
        import numpy as np

        made = content() if callable(content) else content
        if isinstance(made, bytes):
            (place.folder / "f.npy").write_bytes(made)
        else:
            np.save(place.folder / "f.npy", made, allow_pickle=True)
        for name, text in files:
            (place.folder / name).write_text(text, encoding="utf-8")
        return ["map", "f.npy", "--method", "pca", "--quiet", *words]

    return write


def _make_pipe(place: Place) -> list[object]:
    os.mkfifo(place.folder / "pipe.npy")
    return ["map", "pipe.npy", "--method", "pca"]


def _unread(name: str, content: Any, *told: str, fault: str = "features-format") -> Case:
    code = 5 if fault.startswith("code") else 3
    return Case(name=name, group="vectors", write=_features(content), code=code, fault=fault, told=("f.npy", *told))


def _column(name: str, words: Sequence[object], *told: str, fault: str = "data-columns") -> Case:
    files = [("short.txt", "a\nb\n"), ("many.txt", "\n".join("abcdefghi") + "\n"), ("web.csv", "<html>"),
             ("table.csv", "a,b\n1,2\n")]  # fmt: skip
    write = _features(lambda: _noise(9, 3), *words, files=files)
    return Case(name=name, group="vectors", write=write, code=3, fault=fault, told=told)


def _nothing(*shape: int) -> Any:
    import numpy as np

    return np.zeros(shape)


FEATURES = [
    _unread("empty-features", b"", "empty"),
    _unread("web-page-as-features", HTML, "web page"),
    _unread("lfs-pointer-as-features", LFS, "git lfs pull"),
    _unread("pickle-as-features", b"\x80\x04K\x01.", "pickle", fault="code-data"),
    _unread("torn-parquet-as-features", b"PAR1" + bytes(50)),
    _unread("torn-zip-as-features", b"PK\x03\x04" + bytes(50)),
    _unread("header-too-long-as-features", struct.pack("<Q", 2**40) + b"{}", "header"),
    _unread("words-as-features", b"hello\nworld\n", "no column"),
    _unread("objects-as-features", lambda: _objects(None), "Python objects", fault="code-data"),
    _unread("features-of-no-rows", lambda: _nothing(0, 4), "no rows", fault="data-empty"),
    _unread("features-of-no-columns", lambda: _nothing(4, 0), "4 x 0"),
    _unread("list-as-features", lambda: _nothing(4), "no matrix"),
    _unread("features-all-nan", lambda: _nothing(4, 2) * float("nan"), "NaN or infinity", fault="features-values"),
    Case(name="features-not-there", group="vectors", write=lambda _: ["map", "none.npy"], code=3, fault="data-missing",
         told=("none.npy",)),
    Case(name="pipe-as-features", group="vectors", write=_make_pipe, code=3, fault="data-special", told=("pipe.npy",)),
    _column("labels-not-there", ["--labels", "none"], "no column or file `none`", fault="data-missing"),
    _column("labels-too-few", ["--labels", "short.txt"], "2 values in `short`"),
    _column("shapes-too-many", ["--shapes", "many.txt"], "too many different values", fault="data-labels"),
    _column("web-page-as-labels", ["--labels", "web.csv"], "web page", fault="features-format"),
    _column("labels-of-which-column", ["--labels", "table.csv"], "table.csv:a"),
    _column("labels-of-no-column", ["--labels", "table.csv:d"], "no column `d`"),
    _column("folder-as-ids", ["--ids", "."], "a folder", fault="data-special"),
]  # fmt: skip

CASES: list[Case] = [*VECTORS, *FEATURES]
