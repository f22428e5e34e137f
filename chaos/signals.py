"""Ctrl-C and SIGTERM at any moment: the batch under way is kept, the exit code says why, and nobody is left behind."""

import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from chaos.diary import count_redone, find_lost, read_diary
from chaos.kills import Reference, compare_files, list_files, look_inside, make_order, make_reference, read_end
from chaos.nursery import MARK, ROOT, Blow, Death, Nursery, find_living
from chaos.order import BATCH, SAMPLES, Order
from chaos.outcome import Outcome
from latentscape.run_reader import MANIFEST

FIRST, SECOND, REAL, ORPHANS = 100, 20, 12, 4
FEW_SAMPLES = 3000
CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}
STALL = 20.0
"""Seconds that one batch takes where a second signal is to cut it short."""
AT_ONCE = 1.0
Wrong = dict[str, list[str]]


def run(folder: Path, *, scale: float = 1.0, seed: int = 0) -> list[Outcome]:
    """At scale 1: 100 single signals, 20 double ones, 12 on a real study, and 4 on a process with a compiling child."""
    samples = SAMPLES if scale >= 1 else FEW_SAMPLES
    folder.mkdir(parents=True, exist_ok=True)

    def share(at: int) -> list[Outcome]:
        part = folder / f"signals-{at}"
        with Nursery() as nursery:
            if at:
                return [
                    *_stop_real_study(nursery, part / "real", _count(REAL, scale), rng=random.Random(seed)),
                    _strike_twice(nursery, part / "twice", _count(SECOND, scale), seed=seed),
                    _kill_parents(part / "orphans", _count(ORPHANS, scale)),
                ]
            return _strike_once(nursery, part, _count(FIRST, scale), samples=samples, rng=random.Random(seed))

    with ThreadPoolExecutor(2) as pool:
        outcomes = [outcome for shared in pool.map(share, range(2)) for outcome in shared]
    for at in range(2):
        shutil.rmtree(folder / f"signals-{at}")
    return outcomes


def _count(wanted: int, scale: float) -> int:
    return max(2, round(wanted * scale))


def _strike_once(nursery: Nursery, folder: Path, n_trials: int, *, samples: int, rng: random.Random) -> list[Outcome]:
    """One signal at a random moment, then the same command again."""
    reference = make_reference(nursery, folder / "reference", samples=samples)
    wrong: Wrong = {"codes": [], "redone": [], "bytes": []}
    slowest, n_struck, number, worst = 0.0, 0, 0, 0
    while n_struck < n_trials and number < 3 * n_trials:
        place, number = folder / f"once-{number}", number + 1
        blow = Blow(after=rng.uniform(0, 0.95 * reference.seconds), signum=rng.choice([*CODES]))
        order = make_order(place, samples=samples)
        death = nursery.live(order, [blow])
        story = f"{signal.Signals(blow.signum).name} after {blow.after:.3f} s"
        n_struck += death.struck
        slowest = max(slowest, death.after_blow if death.struck else 0)
        wrong["codes"] += [f"{story}: {each}" for each in _judge_end(death, blow.signum, order)]
        wrong["bytes"] += [f"{story}: {each}" for each in _go_on(nursery, order, reference)]
        lives = read_diary(Path(order.diary))
        redone = max(count_redone(lives), default=0)
        worst = max(worst, redone)
        wrong["redone"] += [f"{story}: {redone} samples read twice"] * (redone > BATCH)
        wrong["redone"] += [f"{story}: {lost}" for lost in find_lost(lives)]
        shutil.rmtree(place)
    return [
        Outcome(name="One SIGINT or SIGTERM", promise="exit code 130 or 143, no error, and no process is left",
                tried=n_struck, wrong=wrong["codes"], note=f"slowest end {slowest:.2f} s after the signal"),
        Outcome(name="One SIGINT or SIGTERM: what was read", promise="at most the batch under way is read again",
                tried=n_struck, wrong=wrong["redone"], note=f"most: {worst} samples"),
        Outcome(name="One SIGINT or SIGTERM: bytes", promise="the same again ends with the bytes of an undisturbed run",
                tried=n_struck, wrong=wrong["bytes"]),
    ]  # fmt: skip


