# SPDX-License-Identifier: GPL-2.0-only
"""The same debugger as a prompt, one line at a time: for dumb terminals, serial lines, Emacs and screen readers."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from tui.commands import TEXTUAL, Console, Result, shown
from tui.told import mutant_lines, place_lines

if TYPE_CHECKING:
    from types import FrameType

    from kernelmodel.motion import Poll

Ask = Callable[[str], str | None]
"""Prompt → the line that was typed, None at the end."""


def run_plain(console: Console, stdin: TextIO, stdout: TextIO) -> int:
    """Execute what waits in ``console``, then what ``stdin`` holds, until ``quit`` or its end; always 0.

    The prompt is written only to a terminal, so that a script's output holds nothing but answers.
    """
    ask = _terminal(console) if stdin.isatty() else _stream(stdin)
    say(stdout, [*mutant_lines(console.session), *place_lines(console.session)])
    while True:
        try:
            if not settle(console, stdout):
                return 0
            text = ask(console.prompt)
            if text is None or not carry_out(console, console.typed(text), stdout):
                return 0
        except KeyboardInterrupt:
            console.queue.clear()
            console.collecting = None
            say(stdout, ["", "quit leaves"])


def settle(console: Console, stdout: TextIO) -> bool:
    """Execute the lines that wait; False if one of them was ``quit``."""
    while console.queue:
        result = console.next()
        if result is not None and not carry_out(console, result, stdout):
            return False
    return True


def carry_out(console: Console, result: Result, stdout: TextIO) -> bool:
    """Say and do what a line asks for; False if it was ``quit``."""
    say(stdout, result.lines)
    if result.move is not None:
        with interruptible() as poll:
            said = console.arrived(result.move(poll))
            if poll(console.session.step):
                console.queue.clear()
        say(stdout, said)
    elif result.work is not None:
        with interruptible() as poll:
            found = console.finished(result.work(poll))
        return carry_out(console, found, stdout)
    elif result.shell is not None:
        from tui.outside import run_shell

        run_shell(*result.shell)
    elif result.ask is not None and result.ask[0] not in TEXTUAL:
        say(stdout, [f"{result.ask[0]} needs the screen: start without --plain"])
    return not result.quit


@contextmanager
def interruptible() -> Iterator[Poll]:
    """Ctrl+C ends a motion where it stands, instead of the program."""
    asked = False

    def note(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True

    try:
        before = signal.signal(signal.SIGINT, note)
    except ValueError:  # not the main thread
        yield lambda step: False
        return
    try:
        yield lambda step: asked
    finally:
        signal.signal(signal.SIGINT, before)


def say(stdout: TextIO, lines: list[str]) -> None:
    """Write lines, whatever is in them, as text."""
    for line in lines:
        stdout.write(shown(line).rstrip() + "\n")
    stdout.flush()


def _stream(stdin: TextIO) -> Ask:
    def ask(prompt: str) -> str | None:
        text = stdin.readline()
        return text.rstrip("\n") if text else None

    return ask


def _terminal(console: Console) -> Ask:
    """A line editor with the history of earlier sessions and with completion, where the platform has one."""
    try:
        import readline
    except ImportError:
        pass
    else:
        _completing(console)
        readline.clear_history()
        for line in console.history:
            readline.add_history(line)

    def ask(prompt: str) -> str | None:
        try:
            return input(prompt)
        except EOFError:
            return None

    return ask


def _completing(console: Console) -> None:
    import readline

    from tui.candidates import Candidates
    from tui.complete import complete

    found: list[str] = []

    def completer(word: str, state: int) -> str | None:
        if state == 0:
            text = readline.get_line_buffer()[: readline.get_endidx()]
            begin, words = complete(text, len(text), Candidates(console))
            skip = readline.get_begidx() - begin
            found[:] = [each[skip:] if skip > 0 else each for each in words]
        return found[state] if state < len(found) else None

    readline.set_completer_delims(" ")
    readline.set_completer(completer)
    readline.parse_and_bind("tab: complete")
