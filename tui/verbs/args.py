# SPDX-License-Identifier: GPL-2.0-only
"""Reading the arguments of commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from kernelmodel.snapshot import Snapshot, View
from kernelmodel.text_fault import TextFault
from tui.commands import CommandError, Console, Line

if TYPE_CHECKING:
    from kernelmodel.stops.locations import Location

T = TypeVar("T")

MOST_COUNT = 1_000_000
"""Largest count of a motion."""


@contextmanager
def standing(col: int, unsaid: int = 0) -> Iterator[None]:
    """Tell the column of a fault in a text that begins at ``col`` of the line, after ``unsaid`` characters put before."""
    try:
        yield
    except TextFault as error:
        raise CommandError(str(error), col + max(error.column() - unsaid, 0)) from None


def words(line: Line) -> list[tuple[str, int]]:
    """The words of the arguments, each with its column."""
    return [(match[0], line.start + match.start()) for match in re.finditer(r"\S+", line.args)]


def first(line: Line) -> tuple[str, str, int]:
    """The first word of the arguments, what stands behind it, and the column of that."""
    word, _, rest = line.args.partition(" ")
    text = rest.strip()
    return word, text, line.start + len(line.args) - len(rest.lstrip())


def count(line: Line) -> int:
    """The argument as a count, 1 if there is none."""
    if not line.args:
        return 1
    try:
        from kernelmodel.expr import number

        found = number(line.args)
    except TextFault as error:
        raise CommandError(f"a count is a number: {error}", line.start) from None
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
        from kernelmodel.expr import number

        value = number(word[1:] if sign or word[:1] == "#" else word)
    except TextFault:
        from difflib import get_close_matches

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
        return f"{deciding(console, word, col)}{blank}{rest}"
    from tui.paint import source

    call = source.selected(look_at(console))
    if call is None:
        raise CommandError("no function is running: name one, FUNCTION:LINE", col)
    if word.isdecimal():
        return f"{deciding(console, f'{call.function}:{word}', col)}{blank}{rest}"
    return f"{call.function}:{call.line} {text}".rstrip()


def deciding(console: Console, place: str, col: int) -> str:
    """``FUNCTION:LINE`` moved on to the next line at which something is decided; anything else as it is."""
    from kernelmodel.functions import deciding_lines

    function, _, line = place.partition(":")
    if not line.isdecimal() or len(line) > 9:
        return place
    lines = deciding_lines(function, console.session.variant)
    below = [each for each in lines if each >= int(line)]
    if lines and not below:
        raise CommandError(
            f"{function} decides nothing at line {line} and below; its last decision is {lines[-1]}", col
        )
    return f"{function}:{below[0]}" if below else place


def placed(console: Console, text: str, col: int, use: Callable[[str], T]) -> T:
    """What ``use`` makes of a location completed by ``here``; a fault is told where it stands in the line."""
    whole = here(console, text, col)
    with standing(col, len(whole) - len(text)):
        return use(whole)


def location(console: Console, line: Line) -> Location:
    """The argument as a location."""
    from kernelmodel.stops.locations import parse_location

    return placed(console, line.args, line.start, lambda text: parse_location(text, console.breaks.functions))


def breakpoints(console: Console, line: Line) -> list[int]:
    """The argument as numbers of breakpoints, all of them if there is none."""
    if not line.args:
        return [each.number for each in console.breaks]
    return [breakpoint_number(console, word, col) for word, col in words(line)]


def breakpoint_number(console: Console, word: str, col: int) -> int:
    """One of them."""
    if not word:
        raise CommandError("which breakpoint?")
    if not word.isdecimal() or len(word) > 9 or console.breaks.get(int(word)) is None:
        raise CommandError(f"no breakpoint {word}", col)
    return int(word)
