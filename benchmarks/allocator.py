# SPDX-License-Identifier: GPL-2.0-only
"""What large and aged memory costs: a step, the start, memory, allocations, the map of pageblocks, going back.

Allocations are measured as pairs: one of the blocks in use is given back, one of a random order is taken, with
everything that decides which (zonelist, watermarks, own lists, split, merge), and all of it can be undone.
"""

from __future__ import annotations

import gc
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks import explore, history, programs, start, step, workload
from benchmarks.dict_buddy import Buddy
from benchmarks.report import Figure
from kernelmodel import scenario
from kernelmodel.defs import GFP_HIGHUSER_MOVABLE, MIGRATE_MOVABLE, WMARK_LOW
from kernelmodel.look.blockmap import block_map
from kernelmodel.machine import Machine
from kernelmodel.mm.freelist import Found, rmqueue
from kernelmodel.mm.page_alloc import free_pages, look
from kernelmodel.session import Session
from kernelmodel.snapshot import View
from tui.paint import blockmap
from tui.paint.look import Look

NAME = "allocator"
SMALL = 'size = "64M"\n'
LARGE = 'size = "64G"\n'
FRESH = (
    """\
[[memory.node]]
zone = [
    { name = "DMA", size = "15M" },
    { name = "DMA32", size = "3G" },
    { name = "Normal", size = "1020G" },
]
"""
    + 3 * '[[memory.node]]\nsize = "1T"\n'
)
"""4 TiB on four nodes."""
MOST_MEMORY = 400
"""MiB for it."""

STEPS = 120
SIZE = (200, 60)
"""Of the terminal: every pane is shown."""
STARTS = 15
ROUNDS = 60
PAIRS = 500
"""A round."""
LIVE = 64
"""Blocks in use."""
ORDERS = (*(0,) * 8, *(1,) * 3, *(2,) * 2, *(3,) * 2, *(4,) * 4, 5, 6, 7, 8, 9)
SEED = 20230714
DRAWN = 60
STOPS = 20_000
PART = 500


def aged(size: str, pcp: bool = True) -> str:
    """The table ``[memory]`` of a zone that has been in use for long."""
    return f'size = "{size}"\npcp = {str(pcp).lower()}\nfragment = {{ seed = 1 }}\n'


def session(memory: str, variant: str = "6.18") -> Session:
    """At its first stop."""
    text = workload.text(workload.WHOLE, 1, memory).replace('variant = "v3"', f'variant = "{variant}"')
    text = text.replace("\n[boot]\narch_wants_pte_order = 4\n", "")  # a knob of v3
    return Session(scenario.loads(text, "memory.toml"))


# -- key to paint, start, memory -------------------------------------------------------------------------
def seen(count: int, starts: int, scratch: Path) -> Iterator[Figure]:
    """The debugger on a terminal: 4 TiB and 64 MiB in turn."""
    env = programs.environment(scratch)
    chosen = []
    for name, memory in (("fresh", FRESH), ("small", SMALL)):
        file = scratch / f"{name}.toml"
        file.write_text(workload.text(workload.MIXED, step.WRITES, memory), encoding="utf-8")
        chosen.append(programs.debugger(file))
    large, small = ([each.seconds for each in one] for one in step.steps(tuple(chosen), SIZE, count, env))
    title = f"fresh 4 TiB / 64 MiB: key to last byte at {SIZE[0]}x{SIZE[1]}"
    yield Figure(NAME, title, median(large) / median(small), "x", "<=", 1.2)
    keys: list[list[float]] = [[], []]
    for run in range(start.WARM_UP + starts):
        for taken, program in zip(keys, chosen, strict=True):
            key = start.start(program, env).key
            if run >= start.WARM_UP:
                taken.append(key)
    title = "fresh 4 TiB / 64 MiB: start to the first key accepted"
    yield Figure(NAME, title, median(keys[0]) / median(keys[1]), "x", "<=", 1.5)
    for words, title in ((("tui.cli", "run"), "run"), (("benchmarks.allocator",), "session with its snapshots")):
        peak = explore.peak([*words, str(scratch / "fresh.toml")]).peak
        yield Figure(NAME, f"fresh 4 TiB: memory of {title}", peak, "MiB", "<=", MOST_MEMORY)


