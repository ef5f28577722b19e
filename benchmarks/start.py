# SPDX-License-Identifier: GPL-2.0-only
"""From the start of the process to the first key accepted: the key is sent when the first picture is complete, and it
counts as accepted when its answer arrives."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import programs
from benchmarks.programs import Program
from benchmarks.report import Figure
from benchmarks.terminal import Terminal

NAME = "start"
RUNS = 21
WARM_UP = 2
"""Runs of each program that are not counted: they write the .pyc files."""
COLUMNS, ROWS = 120, 40


class Start(NamedTuple):
    """Seconds since the process was started."""

    picture: float
    key: float


def start(program: Program, env: dict[str, str]) -> Start:
    """One run of one program."""
    with Terminal(program.command, COLUMNS, ROWS, env) as terminal:
        picture = terminal.wait(program.ready)
        terminal.press(program.key)
        return Start(picture - terminal.started, terminal.wait(program.answered) - terminal.started)


def measure(runs: int = RUNS) -> Iterator[Figure]:
    """The three programs in turn."""
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        env = programs.environment(scratch)
        ours, empty, pudb = programs.debugger(), programs.empty_app(scratch), programs.pudb(scratch)
        starts: dict[str, list[Start]] = {program.name: [] for program in (ours, empty, pudb)}
        for run in range(WARM_UP + runs):
            for program in (ours, empty, pudb):
                found = start(program, env)
                if run >= WARM_UP:
                    starts[program.name].append(found)
    keys = {name: median(each.key for each in found) for name, found in starts.items()}
    pictures = {name: median(each.picture for each in found) for name, found in starts.items()}
    yield Figure(
        NAME, "to the first key accepted / empty Textual app", keys[ours.name] / keys[empty.name], "x", "<=", 1.35
    )
    yield Figure(NAME, "to the first key accepted / pudb", keys[ours.name] / keys[pudb.name], "x", "<", 1.0)
    yield Figure(NAME, "to the first picture / empty Textual app", pictures[ours.name] / pictures[empty.name], "x")
    for name in starts:
        yield Figure(NAME, f"{name}: to the first picture", pictures[name] * 1e3, "ms")
        yield Figure(NAME, f"{name}: to the first key accepted", keys[name] * 1e3, "ms")
