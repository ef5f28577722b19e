# SPDX-License-Identifier: GPL-2.0-only
"""Which single change would have let an allocation or a charge succeed?

A change of a knob is tried out: the scenario with that one key set is run again from boot, with nature's answers and
the scenario's own, and the change helps if the same access then maps a folio of that order.  What is about the
allocator alone (one more free block, other marks) is worked out on the machine as it stood at the failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.answers import ImpossibleAnswer
from kernelmodel.boot import BootError
from kernelmodel.defs import ALLOC_WMARK_MASK, WMARK_MIN
from kernelmodel.mm.freelist import Refused
from kernelmodel.mm.thp_knobs import DEFRAG
from kernelmodel.mm.watermark import has_block
from kernelmodel.mm.zonelist import gfp_zone
from kernelmodel.scenario.edit import EditError, edit_all
from kernelmodel.scenario.faults import ScenarioError
from kernelmodel.session import Session
from kernelmodel.why import Request, outcome_at, request_at

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
    """What the machine as it stands there says: one more block, lower marks, more free pages."""
    if request.kind != "alloc":
        return []
    refused = session.as_of(step, lambda: outcome_at(session.m, request))
    if not isinstance(refused, Refused):
        return []
    return session.as_of(step, lambda: list(_of_the_zone(session.m, request, refused)))


def _of_the_zone(m: Machine, request: Request, refused: Refused) -> Iterator[Change]:
    """About the zone that the last pass over the freelists looked at first."""
    mine = [each for each in refused.tries if each.flags & ALLOC_WMARK_MASK == WMARK_MIN] or list(refused.tries)
    if not mine:
        return
    test, flags = mine[0].test, mine[0].flags
    zone = m.zones[test.zone]
    where = f"node {zone.node} {zone.name}"
    order, need = request.order, test.min + test.reserve
    after = test.free + (1 << order) - test.unusable
    helps = after > need
    words = f"one more free block of order {order} (Movable) in {where}"
    yield Change(words, helps, f"free − unusable = {after} against {need}, and the block is there")
    block = has_block(m, test.zone, order, flags)
    if test.enough:
        return
    missing = need + 1 - (test.free - test.unusable)
    rest = "" if block else f", but no block of order {order} or more is free"
    pages = "page" if missing == 1 else "pages"
    yield Change(f"{missing} more free {pages} in {where}, of any order", block, f"above the mark then{rest}")
    low = test.free - test.unusable - test.reserve - 1
    if low >= 0:
        yield Change(f"a min watermark of {low} instead of {test.min} pages in {where}", block, f"passes then{rest}")
    if boost := m.watermark_boost.get(test.zone):
        enough = test.free - test.unusable > need - boost
        yield Change(f"no watermark boost ({boost} pages) in {where}", enough and block, f"the mark is {need - boost}")
    highest = gfp_zone(request.gfp)
    if reserve := zone.reserve[highest]:
        enough = test.free - test.unusable > test.min
        yield Change(f"no lowmem_reserve ({reserve} pages) in {where}", enough and block, f"the mark is {test.min}")


# -- tried out -----------------------------------------------------------------------------------------
def of_the_scenario(session: Session, step: int, request: Request, poll: Poll) -> Iterator[Change]:
    """Knobs, the hint, the limit: each is run."""
    for words, key, value in candidates(session, step, request):
        yield tried(session, step, request, words, key, value, poll)


def candidates(session: Session, step: int, request: Request) -> Iterator[tuple[str, str, str]]:
    """(words, key, value) of each change of the scenario that could matter to this request."""
    m, scenario = session.m, session.scenario
    if request.order:
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
    if request.kind == "charge":
        pages = session.as_of(step, lambda: m.memcg_usage.get(0)) + (1 << request.order)
        limit = pages << m.arch.page_shift >> 10
        yield f"memory.memcg_limit = {limit}K", "memory.memcg_limit", f"{limit}K"
    if session.as_of(step, lambda: any(m.watermark_boost.get(z) for z in range(len(m.zones)))):
        yield "memory.watermark_boost_factor = 0", "memory.watermark_boost_factor", "0"


def tried(session: Session, step: int, request: Request, words: str, key: str, value: str, poll: Poll) -> Change:
    """Run the scenario with one key set, up to the end of the same access."""
    event = session.access_of(step)
    try:
        other = Session(edit_all(session.scenario, ((key, value),)), mutants=session.m.mutants)
    except (ScenarioError, BootError, ImpossibleAnswer, EditError) as error:
        return Change(words, False, f"can't be: {error}", key, value)
    while not other.finished and other.last < MOST_STOPS:
        if other.last % 4096 == 0:
            poll(other.last)
        other.advance()
        at = other.last - 1
        shape = other.log.at(at)
        if shape.kind == "install" and shape.order == request.order and other.access_of(at) == event:
            return Change(words, True, f"the access maps order {request.order}", key, value)
        if any(end.event == event for end in other.accesses):
            break
    return Change(words, False, f"order {request.order} fails all the same", key, value)
