# SPDX-License-Identifier: GPL-2.0-only
"""Panes as lines of text, for the prompt."""

from __future__ import annotations

from kernelmodel.snapshot import Snapshot, View
from tui.commands import Console
from tui.marks import marks
from tui.paint import allocator
from tui.paint.frame import PAINT
from tui.paint.look import Look
from tui.paint.rows import clean, plain

WIDTH = 78
"""Columns of textual output."""
HEIGHT = 60


def view_of(console: Console, **more: object) -> View:
    """What a pane as text may show."""
    since = console.since()
    return View(frame=console.frame, cpu=console.cpu, events=32, since=since, watch=console.watched())._replace(
        **more  # type: ignore[arg-type]
    )


def pane_lines(console: Console, pane: str, height: int = HEIGHT, **more: object) -> list[str]:
    """The rows of a pane at the present stop."""
    if pane == "allocator":
        more["allocator"] = allocator.VIEWS
        more["cells"] = allocator.cells(Look(), WIDTH, height)
    snap: Snapshot = console.session.snapshot(view_of(console, **more))
    look = Look(breaks=marks(console.breaks), marks=dict(console.places.marks))
    return [clean(plain(row)).rstrip() for row in PAINT[pane](snap, look, WIDTH, height)]
