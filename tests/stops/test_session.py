# SPDX-License-Identifier: GPL-2.0-only
"""Motions and breakpoints over a real run: 64K and 32K do not fit below vm_start, so the fault falls back to order 0."""

from __future__ import annotations

import pytest

from kernelmodel import motion
from kernelmodel.scenario.types import Action, Memory, Scenario, VmaSpec
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints

HEAP = 0x7F0000002000


@pytest.fixture
def session() -> Session:
    return Session(
        Scenario(
            title="t", name="t", hash="00000000", variant="v3", arch="arm64-4k", memory=Memory(size=64 << 20),
            vmas=(VmaSpec("heap", HEAP, 1 << 20, ("VM_WRITE", "VM_HUGEPAGE")),),
            events=tuple(Action(0, "write", HEAP + at, f"heap+{at:#x}") for at in (0x3000, 0x20000)),
        )
    )  # fmt: skip


def breaks(*texts: str) -> Breakpoints:
    made = Breakpoints()
    for text in texts:
        made.add(text)
    return made


def test_continue_to_the_fallback_and_back(session: Session) -> None:
    stops = breaks("fallback if order > 3 && cpu == 0")
    came = motion.cont(session, stops)
    assert came.hit is not None
    assert came.hit.trouble == ""
    assert (session.event(session.step).kind, session.event(session.step).reason) == ("fallback", "vma-bounds")
    fell = session.step
    assert motion.cont(session, stops).stop.kind == "end"
    assert motion.reverse_continue(session, stops).stop.step == fell
    assert motion.reverse_continue(session, stops).reason == "start of the run"


def test_reverse_step_undoes_step(session: Session) -> None:
    digests = [session.digest()]
    while motion.step(session).stop.kind == "decision":
        digests.append(session.digest())
    for want in reversed(digests):
        motion.reverse_step(session)
        assert session.digest() == want
    assert session.step == 0


@pytest.mark.parametrize("condition", ["vmf->address == 0x7f0000005000", "vma->vm_start == 0x7f0000002000", "orders[0] == 4", "prefer == 4"])
def test_conditions_on_locals(session: Session, condition: str) -> None:
    stops = breaks(f"fallback if {condition}")
    came = motion.cont(session, stops)
    assert came.hit is not None
    assert came.hit.trouble == ""
    assert came.stop.kind == "decision"
    motion.goto(session, 1 << 30)
    assert motion.reverse_continue(session, stops).stop.step == came.stop.step
    assert motion.reverse_continue(session, breaks(f"fallback if !({condition})")).hit is None


def test_finish_and_next_follow_the_call_stack(session: Session) -> None:
    motion.cont(session, breaks("alloc_anon_folio"))
    inside = session.step
    assert session.event(inside).function == "alloc_anon_folio"
    assert session.event(inside - 1).function != "alloc_anon_folio"
    motion.finish(session)
    assert session.depth(session.step) < session.depth(inside)
    assert session.access_of(session.step) == session.access_of(inside)
    motion.reverse_finish(session)
    motion.finish(session)
    assert session.access_of(session.step) == 1 or session.depth(session.step) < session.depth(inside)


def test_fallbacks(session: Session) -> None:
    came = motion.fallback(session, 1)
    assert (came.reason, session.event(session.step).kind) == ("", "fallback")
    assert motion.fallback(session, 1).reason == "no later fallback"
    assert motion.fallback(session, -1).reason == "no earlier fallback"
    assert session.step == came.stop.step
