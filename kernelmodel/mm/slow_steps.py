# SPDX-License-Identifier: GPL-2.0-only
"""What the slow path of the allocator does, step by step (mm/page_alloc.c; wakeup_kswapd() of mm/vmscan.c).

Each step gives the stages that it was; ``at`` says which part of the slow path it belongs to.
"""

from __future__ import annotations

from kernelmodel.decision import Path, Question
from kernelmodel.defs import (
    __GFP_DIRECT_RECLAIM,
    __GFP_KSWAPD_RECLAIM,
    ALLOC_WMARK_MASK,
    COMPACTFAIL,
    COMPACTSTALL,
    COMPACTSUCCESS,
    PAGE_ALLOC_COSTLY_ORDER,
    WMARK_HIGH,
)
from kernelmodel.machine import Machine
from kernelmodel.mm.compaction import (
    compaction_defer_reset,
    failure_of,
    kcompactd_node_suitable,
    peek_compact,
    try_to_compact_pages,
    zone_nr_free,
)
from kernelmodel.mm.freelist import Found, defrag_mode, get_page_from_freelist, mark_below_high
from kernelmodel.mm.stages import Stage
from kernelmodel.mm.vmscan import Reclaimed, gfp_compaction_allowed, peek_reclaim, try_to_free_pages
from kernelmodel.mm.vmstat import count_vm_event
from kernelmodel.mm.watermark import watermark_test, wmark_pages, zone_watermark
from kernelmodel.mm.zonelist import gfp_zone, zonelist

SYNC_FULL, SYNC_LIGHT, ASYNC = range(3)
"""enum compact_priority: the lower, the more effort."""
PRIORITIES = ("sync-full", "sync-light", "async")
_MARKS = ("min", "low", "high")


def freelist(m: Machine, gfp: int, order: int, flags: int, node: int, at: str) -> tuple[Found | None, Stage]:
    """One look over the zonelist."""
    found = get_page_from_freelist(m, gfp, order, flags, node)
    mark_below_high(m, found)
    what = f"freelist@{_MARKS[flags & ALLOC_WMARK_MASK]}"
    if isinstance(found, Found):
        return found, Stage(at, what, "found", (found.block,))
    numbers: tuple[int, ...] = ()
    for test, reason, _, _ in found.tries:
        if m.zones[test.zone].node == node and reason == found.reason and reason in ("watermark", "reserve"):
            numbers = test.free - test.unusable, test.min + test.reserve
            break
    return None, Stage(at, what, found.reason, numbers or (found.arg,))


def wake_all_kswapds(m: Machine, gfp: int, order: int, node: int, at: str) -> tuple[Stage, ...]:
    """wakeup_kswapd() once for each node of the zonelist; nothing without __GFP_KSWAPD_RECLAIM."""
    if not gfp & __GFP_KSWAPD_RECLAIM:
        return ()
    stages: tuple[Stage, ...] = ()
    reclaim_order = max(order, m.arch.pageblock_order) if defrag_mode(m) else order
    for each in dict.fromkeys(m.zones[zone].node for zone in zonelist(m, node, gfp)):
        verdict = wakeup_kswapd(m, each, gfp, reclaim_order, gfp_zone(gfp))
        if verdict == "woken" and at == "S3" and not m.acts:
            verdict = "awake"
        stages = (*stages, Stage(at, f"kswapd{each}", verdict))
    return stages


def wakeup_kswapd(m: Machine, node: int, gfp: int, order: int, highest: int) -> str:
    """``woken``, ``awake``; a balanced node needs none: who can't reclaim may wake ``kcompactd`` then."""
    zones = [number for number, zone in enumerate(m.zones) if zone.node == node and zone.type <= highest]
    awake = m.kswapd_order.get(node)
    if awake:
        m.kswapd_order.set(node, max(awake, order + 1))
        return "awake"
    balanced = any(is_balanced(m, zone, order, highest) for zone in zones)
    if balanced and not any(m.watermark_boost.get(zone) for zone in zones):
        compacts = order and not gfp & __GFP_DIRECT_RECLAIM and kcompactd_node_suitable(m, node, order, highest)
        return "kcompactd" if compacts else "balanced"
    if m.acts:
        m.kswapd_order.set(node, order + 1)
    return "woken"


