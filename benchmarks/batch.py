# SPDX-License-Identifier: GPL-2.0-only
"""Decisions per second in ``run``, records included, against the same run with every Python line traced.

A debugger for Python code would have to trace lines to stop where this one stops by itself; the tracer here does the
least that such a one can do, it counts.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterator
from statistics import median
from types import FrameType
from typing import Any

from benchmarks import workload
from benchmarks.report import Figure
from kernelmodel.scenario.types import Scenario
from kernelmodel.session import Session
from tui.headless import Output, emit

NAME = "run"
PAIRS = 7
WRITES = 120


class LineCounter:
    """A trace function that counts lines."""

    def __init__(self) -> None:
        self.lines = 0

    def __call__(self, frame: FrameType, event: str, arg: Any) -> LineCounter:
        """Called for each event of each frame."""
        if event == "line":
            self.lines += 1
        return self


def run(scenario: Scenario) -> tuple[int, float]:
    """The whole scenario, written as NDJSON into memory: (decisions, seconds)."""
    out = Output("ndjson", io.StringIO(), io.StringIO())
    began = time.perf_counter()
    session = Session(scenario)
    emit(session, None, out)
    return len(session.log), time.perf_counter() - began


def run_traced(scenario: Scenario) -> tuple[int, float, int]:
    """The same with a line counter: (decisions, seconds, lines)."""
    counter = LineCounter()
    before = sys.gettrace()
    sys.settrace(counter)
    try:
        decisions, seconds = run(scenario)
    finally:
        sys.settrace(before)
    return decisions, seconds, counter.lines


def session_alone(scenario: Scenario) -> float:
    """Seconds without records: what the model itself takes."""
    began = time.perf_counter()
    session = Session(scenario)
    while not session.finished:
        session.advance()
    return time.perf_counter() - began


def measure(pairs: int = PAIRS, writes: int = WRITES) -> Iterator[Figure]:
    """Plain and traced in turn; the ratio is taken pair by pair."""
    scenario = workload.scenario(workload.MIXED, writes)
    run(scenario)
    plain, traced, alone = [], [], []
    decisions = lines = 0
    for _ in range(pairs):
        decisions, seconds = run(scenario)
        plain.append(seconds)
        _, seconds, lines = run_traced(scenario)
        traced.append(seconds)
        alone.append(session_alone(scenario))
    ratio = median(slow / fast for fast, slow in zip(plain, traced, strict=True))
    yield Figure(NAME, "decisions per second, with records / the same under sys.settrace", ratio, "x", ">=", 4.0)
    yield Figure(NAME, "Python lines per decision", lines / decisions, "lines")
    yield Figure(
        NAME, "with records / the session alone", median(a / b for a, b in zip(plain, alone, strict=True)), "x"
    )
    yield Figure(NAME, "decisions, with records", decisions / median(plain), "/s")
    yield Figure(NAME, "decisions, the session alone", decisions / median(alone), "/s")
