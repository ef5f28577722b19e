# SPDX-License-Identifier: GPL-2.0-only
"""Which single change would have let an allocation or a charge succeed?

A change of a knob is tried out: the scenario with that one key set is run again from boot, with nature's answers and
the scenario's own, and the change helps if the same access then maps a folio of that order.  What is about the
allocator alone (one more free block, other marks, lists drained, a compaction) is worked out on the machine as it
stood at the failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.boot import BootError
from kernelmodel.defs import (
    __GFP_FS,
    __GFP_IO,
    MIGRATE_MOVABLE,
    MIGRATE_NAMES,
    MIGRATE_UNMOVABLE,
)
from kernelmodel.mm.buddy import gfp_migratetype
from kernelmodel.mm.compact_control import COMPACT_PRIO_SYNC_FULL
from kernelmodel.mm.compaction import try_to_compact_pages
from kernelmodel.mm.freelist import Refused, defrag_mode, peek_rmqueue, slow_flags
from kernelmodel.mm.highatomic import unreserve_highatomic_pageblock
from kernelmodel.mm.memcontrol import try_charge
from kernelmodel.mm.pcp import drain_all_pages
from kernelmodel.mm.stages import parse
from kernelmodel.mm.thp_knobs import DEFRAG
from kernelmodel.mm.watermark import Test
from kernelmodel.mm.zonelist import zonelist
from kernelmodel.scenario.edit import EditError, edit_all
from kernelmodel.scenario.faults import ScenarioError
from kernelmodel.session import Session
from kernelmodel.shadow import shadow
from kernelmodel.why.request import CHARGES, Request, last_pass, outcome_at, request_at
from kernelmodel.words import compaction

if TYPE_CHECKING:
    from kernelmodel.machine import Machine

MOST_STOPS = 1 << 20
"""Stops of one run that is tried out; a change that needs more is not known to help."""


class Change(NamedTuple):
    """One change, alone."""

    words: str
    """``thp.defrag = always``, ``one more free block of order 4 (Movable) in node 0 Normal``."""
    helps: bool
    why: str
    """What comes of it, or what is still missing."""
    key: str = ""
    """The key of the scenario that makes it, '' where none does."""
    value: str = ""


Poll = Callable[[int], None]
"""Called with the number of stops now and then; it may raise."""


def what_if(session: Session, step: int, poll: Poll = lambda stops: None) -> tuple[Change, ...]:
    """Every change that was thought of for the failure at a step, those that help first; () if nothing failed there."""
    request = request_at(session, step)
    if request is None:
        return ()
    found = [*of_the_state(session, step, request), *of_the_scenario(session, step, request, poll)]
    return tuple(sorted(found, key=lambda change: not change.helps))


# -- worked out on the machine -------------------------------------------------------------------------
def of_the_state(session: Session, step: int, request: Request) -> list[Change]:
    """What the machine as it stands there says: one more block, lower marks, more free pages; what is kept for others
    given back, a compaction, another node."""
    if request.kind in CHARGES:
        return []
    m = session.m

    def changes() -> list[Change]:
        refused = outcome_at(m, request)
        if not isinstance(refused, Refused):
            return []
        return [*_of_the_zones(m, request, refused), *_done_before(m, request), *_elsewhere(m, request)]

    return session.as_of(step, changes)


def _of_the_zones(m: Machine, request: Request, refused: Refused) -> Iterator[Change]:
    """About the zones that the last pass over the freelists looked at: a block in the first one, the marks of all."""
    last = last_pass(m, request, refused)
    if not last:
        return
    test, order, migratetype = last[0].test, request.order, gfp_migratetype(request.gfp)
    where, need = place(m, test), test.min + test.reserve
    after = test.free + (1 << order) - test.unusable
    words = f"one more free block of order {order} ({MIGRATE_NAMES[migratetype]}) in {where}"
    yield Change(words, after > need, f"free − unusable = {after} against {need}, and the block is there")
    if m.mixed and order <= m.arch.pageblock_order:
        other = MIGRATE_UNMOVABLE if migratetype == MIGRATE_MOVABLE else MIGRATE_MOVABLE
        after = test.free + (1 << m.arch.pageblock_order) - test.unusable
        words = f"one more free pageblock of type {MIGRATE_NAMES[other]} in {where}"
        yield Change(words, after > need, f"free − unusable = {after} against {need}, and it may be taken over whole")
    for each in dict.fromkeys(last):
        if not each.test.enough:
            block = peek_rmqueue(m, each.test.zone, order, migratetype, each.flags) is not None
            if block or each is last[0]:
                yield from _of_the_marks(m, each.test, block)


def _of_the_marks(m: Machine, test: Test, block: bool) -> Iterator[Change]:
    """About a zone that has too few pages; ``block``: could it give one?"""
    where, usable, need = place(m, test), test.free - test.unusable, test.min + test.reserve
    rest = "" if block else f", but no block of order {test.order} or more is to be had"
    missing = need + 1 - usable
    pages = "page" if missing == 1 else "pages"
    yield Change(f"{missing} more free {pages} in {where}, of any order", block, f"above the mark then{rest}")
    low = usable - test.reserve - 1
    if low >= 0:
        yield Change(f"a min watermark of {low} instead of {test.min} pages in {where}", block, f"passes then{rest}")
    for n, words in ((test.boost, "watermark boost"), (test.reserve, "lowmem_reserve")):
        if n:
            helps = usable > need - n and block
            yield Change(f"no {words} ({n} pages) in {where}", helps, f"{usable} against {need - n} then{rest}")


def place(m: Machine, test: Test) -> str:
    """``node 0 Normal``."""
    zone = m.zones[test.zone]
    return f"node {zone.node} {zone.name}"


def _done_before(m: Machine, request: Request) -> Iterator[Change]:
    """What could have been done before: each is done on a shadow of the machine, and then the request looks there."""
    zones, order = zonelist(m, request.node, request.gfp), request.order
    kept = sum(count for place, count in m.pcp_count.items() if place % len(m.zones) in zones)
    if kept:
        new = shadow(m)
        drain_all_pages(new)
        yield _looked(new, request, f"the CPUs' own lists drained ({kept} pages)", "")
    if reserved := sum(m.nr_reserved_highatomic.get(zone) for zone in zones):
        new = shadow(m)
        while unreserve_highatomic_pageblock(new, request.gfp, request.node, True):
            pass
        yield _looked(new, request, f"the highatomic reserve given up ({reserved} pages)", "")
    if m.lru and order:
        new, gfp = shadow(m), request.gfp | __GFP_IO | __GFP_FS
        flags = slow_flags(m, gfp, order)
        result = try_to_compact_pages(new, gfp, order, COMPACT_PRIO_SYNC_FULL, flags, request.node)
        words = "a compaction with all effort (sync-full) that nobody disturbs"
        yield _looked(new, request, words, f"{result.outcome} ({compaction(result.reason, result.arg)})")


def _elsewhere(m: Machine, request: Request) -> Iterator[Change]:
    """The same access on a CPU of another node."""
    for node in range(m.zones[-1].node + 1):
        if node != request.node:
            yield _looked(m, request._replace(node=node), f"the same access on a CPU of node {node}", "")


def _looked(m: Machine, request: Request, words: str, done: str) -> Change:
    """Does the request find something in this machine?"""
    found = outcome_at(m, request)
    if isinstance(found, Refused):
        return Change(words, False, done or "it finds no block all the same")
    there = f"a block of order {found.block} is found in node {m.zones[found.zone].node} {m.zones[found.zone].name}"
    return Change(words, True, f"{done}, and {there}" if done else there)


# -- tried out -----------------------------------------------------------------------------------------
def of_the_scenario(session: Session, step: int, request: Request, poll: Poll) -> Iterator[Change]:
    """Knobs, the hint, the limit: each is run."""
    for words, key, value in candidates(session, step, request):
        yield tried(session, step, request, words, key, value, poll)


def candidates(session: Session, step: int, request: Request) -> Iterator[tuple[str, str, str]]:
    """(words, key, value) of each change of the scenario that could matter to this request."""
    m, scenario = session.m, session.scenario
    if request.order and request.kind in ("alloc", "charge"):
        now = session.as_of(step, lambda: DEFRAG[m.thp_defrag.get(0)])
        for policy in DEFRAG:
            if policy != now:
                yield f"thp.defrag = {policy}", "thp.defrag", policy
        address = session.event(step).addr
        for spec in scenario.vmas:
            if spec.start <= address < spec.start + spec.size and "VM_HUGEPAGE" not in spec.flags:
                flags = [*(flag for flag in spec.flags if flag != "VM_NOHUGEPAGE"), "VM_HUGEPAGE"]
                value = "[" + ", ".join(f'"{flag}"' for flag in flags) + "]"
                yield f"madvise(MADV_HUGEPAGE) on {spec.name}", f"vma.{spec.name}.flags", value
    if request.kind in CHARGES:
        charge = session.as_of(step, lambda: try_charge(m, 1 << request.order, request.gfp))
        limit = m.knobs["memcg_limit"] + charge.over << m.arch.page_shift >> 10
        if charge.over > 0:
            yield f"memory.memcg_limit = {limit}K", "memory.memcg_limit", f"{limit}K"
    event = session.access_of(step)
    if 0 <= event < len(scenario.events) and scenario.events[event].answers:
        yield f"no answers of the scenario in event {event}", f"event[{event}].answers", "[]"
    if session.as_of(step, lambda: any(m.watermark_boost.get(z) for z in range(len(m.zones)))):
        yield "memory.watermark_boost_factor = 0", "memory.watermark_boost_factor", "0"
    if session.as_of(step, lambda: defrag_mode(m)):
        yield "memory.defrag_mode = 0", "memory.defrag_mode", "0"
    if (index := skipped_at(session, step)) >= 0:
        yield f"memory.extfrag_threshold = {index}", "memory.extfrag_threshold", str(index)


def skipped_at(session: Session, step: int) -> int:
    """The largest extfrag_threshold with which no compaction on the way would have been skipped; -1: none was, or none
    would do."""
    path = dict(session.event(step).more).get("path", "")
    index = [stage.numbers[0] for stage in parse(str(path)) if stage.why == "fragindex"]
    return min(index, default=0) - 1


def tried(session: Session, step: int, request: Request, words: str, key: str, value: str, poll: Poll) -> Change:
    """Run the scenario with one key set, up to the end of the same access."""
    event = session.access_of(step)
    try:
        other = Session(edit_all(session.scenario, ((key, value),)), mutants=session.m.mutants)
        if succeeds(other, event, request, poll):
            done = "the access maps" if request.kind in ("alloc", "charge") else "there is a folio of"
            return Change(words, True, f"{done} order {request.order}", key, value)
    except ImpossibleAnswer as error:
        return Change(words, False, f"an answer of the scenario does not fit then: {error}", key, value)
    except (ScenarioError, BootError, EditError) as error:
        return Change(words, False, f"can't be: {error}", key, value)
    return Change(words, False, f"order {request.order} fails all the same", key, value)


def succeeds(other: Session, event: int, request: Request, poll: Poll) -> bool:
    """Does the access of an event map a folio of the order, in a run from boot?  The huge zero page, and what a
    collapse needs, has only to be had."""
    end = (request.kind, "0" if request.kind in CHARGES else "folio")
    while not other.finished and other.last < MOST_STOPS:
        if other.last % 4096 == 0:
            poll(other.last)
        other.advance()
        at = other.last - 1
        shape = other.log.at(at)
        mapped = shape.kind == "install" if request.kind in ("alloc", "charge") else (shape.kind, shape.outcome) == end
        if mapped and shape.order == request.order and other.access_of(at) == event:
            return True
        if any(end.event == event for end in other.accesses):
            break
    return False