def show(file: str) -> None:
    """Run a scenario to its end; at each stop a snapshot with the map."""
    run = Session(scenario.load(file))
    while not run.finished:
        run.advance()
        run.snapshot(View(allocator=("test", "map", "pcp", "path"), cells=blockmap.wanted(*SIZE)))


# -- allocations -----------------------------------------------------------------------------------------
class Traffic:
    """Pairs on one machine, or on the dicts."""

    def __init__(self, memory: Machine | Buddy) -> None:
        self.memory = memory
        self.live: list[tuple[int, int]] = []
        """(pfn, order) of what is in use."""

    def pairs(self, wanted: list[tuple[int, int]]) -> float:
        """Seconds a pair, for these orders and places of what is given back."""
        memory, live = self.memory, self.live
        while len(live) < LIVE:
            live.append((self.take(0), 0))
        began = time.perf_counter()
        if isinstance(memory, Buddy):
            for order, at in wanted:
                memory.release(*live[at])
                live[at] = memory.allocate(order, MIGRATE_MOVABLE), order
        else:
            for order, at in wanted:
                free_pages(memory, *live[at])
                found = look(memory, GFP_HIGHUSER_MOVABLE, order)
                assert isinstance(found, Found)
                live[at] = rmqueue(memory, found, order, MIGRATE_MOVABLE), order
        return (time.perf_counter() - began) / len(wanted)

    def take(self, order: int) -> int:
        """One block."""
        if isinstance(self.memory, Buddy):
            return self.memory.allocate(order, MIGRATE_MOVABLE)
        found = look(self.memory, GFP_HIGHUSER_MOVABLE, order)
        assert isinstance(found, Found)
        return rmqueue(self.memory, found, order, MIGRATE_MOVABLE)

    def takes(self, orders: list[int]) -> float:
        """Seconds for one allocation; what was taken is given back outside of the clock."""
        began = time.perf_counter()
        taken = [(self.take(order), order) for order in orders]
        seconds = (time.perf_counter() - began) / len(orders)
        assert isinstance(self.memory, Machine)
        for each in taken:
            free_pages(self.memory, *each)
        return seconds


def in_dicts(m: Machine) -> Buddy:
    """All of a machine's free blocks, and its pageblocks' types, in the bare allocator."""
    span, units = m.zones[0], m.units[0]
    assert units is not None
    order, pageblock_order = m.arch.max_order, m.arch.pageblock_order
    bare = Buddy(span.start, span.end, order, pageblock_order, m.watermark.get(WMARK_LOW), span.reserve[3])
    for unit, kind in enumerate(units.kinds, units.first):
        template = units.templates[kind]
        bare.types.update(enumerate(template.types, unit << order - pageblock_order))
        bare.fill(((unit << order) + offset, each, mt) for offset, each, mt in template.blocks)
    return bare


