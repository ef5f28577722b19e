# SPDX-License-Identifier: GPL-2.0-only
"""The decisions of v3's alloc_anon_folio for one case each, from policy to folio, with nothing left out.

The sequences were derived from the patch (20230714161733.4144503-3-ryan.roberts@arm.com) by hand, not from the model.
"""

from __future__ import annotations

from typing import Any

import pytest

from kernelmodel.decision import STEPS
from kernelmodel.defs import result_name
from kernelmodel.mm.pgtable import translate
from kernelmodel.mm.vmstat import counters
from kernelmodel.scenario import loads
from kernelmodel.session import Session
from kernelmodel.snapshot import Event
from kernelmodel.structs import Mm

START = 0x7F0000000000


def run(
    *,
    arch: str = "x86-64",
    variant: str = "v3",
    hook: int | None = 4,
    cap: str = "",
    enabled: str = "always",
    defrag: str = "madvise",
    more: str = "",
    schedule: str = "",
    vma: tuple[int, str] = (0, "1M"),
    flags: tuple[str, ...] = ("VM_WRITE",),
    uffd: str = "",
    busy: tuple[int, ...] = (),
    events: tuple[tuple[int, int, tuple[str, ...]], ...] = ((0, 0x3000, ()),),
    verb: str = "write",
) -> Session:
    """A finished run.  ``vma`` is (offset of vm_start from a 2M boundary, size), ``busy`` and the events' second member
    are offsets (bytes) from that boundary; an event is (cpu, offset, answers).
    """
    lines = [f'variant = "{variant}"', f'arch = "{arch}"']
    lines += [f'schedule = "{schedule}"'] if schedule else []
    lines += ["[thp]", f'enabled = "{enabled}"', f'defrag = "{defrag}"']
    lines += ["[boot]", *([f"arch_wants_pte_order = {hook}"] if hook is not None else [])]
    lines += [f'flexthp_unhinted_max = "{cap}"'] if cap else []
    lines += [
        more,
        "[[vma]]",
        'name = "heap"',
        f"start = {START + vma[0]:#x}",
        f'size = "{vma[1]}"',
        f"flags = {list(flags)}",
    ]
    lines += [f'uffd = ["{uffd}"]'] if uffd else []
    for offset in busy:
        lines += ["[[populate]]", f"at = {START + offset:#x}", "pages = 1"]
    for cpu, offset, answers in events:
        lines += ["[[event]]", f"cpu = {cpu}", f"{verb} = {START + offset:#x}", f"answers = {list(answers)}"]
    session = Session(loads("\n".join(lines), "vector.toml"))
    while not session.finished:
        session.advance()
    return session


def known(session: Session, cpu: int | None = None) -> list[Event]:
    """Every decision of the run, of one CPU if asked."""
    every = [session.event(step) for step in range(session.last + 1)]
    return [event for event in every if event.kind and (cpu is None or event.cpu == cpu)]


def spell(event: Event) -> str:
    """Kind, cursor, order and outcome of a decision in alloc_anon_folio, as the vectors below are written."""
    more = dict(event.more)
    match event.kind:
        case "policy" | "uffd" | "map-pte":
            return f"{event.kind} {event.outcome}"
        case "vma-bounds" | "pte-range":
            return f"{event.kind} {event.i}:{event.order} {event.outcome}"
        case "step-down":
            return f"step-down {event.i}: {more['from']} to {more['to']} {event.reason}"
        case "alloc":
            return f"alloc {event.order} {event.outcome}"
        case "fallback":
            return f"fallback {event.order} {event.reason}"
    raise AssertionError(f"{event.kind} does not belong to alloc_anon_folio")


def walk(session: Session, fault: int = 0) -> list[str]:
    """What alloc_anon_folio decided in one pass through the fault path."""
    return [spell(e) for e in known(session) if e.function == "alloc_anon_folio" and e.fault == fault]


def kinds(session: Session, cpu: int | None = None) -> list[str]:
    """``kind:outcome`` of the run, with the reason where there is no outcome; steps left out."""
    return [f"{e.kind}:{e.outcome or e.reason}" for e in known(session, cpu) if e.kind not in STEPS]


def results(session: Session) -> list[str]:
    return [result_name(end.ret) for end in session.accesses]


def pfn_at(session: Session, offset: int) -> int:
    """pfn that stands in the page table, -1 if nothing does."""
    value = translate(Mm(session.m, 0), START + offset)
    return session.m.arch.pte_pfn(value) if session.m.arch.pte_present(value) else -1


