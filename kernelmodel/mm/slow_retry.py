# SPDX-License-Identifier: GPL-2.0-only
"""Whether the slow path of the allocator goes round again (mm/page_alloc.c, the end of __alloc_pages_slowpath())."""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.defs import (
    __GFP_NORETRY,
    __GFP_RETRY_MAYFAIL,
    __GFP_THISNODE,
    ALLOC_NOFRAGMENT,
    PAGE_ALLOC_COSTLY_ORDER,
    WMARK_HIGH,
    WMARK_MIN,
    ZONE_NORMAL,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.compaction import compaction_zonelist_suitable
from kernelmodel.mm.freelist import defrag_mode
from kernelmodel.mm.slow_steps import SYNC_FULL, SYNC_LIGHT, freelist, unreserve
from kernelmodel.mm.stages import Stage
from kernelmodel.mm.vmscan import gfp_compaction_allowed
from kernelmodel.mm.watermark import wmark_pages, zone_watermark
from kernelmodel.mm.zonelist import gfp_zone, zonelist

MAX_RECLAIM_RETRIES = 16
MAX_COMPACT_RETRIES = 16


class Tries(NamedTuple):
    """What __alloc_pages_slowpath() counts from round to round."""

    no_progress: int = 0
    compactions: int = 0
    priority: int = SYNC_LIGHT
    flags: int = 0


def again(
    m: Machine, gfp: int, order: int, node: int, tries: Tries, progress: int, result: str
) -> tuple[str, Tries, tuple[Stage, ...]]:
    """S6 to S9: ``retry``, ``found``, or why the request fails."""
    costly = order > PAGE_ALLOC_COSTLY_ORDER
    can_compact = gfp_compaction_allowed(m, gfp)
    if gfp & __GFP_NORETRY:
        return "noretry", tries, ()
    if costly and not (can_compact and gfp & __GFP_RETRY_MAYFAIL):
        return "costly", tries, ()
    retry, tries = should_reclaim_retry(m, gfp, order, node, tries, progress > 0)
    path: tuple[Stage, ...] = (_turn("S7", "reclaim-retry", retry, tries.no_progress, MAX_RECLAIM_RETRIES),)
    if retry:
        return "retry", tries, path
    if progress > 0 and can_compact and order:
        retry, tries = should_compact_retry(m, gfp, order, node, tries, result)
        path = (*path, _turn("S8", "compact-retry", retry, tries.compactions, MAX_COMPACT_RETRIES))
        if retry:
            return "retry", tries, path
    if defrag_mode(m) and tries.flags & ALLOC_NOFRAGMENT:
        tries = tries._replace(flags=tries.flags & ~ALLOC_NOFRAGMENT)
        return "retry", tries, (*path, Stage("S8", "defrag_mode", "retry"))
    found, stage = freelist(m, gfp, order, WMARK_HIGH, node, "S9")
    path = (*path, stage)
    if found:
        return "found", tries._replace(flags=WMARK_HIGH), path
    why = out_of_memory(gfp, order)
    return why or "oom", tries, (*path, Stage("S9", "oom", why or "kill"))


def _turn(at: str, what: str, retry: bool, turn: int, of: int) -> Stage:
    return Stage(at, what, "retry" if retry else "give-up", (turn, of))


def out_of_memory(gfp: int, order: int) -> str:
    """Why the OOM killer is left alone (__alloc_pages_may_oom()); '' if it would be called."""
    if order > PAGE_ALLOC_COSTLY_ORDER:
        return "costly"
    if gfp & __GFP_RETRY_MAYFAIL:
        return "retry-mayfail"
    if gfp & __GFP_THISNODE:
        return "this-node"
    return "lowmem" if gfp_zone(gfp) < ZONE_NORMAL else ""


def should_reclaim_retry(
    m: Machine, gfp: int, order: int, node: int, tries: Tries, progress: bool
) -> tuple[bool, Tries]:
    """Would some zone pass at min if all that can be reclaimed were free?  At most 16 times without progress.

    Then the highatomic reserve has to go, from 6.8 on also where no zone would pass.
    """
    loops = 0 if progress and order <= PAGE_ALLOC_COSTLY_ORDER else tries.no_progress + 1
    tries = tries._replace(no_progress=loops)
    highest = gfp_zone(gfp)
    for zone in zonelist(m, node, gfp) if loops <= MAX_RECLAIM_RETRIES else ():
        available = m.nr_free_pages.get(zone) + m.nr_reclaimable.get(zone)
        mark = wmark_pages(m, zone, WMARK_MIN)
        if zone_watermark(m, zone, order, WMARK_MIN, mark, highest, tries.flags, available).ok:
            return True, tries
    last_resort = loops > MAX_RECLAIM_RETRIES or m.release >= (6, 8)
    return last_resort and unreserve(m, gfp, node, True), tries


def should_compact_retry(m: Machine, gfp: int, order: int, node: int, tries: Tries, result: str) -> tuple[bool, Tries]:
    """Skipped: if reclaim can make room.  Success, yet no page: 16 times (costly: 4).  Then with more effort."""
    costly = order > PAGE_ALLOC_COSTLY_ORDER
    if result == "skipped":
        return compaction_zonelist_suitable(m, gfp, order, node), tries
    if result == "success":
        tries = tries._replace(compactions=tries.compactions + 1)
        if tries.compactions <= MAX_COMPACT_RETRIES // (4 if costly else 1):
            return True, tries
    if tries.priority > (SYNC_LIGHT if costly else SYNC_FULL):
        return True, tries._replace(priority=tries.priority - 1, compactions=0)
    return False, tries
