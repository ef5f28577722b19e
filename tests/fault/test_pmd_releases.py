# SPDX-License-Identifier: GPL-2.0-only
"""The PMD level by release: what is counted, what a write to the huge zero page gets; and PTE markers.

Derived from mm/huge_memory.c and mm/memory.c of 6.5, 6.8 … 7.1 by hand, not from the model; 7.2 is taken for 7.1 here.
"""

from __future__ import annotations

import pytest

from kernelmodel.arch import PTE_MARKER_GUARD, PTE_MARKER_POISONED, PTE_MARKER_UFFD_WP, SWP_PTE_MARKER
from kernelmodel.boot import pte_of
from kernelmodel.check import mapped_orders
from kernelmodel.defs import result_name
from kernelmodel.invariants import violations
from kernelmodel.mm.pgtable import set_pte_at, translate
from kernelmodel.mm.vmstat import counters
from kernelmodel.session import Session
from kernelmodel.structs import Folio, Mm
from tests.build import HEAP, decisions, finish, session

AT = 0x7F0000005000
RELEASES = ("6.5", "6.8", "6.9", "6.10", "6.11", "6.12", "6.13", "6.14", "6.18", "7.0", "7.1", "7.2")
COUNTED = RELEASES[3:]
"""Releases with per-size statistics."""
FRESH = RELEASES[6:]
"""Releases in which a write to the huge zero folio gets a folio of its own."""


def run(variant: str, *events: str, vma: str = HEAP, boot: str = "", memory: str = "", answers: str = "") -> Session:
    """Accesses (``write`` or ``read``) to one place, one after the other, the last one with ``answers``."""
    lines = [f'[[event]]\ncpu = 0\n{verb} = "heap+0x5000"\n' for verb in events]
    lines[-1] += f"answers = [{answers}]\n" if answers else ""
    text = f'[thp]\nenabled = "always"\n[boot]\n{boot}\n[memory]\nsize = "64M"\n{memory}\n'
    return finish(session(text, head=f'variant = "{variant}"', vma=vma, events="".join(lines)))


def thp(s: Session) -> dict[str, int]:
    """Statistics that the PMD level moves, without the folio's own."""
    return {name: n for name, n in counters(s.m).items() if name.startswith("thp_fault") or "2048kB.anon" in name}


# -- what is counted ------------------------------------------------------------------------------------
NULL9, NO_ZERO, NO_TABLE, NO_ANON_VMA = (
    '"vma_alloc_folio(order=9) = NULL"', '"mm_get_huge_zero_folio = NULL"', '"pte_alloc_one = NULL"',
    '"anon_vma_prepare = -ENOMEM"',
)  # fmt: skip
NO_CHARGE = '"mem_cgroup_charge(order=9) = -ENOMEM"'
SHORT = HEAP.replace("4M", "1M")
CASES = {
    # case: access, VMA, answers, vm events, per-size statistics, result
    "mapped": ("write", HEAP, "", {"thp_fault_alloc": 1}, {"anon_fault_alloc": 1}, "0"),
    "unsuitable": ("write", SHORT, "", {}, {}, "0"),
    "no folio": ("write", HEAP, NULL9, {"thp_fault_fallback": 1}, {"anon_fault_fallback": 1}, "0"),
    "no charge": (
        "write", HEAP, NO_CHARGE, {"thp_fault_fallback": 1, "thp_fault_fallback_charge": 1},
        {"anon_fault_fallback": 1, "anon_fault_fallback_charge": 1}, "0",
    ),
    "no table": ("write", HEAP, NO_TABLE, {}, {}, "VM_FAULT_OOM"),
    "no anon_vma": ("write", HEAP, NO_ANON_VMA, {}, {}, "VM_FAULT_OOM"),
    "zero page mapped": ("read", HEAP, "", {}, {}, "0"),
    "no zero page": ("read", HEAP, NO_ZERO, {"thp_fault_fallback": 1}, {}, "0"),
}  # fmt: skip


