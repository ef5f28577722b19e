# SPDX-License-Identifier: GPL-2.0-only
"""v1, v2, v4 and v5 of the series: what they decide about the order, and where they part from v3.

The sequences were read off the patches (message-ids: ``kernelmodel/fault/v1.py`` …) by hand, not off the model.  v1 has
large folios on arm64 only; the others run on x86-64 here.
"""

from __future__ import annotations

from typing import Any

import pytest

from kernelmodel.defs import GFP_KERNEL, result_name
from kernelmodel.invariants import violations
from kernelmodel.mm.pgtable import translate
from kernelmodel.mm.vmstat import counters
from kernelmodel.scenario import ScenarioError, loads
from kernelmodel.session import Session
from kernelmodel.snapshot import Event
from kernelmodel.structs import Mm
from tests.build import finish

START = 0x7F0000000000
SERIES = ("v1", "v2", "v4", "v5")
NULL9, NULL4, NULL3, NULL2, NULL0 = (f"vma_alloc_folio(order={order}) = NULL" for order in (9, 4, 3, 2, 0))
_ORDERS = ("policy", "uffd", "vma-bounds", "map-pte", "pte-range", "alloc", "step-down", "fallback", "retry")


def run(
    variant: str,
    *answers: str,
    arch: str = "",
    hook: int | None = 4,
    thp: str = 'enabled = "always"',
    boot: str = "",
    more: str = "",
    head: str = "",
    vma: tuple[int, str] = (0, "1M"),
    flags: tuple[str, ...] = (),
    uffd: str = "",
    busy: tuple[int, ...] = (),
    at: int = 0x3000,
    verb: str = "write",
    others: tuple[tuple[int, int, tuple[str, ...]], ...] = (),
) -> Session:
    """A finished run, with nothing wrong in the end; offsets are from a 2M boundary.

    ``vma`` is (offset of vm_start, size); ``others`` are accesses after the first: (cpu, offset, answers).
    """
    lines = [f'variant = "{variant}"', f'arch = "{arch or ("arm64-4k" if variant == "v1" else "x86-64")}"', head]
    lines += ["[thp]", thp, "[boot]", boot]
    lines += [f"arch_wants_pte_order = {hook}"] if hook is not None and variant != "v1" else []
    lines += [more, "[[vma]]", 'name = "heap"', f"start = {START + vma[0]:#x}", f'size = "{vma[1]}"']
    lines += [f"flags = {['VM_WRITE', *flags]}", f"uffd = {[uffd] if uffd else []}"]
    for offset in busy:
        lines += ["[[populate]]", f"at = {START + offset:#x}", "pages = 1"]
    for cpu, offset, given in ((0, at, answers), *others):
        lines += ["[[event]]", f"cpu = {cpu}", f"{verb} = {START + offset:#x}", f"answers = {list(given)}"]
    session = finish(Session(loads("\n".join(lines), "patches.toml")))
    assert session.stop.kind == "blocked" or violations(session.m, True) == []
    return session


def known(session: Session, cpu: int | None = None) -> list[Event]:
    """Every decision of the run, of one CPU if asked."""
    every = [session.event(step) for step in range(session.last + 1)]
    return [event for event in every if event.kind and (cpu is None or event.cpu == cpu)]


def kinds(session: Session, cpu: int | None = None) -> list[str]:
    """``kind:outcome`` of the run, with the reason where there is no outcome."""
    return [f"{e.kind}:{e.outcome or e.reason}" for e in known(session, cpu)]


def results(session: Session) -> list[str]:
    """What the accesses returned."""
    return [result_name(end.ret) for end in session.accesses]


def spell(event: Event) -> str:
    """Kind, order and outcome of a decision about the order."""
    more = dict(event.more)
    match event.kind:
        case "policy" | "uffd" | "map-pte":
            return f"{event.kind} {event.outcome}"
        case "step-down":
            return f"step-down {more['from']} to {more['to']} {event.reason}"
        case "retry":
            return f"retry {more['from']} to {more['to']}"
        case "fallback":
            return f"fallback {event.order} {event.reason}"
    return f"{event.kind} {event.order} {event.outcome}"


