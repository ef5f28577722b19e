# SPDX-License-Identifier: GPL-2.0-only
"""The explorer against Spin on the same questions, whole processes in turn, from the question to the verdict.

Spin is taken as it is faster, compiled without and with optimisation; it generates, compiles and runs its verifier each
time, because that is what a changed question costs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks.peers import race, spin
from benchmarks.peers.race import Model
from benchmarks.programs import ROOT
from benchmarks.report import Figure

NAME = "explore"
RUNS = 7
SCENARIO = ROOT / "scenarios" / "races" / "seed-v3.toml"
COUNTED = (Model(2, 4), Model(3, 4), Model(3, 8))
BIG = Model(3, 8)
"""About 320,000 states."""
HUGE = Model(3, 22)
"""About two million."""
MOST_MEMORY = 1024
"""MiB for them."""
OPTIMISED = ("-O0", "-O2")


class Process(NamedTuple):
    """A process that has ended well."""

    seconds: float
    peak: float
    """MiB that it had in memory at most."""
    said: str


APART = """
import resource, subprocess, sys
code = subprocess.call([sys.executable, "-m", *sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""
"""A small process in between: what a child had at most counts from what its parent has when it starts it."""


def peak(words: Sequence[str]) -> Process:
    """``python -m`` these words, with what it really had in memory at most."""
    found = process([*words], ("-c", APART))
    *said, kilobytes = found.said.splitlines()
    return Process(found.seconds, int(kilobytes) / 1024, "\n".join(said))


def process(words: Sequence[str], how: Sequence[str] = ("-m",)) -> Process:
    """``python -m`` these words, to the end; its ``peak`` is this process's own if that is more."""
    with tempfile.TemporaryFile("w+") as out:
        began = time.perf_counter()
        command = [sys.executable, *how, *words]
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        child = subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=subprocess.PIPE, text=True)
        assert child.stderr is not None
        with child.stderr:
            errors = child.stderr.read()
        _, status, used = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"{' '.join(words)} left with {child.returncode}:\n{errors}")
        out.seek(0)
        return Process(seconds, used.ru_maxrss / 1024, out.read())


def engine(model: Model, reduction: bool = True, run: Callable[[Sequence[str]], Process] = process) -> Process:
    """The race as Python paths, in a process of its own."""
    return run(["benchmarks.peers.race", *map(str, map(int, (*model, reduction)))])


def seed_question() -> Process:
    """The seed question, as a user asks it."""
    return process(["tui.cli", "explore", str(SCENARIO)])


def spin_seconds(model: Path, defines: tuple[str, ...], optimise: str, reachable: bool) -> float:
    """Spin on a question; it must come to the verdict that is known."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        verdict = spin.verify(model, Path(folder), defines, optimise)
        seconds = time.perf_counter() - began
    if bool(verdict.errors) is not reachable:
        raise RuntimeError(f"Spin found {verdict.errors} errors in {model.name}")
    return seconds


def against_spin(
    title: str, ours: Callable[[], Process], model: Path, defines: tuple[str, ...], reachable: bool, runs: int,
    target: float,
) -> Iterator[Figure]:  # fmt: skip
    """Ours and both Spins in turn; how many times as long Spin takes."""
    own: list[float] = []
    peers: dict[str, list[float]] = {each: [] for each in OPTIMISED}
    for run in range(1 + runs):
        seconds = ours().seconds
        others = {each: spin_seconds(model, defines, each, reachable) for each in OPTIMISED}
        if run:  # the first one writes the .pyc files
            own.append(seconds)
            for each in OPTIMISED:
                peers[each].append(others[each])
    best = min(OPTIMISED, key=lambda each: median(peers[each]))
    ratio = median(peer / mine for peer, mine in zip(peers[best], own, strict=True))
    yield Figure(NAME, f"{title}: Spin ({best}) / thp-debug", ratio, "x", ">=", target)
    yield Figure(NAME, f"{title}: thp-debug, whole process", median(own) * 1e3, "ms")
    for each in OPTIMISED:
        yield Figure(NAME, f"{title}: spin -a, gcc {each}, pan", median(peers[each]) * 1e3, "ms")


def states(models: Sequence[Model] = COUNTED) -> Iterator[Figure]:
    """Distinct states without reduction: ours, and how many more or fewer Spin has."""
    for model in models:
        ours = race.explore(model, reduction=False).states
        with tempfile.TemporaryDirectory() as folder:
            theirs = spin.verify(spin.RACE, Path(folder), model.defines, exact=True).states
        title = f"race whole, {model.threads} threads, {model.pages} pages"
        yield Figure(NAME, f"{title}: states", ours, "states")
        yield Figure(NAME, f"{title}: difference from Spin", abs(ours - theirs), "states", "<=", 0)


def memory(model: Model = HUGE) -> Iterator[Figure]:
    """What a long search takes."""
    found = engine(model, False, peak)
    count = int(found.said.split()[0])
    title = f"race whole, {model.threads} threads, {model.pages} pages"
    yield Figure(NAME, f"{title}: states", count, "states")
    yield Figure(NAME, f"{title}: memory at most", found.peak, "MiB", "<=", MOST_MEMORY)
    yield Figure(NAME, f"{title}: states visited", count / found.seconds, "/s")


def measure(runs: int = RUNS) -> Iterator[Figure]:
    """Everything; without Spin, what can be measured without it."""
    if absent := spin.missing():
        sys.stderr.write(f"not installed: {absent}; nothing is compared\n")
    else:
        yield from against_spin("seed question", seed_question, spin.SEED, (), True, runs, 4.0)
        title = f"race, {BIG.threads} threads, {BIG.pages} pages"
        yield from against_spin(title, lambda: engine(BIG), spin.RACE, BIG.defines, False, runs, 1.0)
        yield from states()
    yield from memory()
