# SPDX-License-Identifier: GPL-2.0-only
"""Search: in the rows of the focused pane, in all decisions of the run, in an open box."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.boxes import find_in_box
from tui.paint.search import find

if TYPE_CHECKING:
    from tui.desk import Desk


def search(desk: Desk, text: str) -> None:
    """Find a text from the cursor on, case aside; an empty one stops highlighting.  An open box is searched instead."""
    if desk.overlay is not None:
        find_in_box(desk, desk.overlay, text, 1)
        return
    desk.look.search = text
    if text:
        search_again(desk, 1)
    else:
        desk.refresh()


def search_again(desk: Desk, direction: int) -> None:
    """The next match, or the one before; from the other end after the last."""
    look, text = desk.look, desk.look.search
    if not text:
        desk.say("search for what?  " + desk.keys.shown("search.open") + " begins one")
        return
    if look.focus in ("events", "timeline"):
        at = look.event if look.focus == "events" else look.mark
        here = at if at >= 0 else desk.session.step
        at = desk.session.find_event(text, here, direction)
        if at >= 0:
            look.event, look.mark = (at, -1) if look.focus == "events" else (-1, at)
        found = at >= 0
    else:
        found = find(desk.snap, look, text, direction, desk.width, desk.height)
    desk.refresh()
    if not found:
        desk.say(f"{look.focus} has no {text!a}", "warn")