def is_balanced(m: Machine, zone: int, order: int, highest: int) -> bool:
    """pgdat_balanced() of one zone: the high mark, with vm.defrag_mode in pages of whole free pageblocks."""
    if not (order and defrag_mode(m)):
        return watermark_test(m, zone, order, WMARK_HIGH, highest, 0).ok
    free = sum(n << k for k, n in enumerate(zone_nr_free(m, zone)) if k >= m.arch.pageblock_order)
    return zone_watermark(m, zone, order, WMARK_HIGH, wmark_pages(m, zone, WMARK_HIGH), highest, 0, free).ok


def __alloc_pages_direct_reclaim(
    m: Machine, gfp: int, order: int, flags: int, node: int
) -> Path[tuple[bool, int, tuple[Stage, ...]]]:
    """(found, progress, stages): reclaim, look; then empty the reserve and the CPUs' lists, and look again."""
    freed, ready = could_reclaim(m, gfp, order, node)
    if freed:
        answer = yield Question(
            "reclaim",
            f"try_to_free_pages(order={order})",
            lambda: told_reclaim(m, gfp, order, node),
            "none",
            order,
            more=(("gfp", gfp),),
        )
        now = could_reclaim(m, gfp, order, node)  # another CPU may have run
        freed, ready = try_to_free_pages(m, gfp, order, node) if answer != "none" else Reclaimed(0, now.ready)
    progress = freed or int(ready)
    verdict = "progress" if freed else "compaction-ready" if ready else "none"
    path: tuple[Stage, ...] = (Stage("S4", "reclaim", verdict, (freed,) if freed else ()),)
    if not progress:
        return False, 0, path
    found, stage = freelist(m, gfp, order, flags, node, "S4")
    path = (*path, stage)
    if found:
        return True, progress, path
    drained = unreserve(m, gfp, node, False)
    if m.pcp:
        from kernelmodel.mm.pcp import drain_all_pages

        drain_all_pages(m)
    found, stage = freelist(m, gfp, order, flags, node, "S4")
    return found is not None, progress, (*path, Stage("S4", "drain", "unreserved" if drained else "done"), stage)


def could_reclaim(m: Machine, gfp: int, order: int, node: int) -> Reclaimed:
    """What a round of reclaim would come to."""
    if not m.lru and order <= PAGE_ALLOC_COSTLY_ORDER:
        return Reclaimed(0, False)
    return peek_reclaim(m, gfp, order, node)


def told_reclaim(m: Machine, gfp: int, order: int, node: int) -> tuple[str, str, int]:
    """Nature's answer."""
    pages = peek_reclaim(m, gfp, order, node).pages
    return ("progress", "", pages) if pages else ("none", "", 0)


def unreserve(m: Machine, gfp: int, node: int, force: bool) -> bool:
    """unreserve_highatomic_pageblock(): did it give pages of the reserve to everyone?"""
    if not m.acts or not any(m.nr_reserved_highatomic.get(zone) for zone in zonelist(m, node, gfp)):
        return False
    from kernelmodel.mm.highatomic import unreserve_highatomic_pageblock

    return unreserve_highatomic_pageblock(m, gfp, node, force)


def __alloc_pages_direct_compact(
    m: Machine, gfp: int, order: int, flags: int, node: int, priority: int, at: str
) -> Path[tuple[bool, str, tuple[Stage, ...]]]:
    """(found, result, stages)."""
    if not order:
        return False, "skipped", ()
    if not gfp_compaction_allowed(m, gfp):
        return False, "skipped", (Stage(at, "compact", "no-io"),)
    result, why, number = peek_compact(m, gfp, order, priority, flags, node)
    failure = ""
    if m.lru and why in ("moved", "spent") and number:
        answer = yield Question(
            "compact",
            f"try_to_compact_pages(order={order})",
            lambda: peek_compact(m, gfp, order, priority, flags, node),
            failure_of(priority),
            order,
            more=(("gfp", gfp), ("priority", PRIORITIES[priority])),
        )
        now = peek_compact(m, gfp, order, priority, flags, node)  # another CPU may have run
        if answer != now[0] and answer == failure_of(priority):
            failure = answer
    if m.acts:
        result, why, number = try_to_compact_pages(m, gfp, order, priority, flags, node, failure)
    numbers = (number,) if why not in ("", "free", "no-io") else ()
    path: tuple[Stage, ...] = (Stage(at, f"compact {PRIORITIES[priority]}", result, numbers, why=why),)
    if result == "skipped":
        return False, result, path
    found, stage = freelist(m, gfp, order, flags, node, at)
    if m.acts:
        count_vm_event(m, COMPACTSTALL)
        count_vm_event(m, COMPACTSUCCESS if found else COMPACTFAIL)
        if found:
            compaction_defer_reset(m, found.zone, order, True)
    return found is not None, result, (*path, stage)
