# SPDX-License-Identifier: GPL-2.0-only
"""What ends a search before its end: it gives what was found, and never says that it is complete."""

from __future__ import annotations

import signal
import time

import pytest

from kernelmodel.explore import explore, search
from kernelmodel.explore.clock import Clock
from kernelmodel.explore.moves import Stopped
from kernelmodel.explore.types import Options
from kernelmodel.explore.witness import session_at, token
from kernelmodel.scenario import loads
from kernelmodel.session import Session
from kernelmodel.tokens import replay
from tests.explore.test_explore import CASES, QUICK, scenario


def test_ctrl_c_is_obeyed_between_two_steps_and_once() -> None:
    before = signal.getsignal(signal.SIGINT)
    clock = Clock(None, 1 << 40, None)
    with clock.ctrl_c:
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Stopped, match="interrupted"):
            clock(1, 0)
        clock(2, 0)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):  # nobody has asked in between
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_gives_the_ends_and_the_steps_so_far() -> None:
    def hit(states: int, switches: int) -> None:
        if states > 300 and not hits:
            hits.append(states)
            signal.raise_signal(signal.SIGINT)

    hits: list[int] = []
    result = explore(CASES["a leaf comes and goes"], options=QUICK, progress=hit)
    assert (result.complete, result.why) == (False, "interrupted")
    assert result.outcomes
    assert result.reached
    assert result.transitions


def test_ways_that_were_not_looked_for_make_a_search_incomplete() -> None:
    def stop(states: int, switches: int) -> None:
        told.append(states)
        if told[-1] < max(told):  # the second part counts anew
            raise KeyboardInterrupt

    told: list[int] = []
    result = explore(CASES["the seed"], options=QUICK, progress=stop)
    assert min(told) < max(told)
    assert (result.complete, result.why) == (False, "interrupted")


def test_processes_give_what_they_have_when_one_is_interrupted() -> None:
    def stop(states: int, switches: int) -> None:
        raise KeyboardInterrupt

    began = time.monotonic()
    write = 'write = "heap+0x5000"'
    result = explore(scenario(*[write] * 4), options=Options(jobs=2), progress=stop)
    assert (result.complete, result.why) == (False, "interrupted")
    assert result.reached
    assert time.monotonic() - began < 30


def test_many_processes_share_the_memory_that_a_search_may_use_beyond_what_a_program_needs() -> None:
    case = scenario('read = "heap+0x5000"', 'read = "heap+0x6000"', enabled="never")
    assert explore(case, options=Options(jobs=64)).complete


def test_the_witness_of_a_blocked_run_stands_where_it_says_so() -> None:
    case = loads(
        'variant = "6.5"\n[[vma]]\nname = "heap"\nstart = 0x7f0000000000\nsize = "2M"\nflags = ["VM_WRITE"]\n'
        'uffd = ["missing"]\n[[event]]\nwrite = "heap"\n[[event]]\ncpu = 1\nprctl = { PR_SET_THP_DISABLE = 1 }\n',
        "test.toml",
    )
    blocked = [each for each in explore(case, options=QUICK).outcomes if each.end == "blocked"]
    assert blocked
    for each in blocked:
        session = session_at(case, "6.5", frozenset(), each.witness)
        again = Session(case)
        assert replay(again, token(session)) == ""
        assert session.stop.kind == again.stop.kind == "blocked"


@pytest.mark.parametrize("preemptions", [None, 9])
def test_states_that_take_long_are_no_reason_to_look_at_the_clock_late(
    monkeypatch: pytest.MonkeyPatch, preemptions: int | None
) -> None:
    monkeypatch.setattr(search, "BEAT", 0.0)
    looks: list[int] = []

    def look(states: int, switches: int) -> None:
        looks.append(states)
        if states >= 5:
            raise KeyboardInterrupt

    result = explore(CASES["a leaf comes and goes"], options=QUICK._replace(preemptions=preemptions), progress=look)
    assert (result.why, looks[0]) == ("interrupted", 1)
