# SPDX-License-Identifier: GPL-2.0-only
"""The same debugger as a prompt, one line at a time: for dumb terminals, serial lines and screen readers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from kernelmodel.motion import Motion
from kernelmodel.snapshot import Snapshot, View
from kernelmodel.stops import Breakpoints
from tui.commands import PROMPT, Console, Result
from tui.paint import events, source
from tui.paint.rows import clean, plain

if TYPE_CHECKING:
    from kernelmodel.session import Session


def run_plain(session: Session, breaks: Breakpoints, commands: Iterable[str], stdin: TextIO, stdout: TextIO) -> int:
    """Execute ``commands``, then what ``stdin`` holds, until ``quit`` or its end; always 0.

    The prompt is written only to a terminal, so that a script's output holds nothing but answers.
    """
    console = Console(session, breaks)
    _say(stdout, _place(console))
    for text in commands:
        if _do(console, text, stdout):
            return 0
    asks = stdin.isatty()
    while True:
        if asks:
            stdout.write(PROMPT)
            stdout.flush()
        text = stdin.readline()
        if not text:
            return 0
        if _do(console, text.rstrip("\n"), stdout):
            return 0


def _do(console: Console, text: str, stdout: TextIO) -> bool:
    """Execute one line; whether it was ``quit``."""
    result = console.execute(text)
    _say(stdout, result.lines)
    if result.move is not None:
        _say(stdout, _moved(console, result))
    return result.quit


def _moved(console: Console, result: Result) -> list[str]:
    assert result.move is not None
    console.frame = -1
    motion: Motion = result.move(None)
    return ([motion.reason] if motion.reason else []) + _place(console)


def _place(console: Console) -> list[str]:
    """Where the run stands: the event, then the source line."""
    snap: Snapshot = console.session.snapshot(View(events=1))
    if snap.stop != "decision" or snap.event is None:
        return [f"#{snap.step} {snap.stop}: {snap.stop_text}"]
    call = source.selected(snap)
    lines = [plain(events.present(snap, snap.event, 78))]
    if call is not None:
        lines.append(f"{call.function}:{call.line}\t{call.source[call.line - 1].strip()}")
    return lines


def _say(stdout: TextIO, lines: Iterable[str]) -> None:
    for line in lines:
        stdout.write(clean(line.replace("\t", "    ")).rstrip() + "\n")
    stdout.flush()
