"""Words -> settings -> conductor. Nothing heavy is imported before a command runs."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, get_args

from cyclopts import App, CoercionError, Parameter

from latentscape.cli_train import train
from latentscape.errors import UsageError
from latentscape.lock import refuse_busy
from latentscape.process import prepare_process, run_command
from latentscape.progress import make_visible
from latentscape.settings import (
    CompareSettings,
    Device,
    EmbeddingsSettings,
    EmotionConfig,
    LatentsSettings,
    MapSettings,
    check_configs,
    load_config,
    run_folder,
)
from latentscape.talk import TALK, AsJson, Talk, TalkOptions, print_json

FLAT = Parameter(name="*")

app = App(
    name="latentscape",
    help="See what a trained model learned: maps you can trust, numbers you can defend.",
    help_epilogue="Example: `latentscape demo` trains two small models and shows what they learned.",
    config=lambda _app, _words, options: _refuse_fractions(options),
    default_parameter=Parameter(negative=(), show_default=lambda default: _spell_default(default)),
    suppress_keyboard_interrupt=False,  # `process` has a word to say
)
app.command(train)


MAP_DEFAULTS = MapSettings()
COMPARE_DEFAULTS = CompareSettings()
ExportFormat = Literal["tensorboard", "embedding-atlas", "parquet", "csv"]


@app.command
def latents(
    settings: Annotated[LatentsSettings | None, FLAT] = None,
    *,
    list_layers: bool = False,
    as_json: AsJson = False,
    talk: TalkOptions = TALK,
) -> None:
    """What did this classifier learn? Its layers on held-out samples: speech, text or pictures.

    Examples: latentscape latents --model my-vit/ --data photos/; latentscape latents --model my_code:build --checkpoint
    last.ckpt --data test.csv; latentscape latents --config configs/emotion.yml --checkpoint checkpoint.pt

    Parameters
    ----------
    list_layers
        Print the names that `--layers` takes, and stop.
    as_json
        Print the scores (with `--list-layers` the layers) as JSON on stdout and nothing else.
    """
    settings = settings or LatentsSettings()
    settings.require_sources()
    config = load_config(settings.config, EmotionConfig) if settings.config else None  # before torch is there
    output = settings.output or (run_folder(config) if config else None)
    if output:
        refuse_busy(output)
    from latentscape import latents_study as conductor  # noqa: PLC0415  torch takes seconds that `--help` should not pay
    from latentscape.pages.terminal import summarize_latents  # noqa: PLC0415
    from latentscape.study import require_enough  # noqa: PLC0415

    if list_layers:
        return _print_layers(conductor.list_layers(settings), as_json=as_json)
    study = conductor.study_latents(settings, progress=talk.progress)
    _report(study.scores, summarize_latents(study.findings), folder=study.folder, as_json=as_json, talk=talk)
    return require_enough(study.findings.accounting, settings.max_failed)


@app.command
def embeddings(
    settings: Annotated[EmbeddingsSettings | None, FLAT] = None,
    *,
    list_layers: bool = False,
    as_json: AsJson = False,
    talk: TalkOptions = TALK,
) -> None:
    """What did this text retriever learn? Its queries, right documents and hard negatives.

    Examples: latentscape embeddings --checkpoint best_model.pt --data pairs.json --output visualizations/;
    latentscape embeddings --model all-MiniLM-L6-v2/ --data scifact/; latentscape embeddings --vectors vectors.npz

    Parameters
    ----------
    list_layers
        Print the names that `--layers` takes, and stop.
    as_json
        Print the scores (with `--list-layers` the layers) as JSON on stdout and nothing else.
    """
    settings = settings or EmbeddingsSettings()
    settings.require_sources()
    check_configs(settings)
    refuse_busy(settings.output)
    from latentscape import embeddings_study as conductor  # noqa: PLC0415  as above
    from latentscape.pages.terminal import summarize_embeddings  # noqa: PLC0415
    from latentscape.study import require_enough  # noqa: PLC0415

    if list_layers:
        return _print_layers(conductor.list_layers(settings), as_json=as_json)
    study = conductor.study_embeddings(settings, progress=talk.progress)
    _report(study.scores, summarize_embeddings(study.findings), folder=study.folder, as_json=as_json, talk=talk)
    return require_enough(study.findings.accounting, settings.max_failed)


@app.command(name="map")
def map_(
    features: Path,
    /,
    settings: Annotated[MapSettings, FLAT] = MAP_DEFAULTS,
    *,
    as_json: AsJson = False,
    talk: TalkOptions = TALK,
) -> None:
    """What is in these features? Maps of a matrix you bring, with how far to trust them; no model needed.

    Example: latentscape map features.npy --labels labels.txt

    Parameters
    ----------
    features
        One row of numbers a sample: .npy, .npz, Parquet (a column of lists, or columns of floats), .safetensors, CSV.
    as_json
        Print the scores as JSON on stdout and nothing else.
    """
    from latentscape import feature_maps as conductor  # noqa: PLC0415  as above

    made = conductor.study_features(features, settings, progress=talk.progress)
    from latentscape.pages.terminal import summarize_map  # noqa: PLC0415  brings matplotlib, not for a run that fails

    return _report(made.scores, summarize_map(made.findings, made.folder), as_json=as_json, talk=talk)


@app.command
def compare(
    *runs: Path,
    checkpoint: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
    settings: Annotated[CompareSettings, FLAT] = COMPARE_DEFAULTS,
    as_json: AsJson = False,
    talk: TalkOptions = TALK,
) -> None:
    """What changed between checkpoints, and is it real? One frame for all, and what moved among its neighbors.

    Examples: latentscape compare runs/epoch_1 runs/epoch_5; latentscape compare --checkpoint epoch_1.pt best_model.pt
    --data pairs.json; latentscape compare baseline/ candidate/ --fail-if "accuracy_delta<-0.01"

    Parameters
    ----------
    runs
        Finished run folders of one study, in their order.
    checkpoint
        Checkpoints instead of run folders: A.pt B.pt C.pt. With `--config` those of a speech classifier, with `--data`
        those of a retriever; each goes through the data once, and its run folder is kept in `runs/` of the output.
        Models that a study takes by `--model` are studied one by one first, then their run folders are compared.
    as_json
        Print the scores as JSON on stdout and nothing else.
    """
    settings.require_models(n_runs=len(runs), n_checkpoints=len(checkpoint))
    check_configs(settings)
    refuse_busy(settings.output)
    from latentscape import compare as conductor  # noqa: PLC0415  as above
    from latentscape.check import check_run, require_passed  # noqa: PLC0415
    from latentscape.pages.comparison_terminal import summarize_comparison  # noqa: PLC0415
    from latentscape.pages.terminal_checks import tell_checks  # noqa: PLC0415

    study = conductor.study_comparison(runs, checkpoints=checkpoint, settings=settings, progress=talk.progress)
    _report(study.scores, summarize_comparison(study.findings), folder=study.folder, as_json=as_json, talk=talk)
    if settings.fail_if:
        checked = check_run(study.folder, fail_if=settings.fail_if)
        talk.progress.say(make_visible(tell_checks(checked)))
        require_passed(checked)


@app.command(name="open")
def open_(
    run: Path,
    /,
    *,
    port: int = 0,
    audio_root: tuple[str, ...] = (),
    no_browser: bool = False,
    talk: TalkOptions = TALK,
) -> None:
    """Look into a run: its explorer at an address of this machine, for one person, until Ctrl-C.

    Example: latentscape open visualizations/ --audio-root data/ravdess

    Parameters
    ----------
    run
        The run folder of a study; one that is still written is shown as soon as it is finished.
    port
        The port; 0 takes any free one.
    audio_root
        A folder below which clips and pictures may be played and shown, or NAME=FOLDER for the data set of that name;
        may be given several times. Without it nothing is played.
    no_browser
        Print the address only.
    """
    from latentscape.server import serve_run  # noqa: PLC0415  as above

    def announce(address: str) -> None:
        print(address, flush=True)  # noqa: T201

    serve_run(
        run, announce=announce, port=port, audio_roots=audio_root, opens_browser=not no_browser, progress=talk.progress
    )


@app.command
def check(
    run: Path,
    /,
    *,
    policy: Path | None = None,
    fail_if: tuple[str, ...] = (),
    junit: Path | None = None,
    as_json: AsJson = False,
    talk: TalkOptions = TALK,
) -> None:
    """Is this run good enough? Holds its scores against thresholds; exits with 1 if a line fails.

    Example: latentscape check visualizations/ --fail-if "margin_hard<0.15"

    Parameters
    ----------
    run
        The run folder of a study.
    policy
        A YAML file of score names and thresholds that must hold; without it, and without `--fail-if`, the published
        readiness checklist of a retriever.
    fail_if
        A condition that must not hold, such as "accuracy<0.6"; may be given several times.
    junit
        Write the lines as JUnit XML to this file.
    as_json
        Print the lines as JSON on stdout and nothing else.
    """
    from latentscape.check import check_run, require_passed, write_junit  # noqa: PLC0415  as above
    from latentscape.pages.terminal_checks import tell_checks  # noqa: PLC0415

    checked = check_run(run, policy=policy, fail_if=fail_if)
    if junit:
        write_junit(checked, junit)
    if as_json:
        print_json([asdict(line) for line in checked.lines])
    else:
        print(make_visible(tell_checks(checked)))  # noqa: T201
    require_passed(checked)


@app.command
def export(run: Path, /, *, to: ExportFormat, output: Path, layer: str | None = None, talk: TalkOptions = TALK) -> None:
    """Take a finished run to another program: features to TensorBoard, maps to Embedding Atlas, the table to any.

    Examples: latentscape export visualizations/ --to embedding-atlas --output rental.parquet;
    latentscape export runs/emotion --to tensorboard --output projector/

    Parameters
    ----------
    run
        The run folder of a study; it stays as it is.
    to
        tensorboard: a folder for its projector, a tensor a layer; embedding-atlas: Parquet with places and neighbors;
        parquet, csv: one row a sample, each cell one value.
    output
        The folder (tensorboard) or file to write. Nothing that is there is written over.
    layer
        Only this layer; without it all, the one that most is asked of first.
    """
    from latentscape.exports import export_run  # noqa: PLC0415  as above

    done = export_run(run, to=to, output=output, layer=layer, progress=talk.progress)
    print(make_visible(f"{done.n_samples:,} samples: {done.path}"))  # noqa: T201
    if done.command:
        talk.progress.say(make_visible(f"open it: {done.command}"))


@app.command
def demo(
    *, output: Path = Path("demo-output"), seed: int = 42, device: Device = "auto", talk: TalkOptions = TALK
) -> None:
    """Write sample data, train two small models on it, and show what they learned.

    Example: latentscape demo --output demo-output

    Parameters
    ----------
    output
        The folder everything is written to.
    seed
        Every random draw follows from it.
    device
        Where to compute.
    """
    from latentscape.demo.run import run_demo  # noqa: PLC0415  as above

    print(run_demo(output, seed=seed, device=device, progress=talk.progress))  # noqa: T201


@app.command
def doctor(*, as_json: AsJson = False, talk: TalkOptions = TALK) -> None:
    """Versions, devices, fonts, optional extras, and libraries too old to be safe. Exits with 1 if any must be mended.

    Example: latentscape doctor

    Parameters
    ----------
    as_json
        Print what was found as JSON on stdout and nothing else.
    """
    from latentscape.doctor import examine_installation, require_safe_installation  # noqa: PLC0415  as above

    checks = examine_installation()
    if as_json:
        print_json({check.name: check.found for check in checks})
    else:
        print("\n".join(f"{'!' if check.problem else ' '} {check.name:<22}{check.found}" for check in checks))  # noqa: T201
    require_safe_installation(checks)


def main(words: Sequence[str] | None = None) -> NoReturn:
    """Run the command and exit with the code that design and docs promise."""
    words = list(sys.argv[1:] if words is None else words)
    prepare_process()
    sys.exit(run_command(lambda: _run(words), debug="--debug" in words))


def _run(words: Sequence[str]) -> None:
    for before, word in zip(["", *words], words, strict=False):
        if not word or (word.startswith("--") and word.endswith("=")):  # an empty path would mean the current folder
            where = f"`{word or before}` is followed by nothing" if word or before else "the first word is empty"
            raise UsageError(where, hint="is a variable of your script empty?")
    app(words, exit_on_error=False, print_error=False, result_action="return_value")


def _refuse_fractions(options: Iterable[Any]) -> None:
    """Raise where a whole number is asked for and another is given: else it would be rounded, and nobody told."""
    for option in options:
        takes = get_args(option.hint) or (option.hint,)
        for token in option.tokens if int in takes and float not in takes else ():
            try:
                is_whole = "." not in token.value or float(token.value).is_integer()
            except ValueError:  # no number at all, which is told where it is read
                is_whole = True
            if not is_whole:
                raise CoercionError(token=token, target_type=int, argument=option)


def _report(scores: Mapping[str, Any], summary: str, *, as_json: bool, talk: Talk, folder: Path | None = None) -> None:
    from latentscape.store import flatten_scores  # noqa: PLC0415  NumPy and pyarrow, not for `--help`

    if as_json:
        return print_json(flatten_scores(scores))
    print(make_visible(summary))  # noqa: T201
    for name in ("explorer", "report") if folder else ():
        talk.progress.say(f"{name}: {folder}/{name}.html")
    return None


def _spell_default(default: Any) -> Any:
    """A default as a user would type it; none where nothing is the default."""
    return ",".join(default) if isinstance(default, tuple) and default else default or None


def _print_layers(layers: Sequence[Any], *, as_json: bool) -> None:
    if as_json:
        names = {"name": "name", "kind": "type", "shape": "shape", "n_calls": "calls"}
        return print_json([{name: getattr(layer, field) for field, name in names.items()} for layer in layers])
    from latentscape.pages.terminal_layers import tell_layers  # noqa: PLC0415  as above

    return print(make_visible(tell_layers(layers)))  # noqa: T201
