# SPDX-License-Identifier: GPL-2.0-only
"""The last line: the most useful keys that fit, help always among them."""

from __future__ import annotations

from functools import lru_cache

from tui.keys import ACTIONS
from tui.paint.rows import Row, Seg, cells


@lru_cache(8)
def paint(width: int) -> Row:
    """Actions by rank as long as they fit, in the order of the table; ``? help`` is never left out."""
    chosen = []
    gap = 1 if width < 100 else 2
    room = width - 1 + gap
    for action in sorted((a for a in ACTIONS if a.label), key=lambda a: a.rank):
        need = cells(action.shown) + len(action.label) + 1 + gap
        if need > room:
            break
        room -= need
        chosen.append(action)
    out: list[Seg] = [(" ", "")]
    for action in [a for a in ACTIONS if a in chosen]:
        out += [(action.shown, "key"), (f" {action.label}" + " " * gap, "dim")]
    return tuple(out)
