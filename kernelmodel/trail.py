# SPDX-License-Identifier: GPL-2.0-only
"""Who wrote this: the stops at which the value of an expression had just changed, without moving the session.

Values are compared stop by stop; where one has none (a local outside its call) there is no change, nor where the name
belongs to another call than at the stop before.  So a local's trail is that within the calls that have it.
All functions take an expression as text and raise ``ExprError`` if it does not parse; ``poll`` is called with the step
every 256 stops, and True ends the search with what was found so far.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from kernelmodel.expr import parse
from kernelmodel.run_protocol import Run
from kernelmodel.stops.watched import Value, Watched

Poll = Callable[[int], bool]
_EVERY = 256


class Written(NamedTuple):
    """A change of a value: ``step`` is the first stop that has the new one, ``by`` the stop before, which did it.

    A stop stands before its effect, so the function and line are those of ``by``.
    """

    step: int
    old: Value
    new: Value
    by: int
    function: str
    line: int
    shown: tuple[str, str]
    """``old`` and ``new`` as they are written."""

    @property
    def text(self) -> str:
        """``#9: 1 -> 2, by #8 alloc_anon_folio:31``."""
        change = f"#{self.step}: {self.shown[0]} -> {self.shown[1]}"
        return f"{change}, by #{self.by} {self.function}:{self.line}"


def last_change(session: Run, text: str, poll: Poll | None = None) -> Written | None:
    """The latest change up to the present stop, None if there is none."""
    with _looking(session, text) as watched:
        return next(_changes(session, watched, range(session.step, 0, -1), poll), None)


def history(session: Run, text: str, poll: Poll | None = None, most: int = 200) -> list[Written]:
    """Every change over the known stops, in their order; the last ``most`` of them if there are more."""
    with _looking(session, text) as watched:
        return list(deque(_changes(session, watched, range(1, session.last + 1), poll), maxlen=most))


def next_change(session: Run, text: str, direction: int, poll: Poll | None = None) -> int | None:
    """The next (``direction`` > 0) or previous stop at which the value has just changed; None if there is none.

    Forwards the run is made to go on where its known stops end; its present stop is the same afterwards.
    """
    with _looking(session, text) as watched:
        steps = _onward(session) if direction > 0 else iter(range(session.step - 1, 0, -1))
        found = next(_changes(session, watched, steps, poll), None)
    return None if found is None else found.step


@contextmanager
def _looking(session: Run, text: str) -> Iterator[Watched]:
    """The session stands at its stop again when this ends."""
    watched = Watched(parse(text))
    stood = session.step
    watched.at(session, stood)
    try:
        yield watched
    finally:
        if session.step != stood:
            session.seek(stood)


def _changes(session: Run, watched: Watched, steps: Iterator[int] | range, poll: Poll | None) -> Iterator[Written]:
    for n, step in enumerate(steps, 1):
        change = watched.changed(session, step)
        if change is not None:
            by = session.event(step - 1)
            yield Written(step, *change, step - 1, by.function, by.line, watched.shown(session, change))
        if poll is not None and n % _EVERY == 0 and poll(step):
            return


def _onward(session: Run) -> Iterator[int]:
    """Every later stop: those that are known, then new ones."""
    at = session.step
    while True:
        if at == session.last:
            if session.step != at:
                session.seek(at)
            if session.stop.kind != "decision" or session.advance().step == at:
                return
        at += 1
        yield at
