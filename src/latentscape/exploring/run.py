"""Which study a run is of, and the one way from it to its exploration."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from latentscape.errors import DataError
from latentscape.exploration import Exploration, Media
from latentscape.exploring.comparison import explore_comparison
from latentscape.exploring.embeddings import explore_embeddings
from latentscape.exploring.feature_map import explore_map
from latentscape.exploring.frames import METHODS, list_maps
from latentscape.exploring.latents import explore_latents
from latentscape.exploring.source import SAMPLES, Source
from latentscape.figures.style import Style
from latentscape.output_folder import THUMBNAILS
from latentscape.run_reader import FinishedRun

if TYPE_CHECKING:
    import pyarrow  # noqa: ICN001  annotations are looked up by the whole name

STUDIES: Mapping[str, Callable[[Source], Exploration]] = {
    "latents": explore_latents,
    "embeddings": explore_embeddings,
    "map": explore_map,
    "comparison": explore_comparison,
}


def explore_run(run: FinishedRun, *, style: Style, media: Media | None = None) -> Exploration:
    """Everything the explorer shows of a finished run of any study.

    Every file it takes is proven by its checksum. What runs of earlier versions do not keep is found again where
    something else that they keep says it, and left out otherwise.

    Raises:
        DataError: a file is damaged or says what no run of ours says, or the run has no maps.
        SafetyError: a file in it would have to run code.
        ResourceError: it does not fit in memory.
    """
    table = run.read_table(SAMPLES, wanted=_is_wanted)
    source = Source(manifest=run.manifest, scores=run.read_scores(), table=table, style=style, run=run)
    return replace(
        _explore(source, run.study, shown=str(run.path), media=media), thumbnails=_read_thumbnails(run, n=source.n)
    )


def _read_thumbnails(run: FinishedRun, *, n: int) -> Mapping[int, bytes]:
    if not run.has(THUMBNAILS):
        return {}
    from latentscape.media.thumbnails import read_thumbnails  # noqa: PLC0415  few runs have pictures

    return read_thumbnails(run, n=n)


def explore_table(
    table: "pyarrow.Table",
    *,
    manifest: Mapping[str, Any],
    scores: Mapping[str, Any],
    style: Style,
    media: Media | None = None,
) -> Exploration:
    """The same from what a study would write: samples.parquet as a table, the manifest, and scores.json."""
    source = Source(manifest=manifest, scores=scores, table=table, style=style)
    return _explore(source, str(manifest.get("study")), shown="these values", media=media)


def _explore(source: Source, study: str, *, shown: str, media: Media | None) -> Exploration:
    explore = STUDIES.get(study)
    if explore is None:
        what, hint = f"`{shown}` is of no study that can be explored", f"these can be: {', '.join(STUDIES)}"
        raise DataError(what, got=study[:200], hint=hint, fault="run-mapless")
    if not source.n or not list_maps(source.names):
        raise DataError(
            f"`{shown}` has no maps to explore",
            got="a light run: samples and scores only" if source.n else "no samples",
            hint="run its study with `--output` there: it draws the maps and reads no feature again",
            fault="run-mapless",
        )
    return replace(explore(source), media=media)


def _is_wanted(name: str) -> bool:
    """Whether a column is read: all but what tells the trust in a map in other words."""
    return not (name.partition("_")[0] in METHODS and name.endswith(("_trustworthiness", "_continuity")))
