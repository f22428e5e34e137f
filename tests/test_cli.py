"""The command line as a person meets it: help, exit codes, what goes to which stream, and how a command ends."""

import errno
import json
import os
import runpy
import signal
import subprocess
import sys
import time

import pytest

from latentscape import doctor, errors
from latentscape.cli import main
from latentscape.faults import FAULTS

COMMANDS = [
    [],
    ["latents"],
    ["embeddings"],
    ["map"],
    ["train"],
    ["train", "emotion"],
    ["train", "retriever"],
    ["demo"],
    ["open"],
    ["export"],
    ["doctor"],
]
PROMISED = {
    errors.GateError: 1,
    errors.UsageError: 2,
    errors.DataError: 3,
    errors.ModelError: 4,
    errors.SafetyError: 5,
    errors.ResourceError: 6,
    errors.BusyError: 7,
    errors.TooManyFailuresError: 8,
}


# -- words -> one command, or a hint --------------------------------------------------------------------------------


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_tells_what_a_command_does_and_shows_an_example(command, run_command):
    code, out, err = run_command(*command, "--help")
    assert (code, err) == (0, "")
    assert "Example" in out or command == ["train"]
    assert "Usage: latentscape" in out


def test_no_words_show_the_help_and_the_version_is_a_version(run_command):
    assert run_command()[:2] == run_command("--help")[:2]
    assert run_command("--version")[1].strip()[0].isdigit()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("latnts", '"latents"'),
        ("train emoton --config x", '"emotion"'),
        ("embeddings", "--checkpoint"),
        ("embeddings --checkpoint x", "--data"),
        ("embeddings --checkpont x --data y", "Did you mean --checkpoint?"),
        ("embeddings --checkpoint x --data y --skip-umpa", "--skip-umap"),
        ("embeddings --checkpoint x --data y z", "'z'"),
        ("embeddings --checkpoint x --data y --device gpu", '"cuda"'),
        ("embeddings --checkpoint x --data y --max-samples many", "--max-samples"),
        ("embeddings --checkpoint x --data y --max-samples -1", "--max-samples"),
        ("embeddings --checkpoint x --data y --batch-size 0", "--batch-size"),
        ("embeddings --checkpoint x --data y --seed 5000000000", "--seed"),
        ("embeddings --checkpoint x --data y --output=", "--output"),
        ("latents", "--config"),
        ("latents --config c --layers ,", "--list-layers"),
        ("latents --config c --allow-mising x", "--allow-missing"),
        ("map", "FEATURES"),
        ("map f.npy more", "more"),
        ("map f.npy --workers 2.5", "--workers"),
        ("latents --config c --gpus-per-worker 2.5", "--gpus-per-worker"),
        ("map f.npy --lables x", "--labels"),
        ("map f.npy --method tsen", "did you mean `tsne`"),
        ("map f.npy --method ,", "--method"),
        ("map f.npy --metric manhattan", '"euclidean"'),
        ("map f.npy --perplexity 0.5", "--perplexity"),
        ("map f.npy --perplexity nan", "--perplexity"),
        ("map f.npy --perplexity inf", "--perplexity"),
        ("map f.npy --n-neighbors 1", "--n-neighbors"),
        ("map f.npy --min-dist 2", "--min-dist"),
        ("map f.npy --quality good", '"best"'),
        ("map f.npy --start random", '"spectral"'),
        ("map f.npy --time-budget 0", "--time-budget"),
        ("map f.npy --max-samples -1", "--max-samples"),
        ("map f.npy --seed x", "--seed"),
        ("map f.npy --output=", "--output"),
        ("train retriever", "--config"),
        ("demo --sede 3", "--seed"),
    ],
)
def test_wrong_words_end_with_2_and_the_nearest_right_one(words, told, run_command):
    code, out, err = run_command(*words.split())
    assert (code, out) == (2, "")
    assert told in err
    assert "hint:" in err or "expected:" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("option", ["--output", "--checkpoint", "--data", "--base-model", "--weights"])
def test_an_empty_value_is_no_current_folder(option, run_command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = run_command("embeddings", "--checkpoint", "x", "--data", "y", option, "")
    assert code == 2
    assert f"`{option}` is followed by nothing" in err
    assert not list(tmp_path.iterdir())


# -- how a command ends ---------------------------------------------------------------------------------------------


@pytest.fixture
def end_with(monkeypatch, run_command):
    """A function that runs `doctor` with an examination that raises."""

    def run(error, *words):
        def fail():
            raise error

        monkeypatch.setattr(doctor, "examine_installation", fail)
        return run_command("doctor", *words)

    return run


@pytest.mark.parametrize("kind", PROMISED)
def test_every_kind_of_error_has_its_exit_code(kind, end_with):
    code, out, err = end_with(kind("it broke", got="this", expected="that", hint="do so"))
    assert (code, out) == (PROMISED[kind], "")
    assert kind.fault in FAULTS
    assert err == f"error[{kind.fault}]: it broke\n  got: this\n  expected: that\n\nhint: do so\n"


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (KeyboardInterrupt(), 130, "interrupted; the same command goes on from what is finished, or begins anew"),
        (MemoryError("1 TB"), 6, "--batch-size"),
        (OSError(errno.ENOSPC, "No space left on device"), 6, "No space left"),
        (RuntimeError("oh"), 9, "a bug in latentscape: RuntimeError: oh"),
        (OSError(errno.EIO, "oh"), 9, "a bug in latentscape"),
    ],
)
def test_what_nobody_foresaw_still_ends_in_words(error, code, told, end_with):
    found, out, err = end_with(error)
    assert (found, out) == (code, "")
    assert told in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("error", "code"), [(errors.DataError("bad"), 3), (RuntimeError("bad"), 9)])
