"""Faint points on an interactive map: the switch that turns them on and off, and the words about them."""

from latentscape.figures.style import Style
from latentscape.figures.trust_marks import choose_faint, say_marked, say_weak
from latentscape.measures.faithfulness import MapTrust
from latentscape.pages.map_page import FAINT, Switch, SwitchGroup
from latentscape.pages.symbols import CIRCLE


def switch_trust(trust: MapTrust, style: Style) -> SwitchGroup:
    """The legend's group with one switch; no switch where no point is drawn faint."""
    n_faint = int(choose_faint(trust, style).sum())
    switch = Switch(key=FAINT, label=f"faint points: {say_weak()}", count=n_faint, path=CIRCLE.path, is_faint=True)
    return SwitchGroup(title="Trust", switches=(switch,) if n_faint else ())


def explain_marks(trust: MapTrust, style: Style) -> str:
    """A sentence for the caption where points are weak but not marked: too many, or not wanted."""
    marked = say_marked(trust, style)
    return "" if not marked or choose_faint(trust, style).any() else f"{marked[0].upper()}{marked[1:]}."