@pytest.mark.parametrize("variant", RELEASES)
@pytest.mark.parametrize("case", CASES)
def test_counters(variant: str, case: str) -> None:
    verb, vma, answers, events, sizes, result = CASES[case]
    s = run(variant, verb, vma=vma, answers=answers)
    if variant in COUNTED:
        events = {**events, **{f"2048kB.{name}": n for name, n in sizes.items()}}
    assert thp(s) == events
    assert [result_name(end.ret) for end in s.accesses] == [result]
    assert list(violations(s.m, True)) == []


@pytest.mark.parametrize("variant", RELEASES)
def test_who_loses_the_race_for_the_pmd_faults_again(variant: str) -> None:
    """Both get a folio; the second finds a leaf under the lock, counts nothing and drops it."""
    events = "".join(f'[[event]]\ncpu = {cpu}\nwrite = "heap+0x5000"\n' for cpu in (0, 1))
    head = f'variant = "{variant}"\nschedule = "0*5 1*40 0"'
    s = finish(session('[thp]\nenabled = "always"\n[boot]\n', head=head, events=events))
    assert "pmd-recheck:changed" in decisions(s)
    assert thp(s) == {"thp_fault_alloc": 1, **({"2048kB.anon_fault_alloc": 1} if variant in COUNTED else {})}
    assert counters(s.m)["nr_anon_pages"] == 512
    assert list(violations(s.m, True)) == []


# -- the huge zero page, written ------------------------------------------------------------------------
@pytest.mark.parametrize("variant", RELEASES)
def test_a_write_to_the_huge_zero_page(variant: str) -> None:
    s = run(variant, "read", "write")
    told, found = decisions(s), counters(s.m)
    assert list(violations(s.m, True)) == []
    assert Mm(s.m, 0).nr_ptes == 1, "the table that was put by is used, or still there"
    if variant in FRESH:
        assert "huge-wp:copy" in told
        assert mapped_orders(s) == (9, 9)
        assert found["MM_ANONPAGES"] == 512
        assert "thp_split_pmd" not in found
        assert thp(s) == {"thp_fault_alloc": 1, "2048kB.anon_fault_alloc": 1}
    else:
        assert "huge-wp:split" in told
        assert mapped_orders(s) == (9, 0)
        assert (found["MM_ANONPAGES"], found["thp_split_pmd"]) == (1, 1)
        assert thp(s) == {}


@pytest.mark.parametrize("variant", FRESH)
@pytest.mark.parametrize(("answer", "charge"), [(NULL9, 0), (NO_CHARGE, 1)])
def test_no_folio_over_the_huge_zero_page(variant: str, answer: str, charge: int) -> None:
    """The split is what is left; the failure is counted as any other of the size."""
    s = run(variant, "read", "write", answers=answer)
    found = counters(s.m)
    assert [each for each in decisions(s) if each.startswith("huge-wp")] == ["huge-wp:split"]
    assert (mapped_orders(s), found["thp_split_pmd"]) == ((9, 0), 1)
    assert (found["thp_fault_fallback"], found["2048kB.anon_fault_fallback"]) == (1, 1)
    assert found.get("2048kB.anon_fault_fallback_charge", 0) == charge
    assert list(violations(s.m, True)) == []


def test_two_writers_over_the_huge_zero_page() -> None:
    """The second finds another leaf under the lock, drops its folio and faults again."""
    events = '[[event]]\ncpu = 0\nread = "heap+0x5000"\n'
    events += "".join(f'[[event]]\ncpu = {cpu}\nwrite = "heap+0x5000"\n' for cpu in (0, 1))
    for first in range(8, 20):
        head = f'variant = "6.14"\nschedule = "0*{first} 1*40 0"'
        s = finish(session('[thp]\nenabled = "always"\n[boot]\n', head=head, events=events))
        if "recheck:changed" in decisions(s):
            break
    assert "recheck:changed" in decisions(s)
    assert counters(s.m)["MM_ANONPAGES"] == 512
    assert counters(s.m)["thp_fault_alloc"] == 1
    assert list(violations(s.m, True)) == []


@pytest.mark.parametrize(("variant", "cleared"), [("6.8", 2), ("6.12", 2), ("6.13", 1), ("7.1", 1)])
def test_memory_that_the_allocator_cleared(variant: str, cleared: int) -> None:
    for events in (("write",), ("read", "write")) if cleared == 1 else (("write",),):
        m = run(variant, *events, boot="init_on_alloc = true").m
        assert Folio(m, m.arch.pte_pfn(translate(Mm(m, 0), AT))).cleared == cleared


