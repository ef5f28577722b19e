# SPDX-License-Identifier: GPL-2.0-only
"""The search on worlds small enough to count by hand."""

from __future__ import annotations

import itertools

import pytest

from kernelmodel.decision import Decision, KernelBug, Path, Question, Step, Wait
from kernelmodel.explore.fingerprint import Unfit
from kernelmodel.explore.search import halted
from tests.explore.toy import Cells, Search


def two_steps(m: Cells) -> Path[tuple[int, int]]:
    yield Step("step", "a")
    yield Step("step", "b")
    return 0, 0


def add_one(m: Cells) -> Path[tuple[int, int]]:
    """x += 1, not atomically."""
    x = m.x.get(0)
    yield Step("step", "read")
    m.x.set(0, x + 1)
    yield Decision("wp", f"x={m.x.get(0)}")
    return 0, 0


def guarded(m: Cells) -> Path[tuple[int, int]]:
    """The same under a lock."""
    while m.lock.get(0):
        yield Wait("lock", lambda: not m.lock.get(0))
    m.lock.set(0, 1)
    yield Step("step", "locked")
    m.x.set(0, m.x.get(0) + 1)
    m.lock.set(0, 0)
    yield Decision("wp", f"x={m.x.get(0)}")
    return 0, 0


def test_states_are_counted_once() -> None:
    """Two CPUs of four local states each (begin, a, b, done) that share nothing: 16."""
    assert len(Search(Cells("x"), [two_steps, two_steps]).survey().seen) == 16


def test_steps_that_nobody_notices_are_made_at_once() -> None:
    """The reduction leaves one order; what happens is the same."""
    plain, reduced = (Search(Cells("x"), [two_steps, two_steps], reduction) for reduction in (False, True))
    assert len(reduced.survey().seen) < len(plain.survey().seen)
    assert reduced.happenings() == plain.happenings()
    assert len(reduced.survey().ends) == 1


def test_a_lost_update_is_found() -> None:
    search = Search(Cells("x"), [add_one, add_one])
    ends = {search.world.contents[0][search.world.states[search.moves.state(end)][0]][0] for end in search.survey().ends}
    assert ends == {1, 2}


def test_a_lock_keeps_the_update() -> None:
    search = Search(Cells("x", "lock"), [guarded, guarded])
    survey = search.survey()
    assert ("wp", "x=2") in search.happenings()
    assert all(halted(search.moves.locals_of(end)) == "end" for end in survey.ends)
    search.world.restore(search.moves.state(next(iter(survey.ends))))
    assert len(survey.ends) == 1
    assert search.m.x.get(0) == 2


def test_who_waits_for_what_never_comes_is_blocked() -> None:
    def waits(m: Cells) -> Path[tuple[int, int]]:
        yield Wait("x", lambda: bool(m.x.get(0)))
        return 0, 0

    search = Search(Cells("x"), [waits, two_steps])
    (end,) = search.survey().ends
    assert halted(search.moves.locals_of(end)) == "blocked"


def test_a_bug_stops_the_machine() -> None:
    def bad(m: Cells) -> Path[tuple[int, int]]:
        yield Step("step", "a")
        raise KernelBug("broken", "it is")

    search = Search(Cells("x"), [bad, two_steps])
    ends = search.survey().ends
    assert {halted(search.moves.locals_of(end)) for end in ends} == {"bug"}
    assert len(ends) == 4  # wherever the other one is
    assert search.shortest().ways[("bug", "broken", "")] is not None


def test_the_environment_answers_each_way() -> None:
    def asks(m: Cells) -> Path[tuple[int, int]]:
        answer = yield Question("alloc", "vma_alloc_folio", lambda: ("folio", "", 0), "NULL")
        m.x.set(0, 1 if answer == "NULL" else 2)
        return 0, 0

    assert len(Search(Cells("x"), [asks]).survey().ends) == 2
    assert len(Search(Cells("x"), [asks], failures=False).survey().ends) == 1


def test_what_follows_from_the_state_is_not_branched_on() -> None:
    def asks(m: Cells) -> Path[tuple[int, int]]:
        yield Question("map-pte", "pte_offset_map()", lambda: ("NULL" if m.x.get(0) else "mapped", "", 0), "NULL")
        return 0, 0

    def sets(m: Cells) -> Path[tuple[int, int]]:
        m.x.set(0, 1)
        yield Step("step", "set")
        return 0, 0

    search = Search(Cells("x"), [asks])
    search.survey()
    assert search.happenings() == {("map-pte", "mapped")}
    both = Search(Cells("x"), [asks, sets])
    both.survey()
    assert {each for each in both.happenings() if each[0] == "map-pte"} == {("map-pte", "mapped"), ("map-pte", "NULL")}


