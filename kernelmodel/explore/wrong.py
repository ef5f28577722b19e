# SPDX-License-Identifier: GPL-2.0-only
"""The invariants over all states of a machine: each is looked at again only where a field that it reads is another."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kernelmodel.explore.world import World
from kernelmodel.invariants import ALWAYS, SETTLED
from kernelmodel.machine import Machine

Found = tuple[tuple[str, str], ...]
"""(name, words) of what is broken."""


class Invariant:
    """One of them, with what it said of the states so far."""

    def __init__(self, name: str, check: Callable[[Machine], Iterator[str]], m: Machine, world: World) -> None:
        self.name = name
        self.check = check
        self.m = m
        self.world = world
        self.fields: set[int] = set()
        """Numbers of the fields that it has looked at so far."""
        self._chunks: list[int] = []
        self._known = 0
        self._said: dict[tuple[int, ...], Found] = {}

    def of(self, state: int) -> Found:
        """What is broken in a state of the machine."""
        contents = self.world.states[state]
        if self._known != len(self.world.varying):
            self._sort_chunks()
        n = len(contents)
        key = tuple([contents[chunk] if chunk < n else 0 for chunk in self._chunks])
        known = self._said.get(key)
        if known is not None:
            return known
        self.world.restore(state)
        said, seen = self.world.watch(lambda: tuple((self.name, text) for text in self.check(self.m)))
        if not seen <= self.fields:
            self.fields |= seen
            self._said.clear()
            self._known = 0
            self._chunks.clear()
            self._sort_chunks()
            key = tuple([contents[chunk] if chunk < n else 0 for chunk in self._chunks])
        self._said[key] = said
        return said

    def _sort_chunks(self) -> None:
        """Which chunks count: those that vary.  One that is new among them was the same in all states before."""
        world = self.world
        new = [n for n in world.varying[self._known :] if world.chunks[n][0].fid in self.fields]
        self._known = len(world.varying)
        self._chunks += new
        first = world.states[0]
        if new and self._said:
            more = [first[n] if n < len(first) else 0 for n in new]
            self._said = {(*key, *more): said for key, said in self._said.items()}


class Wrong:
    """All of them."""

    def __init__(self, m: Machine, world: World) -> None:
        self.always = [Invariant(name, check, m, world) for name, check in ALWAYS.items()]
        self.settled = [Invariant(name, check, m, world) for name, check in SETTLED.items()]

    def of(self, state: int, settled: bool = False) -> Found:
        """What is broken in a state; ``settled``: nobody is under way in it."""
        every = self.always + self.settled if settled else self.always
        return tuple(found for each in every for found in each.of(state))
