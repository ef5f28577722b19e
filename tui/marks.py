# SPDX-License-Identifier: GPL-2.0-only
"""Breakpoints as the panes show them."""

from __future__ import annotations

from kernelmodel.stops import Breakpoints
from tui.paint.look import BreakMark


def marks(breaks: Breakpoints) -> tuple[BreakMark, ...]:
    """One mark per breakpoint, in the order of their numbers."""
    return tuple(
        BreakMark(
            number=each.number,
            text=each.text,
            kind=each.location.kind,
            function=each.location.function,
            line=each.location.line,
            enabled=each.enabled,
            conditional=each.condition is not None or bool(each.location.attrs),
            temporary=each.temporary,
            hits=each.hits,
        )
        for each in breaks
    )


def toggle(breaks: Breakpoints, location: str) -> str:
    """Delete the plain breakpoint of that location if there is one, else set it; what was done, in words.

    ``LocationError`` if the location means nothing.
    """
    for each in breaks:
        if each.location.text == location and each.condition is None:
            breaks.delete(each.number)
            return f"deleted breakpoint {each.number}: {location}"
    made = breaks.add(location)
    return f"breakpoint {made.number}: {made.text}"
