# SPDX-License-Identifier: GPL-2.0-only
"""The last line: the most useful keys that fit, help always among them."""

from __future__ import annotations

from functools import lru_cache

from tui.keys import Keymap
from tui.paint.rows import Row, Seg


@lru_cache(8)
def paint(width: int, keys: Keymap, several: bool = False) -> Row:
    """Actions by rank as long as they fit, in the order of the table; help has the first rank."""
    gap = 1 if width < 100 else 2
    out: list[Seg] = [(" ", "")]
    for action in keys.footer(width, gap, several):
        out += [(action.shown, "key"), (f" {action.label}" + " " * gap, "dim")]
    return tuple(out)
