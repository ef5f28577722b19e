# SPDX-License-Identifier: GPL-2.0-only
"""The fast way to a watched value equals the slow one, on runs of the shipped scenarios; so does who wrote it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel import motion
from kernelmodel.expr import EvalError, frozen, parse
from kernelmodel.expr.env import StopEnv
from kernelmodel.expr.reads import Reads, pte_of
from kernelmodel.expr.variables import same_owners
from kernelmodel.mm.pgtable import translate
from kernelmodel.scenario import load
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints
from kernelmodel.stops.watched import Value, Watched
from kernelmodel.structs import Mm
from kernelmodel.trail import history, last_change, next_change
from tests.runs import runs

HEAP = 0x7F0000002000
EXPRS = (
    "order", "i", "addr", "gfp", "prefer", "ret", "orders", "orders[i]", "vma", "vmf->orig_pte", "vmf->pte", "folio", "folio->_refcount",
    "mm->anon_pages", "mm->nr_ptes", "vma->anon_vma", "vma->vm_mm->nr_ptes", "zone->nr_free_pages", "zone->free_area[0].nr_free",
    "zone->free_area[order].nr_free", "zone->nr_free_pages < 16000 ? mm->anon_pages : cpu", f"pte({HEAP:#x} + 0x3000)", "pte(vmf->address)",
    "vmstat->pgfault", "vmstat->thp_fault_fallback", "memcg->usage", "mm->anon_pages / zone->free_area[9].nr_free", "was(mm->anon_pages)",
    "zone->free_area[was(order)].nr_free", "changed(folio) + step()", "nothing", "4K",
)  # fmt: skip


class Slow(list[Value | None]):
    """Values of every known stop, by going there, and where they changed."""

    def __init__(self, run: Session, text: str) -> None:
        stood, expr = run.step, parse(text)
        self.owners = []
        for step in range(run.last + 1):
            run.seek(step)
            env = StopEnv(run, step, follow=True)
            try:
                self.append(frozen(expr, env))
            except EvalError:
                self.append(None)
            self.owners.append(env.owners)
        run.seek(stood)

    def changes(self) -> list[int]:
        return [step for step in range(1, len(self)) if self.changed(step)]

    def changed(self, step: int) -> bool:
        before, now = self[step - 1], self[step]
        return None not in (before, now) and before != now and same_owners(self.owners[step - 1], self.owners[step])


@settings(max_examples=30, deadline=None)
@given(runs(most=150), st.sampled_from(EXPRS), st.data())
def test_values_are_those_of_going_there(run: Session, text: str, data: st.DataObject) -> None:
    slow = Slow(run, text)
    watched = Watched(parse(text))
    steps = st.integers(0, run.last)
    for first, last in ((0, run.last), (run.last, 0), *data.draw(st.lists(st.tuples(steps, steps), max_size=3))):
        way = range(first, last + 1) if first <= last else range(first, last - 1, -1)
        assert [watched.at(run, step) for step in way] == [slow[step] for step in way]
        if data.draw(st.booleans()):
            watched.forget()


@settings(max_examples=30, deadline=None)
@given(runs(most=150), st.sampled_from(EXPRS))
def test_watchpoints_stop_at_every_change_on_known_and_new_ground_and_backwards(run: Session, text: str) -> None:
    slow = Slow(run, text)
    want = slow.changes()
    fresh = Session(run.scenario)
    answers = dict(run.answers)
    breaks = Breakpoints()
    made = breaks.watch(text)
    met = []
    while fresh.step < run.last:  # new ground, with the same answers
        step = fresh.advance(answers.get(fresh.step)).step
        if breaks.match(fresh) is not None:
            met.append(step)
            assert made.change == (slow[step - 1], slow[step])
        assert fresh.step == step
    assert met == want
    fresh.seek(0)
    met = []
    while fresh.step < run.last and motion.step(fresh, run.last - fresh.step, breaks).hit is not None:
        met.append(fresh.step)
    assert met == want
    fresh.seek(run.last)
    met = []
    while motion.reverse_continue(fresh, breaks).hit is not None:
        met.append(fresh.step)
    assert met[::-1] == [step for step in want if step < run.last]


@settings(max_examples=30, deadline=None)
@given(runs(most=150), st.sampled_from(EXPRS), st.data())
def test_who_wrote_it(run: Session, text: str, data: st.DataObject) -> None:
    slow = Slow(run, text)
    want = slow.changes()
    stood = data.draw(st.integers(0, run.last))
    run.seek(stood)
    digest = run.digest()
    last = last_change(run, text)
    assert (last.step if last else None) == next((step for step in reversed(want) if step <= stood), None)
    if last is not None:
        by = run.event(last.step - 1)
        assert (last.old, last.new) == (slow[last.by], slow[last.step])
        assert (last.by, last.function, last.line) == (last.step - 1, by.function, by.line)
        assert last.text.startswith(f"#{last.step}: ")
    assert next_change(run, text, -1) == next((step for step in reversed(want) if step < stood), None)
    if run.finished:
        assert next_change(run, text, 1) == next((step for step in want if step > stood), None)
    assert [each.step for each in history(run, text)] == want
    assert [each.step for each in history(run, text, most=2)] == want[-2:]
    assert (run.step, run.digest()) == (stood, digest)


@settings(max_examples=40, deadline=None)
@given(runs(most=150), st.data())
def test_pte_is_what_the_hardware_finds(run: Session, data: st.DataObject) -> None:
    addresses = [each.address + 4096 * data.draw(st.integers(-40, 600)) for each in run.scenario.events]
    for address in (*addresses, 0, (1 << 64) - 1):
        wide = address >= run.m.arch.task_size
        assert run.ask(f"pte({address:#x})") == pte_of(Mm(run.m, 0), address)[0]
        assert run.ask(f"pte({address:#x})") == (0 if wide else translate(Mm(run.m, 0), address))


@pytest.fixture
def run() -> Iterator[Session]:
    session = Session(load("scenarios/seed/unfit.toml"))
    yield session
    assert session.step == 0


def test_the_search_ends_when_it_is_interrupted(run: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernelmodel.trail._EVERY", 1)
    run.advance()
    run.seek(0)
    asked: list[int] = []

    def poll(step: int) -> bool:
        asked.append(step)
        return len(asked) == 3

    assert next_change(run, "nothing", 1, poll) is None
    assert asked == [1, 2, 3]
    assert last_change(run, "mm->anon_pages", poll) is None


def test_running_on_to_the_next_change(run: Session) -> None:
    step = next_change(run, "mm->anon_pages", 1)
    assert step is not None
    assert run.last == step
    assert run.event(step - 1).kind == "install"
    assert next_change(run, "mm->anon_pages == 1000000", 1) is None
    assert run.finished


def test_a_store_elsewhere_does_not_make_a_value_be_worked_out_again(
    run: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    motion.cont(run, None)
    looked: list[int] = []
    slow = Watched._value
    monkeypatch.setattr(
        Watched, "_value", lambda self, at, step, **how: (looked.append(step), slow(self, at, step, **how))[1]
    )
    watched = Watched(parse("mm->anon_pages"))
    found = [watched.at(run, step) for step in range(run.last + 1)]
    run.seek(0)
    assert len(set(found)) == 5
    assert len(looked) < run.last / 4


def test_reads_know_what_a_value_depends_on(run: Session) -> None:
    for text, only_cells in (
        ("mm->anon_pages", True),
        (f"pte({HEAP})", True),
        ("PAGE_SIZE", True),
        ("cpu", False),
        ("vmf->pte", False),
        ("step()", False),
    ):
        reads = Reads()
        frozen(parse(text), StopEnv(run, 0, 0, reads))
        assert reads.only_cells == only_cells, text
