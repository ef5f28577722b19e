# SPDX-License-Identifier: GPL-2.0-only
"""Taking it away: a pane, the transcript or the whole screen, to the clipboard and to a file whose path is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui import take
from tui.paint import frame
from tui.paint.rows import clean, plain
from tui.verbs.files import path_of

if TYPE_CHECKING:
    from tui.desk import Desk

_ROWS = 2000
"""Rows of a pane that are copied."""


def pane_text(desk: Desk) -> list[str]:
    """All rows of the focused pane."""
    pane = desk.look.focus
    rows = frame.PAINT[pane](desk.snap, desk.look, max(desk.width, 80), _ROWS)
    return [clean(plain(row)).rstrip() for row in rows]


def copy_pane(desk: Desk) -> None:
    """The focused pane."""
    _copied(desk, desk.look.focus, pane_text(desk))


def copy_transcript(desk: Desk) -> None:
    """The run from the last mark (or the start) to here, as text for a mail."""
    from tui.verbs.session import transcript

    _copied(desk, "transcript", transcript(desk.console))


def _copied(desk: Desk, what: str, lines: list[str]) -> None:
    text = "".join(line + "\n" for line in lines)
    try:
        path = take.save(f"{desk.session.scenario.name}-{what}", ".txt", text)
    except OSError as error:
        desk.say(f"copied {what}, but no file could be written: {error.strerror}", "warn")
        return
    finally:
        desk.shell.copy(text)
    desk.say(f"copied {what} ({len(lines)} lines), also in {path}")


def shot(desk: Desk, name: str) -> None:
    """The screen as SVG and as text, under a name of the user's or one of ours."""
    painted = desk.frame()
    lines = ["".join(plain(piece) for piece in line) for line in painted.lines]
    svg = take.svg(painted, desk.look.theme, f"thp-debug {desk.session.scenario.name}")
    try:
        paths = take.save_shot(
            str(path_of(name)) if name else "", desk.session.scenario.name, svg, take.text_frame(lines)
        )
    except (OSError, ValueError, RuntimeError) as error:
        desk.say(f"no picture: {getattr(error, 'strerror', None) or error}", "error")
        return
    desk.say("written: " + ", ".join(map(str, paths)))
