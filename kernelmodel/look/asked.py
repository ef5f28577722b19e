# SPDX-License-Identifier: GPL-2.0-only
"""The request to the page allocator that a stop is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelmodel.defs import GFP_HIGHUSER_MOVABLE
from kernelmodel.look.names import find_local
from kernelmodel.look.orders import MAX_BACK
from kernelmodel.mm.zonelist import zonelist
from kernelmodel.snapshot import Event, OrderRow, View
from kernelmodel.structs import Folio

if TYPE_CHECKING:
    from kernelmodel.mm.stages import Stage
    from kernelmodel.session import Session

REQUESTS = frozenset({"alloc", "compact", "reclaim"})
"""Decisions about a request."""


class Asked:
    """The request at hand: the one that the present decision is about, or the one that this fault makes next."""

    def __init__(self, session: Session, orders: tuple[OrderRow, ...], gfp: int, view: View) -> None:
        m, event = session.m, session.event(session.step)
        chosen = view.cpu if 0 <= view.cpu < m.nr_cpus else -1
        self.cpu = event.cpu if chosen < 0 else chosen
        self.node = m.node_of(self.cpu)
        self.gfp = gfp if gfp >= 0 else GFP_HIGHUSER_MOVABLE
        tried = next((row.order for row in orders if row.cursor), 0)
        last = last_request(session, self.cpu)
        more = dict(last.more) if last is not None else {}
        if last is not None and (last.step == event.step or not orders):
            self.gfp, tried = int(more["gfp"]), last.order  # type: ignore[call-overload]
        self.order = min(view.order, m.arch.max_order) if view.order >= 0 else tried
        self.path: tuple[Stage, ...] = ()
        """What the slow path has gone through, before the last answer for this order or up to now."""
        if last is not None and last.order == self.order:
            self.path = _recorded(more.get("path")) or _path_so_far(session, chosen)
        list_of = zonelist(m, self.node, self.gfp)
        self.zones = (*list_of, *(n for n in range(len(m.zones)) if n not in list_of))
        """Every zone, those in which it looks first."""
        folio: Folio | None = find_local(session, Folio, chosen)
        self.folio = folio.id if folio is not None else -1
        """First pfn of the folio that the CPU has in hand, -1 if it has none."""
        there = m.zone_of(self.folio) if folio is not None else -1
        self.shown = view.zone % len(self.zones) if view.zone >= 0 else self.zones.index(there) if there >= 0 else 0
        """Place of the zone in view among them."""


def last_request(session: Session, cpu: int) -> Event | None:
    """The last decision about an allocation in a CPU's present fault, up to now."""
    log, fault = session.log, -1
    for at in range(session.step, max(-1, session.step - MAX_BACK), -1):
        if log.at(at).cpu == cpu:
            if fault not in (-1, log.fault[at]):
                break
            fault = log.fault[at]
            if log.at(at).kind in REQUESTS and "gfp" in dict((event := log.event(at)).more):
                return event
    return None


def _recorded(path: object) -> tuple[Stage, ...]:
    """The stages that a decision tells of."""
    if not path:
        return ()
    from kernelmodel.mm.stages import parse

    return parse(str(path))


def _path_so_far(session: Session, cpu: int) -> tuple[Stage, ...]:
    """The stages that a path which is suspended in the slow path has behind it."""
    if not session.m.acts:
        return ()
    from kernelmodel.mm.stages import Stage

    for call in reversed(session.calls(cpu)):
        path = call.locals.get("path")
        if isinstance(path, tuple) and path and isinstance(path[0], Stage):
            return path
    return ()
