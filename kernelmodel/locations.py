# SPDX-License-Identifier: GPL-2.0-only
"""Where a breakpoint stops: a decision kind, its outcome, its operands, or a line of a modelled function."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kernelmodel.decision import KINDS
from kernelmodel.expr import ExprError, number
from kernelmodel.snapshot import Event
from kernelmodel.stop_env import Run

ENDS = ("end", "blocked")
"""Stops that are no decisions and can be stopped at all the same (``bug`` is both)."""
ALIASES = {"alloc-fail": "alloc:NULL", "charge-fail": "charge:-ENOMEM"}

_TEXT_ATTRS = ("outcome", "reason", "found")
_NUMBER_ATTRS = ("order", "i", "cpu", "from", "to")
_BY_REASON = ("fallback", "step-down")
"""Kinds without outcomes: ``fallback:alloc`` means its reason."""
_FOUND = ("none", "leaf", "migration")
_OUTCOMES = {
    "uffd": "clear armed", "vma-bounds": "fits outside", "map-pte": "mapped NULL", "pte-range": "none populated",
    "alloc": "folio NULL", "charge": "0 -ENOMEM", "orig-pte": "pmd-none none present marker swap protnone NULL",
    "pmd-gate": "try none table leaf migration", "pmd-bounds": "fits outside", "huge-zero": "folio NULL",
    "pmd-recheck": "none changed", "huge-wp": "reuse copy split", "pte-alloc": "table present NULL",
    "anon-vma": "0 -ENOMEM retry", "deferred": "0 -ENOMEM", "lock": "locked NULL", "recheck": "same changed",
    "stable": "stable unstable", "uffd-missing": "clear missing", "zero-page": "mapped",
    "marker": "uffd-wp stale poisoned guard", "wp": "reuse copy uffd", "wait": "migration",
    "fallback": "policy uffd vma-bounds pte-range alloc deferred", "step-down": "vma-bounds pte-range alloc charge",
}  # fmt: skip
"""Outcomes that a kind can have (reasons, for those of ``_BY_REASON``); kinds that are not here take any word."""

_EVENT = re.compile(r"(?P<kind>[a-z][a-z0-9-]*)(?::(?P<outcome>[^\s()]+))?(?:\((?P<attrs>[^()]*)\))?")
_LINE = re.compile(r"(?P<function>[A-Za-z_][A-Za-z0-9_]*)(?::(?P<line>[0-9]{1,9}))?")


class LocationError(Exception):
    """A location that means nothing.  ``message`` and ``hint`` (perhaps empty) are one line each."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint


class Location(NamedTuple):
    """A parsed location.  Either ``kind`` is set (with ``attrs`` that must all agree), or ``function``."""

    text: str
    kind: str = ""
    attrs: tuple[tuple[str, str | int], ...] = ()
    function: str = ""
    line: int = 0
    """Counts from the ``def`` line (1); 0: where the function is entered, that is its first stop."""

    def matches(self, run: Run, at: int, event: Event) -> bool:
        """Whether the known stop ``at`` of ``run``, whose event is ``event``, is meant.  Moves nothing."""
        if self.function:
            return event.function == self.function and (
                event.line == self.line if self.line else is_entry(run, at, event.function)
            )
        if self.kind in ENDS or event.kind == "":
            return at == run.step and run.stop.kind == self.kind
        if self.kind == "bug" and at == run.step and run.stop.kind == "bug":
            return True
        return event.kind == self.kind and all(_agrees(event, name, want) for name, want in self.attrs)


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
        return want in (event.outcome, event.reason) if event.kind in _BY_REASON else event.outcome == want
    value = dict(event.more).get(name)
    return value == want or str(value) == str(want)


