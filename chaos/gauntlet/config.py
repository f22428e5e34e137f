"""Configs, policies and options that can't be used: all of them are refused before torch is imported."""

from collections.abc import Sequence

from chaos.gauntlet.case import Case, Place
from chaos.gauntlet.words import Writer

GOOD = "data: {datasets: [{class_path: ravdess, data_dir: x}]}\nmodel: {encoder_name: hubert}\n"
ALIAS_BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]\n" for n in range(1, 20))
MERGE_BOMB = "a0: &a0 {k: 1}\n" + "".join(f"a{n}: &a{n}\n  <<: [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 20))


def write_config(content: bytes | str, *, command: Sequence[str] = ("latents",)) -> Writer:
    """This text as the config of a study of speech."""

    def write(place: Place) -> list[object]:
        data = content if isinstance(content, bytes) else content.encode()
        (place.folder / "config.yml").write_bytes(data)
        return [*command, "--config", "config.yml"]

    return write


def _broken(name: str, content: bytes | str, *told: str, listed: str = "") -> Case:
    """A config that is no YAML of ours: refused at the first thing."""
    return Case(
        name=name, group="config", write=write_config(content), code=2, fault="config-broken",
        told=("config.yml", *told), listed=listed,
    )  # fmt: skip


def _values(name: str, content: bytes | str, *told: str, listed: str = "") -> Case:
    """A config with wrong lines: all of them are named."""
    return Case(
        name=name, group="config", write=write_config(content), code=2, fault="config-values",
        told=("config.yml:", *told), listed=listed,
    )  # fmt: skip


def _option(name: str, fault: str, words: Sequence[object], *told: str) -> Case:
    """A command line that can't be used."""
    return Case(name=name, group="config", write=lambda _: words, code=2, fault=fault, told=told)


def _make_fifo(place: Place) -> list[object]:
    import os

    os.mkfifo(place.folder / "config.yml")
    return ["latents", "--config", "config.yml"]


def _link_to_itself(place: Place) -> list[object]:
    (place.folder / "config.yml").symlink_to("config.yml")
    return ["latents", "--config", "config.yml"]


BROKEN = [
    _broken("empty-config", b"", "is empty", listed="config 1"),
    _broken("config-of-blank-lines", "\n# nothing\n\n", "is empty"),
    _broken("tab-in-config", "data:\n\tdatasets: []\n", ":2: broken YAML", "spaces", listed="config 2"),
    _broken("alias-bomb-in-config", ALIAS_BOMB, "more than", listed="config 7"),
    _broken("merge-bomb-in-config", MERGE_BOMB, "5,000 values", listed="config 7"),
    _broken("deep-config", "a: " + "[" * 2000 + "]" * 2000 + "\n", "deep"),
    _broken("config-of-many-values", "a: [" + "1," * 6000 + "]\n", "5,000 values"),
    _broken("huge-config", b"a: " + b"x" * 2**20, "1 MiB"),
    _broken("latin-1-config", GOOD.encode() + "notes: caf\xe9\n".encode("latin-1"), ":3: not UTF-8", listed="config 8"),
    _broken("utf-16-config", GOOD.encode("utf-16"), ":1: not UTF-8", listed="config 8"),
    _broken("config-with-a-nul", GOOD + "notes: a\0b\n", ":3:"),
    _broken("config-cut-in-a-quote", GOOD + 'notes: "a\n', "broken YAML"),
    _broken("config-cut-in-a-list", "data: {datasets: [\n", "broken YAML"),
    _broken("list-as-config", "- data\n- model\n", ":1: the file is not a mapping"),
    _broken("web-page-as-config", "<!DOCTYPE html>\n<html>404</html>\n", "config.yml:"),
    _broken("json-lines-as-config", '{"a": 1}\n{"b": 2}\n', "broken YAML"),
]

VALUES = [
    _values(
        "key-twice-in-config",
        GOOD + "model: {encoder_name: wavlm}\n",
        ":3:",
        "`model` is given twice",
        listed="config 3",
    ),
    _values(
        "yaml-1.1-words",
        GOOD + "training: {lr: 1e-4, mixed_precision: no}\n",
        "1 problem in",
        ":3:",
        "`training.mixed_precision`",
        listed="config 4",
    ),
    _values("unknown-key", GOOD + "perplexety: 3\n", ":3: unknown key `perplexety`", listed="config 5"),
    _values(
        "code-tag",
        "data: !!python/object/apply:os.system [touch canary]\n",
        ":1:",
        "!!python/object/apply",
        listed="config 6",
    ),
    _values("name-tag", GOOD + "notes: !!python/name:os.system\n", ":3:", "!!python/name"),
    _values("merge-key", "a: &a {b: 1}\n" + GOOD + "notes: {<<: *a}\n", ":4:", "<<"),
    _values(
        "byte-order-mark-and-slip",
        b"\xef\xbb\xbf" + GOOD.encode() + b"modle: {}\n",
        ":3:",
        "`model`",
        listed="config 8",
    ),
    _values(
        "four-problems",
        GOOD + "training: {lr: 0, epoch: 3}\nlog: x\nmodel: {}\n",
        "4 problems",
        ":3:",
        ":4:",
        ":5:",
        "`epochs`",
    ),
    _values("misspelled-kind-of-data", GOOD.replace("ravdess", "ravdes"), "`ravdes`", "`ravdess`"),
    _values(
        "data-set-twice",
        GOOD.replace("x}]", "x}, {class_path: crema-d, data_dir: ./x}]"),
        ":1:",
        "`data.datasets`",
        "x is listed twice",
    ),
    _values("misspelled-encoder", GOOD.replace("hubert", "hubrt"), "hubrt", "hubert"),
    _values("two-documents", GOOD + "---\n" + GOOD, ":3:", "second document"),
    _values("alias-of-nothing", GOOD + "notes: *none\n", ":3:", "refers to nothing"),
    _values("infinity-in-config", GOOD + "training: {lr: .inf}\n", ":3:", "not a finite number"),
    _values("not-a-number-in-config", GOOD + "training: {lr: .nan}\n", ":3:", "not a finite number"),
    _values("number-in-quotes", GOOD + 'training: {batch_size: "8"}\n', ":3:", "`training.batch_size`"),
    _values("huge-number", GOOD + "training: {batch_size: 1" + "0" * 50 + "}\n", ":3:", "`training.batch_size`"),
    _values("list-as-key", GOOD + "? [a, b]\n: c\n", ":3:", "a key must be a plain word"),
    _values("no-data-sets", "data: {datasets: []}\nmodel: {encoder_name: hubert}\n", ":1:", "`data.datasets`"),
    _values("section-missing", "model: {encoder_name: hubert}\n", "`data` is missing"),
    _values("bad-color", GOOD + "style: {class_colors: {Happy: not-a-color-1}}\n", ":3:", "style.class_colors"),
]

OPTIONS = [
    _option("config-not-there", "config-missing", ["latents", "--config", "none.yml"], "none.yml", "--config"),
    _option("config-with-a-name-too-long", "config-missing", ["latents", "--config", "x" * 300], "xxx"),
    _option("folder-as-config", "config-missing", ["latents", "--config", "."], "a folder"),
    Case(name="pipe-as-config", group="config", write=_make_fifo, code=2, fault="config-missing",
         told=("config.yml", "no regular file")),
    Case(name="looping-link-as-config", group="config", write=_link_to_itself, code=2, fault="config-missing",
         told=("config.yml",)),
    _option("no-sources", "option-missing", ["embeddings"], "--data", "--checkpoint"),
    _option("no-config", "option-missing", ["latents"], "--config", "--model"),
    _option("unknown-option", "usage", ["embeddings", "--perplexety", "3"], "--perplexety"),
    _option("unknown-command", "usage", ["embedings"], "embedings"),
    _option("vectors-beside-a-model", "option-conflict",
            ["embeddings", "--vectors", "v.npz", "--checkpoint", "c.pt"], "--vectors", "--checkpoint"),
    _option("seed-out-of-range", "option-value", ["map", "f.npy", "--seed", "-1"], "--seed", "-1"),
    _option("unknown-method", "option-value", ["map", "f.npy", "--method", "tsnee"], "--method", "tsnee", "tsne"),
    _option("perplexity-that-is-no-number", "option-value", ["map", "f.npy", "--perplexity", "nan"], "--perplexity"),
    _option("text-as-seed", "usage", ["map", "f.npy", "--seed", "x"], "--seed"),
    _option("compare-nothing", "option-missing", ["compare"], "run folders"),
]  # fmt: skip

TRAINING = [
    Case(name="retriever-config-with-two-encoders", group="config", code=2, fault="config-values", output="",
         write=write_config("data: {pairs: p.json}\nmodel: {base_model: a/b, encoder_config: {}}\n",
                            command=("train", "retriever")),
         told=("config.yml:2:", "both are given")),
    Case(name="emotion-config-for-a-retriever", group="config", code=2, fault="config-values", output="",
         write=write_config(GOOD, command=("train", "retriever")), told=("config.yml:", "`data.pairs` is missing")),
]  # fmt: skip

CASES: list[Case] = [*BROKEN, *VALUES, *OPTIONS, *TRAINING]