def test_the_witness_has_the_fewest_switches_then_the_fewest_steps() -> None:
    """x=1 after both have run needs each to read before the other writes: 0 reads, 1 runs, 0 goes on."""
    search = Search(Cells("x"), [add_one, add_one])
    way = search.shortest()
    assert [cpu for cpu, _ in way.tape(("wp", "x=1", ""))] == [0, 0]
    assert [cpu for cpu, _ in way.tape(("wp", "x=2", ""))] == [0, 0, 1, 1]
    lost = next(end for end in way.ends if search.world.contents[0][search.world.states[search.moves.state(end)][0]][0] == 1)
    tape = way.tape(("end", str(lost), ""))
    assert sum(a[0] != b[0] for a, b in itertools.pairwise(tape)) == 2


def test_a_bound_on_preemptions_leaves_out_what_needs_more() -> None:
    search = Search(Cells("x"), [add_one, add_one])
    none, one = search.shortest(preemptions=0), search.shortest(preemptions=1)
    assert none.cut
    assert len(none.ends) == 1  # one after the other: x is 2
    assert len(one.ends) == 2


def turns(m: Cells) -> Path[tuple[int, int]]:
    """Tries again for as long as x is 0."""
    while not m.x.get(0):
        yield Decision("return", "0", reason="refault")
        yield Step("step", "F0")
    return 0, 0


def test_a_cycle_in_which_nobody_refuses_is_endless() -> None:
    search = Search(Cells("x"), [turns])
    search.survey()
    assert set(search.endless().values()) == {"endless-refault"}


def test_a_cycle_that_only_starves_another_cpu_is_not() -> None:
    def sets(m: Cells) -> Path[tuple[int, int]]:
        yield Step("step", "soon")
        m.x.set(0, 1)
        return 0, 0

    search = Search(Cells("x"), [turns, sets])
    search.survey()
    assert search.endless() == {}


def test_a_cycle_that_needs_a_refusal_is_not() -> None:
    def asks(m: Cells) -> Path[tuple[int, int]]:
        answer: str | None = "NULL"
        while answer == "NULL":
            answer = yield Question("alloc", "vma_alloc_folio", lambda: ("folio", "", 0), "NULL")
            yield Decision("return", "0", reason="refault")
            yield Step("step", "F0")
        return 0, 0

    search = Search(Cells("x"), [asks])
    search.survey()
    assert search.endless() == {}


def test_a_path_may_not_keep_an_iterator() -> None:
    def keeps(m: Cells) -> Path[tuple[int, int]]:
        rest = iter((1, 2))
        yield Decision("wp", "reuse")
        assert rest
        return 0, 0

    with pytest.raises(Unfit, match="rest"):
        Search(Cells("x"), [keeps]).survey()


def test_a_step_taken_for_quiet_is_looked_at_again() -> None:
    """CPU 0 reads x, which nobody has been seen to write yet; CPU 1 writes it late.  Both values must be found."""

    def reads(m: Cells) -> Path[tuple[int, int]]:
        yield Step("step", "a")
        x = m.x.get(0)
        yield Decision("wp", f"x={x}")
        return 0, 0

    def writes(m: Cells) -> Path[tuple[int, int]]:
        yield Step("step", "a")
        yield Step("step", "b")
        yield Step("step", "c")
        m.x.set(0, 1)
        return 0, 0

    search = Search(Cells("x"), [reads, writes], reduction=True)
    search.survey()
    assert {each for each in search.happenings() if each[0] == "wp"} == {("wp", "x=0"), ("wp", "x=1")}


def reads_twice(m: Cells) -> Path[tuple[int, int]]:
    yield Step("step", "a")
    first = m.x.get(0)
    yield Step("step", "b")
    yield Decision("wp", f"{first}{m.x.get(0)}")
    return 0, 0


def test_a_bounded_search_looks_at_quiet_steps_again_too() -> None:
    """CPU 1 writes x late: until then a read of it looks quiet, and nobody would run between the two reads."""

    def writes(m: Cells) -> Path[tuple[int, int]]:
        yield Step("step", "a")
        yield Step("step", "b")
        yield Step("step", "c")
        m.x.set(0, 1)
        return 0, 0

    way = Search(Cells("x"), [reads_twice, writes], reduction=True).shortest(preemptions=9)
    assert {outcome for kind, outcome, _ in way.ways if kind == "wp"} == {"00", "01", "11"}


def test_who_goes_in_circles_quietly_lets_others_run() -> None:
    """CPU 0 writes x, and after that it reads for ever what nobody writes; CPU 1 sees x all the same."""

    def circles(m: Cells) -> Path[tuple[int, int]]:
        yield Step("step", "a")
        m.x.set(0, 1)
        while not m.y.get(0):
            yield Decision("return", "0", reason="refault")
            yield Step("step", "F0")
        return 0, 0

    survey, way = (Search(Cells("x", "y"), [circles, reads_twice], reduction=True) for _ in range(2))
    survey.survey()
    found = way.shortest(preemptions=9).ways
    for seen in ({outcome for kind, outcome in survey.happenings() if kind == "wp"},
                 {outcome for kind, outcome, _ in found if kind == "wp"}):  # fmt: skip
        assert seen == {"00", "01", "11"}
