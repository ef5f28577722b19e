# SPDX-License-Identifier: GPL-2.0-only
"""Where a breakpoint stops: a decision kind, its outcome, its operands, a line of a modelled function, a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kernelmodel.decision import KINDS
from kernelmodel.run_protocol import Run
from kernelmodel.snapshot import Event
from kernelmodel.stops.attrs import BY_REASON, ENDS, OUTCOMES, LocationError, attributes, close
from kernelmodel.stops.patterns import PatternError, check, occurs

__all__ = [
    "ALIASES", "ANY", "ENDS", "OUTCOMES", "Location", "LocationError", "close", "is_entry", "line_of", "parse_location",
]  # fmt: skip

ANY = "*"
"""The location that is any stop."""
ALIASES = {"alloc-fail": "alloc:NULL", "charge-fail": "charge:-ENOMEM"}

_EVENT = re.compile(r"(?P<kind>[a-z][a-z0-9-]*)(?::(?P<outcome>[^\s()]+))?(?:\((?P<attrs>[^()]*)\))?")
_LINE = re.compile(r"(?P<function>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<line>[0-9]{1,9}))?")


class Location(NamedTuple):
    """A parsed location: ``kind`` (with ``attrs`` that must all agree), ``function``, or ``pattern``."""

    text: str
    kind: str = ""
    attrs: tuple[tuple[str, str | int], ...] = ()
    function: str = ""
    line: int = 0
    """Counts from the ``def`` line (1); 0: where the function is entered, that is its first stop."""
    pattern: str = ""
    """Regular expression over the event's text."""

    def matches(self, run: Run, at: int, event: Event) -> bool:
        """Whether the known stop ``at`` of ``run``, whose event is ``event``, is meant.  Moves nothing."""
        if self.kind == ANY:
            return True
        if self.pattern:
            return event.kind != "" and occurs(self.pattern, line_of(run, event))
        if self.function:
            return event.function == self.function and (
                event.line == self.line if self.line else is_entry(run, at, event.function)
            )
        if self.kind in ENDS or event.kind == "":
            return at == run.step and run.stop.kind == self.kind
        if self.kind == "bug" and at == run.step and run.stop.kind == "bug":
            return True
        return event.kind == self.kind and all(_agrees(event, name, want) for name, want in self.attrs)


def line_of(run: Run, event: Event) -> str:
    """What a pattern is searched in: ``cpu0 alloc_anon_folio:31 fallback     order=4 …``."""
    from kernelmodel.arch import ARCHES
    from kernelmodel.trace import event_line

    size = ARCHES[run.scenario.arch].page_size
    return f"cpu{event.cpu} {event.function}:{event.line} {event_line(event, size)}"


def is_entry(run: Run, at: int, function: str) -> bool:
    """Whether a known stop is the first one of this call of ``function``: no earlier stop in the same frame."""
    depth, access = run.depth(at), run.access_of(at)
    for step in range(at - 1, -1, -1):
        if run.access_of(step) != access:
            if run.event(step).cpu == run.event(at).cpu:
                return True
            continue
        before = run.depth(step)
        if before < depth:
            return True
        if before == depth:
            return run.event(step).function != function
    return True


def _agrees(event: Event, name: str, want: str | int) -> bool:
    if name in ("order", "i", "cpu", "reason"):
        return bool(getattr(event, name) == want)
    if name == "outcome":
        return want in (event.outcome, event.reason) if event.kind in BY_REASON else event.outcome == want
    value = dict(event.more).get(name)
    return value == want or str(value) == str(want)


def parse_location(text: str, functions: Iterable[str] = ()) -> Location:
    """A location from its text; ``LocationError`` with a hint if it means nothing.

    Forms: ``KIND``, ``KIND:OUTCOME``, ``KIND:NULL(leaf)``, ``KIND(attr=value, …)``, ``FUNCTION``, ``FUNCTION:LINE``,
    ``/PATTERN/``, ``*`` (any stop), ``end``, ``blocked``, ``bug``, ``alloc-fail``.  With ``functions`` (names of the
    modelled functions, perhaps with their lengths in lines) an unknown function or line is an error; without, only one
    that looks like a misspelt kind.
    """
    try:
        return _parse(text.strip(), functions)
    except LocationError as error:
        error.col = max(error.col, 0) + len(text) - len(text.lstrip())
        raise


def _parse(text: str, functions: Iterable[str]) -> Location:
    known = tuple(functions)
    if text[:1] == "/":
        return _pattern(text)
    if text == ANY:
        return Location(text, ANY)
    if not text or len(text) > 200:
        raise LocationError("the location is longer than 200 characters" if text else "the location is empty", _FORMS)
    match = _EVENT.fullmatch(ALIASES.get(text, text))
    if match and match["kind"] in (*KINDS, *ENDS):
        return Location(text, match["kind"], attributes(match))
    line = _LINE.fullmatch(text)
    if line is None or (line["function"] not in known if known else close(line["function"], KINDS, 0.75)):
        raise _unknown(text, match["kind"] if match else line["function"] if line else text, known)
    lines = functions.get(line["function"], 0) if isinstance(functions, Mapping) else 0
    hint = "line 1 is the one with the function's name"
    if lines and line["line"] and int(line["line"]) > lines:
        raise LocationError(f"{line['function']} has {lines} lines", hint, line.start("line"))
    if line["line"] and int(line["line"]) == 0:
        raise LocationError("lines count from 1", hint, line.start("line"))
    return Location(text, function=line["function"], line=int(line["line"] or 0))


def _pattern(text: str) -> Location:
    match = re.fullmatch(r"/((?:\\.|[^/\\])*)/", text)
    if match is None:
        raise LocationError("a pattern stands between two slashes", r"write \/ for a slash inside it", len(text))
    try:
        check(match[1])
    except PatternError as error:
        raise LocationError(error.message, "", error.pos + 1) from None
    return Location(text, pattern=match[1])


_FORMS = "KIND, KIND:OUTCOME, KIND(attr=value), FUNCTION, FUNCTION:LINE or /PATTERN/"


def _unknown(text: str, word: str, known: tuple[str, ...]) -> LocationError:
    shown = ascii(word)[1:-1]
    near = close(word, (*KINDS, *ENDS, *ALIASES, *known), 0.6)
    if near:
        return LocationError(f"unknown location {shown}", f"did you mean {near}?")
    return LocationError(f"unknown location {ascii(text)[1:-1]}", f"write {_FORMS}")
