# SPDX-License-Identifier: GPL-2.0-only
"""Why an allocation or a charge failed, in words, with the numbers that decided it.

Everything is worked out again on the machine as it stood at that stop, by the functions that decided it: nothing of
this is stored while a run goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.defs import (
    __GFP_DIRECT_RECLAIM,
    __GFP_KSWAPD_RECLAIM,
    __GFP_NORETRY,
    __GFP_THISNODE,
    ALLOC_NAMES,
    ALLOC_WMARK_MASK,
    GFP_TRANSHUGE,
    MIGRATE_NAMES,
    PAGE_ALLOC_COSTLY_ORDER,
    flag_names,
    gfp_names,
)
from kernelmodel.mm.buddy import gfp_migratetype
from kernelmodel.mm.compaction import zone_nr_free
from kernelmodel.mm.extfrag import unusable_free_index
from kernelmodel.mm.freelist import Found, Refused, Try
from kernelmodel.mm.huge_zero import gfp_of
from kernelmodel.mm.memcontrol import try_charge
from kernelmodel.mm.page_alloc import look
from kernelmodel.mm.slowpath import told_path
from kernelmodel.mm.stages import Stage, parse
from kernelmodel.mm.watermark import Test
from kernelmodel.words import compaction

if TYPE_CHECKING:
    from kernelmodel.machine import Machine
    from kernelmodel.session import Session
    from kernelmodel.snapshot import Event

FAILED = {
    "alloc": "NULL",
    "huge-zero": "NULL",
    "collapse-alloc": "NULL",
    "charge": "-ENOMEM",
    "collapse-charge": "-ENOMEM",
}
"""Decisions about memory, and how each fails."""
CHARGES = ("charge", "collapse-charge")
WMARKS = ("min", "low", "high", "promo")
NOT_NATURE = "nature would {}: this answer is the scenario's, or yours"
ENDS = {
    "noretry": "__GFP_NORETRY: one round and no more",
    "noretry-skipped": "__GFP_NORETRY: it ends with a compaction that was skipped",
    "noretry-deferred": "__GFP_NORETRY: it ends with a compaction that was put off",
    "this-node": "nothing is reclaimed and nobody is killed for the sake of one node",
    "retry-mayfail": "__GFP_RETRY_MAYFAIL: no OOM killer",
    "lowmem": "nobody is killed for low memory",
    "oom": "what is left is the OOM killer",
}
"""Why the slow path ends, by the verdict of its last stage."""


class Request(NamedTuple):
    """What was asked for at a stop."""

    kind: str
    """One of ``FAILED``."""
    order: int
    gfp: int
    node: int
    forced: bool
    """Did somebody answer against nature?"""


class Why(NamedTuple):
    """One failure."""

    step: int
    order: int
    head: str
    """``#12 vma_alloc_folio(order=4) = NULL``."""
    because: str
    """One sentence: what decided it."""
    lines: tuple[str, ...]
    """The request, each zone with its numbers, each stage of the slow path."""


def request_at(session: Session, step: int) -> Request | None:
    """The request that failed at a step; None if nothing failed there."""
    shape = session.log.at(step)
    if FAILED.get(shape.kind) != shape.outcome:
        return None
    more, m = dict(shape.more), session.m
    node = m.cpu_nodes[shape.cpu] if shape.cpu < len(m.cpu_nodes) else 0
    return Request(shape.kind, shape.order, int(more.get("gfp", GFP_TRANSHUGE)), node, shape.forced)


def failures(session: Session) -> list[int]:
    """Every step of the known run at which an allocation or a charge failed."""
    return [step for step in range(session.last) if request_at(session, step) is not None]


def masks(m: Machine, request: Request) -> tuple[int, ...]:
    """The masks of the passes that vma_alloc_folio() makes: this node alone, then, if it may reclaim, all nodes.

    The first pass is made for every large folio up to 6.6, and for PMD_ORDER from 6.7 on; see mm/mempolicy.py.
    """
    gfp, order = request.gfp, request.order
    if request.kind != "alloc":
        return (gfp_of(m) if request.kind == "huge-zero" else gfp,)
    if not order or (m.release >= (6, 7) and order != m.arch.pmd_order):
        return (gfp,)
    first = gfp | __GFP_THISNODE | __GFP_NORETRY
    return (first, gfp) if gfp & __GFP_DIRECT_RECLAIM else (first,)


def outcome_at(m: Machine, request: Request) -> Found | Refused:
    """What the freelists give to a request in the machine's present state: the last pass, unless one before finds."""
    found: Found | Refused = Refused("no-zone", 0)
    for gfp in masks(m, request):
        found = look(m, gfp, request.order, request.node)
        if isinstance(found, Found):
            return found
    return found


def path_at(m: Machine, request: Request, event: Event) -> tuple[Stage, ...]:
    """The way through the slow path: as it was recorded, or as it is where nothing could be reclaimed or moved."""
    recorded = dict(event.more).get("path")
    if isinstance(recorded, str):
        return parse(recorded)
    told = [told_path(m, gfp, request.order, request.node) for gfp in masks(m, request)]
    return told[-1]


