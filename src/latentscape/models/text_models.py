"""Any text model by its folder or hub name, or two of them: one for queries, one for documents."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError, HFValidationError

from latentscape.errors import ModelError, UsageError, nearest
from latentscape.models.adapters import CONFIG as ADAPTER
from latentscape.models.folder_scan import read_json, read_modules
from latentscape.models.loaded import LoadedRetriever
from latentscape.models.loading import find_model_folder, quiet_libraries, read_config_values
from latentscape.models.projection import Pooling
from latentscape.models.prompts import choose_prompts, put_prompts
from latentscape.models.retriever import load_encoder, load_retriever
from latentscape.models.text_encoders import digest_values, is_generative
from latentscape.models.two_towers import join_towers, measure_width
from latentscape.paths import expand_home, is_file, is_folder

OPTION, DOCUMENT_OPTION = "`--model`", "`--document-model`"
_HUB_TIMEOUT = 5.0


def load_text_model(
    name: str,
    *,
    document_model: str | None = None,
    pooling: str | None = None,
    dimension: int | None = None,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    allow_missing: Sequence[str] = (),
    max_length: int | None = None,
) -> LoadedRetriever:
    """Open a sentence-transformers model, or any text encoder of transformers, by folder or hub name.

    With a `document_model` the first one reads the queries and the second one the documents. `pooling` makes one vector
    of an encoder's tokens: their mean, the first (`cls`) or the last one; a sentence-transformers model knows that by
    itself. `dimension` keeps the first numbers of each vector. A prompt is the name of one in the model's settings or
    the text itself; without it the one that the settings name for that side. Vectors have length 1.

    Raises ModelError where a model can't be had, is broken or reads no texts, or where two give vectors of different
    widths; SafetyError where something wants to run code; UsageError for options that do not go with the model.
    """
    chosen = _check_pooling(pooling)
    names = {OPTION: name, **({DOCUMENT_OPTION: document_model} if document_model else {})}
    folders = {option: find_text_model(given, option) for option, given in names.items()}
    _refuse_idle_pooling(chosen, list(folders.values()))
    asked = _Asked(
        pooling=chosen,
        dimension=dimension,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
        allow_missing=tuple(allow_missing),
        max_length=max_length,
    )
    if document_model is None:
        return _open(name, folders[OPTION], asked, option=OPTION)
    queries = dataclasses.replace(asked, document_prompt=None)
    documents = dataclasses.replace(asked, query_prompt=None)
    return join_towers(
        _open(name, folders[OPTION], queries, option=OPTION),
        _open(document_model, folders[DOCUMENT_OPTION], documents, option=DOCUMENT_OPTION),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the user said of a model."""

    pooling: Pooling | None
    dimension: int | None
    query_prompt: str | None
    document_prompt: str | None
    allow_missing: tuple[str, ...]
    max_length: int | None


def _open(name: str, folder: Path, asked: _Asked, *, option: str) -> LoadedRetriever:
    prompts = {"query_prompt": asked.query_prompt, "document_prompt": asked.document_prompt}
    loading = {"allow_missing": asked.allow_missing, "max_length": asked.max_length}
    if _is_chain(folder):
        # Its library costs seconds to import, and only this container needs it.
        from latentscape.models.sentence_transformer import open_sentence_transformer  # noqa: PLC0415

        loaded = open_sentence_transformer(folder, **prompts, **loading)
        # In the hub's cache a folder is called by its commit.
        loaded = loaded if is_folder(expand_home(name)) else dataclasses.replace(loaded, name=name)
    else:
        if _is_retriever(folder):
            loaded = load_retriever(folder, **loading)
        else:
            if asked.pooling is None:
                _refuse_generative(name, folder)
            loaded = load_encoder(name, pooling=asked.pooling or "mean", option=option, **loading)
        chosen = choose_prompts({}, query=asked.query_prompt, document=asked.document_prompt, source=name)
        loaded = put_prompts(loaded, chosen)
    return _cut(loaded, asked.dimension)