def test_a_traceback_is_shown_to_those_who_ask(error, code, end_with):
    found, _, err = end_with(error, "--debug")
    assert found == code
    assert "Traceback" in err
    assert err.index("Traceback") < err.index("error[")


def test_a_name_can_not_speak_to_the_terminal(run_command):
    code, _, err = run_command("latents", "--config", "\x1b[31mred\x9b\u202e.yml")
    assert code == 2
    assert r"\x1b[31mred\x9b\u202e.yml" in err
    assert "\x1b" not in err


# -- the doctor -----------------------------------------------------------------------------------------------------


def with_version(monkeypatch, package, version):
    real = doctor._installed
    monkeypatch.setattr(doctor, "_installed", lambda name: version if name == package else real(name))


def test_the_doctor_is_content_here(run_command):
    code, out, err = run_command("doctor")
    assert (code, err) == (0, "")
    assert "torch" in out
    code, out, err = run_command("doctor", "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["python"]


@pytest.mark.parametrize(
    ("package", "version", "told"),
    [
        ("torch", "2.9.1", "2.10"),
        ("transformers", "5.2.0", "5.2.1"),
        ("sentence-transformers", "5.9", "6.0"),
        ("pyarrow", "14.0.0", "14.0.1"),
        ("numba", "", "needed"),
    ],
)
def test_the_doctor_names_what_is_unsafe_or_missing_and_ends_with_1(monkeypatch, run_command, package, version, told):
    with_version(monkeypatch, package, version)
    code, out, err = run_command("doctor", "--json")
    assert code == 1
    assert json.loads(out)[package] == (version or "missing")
    assert package in err
    assert told in err
    assert "hint:" in err


@pytest.mark.parametrize("version", ["2.10", "2.10.0+cpu", "2.13.0", "10.0"])
def test_versions_are_compared_as_numbers(monkeypatch, run_command, version):
    with_version(monkeypatch, "torch", version)
    assert run_command("doctor")[0] == 0


# -- the streams ----------------------------------------------------------------------------------------------------

QUICK = ["--skip-umap", "--skip-tsne", "--max-samples", "6", "--layers", "mlp"]


@pytest.mark.slow
def test_json_is_all_there_is_on_stdout_and_quiet_leaves_stderr_empty(finished_speech, tmp_path, run_command):
    words = ["latents", "--config", finished_speech.config, "--output", tmp_path / "run", *QUICK, "--json"]
    code, out, err = run_command(*words)
    assert code == 0
    assert json.loads(out) == json.loads((tmp_path / "run" / "scores.json").read_text())
    assert "features" in err
    assert run_command(*words, "--quiet") == (0, out, "")


def test_the_layers_are_listed_for_people_and_as_json(finished_speech, run_command):
    words = ["latents", "--config", finished_speech.config, "--list-layers"]
    code, out, err = run_command(*words)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].startswith("cnn ")
    listed = json.loads(run_command(*words, "--json")[1])
    assert [layer["name"] for layer in listed] == [line.split()[0] for line in out.splitlines()]
    known = {"name": "encoder.feature_extractor", "type": "HubertFeatureEncoder"}
    assert {**known, "shape": "", "calls": None} in listed


def test_quiet_does_not_silence_what_went_wrong(tmp_path, run_command):
    code, out, err = run_command("latents", "--config", tmp_path / "none.yml", "--quiet", "--json")
    assert (code, out) == (2, "")
    assert "none.yml" in err


def test_a_wrong_config_is_told_before_anything_heavy_is_imported(tmp_path):
    (tmp_path / "c.yml").write_text("data: {datasets: []}\nmodle: {}\n")
    for words in (["latents"], ["train", "emotion"], ["train", "retriever"]):
        ended = child(f"from latentscape.cli import main; main({[*words, '--config', str(tmp_path / 'c.yml')]})", HEAVY)
        assert ended.returncode == 2, words
        assert "problems in" in ended.stderr
        assert "LOADED []" in ended.stdout


HEAVY = "import atexit; atexit.register(lambda: print('LOADED', sorted({'torch', 'transformers'} & set(sys.modules))))"
STUB = """
import time
from latentscape import doctor
from latentscape.cli import main
from latentscape.progress import Terminal
def examine():
    {body}
    return [doctor.Check(name="word", found="x" * 100)] * {lines}
doctor.examine_installation = examine
main(["doctor"])
"""


