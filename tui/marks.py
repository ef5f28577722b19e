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
            text=each.command if each.watch is not None else each.text,
            kind=each.location.kind,
            function=each.location.function,
            line=each.location.line,
            enabled=each.enabled,
            conditional=bool(each.condition or each.location.attrs or each.hits_op or each.cpu >= 0),
            temporary=each.temporary,
            hits=each.hits,
            log=each.log is not None,
            watch=each.watch is not None,
            ignore=each.ignore,
            origin=each.origin,
            trouble=each.trouble,
        )
        for each in breaks
    )


def toggle(breaks: Breakpoints, location: str) -> str:
    """Delete the plain breakpoint of that location if there is one, else set it; what was done, in words.

    ``LocationError`` if the location means nothing.
    """
    for each in breaks:
        if each.text == location and each.watch is None:
            breaks.delete(each.number)
            return f"deleted breakpoint {each.number}: {location}"
    made = breaks.add(location)
    return f"breakpoint {made.number}: {made.text}"