def _judge_end(death: Death, signum: int, order: Order) -> list[str]:
    """What is wrong with how a life ended after a signal."""
    said, wrong = read_end(order), []
    if (
        death.struck
        and death.code != CODES[signal.Signals(signum)]
        and not (death.code == 0 and (Path(order.folder) / MANIFEST).exists())
    ):
        wrong.append(f"exit code {death.code}: {said}")
    if death.hung or death.left:
        wrong.append(f"hung: {death.hung}; left: {death.left}")
    if "error[" in said:
        wrong.append(said)
    return wrong


def _go_on(nursery: Nursery, order: Order, reference: Reference) -> list[str]:
    """The same again: what is wrong with what comes out."""
    problem = look_inside(Path(order.folder))
    death = nursery.live(replace(order, stall=()))
    if death.code:
        return [f"the resume ended with {death.code}: {read_end(order)}"]
    differences = compare_files(reference.files, list_files(Path(order.folder)))
    return [each for each in (problem, differences) if each]


def _strike_twice(nursery: Nursery, folder: Path, n_trials: int, *, seed: int) -> Outcome:
    """A batch takes for ever; the first signal waits for it, the second one does not."""
    rng, wrong, slowest, n_struck = random.Random(seed + 1), [], 0.0, 0
    reference = make_reference(nursery, folder / "reference", samples=FEW_SAMPLES)
    n_passes = FEW_SAMPLES // BATCH
    for number in range(n_trials):
        place = folder / str(number)
        order = make_order(place, samples=FEW_SAMPLES, stall=(rng.randint(20, n_passes), STALL))
        first, second = rng.choice([*CODES]), rng.choice([*CODES])
        # Before the first was heard the system may hold a second one of its kind back, or hand another to a thread
        # that does not wait: the main one then sleeps on until its call ends. No person is that fast.
        pause = rng.uniform(0.25, 0.5)
        # Long enough for the slow batch to be under way.
        blows = [Blow(after=reference.seconds + 0.5, signum=first), Blow(after=pause, signum=second)]
        death = nursery.live(order, blows)
        n_struck += death.struck == 2
        slowest = max(slowest, death.after_blow)
        story = f"{signal.Signals(first).name}, {signal.Signals(second).name} {pause:.3f} s later"
        if death.after_blow > AT_ONCE:
            wrong.append(f"{story}: it lived {death.after_blow:.1f} s more")
        if death.code not in {*CODES.values(), -first, -second} or death.left or death.struck < 2:
            wrong.append(f"{story}: ended with {death.code} after {death.struck}, left {death.left}: {read_end(order)}")
        wrong += [f"{story}: {each}" for each in _go_on(nursery, order, reference)]
    return Outcome(
        name="A second SIGINT or SIGTERM during a batch that takes for ever",
        promise="the end comes within a second, nobody is left, and the same again ends with the same bytes",
        tried=n_struck,
        wrong=wrong,
        note=f"slowest end {slowest:.2f} s after the second signal",
    )


def _stop_real_study(nursery: Nursery, folder: Path, n_trials: int, *, rng: random.Random) -> list[Outcome]:
    """`latentscape latents` on a tiny model, killed or asked to stop, and started again until it is done."""
    config = write_speech_study(folder)
    words = ["latents", "--config", str(config), "--layers", "mlp", "--skip-umap", "--quiet"]
    undisturbed = folder / "reference"
    order = replace(make_order(undisturbed, samples=1), words=[*words, "--output", str(undisturbed / "run")])
    death = nursery.live(order)
    if death.code:
        raise AssertionError(f"an undisturbed study ended with {death.code}: {read_end(order)}")
    wanted, seconds, wrong = _list_study(undisturbed / "run"), death.seconds, list[str]()
    stops = n_kills = 0
    while stops < n_trials:
        place = folder / f"stopped-{stops}"
        order = replace(make_order(place, samples=1), words=[*words, "--output", str(place / "run")])
        for _ in range(8):
            signum = rng.choice([signal.SIGKILL, *CODES])
            blows = [Blow(after=seconds * rng.random() ** 2, signum=signum)] if stops < n_trials else []
            death = nursery.live(order, blows)
            stops, n_kills = stops + death.struck, n_kills + (death.code == -signal.SIGKILL)
            problem = look_inside(place / "run", must_be_finished=death.code == 0)
            wrong += [f"{signum.name}: {problem}"] if problem else []
            wrong += [f"{signum.name}: left {death.left}"] if death.left or death.hung else []
            if death.code in CODES.values() and shlex.join(order.words) not in read_end(order):
                wrong.append(f"{signum.name}: the command that goes on is not told: {read_end(order)}")
            if not death.struck or death.code == 0:
                break
            if death.code not in (-signal.SIGKILL, CODES.get(signum)):
                wrong.append(f"{signum.name}: ended with {death.code}: {read_end(order)}")
        else:
            nursery.live(order)
        differences = compare_files(wanted, _list_study(place / "run"))
        wrong += [f"after {stops} stops: {differences}"] if differences else []
    return [
        Outcome(name="`latentscape latents`, killed or stopped, and started again",
                promise="130 or 143 with the command that goes on, or killed; at last every file has the bytes of an "
                "undisturbed study",
                tried=stops, wrong=wrong, note=f"{n_kills} of them by SIGKILL; a whole study takes {seconds:.1f} s"),
    ]  # fmt: skip


