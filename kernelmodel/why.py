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
    __GFP_RETRY_MAYFAIL,
    __GFP_THISNODE,
    ALLOC_NAMES,
    ALLOC_WMARK_MASK,
    MIGRATE_NAMES,
    PAGE_ALLOC_COSTLY_ORDER,
    flag_names,
    gfp_names,
)
from kernelmodel.mm.buddy import gfp_migratetype
from kernelmodel.mm.extfrag import unusable_free_index
from kernelmodel.mm.freelist import Found, Refused, Try
from kernelmodel.mm.page_alloc import look
from kernelmodel.mm.slowpath import told_path
from kernelmodel.mm.stages import Stage, parse
from kernelmodel.mm.watermark import Test

if TYPE_CHECKING:
    from kernelmodel.machine import Machine
    from kernelmodel.session import Session
    from kernelmodel.snapshot import Event

WMARKS = ("min", "low", "high", "promo")


class Request(NamedTuple):
    """What was asked for at a stop."""

    kind: str
    """``alloc`` or ``charge``."""
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
    if (shape.kind, shape.outcome) not in (("alloc", "NULL"), ("charge", "-ENOMEM")):
        return None
    more = dict(shape.more)
    return Request(shape.kind, shape.order, int(more.get("gfp", 0)), int(more.get("node", 0)), shape.forced)


def failures(session: Session) -> list[int]:
    """Every step of the known run at which an allocation or a charge failed."""
    return [step for step in range(session.last) if request_at(session, step) is not None]


def masks(m: Machine, request: Request) -> tuple[int, ...]:
    """The masks of the passes that vma_alloc_folio() makes: this node alone, then, if it may reclaim, all nodes.

    The first pass is made for every large folio up to 6.6, and for PMD_ORDER from 6.7 on; see mm/mempolicy.py.
    """
    gfp, order = request.gfp, request.order
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
    if request.kind == "charge":
        lines = session.as_of(step, lambda: list(charge_lines(session.m, request)))
        return Why(step, request.order, head, lines[0], (gfp_line(request), *lines[1:]))
    return session.as_of(step, lambda: told(session.m, event, head, request))


def told(m: Machine, event: Event, head: str, request: Request) -> Why:
    """In the machine as it stood."""
    found = outcome_at(m, request)
    lines = [gfp_line(request)]
    if isinstance(found, Found):
        reason = "nature would have given a folio: this answer is the scenario's, or yours"
        return Why(event.step, request.order, head, reason, tuple(lines))
    path = path_at(m, request, event)
    lines += [try_line(m, each, request) for each in dict.fromkeys(found.tries)]
    lines += [f"slow path: {stage}" for stage in path]
    reasons = [because(m, request, found), effort(request, path)]
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
    """The watermark test with its numbers."""
    sign = ">" if test.enough else "≤"
    usable = test.free - test.unusable
    return f"free {test.free} − unusable {test.unusable} = {usable} {sign} {WMARKS[test.wmark]} {test.min} + reserve {test.reserve}"


def reason_text(m: Machine, each: Try, request: Request) -> str:
    """What was missing in one zone."""
    test, order = each.test, request.order
    match each.reason:
        case "no-block":
            return no_block(m, test.zone, order)
        case "migratetype":
            return f"there are blocks of order {order} or more, but {wrong_types(m, test.zone, order, request)}"
        case "nofragment":
            types = wrong_types(m, test.zone, order, request)
            return f"{types}, and ALLOC_NOFRAGMENT forbids to take less than a pageblock"
        case "reserve":
            kept = test.unusable - (1 << order) + 1
            words = [f"{test.reserve} pages of lowmem_reserve"] if test.reserve else []
            words += [f"{kept} pages of the highatomic reserve or CMA"] if kept else []
            return f"enough, but {' and '.join(words)} are kept for others"
        case "watermark":
            return f"{test.min + test.reserve + 1 - (test.free - test.unusable)} pages too few"
    return each.reason


def no_block(m: Machine, zone: int, order: int) -> str:
    """No block is large enough: the largest, and how much of the free memory is of no use."""
    nr_free = free_counts(m, zone)
    largest = max((o for o, n in enumerate(nr_free) if n), default=-1)
    if largest < 0:
        return "nothing is free"
    index = unusable_free_index(nr_free, order)
    return f"no free block of order {order} or more (largest: {largest}; unusable index {index / 1000:.3f})"


def wrong_types(m: Machine, zone: int, order: int, request: Request) -> str:
    """Which types the blocks are of that are large enough."""
    counts = []
    for mt, name in enumerate(MIGRATE_NAMES):
        n = sum(m.nr_free.get(m.list_number(zone, mt, o)) for o in range(order, m.orders))
        if n:
            counts.append(f"{n} {name}")
    own = MIGRATE_NAMES[gfp_migratetype(request.gfp)]
    return f"none that a request of type {own} may take ({', '.join(counts) or 'none at all'})"


def free_counts(m: Machine, zone: int) -> tuple[int, ...]:
    """Free blocks per order, all types, as in /proc/buddyinfo."""
    return tuple(
        sum(m.nr_free.get(m.list_number(zone, mt, order)) for mt in range(len(MIGRATE_NAMES)))
        for order in range(m.orders)
    )


# -- the sentence --------------------------------------------------------------------------------------
def because(m: Machine, request: Request, refused: Refused) -> str:
    """The last word of the freelists: about the zone that comes first in the last pass."""
    if not refused.tries:
        return "no zone may serve this request"
    last = refused.tries[-1].flags
    mine = next(each for each in refused.tries if each.flags == last)
    zone = m.zones[mine.test.zone]
    return f"node {zone.node} {zone.name}: {reason_text(m, mine, request)}"


def effort(request: Request, path: tuple[Stage, ...]) -> str:
    """Why the slow path did not help."""
    if not request.gfp & __GFP_DIRECT_RECLAIM:
        return "the mask has no __GFP_DIRECT_RECLAIM, so nothing was reclaimed or compacted for it"
    verdicts = {stage.what: stage.verdict for stage in path}
    said = [f"{what} {verdict}" for what, verdict in verdicts.items() if what.startswith(("compact", "reclaim"))]
    costly = request.order > PAGE_ALLOC_COSTLY_ORDER and not request.gfp & __GFP_RETRY_MAYFAIL
    if request.gfp & __GFP_NORETRY:
        said.append("__GFP_NORETRY: one round and no more")
    elif costly:
        said.append(f"order {request.order} is costly (above {PAGE_ALLOC_COSTLY_ORDER}): no retry, no OOM killer")
    return ", ".join(said)


def charge_lines(m: Machine, request: Request) -> Iterator[str]:
    """The sentence, then the numbers."""
    limit, usage, nr = m.knobs["memcg_limit"], m.memcg_usage.get(0), 1 << request.order
    over = usage + nr - limit
    if limit < 0 or over <= 0:
        yield "nature would have charged it: this answer is the scenario's, or yours"
        return
    effort = "" if request.gfp & __GFP_DIRECT_RECLAIM else "; the mask may not reclaim, so it fails at once"
    yield f"usage {usage} + {nr} pages are {over} above memory.max ({limit}){effort}"
    yield f"memcg usage {usage}, limit {limit}, request {nr} pages"
