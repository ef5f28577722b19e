# SPDX-License-Identifier: GPL-2.0-only
"""What was typed and what was answered, the newest at the bottom."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot
from tui.paint.look import Look
from tui.paint.rows import Row, cells, clean, crop

HELP = (
    "Command lines and what they came to, the newest at the bottom; long lines go on in the next row.",
    "↑↓ PgUp PgDn scroll, End returns to the newest   / searches   y copies   :transcript takes the run away",
)
PROMPT = "(thp) "
"""How a line begins that was typed."""


def title(snap: Snapshot, look: Look) -> str:
    """Whether the newest is hidden."""
    back = look.tops.get("console", 0)
    return f"console  ↓ {back} below" if back else "console"


def paint(snap: Snapshot, look: Look, width: int, height: int) -> list[Row]:
    """The last rows that fit, ``look.tops['console']`` rows above the end."""
    if not look.console:
        return [((" : opens the command line; help lists the commands", "dim"),)]
    back = look.tops.get("console", 0)
    rows: list[Row] = []
    for line in reversed(look.console):
        rows += reversed(wrapped(line, width))
        if len(rows) >= height + back:
            break
    begin = max(0, min(back, len(rows) - height))
    return rows[begin : begin + height][::-1]


def wrapped(line: str, width: int) -> list[Row]:
    """A line in as many rows as it needs."""
    rest = clean(line)
    style = "key" if rest.startswith(PROMPT) else ""
    rows: list[Row] = []
    while cells(rest) > width - 1:
        part = crop(rest, width - 1) or rest[:1]
        rows.append(((" " + part, style),))
        rest = rest[len(part) :]
    return [*rows, ((" " + rest, style),)]


def clamped(look: Look, width: int, height: int) -> int:
    """How far the console is scrolled up, at most to its first row."""
    back = look.tops.get("console", 0)
    if back <= len(look.console) - height:
        return back
    return max(0, min(back, sum(len(wrapped(line, width)) for line in look.console) - height))


def below(look: Look, line: int, width: int) -> int:
    """How many rows stand below the last row of ``look.console[line]``."""
    return sum(len(wrapped(text, width)) for text in look.console[line + 1 :])
