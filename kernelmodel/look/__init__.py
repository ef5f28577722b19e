# SPDX-License-Identifier: GPL-2.0-only
"""From a session at a stop to the frozen ``Snapshot`` that a front end sees; its cost is bounded by the view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernelmodel.cpus import event_text
from kernelmodel.decision import Question
from kernelmodel.defs import gfp_names
from kernelmodel.look.calls import call_views
from kernelmodel.look.lists import cpu_views, event_window, lock_views, near_fallbacks, overview, timeline, vma_views
from kernelmodel.look.memory import entry_view, pte_row, walk
from kernelmodel.look.names import find_local
from kernelmodel.look.orders import MAX_BACK, brackets, order_rows, pass_events, same_table, window
from kernelmodel.look.since import Selected, compare
from kernelmodel.look.zones import allocator
from kernelmodel.mm.pgtable import pte_index
from kernelmodel.mm.vmstat import counters
from kernelmodel.snapshot import Event, Snapshot, View
from kernelmodel.structs import Mm, VmFault

if TYPE_CHECKING:
    from kernelmodel.machine import Machine
    from kernelmodel.session import Session

MAX_CHANGES = 200


def build(session: Session, view: View) -> Snapshot:
    """One stop, frozen."""
    m, step, log = session.m, session.step, session.log
    shape = log.at(step)
    chosen = view.cpu if 0 <= view.cpu < m.nr_cpus else -1
    mm = session.process(chosen)
    address = fault_address(session)
    here = address if address >= 0 else last_address(session, mm)
    shown = view.pte_at if view.pte_at >= 0 else here
    if not m.pgd.get(mm):
        shown = -1
    passed = pass_events(session)
    orders = order_rows(session, passed, address)
    first, row = window(session, shown, orders, view.ptes)
    since = min(view.since, session.last) if view.since >= 0 else step - 1
    # what another stop must be visited for comes first: going there loses the paths
    delta, watches = compare(session, since, Selected(view.watch, view.frame, chosen), mm, shown, first, row)
    cpu = chosen if chosen >= 0 else shape.cpu
    calls = call_views(session, cpu)
    decision = session.decision
    question = decision if isinstance(decision, Question) else None
    stop = session.stop
    gfp = gfp_of(session, passed)
    scenario = session.scenario
    current = session.current_event() if stop.kind != "end" else None
    buckets, bucket = overview(session, view.overview)
    return Snapshot(
        title=scenario.title,
        name=scenario.name,
        variant=session.variant,
        arch=m.arch.name,
        page_size=m.arch.page_size,
        pmd_order=m.arch.pmd_order,
        step=step,
        last=session.last,
        stop=stop.kind,
        stop_text=stop.text,
        cpu=shape.cpu,
        event=session.event(step) if shape.kind else None,
        outcomes=question.outcomes if question else (),
        forcible=question.forcible() if question and question.forcible else (),
        access=access_text(session, current) if current is not None else "",
        address=address,
        calls=calls,
        frame=view.frame if 0 <= view.frame < len(calls) else innermost(calls),
        orders=orders,
        orders_form=m.variant.names.orders,
        gfp=gfp,
        gfp_names=gfp_names(gfp) if gfp >= 0 else (),
        walk=walk(m, mm, shown, delta) if shown >= 0 else (),
        ptes=pte_row(m, mm, shown, first, row, delta) if shown >= 0 else (),
        fault_index=pte_index(m, address) if address >= 0 and same_table(session, shown, address) else -1,
        brackets=brackets(session, orders) if same_table(session, shown, address) else (),
        entry=entry_view(m, mm, shown, delta) if shown >= 0 else None,
        vmas=vma_views(Mm(m, mm), here),
        changes=tuple(delta.rows(step, MAX_CHANGES)),
        events=event_window(session, view.events, view.event_at),
        timeline=timeline(session, view.timeline),
        fallbacks=near_fallbacks(session),
        cpus=cpu_views(session),
        locks=lock_views(session),
        counters=tuple(sorted(counters(m).items())),
        memcg=(m.memcg_usage.get(0), m.knobs["memcg_limit"]),
        view_cpu=cpu,
        since=since,
        watches=watches,
        overview=buckets,
        bucket=bucket,
        edited=scenario.edited,
        process=m.mm_names[mm] if len(m.mm_names) > 1 else "",
        mutants=mutants(m) if m.mutants else (),
        **allocator(session, delta, orders, gfp, view)._asdict(),
    )


def mutants(m: Machine) -> tuple[tuple[str, str], ...]:
    """(name, words) of each mutant that this model is."""
    from kernelmodel.mutants import MUTANTS

    return tuple((name, MUTANTS[name].words) for name in sorted(m.mutants))


def fault_address(session: Session) -> int:
    """Page-aligned address of the fault in progress (a system call may take some, too), -1 if there is none."""
    event = session.current_event()
    if event is None:
        return -1
    if event.is_access:
        return event.address & session.m.arch.page_mask
    vmf: VmFault | None = find_local(session, VmFault)
    return vmf.address if vmf is not None else -1


def last_address(session: Session, mm: int) -> int:
    """Page-aligned address of the nearest decision up to now that has one and is of this process, -1 if none has."""
    log, scenario = session.log, session.scenario
    for at in range(session.step, max(-1, session.step - MAX_BACK), -1):
        address = session.event(at).addr if log.at(at).kind else -1
        if address >= 0 and session.cpus.process(scenario.events[log.access[at]]) == mm:
            return address & session.m.arch.page_mask
    return -1


def access_text(session: Session, event: Any) -> str:
    """``write heap+0x3000``, with the CPU where there are several."""
    text = event_text(event)
    return f"cpu{event.cpu} {text}" if session.m.nr_cpus > 1 else text


def innermost(calls: tuple[Any, ...]) -> int:
    """Index of the innermost call that is not a mechanism."""
    return max((n for n, call in enumerate(calls) if not call.mechanism), default=0)


def gfp_of(session: Session, passed: list[Event]) -> int:
    """The mask of the last request of this pass, or the one that the path has computed; -1 before that.

    A huge page is asked for before any pass begins: at that stop its mask is the one.
    """
    for event in reversed(passed or [session.event(session.step)]):
        if event.kind == "alloc":
            gfp = dict(event.more).get("gfp")
            return gfp if isinstance(gfp, int) else -1
    vmf: VmFault | None = find_local(session, VmFault)
    return vmf.gfp if vmf is not None else -1
