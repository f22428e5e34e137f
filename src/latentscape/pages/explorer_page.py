"""The explorer's page: everything there is to see of a run in one file, or the same page for a server."""

import base64

from latentscape.exploration import Exploration
from latentscape.figures.style import Style
from latentscape.pages.explorer_assets import explorer_script, explorer_style
from latentscape.pages.explorer_payload import pack_exploration
from latentscape.pages.templates import policy, render


def render_explorer(exploration: Exploration, *, style: Style) -> str:
    """The page as HTML: script, style and data in one file, nothing fetched but sounds and pictures beside it."""
    packed = pack_exploration(exploration, style=style)
    payload = base64.b64encode(packed.data).decode("ascii")
    return _render(exploration, captions=(*exploration.captions, *packed.left_out), payload=payload)


def render_served(exploration: Exploration) -> str:
    """The page without its data: its script asks the server that it comes from for `payload`, `details` and so on."""
    return _render(exploration, captions=exploration.captions, payload="", is_served=True)


def served_policy() -> str:
    """The policy of the served page, as its server sends it along: nobody may put the page into a frame."""
    return f"{_policy(is_served=True)}; frame-ancestors 'none'"


def _render(exploration: Exploration, *, captions: tuple[str, ...], payload: str, is_served: bool = False) -> str:
    return render(
        "explorer.html.j2",
        title=exploration.title,
        headline=exploration.headline,
        facts=exploration.facts,
        stamps=exploration.stamps,
        captions=captions,
        foot=exploration.foot,
        style=explorer_style(),
        policy=_policy(is_served=is_served),
        script=explorer_script(),
        payload=payload,
    )


def _policy(*, is_served: bool) -> str:
    return policy([explorer_script()], styles=[explorer_style()], pictures="both", plays=True, asks_server=is_served)
