# SPDX-License-Identifier: GPL-2.0-only
"""The invariants over all states of a machine: each is looked at again only where a field that it reads is another."""

from __future__ import annotations

from functools import partial

from kernelmodel.explore.world import World
from kernelmodel.invariants import ALWAYS, SETTLED, Check
from kernelmodel.machine import Machine

Found = tuple[tuple[str, str], ...]
"""(name, words) of what is broken."""


class Memory:
    """What was said of states, by the fields that were looked at to say it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.fields: set[int] = set()
        """Numbers of the fields that were looked at so far."""
        self._chunks: list[int] = []
        self._known = 0
        self._said: dict[tuple[int, ...], Found] = {}

    def recall(self, state: int) -> Found | None:
        """What was said where these fields were the same; None if nothing was."""
        if self._known != len(self.world.varying):
            self._sort_chunks()
        return self._said.get(self._key(state))

    def keep(self, state: int, said: Found, seen: set[int]) -> None:
        """It was said of a state, by looking at these fields."""
        if not seen <= self.fields:
            self.fields |= seen
            self._said.clear()
            self._known = 0
            self._chunks.clear()
        if self._known != len(self.world.varying):
            self._sort_chunks()
        self._said[self._key(state)] = said

    def _key(self, state: int) -> tuple[int, ...]:
        contents = self.world.states[state]
        n = len(contents)
        return tuple([contents[chunk] if chunk < n else 0 for chunk in self._chunks])

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


class Group:
    """Invariants that are asked together."""

    def __init__(self, checks: dict[str, Check], m: Machine, world: World) -> None:
        self.m = m
        self.world = world
        self.all = Memory(world)
        self.each = [(name, check, Memory(world)) for name, check in checks.items()]

    def of(self, state: int) -> Found:
        """What is broken in a state of the machine."""
        known = self.all.recall(state)
        if known is not None:
            return known
        unknown = [(name, check, memory) for name, check, memory in self.each if memory.recall(state) is None]
        if unknown:
            self.world.restore(state)
            looks = [partial(_ask, name, check, self.m) for name, check, _ in unknown]
            for (_, _, memory), (said, seen) in zip(unknown, self.world.watch(looks), strict=True):
                memory.keep(state, said, seen)
        found = tuple(each for _, _, memory in self.each for each in memory.recall(state) or ())
        self.all.keep(state, found, set().union(*(memory.fields for _, _, memory in self.each)))
        return found


def _ask(name: str, check: Check, m: Machine) -> Found:
    return tuple((name, text) for text in check(m))


class Wrong:
    """All of them."""

    def __init__(self, m: Machine, world: World) -> None:
        self.always = Group(ALWAYS, m, world)
        self.settled = Group(SETTLED, m, world)

    def of(self, state: int, settled: bool = False) -> Found:
        """What is broken in a state; ``settled``: nobody is under way in it."""
        found = self.always.of(state)
        return found + self.settled.of(state) if settled else found
