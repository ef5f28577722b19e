# SPDX-License-Identifier: GPL-2.0-only
"""Motions: where each comes to, with and without breakpoints, and how little it moves the machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kernelmodel import motion
from kernelmodel.motion import Motion
from kernelmodel.stops import Breakpoints
from kernelmodel.stops.locations import parse_location

from .fake import FakeRun, story

END = len(story())


def at(step: int, known: int | None = None) -> FakeRun:
    run = FakeRun(story(), known=step if known is None else known)
    run.step = step
    return run


def breaks(*texts: str) -> Breakpoints:
    made = Breakpoints()
    for text in texts:
        made.add(text)
    return made


@pytest.mark.parametrize("known", [None, END])
@pytest.mark.parametrize(
    ("move", "start", "want"),
    [
        (motion.step, 0, 1), (motion.step, 11, 12), (motion.step, 12, 12),
        (motion.next_, 0, 7), (motion.next_, 1, 6), (motion.next_, 2, 3), (motion.next_, 5, 6), (motion.next_, 7, 8),
        (motion.next_, 8, 12), (motion.next_, 11, 12), (motion.finish, 2, 6), (motion.finish, 1, 7), (motion.finish, 0, 8),
        (motion.finish, 9, 11), (motion.finish, 8, 12),
        (motion.reverse_step, 1, 0), (motion.reverse_step, 0, 0), (motion.reverse_step, 12, 11),
        (motion.reverse_next, 7, 0), (motion.reverse_next, 6, 1), (motion.reverse_next, 3, 2), (motion.reverse_next, 8, 7),
        (motion.reverse_next, 2, 1), (motion.reverse_finish, 5, 1), (motion.reverse_finish, 6, 0), (motion.reverse_finish, 10, 8),
        (motion.reverse_finish, 8, 7), (motion.reverse_finish, 0, 0),
    ],
)  # fmt: skip
def test_where_it_comes_to(move: Callable[[FakeRun], Motion], start: int, want: int, known: int | None) -> None:
    run = at(start, known)
    came = move(run)
    assert (came.stop.step, run.step, came.hit) == (want, want, None)


def test_several_steps() -> None:
    run = at(0)
    assert motion.step(run, 4) == Motion(run.stop)
    assert run.step == 4
    assert motion.step(run, 99).reason == "end of the run"
    assert motion.reverse_step(run, 3).stop.step == END - 3
    assert motion.reverse_step(run, 99).reason == "start of the run"
    assert run.step == 0


@pytest.mark.parametrize("known", [0, 3, END])
def test_continue(known: int) -> None:
    run, stops = at(0, known), breaks("fallback")
    came = motion.cont(run, stops)
    assert (came.stop.step, came.reason) == (5, "breakpoint 1: fallback")
    assert came.hit is not None
    assert came.hit.hits == 1
    assert motion.cont(run, stops).stop.step == 10
    came = motion.cont(run, stops)
    assert (came.stop.kind, came.hit, came.reason) == ("end", None, "end of the run")
    assert motion.cont(run, stops).stop.step == END


@pytest.mark.parametrize("known", [0, END])
def test_a_breakpoint_on_the_end(known: int) -> None:
    came = motion.cont(at(0, known), breaks("end"))
    assert (came.stop.step, came.reason) == (END, "breakpoint 1: end")


def test_reverse_continue() -> None:
    run, stops = at(END), breaks("fallback")
    assert motion.reverse_continue(run, stops).stop.step == 10
    assert motion.reverse_continue(run, stops).stop.step == 5
    came = motion.reverse_continue(run, stops)
    assert (came.stop.step, came.hit, came.reason) == (0, None, "start of the run")
    came = motion.reverse_continue(at(4), breaks("orig-pte"))
    assert (came.stop.step, came.reason) == (0, "breakpoint 1: orig-pte")


def test_trouble_is_told() -> None:
    came = motion.cont(at(0), breaks("fallback if nothing"))
    assert came.stop.step == 5
    assert came.reason == "breakpoint 1: fallback if nothing (its condition has no value: nothing has no value here)"


@pytest.mark.parametrize(
    ("move", "start", "without", "with_"),
    [
        (motion.next_, 1, 6, 5), (motion.finish, 2, 6, 5), (motion.reverse_next, 6, 1, 5), (motion.reverse_finish, 6, 0, 5),
        (lambda run, stops: motion.step(run, 7, stops), 1, 8, 5), (lambda run, stops: motion.reverse_step(run, 7, stops), 8, 1, 5),
        (lambda run, stops: motion.until(run, parse_location("handle_pte_fault"), stops), 1, 8, 5),
    ],
)  # fmt: skip
def test_breakpoints_stop_early_only_if_given(
    move: Callable[[FakeRun, Breakpoints | None], Motion], start: int, without: int, with_: int
) -> None:
    assert move(at(start), None).stop.step == without
    assert move(at(start), breaks("fallback")).stop.step == with_


def test_fallback_both_ways() -> None:
    run = at(0)
    assert motion.fallback(run, 1).stop.step == 5
    assert motion.fallback(run, 1).stop.step == 10
    came = motion.fallback(run, 1)
    assert (came.stop.step, run.step, came.reason) == (10, 10, "no later fallback")
    assert motion.fallback(run, -1).stop.step == 5
    came = motion.fallback(run, -1)
    assert (came.stop.step, came.reason) == (5, "no earlier fallback")


def test_goto() -> None:
    run = at(0)
    assert motion.goto(run, 6).stop.step == 6
    assert motion.goto(run, 2).stop.step == 2
    assert motion.goto(run, -1) == Motion(run.stop, None, "start of the run")
    assert motion.goto(run, 1000).reason == "end of the run"
    assert run.step == END


@pytest.mark.parametrize("known", [0, END])
@pytest.mark.parametrize(
    ("location", "start", "onward", "back"),
    [
        ("fallback", 0, 5, 0), ("fallback", 5, 10, 0), ("fallback", 10, END, 5), ("*", 3, 4, 2), ("end", 2, END, 0),
        ("/vma-bounds.*outside/", 0, 2, 0), ("/^cpu0 handle_pte_fault/", 7, 8, 0), ("orig-pte", END, END, 8),
    ],
)  # fmt: skip
def test_until_a_location_both_ways(location: str, start: int, onward: int, back: int, known: int) -> None:
    where = parse_location(location)
    run = at(start, max(known, start))
    assert motion.until(run, where).stop.step == onward == run.step
    run = at(start, END)
    came = motion.until_back(run, where)
    assert came.stop.step == back == run.step
    assert came.reason == ("" if where.matches(run, back, run.event(back)) else "start of the run")


def test_known_stops_are_looked_at_without_moving() -> None:
    run = at(0, END)
    motion.cont(run, breaks("fallback if order == 2"))
    assert run.moves == [10]
    motion.reverse_continue(run, breaks("policy"))
    assert run.moves == [10, 1]


def test_a_condition_on_a_local_moves_only_to_stops_that_the_location_means() -> None:
    run = at(END)
    run.locals["gfp"] = 0
    motion.reverse_continue(run, breaks("fallback if gfp"))
    assert run.moves == [10, 5, 0]


def test_poll_interrupts() -> None:
    long = FakeRun([(1, 0, {"kind": "lock"})] * 1000)
    asked: list[int] = []

    def poll(step: int) -> bool:
        asked.append(step)
        return len(asked) in (2, 3)

    came = motion.cont(long, None, poll)
    assert (came.stop.step, came.reason, asked) == (512, "interrupted", [256, 512])
    came = motion.reverse_continue(long, None, poll)
    assert (came.stop.step, came.reason, asked[-1]) == (256, "interrupted", 256)
    assert motion.cont(long, None, poll).reason == "end of the run"
    assert motion.fallback(long, -1, poll).reason == "no earlier fallback"
