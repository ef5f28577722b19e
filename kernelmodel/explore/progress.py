# SPDX-License-Identifier: GPL-2.0-only
"""Progress: is there a cycle that never ends although nobody refuses anything and every CPU gets its turn?"""

from __future__ import annotations

from collections.abc import Iterator

from kernelmodel.explore.moves import LOCAL_BITS, LOCAL_MASK, POLL, Moves, Namer, named
from kernelmodel.explore.types import Progress


def endless(moves: Moves, name: Namer | None, start: int, poll: Progress) -> dict[int, str]:
    """States (by name) on cycles that can go on for ever, with the word for it; empty if every run ends.

    A cycle counts if each CPU makes a step of it, or can't go on somewhere in it: one that only starves another CPU is
    the scheduler's doing.  Steps in which the environment refuses something do not count.
    """
    if not any(label.again for labels in moves.labels.values() for label in labels):
        return {}
    found: dict[int, str] = {}
    for cycle in components(moves, name, start, poll):
        moving = {cpu for _, edges in cycle.values() for cpu, after in edges if after in cycle}
        stuck = {cpu for whole, _ in cycle.values() for cpu in range(moves.n) if not _goes(moves, whole, cpu)}
        if moving and moving | stuck == set(range(moves.n)):
            found.update(dict.fromkeys(cycle, "endless-refault"))
    return found


Cycle = dict[int, tuple[int, list[tuple[int, int]]]]
"""By name: the whole state, and (CPU, name of the state after) of its steps."""


def components(moves: Moves, name: Namer | None, start: int, poll: Progress) -> list[Cycle]:
    """Strongly connected components with more than one state, or with a step to itself (Tarjan, without recursion)."""
    edges: Cycle = {}
    index: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    waiting: set[int] = set()
    found: list[Cycle] = []
    work: list[tuple[int, Iterator[tuple[int, int, int]]]] = []

    def enter(node: int, whole: int) -> None:
        index[node] = low[node] = len(index)
        if not len(index) % POLL:
            poll(len(index), 0)
        stack.append(node)
        waiting.add(node)
        steps = _steps(moves, name, whole)
        edges[node] = (whole, [(cpu, after) for cpu, after, _ in steps])
        work.append((node, iter(steps)))

    def leave(node: int) -> None:
        members: list[int] = []
        while not members or members[-1] != node:
            members.append(stack.pop())
        waiting.difference_update(members)
        if len(members) > 1 or any(after == node for _, after in edges[node][1]):
            found.append({member: edges[member] for member in members})
        else:
            del edges[node]

    enter(named(moves, name, start), start)
    while work:
        node, rest = work[-1]
        for _, after, whole in rest:
            if after not in index:
                enter(after, whole)
                break
            if after in waiting:
                low[node] = min(low[node], index[after])
        else:
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == index[node]:
                leave(node)
    return found


def _steps(moves: Moves, name: Namer | None, whole: int) -> list[tuple[int, int, int]]:
    """(CPU, name of the state after, that state) of every step in which nothing is refused.

    One that no other CPU can notice stands for all.
    """
    found = []
    state = moves.state(whole) << LOCAL_BITS
    for cpu, shift in enumerate(moves.shifts):
        pair = state | whole >> shift & LOCAL_MASK
        differences = moves.of(pair, cpu)
        mine = [
            (cpu, named(moves, name, whole + difference), whole + difference)
            for difference, label in zip(differences, moves.labels[pair], strict=True)
            if not label.refused
        ]
        if mine and pair in moves.quiet:
            return mine
        found += mine
    return found


def _goes(moves: Moves, whole: int, cpu: int) -> bool:
    pair = moves.state(whole) << LOCAL_BITS | whole >> moves.shifts[cpu] & LOCAL_MASK
    return bool(moves.by_pair.get(pair)) or pair in moves.bugs
