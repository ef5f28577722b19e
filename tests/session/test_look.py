# SPDX-License-Identifier: GPL-2.0-only
"""What a view asks for: names, watches, another CPU, another stop to compare with, the whole run in a row."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from kernelmodel.look import delta as delta_module
from kernelmodel.look import since as look_since
from kernelmodel.look.delta import Delta
from kernelmodel.look.memory import places
from kernelmodel.members import Struct
from kernelmodel.scenario import load
from kernelmodel.session import Session
from kernelmodel.snapshot import Snapshot, View
from kernelmodel.structs import STRUCTS, Folio, MemCgroup, Mm, Vma, VmStat, ZoneStruct
from tests.build import cells, finish, session
from tests.runs import runs

NAMES = (
    "zone->free_area[4].nr_free", "zone->nr_free_pages", "zone->_watermark[0]", "mm->anon_pages",
    "vma->vm_mm->nr_ptes", "memcg->usage", "vmf->pmd", "orders[i]", "vmstat->pgfault", "vmstat->thp_fault_fallback",
    "vmstat->nr_anon_pages",
)  # fmt: skip


def at(s: Session, kind: str) -> Session:
    """To the first stop of a kind."""
    finish(s)
    s.seek(next(n for n in range(s.last + 1) if s.event(n).kind == kind))
    return s


def watched(s: Session, text: str, since: int = -1) -> tuple[str, bool, str, bool]:
    (view,) = s.snapshot(View(watch=(text,), since=since)).watches
    assert view.text == text
    return view.value, view.changed, view.was, view.ok


# -- names ---------------------------------------------------------------------------------------------
def test_names_have_values_where_a_path_is_alive() -> None:
    s = at(session(), "vma-bounds")
    assert [text for text in NAMES if not watched(s, text)[3]] == []
    s.seek(next(n for n in range(s.last) if s.event(n).kind == "install"))
    assert watched(s, "folio->order")[0] == "4"
    assert watched(s, "folio->_refcount")[0] == "1"


def test_names_mean_what_the_machine_has() -> None:
    s = finish(session())
    m = s.m
    assert s.ask("zone->nr_free_pages") == m.nr_free_pages.get(0)
    assert [s.ask(f"zone->_watermark[{n}]") for n in range(3)] == [m.watermark.get(n) for n in range(3)]
    assert sum(s.ask(f"zone->free_area[{k}].nr_free") << k for k in range(m.orders)) == m.nr_free_pages.get(0)
    assert s.ask("memcg->usage") == s.ask("vmstat->nr_anon_pages") == s.ask("mm->anon_pages") == 16
    assert s.ask("vmstat->pgfault") == s.ask("vmstat->min_flt") == 1


def test_huge_pages_are_counted_as_proc_vmstat_does() -> None:
    s = finish(Session(load("seed/eagain-two-cpus.toml")))
    assert s.ask("vmstat->nr_anon_transparent_hugepages") == 1
    change = next(row for row in s.snapshot(View(since=0)).changes if row.what == "nr_anon_transparent_hugepages")
    assert (change.old, change.new) == ("0", "1")


def test_a_pointer_that_is_null_is_false_and_one_that_is_not_there_has_no_value() -> None:
    s = at(session(), "policy")
    assert s.ask("!folio") == 1
    s.seek(0)
    assert not watched(s, "folio")[3]
    assert watched(s, "nonsense") == ("nonsense has no value here", False, "", False)
    assert not watched(s, "1 +")[3]


def handles(s: Session) -> list[Struct]:
    m = s.m
    folios = [Folio(m, pfn) for pfn, _ in list(m.folio_order.items())[:4]]
    areas = list(ZoneStruct(m, 0).free_area)
    return [
        Mm(m, 0),
        MemCgroup(m, 0),
        VmStat(m, 0),
        ZoneStruct(m, 0),
        *areas,
        *folios,
        *(Vma(m, n) for n in range(2)),
    ]


@settings(max_examples=20, deadline=None)
@given(runs(), st.data())
def test_a_member_changes_only_with_its_cells(s: Session, data: st.DataObject) -> None:
    s.seek(data.draw(st.integers(0, s.last)))
    structs = handles(s)
    assert {type(each) for each in structs} <= set(STRUCTS.values())

    def values() -> list[tuple[object, list[int]]]:
        return [
            (getattr(each, name), [field.get(index) for field, index in member.cells(each)])
            for each in structs
            for name, member in type(each).members.items()
        ]

    before = values()
    s.seek(data.draw(st.integers(0, s.last)))
    for (old, read), (new, now) in zip(before, values(), strict=True):
        assert old == new or read != now


def test_structs_can_be_stored_to_member_by_member_but_not_where_they_are_worked_out() -> None:
    zone = ZoneStruct(session().m, 0)
    zone.wmark_low = 5
    assert zone._watermark[1] == 5
    with pytest.raises(AttributeError):
        zone.free_area[0].nr_free = 3


# -- watches -------------------------------------------------------------------------------------------
def test_watches_are_printed_as_c_would() -> None:
    s = at(session(), "vma-bounds")
    assert watched(s, "vma->vm_start")[0] == "139637976727552 (0x7f0000000000)"
    assert watched(s, "i")[0] == "0"
    assert watched(s, "-ENOMEM")[0] == "-12 (0xfffffffffffffff4)"
    assert watched(s, "vma")[0] == "heap [0x7f0000000000, 0x7f0000400000)"
    assert watched(s, "orders")[0] == "{4, 3, 0}"
    assert watched(s, "zone")[0] == "zone Normal"
    assert s.snapshot(View()).watches == ()


def test_a_watch_says_what_it_was_at_the_stop_before_and_at_a_mark() -> None:
    s = at(session(), "recheck")
    install = next(n for n in range(s.last) if s.event(n).kind == "install")
    s.seek(install + 1)
    assert watched(s, "mm->anon_pages") == ("16 (0x10)", True, "0", True)
    s.seek(s.last)
    assert watched(s, "mm->anon_pages") == ("16 (0x10)", False, "", True)
    assert watched(s, "mm->anon_pages", since=0) == ("16 (0x10)", True, "0", True)
    s.seek(0)
    assert watched(s, "mm->anon_pages", since=s.last) == ("0", True, "16 (0x10)", True)
    assert watched(s, "mm->anon_pages") == ("0", False, "", True)


def test_a_watch_without_a_value_on_one_side_has_changed() -> None:
    s = at(session(), "policy")
    assert watched(s, "orders") == ("{4, 3, 0}", True, "(no value)", True)
    s.seek(s.last)
    assert watched(s, "orders", since=5) == ("orders has no value here", True, "{4, 3, 0}", False)


def test_values_of_a_run_that_was_cut_are_forgotten() -> None:
    s = at(session(), "alloc")
    step = s.step
    s.seek(s.last)
    assert watched(s, "mm->anon_pages", since=step)[0] == "16 (0x10)"
    s.seek(step)
    s.advance("NULL")
    finish(s)
    assert watched(s, "mm->anon_pages", since=step)[0] == "8"


@settings(max_examples=15, deadline=None)
@given(runs(), st.data())
def test_a_view_of_another_stop_leaves_the_session_where_it_stands(s: Session, data: st.DataObject) -> None:
    step, since = data.draw(st.integers(0, s.last)), data.draw(st.integers(0, s.last))
    s.seek(step)
    plain = s.snapshot(View())
    s.snapshot(View(since=since, watch=NAMES))
    assert s.step == step
    assert s.snapshot(View()) == plain


def test_only_so_many_values_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look_since, "MAX_VALUES", 8)
    s = finish(session())
    for step in range(s.last):
        s.seek(step)
        assert watched(s, "step")[0].split()[0] == str(step)
        assert len(s.values) <= 8


# -- since ---------------------------------------------------------------------------------------------
def naive(s: Session, since: int, step: int) -> dict[tuple[str, int], int]:
    """Cells that differ, with their values at ``since``."""
    s.seek(since)
    there = cells(s.m)
    s.seek(step)
    here = cells(s.m)
    return {
        (field.name, index): there[field.name].get(index, field.default)
        for field in s.m.journal.fields
        for index in {**there[field.name], **here[field.name]}
        if there[field.name].get(index, field.default) != here[field.name].get(index, field.default)
    }


@settings(max_examples=40, deadline=None)
@given(runs(), st.data())
def test_a_delta_is_what_differs_in_both_directions(s: Session, data: st.DataObject) -> None:
    since, step = data.draw(st.integers(0, s.last)), data.draw(st.integers(0, s.last))
    want = naive(s, since, step)
    delta = Delta(s.m, s.log.mark[since])
    assume(delta.more == 0)  # compaction and reclaim may store more than is looked at
    got = {(field.name, index): was for (field, index), was in delta.was.items() if was != field.get(index)}
    got |= {("nr_free", n): was for n, was in delta.lengths.items() if delta.longer(n)}
    assert got == {key: was for key, was in want.items() if key[0] not in delta_module._SILENT}


@settings(max_examples=25, deadline=None)
@given(runs(), st.data())
def test_where_the_journal_is_not_read_to_its_end_what_is_on_view_is_still_exact(
    s: Session, data: st.DataObject
) -> None:
    since, step = data.draw(st.integers(0, s.last)), data.draw(st.integers(0, s.last))
    view = View(since=since, pte_at=0x7F0000005000)
    s.seek(step)
    want = s.snapshot(view)
    most = data.draw(st.integers(0, 5))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(delta_module, "MAX_ENTRIES", most)
        got = s.snapshot(view)
    assert (got.walk, got.ptes, got.zones) == (want.walk, want.ptes, want.zones)
    assert s.step == step
    if abs(s.log.mark[since] - s.log.mark[step]) > most:
        assert got.changes[-1].what.endswith("more stores were not looked at)")
        assert got.changes[-1].old == got.changes[-1].new == ""


def test_changes_are_bounded_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from kernelmodel import look

    s = finish(session())
    whole = s.snapshot(View(since=0)).changes
    monkeypatch.setattr(look, "MAX_CHANGES", 3)
    short = s.snapshot(View(since=0)).changes
    assert short[:3] == whole[:3]
    assert short[3].what == f"(and {len(whole) - 3} more)"


def test_what_differs_from_a_later_stop_is_the_same_the_other_way_round() -> None:
    s = finish(session())
    s.seek(2)
    back = s.snapshot(View(since=s.last))
    s.seek(s.last)
    on = s.snapshot(View(since=2))
    assert back.zones[0].delta == tuple(-n for n in on.zones[0].delta) != (0,) * 11
    assert {(c.what, c.old, c.new) for c in back.changes if "page " not in c.what} == {
        (c.what, c.new, c.old) for c in on.changes if "page " not in c.what
    }
    assert (back.since, on.since) == (s.last, 2)


def test_nothing_differs_from_the_stop_itself() -> None:
    s = finish(session())
    s.seek(9)
    assert s.snapshot(View(since=9)).changes == ()


def test_places_are_those_that_the_walk_and_the_row_read() -> None:
    s = finish(session())
    snap = s.snapshot(View(pte_at=0x7F0000005000, ptes=16))
    found = places(s.m, 0, 0x7F0000005000, snap.ptes[0].entry, 16)
    assert [s.m.pgtable.get(place) for place in found] == [row.value for row in snap.walk] + [
        c.value for c in snap.ptes
    ]


# -- CPUs ----------------------------------------------------------------------------------------------
def two_cpus(step: int) -> Session:
    s = finish(Session(load("seed/eagain-two-cpus.toml")))
    s.seek(step)
    return s


def test_the_calls_of_another_cpu() -> None:
    s = two_cpus(8)
    mine, other = s.snapshot(View()), s.snapshot(View(cpu=0))
    assert (mine.cpu, mine.view_cpu, other.cpu, other.view_cpu) == (1, 1, 1, 0)
    assert mine.calls[mine.frame].function == "do_huge_pmd_anonymous_page"
    assert other.calls[other.frame].function == "handle_pte_fault"
    assert other.calls[other.frame].hits[other.calls[other.frame].line - 1] == 1
    assert not any(local.changed for call in other.calls for local in call.locals)
    assert s.snapshot(View(cpu=1)) == mine
    assert s.snapshot(View(cpu=9)) == mine


def test_a_cpu_without_a_path_has_no_calls() -> None:
    s = two_cpus(2)
    snap = s.snapshot(View(cpu=1))
    assert (snap.calls, snap.frame, snap.view_cpu) == ((), 0, 1)


# -- the whole run ---------------------------------------------------------------------------------------
@settings(max_examples=25, deadline=None)
@given(runs(), st.integers(0, 200))
def test_the_overview_counts_each_fallback_once(s: Session, count: int) -> None:
    snap = s.snapshot(View(overview=count))
    if count == 0:
        assert (snap.overview, snap.bucket) == ((), 0)
        return
    assert len(snap.overview) <= count
    assert snap.bucket * (len(snap.overview) - 1) < s.last + 1 <= snap.bucket * len(snap.overview)
    want = [0] * len(snap.overview)
    for step in range(s.last + 1):
        want[step // snap.bucket] += s.event(step).kind == "fallback"
    assert list(snap.overview) == want


def events(snap: Snapshot) -> list[int]:
    return [event.step for event in snap.events]


def test_the_list_of_decisions_can_be_scrolled_away_from_the_present() -> None:
    s = finish(Session(load("seed/unfit.toml")))
    s.seek(2)
    assert events(s.snapshot(View(events=8))) == [0, 1, 2, 3, 4]
    assert events(s.snapshot(View(events=8, event_at=40))) == [36, 37, 38, 39, 40, 41, 42, 43]
    assert events(s.snapshot(View(events=8, event_at=0))) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert events(s.snapshot(View(events=8, event_at=10_000)))[-1] == s.last - 1
    assert len(s.snapshot(View(events=8, event_at=s.last)).events) == 7  # the last stop is no decision
