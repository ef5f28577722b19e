# SPDX-License-Identifier: GPL-2.0-only
"""How a user moves through a run: one set of motions for every front end.

Each is a function over a session and perhaps its breakpoints, and returns where it came to.  What is known already is
looked at without moving the machine; the session is moved once, at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kernelmodel.run_protocol import Run, Stop
    from kernelmodel.stops import Breakpoints
    from kernelmodel.stops.breakpoint import Breakpoint
    from kernelmodel.stops.locations import Location

Poll = Callable[[int], bool]
"""Called with the step every 256 stops; True interrupts."""
_EVERY = 256

START = "start of the run"
INTERRUPTED = "interrupted"


class Motion(NamedTuple):
    """Where a motion came to.

    ``reason`` is '' when it reached its aim, else in words what ended it before: ``breakpoint 1: fallback``,
    ``interrupted``, ``start of the run``, or the text of the run's last stop.
    """

    stop: Stop
    hit: Breakpoint | None = None
    reason: str = ""


def step(run: Run, n: int = 1, breaks: Breakpoints | None = None, poll: Poll | None = None) -> Motion:
    """``n`` stops forward (n >= 1)."""
    aim = run.step + n
    return _onward(run, lambda at: at >= aim, breaks, poll)


def next_(run: Run, breaks: Breakpoints | None = None, poll: Poll | None = None) -> Motion:
    """To the next stop that is not inside a call from here; over what the functions called here do."""
    return _onward(run, _not_deeper(run), breaks, poll)


def finish(run: Run, breaks: Breakpoints | None = None, poll: Poll | None = None) -> Motion:
    """Out of the present function, or on to the next access."""
    return _onward(run, _shallower(run), breaks, poll)


def cont(run: Run, breaks: Breakpoints | None, poll: Poll | None = None) -> Motion:
    """On to the next breakpoint, or to the end of the run."""
    return _onward(run, lambda _at: False, breaks, poll)


def until(run: Run, location: Location, breaks: Breakpoints | None = None, poll: Poll | None = None) -> Motion:
    """On to the first later stop that a location means."""
    return _onward(run, lambda at: location.matches(run, at, run.event(at)), breaks, poll)


def until_back(run: Run, location: Location, breaks: Breakpoints | None = None, poll: Poll | None = None) -> Motion:
    """Back to the last earlier stop that a location means."""
    return _back(run, lambda at: location.matches(run, at, run.event(at)), breaks, poll)


def goto(run: Run, n: int, poll: Poll | None = None) -> Motion:
    """To stop ``n``: known ones by one move, later ones by running on, no further than the run goes."""
    if n <= run.last:
        return Motion(run.seek(max(n, 0)), None, START if n < 0 else "")
    return _onward(run, lambda at: at >= n, None, poll)


def reverse_step(run: Run, n: int = 1, breaks: Breakpoints | None = None, poll: Poll | None = None) -> Motion:
    """``n`` stops back (n >= 1)."""
    aim = run.step - n
    return _back(run, lambda at: at <= aim, breaks, poll)


def reverse_next(run: Run, breaks: Breakpoints | None = None, poll: Poll | None = None) -> Motion:
    """Back to the stop before that is not inside a call from here."""
    return _back(run, _not_deeper(run), breaks, poll)


def reverse_finish(run: Run, breaks: Breakpoints | None = None, poll: Poll | None = None) -> Motion:
    """Back to where the present function was called from, or into the access before."""
    return _back(run, _shallower(run), breaks, poll)


def reverse_continue(run: Run, breaks: Breakpoints | None, poll: Poll | None = None) -> Motion:
    """Back to the breakpoint before, or to the start of the run."""
    return _back(run, lambda _at: False, breaks, poll)


def fallback(run: Run, direction: int, poll: Poll | None = None) -> Motion:
    """To the next (``direction`` > 0) or previous fallback; stays where it is if there is none, and says so."""
    here = run.step
    go, which = (_onward, "later") if direction > 0 else (_back, "earlier")
    moved = go(run, lambda at: run.event(at).kind == "fallback", None, poll)
    if moved.reason in ("", INTERRUPTED):
        return moved
    return Motion(run.seek(here), None, f"no {which} fallback")


def _not_deeper(run: Run) -> Callable[[int], bool]:
    depth, access = run.depth(run.step), run.access_of(run.step)
    return lambda at: run.access_of(at) != access or run.depth(at) <= depth


def _shallower(run: Run) -> Callable[[int], bool]:
    depth, access = run.depth(run.step), run.access_of(run.step)
    return lambda at: run.access_of(at) != access or run.depth(at) < depth


def _stand(run: Run, at: int) -> Stop:
    return run.stop if run.step == at else run.seek(at)


def _onward(run: Run, arrived: Callable[[int], bool], breaks: Breakpoints | None, poll: Poll | None) -> Motion:
    """Forward from the present stop to the first that has ``arrived`` or is a breakpoint, or to the end."""
    at = start = run.step
    if breaks:
        breaks.begin(run)
    while True:
        if at == run.last:
            _stand(run, at)
            if run.advance().step == at:
                return Motion(run.stop, None, run.stop.text)
        at += 1
        if at == run.last:
            _stand(run, at)
        hit = breaks.match(run, at) if breaks else None
        if hit is not None:
            return Motion(_stand(run, at), hit, hit.words)
        if arrived(at):
            return Motion(_stand(run, at))
        if at == run.last and run.stop.kind != "decision":
            return Motion(run.stop, None, run.stop.text)
        if poll is not None and (at - start) % _EVERY == 0 and poll(at):
            return Motion(_stand(run, at), None, INTERRUPTED)


def _back(run: Run, arrived: Callable[[int], bool], breaks: Breakpoints | None, poll: Poll | None) -> Motion:
    """Back from the present stop, likewise, or to the start."""
    start = run.step
    if breaks:
        breaks.begin(run)
    for at in range(start - 1, -1, -1):
        hit = breaks.match(run, at) if breaks else None
        if hit is not None:
            return Motion(_stand(run, at), hit, hit.words)
        if arrived(at):
            return Motion(_stand(run, at))
        if poll is not None and (start - at) % _EVERY == 0 and poll(at):
            return Motion(_stand(run, at), None, INTERRUPTED)
    return Motion(_stand(run, 0), None, START)