NULL4, NULL3, NULL0, NULL9 = (f"vma_alloc_folio(order={order}) = NULL" for order in (4, 3, 0, 9))
BEGIN = ["policy 4,3", "uffd clear"]
FITS = [*BEGIN, "vma-bounds 0:4 fits", "map-pte mapped"]
HALF = [*FITS, "pte-range 0:4 populated", "step-down 1: 4 to 3 pte-range"]

LOOPS: dict[str, tuple[dict[str, Any], list[str], int]] = {
    # case: how it is made, what alloc_anon_folio decides, anonymous pages in the end
    "all free": ({}, [*FITS, "pte-range 0:4 none", "alloc 4 folio"], 16),
    "64K leave the VMA, 32K fit": (
        {"vma": (0x8000, "1M"), "events": ((0, 0x9000, ()),)},
        [*BEGIN, "vma-bounds 0:4 outside", "step-down 1: 4 to 3 vma-bounds", "vma-bounds 1:3 fits", "map-pte mapped",
         "pte-range 1:3 none", "alloc 3 folio"],
        8,
    ),
    "neither fits": (
        {"vma": (0x2000, "1M")},
        [*BEGIN, "vma-bounds 0:4 outside", "step-down 1: 4 to 3 vma-bounds", "vma-bounds 1:3 outside",
         "fallback 4 vma-bounds", "alloc 0 folio"],
        1,
    ),
    "one PTE set in the 16 but not in the 8": (
        {"busy": (0xB000,)}, [*HALF, "pte-range 1:3 none", "alloc 3 folio"], 9,
    ),
    "both ranges busy": (
        {"busy": (0x4000,)}, [*HALF, "pte-range 1:3 populated", "fallback 4 pte-range", "alloc 0 folio"], 2,
    ),
    "64K busy, 32K can't be had": (
        {"busy": (0xB000,), "events": ((0, 0x3000, (NULL3,)),)},
        [*HALF, "pte-range 1:3 none", "alloc 3 NULL", "fallback 4 alloc", "alloc 0 folio"],
        2,
    ),
    "64K can't be had: no second scan": (
        {"events": ((0, 0x3000, (NULL4,)),)},
        [*FITS, "pte-range 0:4 none", "alloc 4 NULL", "step-down 1: 4 to 3 alloc", "alloc 3 folio"],
        8,
    ),
    "neither can be had": (
        {"events": ((0, 0x3000, (NULL4, NULL3)),)},
        [*FITS, "pte-range 0:4 none", "alloc 4 NULL", "step-down 1: 4 to 3 alloc", "alloc 3 NULL", "fallback 4 alloc",
         "alloc 0 folio"],
        1,
    ),
    "nothing can be had": (
        {"events": ((0, 0x3000, (NULL4, NULL3, NULL0)),)},
        [*FITS, "pte-range 0:4 none", "alloc 4 NULL", "step-down 1: 4 to 3 alloc", "alloc 3 NULL", "fallback 4 alloc",
         "alloc 0 NULL"],
        0,
    ),
    "prefer 3, can't be had: order 2 is not tried": (
        {"hook": -1, "events": ((0, 0x3000, (NULL3,)),)},
        ["policy 3", "uffd clear", "vma-bounds 0:3 fits", "map-pte mapped", "pte-range 0:3 none", "alloc 3 NULL",
         "fallback 3 alloc", "alloc 0 folio"],
        1,
    ),
    "prefer 2, 16K leave the VMA: the table is not mapped": (
        {"cap": "16K", "enabled": "madvise", "vma": (0x1000, "1M"), "events": ((0, 0x2000, ()),)},
        ["policy 2", "uffd clear", "vma-bounds 0:2 outside", "fallback 2 vma-bounds", "alloc 0 folio"],
        1,
    ),
    "prefer 0": (
        {"flags": ("VM_WRITE", "VM_NOHUGEPAGE")},
        ["policy none", "uffd clear", "fallback 0 policy", "alloc 0 folio"],
        1,
    ),
    "the configuration is off": ({"variant": "v3-off"}, ["fallback 0 policy", "alloc 0 folio"], 1),
    "the PMD became a leaf": (
        {"vma": (0, "2M"), "events": ((0, 0x3000, (NULL9, "pte_offset_map() = NULL leaf")),)},
        [*BEGIN, "vma-bounds 0:4 fits", "map-pte NULL"],
        512,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LOOPS)
def test_the_three_loops(case: str) -> None:
    how, expected, anon_pages = LOOPS[case]
    session = run(**how)
    assert walk(session) == expected
    assert counters(session.m).get("nr_anon_pages", 0) == anon_pages


def test_a_marker_goes_to_the_fallback_before_any_bounds() -> None:
    marker = f'[[populate]]\nat = {START + 0x3000:#x}\nwith = "uffd-wp-marker"\npages = 1'
    session = run(more=marker, uffd="wp", vma=(0x2000, "1M"))
    assert walk(session) == ["policy 4,3", "uffd armed", "fallback 4 uffd", "alloc 0 folio"]
    assert "wp:uffd" in kinds(session), "the new PTE is still write-protected"


def test_locals_when_the_pte_range_loop_has_run_out() -> None:
    """vmf->pte is reset and the gfp computed although no order is left; at vma-bounds nothing of it has happened."""
    for case, computed in (("both ranges busy", True), ("neither fits", False)):
        session = run(**LOOPS[case][0])
        session.seek(session.fallbacks[0])
        frame = next(call for call in session.calls() if call.code.co_name == "alloc_anon_folio")
        assert ("gfp" in frame.locals) is computed
        assert frame.locals["vmf"].pte is None


def test_the_fallback_asks_for_the_page_of_the_fault() -> None:
    last = known(run(vma=(0x2000, "1M"), events=((0, 0x5ABC, ()),)))
    alloc = next(e for e in last if e.kind == "alloc")
    assert (alloc.order, alloc.addr, dict(alloc.more)["gfp"]) == (0, START + 0x5000, 0x100DCA)


# -- around alloc_anon_folio ------------------------------------------------------------------------------
def test_the_tail_of_a_good_fault() -> None:
    assert kinds(run())[-8:] == [
        "alloc:folio", "charge:0", "lock:locked", "recheck:same", "stable:stable", "uffd-missing:clear", "install:folio",
        "return:0",
    ]  # fmt: skip


def test_eagain_allocates_nothing() -> None:
    session = run(vma=(0, "2M"), events=((0, 0x3000, (NULL9, "pte_offset_map() = NULL leaf")),))
    assert kinds(session)[-2:] == ["map-pte:NULL", "return:0"]
    assert [e.order for e in known(session) if e.kind == "alloc"] == [9]
    assert dict(known(session)[-2].more)["found"] == "leaf"
    assert results(session) == ["0"]
    assert session.accesses[0].faults == 1


@pytest.mark.parametrize(
    ("stops", "tail"),
    [
        (4, ["alloc:NULL", "orig-pte:NULL", "return:0"]),  # before the PTE level: the map of handle_pte_fault
        (5, ["orig-pte:pmd-none", "pte-alloc:present", "anon-vma:0", "policy:4,3", "uffd:clear", "vma-bounds:fits",
             "map-pte:NULL", "return:0"]),
        (6, ["pte-alloc:table", "anon-vma:0", "policy:4,3", "uffd:clear", "vma-bounds:fits", "map-pte:NULL", "return:0"]),
    ],
)  # fmt: skip
def test_where_the_leaf_of_another_cpu_is_met(stops: int, tail: list[str]) -> None:
    """CPU 1 installs a leaf after so many stops of CPU 0, whose own huge page was refused."""
    session = run(vma=(0, "2M"), schedule=f"0*{stops} 1*12 0", events=((0, 0x3000, (NULL9,)), (1, 0x45000, ())))
    assert kinds(session, cpu=0)[-len(tail) :] == tail
    assert [end.cpu for end in session.accesses] == [1, 0]
    assert pfn_at(session, 0x3000) == pfn_at(session, 0x45000) >= 0, "one leaf serves both"


def test_no_leaf_once_the_table_is_installed() -> None:
    session = run(vma=(0, "2M"), schedule="0*7 1*40 0", events=((0, 0x3000, (NULL9,)), (1, 0x45000, ())))
    assert "map-pte:NULL" not in kinds(session)
    assert kinds(session, cpu=1)[0] == "pmd-gate:table"


def test_order_zero_meets_the_leaf_at_the_locked_map() -> None:
    session = run(
        variant="v3-off", vma=(0, "2M"), schedule="0*5 1*12 0", events=((0, 0x3000, (NULL9,)), (1, 0x45000, ()))
    )
    assert kinds(session, cpu=0)[-6:] == [
        "anon-vma:0", "fallback:policy", "alloc:folio", "charge:0", "lock:NULL", "return:0",
    ]  # fmt: skip
    assert counters(session.m)["nr_anon_pages"] == 512, "the page was dropped"


def test_a_neighbour_filled_after_the_allocation() -> None:
    session = run(schedule="0*11 1*20 0", events=((0, 0x3000, ()), (1, 0xB000, (NULL4,))))
    assert walk(session, fault=0)[-1] == "alloc 4 folio"
    assert walk(session, fault=2) == [*HALF, "pte-range 1:3 none", "alloc 3 folio"]
    recheck = next(e for e in known(session, cpu=0) if e.kind == "recheck")
    assert (recheck.outcome, recheck.reason) == ("changed", "populated")
    assert counters(session.m)["min_flt"] == 3


def test_a_dropped_folio_is_the_next_to_be_had() -> None:
    session = run(schedule="0*12 1*18 0", events=((0, 0x3000, ()), (1, 0xB000, ()), (0, 0x13000, ())))
    first = 0x100000
    assert pfn_at(session, 0x0) == first + 16, "CPU 1 won with the second block"
    assert pfn_at(session, 0x10000) == first, "the block of the loser"


@pytest.mark.parametrize("limit", ["4K", "32K", "60K"])
def test_a_failed_charge_ends_the_fault(limit: str) -> None:
    session = run(more=f'[memory]\nsize = "64M"\nmemcg_limit = "{limit}"')
    assert kinds(session)[-3:] == ["alloc:folio", "charge:-ENOMEM", "return:VM_FAULT_OOM"]
    assert [e.order for e in known(session) if e.kind == "alloc"] == [4]
    assert counters(session.m) == {"pgfault": 1}, "neither a minor nor a major fault"


def test_a_read_maps_no_folio_and_meets_the_unset_address() -> None:
    assert kinds(run(verb="read"))[2:] == [
        "orig-pte:pmd-none", "pte-alloc:table", "lock:locked", "recheck:same", "stable:stable", "uffd-missing:clear",
        "bug:uninitialised",
    ]  # fmt: skip


def test_a_read_asks_the_monitor_first() -> None:
    session = run(verb="read", uffd="missing")
    assert kinds(session)[-1] == "uffd-missing:missing"
    assert session.stop.kind == "blocked"


def test_the_monitor_is_asked_for_the_page_of_the_fault() -> None:
    session = run(uffd="missing", events=((0, 0x5678, ()),))
    assert kinds(session)[-1] == "uffd-missing:missing"
    assert known(session)[-1].addr == START + 0x5000
    assert counters(session.m) == {}, "the folio is gone, and the fault is counted when it completes"


def test_shared_anonymous_memory_without_a_file_is_sigbus() -> None:
    assert kinds(run(flags=("VM_WRITE", "VM_SHARED")))[-2:] == ["orig-pte:pmd-none", "return:VM_FAULT_SIGBUS"]


# -- which orders, and how hard ---------------------------------------------------------------------------
PLATFORMS = [
    ("x86-64", None, "3", "3"),
    ("x86-64", -1, "3", "3"),
    ("x86-64", 0, "3", "3"),
    ("x86-64", 1, "3", "3"),
    ("x86-64", 2, "3", "3"),
    ("x86-64", 4, "4,3", "4,3"),
    ("x86-64", 6, "6,3", "4,3"),
    ("arm64-4k", None, "4,3", "4,3"),
    ("arm64-4k", -1, "3", "3"),
    ("arm64-16k", -1, "3", "2"),
    ("arm64-16k", None, "7,3", "2"),
    ("arm64-64k", -1, "3", "none"),
    ("arm64-64k", None, "5,3", "none"),
]


@pytest.mark.parametrize(("arch", "hook", "hinted", "plain"), PLATFORMS)
def test_orders_by_platform(arch: str, hook: int | None, hinted: str, plain: str) -> None:
    for flags, offered in (("VM_HUGEPAGE",), hinted), ((), plain):
        session = run(
            arch=arch, hook=hook, enabled="madvise", vma=(0, "16M" if arch != "x86-64" else "1M"),
            flags=("VM_WRITE", *flags), events=((0, 0, (*((NULL9,) if arch == "arm64-4k" and flags else ()),)),),
        )  # fmt: skip
        policy = next(e for e in known(session) if e.kind == "policy")
        assert policy.outcome == offered
        install = next(e for e in known(session) if e.kind == "install")
        assert install.order == int(offered.split(",")[0].replace("none", "0"))


@pytest.mark.parametrize(
    ("cap", "offered"),
    [
        ("4K", "none"), ("8K", "none"), ("16K", "2"), ("32K", "3"), ("64K", "4,3"), ("128K", "5,3"), ("2M", "6,3"),
        ("48K", "4,3"), ("4M", "4,3"), ("2K", "4,3"),
    ],
)  # fmt: skip
def test_flexthp_unhinted_max(cap: str, offered: str) -> None:
    """The last three are ignored: no power of two, above the PMD size, below a page."""
    session = run(hook=6, cap=cap, enabled="madvise")
    assert walk(session)[0] == f"policy {offered}"
    assert bool(session.scenario.warnings) is (cap in ("48K", "4M", "2K"))


@pytest.mark.parametrize("enabled", ["always", "madvise", "never"])
@pytest.mark.parametrize("flag", ["", "VM_HUGEPAGE", "VM_NOHUGEPAGE", "VM_DONTEXPAND"])
def test_policy_grid(enabled: str, flag: str) -> None:
    """never and VM_NOHUGEPAGE: none; what hugepage_vma_check refuses otherwise: capped; the rest: the hook's wish."""
    session = run(hook=6, enabled=enabled, flags=("VM_WRITE", flag) if flag else ("VM_WRITE",))
    if enabled == "never" or flag == "VM_NOHUGEPAGE":
        expected = "none"
    elif flag == "VM_DONTEXPAND" or (enabled == "madvise" and flag != "VM_HUGEPAGE"):
        expected = "4,3"
    else:
        expected = "6,3"
    assert walk(session)[0] == f"policy {expected}"


@pytest.mark.parametrize(
    ("defrag", "hinted", "plain"),
    [
        ("always", 0x1C24CA, 0x1D24CA),
        ("defer", 0x1C28CA, 0x1C28CA),
        ("defer+madvise", 0x1C24CA, 0x1C28CA),
        ("madvise", 0x1C24CA, 0x1C20CA),
        ("never", 0x1C20CA, 0x1C20CA),
    ],
)
def test_gfp_of_a_large_folio(defrag: str, hinted: int, plain: int) -> None:
    for flags, gfp in (("VM_HUGEPAGE",), hinted), ((), plain):
        session = run(defrag=defrag, flags=("VM_WRITE", *flags), events=((0, 0x3000, (NULL4, NULL3)),))
        masks = [dict(e.more)["gfp"] for e in known(session) if e.kind == "alloc"]
        assert masks == [gfp, gfp, 0x100DCA]


# -- the zone behind it -----------------------------------------------------------------------------------
def test_one_block_of_4m_is_split_from_the_front() -> None:
    session = run(
        more="[memory]\nfree = { 10 = 1 }",
        vma=(0x8000, "1M"),
        busy=(0x50000,),
        events=((0, 0x13000, ()), (0, 0x23000, ()), (0, 0x9000, ()), (0, 0x51000, (NULL3,))),
    )
    first = 0x100000
    # the populated page took the block's first page; orders 0 to 9 are left of it, one block each
    assert pfn_at(session, 0x50000) == first
    assert pfn_at(session, 0x10000) == first + 0x10
    assert pfn_at(session, 0x20000) == first + 0x20
    assert pfn_at(session, 0x8000) == first + 0x8
    assert pfn_at(session, 0x51000) == first + 0x1


@pytest.mark.parametrize(
    ("memory", "reasons"),
    [
        ("free = { 0 = 40, 2 = 10 }", ["no-block", "no-block", ""]),
        ("free = { 0 = 6, 4 = 1 }\nmin = 8", ["watermark", ""]),
        ("free = { 0 = 6, 4 = 1 }\nmin = 6", [""]),  # 22 - 15 = 7 is above 6
        ("free = { 3 = 2 }\nmin = 16", ["watermark", "watermark", "watermark"]),
    ],
)
def test_why_memory_is_refused(memory: str, reasons: list[str]) -> None:
    session = run(more=f"[memory]\n{memory}")
    assert [e.reason for e in known(session) if e.kind == "alloc"] == reasons
