# SPDX-License-Identifier: GPL-2.0-only
"""One line each: the mask, the watermark test of a zone, what was missing there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelmodel.defs import (
    __GFP_DIRECT_RECLAIM,
    __GFP_KSWAPD_RECLAIM,
    ALLOC_NAMES,
    ALLOC_WMARK_MASK,
    MIGRATE_NAMES,
    flag_names,
    gfp_names,
)
from kernelmodel.mm.buddy import gfp_migratetype
from kernelmodel.mm.compaction import zone_nr_free
from kernelmodel.mm.extfrag import unusable_free_index
from kernelmodel.mm.freelist import Found, Try
from kernelmodel.mm.watermark import Test
from kernelmodel.why.request import Request

if TYPE_CHECKING:
    from kernelmodel.machine import Machine

WMARKS = ("min", "low", "high", "promo")


def gfp_line(request: Request) -> str:
    """The mask by name, and what it allows."""
    names = "|".join(gfp_names(request.gfp))
    can = "may reclaim and compact" if request.gfp & __GFP_DIRECT_RECLAIM else "may neither reclaim nor compact"
    wakes = "wakes kswapd" if request.gfp & __GFP_KSWAPD_RECLAIM else "does not wake kswapd"
    return f"gfp {request.gfp:#x} {names}: {can}, {wakes}"


def try_line(m: Machine, each: Try, request: Request) -> str:
    """``node 0 Normal at low: free 915 − unusable 15 = 900, must be above min 900 + reserve 0: ✗ watermark``."""
    test = each.test
    zone = m.zones[test.zone]
    flags = "|".join(flag_names(each.flags & ~ALLOC_WMARK_MASK, ALLOC_NAMES))
    where = f"node {zone.node} {zone.name} at {WMARKS[test.wmark]}" + (f" ({flags})" if flags else "")
    return f"{where}: {watermark_text(test)}: {reason_text(m, each, request)}"


HOW = {
    "pcp": "off the CPU's own list",
    "own": "off the lists of its own type",
    "cma": "of CMA",
    "claim": "with its pageblock claimed for this type",
    "steal": "stolen",
    "highatomic": "out of the highatomic reserve",
}
"""How a block is taken (``Found.how``)."""


def found_line(m: Machine, found: Found) -> str:
    """``node 0 Normal at low: pfn 0x100000, from a block of order 10, off the lists of its own type``."""
    zone = m.zones[found.zone]
    other = f" ({MIGRATE_NAMES[found.fallback.source]})" if found.fallback is not None else ""
    where = f"node {zone.node} {zone.name} at {WMARKS[found.wmark]}"
    return f"{where}: pfn {found.pfn:#x}, from a block of order {found.block}, {HOW[found.how]}{other}"


def watermark_text(test: Test) -> str:
    """The watermark test with its numbers; what is unusable but for the request's own pages, and what a boost adds."""
    sign = ">" if test.enough else "≤"
    usable = test.free - test.unusable
    kept = [f"{name} {n}" for name, n in (("highatomic", test.highatomic), ("CMA", test.cma)) if n]
    mark = [f"boost {test.boost}"] if test.boost else []
    mark += [f"of {test.mark}"] if test.min != test.mark else []
    unusable, least = (f" ({', '.join(words)})" if words else "" for words in (kept, mark))
    return (
        f"free {test.free} − unusable {test.unusable}{unusable} = {usable} {sign} "
        f"{WMARKS[test.wmark]} {test.min}{least} + reserve {test.reserve}"
    )


def reason_text(m: Machine, each: Try, request: Request) -> str:
    """What was missing in one zone."""
    test, order = each.test, request.order
    match each.reason:
        case "no-block":
            return no_block(m, test.zone, order, request)
        case "migratetype":
            return f"there are blocks of order {order} or more, but {wrong_types(m, test.zone, order, request)}"
        case "nofragment":
            types = blocks_by_type(m, test.zone, order)
            return f"only blocks of other types ({types}), and ALLOC_NOFRAGMENT forbids to take less than a pageblock"
        case "reserve":
            kept = (
                ("lowmem_reserve", test.reserve),
                ("the highatomic reserve", test.highatomic),
                ("CMA pageblocks", test.cma),
            )
            words = " and ".join(f"{n} pages of {name}" for name, n in kept if n)
            return f"enough, but {words} are kept for others"
        case "watermark":
            missing = test.min + test.reserve + 1 - (test.free - test.unusable)
            boost = f"; {test.boost} are asked for by a boost" if test.boost else ""
            return f"{missing} page{'' if missing == 1 else 's'} too few{boost}"
    return each.reason


def no_block(m: Machine, zone: int, order: int, request: Request) -> str:
    """No block is large enough: the largest, and how much of the free memory is of no use; or of what types it is."""
    nr_free = zone_nr_free(m, zone)
    largest = max((o for o, n in enumerate(nr_free) if n), default=-1)
    if largest < 0:
        return "nothing is free"
    if largest >= order:
        return f"of the blocks of order {order} or more there is {wrong_types(m, zone, order, request)}"
    index = unusable_free_index(nr_free, order)
    return f"no free block of order {order} or more (largest: {largest}; unusable index {index / 1000:.3f})"


def wrong_types(m: Machine, zone: int, order: int, request: Request) -> str:
    """Which types the blocks are of that are large enough."""
    own = MIGRATE_NAMES[gfp_migratetype(request.gfp)]
    return f"none that a request of type {own} may take ({blocks_by_type(m, zone, order) or 'none at all'})"


def blocks_by_type(m: Machine, zone: int, order: int) -> str:
    """How many blocks of an order or more there are of each type; '' if none."""
    counts = (
        (sum(m.nr_free.get(m.list_number(zone, mt, o)) for o in range(order, m.orders)), name)
        for mt, name in enumerate(MIGRATE_NAMES)
    )
    return ", ".join(f"{n} {name}" for n, name in counts if n)