def _list_study(folder: Path) -> Mapping[str, str]:
    """Files and checksums; in the manifest no word about where the folder lies, which it names."""
    files = list_files(folder)
    manifest = (folder / MANIFEST).read_text() if MANIFEST in files else ""
    return {**files, MANIFEST: manifest.replace(str(folder), "")}


def write_speech_study(folder: Path) -> Path:
    """A tiny speech collection, an untrained checkpoint, and the config that names both."""
    import torch

    from latentscape.demo.speech_data import write_demo_speech
    from latentscape.models.emotion import EmotionArchitecture, build_emotion_classifier

    folder.mkdir(parents=True)
    ravdess, crema = write_demo_speech(folder / "speech", seed=1, n_speakers=3, takes=1)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    convolutions = {"conv_dim": [24, 24], "conv_kernel": [400, 3], "conv_stride": [160, 2]}
    others = {"feat_extract_norm": "layer", "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_emotion_classifier(
            EmotionArchitecture(encoder_config=sizes | convolutions | others, hidden_dim=16, num_domains=2),
            pretrained=False,
        )
    checkpoint = folder / "runs" / "tiny" / "checkpoint.pt"
    checkpoint.parent.mkdir(parents=True)
    torch.save({"model_state": model.state_dict(), "architecture": model.architecture.to_dict()}, checkpoint)
    config = folder / "config.yml"
    config.write_text(
        "data:\n  datasets:\n"
        f"    - {{class_path: data.ravdess_dataset.RAVDESSDataset, data_dir: {json.dumps(str(ravdess))}}}\n"
        f"    - {{class_path: CREMADataset, data_dir: {json.dumps(str(crema))}}}\n"
        "model: {encoder_name: hubert}\n"
        "training: {val_split: 0.3, batch_size: 16}\n"
        f"logging: {{log_dir: {json.dumps(str(folder / 'runs'))}, run_label: tiny}}\n"
    )
    return config


COMPILING = "from latentscape.engine import preparing_kernels\nimport time\nwith preparing_kernels():\n    {work}"


def _kill_parents(folder: Path, n_trials: int) -> Outcome:
    """A process whose map engine is being compiled beside its work ends in every way; the child must end with it."""
    wrong, slowest = [], 0.0
    for number in range(n_trials):
        signum = [signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT][number % 4]
        cache = folder / str(number)
        cache.mkdir(parents=True)
        mark = {MARK: str(cache)}
        parent = subprocess.Popen(
            [sys.executable, "-c", COMPILING.format(work="time.sleep(60)")],
            cwd=ROOT, env={**os.environ, **mark, "NUMBA_CACHE_DIR": str(cache)}, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        latest = time.monotonic() + 60
        while (
            len(find_living(parent.pid, mark=f"{MARK}={cache}")) < 2
            and time.monotonic() < latest
            and parent.poll() is None
        ):
            time.sleep(0.05)
        had_child = len(find_living(parent.pid, mark=f"{MARK}={cache}")) >= 2
        time.sleep(0.2 * number)
        parent.send_signal(signum)
        parent.wait(10)
        began = time.monotonic()
        while (left := find_living(parent.pid, mark=f"{MARK}={cache}")) and time.monotonic() < began + 5:
            time.sleep(0.01)
        slowest = max(slowest, time.monotonic() - began)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        wrong += [f"{signum.name}: no child was started"] if not had_child else []
        wrong += [f"{signum.name}: it outlived its parent by 5 s: {[*left.values()]}"] if left else []
    return Outcome(
        name="The process dies while its map engine is compiled beside it",
        promise="the compiling process ends within 5 s, whatever ended its parent",
        tried=n_trials,
        wrong=wrong,
        note=f"slowest {slowest:.2f} s",
    )
