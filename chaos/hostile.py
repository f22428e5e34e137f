"""Files and folders that want to run code, through the real doors: nothing of them runs, and the refusal has its id.

All of it happens in processes of their own, where a hook sees every compiled text, every program started and every
call out; a file that hangs or crashes the process costs that process only.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import Any

from chaos.outcome import Outcome

ROOT = Path(__file__).parents[1]
_SECONDS = 60
"""More than any door needs; after it the process is ended by its own alarm."""
_SHADOWS = "numpy torch json numba transformers latentscape sitecustomize usercustomize yaml _virtualenv conftest os"


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """Try every case (at a smaller scale every n-th of each kind), and a working directory full of Python files."""
    del seed  # nothing here is left to chance
    found = list(_try_all(folder / "hostile", step=max(1, round(1 / scale))))
    by_kind = {"file": "files", "text": "folders", "chain": "folders", "speech": "folders"}
    outcomes = [
        Outcome(
            name=f"hostile {name}",
            promise="nothing of it runs, at any door, and the refusal has the right id",
            tried=sum(by_kind.get(kind, "data and configs") == name for kind, _, _ in found),
            wrong=[
                f"{case}: {said}"
                for kind, case, said in found
                if by_kind.get(kind, "data and configs") == name and said
            ],
        )
        for name in ("files", "folders", "data and configs")
    ]
    return [*outcomes, try_working_directory(folder / "shadows")]


def _try_all(folder: Path, *, step: int) -> Iterator[tuple[str, str, str]]:
    """Kind, name and what is wrong of each case; a process that dies is followed by one that goes on behind it."""
    at = 0
    while True:
        words = [sys.executable, "-P", "-m", "chaos.hostile", str(folder), str(step), str(at)]
        child = subprocess.run(words, env=_surroundings(), capture_output=True, text=True, check=False)
        lines = [json.loads(line) for line in child.stdout.splitlines() if line.startswith('["')]
        yield from ((kind, name, said) for kind, name, said in lines if kind != "begun" and kind != "end")
        at += sum(kind == "begun" for kind, _, _ in lines)
        if lines and lines[-1][0] == "end":
            return
        begun = lines[-1] if lines and lines[-1][0] == "begun" else ["", "none", ""]
        if not lines:
            raise RuntimeError(f"the process of hostile cases did not start: {child.stderr[-2000:]}")
        yield begun[2], begun[1], f"the process ended with {child.returncode}"


def _surroundings() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def try_working_directory(folder: Path, *, seconds: float = 30) -> Outcome:
    """The real command, in a folder with Python files under the names of what it imports, with nothing compiled yet.

    It is given `seconds`: whatever imports a file of that folder does so in the first few.
    """
    shutil.rmtree(folder, ignore_errors=True)
    work = folder / "work"
    work.mkdir(parents=True)
    canary = folder / "canary"
    for name in _SHADOWS.split():
        (work / f"{name}.py").write_text(f"open({str(canary)!r}, 'a').close()\n")
    (work / "features.csv").write_text("\n".join(f"{n % 7},{n % 5},{n % 3}" for n in range(40)))
    command = Path(sys.executable).with_name("latentscape")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "NUMBA_CACHE_DIR": str(folder / "cache")}
    words = [str(command), "map", "features.csv", "--output", str(folder / "run")]
    started = subprocess.Popen(
        words, cwd=work, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    until = time.monotonic() + seconds
    while started.poll() is None and time.monotonic() < until and not canary.exists():
        time.sleep(0.1)
    ran, code = canary.exists(), started.poll()
    started.kill()  # whoever compiles for it ends with it
    said = started.communicate()[1].decode("utf-8", "replace")
    wrong = ["a Python file of the working directory ran"] if ran else []
    wrong += [f"exit {code}: {said[-500:]}"] if code else []
    return Outcome(
        name="Python files in the working directory", promise="the command imports none of them", tried=1, wrong=wrong
    )


# -- in the process of its own -------------------------------------------------------------------------------------


def _main(folder: Path, step: int, at: int) -> None:
    from chaos.gauntlet.place import write_rental
    from chaos.hostile_cases import list_cases
    from chaos.watcher import start_watching

    good = folder / "good"
    if not (good / "speech_encoder" / "config.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        good.mkdir(parents=True)
        write_rental(good)
        _write_head(good)
        _write_speech_encoder(good / "speech_encoder")
    cases = list_cases()[::step]
    _warm(good)
    watcher = start_watching()
    for case in cases[at:]:
        _tell("begun", case.name, case.kind)
        signal.alarm(_SECONDS)
        said = _try(case, folder, watcher)
        signal.alarm(0)
        _tell(case.kind, case.name, said)
    _tell("end", "", "")


def _tell(*words: str) -> None:
    os.write(1, (json.dumps(words) + "\n").encode())


def _write_head(good: Path) -> None:
    """The retriever's head alone, so that its base gives the weights."""
    import torch

    tensors = torch.load(good / "best_model.pt", weights_only=True)["model_state_dict"]
    torch.save({name: tensor for name, tensor in tensors.items() if name.startswith("head.")}, good / "head.pt")


