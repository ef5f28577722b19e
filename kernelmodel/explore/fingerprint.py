# SPDX-License-Identifier: GPL-2.0-only
"""What a suspended path is, as a value: code, instruction and locals of each function on its stack.

Pages that it holds are named by their place among those that it mentions, so that two paths that differ only in which
page plays which part are one.  Counters of passes are left out.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any

from kernelmodel.arch import Arch
from kernelmodel.decision import HIDDEN, Decision, Driver
from kernelmodel.machine import Machine
from kernelmodel.members import Struct
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Folio, VmFault

COUNTERS = frozenset({"faults"})
"""Locals that count passes and decide nothing."""
LEFT_OUT = HIDDEN - {"setpte"} | COUNTERS
"""Never changes, or is not read any more after a stop."""
ENTRIES = frozenset({"entry", "orig_pte", "orig_pmd", "value", "old", "pte_value", "pmdval"})
"""Names of locals that are page-table entries."""
_VMF = tuple(name for name in VmFault.__slots__ if name not in ("m", "cpu"))

Key = tuple[Any, ...]


class Unfit(TypeError):
    """A local that no fingerprint can hold: the path breaks the house's rules."""


class Fingerprints:
    """Fingerprints of paths over one machine.  ``m`` None: a world without pages."""

    def __init__(self, m: Machine | None) -> None:
        self.m = m
        self._places: dict[int, int] = {}

    def of(self, path: Driver) -> tuple[Key, tuple[int, ...]]:
        """(the path as a value, pfns of the pages that it holds in the order in which they are mentioned)."""
        self._places = {}
        found: list[Any] = []
        for code, instruction, now in path.frames():
            found.append(code)
            found.append(instruction)
            found.extend([self._value(name, now[name]) for name in sorted(now) if name not in LEFT_OUT])
        return tuple(found), tuple(self._places)

    def _value(self, name: str, value: Any) -> Any:
        kind = type(value)
        if kind is int:
            return self._int(name, value)
        if value is None or kind is str or kind is bool or kind is Action:
            return value
        if kind is Folio:
            return "folio", self._place(value.id)
        if isinstance(value, Struct):
            return kind.cname, value.id
        if kind is VmFault:
            return tuple(self._value(each, getattr(value, each)) for each in _VMF)
        if kind is tuple or kind is list:
            return tuple(self._value(name, each) for each in value)
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return tuple(self._value(each, getattr(value, each)) for each in value._fields)
        if kind is dict or kind is set or kind is frozenset:
            items = sorted(value.items() if kind is dict else value)
            return tuple(self._value(name, each) for each in items)
        if kind is FunctionType or isinstance(value, Machine | Arch | Decision):
            return None  # what they hold are locals, too, or never changes
        raise Unfit(f"{name} is a {kind.__name__}: a path may not keep one over a stop")

    def _place(self, pfn: int) -> int:
        return self._places.setdefault(pfn, len(self._places))

    def _int(self, name: str, value: int) -> Any:
        """A number; if it can name a page, that page is mentioned, and an entry is told by its bits and the page."""
        m = self.m
        if m is None or value <= 0:
            return value
        if m.zone_of(value) >= 0:
            self._place(value)
        present = m.arch.pte_present(value)
        if not present and m.arch.pte_kind(value) != "migration":
            return value
        pfn = m.arch.pte_pfn(value) if present else m.arch.swp_offset(value)
        if m.zone_of(pfn) < 0:
            return value
        place = self._place(pfn)
        return ("entry", value & ~m.arch.pfn_mask, place) if present and name in ENTRIES else value
