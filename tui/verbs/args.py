# SPDX-License-Identifier: GPL-2.0-only
"""Reading the arguments of commands."""

from __future__ import annotations

from difflib import get_close_matches

from kernelmodel.expr import ExprError, number
from kernelmodel.locations import Location, parse_location
from kernelmodel.snapshot import Snapshot, View
from tui.commands import CommandError, Console, Line
from tui.paint import source

MOST_COUNT = 1_000_000
"""Largest count of a motion."""


def count(line: Line) -> int:
    """The argument as a count, 1 if there is none."""
    if not line.args:
        return 1
    try:
        found = number(line.args)
    except ExprError as error:
        raise CommandError(f"a count is a number: {error.message}", line.start) from None
    if not 1 <= found <= MOST_COUNT:
        raise CommandError(f"a count is 1 … {MOST_COUNT}", line.start)
    return found


def step_of(console: Console, word: str, col: int = -1) -> int:
    """A stop by number, ``+N``, ``-N``, mark, ``start`` or ``end`` (of what is known)."""
    session, marks = console.session, console.places.marks
    if word in marks:
        return marks[word]
    if word in ("start", "end"):
        return 0 if word == "start" else session.last
    sign = word[:1] if word[:1] in ("+", "-") else ""
    try:
        value = number(word[1:] if sign or word[:1] == "#" else word)
    except ExprError:
        close = get_close_matches(word, marks, 1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise CommandError(f"no mark {word!a}; a stop is N, +N, -N, MARK, start or end{hint}", col) from None
    return session.step + value if sign == "+" else session.step - value if sign == "-" else value


def known_step(console: Console, word: str, col: int = -1) -> int:
    """Likewise, of a stop that the run has been at."""
    step = step_of(console, word, col)
    if not 0 <= step <= console.session.last:
        raise CommandError(f"the run is known from #0 to #{console.session.last}", col)
    return step


def look_at(console: Console) -> Snapshot:
    """The present snapshot with the selected frame and CPU, in a size fit for text."""
    return console.session.snapshot(View(frame=console.frame, cpu=console.cpu, events=32))


def here(console: Console, text: str, col: int) -> str:
    """A location as typed, a bare line number (or nothing) completed by the selected function."""
    word, blank, rest = text.partition(" ")
    if word and not word.isdecimal() and word not in ("if", "cpu", "hits", "temp", "log"):
        return text
    call = source.selected(look_at(console))
    if call is None:
        raise CommandError("no function is running: name one, FUNCTION:LINE", col)
    if word.isdecimal():
        return f"{call.function}:{word}{blank}{rest}"
    return f"{call.function}:{call.line} {text}".rstrip()


def location(console: Console, line: Line) -> Location:
    """The argument as a location."""
    return parse_location(here(console, line.args, line.start), console.breaks.functions)


def breakpoints(console: Console, line: Line) -> list[int]:
    """The argument as numbers of breakpoints, all of them if there is none."""
    if not line.args:
        return [each.number for each in console.breaks]
    return [breakpoint_number(console, line, word) for word in line.args.split()]


def breakpoint_number(console: Console, line: Line, word: str) -> int:
    """One of them."""
    if not word.isdecimal() or len(word) > 9 or console.breaks.get(int(word)) is None:
        raise CommandError(f"no breakpoint {word}" if word else "which breakpoint?", _place(line, word))
    return int(word)


def _place(line: Line, word: str) -> int:
    return line.text.index(word, line.start) if word else -1
