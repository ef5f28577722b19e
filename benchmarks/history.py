# SPDX-License-Identifier: GPL-2.0-only
"""Going back: one stop, anywhere in a million stops, and what a stop costs in memory."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median

from benchmarks import workload
from benchmarks.report import Figure
from benchmarks.workload import Mix
from kernelmodel.session import Session

NAME = "history"
SHORT, LONG = 100_000, 1_000_000
"""Stops."""
PART = 1000
JUMPS = 100
SEED = 20230714
"""Of the random places that are jumped to."""
STOPS_A_WRITE = 17
"""At least: enough writes for the stops that are wanted."""


def session(stops: int, mix: Mix = workload.MIXED, memory: str = workload.MEMORY) -> Session:
    """At its first stop, with a scenario of more stops than this."""
    return Session(workload.scenario(mix, stops // STOPS_A_WRITE + 10, memory))


def grow(run: Session, stops: int) -> None:
    """Go on at the tip until this many stops are known."""
    run.seek(run.last)
    while run.last + 1 < stops:
        run.advance()


def journal_bytes(run: Session) -> float:
    """Bytes of history per stop: all four columns of the journal, and each stop's mark in it."""
    journal = run.m.journal
    columns = (journal.cell, journal.old, journal.new, journal.count, run.log.mark)
    return sum(len(column) * column.itemsize for column in columns) / len(run.log)


def log_bytes(run: Session) -> float:
    """Bytes per stop of what was decided there: the log's other columns."""
    log = run.log
    columns = (log.shape, log.addr, log.arg, log.fault, log.access)
    return sum(len(column) * column.itemsize for column in columns) / len(log)


def seconds(do: Callable[[], object], times: int = 1) -> float:
    """Per call."""
    began = time.perf_counter()
    for _ in range(times):
        do()
    return (time.perf_counter() - began) / times


def one_step(run: Session, stops: int, part: int = PART) -> tuple[list[float], list[float], list[float]]:
    """Grow to ``stops`` in parts, each walked back and forth once: seconds per stop at the tip, back, forth again."""
    tip, back, known = [], [], []
    while len(run.log) + part < stops:
        run.advance()  # its paths are driven again first, which is none of the step's cost
        tip.append(seconds(run.advance, part))
        back.append(seconds(lambda: run.seek(run.step - 1), part))
        known.append(seconds(lambda: run.seek(run.step + 1), part))
    return tip, back, known


def long_jumps(run: Session, count: int = JUMPS, part: int = PART) -> tuple[list[float], list[float], list[float]]:
    """Random seeks over all known stops, each tenth followed by a part at the tip: seconds a jump, of showing locals
    there, and a step forward."""
    places = random.Random(SEED)
    jumps, locals_, tip = [], [], []
    known = run.last
    for number in range(count):
        place = places.randint(0, known)
        jumps.append(seconds(partial(run.seek, place)))
        locals_.append(seconds(run.calls))
        if number % 10 == 0:
            run.seek(run.last)
            run.advance()
            tip.append(seconds(run.advance, part))
    return jumps, locals_, tip


def measure(short: int = SHORT, long: int = LONG, part: int = PART, jumps: int = JUMPS) -> Iterator[Figure]:
    """A history of ``short`` stops, walked in small steps; then one of ``long``, in large ones."""
    import numpy  # noqa: F401  # loaded before the clock runs: only the first long jump of a process would pay for it

    run = session(long + short)
    tip, back, known = one_step(run, short, part)
    yield Figure(NAME, "one stop back / one stop forward", median(back) / median(tip), "x", "<=", 1.5)
    yield Figure(NAME, "one known stop forward / one stop forward", median(known) / median(tip), "x")
    yield Figure(NAME, f"journal per stop, mixed blocks, {short:,} stops", journal_bytes(run), "bytes", "<=", 40)
    whole = session(short, workload.WHOLE)
    grow(whole, short)
    yield Figure(NAME, f"journal per stop, 64K blocks, {short:,} stops", journal_bytes(whole), "bytes", "<=", 40)
    yield Figure(NAME, "log per stop", log_bytes(run), "bytes")
    grow(run, long)
    jumped, shown, forward = long_jumps(run, jumps, part)
    step = median(forward)
    yield Figure(NAME, f"a jump in {long:,} stops, median", median(jumped) / step, "steps", "<=", 20_000)
    yield Figure(NAME, f"a jump in {long:,} stops, worst of {jumps}", max(jumped) / step, "steps", "<=", 20_000)
    yield Figure(NAME, "locals of an earlier stop, on top of the jump, median", median(shown) / step, "steps")
    yield Figure(NAME, "one stop forward", median(tip) * 1e6, "us")
    yield Figure(NAME, "one stop back", median(back) * 1e6, "us")
    yield Figure(NAME, f"a jump in {long:,} stops, median", median(jumped) * 1e3, "ms")
    yield Figure(NAME, f"a jump in {long:,} stops, worst of {jumps}", max(jumped) * 1e3, "ms")
    yield Figure(NAME, "locals of an earlier stop, on top of the jump, median", median(shown) * 1e3, "ms")
