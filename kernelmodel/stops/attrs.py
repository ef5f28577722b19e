# SPDX-License-Identifier: GPL-2.0-only
"""Outcomes and operands of a location (``alloc:NULL``, ``pte-range(order=4)``), and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from kernelmodel.defs import VM_FAULT_BITS
from kernelmodel.expr import ExprError, number
from kernelmodel.text_fault import TextFault

ENDS = ("end", "blocked")
"""Stops that are no decisions and can be stopped at all the same (``bug`` is both)."""
_TEXT_ATTRS = ("outcome", "reason", "found")
_NUMBER_ATTRS = ("order", "i", "cpu", "from", "to")
BY_REASON = ("fallback", "step-down")
"""Kinds without outcomes: ``fallback:alloc`` means its reason."""
_FOUND = ("none", "leaf", "migration")
OUTCOMES = {
    "uffd": "clear armed", "vma-bounds": "fits outside", "map-pte": "mapped NULL", "pte-range": "none populated",
    "alloc": "folio NULL", "charge": "0 -ENOMEM", "orig-pte": "pmd-none none present marker swap protnone NULL",
    "pmd-gate": "try none table leaf migration", "pmd-bounds": "fits outside", "huge-zero": "folio NULL",
    "pmd-recheck": "none changed", "huge-wp": "reuse copy split uffd", "pte-alloc": "table present NULL",
    "anon-vma": "0 -ENOMEM retry", "deferred": "0 -ENOMEM", "lock": "locked NULL", "recheck": "same changed",
    "reclaim": "progress none", "compact": "skipped deferred complete partial-skipped contended success",
    "stable": "stable unstable", "uffd-missing": "clear missing", "zero-page": "mapped",
    "marker": "uffd-wp stale poisoned guard", "wp": "reuse copy uffd", "wait": "migration",
    "fork-vma": "copied skipped shared", "fork-pmd": "table leaf huge-zero migration", "exit-vma": "unmapped",
    "madvise-vma": "flags same zap free populate refused", "madvise-free": "lazyfree split skipped",
    "uffd-register": "flags same", "uffd-unregister": "flags", "uffd-wp": "table leaf split", "uffd-wake": "range",
    "uffd-move": "leaf page zero swap split migration busy exists",
    **{f"uffd-{op}": "filled exists no-table" for op in ("copy", "zeropage", "poison")},
    "mmap-vma": "new refused", "munmap-vma": "detached", "mprotect-vma": "flags same",
    "mremap-vma": "same shrink grow move", "mremap-move": "table leaf split ptes",
    "zap-pmd": "none table leaf split huge-zero", "zap-folio": "freed partial", "free-pgtables": "freed kept",
    **{f"{verb}-split": "below above" for verb in ("madvise", "munmap", "mprotect", "mremap", "uffd")},
    **{f"{verb}-merge": "prev next both" for verb in ("madvise", "mmap", "mprotect", "mremap", "uffd")},
    "fallback": "policy uffd vma-bounds pte-range alloc deferred warn",
    "step-down": "vma-bounds pte-range alloc charge",
    "warn": "NULL", "pmd-same": "changed", "swap-in": "cached not-cached read", "prctl-set": "disable enable",
    "vma-lock": "locked no-vma write-locked detached other-mm moved no-anon-vma uffd-armed",
    "reap-vma": "zap", "shrink-count": "last in-use none", "shrink-scan": "refcount folio",
    "shrink-return": "freed kept", "collapse-alloc": "folio NULL", "collapse-charge": "0 -ENOMEM",
    "migrate-folio": "isolated skipped 0 -ENOMEM -EAGAIN", "migrate-move": "mapped unmapped",
    "swap-out-folio": "isolated skipped kept split", "swap-out-write": "slot discard",
    **dict.fromkeys(("migrate-unmap", "migrate-remap", "swap-out-unmap"), "leaf pte"),
    "return": " ".join(("0", *VM_FAULT_BITS)),
}  # fmt: skip
"""Outcomes that a kind can have (reasons, for those of ``BY_REASON``); kinds that are not here take any word.

Several bits of a ``return`` are joined by ``|``.
"""


class LocationError(TextFault):
    """A location that means nothing.

    ``message`` and ``hint`` (perhaps empty) are one line each; ``col`` is the column of the fault, from 0, in the text
    that was given, -1 if no place is at fault.
    """

    def __init__(self, message: str, hint: str = "", col: int = -1) -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint
        self.col = col

    @property
    def at(self) -> int:
        """The column, by the name that ``ExprError`` has for it, too."""
        return self.col


def attributes(match: re.Match[str]) -> tuple[tuple[str, str | int], ...]:
    """(attribute, value) of a location whose ``kind``, ``outcome`` and ``attrs`` were matched."""
    kind, outcome, attrs = match["kind"], match["outcome"], match["attrs"]
    found: list[tuple[str, str | int]] = []
    if (outcome or attrs is not None) and kind in ENDS:
        raise LocationError(f"{kind} has no outcome and no operands", f"write {kind}", match.end("kind"))
    if outcome:
        found.append(_attr(kind, "outcome", outcome, match.start("outcome")))
    if attrs is not None and attrs.strip() in _FOUND:
        return (*found, ("found", attrs.strip()))
    at = match.start("attrs")
    for part in attrs.split(",") if attrs is not None else ():
        name, equals, value = (piece.strip() for piece in part.partition("="))
        col = at + len(part) - len(part.lstrip())
        if not equals or not value:
            compared = re.fullmatch(r"\s*(order|i|cpu)\s*[<>!].*", part)
            hint = f"comparisons go into the condition: {kind} if {part.strip()}" if compared else _attr_hint(name)
            raise LocationError(f"expected attr=value, not {part.strip()!a}", hint, col)
        found.append(_attr(kind, name, value, col))
        at += len(part) + 1
    return tuple(found)


def _attr(kind: str, name: str, value: str, col: int) -> tuple[str, str | int]:
    if name in _NUMBER_ATTRS:
        try:
            return name, number(value)
        except ExprError as error:
            hint = f"comparisons go into the condition: {kind} if {name} > 3" if name in ("order", "i", "cpu") else ""
            raise LocationError(f"{name}: {error.message}", hint, col) from None
    if name not in _TEXT_ATTRS:
        raise LocationError(f"{kind} has no attribute {ascii(name)[1:-1]}", _attr_hint(name), col)
    outcomes = OUTCOMES.get(kind, "").split()
    told = name == "outcome" or (name == "reason" and kind in BY_REASON)
    words = value.split("|") if kind == "return" else [value]
    if told and outcomes and not set(words) <= set(outcomes):
        near = close(value, outcomes, 0.6)
        hint = f"did you mean {near}?" if near else "it has " + ", ".join(outcomes)
        raise LocationError(f"{kind} has no {name} {ascii(value)[1:-1]}", hint, col)
    return name, value


def _attr_hint(name: str) -> str:
    names = (*_TEXT_ATTRS, *_NUMBER_ATTRS)
    near = close(name, names, 0.6)
    return f"did you mean {near}=?" if near else "attributes are " + ", ".join(names)


def close(word: str, known: Iterable[str], cutoff: float) -> str:
    """The known word that this one was probably meant to be, '' if none is."""
    from difflib import get_close_matches

    by_lower = {each.lower(): each for each in known}
    near = get_close_matches(word.lower(), by_lower, 1, cutoff)
    return by_lower[near[0]] if near else ""
