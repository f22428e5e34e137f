"""The page in place of a run that is not finished: what is there so far, looked at again every few seconds."""

from latentscape.pages.templates import policy, render, style_of
from latentscape.server.opened import Unfinished

SECONDS = 3
LONGEST_NAME = 200


def render_waiting(found: Unfinished, *, name: str) -> str:
    """The page as HTML; no script is in it."""
    style = style_of("theme.css", "waiting.css")
    title, sentences = _say(found, name[:LONGEST_NAME])
    return render(
        "waiting.html.j2",
        policy=policy(styles=[style]),
        seconds=SECONDS,
        title=title,
        style=style,
        sentences=sentences,
        stages=[
            *([_count_shards(found.n_shards)] if found.n_shards else []),
            *(each[:LONGEST_NAME] for each in found.stages),
        ],
    )


def _say(found: Unfinished, name: str) -> tuple[str, list[str]]:
    if found.reason:
        return f"{name} can't be shown", [
            *found.reason.splitlines(),
            "It is shown as soon as another study is finished there.",
        ]
    if found.writer:
        return f"{name} is being made", [
            f"It is written by {found.writer}.",
            "The explorer opens when its study is finished.",
        ]
    return f"{name} is not finished", [
        "Nobody is writing it: its study has not begun, or it was stopped.",
        "Run the same command again: it goes on where it stopped, and the explorer opens when it is finished.",
    ]


def _count_shards(n: int) -> str:
    return f"features, the first {n:,} part{'s' if n > 1 else ''}"
