# SPDX-License-Identifier: GPL-2.0-only
"""Text search over all known decisions, as they are shown.

A million stops are few shapes: what two stops of one shape do not share are their numbers (an address, an operand).
So each shape is rendered once, as a *pattern* with holes for these numbers.  Most patterns hold the text, or can't hold
it whatever the numbers are; only for the rest the line of each stop is made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kernelmodel.log import M64, Log
from kernelmodel.trace import found_line

if TYPE_CHECKING:
    from kernelmodel.session import Session

_ADDR, _ARG = 0x7B1D5C3A2F6E, 0x6E7A4D1B95
"""Numbers that no text has by chance: where they show in a rendered line are its holes."""
_HOLE = "\0"
_DIGITS = frozenset("0123456789abcdefx-")
_EVERY = 4096
NEVER, ALWAYS, MAYBE = 0, 1, 2


def find_event(
    session: Session, text: str, start: int, direction: int, poll: Callable[[int], bool] | None = None
) -> int:
    """The nearest known step after ``start`` (before it, if ``direction`` < 0) whose line contains ``text``.

    Upper and lower case are the same; the search goes round at the ends and comes to ``start`` last.  -1 if there is
    none, or if ``poll(steps looked at)`` says to stop.
    """
    wanted = text.lower()
    log = session.log
    total = len(log)
    if not wanted or not total:
        return -1
    lines = Lines(log, session.m.arch.page_size, wanted)
    sign = 1 if direction >= 0 else -1
    at = start
    for n in range(total):
        at = (at + sign) % total
        if lines.match(at):
            return at
        if poll is not None and n % _EVERY == _EVERY - 1 and poll(n):
            break
    return -1


class Lines:
    """Whether the line of a stop contains a text (in lower case)."""

    def __init__(self, log: Log, page_size: int, wanted: str) -> None:
        self.log = log
        self.page_size = page_size
        self.wanted = wanted
        self._verdicts: dict[tuple[int, bool, bool], int] = {}
        self._known: dict[tuple[int, int, int], bool] = {}

    def match(self, step: int) -> bool:
        """Does the line of this stop contain the text?"""
        log = self.log
        number, addr, arg = log.shape[step], log.addr[step], log.arg[step]
        key = (number, addr == M64, arg >> 63 == 1)
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = self._verdicts[key] = self._verdict(step, key)
        if verdict != MAYBE:
            return verdict == ALWAYS
        known = self._known.get((number, addr, arg))
        if known is None:
            known = self.wanted in found_line(log.event(step), self.page_size).lower()
            if len(self._known) < 1 << 16:
                self._known[number, addr, arg] = known
        return known

    def _verdict(self, step: int, key: tuple[int, bool, bool]) -> int:
        if not self.log.at(step).kind:
            return NEVER
        pattern = self._pattern(step, key)
        if self.wanted in pattern:
            return ALWAYS
        return MAYBE if may_hold(pattern, self.wanted) else NEVER

    def _pattern(self, step: int, key: tuple[int, bool, bool]) -> str:
        """The line of a shape with a hole for each number that differs from stop to stop."""
        arg = _ARG | 1 << 63 if key[2] else _ARG
        event = self.log.event_with(step, -1 if key[1] else _ADDR, arg)
        line = found_line(event, self.page_size).lower()
        shown = (f"{_ADDR:#x}", f"{arg:#x}", f"{arg:#05x}", str(arg), str(arg - (1 << 64)))
        for each in sorted(shown, key=len, reverse=True):
            line = line.replace(each, _HOLE)
        return line


def may_hold(pattern: str, wanted: str) -> bool:
    """Can ``wanted`` stand in the pattern, once its holes are filled with digits?"""
    states: set[int] = set()
    for n, sign in enumerate(wanted):
        here = range(len(pattern)) if n == 0 else states
        states = set()
        for at in here:
            if at >= len(pattern):
                continue
            if pattern[at] == _HOLE:
                if sign in _DIGITS:
                    states |= {at, at + 1}  # the hole goes on, or ends here
            elif pattern[at] == sign:
                states.add(at + 1)
        if not states:
            return False
    return True