# -- markers --------------------------------------------------------------------------------------------
WP = HEAP + 'uffd = ["wp"]\n'
MARKERS = {
    # release: poisoned, guard, poisoned and write-protected
    "6.5": ("VM_FAULT_SIGBUS", "VM_FAULT_SIGBUS", "VM_FAULT_SIGBUS"),
    "v6": ("VM_FAULT_HWPOISON", "VM_FAULT_SIGBUS", "VM_FAULT_HWPOISON"),
    "6.8": ("VM_FAULT_HWPOISON", "VM_FAULT_SIGBUS", "VM_FAULT_HWPOISON"),
    "6.12": ("VM_FAULT_HWPOISON", "VM_FAULT_SIGBUS", "VM_FAULT_HWPOISON"),
    "6.13": ("VM_FAULT_HWPOISON", "VM_FAULT_SIGSEGV", "VM_FAULT_HWPOISON"),
    "7.1": ("VM_FAULT_HWPOISON", "VM_FAULT_SIGSEGV", "VM_FAULT_HWPOISON"),
}


def with_marker(variant: str, bits: int, vma: str = HEAP) -> Session:
    """A write where a marker stands; no populate makes one of the rarer kinds, so it is set by hand."""
    s = session("", head=f'variant = "{variant}"', vma=vma)
    set_pte_at(s.m, pte_of(Mm(s.m, 0), AT), s.m.arch.swp_entry(SWP_PTE_MARKER, bits))
    return finish(s)


@pytest.mark.parametrize("variant", MARKERS)
def test_markers_that_end_an_access(variant: str) -> None:
    kinds = (PTE_MARKER_POISONED, PTE_MARKER_GUARD, PTE_MARKER_POISONED | PTE_MARKER_UFFD_WP)
    for bits, result in zip(kinds, MARKERS[variant], strict=True):
        s = with_marker(variant, bits, WP)
        assert [result_name(end.ret) for end in s.accesses] == [result]
        outcome = "guard" if result == "VM_FAULT_SIGSEGV" else "poisoned"
        assert f"marker:{outcome}" in decisions(s)
        assert counters(s.m)["pgfault"] == 1
        assert "min_flt" not in counters(s.m), "an error is neither minor nor major"


@pytest.mark.parametrize("variant", RELEASES)
def test_a_write_protect_marker_is_handed_on(variant: str) -> None:
    """One page, write-protected still, so that the write faults again and waits for the monitor."""
    s = with_marker(variant, PTE_MARKER_UFFD_WP, WP)
    assert decisions(s)[-1] == "wp:uffd"
    assert decisions(s).count("marker:uffd-wp") == 1
    assert counters(s.m)["MM_ANONPAGES"] == 1
    assert s.m.arch.pte_uffd_wp(translate(Mm(s.m, 0), AT))
    assert s.stop.kind == "blocked"


@pytest.mark.parametrize("variant", RELEASES)
def test_a_stale_marker_is_dropped(variant: str) -> None:
    s = with_marker(variant, PTE_MARKER_UFFD_WP)
    assert decisions(s).count("marker:stale") == 1
    assert [result_name(end.ret) for end in s.accesses] == ["0"]
    assert not s.m.arch.pte_uffd_wp(translate(Mm(s.m, 0), AT))


def test_7_2_asks_for_the_deferred_split_list_at_this_level_too() -> None:
    """Its failure falls back and counts like a failed allocation; a leaf that was mapped has made the list's heads."""
    s = run("7.2", "write", answers='"folio_memcg_alloc_deferred(order=9) = -ENOMEM"')
    assert thp(s) == {"thp_fault_fallback": 1, "2048kB.anon_fault_fallback": 1}
    assert "deferred:-ENOMEM" in decisions(s)
    assert list(violations(s.m, True)) == []
    assert "deferred:0" in decisions(run("7.2", "write"))
    assert not any(each.startswith("deferred") for each in decisions(run("7.1", "write")))