def why(session: Session, step: int) -> Why | None:
    """Why what failed at a step failed; None if nothing did."""
    request = request_at(session, step)
    if request is None:
        return None
    event = session.event(step)
    head = f"#{step} {event.site} = {event.outcome}"
    if request.kind in CHARGES:
        lines = session.as_of(step, lambda: list(charge_lines(session.m, request)))
        return Why(step, request.order, head, lines[0], (gfp_line(request), *lines[1:]))
    return session.as_of(step, lambda: told(session.m, event, head, request))


def told(m: Machine, event: Event, head: str, request: Request) -> Why:
    """In the machine as it stood."""
    found = outcome_at(m, request)
    lines = [gfp_line(request)]
    if isinstance(found, Found):
        reason = NOT_NATURE.format("have given a folio")
        return Why(event.step, request.order, head, reason, tuple(lines))
    path = path_at(m, request, event)
    lines += [try_line(m, each, request) for each in dict.fromkeys(found.tries)]
    lines += [f"slow path: {stage}" for stage in path]
    alone = "no other node was looked at" if m.zones[-1].node and masks(m, request)[-1] & __GFP_THISNODE else ""
    reasons = [because(m, request, found), alone, effort(request, path)]
    return Why(event.step, request.order, head, "; ".join(filter(None, reasons)), tuple(lines))


# -- one line each -------------------------------------------------------------------------------------
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
    return f"{where}: {test_text(test)}: {reason_text(m, each, request)}"


def test_text(test: Test) -> str:
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


# -- the sentence --------------------------------------------------------------------------------------
def because(m: Machine, request: Request, refused: Refused) -> str:
    """The last word of the freelists: about the first zone of the request's node in the last pass."""
    if not refused.tries:
        return "no zone may serve this request"
    last = [each for each in refused.tries if each.flags == refused.tries[-1].flags]
    mine = next((each for each in last if m.zones[each.test.zone].node == request.node), last[0])
    zone = m.zones[mine.test.zone]
    return f"node {zone.node} {zone.name}: {reason_text(m, mine, request)}"


def effort(request: Request, path: tuple[Stage, ...]) -> str:
    """Why the slow path did not help: what its last pass did, and why it went no further."""
    path = path[max((n for n, stage in enumerate(path) if stage.at.startswith("pass")), default=0) :]
    if not request.gfp & __GFP_DIRECT_RECLAIM:
        woken = dict.fromkeys(woken_text(stage) for stage in path if stage.verdict in ("woken", "kcompactd"))
        late = f"; {' and '.join(woken)}, too late for it" if woken else ""
        return f"the mask has no __GFP_DIRECT_RECLAIM, so nothing was reclaimed or compacted for it{late}"
    done = {stage.what: stage for stage in path if stage.what.startswith("compact ") or stage.what == "reclaim"}
    said = [f"{what} {stage.verdict}{compaction_text(stage)}" for what, stage in done.items()]
    end = next((stage.verdict for stage in path if stage.what == "nopage"), "")
    if end == "costly":
        said.append(f"order {request.order} is costly (above {PAGE_ALLOC_COSTLY_ORDER}): no retry, no OOM killer")
    elif end in ENDS:
        said.append(ENDS[end])
    return ", ".join(said)


def woken_text(stage: Stage) -> str:
    """``kswapd0 was woken``, or kcompactd0 instead of it."""
    return f"{stage.what if stage.verdict == 'woken' else stage.what.replace('kswapd', 'kcompactd')} was woken"


def compaction_text(stage: Stage) -> str:
    """Why a compaction ended as it did, in brackets."""
    words = compaction(stage.why, *stage.numbers[:1]) if stage.why else ""
    return f" ({words})" if words else ""


def charge_lines(m: Machine, request: Request) -> Iterator[str]:
    """The sentence, then the numbers."""
    limit, usage, nr = m.knobs["memcg_limit"], m.memcg_usage.get(0), 1 << request.order
    charge = try_charge(m, nr, request.gfp) if limit >= 0 else None
    if charge is None or charge.ok:
        yield NOT_NATURE.format("have charged it")
        return
    stocks = sum(n for _, n in m.memcg_stock.items())
    words = [f"usage {usage} + {nr} pages are {usage + nr - limit} above memory.max ({limit})"]
    costly = request.order > PAGE_ALLOC_COSTLY_ORDER
    if not request.gfp & __GFP_DIRECT_RECLAIM:
        words.append("the mask may not reclaim, so it fails at once")
        if stocks:
            words.append(f"{stocks} of the usage are the CPUs' stocks, drained only for a request that may reclaim")
    else:
        back = f" and the CPUs' stocks give {stocks} back" if stocks and charge.drained else ""
        words.append(f"reclaim frees {charge.reclaimed}{back}, which leaves {charge.over} too many")
        if request.gfp & __GFP_NORETRY:
            words.append("__GFP_NORETRY: two rounds and no more")
        elif costly:
            words.append(f"order {request.order} is costly (above {PAGE_ALLOC_COSTLY_ORDER}): no OOM killer")
        else:
            words.append(f"the OOM killer frees {charge.killed}" if charge.killed else "the OOM killer finds nobody")
    yield "; ".join(words)
    yield f"memcg usage {usage}, of which stocks {stocks}, limit {limit}, request {nr} pages"
