"""A finished run folder of either study -> its snapshot."""

from pathlib import Path

from latentscape.errors import DataError
from latentscape.run_reader import open_run
from latentscape.snapshots.classifier_reading import read_classifier
from latentscape.snapshots.retriever_reading import read_retriever
from latentscape.snapshots.values import Snapshot


def read_snapshot(folder: Path) -> Snapshot:
    """What a finished run of either study keeps of its checkpoint.

    Raises:
        DataError: it is no finished run of ours, another study's, of an earlier version, or damaged.
        SafetyError: a file in it would have to run code.
        ResourceError: its features do not fit in memory.
    """
    run = open_run(folder)
    if run.study == "latents":
        return read_classifier(run)
    if run.study == "embeddings":
        return read_retriever(run)
    raise DataError(
        f"`{folder}` has no checkpoint that could be compared", got=f"a run of `{run.study}`"[:200],
        expected="a run of `latents` or `embeddings`", hint="give the folders that `--output` of these studies named",
        fault="runs-unmatched",
    )  # fmt: skip