def start(code, *before, **options):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    script = "\n".join(["import sys", *before, code])
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen([sys.executable, "-c", script], env=environment, text=True, **streams)


def child(code, *before, **options):
    """Run Python code to its end, with stdout buffered as a shell's pipe has it."""
    process = start(code, *before, **options)
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def end_reader(code, stream):
    """Run the code with nobody at the other end of one of its streams."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return child(code, **{stream: writer})
    finally:
        os.close(writer)


@pytest.mark.parametrize("lines", [1, 2000])
def test_a_reader_who_has_seen_enough_is_no_failure(lines):
    ended = end_reader(STUB.format(body="pass", lines=lines), "stdout")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_nor_is_one_who_leaves_the_help():
    ended = end_reader("from latentscape.cli import main; main(['latents', '--help'])", "stdout")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_work_goes_on_when_nobody_reads_its_progress():
    body = "[Terminal().say('word') for _ in Terminal().track(range(3), label='x', total=3)]"
    ended = end_reader(STUB.format(body=body, lines=1), "stderr")
    assert ended.returncode == 0
    assert "word" in ended.stdout


def test_an_error_nobody_reads_keeps_its_exit_code():
    assert end_reader("from latentscape.cli import main; main(['nope'])", "stderr").returncode == 2


@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2)])
def test_closed_streams_are_no_failure(closed):
    shut = "import os; " + "; ".join(f"os.close({number})" for number in closed)
    code = f"{shut}; os.execv(sys.executable, [sys.executable, '-c', {STUB.format(body='pass', lines=1)!r}])"
    ended = child(code)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ("word" in ended.stdout) == (1 not in closed)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")  # noqa: PTH110
def test_a_full_disk_under_stdout_ends_with_6():
    with open("/dev/full", "w") as full:  # noqa: PTH123
        ended = child(STUB.format(body="pass", lines=1), stdout=full)
    assert ended.returncode == 6
    assert "No space left" in ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interr")]
)
def test_signals_end_with_their_code_and_a_word(number, code, word):
    body = "print('ready', flush=True); time.sleep(60)"
    process = start(STUB.format(body=body, lines=1), "import signal", "signal.signal(2, signal.default_int_handler)")
    assert process.stdout.readline() == "ready\n"
    started = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert time.monotonic() - started < 10
    assert process.returncode == code
    assert word in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        (["/usr/bin/latentscape", "map", "my rows.npz"], "latentscape map 'my rows.npz'"),
        (["/x/latentscape/__main__.py", "doctor"], "python -m latentscape doctor"),
        (["visualize_latents.py", "--config", "a.yml"], "python visualize_latents.py --config a.yml"),
    ],
)
def test_an_interrupted_command_can_be_copied_from_the_terminal(typed, again, end_with, monkeypatch):
    monkeypatch.setattr(sys, "argv", typed)
    assert end_with(KeyboardInterrupt())[2].endswith(f"\n\n    {again}\n")


# -- the original commands ------------------------------------------------------------------------------------------


def run_script(monkeypatch, path, *words):
    monkeypatch.setattr(sys, "argv", [str(path), *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(path), run_name="__main__")
    return ended.value.code


@pytest.mark.slow
def test_visualize_latents_needs_the_config_only(root, speech_run, monkeypatch):
    words = ["--config", speech_run.config, *QUICK]
    assert run_script(monkeypatch, root / "visualize_latents.py", *words) == 0
    run = speech_run.checkpoint.parent
    assert (run / "confusion_vs_distance.png").exists()
    model = json.loads((run / "manifest.json").read_text())["model"]
    assert model["checkpoint"] == "checkpoint.pt"
    assert model["trained"]["epoch"] == 7


@pytest.mark.slow
def test_visualize_embeddings_takes_the_original_options(root, finished_rental, tmp_path, monkeypatch):
    words = ["--checkpoint", finished_rental.checkpoint, "--data", finished_rental.pairs, "--output", tmp_path / "viz/"]
    words += ["--max-samples", "5", "--batch-size", "4", "--device", "cpu", "--skip-umap", "--skip-tsne"]
    assert run_script(monkeypatch, root / "visualize_embeddings.py", *words) == 0
    settings = json.loads((tmp_path / "viz" / "manifest.json").read_text())["settings"]
    assert (settings["max_samples"], settings["batch_size"], settings["device"]) == (5, 4, "cpu")
    assert (tmp_path / "viz" / "similarity_heatmap.png").exists()


@pytest.mark.parametrize("script", ["visualize_latents.py", "visualize_embeddings.py"])
def test_the_original_commands_explain_themselves(root, script, monkeypatch, capsys):
    assert run_script(monkeypatch, root / script, "--help") == 0
    assert "Usage: latentscape" in capsys.readouterr().out


def test_main_reads_the_words_typed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["latentscape", "--version"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out
