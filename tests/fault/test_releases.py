# SPDX-License-Identifier: GPL-2.0-only
"""alloc_anon_folio and do_anonymous_page of 6.10 … 7.2: what they decide, what they count, and where they differ.

The expectations were read off mm/memory.c of each release, not off the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kernelmodel.defs import GFP_KERNEL, GFP_TRANSHUGE_LIGHT, result_name
from kernelmodel.fault import VARIANTS
from kernelmodel.invariants import violations
from kernelmodel.mm import page_alloc, rmap
from kernelmodel.mm.pgtable import translate
from kernelmodel.mm.vma import vma_at
from kernelmodel.mm.vmstat import counters, mthp_stats
from kernelmodel.scenario import load
from kernelmodel.session import Session
from kernelmodel.snapshot import Event
from kernelmodel.structs import Folio, Mm
from tests.build import finish, session

START = 0x7F0000000000
RELEASES = ("6.10", "6.12", "6.14", "6.18", "7.1", "7.2")
ALIASES = {"6.11": "6.12", "6.13": "6.14", "7.0": "6.18"}
EVERY = [*RELEASES, *ALIASES]
NULL4, NULL3, NULL0 = (f"vma_alloc_folio(order={order}) = NULL" for order in (4, 3, 0))
POOR4, POOR3, POOR0 = (f"mem_cgroup_charge(order={order}) = -ENOMEM" for order in (4, 3, 0))
HEADS4 = "folio_memcg_alloc_deferred(order=4) = -ENOMEM"


def begin(
    variant: str,
    *answers: str,
    sizes: tuple[int, ...] = (64, 32),
    policy: str = "always",
    thp: str = "",
    more: str = "",
    head: str = "",
    at: int = 0,
    end: int = 0x100000,
    flags: tuple[str, ...] = ("VM_WRITE",),
    uffd: str = "",
    busy: tuple[int, ...] = (),
    marker: int = -1,
    verb: str = "write",
    touch: int = 0x3000,
    others: tuple[tuple[int, int, tuple[str, ...]], ...] = (),
) -> Session:
    """A session that has not run.  64K and 32K folios are on, the PMD size is not; offsets are from a 2M boundary."""
    knobs = [f'hugepages-{size}kB = "{policy}"' for size in sizes]
    lines = ["[thp]", 'enabled = "madvise"', thp, *knobs, more]
    for offset in busy:
        lines += ["[[populate]]", f"at = {START + offset:#x}", "pages = 1"]
    if marker >= 0:
        lines += ["[[populate]]", f"at = {START + marker:#x}", "pages = 1", 'with = "uffd-wp-marker"']
    vma = ["[[vma]]", 'name = "heap"', f"start = {START + at:#x}", f"size = {end - at:#x}", f"flags = {list(flags)}"]
    vma += [f'uffd = ["{uffd}"]'] if uffd else []
    events = []
    for cpu, offset, its in ((0, touch, answers), *others):
        events += ["[[event]]", f"cpu = {cpu}", f"{verb} = {START + offset:#x}", f"answers = {list(its)}"]
    return session(
        "\n".join(lines), head=f'variant = "{variant}"\n{head}', vma="\n".join(vma), events="\n".join(events)
    )


def run(variant: str, *answers: str, **how: Any) -> Session:
    """The same, run to the end."""
    return finish(begin(variant, *answers, **how))


def known(s: Session, cpu: int = 0) -> list[Event]:
    return [event for step in range(s.last + 1) if (event := s.event(step)).kind and event.cpu == cpu]


BY_ORDER = frozenset({"vma-bounds", "pte-range", "alloc", "charge", "deferred", "fallback"})


def spell(e: Event) -> str:
    """Kind, order and outcome (or reason) of a decision, as the paths below are written."""
    if e.kind == "step-down":
        return "step-down {from} to {to} ".format(**dict(e.more)) + e.reason
    return " ".join((e.kind, *([str(e.order)] if e.kind in BY_ORDER else []), e.outcome or e.reason))


def walk(s: Session, fault: int = 0) -> list[str]:
    """What alloc_anon_folio and its fallback decided, without 7.2's list heads where they can be had."""
    inside = ("alloc_anon_folio", "folio_prealloc")
    words = [spell(e) for e in known(s) if e.fault == fault and e.function in inside]
    return [each for each in words if not (each.startswith("deferred") and each.endswith(" 0"))]


