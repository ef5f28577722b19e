# SPDX-License-Identifier: GPL-2.0-only
"""Linux 6.5, and the variants whose orders are a mask: v6, v8, 6.8, 6.9.

Sequences were derived by hand from 20230929114421.3761121-6-ryan.roberts@arm.com, from
20231204102027.57185-5-ryan.roberts@arm.com and from mm/memory.c of the releases.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kernelmodel.defs import __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL, GFP_TRANSHUGE_LIGHT, MMF_UNSTABLE
from kernelmodel.invariants import violations
from kernelmodel.mm.pgtable import translate
from kernelmodel.mm.vmstat import counters
from kernelmodel.scenario import load, loads
from kernelmodel.session import Session
from kernelmodel.snapshot import Event
from kernelmodel.structs import Mm
from tests.fault.test_vectors import START, kinds, known, pfn_at, results

MASKS = ("v6", "v8", "6.8", "6.9")
EVERY = ("6.5", *MASKS)
FIRST = 0x100000
"""The first page of a fresh zone."""
NULL = {order: f"vma_alloc_folio(order={order}) = NULL" for order in (0, 2, 3, 4, 9)}
LEAF = "pte_offset_map() = NULL leaf"
FOLDER = Path(__file__).parents[2] / "scenarios"
SCENARIOS = sorted(file for name in ("seed", "memory", "pmd") for file in (FOLDER / name).glob("*.toml"))
"""Written for another variant; review/ and matrix/ say themselves what they expect of each."""


def session(
    variant: str,
    *,
    orders: tuple[int, ...] = (4, 3, 2),
    enabled: str = "madvise",
    memory: str = 'size = "64M"',
    schedule: str = "",
    vma: tuple[int, str] = (0, "1M"),
    uffd: str = "",
    busy: tuple[int, ...] = (),
    marker: int = -1,
    events: tuple[tuple[int, int, tuple[str, ...]], ...] = ((0, 0x3000, ()),),
    verb: str = "write",
) -> Session:
    """A session in which a VMA without a hint may have these orders (and a huge page if ``enabled`` is always)."""
    bits = sum(1 << order for order in orders)
    lines = [f'variant = "{variant}"']
    lines += [f'schedule = "{schedule}"'] if schedule else []
    lines += ["[thp]", f'enabled = "{enabled}"', f"anon_orders = {bits | 1 << 9}", f"anon_always_mask = {bits}"]
    lines += [f'hugepages-{4 << order}kB = "always"' for order in orders]
    lines += ["[memory]", memory, "[[vma]]", 'name = "heap"', f"start = {START + vma[0]:#x}", f'size = "{vma[1]}"']
    lines += ['flags = ["VM_WRITE"]', *([f'uffd = ["{uffd}"]'] if uffd else [])]
    for offset in busy:
        lines += ["[[populate]]", f"at = {START + offset:#x}", "pages = 1"]
    if marker >= 0:
        lines += ["[[populate]]", f"at = {START + marker:#x}", "pages = 1", 'with = "uffd-wp-marker"']
    for cpu, offset, answers in events:
        lines += ["[[event]]", f"cpu = {cpu}", f"{verb} = {START + offset:#x}", f"answers = {list(answers)}"]
    return Session(loads("\n".join(lines), "mask.toml"))


def run(variant: str, **how: Any) -> Session:
    """The same, finished, with the invariants looked at."""
    done = session(variant, **how)
    while not done.finished:
        done.advance()
    assert violations(done.m, settled=done.stop.kind == "end") == []
    return done


def spell(event: Event) -> str:
    """Kind, order and outcome of a decision, as the vectors below are written."""
    more = dict(event.more)
    match event.kind:
        case "vma-bounds" | "pte-range" | "alloc" | "charge":
            return f"{event.kind} {event.order} {event.outcome}"
        case "step-down":
            return f"{more['from']} to {more['to']} {event.reason}"
        case "fallback":
            return f"fallback {event.order} {event.reason}"
    return f"{event.kind} {event.outcome}"


def walk(done: Session, fault: int = 0) -> list[str]:
    """From the test for userfaultfd to the charge: what one pass through the fault path decided."""
    kept = ("uffd", "policy", "vma-bounds", "map-pte", "pte-range", "step-down", "fallback", "alloc", "charge")
    return [spell(e) for e in known(done) if e.fault == fault and e.kind in kept and e.order != 9]


def tail(done: Session, cpu: int = 0) -> list[str]:
    """Everything behind the last charge of a CPU."""
    found = kinds(done, cpu)
    return found[max(k for k, each in enumerate(found) if each.startswith("charge")) + 1 :]


BEGIN = ["uffd clear", "policy 4,3,2"]
FITS = [*BEGIN, "vma-bounds 4 fits", "map-pte mapped"]
HALF = [*FITS, "pte-range 4 populated", "4 to 3 pte-range"]
CASES: dict[str, tuple[dict[str, Any], list[str], int]] = {
    # case: how it is made, what is decided, order of the folio
    "all free": ({}, [*FITS, "pte-range 4 none", "alloc 4 folio"], 4),
    "64K leave the VMA, 32K fit": (
        {"vma": (0x8000, "1M"), "events": ((0, 0x9000, ()),)},
        [*BEGIN, "vma-bounds 4 outside", "4 to 3 vma-bounds", "vma-bounds 3 fits", "map-pte mapped", "pte-range 3 none",
         "alloc 3 folio"],
        3,
    ),
    "nothing fits: the table is not mapped": (
        {"vma": (0x1000, "1M")},
        [*BEGIN, "vma-bounds 4 outside", "4 to 3 vma-bounds", "vma-bounds 3 outside", "3 to 2 vma-bounds",
         "vma-bounds 2 outside", "fallback 4 vma-bounds", "alloc 0 folio"],
        0,
    ),
    "one PTE set in the 16 but not in the 8": ({"busy": (0xB000,)}, [*HALF, "pte-range 3 none", "alloc 3 folio"], 3),
    "every range busy": (
        {"busy": (0x2000,)},
        [*HALF, "pte-range 3 populated", "3 to 2 pte-range", "pte-range 2 populated", "fallback 4 pte-range",
         "alloc 0 folio"],
        0,
    ),
    "64K busy, 32K and 16K can't be had": (
        {"busy": (0xB000,), "events": ((0, 0x3000, (NULL[3], NULL[2])),)},
        [*HALF, "pte-range 3 none", "alloc 3 NULL", "3 to 2 alloc", "alloc 2 NULL", "fallback 4 alloc", "alloc 0 folio"],
        0,
    ),
    "64K and 32K can't be had: order 2 is tried, and no range is read again": (
        {"events": ((0, 0x3000, (NULL[4], NULL[3])),)},
        [*FITS, "pte-range 4 none", "alloc 4 NULL", "4 to 3 alloc", "alloc 3 NULL", "3 to 2 alloc", "alloc 2 folio"],
        2,
    ),
    "a gap in the mask": (
        {"orders": (4, 2), "busy": (0x4000,), "events": ((0, 0x3000, ()),)},
        ["uffd clear", "policy 4,2", "vma-bounds 4 fits", "map-pte mapped", "pte-range 4 populated", "4 to 2 pte-range",
         "pte-range 2 none", "alloc 2 folio"],
        2,
    ),
    "no order": ({"orders": ()}, ["uffd clear", "policy none", "fallback 0 policy", "alloc 0 folio"], 0),
    "armed": ({"uffd": "wp", "vma": (0x1000, "1M")}, ["uffd armed", "fallback 0 uffd", "alloc 0 folio"], 0),
}  # fmt: skip


@pytest.mark.parametrize("variant", MASKS)
@pytest.mark.parametrize("case", CASES)
def test_the_loops(case: str, variant: str) -> None:
    how, expected, order = CASES[case]
    done = run(variant, **how)
    assert walk(done) == [*expected, f"charge {order} 0"]
    install = next(e for e in known(done) if e.kind == "install")
    assert install.order == order
    head = install.addr - START
    assert [pfn_at(done, head + k * 0x1000) - pfn_at(done, head) for k in range(1 << order)] == list(range(1 << order))
    assert kinds(done)[-1] == "return:0"


@pytest.mark.parametrize("variant", MASKS)
def test_nothing_can_be_had(variant: str) -> None:
    done = run(variant, events=((0, 0x3000, (NULL[4], NULL[3], NULL[2], NULL[0])),))
    assert walk(done)[-2:] == ["fallback 4 alloc", "alloc 0 NULL"]
    assert results(done) == ["VM_FAULT_OOM"]


@pytest.mark.parametrize("variant", MASKS)
def test_eagain_allocates_nothing(variant: str) -> None:
    done = run(variant, enabled="always", vma=(0, "2M"), events=((0, 0x3000, (NULL[9], LEAF)),))
    assert walk(done) == [*BEGIN, "vma-bounds 4 fits", "map-pte NULL"]
    assert kinds(done)[-2:] == ["map-pte:NULL", "return:0"]
    assert results(done) == ["0"]


@pytest.mark.parametrize("variant", MASKS)
def test_locals_when_every_range_is_busy(variant: str) -> None:
    """Up to 6.9 the gfp is computed although no order is left; the patches use vmf->pte while they look."""
    done = run(variant, busy=(0x2000,))
    steps = {done.event(step).kind: step for step in range(done.last + 1)}

    def local(kind: str) -> dict[str, Any]:
        done.seek(steps[kind])
        return next(call.locals for call in done.calls() if call.code.co_name == "alloc_anon_folio")

    assert (local("pte-range")["vmf"].pte is not None) is (variant in ("v6", "v8"))
    at_the_end = local("fallback")
    assert at_the_end["gfp"] == GFP_TRANSHUGE_LIGHT
    assert at_the_end["orders"] == 0
    assert at_the_end["vmf"].pte is None


# -- 6.5 --------------------------------------------------------------------------------------------------
def test_before_the_series_a_fault_gets_one_page() -> None:
    done = run("6.5", enabled="always")
    assert kinds(done)[2:] == [
        "orig-pte:pmd-none", "pte-alloc:table", "anon-vma:0", "alloc:folio", "charge:0", "lock:locked", "recheck:same",
        "stable:stable", "uffd-missing:clear", "install:folio", "return:0",
    ]  # fmt: skip
    alloc = next(e for e in known(done) if e.kind == "alloc")
    assert (alloc.order, alloc.addr, dict(alloc.more)["gfp"]) == (0, START + 0x3000, GFP_HIGHUSER_MOVABLE | __GFP_ZERO)
    assert counters(done.m)["nr_anon_pages"] == 1


# -- memory that can't be had, or not be charged ------------------------------------------------------------
def gfps(done: Session, kind: str) -> list[tuple[int, int]]:
    """(order, gfp) of each decision of a kind."""
    return [(e.order, dict(e.more)["gfp"]) for e in known(done) if e.kind == kind]


@pytest.mark.parametrize("variant", ["v6", "v8", "6.8"])
@pytest.mark.parametrize("limit", ["4K", "32K", "60K"])
def test_a_failed_charge_ends_the_fault_until_6_8(variant: str, limit: str) -> None:
    done = run(variant, memory=f'size = "64M"\nmemcg_limit = "{limit}"')
    assert kinds(done)[-3:] == ["alloc:folio", "charge:-ENOMEM", "return:VM_FAULT_OOM"]
    assert gfps(done, "charge") == [(4, GFP_KERNEL)]


@pytest.mark.parametrize(
    ("limit", "after"),
    [
        ("64K", []),
        ("60K", ["charge 4 -ENOMEM", "4 to 3 charge", "alloc 3 folio"]),
        ("16K", ["charge 4 -ENOMEM", "4 to 3 charge", "alloc 3 folio", "charge 3 -ENOMEM", "3 to 2 charge", "alloc 2 folio"]),
        ("4K", ["charge 4 -ENOMEM", "4 to 3 charge", "alloc 3 folio", "charge 3 -ENOMEM", "3 to 2 charge", "alloc 2 folio",
                "charge 2 -ENOMEM", "fallback 4 alloc", "alloc 0 folio"]),
    ],
)  # fmt: skip
def test_a_failed_charge_tries_the_next_lower_order_in_6_9(limit: str, after: list[str]) -> None:
    done = run("6.9", memory=f'size = "64M"\nmemcg_limit = "{limit}"')
    order = next(e.order for e in known(done) if e.kind == "install")
    assert walk(done) == [*FITS, "pte-range 4 none", "alloc 4 folio", *after, f"charge {order} 0"]
    assert all(gfp == (GFP_TRANSHUGE_LIGHT if large else GFP_KERNEL) for large, gfp in gfps(done, "charge"))
    assert counters(done.m)["nr_anon_pages"] == 1 << order


def test_one_page_that_cannot_be_charged_is_out_of_memory_in_6_9() -> None:
    done = run("6.9", orders=(), events=((0, 0x3000, ("mem_cgroup_charge(order=0) = -ENOMEM",)),))
    charge = next(e for e in known(done) if e.kind == "charge")
    assert charge.function == "folio_prealloc"
    assert results(done) == ["VM_FAULT_OOM"]
    assert counters(done.m) == {"pgfault": 1}


@pytest.mark.parametrize(("variant", "cleared"), [("v6", 1), ("v8", 1), ("6.8", 1), ("6.9", 0)])
def test_6_9_clears_after_the_charge(variant: str, cleared: int) -> None:
    done = run(variant)
    done.seek(next(step for step in range(done.last + 1) if done.event(step).kind == "charge"))
    assert done.m.cleared.get(FIRST) == cleared
    done.seek(done.last)
    assert done.m.cleared.get(FIRST) == 1


@pytest.mark.parametrize(("variant", "first"), [("v6", "NULL"), ("v8", "folio"), ("6.8", "folio"), ("6.9", "folio")])
def test_since_6_7_a_smaller_folio_may_come_from_another_node(variant: str, first: str) -> None:
    nodes = "[[memory.node]]\nfree = { 0 = 40 }\n[[memory.node]]\nfree = { 4 = 2 }"
    done = run(variant, memory=nodes)
    allocs = [(e.order, e.outcome) for e in known(done) if e.kind == "alloc"]
    assert allocs[0] == (4, first)
    assert allocs[-1] == ((4, "folio") if first == "folio" else (0, "folio"))


# -- under the lock -----------------------------------------------------------------------------------------
GOOD = ["lock:locked", "recheck:same", "stable:stable", "uffd-missing:clear", "install:folio", "return:0"]


@pytest.mark.parametrize("variant", EVERY)
def test_the_tail_of_a_good_fault(variant: str) -> None:
    assert tail(run(variant)) == GOOD


@pytest.mark.parametrize("variant", MASKS)
def test_a_neighbour_filled_after_the_allocation(variant: str) -> None:
    """The folio is dropped, and the next fault sees the PTE: a lower order."""
    until = kinds(run(variant)).index("lock:locked")
    done = run(variant, schedule=f"0*{until} 1*40 0", events=((0, 0x3000, ()), (1, 0xB000, (NULL[4],))))
    recheck = next(e for e in known(done, cpu=0) if e.kind == "recheck")
    assert (recheck.outcome, recheck.why) == ("changed", "pte 0x008 is populated")
    assert dict(recheck.more)["nr"] == 16
    again = max(e.fault for e in known(done, cpu=0))
    assert walk(done, again) == [*HALF, "pte-range 3 none", "alloc 3 folio", "charge 3 0"]
    assert counters(done.m)["min_flt"] == 3


@pytest.mark.parametrize("variant", EVERY)
def test_a_lost_race_for_one_page(variant: str) -> None:
    until = kinds(run(variant, orders=())).index("lock:locked")
    done = run(variant, orders=(), schedule=f"0*{until} 1*40 0", events=((0, 0x3000, ()), (1, 0x3000, ())))
    assert tail(done) == ["lock:locked", "recheck:changed", "return:0"]
    assert counters(done.m)["nr_anon_pages"] == 1


@pytest.mark.parametrize("variant", EVERY)
@pytest.mark.parametrize("orders", [(), (4,)])
def test_where_the_leaf_of_another_cpu_is_met(variant: str, orders: tuple[int, ...]) -> None:
    """With a large order before the allocation, with one page at the locked map."""
    how: dict[str, Any] = {"orders": orders, "enabled": "always", "vma": (0, "2M")}
    loser = (0, 0x3000, (NULL[9],))
    until = kinds(run(variant, events=(loser,), **how)).index("pte-alloc:table")
    done = run(variant, schedule=f"0*{until} 1*40 0", events=(loser, (1, 0x45000, ())), **how)
    large = orders and variant != "6.5"
    met = ["map-pte:NULL", "return:0"] if large else ["alloc:folio", "charge:0", "lock:NULL", "return:0"]
    assert kinds(done, cpu=0)[-len(met) :] == met
    assert counters(done.m)["nr_anon_pages"] == 512, "one leaf, and nothing beside it"


@pytest.mark.parametrize("variant", EVERY)
def test_one_page_is_held_against_the_marker_and_not_against_none(variant: str) -> None:
    """A test for none would refault for ever; the new PTE is write-protected."""
    done = run(variant, uffd="wp", marker=0x3000)
    found = kinds(done)
    assert "recheck:changed" not in found
    assert (found.count("install:folio"), found[-1]) == (1, "wp:uffd")
    assert done.m.arch.pte_uffd_wp(translate(Mm(done.m, 0), START + 0x3000))


@pytest.mark.parametrize("variant", EVERY)
def test_the_monitor_is_asked_for_the_page_of_the_fault(variant: str) -> None:
    done = run(variant, uffd="missing", events=((0, 0x5678, ()),))
    assert done.stop.kind == "blocked"
    assert [e.order for e in known(done) if e.kind == "alloc"] == [0], "no large folio is wasted on it"
    assert (known(done)[-1].kind, known(done)[-1].addr) == ("uffd-missing", START + 0x5000)


@pytest.mark.parametrize("variant", EVERY)
@pytest.mark.parametrize("verb", ["read", "write"])
def test_nothing_is_mapped_once_the_reaper_was_here(variant: str, verb: str) -> None:
    done = session(variant, verb=verb)
    Mm(done.m, 0).flags |= MMF_UNSTABLE
    while not done.finished:
        done.advance()
    assert kinds(done)[-2:] == ["stable:unstable", "return:VM_FAULT_SIGBUS"]
    assert violations(done.m, settled=True) == []
    assert pfn_at(done, 0x3000) == -1


@pytest.mark.parametrize("variant", EVERY)
def test_a_read_maps_the_zero_page_and_nothing_else(variant: str) -> None:
    done = run(variant, verb="read")
    assert kinds(done)[1:] == [
        "orig-pte:pmd-none", "pte-alloc:table", "lock:locked", "recheck:same", "stable:stable", "uffd-missing:clear",
        "zero-page:mapped", "return:0",
    ]  # fmt: skip
    assert pfn_at(done, 0x3000) >= 0 > pfn_at(done, 0x2000)
    assert "nr_anon_pages" not in counters(done.m)


# -- everything that is shipped -------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", EVERY)
def test_the_shipped_scenarios_run(variant: str) -> None:
    for file in SCENARIOS:
        done = Session(load(file), variant=variant)
        while not done.finished and done.last < 4000:
            done.advance()
        assert violations(done.m, settled=done.stop.kind == "end") == [], file.name
