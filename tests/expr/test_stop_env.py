# SPDX-License-Identifier: GPL-2.0-only
"""Functions, other stops and names: what an expression sees of a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from kernelmodel import motion
from kernelmodel.decision import Call
from kernelmodel.expr import EvalError, evaluate, frozen, parse, truth
from kernelmodel.expr.completions import completions, members_of
from kernelmodel.expr.env import MustMove, StopEnv
from kernelmodel.scenario import load
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints
from kernelmodel.structs import Mm
from kernelmodel.trail import next_change
from tests.stops.fake import FakeRun, story


def fake(step: int) -> FakeRun:
    run = FakeRun(story(), known=len(story()))
    run.step = step
    return run


def ask(run: FakeRun, text: str, hits: int = 0) -> int:
    return evaluate(parse(text), StopEnv(run, run.step, hits))


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("order(0)", 0), ("order(1)", 0), ("order(16K)", 0), ("order(16K + 1)", 1), ("order(256K)", 4), ("size(0)", 1 << 14), ("size(4)", 256 << 10),
        ("size(order(64K)) == 64K", 1), ("step()", 5), ("hits()", 7), ("4K", 4096), ("2M", 2 << 20), ("1G", 1 << 30), ("1T", 1 << 40), ("size(63)", 0),
    ],
)  # fmt: skip
def test_functions(text: str, want: int) -> None:
    assert ask(fake(5), text, 7) == want


@pytest.mark.parametrize(
    ("text", "words"), [("size(64)", "no order 64"), ("size(0 - 1)", "no order"), ("pte(0)", "no value")]
)
def test_functions_without_a_value(text: str, words: str) -> None:
    with pytest.raises(EvalError, match=words):
        ask(fake(5), text)


def test_was_and_changed() -> None:
    run = fake(5)  # order: 4 4 3 4 at stops 2 3 4 5
    assert ask(run, "was(order)") == 3
    assert ask(run, "was(order) + 1 == order") == 1
    assert ask(run, "changed(order)") == 1
    assert ask(run, "changed(order > 2)") == 0
    assert ask(fake(3), "changed(order)") == 0
    assert ask(fake(2), "changed(order)") == 0  # none before
    assert ask(fake(0), "changed(cpu)") == 0
    for step, text, words in (
        (0, "was(cpu)", "first stop"),
        (2, "was(order)", "at the stop before: order has no value"),
        (6, "changed(order)", "order has no value"),
    ):
        with pytest.raises(EvalError, match=words):
            ask(fake(step), text)
    assert ask(fake(0), "1 || was(cpu)") == 1


def test_the_other_stop_is_visited_and_left_again() -> None:
    run = fake(5)
    run.locals_at = {4: {"gfp": 1, "orders": [7, 8]}, 5: {"gfp": 2, "orders": [5, 6], "at": 1}}
    assert ask(run, "was(gfp) * 10 + gfp") == 12
    assert run.step == 5
    assert ask(run, "orders[was(gfp)] * 10 + at") == 61
    assert ask(run, "was(orders[gfp])") == 8
    assert ask(run, "changed(orders)") == 1
    assert run.step == 5
    with pytest.raises(EvalError):
        ask(run, "was(orders)")
    assert run.step == 5
    with pytest.raises(MustMove):
        evaluate(parse("was(gfp)"), StopEnv(run, 5, still=True))


def test_frozen_values_can_be_compared() -> None:
    run = fake(5)
    named: Any = SimpleNamespace(mm_names=["init", "cat", "dog", "cow"])
    run.locals = {"mm": Mm(named, 3), "orders": [4, 3, Mm(named, 1)], "nil": None}
    env = StopEnv(run, 5)
    assert frozen(parse("mm"), env) == "mm_struct#3"
    assert frozen(parse("orders"), env) == "{4, 3, mm_struct#1}"
    assert [frozen(parse(text), env).shown for text in ("mm", "orders")] == ["cow", "{4, 3, cat}"]  # type: ignore[union-attr]
    assert frozen(parse("order"), env) == 4
    assert truth(parse("mm"), env)


@pytest.fixture(scope="module")
def session() -> Session:
    run = Session(load("scenarios/seed/unfit.toml"))
    stops = Breakpoints()
    stops.add("alloc:folio")
    motion.cont(run, stops)
    return run


def test_structs_are_read_at_their_own_stop(session: Session) -> None:
    run = Session(session.scenario)
    step = next_change(run, "zone->free_area[0].nr_free", 1)
    assert step is not None
    run.seek(step)
    free = run.ask("zone->free_area[0].nr_free")
    assert run.ask("was(zone->free_area[0].nr_free)") != free
    assert run.ask("zone->free_area[was(step()) & 0].nr_free") == free
    assert run.ask("(was(vma->vm_mm->anon_pages) ? zone : zone)->free_area[0].nr_free") == free
    assert run.step == step


def test_names(session: Session) -> None:
    env = StopEnv(session, session.step)
    found = env.names()
    for name in (
        "order",
        "i",
        "gfp",
        "vma",
        "vmf",
        "mm",
        "zone",
        "memcg",
        "vmstat",
        "was(",
        "changed(",
        "pte(",
        "size(",
        "hits(",
        "PAGE_SIZE",
        "VM_WRITE",
    ):
        assert name in found, name
    assert len(found) == len(set(found))
    for name in ("m", "self", "arch", "peek", "from"):
        assert name not in found, name
    for name in found[: found.index("order(")]:
        env.name(name)
    assert "order" in StopEnv(fake(5), 5).names()
    assert "order" not in StopEnv(fake(6), 6).names()


def test_names_are_those_of_the_stop_that_is_asked(session: Session) -> None:
    here = session.step
    assert "prefer" not in StopEnv(session, 0).names()
    session.seek(here)
    assert "prefer" in StopEnv(session, here).names()


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("vma->vm_", ["vm_start", "vm_end", "vm_flags", "vm_pgoff", "vm_mm"]), ("1 + vma.vm_s", ["vm_start"]), ("zone->free_area[2].", ["nr_free"]),
        ("was(vma->vm_mm->anon", ["anon_pages"]), ("nothing->", []), ("order->", []), ("vma", []), ("", []), ("vma->vm_start->", []), ("vmf->m", []),
        ("vma->__cl", []), ("(vma)->", []), ("zone->free_area[1", []),
    ],
)  # fmt: skip
def test_members(session: Session, text: str, names: list[str]) -> None:
    assert members_of(text, StopEnv(session, session.step)) == names


def test_completions_are_whole(session: Session) -> None:
    assert completions(session, "vma->vm_s") == ["vma->vm_start"]
    assert completions(session, "zone->free_area[2].nr") == ["zone->free_area[2].nr_free"]
    assert completions(session, "cha") == ["changed("]
    assert "order" in completions(session, "")
    assert completions(session, "xyzzy") == []


def test_a_call_without_values_of_c_offers_none_of_them(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call(test_members.__code__, 1, {"reason": "words", "prefer": 3, ".0": 1, "page_size": 4096})
    monkeypatch.setattr(session, "calls", lambda *_: [call])
    found = StopEnv(session, session.step).names()
    assert "prefer" in found
    assert "page_size" not in found
    assert "reason" not in found
    assert ".0" not in found