def walk(session: Session, fault: int = 0) -> list[str]:
    """What one pass through the PTE level decided about the order."""
    events = [e for e in known(session) if e.fault == fault and e.kind in _ORDERS]
    return [spell(e) for e in events if "huge_pmd" not in e.function]


def of(session: Session, kind: str) -> list[Event]:
    """The decisions of one kind."""
    return [e for e in known(session) if e.kind == kind]


# -- the loops ------------------------------------------------------------------------------------------
EDGE: dict[str, Any] = {"vma": (0x8000, "1M"), "at": 0x9000}
SPARSE: dict[str, Any] = {"vma": (0x2000, "1M")}
HALF: dict[str, Any] = {"busy": (0xB000,)}
NEAR: dict[str, Any] = {"busy": (0x4000,)}
NEXT: dict[str, Any] = {"busy": (0x2000,)}

ESTIMATES: dict[str, tuple[dict[str, Any], list[str]]] = {
    # case: how it is made, what the estimator of v1 and v2 says from its first order on
    "all free": ({}, ["vma-bounds 4 fits", "pte-range 4 none"]),
    "64K leave the VMA, 32K fit": (
        EDGE, ["vma-bounds 4 outside", "step-down 4 to 3 vma-bounds", "vma-bounds 3 fits", "pte-range 3 none"],
    ),
    "nothing fits": (
        SPARSE,
        ["vma-bounds 4 outside", "step-down 4 to 3 vma-bounds", "vma-bounds 3 outside", "step-down 3 to 2 vma-bounds",
         "vma-bounds 2 outside", "fallback 4 vma-bounds"],
    ),
    "one PTE set in the 16 but not in the 8: known to be none": (
        HALF,
        ["vma-bounds 4 fits", "pte-range 4 populated", "step-down 4 to 3 pte-range", "vma-bounds 3 fits",
         "pte-range 3 none"],
    ),
    "busy down to the 8: order 2 is tried": (
        NEAR,
        ["vma-bounds 4 fits", "pte-range 4 populated", "step-down 4 to 3 pte-range", "vma-bounds 3 fits",
         "pte-range 3 populated", "step-down 3 to 2 pte-range", "vma-bounds 2 fits", "pte-range 2 none"],
    ),
    "the PTE beside is set: never order 1": (
        NEXT,
        ["vma-bounds 4 fits", "pte-range 4 populated", "step-down 4 to 3 pte-range", "vma-bounds 3 fits",
         "pte-range 3 populated", "step-down 3 to 2 pte-range", "vma-bounds 2 fits", "pte-range 2 populated",
         "fallback 4 pte-range"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("variant", ["v1", "v2"])
@pytest.mark.parametrize("case", ESTIMATES)
def test_the_estimator_tries_every_order(case: str, variant: str) -> None:
    how, expected = ESTIMATES[case]
    session = run(variant, **how)
    found = walk(session)
    assert found[:3] == ["uffd clear", "policy 4,3,2", "map-pte mapped"]
    assert found[3:-1] == expected
    order = 0 if expected[-1].startswith("fallback") else int(expected[-1].split()[1])
    assert found[-1] == f"alloc {order} folio"
    assert of(session, "install")[0].order == order


def test_which_pte_is_in_the_way_is_remembered() -> None:
    """At order 3 nothing is read: the PTE that order 4 found is the one that is told."""
    ranges = of(run("v1", busy=(0x4000, 0x7000)), "pte-range")
    assert [(e.order, e.why) for e in ranges] == [(4, "pte 0x004 is populated"), (3, "pte 0x004 is populated"), (2, "")]


FAILED: dict[str, dict[tuple[str, ...], list[str]]] = {
    # variant: what can't be had, what is tried after that
    "v1": {
        (NULL4,): ["alloc 4 NULL", "step-down 4 to 3 alloc", "alloc 3 folio"],
        (NULL4, NULL3): ["alloc 4 NULL", "step-down 4 to 3 alloc", "alloc 3 NULL", "step-down 3 to 2 alloc",
                         "alloc 2 folio"],
        (NULL4, NULL3, NULL2): ["alloc 4 NULL", "step-down 4 to 3 alloc", "alloc 3 NULL", "step-down 3 to 2 alloc",
                                "alloc 2 NULL", "fallback 4 alloc", "alloc 0 folio"],
        (NULL4, NULL3, NULL2, NULL0): ["alloc 4 NULL", "step-down 4 to 3 alloc", "alloc 3 NULL",
                                       "step-down 3 to 2 alloc", "alloc 2 NULL", "fallback 4 alloc", "alloc 0 NULL"],
    },
    "v2": {
        (NULL4,): ["alloc 4 NULL", "fallback 4 alloc", "alloc 0 folio"],
        (NULL4, NULL0): ["alloc 4 NULL", "fallback 4 alloc", "alloc 0 NULL"],
    },
    "v4": {
        (NULL4,): ["alloc 4 NULL", "step-down 4 to 3 alloc", "alloc 3 folio"],
        (NULL4, NULL3): ["alloc 4 NULL", "step-down 4 to 3 alloc", "alloc 3 NULL", "fallback 4 alloc", "alloc 0 folio"],
    },
    "v5": {
        (NULL4,): ["alloc 4 NULL", "step-down 4 to 3 alloc", "alloc 3 folio"],
        (NULL4, NULL3): ["alloc 4 NULL", "step-down 4 to 3 alloc", "alloc 3 NULL", "fallback 4 alloc", "alloc 0 folio"],
        (NULL4, NULL3, NULL0): ["alloc 4 NULL", "step-down 4 to 3 alloc", "alloc 3 NULL", "fallback 4 alloc",
                                "alloc 0 NULL"],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("variant", "answers"), [(variant, answers) for variant, rows in FAILED.items() for answers in rows]
)
def test_what_is_tried_after_a_failed_allocation(variant: str, answers: tuple[str, ...]) -> None:
    session = run(variant, *answers)
    expected = FAILED[variant][answers]
    assert walk(session)[-len(expected) :] == expected
    assert results(session) == ["VM_FAULT_OOM" if NULL0 in answers else "0"]


def test_a_lower_estimate_still_names_what_policy_offered() -> None:
    assert walk(run("v1", NULL3, NULL2, **EDGE))[-2:] == ["fallback 4 alloc", "alloc 0 folio"]


LEAF: dict[str, Any] = {"vma": (0, "2M")}
ARRAY: dict[str, tuple[tuple[str, ...], dict[str, Any], list[str]]] = {
    # case: answers, how else it is made, what alloc_anon_folio decides after policy and uffd (v4 as v3, v5 likewise)
    "all free": ((), {}, ["vma-bounds 4 fits", "map-pte mapped", "pte-range 4 none", "alloc 4 folio"]),
    "64K leave the VMA, 32K fit": (
        (), EDGE,
        ["vma-bounds 4 outside", "step-down 4 to 3 vma-bounds", "vma-bounds 3 fits", "map-pte mapped",
         "pte-range 3 none", "alloc 3 folio"],
    ),
    "neither fits": (
        (), SPARSE,
        ["vma-bounds 4 outside", "step-down 4 to 3 vma-bounds", "vma-bounds 3 outside", "fallback 4 vma-bounds",
         "alloc 0 folio"],
    ),
    "one PTE set in the 16 but not in the 8": (
        (), HALF,
        ["vma-bounds 4 fits", "map-pte mapped", "pte-range 4 populated", "step-down 4 to 3 pte-range",
         "pte-range 3 none", "alloc 3 folio"],
    ),
    "both ranges busy": (
        (), NEAR,
        ["vma-bounds 4 fits", "map-pte mapped", "pte-range 4 populated", "step-down 4 to 3 pte-range",
         "pte-range 3 populated", "fallback 4 pte-range", "alloc 0 folio"],
    ),
    "prefer 3, can't be had: order 2 is not tried": (
        (NULL3,), {"hook": -1},
        ["vma-bounds 3 fits", "map-pte mapped", "pte-range 3 none", "alloc 3 NULL", "fallback 3 alloc", "alloc 0 folio"],
    ),
    "the PMD became a leaf": (
        (NULL9, "pte_offset_map() = NULL leaf"), LEAF,
        ["vma-bounds 4 fits", "map-pte NULL"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("variant", ["v4", "v5"])
@pytest.mark.parametrize("case", ARRAY)
def test_the_three_loops_of_v3_are_in_v4_and_v5(case: str, variant: str) -> None:
    answers, how, expected = ARRAY[case]
    session = run(variant, *answers, **how)
    found = [each for each in walk(session) if each != "alloc 9 NULL"]
    assert found[:2] == ["policy 3" if how.get("hook") == -1 else "policy 4,3", "uffd clear"]
    assert found[2:] == expected
    assert results(session) == ["0"]


# -- who may have which order ---------------------------------------------------------------------------
def offered(variant: str, **how: Any) -> str:
    """What policy said last."""
    return of(run(variant, **how), "policy")[-1].outcome


KCONFIG = [
    ("x86-64", "none", "none"),
    ("arm64-4k", "4,3,2", "4,3,2"),
    ("arm64-16k", "7,6,5,4,3,2", "2"),
    ("arm64-64k", "5,4,3,2", "none"),
]
ALWAYS, MADVISE, NEVER = (f'enabled = "{word}"' for word in ("always", "madvise", "never"))
PRCTL = f"{ALWAYS}\nprctl_thp_disable = true"
HINT, OPT_OUT, SPECIAL = ("VM_HUGEPAGE",), ("VM_NOHUGEPAGE",), ("VM_DONTEXPAND",)
STACK = ("VM_GROWSDOWN", "VM_SEQ_READ", "VM_RAND_READ")
UNHINTED = ((MADVISE, ()), (ALWAYS, OPT_OUT), (NEVER, HINT), (ALWAYS, SPECIAL), (PRCTL, HINT), (ALWAYS, STACK))
"""/sys (and prctl) and the flags of a VMA that hugepage_vma_check() refuses."""


@pytest.mark.parametrize(("arch", "hinted", "plain"), KCONFIG)
def test_v1_has_two_maxima_from_the_kconfig(arch: str, hinted: str, plain: str) -> None:
    """Only arm64 opts in; an opt-out of any kind selects the lower maximum, no more."""
    assert offered("v1", arch=arch, thp=MADVISE, flags=HINT) == hinted
    assert offered("v1", arch=arch) == hinted
    for thp, flags in UNHINTED:
        assert offered("v1", arch=arch, thp=thp, flags=flags) == plain


HOOKS = [
    ("x86-64", None, "4,3,2", "4,3,2"),
    ("x86-64", -1, "4,3,2", "4,3,2"),
    ("x86-64", 0, "none", "none"),
    ("x86-64", 1, "none", "none"),
    ("x86-64", 2, "2", "2"),
    ("x86-64", 6, "6,5,4,3,2", "6,5,4,3,2"),
    ("arm64-4k", None, "4,3,2", "4,3,2"),
    ("arm64-16k", None, "7,6,5,4,3,2", "2"),
    ("arm64-16k", -1, "2", "2"),
    ("arm64-64k", None, "5,4,3,2", "none"),
    ("arm64-64k", -1, "none", "none"),
]


@pytest.mark.parametrize(("arch", "hook", "hinted", "plain"), HOOKS)
def test_v2_asks_the_hook_and_nobody_else(arch: str, hook: int | None, hinted: str, plain: str) -> None:
    """arm64's own hook looks at the VMA; -1 is an arch that has none."""
    assert offered("v2", arch=arch, hook=hook, thp=MADVISE, flags=HINT) == hinted
    for thp, flags in UNHINTED:
        assert offered("v2", arch=arch, hook=hook, thp=thp, flags=flags) == plain


GRID = [
    # /sys and prctl, the VMA, v4's offer, v5's (where the hook says 6)
    (ALWAYS, (), "6,3", "6,3"),
    (ALWAYS, HINT, "6,3", "6,3"),
    (MADVISE, (), "4,3", "4,3"),
    (MADVISE, HINT, "6,3", "6,3"),
    (NEVER, (), "none", "4,3"),
    (NEVER, HINT, "none", "4,3"),
    (ALWAYS, OPT_OUT, "none", "none"),
    (NEVER, OPT_OUT, "none", "none"),
    (PRCTL, HINT, "none", "none"),
    (ALWAYS, SPECIAL, "4,3", "none"),
    (ALWAYS, STACK, "4,3", "none"),
]


@pytest.mark.parametrize(("thp", "flags", "v4", "v5"), GRID)
def test_policy_of_v4_and_v5(thp: str, flags: tuple[str, ...], v4: str, v5: str) -> None:
    for variant, expected in (("v4", v4), ("v5", v5)):
        session = run(variant, hook=6, thp=thp, flags=flags)
        assert of(session, "policy")[-1].outcome == expected
        assert of(session, "install")[0].order == int(expected.split(",")[0].replace("none", "0"))


DEFAULTS = [
    # arch, its own hook: v4 with and without the hint, v5 likewise
    ("x86-64", "3", "3", "3", "3"),
    ("arm64-4k", "4,3", "4,3", "3", "3"),
    ("arm64-16k", "7,3", "2", "3", "2"),
    ("arm64-64k", "5,3", "none", "3", "none"),
]


@pytest.mark.parametrize(("arch", "v4_hinted", "v4", "v5_hinted", "v5"), DEFAULTS)
def test_no_arch_has_a_wish_in_v5(arch: str, v4_hinted: str, v4: str, v5_hinted: str, v5: str) -> None:
    assert offered("v4", arch=arch, hook=None, thp=MADVISE, flags=HINT) == v4_hinted
    assert offered("v4", arch=arch, hook=None, thp=MADVISE) == v4
    assert offered("v5", arch=arch, hook=None, thp=MADVISE, flags=HINT) == v5_hinted
    assert offered("v5", arch=arch, hook=None, thp=MADVISE) == v5


def test_v5_lifts_a_small_wish_too() -> None:
    assert [offered("v5", hook=hook) for hook in (-1, 0, 2, 4)] == ["3", "3", "3", "4,3"]


def test_v5_says_its_offer_first_and_then_why_it_is_none() -> None:
    session = run("v5", flags=OPT_OUT)
    assert walk(session) == ["policy 4,3", "uffd clear", "policy none", "fallback 0 policy", "alloc 0 folio"]
    assert of(session, "policy")[1].reason == "VM_NOHUGEPAGE"


@pytest.mark.parametrize("variant", ["v4", "v5"])
def test_the_cap_is_a_constant(variant: str) -> None:
    session = run(variant, hook=6, thp=MADVISE, boot='flexthp_unhinted_max = "16K"')
    assert of(session, "policy")[0].outcome == "4,3"
    assert session.scenario.warnings


@pytest.mark.parametrize(
    ("variant", "expected"), [("v1", ["fallback 0 policy"]), ("v2", []), ("v4", ["fallback 0 policy"]),
                              ("v5", ["fallback 0 policy"])],
)  # fmt: skip
def test_hardware_without_huge_pages(variant: str, expected: list[str]) -> None:
    """v2's hook does not ask."""
    session = run(variant, boot="has_transparent_hugepage = false")
    assert [each for each in walk(session) if each.startswith("fallback")] == expected


# -- what a large folio costs ---------------------------------------------------------------------------
def gfps(session: Session) -> list[str]:
    return [f"{e.order}:{dict(e.more)['gfp']:#x}" for e in of(session, "alloc")]


def test_v1_asks_with_flags_of_its_own() -> None:
    """GFP_HIGHUSER_MOVABLE and __GFP_ZERO; __GFP_NORETRY and __GFP_NOWARN above order 0, whatever defrag is."""
    for defrag in "always", "never":
        session = run("v1", NULL4, NULL3, NULL2, thp=f'{ALWAYS}\ndefrag = "{defrag}"')
        assert gfps(session) == ["4:0x112dca", "3:0x112dca", "2:0x112dca", "0:0x100dca"]


@pytest.mark.parametrize("variant", ["v2", "v4", "v5"])
@pytest.mark.parametrize(
    ("defrag", "hinted", "plain"), [("always", 0x1C24CA, 0x1D24CA), ("madvise", 0x1C24CA, 0x1C20CA)]
)
def test_the_others_ask_as_for_a_huge_page(variant: str, defrag: str, hinted: int, plain: int) -> None:
    for flags, gfp in ((), plain), (HINT, hinted):
        session = run(variant, NULL4, thp=f'{ALWAYS}\ndefrag = "{defrag}"', flags=flags)
        assert gfps(session)[0] == f"4:{gfp:#x}"


@pytest.mark.parametrize(("variant", "addr"), [("v1", 0x3000), ("v2", 0x3000), ("v4", 0), ("v5", 0)])
def test_which_address_the_allocation_is_for(variant: str, addr: int) -> None:
    assert of(run(variant), "alloc")[0].addr == START + addr


NODES = """
[[memory.node]]
free = { 0 = 40 }
cpus = [0]
[[memory.node]]
free = { 4 = 4 }
"""


@pytest.mark.parametrize(("variant", "order"), [("v1", 4), ("v2", 0), ("v4", 0), ("v5", 0)])
def test_who_takes_a_large_folio_from_another_node(variant: str, order: int) -> None:
    """v1 asks without ``hugepage``; with it 6.4 and 6.5 look at this node alone, unless the request may reclaim."""
    assert of(run(variant, more=NODES), "install")[0].order == order


@pytest.mark.parametrize("variant", SERIES)
@pytest.mark.parametrize("limit", ["4K", "32K", "60K"])
def test_a_failed_charge_ends_the_fault(variant: str, limit: str) -> None:
    session = run(variant, more=f'[memory]\nmemcg_limit = "{limit}"')
    assert kinds(session)[-3:] == ["alloc:folio", "charge:-ENOMEM", "return:VM_FAULT_OOM"]
    assert dict(of(session, "charge")[0].more)["gfp"] == GFP_KERNEL
    assert [e.order for e in of(session, "alloc")] == [4]
    assert counters(session.m) == {"pgfault": 1}


@pytest.mark.parametrize("variant", SERIES)
def test_no_anon_vma(variant: str) -> None:
    session = run(variant, "anon_vma_prepare = -ENOMEM")
    assert kinds(session)[-2:] == ["anon-vma:-ENOMEM", "return:VM_FAULT_OOM"]
    before = ["map-pte:mapped", "pte-range:none"] if variant in ("v1", "v2") else []
    assert [each for each in kinds(session) if each in ("map-pte:mapped", "pte-range:none")] == before


@pytest.mark.parametrize("variant", SERIES)
def test_what_a_large_folio_counts(variant: str) -> None:
    """No statistic of a size is there yet."""
    counted = {"MM_ANONPAGES": 16, "nr_anon_pages": 16, "pgfault": 1, "min_flt": 1}
    assert counters(run(variant).m) == counted


@pytest.mark.parametrize("variant", SERIES)
def test_every_page_is_mapped_writable_and_dirty(variant: str) -> None:
    m = run(variant).m
    pfn = m.arch.pte_pfn(translate(Mm(m, 0), START))
    for k in range(16):
        value = translate(Mm(m, 0), START + k * 0x1000)
        assert (m.arch.pte_pfn(value), m.arch.pte_write(value), bool(value & m.arch.DIRTY)) == (pfn + k, True, True)


@pytest.mark.parametrize(("variant", "left"), [("v1", True), ("v2", True), ("v4", False), ("v5", False)])
def test_whether_vmf_pte_is_left_set(variant: str, left: bool) -> None:
    session = run(variant)
    session.seek(of(session, "alloc")[0].step)
    frame = next(call for call in session.calls() if call.code.co_name == "do_anonymous_page")
    assert (frame.locals["vmf"].pte is not None) is left


# -- races ----------------------------------------------------------------------------------------------
def lost(variant: str, offset: int, *answers: str, stops: int = 12, **how: Any) -> Session:
    """CPU 0 writes to 0x3000 and is held up before the locked map, until CPU 1 has written to ``offset``."""
    how.setdefault("others", ((1, offset, answers),))
    return run(variant, head=f'schedule = "0*{stops} 1*40 0"', **how)


def test_v1_goes_on_at_a_lower_order_when_a_neighbour_was_set() -> None:
    session = lost("v1", 0xB000, NULL4, more='[memory]\nmemcg_limit = "96K"')
    again = ["retry 4 to 3", "map-pte mapped", "vma-bounds 3 fits", "pte-range 3 none", "alloc 3 folio"]
    assert walk(session)[-5:] == again
    assert kinds(session, cpu=0)[-9:-4] == ["anon-vma:0", "alloc:folio", "charge:0", "lock:locked", "recheck:same"]
    assert [e.faults for e in session.accesses] == [1, 1]
    assert counters(session.m)["min_flt"] == 2
    assert session.m.memcg_usage.get(0) == 16, "of the first folio nothing is left"


def test_v1_estimates_again_and_may_come_lower_still() -> None:
    session = lost("v1", 0x4000, NULL4, NULL3)
    assert [e.order for e in of(session, "install")] == [2, 2]
    assert walk(session)[-8:] == [
        "retry 4 to 3", "map-pte mapped", "vma-bounds 3 fits", "pte-range 3 populated", "step-down 3 to 2 pte-range",
        "vma-bounds 2 fits", "pte-range 2 none", "alloc 2 folio",
    ]  # fmt: skip


def test_v1_below_order_2_is_order_0() -> None:
    session = lost("v1", 0, NULL2, arch="arm64-16k", thp=MADVISE, at=0xC000, stops=11)
    assert walk(session)[-4:] == ["retry 2 to 1", "map-pte mapped", "fallback 2 pte-range", "alloc 0 folio"]


def test_v1_gives_up_when_the_page_itself_was_set() -> None:
    session = lost("v1", 0x2000)
    assert kinds(session, cpu=0)[-3:] == ["lock:locked", "recheck:changed", "return:0"]
    assert [e.faults for e in session.accesses] == [1, 1]
    assert [e.order for e in of(session, "install")] == [4]


@pytest.mark.parametrize("variant", ["v2", "v4", "v5"])
@pytest.mark.parametrize("offset", [0, 0xB000])
def test_the_others_fault_again(variant: str, offset: int) -> None:
    """Whether the first PTE of the range was set, or one behind it."""
    answers = (NULL4,) if variant == "v2" else (NULL4, NULL3)
    session = lost(variant, offset, *answers)
    assert not of(session, "retry")
    assert kinds(session, cpu=0)[kinds(session, cpu=0).index("recheck:changed") + 1] == "return:0"
    assert counters(session.m)["min_flt"] == 3
    assert of(session, "install")[-1].order == (3 if offset else 0)


@pytest.mark.parametrize("variant", SERIES)
def test_invariants_hold_at_every_stop_of_a_lost_race(variant: str) -> None:
    session = lost(variant, 0xB000, NULL4)
    for step in range(session.last + 1):
        session.seek(step)
        assert violations(session.m, False) == []


TAILS = {
    # stops of CPU 0 before CPU 1 maps a leaf: the end of CPU 0's first pass
    ("v1", 5): ["orig-pte:pmd-none", "pte-alloc:present", "pte-alloc:present", "return:0"],
    ("v1", 6): ["orig-pte:pmd-none", "pte-alloc:table", "step:F9", "pte-alloc:present", "return:0"],
    ("v2", 5): ["orig-pte:pmd-none", "pte-alloc:present", "pte-alloc:present", "return:0"],
    ("v2", 6): ["orig-pte:pmd-none", "pte-alloc:table", "step:F9", "pte-alloc:present", "return:0"],
    ("v4", 6): ["anon-vma:0", "policy:4,3", "uffd:clear", "vma-bounds:fits", "map-pte:NULL", "return:0"],
    ("v5", 6): ["anon-vma:0", "policy:4,3", "uffd:clear", "vma-bounds:fits", "map-pte:NULL", "return:0"],
}


@pytest.mark.parametrize(("variant", "stops"), TAILS)
def test_where_the_leaf_of_another_cpu_is_met(variant: str, stops: int) -> None:
    session = run(
        variant, NULL9, vma=(0, "2M"), head=f'schedule = "0*{stops} 1*12 0"', others=((1, 0x45000, ()),),
    )  # fmt: skip
    tail = TAILS[variant, stops]
    assert kinds(session, cpu=0)[-len(tail) :] == tail
    assert results(session) == ["0", "0"]
    assert counters(session.m)["nr_anon_pages"] == 512


def test_one_page_meets_the_leaf_at_the_locked_map() -> None:
    """v5 in an armed VMA never maps before; the page is dropped."""
    session = run(
        "v5", NULL9, vma=(0, "2M"), uffd="wp", head='schedule = "0*6 1*12 0"', others=((1, 0x45000, ()),),
    )  # fmt: skip
    assert kinds(session, cpu=0)[-6:] == [
        "uffd:armed", "fallback:uffd", "alloc:folio", "charge:0", "lock:NULL", "return:0",
    ]  # fmt: skip


@pytest.mark.parametrize("variant", ["v1", "v2"])
def test_a_map_that_cannot_fail_has_no_answer(variant: str) -> None:
    with pytest.raises(ScenarioError, match=r"no such site in v[12]: pte_offset_map\(\)"):
        run(variant, "pte_offset_map() = NULL leaf", vma=(0, "2M"))


# -- userfaultfd ----------------------------------------------------------------------------------------
MARKER = f'[[populate]]\nat = {START + 0x3000:#x}\nwith = "uffd-wp-marker"\npages = 1'


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("v1", ["uffd armed", "map-pte mapped", "fallback 0 uffd", "alloc 0 folio"]),
        ("v2", ["uffd armed", "fallback 0 uffd", "alloc 0 folio"]),
        ("v4", ["policy 4,3", "uffd armed", "fallback 4 uffd", "alloc 0 folio"]),
        ("v5", ["policy 4,3", "uffd armed", "fallback 4 uffd", "alloc 0 folio"]),
    ],
)
def test_a_marker_gets_one_page(variant: str, expected: list[str]) -> None:
    session = run(variant, more=MARKER, uffd="wp")
    assert walk(session) == expected
    assert of(session, "uffd")[0].reason == ("armed" if variant == "v5" else "marker")
    assert "wp:uffd" in kinds(session), "the new PTE is still write-protected"


@pytest.mark.parametrize("variant", SERIES)
@pytest.mark.parametrize("mode", ["wp", "missing"])
def test_an_armed_vma_without_a_marker(variant: str, mode: str) -> None:
    """Only v5 looks at the VMA; the others allocate a large folio, and give it back where the page is missing."""
    session = run(variant, uffd=mode)
    assert [e.order for e in of(session, "alloc")] == [0 if variant == "v5" else 4]
    assert kinds(session)[-1] == ("uffd-missing:missing" if mode == "missing" else "return:0")
    if mode == "missing":
        assert session.stop.kind == "blocked"
        assert counters(session.m) == {}
        assert known(session)[-1].addr == START + 0x3000


# -- reads ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", SERIES)
def test_a_read_maps_the_zero_page(variant: str) -> None:
    session = run(variant, verb="read")
    assert kinds(session)[-8:] == [
        "orig-pte:pmd-none", "pte-alloc:table", "lock:locked", "recheck:same", "stable:stable", "uffd-missing:clear",
        "zero-page:mapped", "return:0",
    ]  # fmt: skip
    m = session.m
    assert m.arch.pte_kind(translate(Mm(m, 0), START + 0x3000)) == "zero"
    assert not translate(Mm(m, 0), START + 0x4000)
    assert counters(m) == {"pgfault": 1, "min_flt": 1}


@pytest.mark.parametrize("variant", SERIES)
def test_a_read_asks_the_monitor_first(variant: str) -> None:
    assert run(variant, verb="read", uffd="missing").stop.kind == "blocked"


@pytest.mark.parametrize("variant", SERIES)
def test_a_read_of_a_marker_keeps_it_protected(variant: str) -> None:
    m = run(variant, verb="read", more=MARKER, uffd="wp").m
    assert m.arch.pte_uffd_wp(translate(Mm(m, 0), START + 0x3000))


@pytest.mark.parametrize("variant", SERIES)
def test_shared_anonymous_memory_without_a_file_is_sigbus(variant: str) -> None:
    assert results(run(variant, flags=("VM_SHARED",))) == ["VM_FAULT_SIGBUS"]
