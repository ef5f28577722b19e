# SPDX-License-Identifier: GPL-2.0-only
"""What was asked for at a stop where an allocation or a charge failed, and what the machine says to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.defs import GFP_TRANSHUGE
from kernelmodel.mm import mempolicy
from kernelmodel.mm.freelist import Found, Refused, Try
from kernelmodel.mm.huge_zero import gfp_of
from kernelmodel.mm.page_alloc import look
from kernelmodel.mm.slowpath import told_path
from kernelmodel.mm.stages import Stage, parse

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


class Request(NamedTuple):
    """What was asked for at a stop."""

    kind: str
    """One of ``FAILED``."""
    order: int
    gfp: int
    node: int
    forced: bool
    """Did somebody answer against nature?"""


def request_at(session: Session, step: int) -> Request | None:
    """The request that failed at a step; None if nothing failed there."""
    shape = session.log.at(step)
    if FAILED.get(shape.kind) != shape.outcome:
        return None
    more, m = dict(shape.more), session.m
    node = m.node_of(shape.cpu)
    return Request(shape.kind, shape.order, int(more.get("gfp", GFP_TRANSHUGE)), node, shape.forced)


def failures(session: Session) -> list[int]:
    """Every step of the known run at which an allocation or a charge failed, or is about to: a stop that nobody has
    answered yet says what nature would."""
    return [step for step in range(session.last + 1) if request_at(session, step) is not None]


def masks(m: Machine, request: Request) -> tuple[int, ...]:
    """The masks of the passes that vma_alloc_folio() makes: this node alone, then, if it may reclaim, all nodes.

    The first pass is made for every large folio up to 6.6, and for PMD_ORDER from 6.7 on; see mm/mempolicy.py.
    """
    gfp, order = request.gfp, request.order
    if request.kind != "alloc":
        return (gfp_of(m) if request.kind == "huge-zero" else gfp,)
    return mempolicy.masks(gfp, order > 0 and (m.release < (6, 7) or order == m.arch.pmd_order))


def outcome_at(m: Machine, request: Request) -> Found | Refused:
    """What the freelists give to a request in the machine's present state: the last pass, unless one before finds."""
    found: Found | Refused = Refused("no-zone", 0)
    for gfp in masks(m, request):
        found = look(m, gfp, request.order, request.node)
        if isinstance(found, Found):
            return found
    return found


def last_pass(m: Machine, request: Request, refused: Refused) -> list[Try]:
    """The zones of the last pass over the freelists, those of the request's node first."""
    last = [each for each in refused.tries if each.flags == refused.tries[-1].flags]
    return sorted(last, key=lambda each: m.zones[each.test.zone].node != request.node)


def path_at(m: Machine, request: Request, event: Event) -> tuple[Stage, ...]:
    """The way through the slow path: as it was recorded, or as it is where nothing could be reclaimed or moved."""
    recorded = dict(event.more).get("path")
    if isinstance(recorded, str):
        return parse(recorded)
    told = [told_path(m, gfp, request.order, request.node) for gfp in masks(m, request)]
    return told[-1]
