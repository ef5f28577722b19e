# SPDX-License-Identifier: GPL-2.0-only
"""A machine to try things on: it reads as the real one does, and what it stores stays with it.

How a function that stores would turn out can be asked by calling it here: the answer is right because it is the same
function.  It costs what is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any, TypeVar

from kernelmodel.journal import Field, Journal
from kernelmodel.machine import Machine

T = TypeVar("T")
MOST = 4096
"""Answers that are kept."""


def tried(m: Machine, function: Callable[..., T], *arguments: Any) -> T:
    """What ``function(m, *arguments)`` would give now; no store.

    It is kept for whoever asks the same in this state, on this CPU, and for when the machine comes here again.  A
    search that watches what is read looks afresh.
    """
    if type(m.nr_free) is not Field:
        return function(shadow(m), *arguments)
    asked = m.journal.mark(), m.journal.cuts, m.this_cpu, function, *arguments
    if asked not in m.tried:
        if len(m.tried) >= MOST:
            m.tried.clear()
        m.tried[asked] = function(shadow(m), *arguments)
    found: T = m.tried[asked]
    return found


def shadow(m: Machine) -> Machine:
    """A copy of a machine whose stores no one sees."""
    journal = _Deaf()
    new = copy(m)
    new.journal = journal
    views = {id(field): _View(field) for field in m.journal.fields}
    journal.fields = list(views.values())
    for name, value in vars(m).items():
        if isinstance(value, Field):
            setattr(new, name, views[id(value)])
    new.lists = lists = copy(m.lists)
    lists.journal = journal
    lists.next, lists.prev = views[id(lists.next)], views[id(lists.prev)]
    lists.order_of, lists.nr = new.buddy_order, new.nr_free
    return new


class _Deaf(Journal):
    """Keeps nothing: there is no way back."""

    def log(self, cell: int, old: int, new: int, stride: int) -> None:
        pass

    def log_run(self, cell: int, old: int, new: int, n: int) -> None:
        pass

    def log_link(self, cell: int, pred: int, succ: int, flags: int) -> None:
        pass


class _View(Field):
    """Cells of another Field with those beside it that were stored here.

    What is not stored here is read by the other Field's own methods: a search takes note of it there.
    """

    __slots__ = ("base", "cells")

    def __init__(self, base: Field) -> None:
        self.name, self.default = base.name, base.default
        self.base: Field = base
        self.cells: dict[int, int] = {}
        if isinstance(base, _View):
            self.base, self.cells = base.base, dict(base.cells)

    def get(self, i: int) -> int:
        value = self.cells.get(i)
        return self.base.get(i) if value is None else value

    def set(self, i: int, value: int) -> None:
        self.cells[i] = value

    def add(self, i: int, delta: int) -> int:
        value = self.cells[i] = self.get(i) + delta
        return value

    def fill(self, i: int, n: int, value: int) -> None:
        self.cells.update(dict.fromkeys(range(i, i + n), value))

    def run(self, i: int, n: int) -> list[int]:
        found, cells = self.base.run(i, n), self.cells
        if cells:
            for k in range(i, i + n):
                if k in cells:
                    found[k - i] = cells[k]
        return found

    def poke(self, i: int, value: int) -> None:
        self.cells[i] = value

    def slot(self, i: int) -> int:
        return i

    def items(self) -> Iterator[tuple[int, int]]:
        found = {**dict(self.base.items()), **self.cells}
        return iter(sorted((i, value) for i, value in found.items() if value != self.default))
