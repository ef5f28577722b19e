# SPDX-License-Identifier: GPL-2.0-only
"""Direct compaction: whether a zone is worth it, over which zones it goes, and when it is put off (mm/compaction.c).

How a run would end can only be known by running it: ``peek_compact`` does so on a shadow of the machine, and
``try_to_compact_pages`` on the machine itself.  The run over one zone is compact_zone.py.
"""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.defs import (
    __GFP_IO,
    ALLOC_CMA,
    ALLOC_WMARK_MASK,
    MIGRATE_TYPES,
    PAGE_ALLOC_COSTLY_ORDER,
    WMARK_LOW,
    WMARK_MIN,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.compact_control import COMPACT_PRIO_ASYNC, COMPACT_PRIO_SYNC_FULL, Control
from kernelmodel.mm.compact_zone import compact_zone
from kernelmodel.mm.extfrag import fragmentation_index
from kernelmodel.mm.watermark import watermark_test, wmark_pages, zone_watermark
from kernelmodel.mm.zonelist import gfp_zone, zonelist
from kernelmodel.shadow import tried

RESULTS = ("skipped", "deferred", "complete", "partial-skipped", "contended", "success")
"""enum compact_result, from the worst up: over several zones the best one counts."""
COMPACT_MAX_DEFER_SHIFT = 6
EXTFRAG_THRESHOLD = 500
"""vm.extfrag_threshold, in thousandths, unless somebody has written to it."""


class Result(NamedTuple):
    """What compaction of a zone gave, and the number that says why."""

    outcome: str
    """One of ``RESULTS``, or ``continue``: nothing speaks against it."""
    reason: str = ""
    """``free``: a block is there already; ``watermark``: too few pages to move to (how many count); ``fragindex``: the
    zone is short of memory, not in pieces (the index); ``deferred``: it failed lately (how many times it is put off);
    ``moved``: how many pages the run moved; ``spent``: the same, and it had to give up the CPU; ``busy``: the
    environment had all pages; ``no-io``: the mask forbids it."""
    arg: int = 0


# -- is it worth it -----------------------------------------------------------------------------------
def compact_gap(order: int) -> int:
    """Pages that compaction needs beside the mark: what it moves, twice."""
    return 2 << order


def zone_nr_free(m: Machine, zone: int) -> tuple[int, ...]:
    """Free blocks of a zone by order, of all types."""
    nr_free = m.nr_free
    return tuple(
        sum(nr_free.get(m.list_number(zone, migratetype, order)) for migratetype in range(MIGRATE_TYPES))
        for order in range(m.orders)
    )


def __compaction_suitable(m: Machine, zone: int, order: int, mark: int, highest: int, free: int) -> bool:
    """Does order 0 pass a mark with room for the moves?  From 6.15 on the mark is the caller's, before it was min, for
    costly orders low; the step from min to low is added to the caller's."""
    low, least = wmark_pages(m, zone, WMARK_LOW), wmark_pages(m, zone, WMARK_MIN)
    if m.release < (6, 15):
        mark = least
    if order > PAGE_ALLOC_COSTLY_ORDER:
        mark += low - least
    return zone_watermark(m, zone, 0, WMARK_MIN, mark + compact_gap(order), highest, ALLOC_CMA, free).ok


def compaction_suitable(m: Machine, zone: int, order: int, mark: int, highest: int) -> Result:
    """``continue`` or ``skipped``; for costly orders only where a request would fail for fragmentation."""
    free = m.nr_free_pages.get(zone)
    if not __compaction_suitable(m, zone, order, mark, highest, free):
        return Result("skipped", "watermark", free)
    if order > PAGE_ALLOC_COSTLY_ORDER:
        index = fragmentation_index(zone_nr_free(m, zone), order)
        if 0 <= index <= m.knobs.get("extfrag_threshold", EXTFRAG_THRESHOLD):
            return Result("skipped", "fragindex", index)
    return Result("continue")


def compaction_suit_allocation_order(
    m: Machine, zone: int, order: int, highest: int, flags: int, is_async: bool
) -> Result:
    """``success`` if the request would already pass, ``skipped``, or ``continue``.

    From 6.14 on an opportunistic request that may not use CMA memory is skipped if there is too little without it.
    """
    if watermark_test(m, zone, order, flags & ALLOC_WMARK_MASK, highest, flags).ok:
        return Result("success", "free")
    mark = wmark_pages(m, zone, flags & ALLOC_WMARK_MASK)
    if m.release >= (6, 14) and order > PAGE_ALLOC_COSTLY_ORDER and is_async and not flags & ALLOC_CMA:
        base = mark if m.release >= (6, 15) else wmark_pages(m, zone, WMARK_LOW)
        free = m.nr_free_pages.get(zone)
        if not zone_watermark(m, zone, 0, WMARK_LOW, base + compact_gap(order), highest, 0, free).ok:
            return Result("skipped", "watermark", free)
    return compaction_suitable(m, zone, order, mark, highest)


def compaction_zonelist_suitable(m: Machine, gfp: int, order: int, node: int) -> bool:
    """Would compaction be worth it in some zone once a part of the reclaimable pages is reclaimed?"""
    highest = gfp_zone(gfp)
    for zone in zonelist(m, node, gfp):
        available = m.nr_reclaimable.get(zone) // order + m.nr_free_pages.get(zone)
        if __compaction_suitable(m, zone, order, wmark_pages(m, zone, WMARK_MIN), highest, available):
            return True
    return False


def kcompactd_node_suitable(m: Machine, node: int, order: int, highest: int) -> bool:
    """Would a woken kcompactd find something to do?  That it wakes is told; it does nothing here."""
    for number, zone in enumerate(m.zones):
        if zone.node == node and zone.type <= highest:
            if compaction_suit_allocation_order(m, number, order, highest, WMARK_MIN, False).outcome == "continue":
                return True
    return False


# -- putting it off -----------------------------------------------------------------------------------
def defer_compaction(m: Machine, zone: int, order: int) -> None:
    """It failed: the next 1 << shift attempts of this order and above are not made."""
    m.compact_considered.set(zone, 0)
    m.compact_defer_shift.set(zone, min(m.compact_defer_shift.get(zone) + 1, COMPACT_MAX_DEFER_SHIFT))
    if order < m.compact_order_failed.get(zone):
        m.compact_order_failed.set(zone, order)


def compaction_deferred(m: Machine, zone: int, order: int) -> bool:
    """Is this attempt not to be made?  It counts."""
    limit = 1 << m.compact_defer_shift.get(zone)
    if order < m.compact_order_failed.get(zone):
        return False
    considered = min(m.compact_considered.get(zone) + 1, limit)
    m.compact_considered.set(zone, considered)
    return considered < limit


def compaction_defer_reset(m: Machine, zone: int, order: int, alloc_success: bool) -> None:
    """It succeeded, or (``alloc_success``) the request did."""
    if alloc_success:
        m.compact_considered.set(zone, 0)
        m.compact_defer_shift.set(zone, 0)
    if order >= m.compact_order_failed.get(zone):
        m.compact_order_failed.set(zone, order + 1)


# -- over the zones -----------------------------------------------------------------------------------
def compact_zone_order(
    m: Machine, zone: int, order: int, prio: int, gfp: int, flags: int, highest: int, failure: str = ""
) -> Result:
    """Compact one zone, if that is worth it.  With ``failure`` the environment lets nothing be isolated there."""
    is_async = prio == COMPACT_PRIO_ASYNC
    gate = compaction_suit_allocation_order(m, zone, order, highest, flags, is_async)
    if gate.outcome != "continue":
        return gate
    if failure:
        return Result(failure, "busy")
    control = Control(m, zone, order, gfp, prio)
    outcome = compact_zone(control)
    return Result(outcome, "moved" if outcome == "success" or not control.spent else "spent", control.moved)


def failure_of(prio: int) -> str:
    """How compaction can always end: it must give up the CPU, or the pages that it wants are busy."""
    return "contended" if prio == COMPACT_PRIO_ASYNC else "partial-skipped"


def try_to_compact_pages(
    m: Machine, gfp: int, order: int, prio: int, flags: int, node: int, failure: str = ""
) -> Result:
    """Zone after zone until one succeeds: the best result, the first of equals.

    ``failure`` (that of ``failure_of``) is what the environment lets each zone end with where there is something to do;
    nothing moves then, and an asynchronous request looks at no further zone.
    """
    if not gfp & __GFP_IO:
        return Result("skipped", "no-io")
    best = Result("skipped")
    for zone in zonelist(m, node, gfp):
        if prio > COMPACT_PRIO_SYNC_FULL and compaction_deferred(m, zone, order):
            result = Result("deferred", "deferred", 1 << m.compact_defer_shift.get(zone))
        else:
            result = compact_zone_order(m, zone, order, prio, gfp, flags, gfp_zone(gfp), failure)
            if result.outcome == "success":
                compaction_defer_reset(m, zone, order, False)
            elif prio != COMPACT_PRIO_ASYNC and result.outcome in ("complete", "partial-skipped"):
                defer_compaction(m, zone, order)
        if not best.reason or RESULTS.index(result.outcome) > RESULTS.index(best.outcome):
            best = result
        if result.outcome == "success" or (prio == COMPACT_PRIO_ASYNC and result.reason in ("busy", "spent")):
            break
    return best


def peek_compact(m: Machine, gfp: int, order: int, prio: int, flags: int, node: int) -> tuple[str, str, int]:
    """(outcome, reason, arg) of compaction now, if nothing comes in its way; no store.  See ``Result``."""
    return tried(m, try_to_compact_pages, gfp, order, prio, flags, node)