def results(s: Session) -> list[str]:
    return [result_name(end.ret) for end in s.accesses]


def folio_at(s: Session, offset: int) -> Folio:
    """The folio that stands in the page table."""
    return page_alloc.page_folio(s.m, s.m.arch.pte_pfn(translate(Mm(s.m, 0), START + offset)))


def told(s: Session) -> dict[str, int]:
    """Per-size statistics, without the gauge nr_anon."""
    return {name: value for name, value in mthp_stats(s.m).items() if not name.endswith("nr_anon")}


def gauge(s: Session) -> dict[str, int]:
    """nr_anon of each size."""
    return {name: value for name, value in mthp_stats(s.m).items() if name.endswith("nr_anon")}


# -- the loops, and what they count -----------------------------------------------------------------------
CLEAR = ["uffd clear", "policy 4,3"]
FITS = [*CLEAR, "vma-bounds 4 fits", "map-pte mapped"]
FREE = [*FITS, "pte-range 4 none"]
ONE_PAGE = ["alloc 0 folio", "charge 0 0"]
ALLOC4, ALLOC3 = {"64kB.anon_fault_alloc": 1}, {"32kB.anon_fault_alloc": 1}
LOST4 = {"64kB.anon_fault_fallback": 1}
UNPAID4 = {**LOST4, "64kB.anon_fault_fallback_charge": 1}
LOST3 = {"32kB.anon_fault_fallback": 1}
UNPAID3 = {**LOST3, "32kB.anon_fault_fallback_charge": 1}

