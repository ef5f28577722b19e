# SPDX-License-Identifier: GPL-2.0-only
"""What can be counted is held to its target here; and each benchmark runs once at a tiny size."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from statistics import median

import pytest

from benchmarks import batch, history, programs, start, step, workload
from benchmarks.programs import Program
from kernelmodel.scenario import loads
from kernelmodel.session import Session

needs_pudb = pytest.mark.skipif(importlib.util.find_spec("pudb") is None, reason="pudb comes with the extra 'bench'")

SPY = """\
import sys
class Spy:
    def find_spec(self, name, path=None, target=None):
        if name == "numpy":
            open({file!r}, "w").close()
sys.meta_path.insert(0, Spy())
sys.argv = ["thp-debug", {scenario!r}]
{then}
from tui.cli import main
main()
"""


# -- counts ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mix", [workload.MIXED, workload.WHOLE], ids=["mixed", "whole"])
def test_a_stop_costs_at_most_40_bytes_of_journal(mix: workload.Mix) -> None:
    run = history.session(4000, mix)
    history.grow(run, 4000)
    assert history.journal_bytes(run) == len(run.m.journal) * 24 / 4000 + 4
    assert history.journal_bytes(run) <= 40


def test_a_step_writes_at_most_6_kilobytes(tmp_path: Path) -> None:
    ours, _ = step.stepping(tmp_path)
    (taken,) = step.steps((ours,), (120, 40), 60, programs.environment(tmp_path))
    assert 100 < median(each.bytes for each in taken) <= step.MOST_BYTES[120, 40]


@pytest.mark.parametrize(("then", "seen"), [("", False), ("import numpy", True)], ids=["as it is", "the spy sees"])
def test_numpy_comes_after_the_first_picture(tmp_path: Path, then: str, seen: bool) -> None:
    file = tmp_path / "imported"
    code = SPY.format(file=str(file), scenario=str(programs.SEED), then=then)
    program = programs.debugger()._replace(command=(sys.executable, "-c", code))
    start.start(program, programs.environment(tmp_path))
    assert file.exists() is seen


# -- set-ups -----------------------------------------------------------------------------------------
def test_the_workload_as_a_file_and_as_a_value_are_the_same() -> None:
    as_file = loads(workload.text(workload.MIXED, 12), "blocks.toml")
    as_value = workload.scenario(workload.MIXED, 12)
    one, other = (
        [(each.address, each.write, [(a.site, a.outcome) for a in each.answers]) for each in scenario.events]
        for scenario in (as_file, as_value)
    )
    assert one == other
    assert len(one) == 12


def test_the_workload_takes_every_way() -> None:
    run = Session(workload.scenario(workload.MIXED, 6))
    while not run.finished:
        run.advance()
    installed = [run.event(at).order for at in range(run.last) if run.event(at).kind == "install"]
    assert installed == [4, 3, 3, 0, 3, 0]
    reasons = {run.event(at).reason for at in range(run.last) if run.event(at).kind == "fallback"}
    assert reasons == {"alloc", "pte-range"}


@pytest.mark.parametrize("make", [lambda scratch: programs.debugger(), programs.empty_app], ids=["debugger", "empty"])
def test_start(tmp_path: Path, make: object) -> None:
    program: Program = make(tmp_path)  # type: ignore[operator]
    found = start.start(program, programs.environment(tmp_path))
    assert 0 < found.picture < found.key


@needs_pudb
def test_pudb_starts_and_steps(tmp_path: Path) -> None:
    env = programs.environment(tmp_path)
    found = start.start(programs.pudb(tmp_path), env)
    assert 0 < found.picture < found.key
    _, pudb = step.stepping(tmp_path)
    (taken,) = step.steps((pudb,), (80, 24), 3, env)
    assert len(taken) == 3
    assert all(each.bytes > 100 for each in taken)


def test_run() -> None:
    figures = list(batch.measure(pairs=1, writes=3))
    assert all(figure.value > 0 for figure in figures)
    assert sys.gettrace() is None or not isinstance(sys.gettrace(), batch.LineCounter)
    decisions, _, lines = batch.run_traced(workload.scenario(workload.MIXED, 3))
    assert lines > 20 * decisions


def test_history() -> None:
    figures = list(history.measure(short=300, long=900, part=20, jumps=3))
    assert all(figure.value > 0 for figure in figures)
    run = history.session(200)
    tip, back, known = history.one_step(run, 200, 20)
    assert len(tip) == len(back) == len(known) > 3
    assert run.step == run.last