def _write_speech_encoder(folder: Path) -> None:
    import torch
    from transformers import HubertConfig, HubertModel

    from chaos.gauntlet.place import TINY_ENCODER
    from latentscape.models.loading import quiet_libraries

    torch.manual_seed(0)
    with quiet_libraries():
        HubertModel(HubertConfig(**TINY_ENCODER)).save_pretrained(folder)


def _warm(good: Path) -> None:
    """Import what the doors import, so that what is seen later is theirs."""
    from chaos.hostile_folders import make_sentence_transformer

    make_sentence_transformer(good / "base_model", good / "chain") if not (good / "chain").exists() else None
    for kind, path in {"chain": good / "chain", "text": good / "base_model", "speech": good / "speech_encoder"}.items():
        for name, door in _doors(kind, path, good):
            said = _knock(door)
            if said:
                raise RuntimeError(f"a good {kind} is refused at {name}: {said}")


def _try(case: Any, folder: Path, watcher: Any) -> str:
    """What is wrong with how a case went; empty where everything is right."""
    from chaos.hostile_cases import Room

    good, place = folder / "good", folder / "case"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    room = Room(
        folder=place, text=good / "base_model", speech=good / "speech_encoder", checkpoint=good / "best_model.pt"
    )
    path = case.write(room)
    os.chdir(place)
    sys.path.append(str(place))  # what a pickle names could be found here
    wrong = []
    for name, door in _doors(case.kind, path, good):
        watcher.watch(place)
        said = _knock(door)
        seen = watcher.stop()
        wrong += [f"{name}: {event}" for event in seen[:3]]
        if room.canary.exists():
            wrong.append(f"{name}: it ran")
            room.canary.unlink()
        if said not in case.faults:
            wrong.append(f"{name}: {said or 'it opened'}; expected {' or '.join(case.faults) or 'that it opens'}")
    sys.path.remove(str(place))
    os.chdir(folder)
    return "; ".join(wrong)


def _doors(kind: str, path: Path, good: Path) -> Sequence[tuple[str, Callable[[], object]]]:
    """The ways by which users bring such a thing in."""
    from latentscape.checkpoint import load_checkpoint
    from latentscape.models.emotion import EmotionArchitecture, build_emotion_classifier
    from latentscape.models.retriever import load_encoder, load_retriever

    retriever = ["--data", good / "pairs.json", "--list-layers"]
    features = ["--output", path.parent / "run"]
    architecture = EmotionArchitecture(encoder_name=str(path))
    kinds: dict[str, list[tuple[str, Callable[[], object]]]] = {
        "file": [
            ("load_checkpoint", lambda: load_checkpoint(path)),
            ("embeddings", lambda: _command("embeddings", "--checkpoint", path, *retriever)),
        ],
        "text": [
            ("load_encoder", lambda: load_encoder(str(path))),
            ("base of a head", lambda: load_retriever(good / "head.pt", base_model=str(path))),
            (
                "embeddings",
                lambda: _command("embeddings", "--checkpoint", good / "head.pt", "--base-model", path, *retriever),
            ),
        ],
        "chain": [
            ("load_retriever", lambda: load_retriever(path)),
            ("load_encoder", lambda: load_encoder(str(path))),
            ("embeddings", lambda: _command("embeddings", "--checkpoint", path, *retriever)),
        ],
        "speech": [("classifier", lambda: build_emotion_classifier(architecture, pretrained=True))],
        "features": [("map", lambda: _command("map", path, *features))],
        "pairs": [
            (
                "embeddings",
                lambda: _command("embeddings", "--checkpoint", good / "best_model.pt", "--data", path, *features),
            )
        ],
        "config": [
            ("latents", lambda: _command("latents", "--config", path, "--checkpoint", good / "best_model.pt")),
        ],
    }
    return kinds[kind]


class _RefusedError(Exception):
    """A command ended with an id."""


def _knock(door: Callable[[], object]) -> str:
    """The id of the refusal; empty where the door opened; the exception where it is none of ours."""
    from latentscape.errors import LatentscapeError

    try:
        door()
    except LatentscapeError as error:
        return error.fault
    except _RefusedError as refused:
        return str(refused)
    except BaseException as error:  # noqa: BLE001  whatever comes is told
        return f"{type(error).__name__}: {error}"[:300]
    return ""


def _command(*words: object) -> None:
    """The real command in this process. Raises _RefusedError with the id it ended with."""
    from latentscape.cli import main

    err, out = io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO())
    code: object = 0
    with redirect_stderr(err), redirect_stdout(out), suppress(ValueError):
        try:
            main([str(word) for word in words])
        except SystemExit as ended:
            code = ended.code
        err.flush()
    said = err.buffer.getvalue().decode("utf-8", "replace")  # pyright: ignore[reportAttributeAccessIssue]
    if code:
        _, _, rest = said.rpartition("error[")
        raise _RefusedError(
            rest.partition("]")[0] if rest and "Traceback" not in said else f"exit {code}: {said[-300:]}"
        )


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
