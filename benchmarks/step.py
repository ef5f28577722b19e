# SPDX-License-Identifier: GPL-2.0-only
"""From a key to the last byte of the picture that it makes: ``s`` here, ``n`` in pudb, in alternating blocks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import programs, workload
from benchmarks.programs import Program
from benchmarks.report import Figure
from benchmarks.terminal import Terminal

NAME = "step"
SIZES = {(80, 24): 1.0, (120, 40): 1.0, (200, 60): 1.25}
"""Terminal sizes, and how long a step may take there, pudb's being 1."""
MOST_BYTES = {(120, 40): 6000}
"""What a step may write there."""
STEPS = 120
BLOCK = 10
WARM_UP = 20
"""Steps of each program that are not counted."""
WRITES = 30
"""Accesses of the scenario; each makes about 20 stops."""


class Step(NamedTuple):
    """One key."""

    seconds: float
    """From writing the key to the last byte before silence."""
    bytes: int


def open_at(program: Program, size: tuple[int, int], env: dict[str, str]) -> Terminal:
    """The program on a terminal of this size, its first picture painted."""
    terminal = Terminal(program.command, *size, env)
    terminal.wait(program.ready)
    terminal.drain(0.2)
    return terminal


def step(terminal: Terminal, key: bytes) -> Step:
    """Press, and wait until all is painted."""
    pressed = terminal.press(key)
    frame = terminal.settle()
    return Step(frame.last - pressed, len(frame.data))


def stepping(scratch: Path) -> tuple[Program, Program]:
    """The debugger on a scenario of some hundred stops, and pudb on a loop of simple statements."""
    scenario = scratch / "blocks.toml"
    scenario.write_text(workload.text(workload.MIXED, WRITES), encoding="utf-8")
    return programs.debugger(scenario), programs.pudb(scratch, programs.LONG_SCRIPT)


def steps(chosen: tuple[Program, ...], size: tuple[int, int], count: int, env: dict[str, str]) -> list[list[Step]]:
    """``count`` steps of each program, in alternating blocks, after a warm-up."""
    found: list[list[Step]] = [[] for _ in chosen]
    with ExitStack() as stack:
        terminals = [stack.enter_context(open_at(program, size, env)) for program in chosen]
        while len(found[-1]) < WARM_UP + count:
            for terminal, program, taken in zip(terminals, chosen, found, strict=True):
                taken.extend(step(terminal, program.key) for _ in range(BLOCK))
    return [taken[WARM_UP : WARM_UP + count] for taken in found]


def measure(count: int = STEPS) -> Iterator[Figure]:
    """All sizes, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        env = programs.environment(scratch)
        chosen = stepping(scratch)
        for size, target in SIZES.items():
            at = f"{size[0]}x{size[1]}"
            taken = steps(chosen, size, count, env)
            seconds = [median(each.seconds for each in one) for one in taken]
            written = [median(each.bytes for each in one) for one in taken]
            yield Figure(NAME, f"{at}: s / n in pudb", seconds[0] / seconds[1], "x", "<=", target)
            bound = ("<=", MOST_BYTES[size]) if size in MOST_BYTES else ("", 0)
            yield Figure(NAME, f"{at}: written by s", written[0], "bytes", *bound)
            yield Figure(NAME, f"{at}: written by n in pudb", written[1], "bytes")
            for program, value in zip(chosen, seconds, strict=True):
                yield Figure(NAME, f"{at}: {program.name}, key to last byte", value * 1e3, "ms")
