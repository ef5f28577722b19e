# SPDX-License-Identifier: GPL-2.0-only
"""Time: seek is the first visit, replay is identity, another answer cuts, invariants hold, and nothing else is random."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelmodel import cpus
from kernelmodel import session as session_module
from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.decision import STEPS
from kernelmodel.invariants import violations
from kernelmodel.journal import Diverged
from kernelmodel.scenario import loads
from kernelmodel.session import Session
from kernelmodel.snapshot import View
from kernelmodel.tokens import BadAnswer, parse, replay
from kernelmodel.trace import follow
from tests.build import HEAP, cells, decisions, finish, session

TWO_WRITES = """
[[event]]
cpu = 0
write = "heap+0x5000"
[[event]]
cpu = 0
write = "heap+0x15000"
answers = ["vma_alloc_folio(order=4) = NULL"]
[[event]]
cpu = 0
write = "heap+0x6000"
[[event]]
cpu = 0
read = "heap+0x5000"
"""
RACE = """
[[event]]
cpu = 0
write = "heap+0x5000"
[[event]]
cpu = 1
write = "heap+0x7000"
"""


def race(schedule: str) -> Session:
    return session(head=f'variant = "v3"\nschedule = "{schedule}"', events=RACE)


@pytest.mark.parametrize(
    "make", [lambda: session(events=TWO_WRITES), lambda: race("0*7 1*30 0")], ids=["one-cpu", "two-cpus"]
)
def test_any_stop_looks_as_it_did_the_first_time(make: object) -> None:
    s: Session = make()  # type: ignore[operator]
    seen = [(s.digest(), cells(s.m), s.snapshot(View()))]
    while not s.finished:
        s.advance()
        seen.append((s.digest(), cells(s.m), s.snapshot(View())))
    order = [*range(s.last, -1, -3), *range(0, s.last + 1, 2), s.last, 0, s.last // 2]
    for step in order:
        s.seek(step)
        digest, state, picture = seen[step]
        assert s.digest() == digest
        assert cells(s.m) == state
        again = s.snapshot(View())
        assert (again.calls, again.orders, again.changes, again.ptes, again.zones) == (
            picture.calls, picture.orders, picture.changes, picture.ptes, picture.zones,
        )  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(st.one_of(st.just("advance"), st.just("calls"), st.integers(0, 60)), max_size=25))
def test_wandering_about_never_changes_the_run(moves: list[str | int]) -> None:
    want = finish(session(events=TWO_WRITES))
    s = session(events=TWO_WRITES)
    for move in moves:
        if move == "advance":
            s.advance()
        elif move == "calls":
            s.calls()
        else:
            s.seek(int(move))
    s.seek(s.last)
    finish(s)
    assert decisions(s) == decisions(want)
    assert s.digest() == want.digest()
    assert s.accesses == want.accesses


def test_step_then_back_is_identity() -> None:
    s = session(events=TWO_WRITES)
    while not s.finished:
        step, state, digest = s.step, cells(s.m), s.digest()
        s.advance()
        s.seek(step)
        assert (cells(s.m), s.digest()) == (state, digest)
        s.advance()


def test_the_same_answer_walks_along_the_run_and_another_one_cuts_it() -> None:
    s = finish(session())
    last, end = s.last, s.digest()
    at = next(n for n in range(last) if s.event(n).kind == "alloc")
    s.seek(at)
    s.advance("folio")
    assert s.last == last
    s.seek(at)
    s.advance("NULL")
    assert s.last < last
    finish(s)
    assert "step-down:alloc" in decisions(s)
    assert s.digest() != end
    assert s.event(at).outcome == "NULL"
    assert not s.event(at).natural
    s.seek(at)
    s.advance("folio")
    finish(s)
    assert (s.last, s.digest()) == (last, end)
    assert s.event(at).natural


def test_the_user_may_overrule_the_scenario() -> None:
    events = '[[event]]\ncpu = 0\nwrite = "heap+0x5000"\nanswers = ["vma_alloc_folio(order=4) = NULL"]\n'
    s = finish(session(events=events))
    at = next(n for n in range(s.last) if s.event(n).kind == "alloc")
    assert s.event(at).outcome == "NULL"
    assert s.answers == {}
    s.seek(at)
    s.advance("folio")
    finish(s)
    assert s.answers == {at: "folio"}
    assert s.event(at).outcome == "folio"
    assert "step-down:alloc" not in decisions(s)


def test_a_fork_is_the_same_run_on_a_machine_of_its_own() -> None:
    s = session()
    while s.event(s.step).kind != "alloc":
        s.advance()
    s.advance("NULL")
    other = s.fork()
    assert (other.step, other.digest(), other.answers) == (s.step, s.digest(), s.answers)
    finish(other)
    assert not s.finished
    assert finish(s).digest() == other.digest()


def test_a_token_replays_the_run() -> None:
    s = session()
    while s.event(s.step).kind != "alloc":
        s.advance()
    s.advance("NULL")
    finish(s)
    again = session()
    assert replay(again, s.token()) == ""
    again.seek(0)
    rows = list(follow(again))
    assert rows[-1]["digest"] == s.digest()
    assert rows[-1]["token"] == s.token()
    with pytest.raises(BadAnswer, match="takes"):
        replay(session(), parse(s.token())._replace(answers={0: "-ENOMEM"}))
    with pytest.raises(BadAnswer, match="never asked"):
        replay(session(), parse(s.token())._replace(answers={99: "NULL"}))


def test_an_answer_is_used_once_across_refaults() -> None:
    answers = (
        '["vma_alloc_folio(order=4) = NULL", "vma_alloc_folio(order=3) = NULL", "vma_alloc_folio(order=0) = NULL"]'
    )
    s = finish(session(events=f'[[event]]\ncpu = 0\nwrite = "heap+0x5000"\nanswers = {answers}\n'))
    assert s.accesses[0].ret == 1  # VM_FAULT_OOM
    s = finish(session(events=TWO_WRITES.replace('"heap+0x6000"', '"heap+0x25000"')))
    assert [d for d in decisions(s) if d.startswith("alloc")] == [
        "alloc:folio",
        "alloc:NULL",
        "alloc:folio",
        "alloc:folio",
    ]


def test_an_answer_that_the_state_does_not_allow_is_told_with_its_place() -> None:
    events = '[[event]]\ncpu = 0\nwrite = "heap+0x5000"\nanswers = ["vma_alloc_folio(order=4) = folio"]\n'
    s = session("[memory]\nfree = { 0 = 20 }\n", events=events)
    with pytest.raises(ImpossibleAnswer, match="nature says NULL") as caught:
        finish(s)
    assert caught.value.answer.place.line > 1


def test_a_path_that_does_something_else_the_second_time_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    s = finish(session())
    s.seek(2)
    real = cpus.access

    def drunk(cpu: int, mm: object, address: int, write: bool) -> object:
        return real(cpu, mm, address + 0x1000 * 16, write)  # type: ignore[arg-type]

    monkeypatch.setattr(cpus, "access", drunk)
    s.seek(s.last - 1)
    with pytest.raises(Diverged):
        s.calls()


@pytest.mark.parametrize("schedule", ["0", "0*7 1*30 0", "1*3 0*5 1*2 0", "0*1 1*1 0*1 1*1 0*1 1*40 0"])
def test_two_cpus_run_as_scheduled_and_keep_the_invariants(schedule: str) -> None:
    s = race(schedule)
    while not s.finished:
        assert violations(s.m, False) == []
        s.advance()
    assert violations(s.m, True) == []
    assert s.stop.kind == "end"
    assert len(s.accesses) == 2
    parts = [part.split("*") for part in schedule.split()]
    wanted = [int(part[0]) for part in parts for _ in range(int(part[1]) if len(part) > 1 else 60)][:8]
    ran = [s.log.at(n).cpu for n in range(s.last) if s.log.at(n).kind not in STEPS]
    assert ran[:8] == wanted


def test_the_loser_of_a_race_drops_its_folio_and_refaults() -> None:
    s = finish(race("0*11 1*40 0"))
    assert "recheck:changed" in decisions(s)
    assert sorted(end.faults for end in s.accesses) == [1, 1]
    assert [end.cpu for end in s.accesses] == [1, 0]


def test_one_cpu_never_sees_another_ones_stop() -> None:
    s = finish(session(events=TWO_WRITES))
    assert {s.log.at(n).cpu for n in range(s.last + 1)} == {0}
    assert s.cpus._schedule == (0, 0, 0)


def test_the_long_jump_and_the_short_steps_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    events = "".join(f'[[event]]\ncpu = 0\nwrite = "heap+{0x1000 * n:#x}"\n' for n in range(0, 900, 3))
    s = finish(session("[boot]\narch_wants_pte_order = 4\n[thp]\nenabled = 'never'\n", events=events))
    want = {}
    for step in (0, s.last // 3, s.last):
        s.m.journal.move(s.log.mark[step])
        want[step] = cells(s.m)
    assert len(s.m.journal) > session_module.BULK
    for step in (0, s.last, s.last // 3, 0):
        s.seek(step)
        assert cells(s.m) == want[step]


PROGRAM = """
from tests.session.test_session import session, TWO_WRITES, finish, race
print(finish(session(events=TWO_WRITES)).digest(), finish(race("0*7 1*30 0")).digest())
"""


def test_every_process_computes_the_same_under_every_hash_seed() -> None:
    runs = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PATH": ""},
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(runs) == 1
    assert runs.pop().split()[0] == finish(session(events=TWO_WRITES)).digest()


def test_the_state_key_ignores_statistics_and_which_page_it_is() -> None:
    memory = "[memory]\nfree = { 4 = 3 }\n"
    a = finish(session(memory))
    b = session(memory)
    folio = b.m.lists.first(b.m.list_number(0, 1, 4))
    b.m.lists.remove(folio, b.m.list_number(0, 1, 4))
    b.m.lists.insert(folio, b.m.list_number(0, 1, 4), tail=True)  # another page will be taken
    b.m.journal.mark()
    finish(b)
    assert a.digest() != b.digest()
    key = a.m.state_key()
    assert key == b.m.state_key()
    a.m.vm_event.add(0, 5)
    assert a.m.state_key() == key
    a.m.memcg_usage.add(0, 1)
    assert a.m.state_key() != key


def test_a_blocked_cpu_is_a_stop_that_can_be_stepped_back_from() -> None:
    vma = HEAP + 'uffd = ["missing"]\n'
    s = finish(session(vma=vma))
    assert s.stop.kind == "blocked"
    assert "userfaultfd" in s.stop.text
    assert s.accesses == []
    s.seek(s.last - 2)
    assert s.stop.kind == "decision"
    s.seek(s.last)
    assert s.stop.kind == "blocked"
    assert s.calls()[-1].code.co_name == "handle_userfault"


def test_a_bug_keeps_its_locals_on_view() -> None:
    s = finish(session(events='[[event]]\ncpu = 0\nread = "heap+0x5000"\n'))
    assert s.stop.kind == "bug"
    last = s.calls()[-1]
    assert last.code.co_name == "do_anonymous_page"
    assert last.locals["addr"] is None
    before = s.step
    s.advance()
    assert s.step == before


def test_an_access_without_a_vma_is_a_segfault() -> None:
    s = finish(Session(loads('variant = "v3"\n[[event]]\ncpu = 0\nwrite = 0x1000\n', "x.toml")))
    assert decisions(s) == ["return:VM_FAULT_SIGSEGV"]
    assert s.m.vm_event.get(0) == 0


def test_a_stop_can_be_asked_in_c() -> None:
    s = session()
    while s.event(s.step).kind != "vma-bounds":
        s.advance()
    assert s.ask("vma->vm_start") == 0x7F0000000000
    assert s.ask("orders[i] << 1") == 8
    assert s.ask("addr + (PAGE_SIZE << orders[i]) <= vma->vm_end") == 1
    assert s.ask("vmf->address & 0xf000") == 0x5000