PATHS: dict[str, tuple[dict[str, Any], tuple[str, ...], list[str], dict[str, int], int]] = {
    # case: how it is made, answers, what is decided, what is counted, the order that is mapped (-1: none)
    "all free": ({}, (), [*FREE, "alloc 4 folio", "charge 4 0"], ALLOC4, 4),
    "64K leave the VMA: not counted": (
        {"at": 0x8000, "touch": 0x9000}, (),
        [*CLEAR, "vma-bounds 4 outside", "step-down 4 to 3 vma-bounds", "vma-bounds 3 fits", "map-pte mapped",
         "pte-range 3 none", "alloc 3 folio", "charge 3 0"],
        ALLOC3, 3,
    ),
    "neither fits": (
        {"at": 0x2000}, (),
        [*CLEAR, "vma-bounds 4 outside", "step-down 4 to 3 vma-bounds", "vma-bounds 3 outside", "fallback 4 vma-bounds",
         *ONE_PAGE],
        {}, 0,
    ),
    "a neighbour of the 64K is set: not counted": (
        {"busy": (0xB000,)}, (),
        [*FITS, "pte-range 4 populated", "step-down 4 to 3 pte-range", "pte-range 3 none", "alloc 3 folio", "charge 3 0"],
        ALLOC3, 3,
    ),
    "both ranges busy": (
        {"busy": (0x4000,)}, (),
        [*FITS, "pte-range 4 populated", "step-down 4 to 3 pte-range", "pte-range 3 populated", "fallback 4 pte-range",
         *ONE_PAGE],
        {}, 0,
    ),
    "64K can't be had": (
        {}, (NULL4,),
        [*FREE, "alloc 4 NULL", "step-down 4 to 3 alloc", "alloc 3 folio", "charge 3 0"], {**LOST4, **ALLOC3}, 3,
    ),
    "neither can be had": (
        {}, (NULL4, NULL3),
        [*FREE, "alloc 4 NULL", "step-down 4 to 3 alloc", "alloc 3 NULL", "fallback 4 alloc", *ONE_PAGE],
        {**LOST4, **LOST3}, 0,
    ),
    "64K can't be charged: both counters": (
        {}, (POOR4,),
        [*FREE, "alloc 4 folio", "charge 4 -ENOMEM", "step-down 4 to 3 charge", "alloc 3 folio", "charge 3 0"],
        {**UNPAID4, **ALLOC3}, 3,
    ),
    "neither can be charged": (
        {}, (POOR4, POOR3),
        [*FREE, "alloc 4 folio", "charge 4 -ENOMEM", "step-down 4 to 3 charge", "alloc 3 folio", "charge 3 -ENOMEM",
         "fallback 4 alloc", *ONE_PAGE],
        {**UNPAID4, **UNPAID3}, 0,
    ),
    "nothing can be had": (
        {}, (NULL4, NULL3, NULL0),
        [*FREE, "alloc 4 NULL", "step-down 4 to 3 alloc", "alloc 3 NULL", "fallback 4 alloc", "alloc 0 NULL"],
        {**LOST4, **LOST3}, -1,
    ),
    "nor can one page be charged": (
        {"sizes": (64,)}, (NULL4, POOR0),
        ["uffd clear", "policy 4", "vma-bounds 4 fits", "map-pte mapped", "pte-range 4 none", "alloc 4 NULL",
         "fallback 4 alloc", "alloc 0 folio", "charge 0 -ENOMEM"],
        LOST4, -1,
    ),
    "no size is on": ({"sizes": ()}, (), ["uffd clear", "policy none", "fallback 0 policy", *ONE_PAGE], {}, 0),
    "no hint, and the sizes want one": (
        {"policy": "madvise"}, (), ["uffd clear", "policy none", "fallback 0 policy", *ONE_PAGE], {}, 0,
    ),
    "userfaultfd is armed, without a marker": (
        {"uffd": "wp"}, (), ["uffd armed", "fallback 0 uffd", *ONE_PAGE], {}, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("variant", EVERY)
@pytest.mark.parametrize("case", PATHS)
def test_what_is_decided_and_counted(case: str, variant: str) -> None:
    how, answers, expected, counted, order = PATHS[case]
    s = run(variant, *answers, **how)
    assert walk(s) == expected
    assert told(s) == counted
    assert results(s) == ["0" if order >= 0 else "VM_FAULT_OOM"]
    assert [e.order for e in known(s) if e.kind == "install"] == ([order] if order >= 0 else [])
    assert violations(s.m, settled=True) == []
    assert s.m.memcg_usage.get(0) == ((1 << order) if order >= 0 else 0) + len(how.get("busy", ()))


@pytest.mark.parametrize("variant", EVERY)
def test_nr_anon_is_there_from_6_12_on(variant: str) -> None:
    s = run(variant, others=((0, 0x13000, ()), (0, 0x23000, (NULL4,)), (0, 0x33000, (NULL4, NULL3))))
    late = VARIANTS[variant].names.has(6, 12)
    assert gauge(s) == ({"64kB.nr_anon": 2, "32kB.nr_anon": 1} if late else {}), "order 0 has no file"


@pytest.mark.parametrize("variant", ["6.12", "7.2"])
def test_nr_anon_falls_when_the_folio_is_freed(variant: str) -> None:
    m = finish(begin(variant)).m
    vma = vma_at(m, 0, 0)
    folio, unmapped = (page_alloc.take(m, GFP_TRANSHUGE_LIGHT, 4) for _ in range(2))
    assert vma is not None
    assert folio is not None
    assert unmapped is not None
    page_alloc.folio_put(unmapped)
    assert mthp_stats(m)["64kB.nr_anon"] == 1, "a folio that was never mapped does not count"
    rmap.folio_add_new_anon_rmap(folio, vma, START + 0x10000)
    assert mthp_stats(m)["64kB.nr_anon"] == 2
    m._mapcount.fill(folio.id, 16, 0)
    page_alloc.folio_put(folio)
    assert mthp_stats(m)["64kB.nr_anon"] == 1


def after_the_charge(variant: str, **how: Any) -> str:
    """A schedule in which CPU 1 does its whole access right after CPU 0's charge."""
    stops = [e.kind for e in known(run(variant, **how))].index("charge") + 1
    return f'schedule = "0*{stops} 1*40 0"'


@pytest.mark.parametrize("variant", RELEASES)
def test_a_folio_that_is_dropped_at_the_recheck_counts_nothing(variant: str) -> None:
    """transhuge.rst says that anon_fault_alloc counts what was allocated and charged; the code counts what is mapped."""
    s = run(variant, head=after_the_charge(variant), others=((1, 0xB000, (NULL4,)),))
    recheck = next(e for e in known(s) if e.kind == "recheck")
    assert (recheck.outcome, recheck.reason) == ("changed", "populated")
    assert told(s) == {"64kB.anon_fault_fallback": 1, "32kB.anon_fault_alloc": 2}, "the fallback is the other CPU's"
    assert (counters(s.m)["min_flt"], results(s)) == (3, ["0", "0"])
    assert s.m.memcg_usage.get(0) == 16


@pytest.mark.parametrize("variant", RELEASES)
def test_a_page_that_loses_its_own_pte(variant: str) -> None:
    """Order 0 compares with the PTE of the beginning."""
    s = run(variant, sizes=(), head=after_the_charge(variant, sizes=()), others=((1, 0x3000, ()),))
    assert [e.outcome for e in known(s) if e.kind == "recheck"] == ["changed"]
    assert (counters(s.m)["nr_anon_pages"], s.m.memcg_usage.get(0)) == (1, 1)


# -- which orders ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", EVERY)
def test_the_pmd_size_is_not_offered_below_the_pmd(variant: str) -> None:
    s = run(variant, sizes=(2048, 64))
    assert next(e.outcome for e in known(s) if e.kind == "policy") == "4"


@pytest.mark.parametrize("variant", EVERY)
def test_a_prctl_that_spares_advised_vmas_is_of_6_18(variant: str) -> None:
    """Earlier releases refuse its flag, and nothing is disabled."""
    prctl = """[[event]]\ncpu = 0\nprctl = { PR_SET_THP_DISABLE = 1, flags = ["PR_THP_DISABLE_EXCEPT_ADVISED"] }"""
    offered = []
    for flag in ([], ["VM_HUGEPAGE"]):
        s = run(variant, more=prctl, flags=("VM_WRITE", *flag))
        offered.append(next(e.outcome for e in known(s) if e.kind == "policy"))
    assert offered == (["none", "4,3"] if VARIANTS[variant].names.has(6, 18) else ["4,3", "4,3"])


# -- memory ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", RELEASES)
def test_near_the_limit_a_smaller_folio_fits(variant: str) -> None:
    s = run(variant, more='[memory]\nsize = "64M"\nmemcg_limit = "32K"')
    assert [(e.order, e.reason) for e in known(s) if e.kind == "charge"] == [(4, "memcg-limit"), (3, "")]
    assert told(s) == {**UNPAID4, **ALLOC3}
    assert results(s) == ["0"]


@pytest.mark.parametrize("variant", RELEASES)
def test_a_large_folio_is_charged_as_hard_as_it_is_allocated(variant: str) -> None:
    s = run(variant, POOR4, POOR3)
    masks = [(e.kind, e.order, dict(e.more)["gfp"]) for e in known(s) if e.kind in ("alloc", "charge")]
    light, page = GFP_TRANSHUGE_LIGHT, 0x100DCA
    assert masks == [
        ("alloc", 4, light), ("charge", 4, light), ("alloc", 3, light), ("charge", 3, light),
        ("alloc", 0, page), ("charge", 0, GFP_KERNEL),
    ]  # fmt: skip


@pytest.mark.parametrize("variant", RELEASES)
def test_no_gfp_where_no_order_is_left(variant: str) -> None:
    s = run(variant, busy=(0x4000,))
    s.seek(s.fallbacks[0])
    frame = next(call for call in s.calls() if call.code.co_name == "alloc_anon_folio")
    assert "gfp" not in frame.locals


@pytest.mark.parametrize("variant", EVERY)
@pytest.mark.parametrize("init_on_alloc", [False, True])
def test_how_often_a_folio_is_cleared(variant: str, init_on_alloc: bool) -> None:
    boot = f"[boot]\ninit_on_alloc = {str(init_on_alloc).lower()}"
    s = run(variant, more=boot, others=((0, 0x23000, (NULL4, NULL3)),))
    twice = init_on_alloc and not VARIANTS[variant].names.has(6, 13)
    assert folio_at(s, 0x3000).cleared == (2 if twice else 1)
    assert folio_at(s, 0x23000).cleared == 1, "one page is asked for with __GFP_ZERO"


@pytest.mark.parametrize("variant", RELEASES)
def test_a_folio_that_can_not_be_charged_was_not_cleared_yet(variant: str) -> None:
    s = begin(variant, POOR4)
    while s.decision is None or s.decision.kind != "charge":
        s.advance()
    folio = next(call.locals["folio"] for call in s.calls() if call.code.co_name == "alloc_anon_folio")
    assert folio.cleared == 0


@pytest.mark.parametrize("variant", RELEASES)
def test_below_the_pmd_another_node_will_do(variant: str) -> None:
    """The default defrag may not reclaim: 6.5 would have had no second pass over all nodes."""
    nodes = "[[memory.node]]\nfree = { 0 = 64 }\n[[memory.node]]\nfree = { 4 = 2 }\ncpus = [1]"
    s = run(variant, more=nodes)
    assert [(e.order, e.outcome, e.reason) for e in known(s) if e.kind == "alloc"] == [(4, "folio", "remote-node")]


# -- 7.1: the PTEs first -----------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", EVERY)
def test_the_order_of_stores_of_the_commit(variant: str) -> None:
    s = begin(variant)
    while s.decision is None or s.decision.kind != "install":
        s.advance()
    before = len(s.m.journal)
    s.advance()
    fields = [field.name for field, *_ in s.m.journal.entries(before, len(s.m.journal))]
    order = [name for name in fields if name in ("rss_stat", "mthp_stat", "mapping", "pgtable")]
    late = VARIANTS[variant].names.has(7, 1)
    gauge = ["mthp_stat"] if VARIANTS[variant].names.has(6, 12) else []
    mapped = [*gauge, "mapping", "pgtable"]
    assert order == ([*mapped, "rss_stat", "mthp_stat"] if late else ["rss_stat", "mthp_stat", *mapped])


# -- 7.2: the list heads -----------------------------------------------------------------------------------
def test_without_list_heads_it_is_one_page() -> None:
    s = run("7.2", HEADS4)
    assert walk(s) == [
        *FREE, "alloc 4 folio", "charge 4 0", "deferred 4 -ENOMEM", "fallback 4 deferred", *ONE_PAGE
    ]  # fmt: skip
    assert told(s) == {}
    assert (results(s), s.m.memcg_usage.get(0)) == (["0"], 1), "the charge is given back"


def test_list_heads_are_made_once() -> None:
    s = run("7.2", HEADS4, others=((0, 0x13000, ()), (0, 0x23000, ())))
    heads = [(e.order, e.outcome, e.reason) for e in known(s) if e.kind == "deferred"]
    assert heads == [(4, "-ENOMEM", "forced"), (4, "0", ""), (4, "0", "memcg-has-it")]
    steps = [step for step in range(s.last) if s.event(step).kind == "deferred"]
    possible = []
    for step in steps:
        s.seek(step)
        possible.append(s.possible_answers())
    assert [len(answers) for answers in possible] == [2, 2, 0], "what is there can't fail to be made"


@pytest.mark.parametrize("variant", [*RELEASES[:-1], *ALIASES])
def test_before_7_2_there_are_no_list_heads(variant: str) -> None:
    assert "deferred" not in [e.kind for e in known(run(variant))]


def test_one_page_needs_no_list_heads() -> None:
    assert "deferred" not in [e.kind for e in known(run("7.2", sizes=()))]


# -- around alloc_anon_folio -------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", RELEASES)
def test_the_whole_of_a_good_fault(variant: str) -> None:
    kinds = [f"{e.kind}:{e.outcome}" for e in known(run(variant)) if e.kind != "deferred"]
    assert kinds == [
        "pmd-gate:none", "orig-pte:pmd-none", "pte-alloc:table", "anon-vma:0", "uffd:clear", "policy:4,3",
        "vma-bounds:fits", "map-pte:mapped", "pte-range:none", "alloc:folio", "charge:0", "lock:locked", "recheck:same",
        "stable:stable", "uffd-missing:clear", "install:folio", "return:0",
    ]  # fmt: skip


@pytest.mark.parametrize("variant", RELEASES)
def test_no_anon_vma_is_out_of_memory(variant: str) -> None:
    s = run(variant, "anon_vma_prepare = -ENOMEM")
    assert (results(s), known(s)[-2].kind) == (["VM_FAULT_OOM"], "anon-vma")


@pytest.mark.parametrize("variant", RELEASES)
def test_eagain_allocates_nothing(variant: str) -> None:
    s = run(variant, "pte_offset_map() = NULL leaf", end=0x200000)
    assert [f"{e.kind}:{e.outcome}" for e in known(s)][-2:] == ["map-pte:NULL", "return:0"]
    assert [e for e in known(s) if e.kind in ("alloc", "fallback")] == []
    assert results(s) == ["0"]


@pytest.mark.parametrize("variant", RELEASES)
def test_a_read_maps_the_zero_page_and_counts_no_folio(variant: str) -> None:
    s = run(variant, verb="read")
    assert [f"{e.kind}:{e.outcome}" for e in known(s)][2:] == [
        "pte-alloc:table", "lock:locked", "recheck:same", "stable:stable", "uffd-missing:clear", "zero-page:mapped",
        "return:0",
    ]  # fmt: skip
    assert s.m.arch.pte_kind(translate(Mm(s.m, 0), START + 0x3000)) == "zero"
    assert not translate(Mm(s.m, 0), START + 0x4000)
    assert counters(s.m) == {"pgfault": 1, "min_flt": 1}


@pytest.mark.parametrize("variant", RELEASES)
@pytest.mark.parametrize("verb", ["read", "write"])
def test_a_marker_gets_one_protected_page(variant: str, verb: str) -> None:
    s = run(variant, marker=0x3000, uffd="wp", verb=verb)
    arch, value = s.m.arch, translate(Mm(s.m, 0), START + 0x3000)
    assert arch.pte_kind(value) == ("zero" if verb == "read" else "page")
    assert arch.pte_uffd_wp(value)
    if verb == "write":
        assert walk(s) == ["uffd armed", "fallback 0 uffd", *ONE_PAGE]
        assert s.stop.kind == "blocked", "the write then waits for the monitor"


@pytest.mark.parametrize("variant", RELEASES)
@pytest.mark.parametrize("verb", ["read", "write"])
def test_the_monitor_is_asked_first_and_nothing_stays(variant: str, verb: str) -> None:
    s = run(variant, uffd="missing", verb=verb)
    assert (known(s)[-1].kind, known(s)[-1].addr, s.stop.kind) == ("uffd-missing", START + 0x3000, "blocked")
    assert (s.m.memcg_usage.get(0), told(s)) == (0, {})


# -- the images --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("alias", "of"), ALIASES.items())
def test_an_alias_has_the_functions_of_its_original(alias: str, of: str) -> None:
    for name in ("alloc_anon_folio", "do_anonymous_page"):
        assert getattr(VARIANTS[alias], name) is getattr(VARIANTS[of], name)


def test_functions_that_did_not_change_are_written_once() -> None:
    pages = {VARIANTS[each].do_anonymous_page.__module__.rsplit(".", 1)[1] for each in RELEASES[:4]}
    assert pages == {"linux_6_10"}
    assert VARIANTS["7.1"].alloc_anon_folio is VARIANTS["6.18"].alloc_anon_folio
    assert VARIANTS["7.2"].do_anonymous_page is VARIANTS["7.1"].do_anonymous_page
    assert len({VARIANTS[each].alloc_anon_folio for each in RELEASES}) == len(RELEASES) - 1


@pytest.mark.parametrize("variant", RELEASES)
def test_scenarios_of_v3_run_soundly(variant: str) -> None:
    """Those that were written for another variant; review/ and matrix/ say what they expect of each."""
    folder = Path(__file__).resolve().parents[2] / "scenarios"
    for path in sorted(each for name in ("seed", "memory", "pmd") for each in (folder / name).glob("*.toml")):
        s = finish(Session(load(path), variant))
        assert s.stop.kind in ("end", "blocked"), path.name
        assert violations(s.m, settled=s.stop.kind == "end") == [], path.name
