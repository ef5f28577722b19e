# SPDX-License-Identifier: GPL-2.0-only
"""Style names of the painters → terminal styles.

Only the sixteen colours that a user's terminal theme defines, on its own background: readable on dark and light, a few
bytes each, and nothing is told by colour alone.
"""

from __future__ import annotations

from functools import lru_cache

from rich.style import Style

STYLES = {
    "": "none",
    "dim": "bright_black",
    "bold": "bold",
    "rule": "bright_black",
    "title": "bold",
    "focus": "bold cyan",
    "past": "bold reverse yellow",
    "here": "bold yellow",
    "cursor": "reverse",
    "changed": "bold magenta",
    "break": "bold red",
    "good": "green",
    "head": "bold underline green",
    "bad": "red",
    "warn": "yellow",
    "fault": "bold reverse red",
    "fallback": "bold reverse red",
    "forced": "bold magenta",
    "keyword": "blue",
    "string": "green",
    "number": "cyan",
    "key": "bold cyan",
    "error": "bold red",
}
"""Every style name that a painter may use."""


@lru_cache(64)
def style(name: str, coloured: bool = True) -> Style:
    """The terminal style of a name, perhaps without its colour; ``KeyError`` for a name that is not in ``STYLES``."""
    found = Style.parse(STYLES[name])
    return found if coloured else found.without_color
