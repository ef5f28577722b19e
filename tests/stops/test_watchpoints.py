# SPDX-License-Identifier: GPL-2.0-only
"""Watchpoints and log points: where they hold, forwards and backwards, and what they say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel import motion, stops
from kernelmodel.expr import EvalError, parse, truth
from kernelmodel.expr.env import StopEnv
from kernelmodel.stops import Breakpoints
from kernelmodel.structs import Mm

from .fake import FakeRun, story

END = len(story())


def at(step: int, known: int = END) -> FakeRun:
    run = FakeRun(story(), known=max(known, step))
    run.step = step
    return run


def held(run: FakeRun, *texts: str) -> list[tuple[int, str]]:
    """(stop, reason) of every stop of the whole run, forwards."""
    breaks = Breakpoints()
    for text in texts:
        breaks.watch(text)
    found = []
    while (came := motion.cont(run, breaks)).hit is not None:
        found.append((came.stop.step, came.reason))
    return found


def test_a_watchpoint_stops_where_the_value_has_just_changed() -> None:
    want = [(4, "watchpoint 1: order: 4 -> 3"), (5, "watchpoint 1: order: 3 -> 4"), (10, "watchpoint 1: order: 4 -> 2")]
    assert held(at(0), "order") == want
    assert held(at(0, 0), "order") == want
    assert held(at(0), "order if step != 4") == want[1:]
    assert held(at(0), "order cpu 1") == []


def test_a_value_that_comes_or_goes_is_no_change() -> None:
    run = at(0)
    run.locals_at = {2: {"limit": 1}, 3: {"limit": 1}, 5: {"limit": 2}, 6: {"limit": 3}}
    assert held(run, "limit") == [(6, "watchpoint 1: limit: 2 -> 3")]
    assert held(at(0), "nothing") == []


def test_arrays_and_structs_are_watched_by_what_they_are() -> None:
    run = at(0)
    named: Any = SimpleNamespace(mm_names=["init", "cat", "dog"])
    who = [Mm(named, 1), Mm(named, 2)]
    run.locals_at = {
        0: {"orders": [4, 3], "who": who[0]}, 1: {"orders": [4, 3], "who": who[0]},
        2: {"orders": [4, 2], "who": who[1]}, 3: {"orders": (4, 2), "who": 0},
    }  # fmt: skip
    assert held(run, "orders") == [(2, "watchpoint 1: orders: {4, 3} -> {4, 2}")]
    run.seek(0)
    assert held(run, "who") == [
        (2, "watchpoint 1: who: cat -> dog"),
        (3, "watchpoint 1: who: dog -> 0"),
    ]


def test_large_numbers_and_errors() -> None:
    run = at(0)
    run.locals_at = {0: {"a": 0}, 1: {"a": 0x7F0000002000}, 2: {"a": -12}, 3: {"a": 65535}}
    assert [words.split(": ")[2] for _, words in held(run, "a")] == [
        "0 -> 0x7f0000002000",
        "0x7f0000002000 -> -12",
        "-12 -> 65535",
    ]


def test_a_second_motion_does_not_believe_what_the_first_one_saw() -> None:
    run = at(0)
    run.locals = {"a": 1}
    breaks = Breakpoints()
    breaks.watch("a")
    assert motion.cont(run, breaks).hit is None
    run.seek(0)
    run.locals_at = {5: {"a": 2}, 6: {"a": 2}}
    assert motion.cont(run, breaks).stop.step == 5


def test_each_kind_of_motion_obeys_watchpoints() -> None:
    breaks = Breakpoints()
    breaks.watch("order")
    assert motion.step(at(0), 7, breaks).stop.step == 4
    assert motion.next_(at(1), breaks).stop.step == 4
    assert motion.reverse_finish(at(6), breaks).stop.step == 5
    assert motion.reverse_step(at(12), 9, breaks).reason == "watchpoint 1: order: 4 -> 2"


def test_log_points_speak_and_do_not_stop() -> None:
    breaks = Breakpoints()
    made = breaks.add('fallback log "order={order} {order:x} pages={PAGE_SIZE:x} {{x}} {nothing} {order / 0}"')
    watch = breaks.watch('order log "\\"{order}\\""')
    run = at(0)
    assert motion.cont(run, breaks).reason == "end of the run"
    assert (made.hits, watch.hits) == (2, 3)
    forwards = breaks.take_log()
    assert forwards == [
        (4, '"3"'),
        (5, "order=4 4 pages=0x4000 {x} {?nothing has no value here} {?division by zero}".replace("4 4", "4 0x4")),
        (5, '"4"'),
        (10, "order=2 0x2 pages=0x4000 {x} {?nothing has no value here} {?division by zero}"),
        (10, '"2"'),
    ]
    assert breaks.take_log() == []
    motion.reverse_continue(run, breaks)
    assert sorted(breaks.take_log()) == sorted(forwards)


def test_a_log_point_counts_before_it_speaks() -> None:
    breaks = Breakpoints()
    breaks.add('* hits % 4 log "{hits()} at {step()}"')
    breaks.add('lock temp log "once"')
    motion.cont(at(0), breaks)
    assert breaks.take_log() == [(4, "4 at 4"), (6, "once"), (8, "8 at 8"), (12, "12 at 12")]
    assert [each.number for each in breaks] == [1]


def test_the_log_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stops, "MAX_LOGGED", 3)
    breaks = Breakpoints()
    breaks.add('* log "{step()}"')
    motion.cont(at(0), breaks)
    assert breaks.take_log() == [(1, "1"), (2, "2"), (3, "3"), (3, f"… {END - 3} more lines were not kept")]
    assert breaks.take_log() == []


values = st.sampled_from([None, 0, 1, 2])
rows = st.lists(st.tuples(values, values), min_size=END, max_size=END)
TEXTS = ("* cpu 0", "fallback", "alloc_anon_folio", "/order=[34]/", "* if a == b", "* if changed(a)", "* if was(b)", "watch a", "watch a + b if b",
         "watch order", "* if a / b", "watch i cpu 0", "lock if was(changed) || 1")  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(rows, st.sampled_from(TEXTS))
def test_the_stops_are_the_same_in_both_directions(table: list[tuple[int | None, int | None]], text: str) -> None:
    run = at(0)
    run.locals_at = {step: {"a": a, "b": b} for step, (a, b) in enumerate(table)}
    breaks = Breakpoints()
    made = breaks.watch(text.removeprefix("watch ")) if text.startswith("watch ") else breaks.add(text)

    def sweep(move: Any) -> dict[int, tuple[str, object]]:
        found = {}
        while (came := move(run, breaks)).hit is not None:
            found[came.stop.step] = (made.trouble, made.change)
        return found

    forwards = sweep(motion.cont)
    run.seek(END)
    backwards = sweep(motion.reverse_continue)
    for found in (forwards, backwards):
        found.pop(0, None)
        found.pop(END, None)
    assert forwards == backwards


@settings(max_examples=100, deadline=None)
@given(rows, st.sampled_from(["a", "a + b", "b ? a : b", "a / b", "order"]))
def test_a_watchpoint_holds_where_changed_does(table: list[tuple[int | None, int | None]], text: str) -> None:
    run = at(0)
    run.locals_at = {step: {"a": a, "b": b} for step, (a, b) in enumerate(table)}
    watched = [step for step, _ in held(run, text)]
    condition = parse(f"changed({text})")

    def naive(step: int) -> bool:
        try:
            return truth(condition, StopEnv(run, step))
        except EvalError:
            return False

    assert watched == [step for step in range(1, END + 1) if naive(step)]