def _cut(loaded: LoadedRetriever, dimension: int | None) -> LoadedRetriever:
    """The same retriever with the first numbers of its vectors; a short text goes through it in any case."""
    model: Any = loaded.model
    own = model.dimension
    model.dimension = None if dimension is not None else own
    width = measure_width(loaded)
    if dimension is None:
        return loaded
    if not 1 <= dimension <= width:
        raise UsageError(
            f"vectors of {width} numbers can't be cut to {dimension}",
            got=loaded.name,
            expected=f"1 to {width}",
            hint="give a smaller `--dimension`, or leave it out",
            fault="option-value",
        )
    model.dimension = dimension
    return dataclasses.replace(
        loaded,
        fingerprint=digest_values({"model": loaded.fingerprint, "dimension": dimension}),
        metadata={**loaded.metadata, "dimension": dimension},
    )


def _check_pooling(pooling: str | None) -> Pooling | None:
    known: tuple[Pooling, ...] = get_args(Pooling)
    found: Pooling | None = next((kind for kind in known if kind == pooling), None)
    if found is None and pooling is not None:
        raise UsageError(
            f"unknown pooling `{pooling}`",
            expected=", ".join(known),
            hint=nearest(pooling, known),
            fault="option-value",
        )
    return found


def _refuse_idle_pooling(pooling: Pooling | None, folders: Sequence[Path]) -> None:
    if pooling is not None and all(_is_chain(folder) or _is_retriever(folder) for folder in folders):
        raise UsageError(
            f"{folders[0]} says by itself how one vector is made of its tokens",
            got=f"`--pooling {pooling}` as well",
            hint="leave `--pooling` out",
            fault="option-conflict",
        )


def _refuse_generative(name: str, folder: Path) -> None:
    values = read_config_values(folder)
    if is_generative(values):
        raise UsageError(
            f"{name} writes texts on; which of its tokens stands for a whole text, nobody has said",
            got=f"a model of type `{values.get('model_type')}` without `--pooling`",
            expected="`--pooling last` (the only token that has read all the others) or `--pooling mean`",
            hint="take what the model was trained with; its card says so",
            fault="option-missing",
        )


def _is_chain(folder: Path) -> bool:
    return is_file(folder / "modules.json")


def _is_retriever(folder: Path) -> bool:
    """Whether a folder is one of our other containers: an adapter, or a head alone."""
    config = folder / "config.json"
    return is_file(folder / ADAPTER) or (is_file(config) and "d_out" in read_json(config))


def find_text_model(name: str, option: str) -> Path:
    """The local folder of a text model, given by folder or hub name, with the folders of its modules.

    Raises ModelError, naming `option`, where it can't be had, or the name is a file's.
    """
    if is_file(expand_home(name)):
        raise ModelError(
            f"{name} is a file",
            expected="a model folder or a hub name",
            hint="for a retriever's checkpoint: `--checkpoint FILE`",
            fault="model-missing",
        )
    folder = find_model_folder(name, option=option)
    if not is_folder(expand_home(name)) and _is_chain(folder):
        _fetch_modules(name, folder, option)
    return folder


def _fetch_modules(name: str, folder: Path, option: str) -> None:
    """The parts of a hub's sentence-transformers model that lie in folders of their own."""
    inside = [module["path"] for module in read_modules(folder) if module["path"]]
    # Some modules have no files, so that nothing tells a module without a folder from one that was never fetched.
    wanted = [path for path in inside if not is_folder(folder / path)]
    if not wanted:
        return
    patterns = [f"{path}/{kind}" for path in wanted for kind in ("*.json", "*.safetensors", "*.bin", "*.txt")]
    try:
        with quiet_libraries():
            huggingface_hub.snapshot_download(name, allow_patterns=patterns, etag_timeout=_HUB_TIMEOUT)
    except (OSError, HfHubHTTPError, HFValidationError, ValueError) as error:
        if any(not _needs_no_files(module["type"]) for module in read_modules(folder) if module["path"] in wanted):
            raise ModelError(
                f"parts of the model `{name}` are not on this machine, and the hub did not give them",
                got=", ".join(f"no folder `{path}`" for path in wanted),
                expected="every folder that its modules.json names",
                hint=f"download the model's whole folder where there is a network, and name it with {option}",
                fault="model-missing",
            ) from error


def _needs_no_files(kind: str) -> bool:
    return kind.endswith(".Normalize")