def parse_location(text: str, functions: Iterable[str] = ()) -> Location:
    """A location from its text; ``LocationError`` with a hint if it means nothing.

    Forms: ``KIND``, ``KIND:OUTCOME``, ``KIND:NULL(leaf)``, ``KIND(attr=value, …)``, ``FUNCTION``, ``FUNCTION:LINE``,
    ``end``, ``blocked``, ``bug``, ``alloc-fail``.  With ``functions`` (names of the modelled functions, perhaps with
    their lengths in lines) an unknown function or line is an error; without, only one that looks like a misspelt kind.
    """
    text = text.strip()
    known = tuple(functions)
    if not text or len(text) > 200:
        raise LocationError("the location is longer than 200 characters" if text else "the location is empty", _FORMS)
    if text[0] == "/":
        raise LocationError("regular expressions are not supported as locations", _FORMS)
    match = _EVENT.fullmatch(ALIASES.get(text, text))
    if match and match["kind"] in (*KINDS, *ENDS):
        return Location(text, match["kind"], _attrs(match["kind"], match["outcome"], match["attrs"]))
    line = _LINE.fullmatch(text)
    if line is None or (line["function"] not in known if known else _close(line["function"], KINDS, 0.75)):
        raise _unknown(text, match["kind"] if match else line["function"] if line else text, known)
    lines = functions.get(line["function"], 0) if isinstance(functions, Mapping) else 0
    if lines and line["line"] and int(line["line"]) > lines:
        raise LocationError(f"{line['function']} has {lines} lines", "line 1 is the one with the function's name")
    if line["line"] and int(line["line"]) == 0:
        raise LocationError("lines count from 1", "line 1 is the one with the function's name")
    return Location(text, function=line["function"], line=int(line["line"] or 0))


_FORMS = "KIND, KIND:OUTCOME, KIND(attr=value), FUNCTION or FUNCTION:LINE"


def _unknown(text: str, word: str, known: tuple[str, ...]) -> LocationError:
    shown = ascii(word)[1:-1]
    close = _close(word, (*KINDS, *ENDS, *ALIASES, *known), 0.6)
    if close:
        return LocationError(f"unknown location {shown}", f"did you mean {close}?")
    return LocationError(f"unknown location {ascii(text)[1:-1]}", f"write {_FORMS}")


def _attrs(kind: str, outcome: str | None, attrs: str | None) -> tuple[tuple[str, str | int], ...]:
    found: list[tuple[str, str | int]] = []
    if (outcome or attrs is not None) and kind in ENDS:
        raise LocationError(f"{kind} has no outcome and no operands", f"write {kind}")
    if outcome:
        found.append(_attr(kind, "outcome", outcome))
    if attrs is not None and attrs.strip() in _FOUND:
        return (*found, ("found", attrs.strip()))
    for part in attrs.split(",") if attrs is not None else ():
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not value:
            compared = re.fullmatch(r"\s*(order|i|cpu)\s*[<>!].*", part)
            hint = f"comparisons go into the condition: {kind} if {part.strip()}" if compared else _attr_hint(name)
            raise LocationError(f"expected attr=value, not {part.strip()!a}", hint)
        found.append(_attr(kind, name, value))
    return tuple(found)


def _attr(kind: str, name: str, value: str) -> tuple[str, str | int]:
    if name in _NUMBER_ATTRS:
        try:
            return name, number(value)
        except ExprError as error:
            hint = f"comparisons go into the condition: {kind} if {name} > 3" if name in ("order", "i", "cpu") else ""
            raise LocationError(f"{name}: {error.message}", hint) from None
    if name not in _TEXT_ATTRS:
        raise LocationError(f"{kind} has no attribute {ascii(name)[1:-1]}", _attr_hint(name))
    outcomes = _OUTCOMES.get(kind, "").split()
    if name == "outcome" and outcomes and value not in outcomes:
        close = _close(value, outcomes, 0.6)
        hint = f"did you mean {close}?" if close else "it has " + ", ".join(outcomes)
        raise LocationError(f"{kind} has no outcome {ascii(value)[1:-1]}", hint)
    return name, value


def _attr_hint(name: str) -> str:
    names = (*_TEXT_ATTRS, *_NUMBER_ATTRS)
    close = _close(name, names, 0.6)
    return f"did you mean {close}=?" if close else "attributes are " + ", ".join(names)


def _close(word: str, known: Iterable[str], cutoff: float) -> str:
    from difflib import get_close_matches

    by_lower = {each.lower(): each for each in known}
    close = get_close_matches(word.lower(), by_lower, 1, cutoff)
    return by_lower[close[0]] if close else ""