def allocations(rounds: int, pairs: int) -> Iterator[Figure]:
    """Round by round in turn: the dicts, 1 GiB, 64 GiB, without and with the CPUs' own lists."""
    machines = [session(aged(size, pcp)).m for pcp in (False, True) for size in ("1G", "64G")]
    traffic = [Traffic(in_dicts(machines[0])), *map(Traffic, machines)]
    rng = random.Random(SEED)
    taken: list[list[float]] = [[] for _ in traffic]
    for run in range(rounds + rounds // 3):
        wanted = [(rng.choice(ORDERS), rng.randrange(LIVE)) for _ in range(pairs)]
        for each, seconds in zip(traffic, taken, strict=True):
            found = each.pairs(wanted)
            if run >= rounds // 3:  # before that, much of the memory is touched for the first time
                seconds.append(found)
    dicts, *ours = taken
    for small, large, title in ((*ours[:2], "zone's lists alone"), (*ours[2:], "with the CPUs' own lists")):
        size = median(b / a for a, b in zip(small, large, strict=True))
        yield Figure(NAME, f"pair of alloc and free, {title}: aged 64 GiB / 1 GiB", size, "x", "<=", 1.2)
    for large, title, target in ((ours[1], "zone's lists alone", 4.0), (ours[3], "with the CPUs' own lists", 0.0)):
        ratio = median(b / a for a, b in zip(dicts, large, strict=True))
        bound = ("<=", target) if target else ("", 0.0)
        yield Figure(NAME, f"pair of alloc and free, {title}: aged 64 GiB / bare dicts", ratio, "x", *bound)
    yield Figure(NAME, "pair of alloc and free, bare dicts", median(dicts) * 1e6, "us")
    yield Figure(NAME, "pair of alloc and free, zone's lists alone, aged 64 GiB", median(ours[1]) * 1e6, "us")


# -- the map, going back -----------------------------------------------------------------------------------
def map_drawn(times: int) -> Iterator[Figure]:
    """The map of 1 TiB after each of some allocations; the first one sums the memory up."""
    run = session(aged("1T"))
    snap = run.snapshot(View())
    traffic, orders = Traffic(run.m), [4] * 64
    drawn, taken = [], []
    for _ in range(1 + times):
        taken.append(traffic.takes(orders))
        began = time.perf_counter()
        blocks = block_map(run.m).view(0, blockmap.wanted(*SIZE))
        blockmap.paint(snap._replace(blocks=blocks), Look(), *SIZE)
        drawn.append(time.perf_counter() - began)
    one, first = median(taken), drawn.pop(0)
    cells = f"{len(blocks.fill):,} cells"
    yield Figure(NAME, f"map of aged 1 TiB drawn, {cells}", median(drawn) / one, "allocations", "<=", 500)
    yield Figure(NAME, f"map of aged 1 TiB drawn the first time, {cells}", first / one, "allocations")
    yield Figure(NAME, f"map of aged 1 TiB drawn, {cells}", median(drawn) * 1e3, "ms")
    yield Figure(NAME, f"map of aged 1 TiB drawn the first time, {cells}", first * 1e3, "ms")


def back(stops: int, part: int) -> Iterator[Figure]:
    """Going back one stop, in turn on aged and on fresh memory (of one size: so many stops need some), part by part."""
    runs = [history.session(2 * stops, memory=memory) for memory in (aged("64G"), LARGE)]
    found: list[list[tuple[float, float]]] = [[], []]
    for known in range(2 * part, stops, 2 * part):
        for run, taken in zip(runs, found, strict=True):
            history.grow(run, known)
            tip, backwards, _ = history.one_step(run, known + part + 1, part)
            taken.extend(zip(tip, backwards, strict=True))
    large, small = ([b for _, b in taken] for taken in found)
    title = "one stop back, aged 64 GiB"
    yield Figure(NAME, f"{title} / fresh 64 GiB", median(b / a for a, b in zip(small, large, strict=False)), "x")
    yield Figure(NAME, f"{title} / one stop forward there", median(b / a for a, b in found[0]), "x", "<=", 1.5)
    yield Figure(NAME, "journal per stop, aged 64 GiB", history.journal_bytes(runs[0]), "bytes")


def measure(
    count: int = STEPS, starts: int = STARTS, rounds: int = ROUNDS, pairs: int = PAIRS, drawn: int = DRAWN,
    stops: int = STOPS, part: int = PART,
) -> Iterator[Figure]:  # fmt: skip
    """Everything."""
    with tempfile.TemporaryDirectory() as folder:
        yield from seen(count, starts, Path(folder))
    gc.collect()
    yield from allocations(rounds, pairs)
    yield from map_drawn(drawn)
    yield from back(stops, part)


if __name__ == "__main__":
    show(sys.argv[1])
