# SPDX-License-Identifier: GPL-2.0-only
"""From a session at a stop to the frozen ``Snapshot`` that a front end sees; its cost is bounded by the view."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from kernelmodel.decision import Question
from kernelmodel.defs import VM_FLAG_NAMES, gfp_names
from kernelmodel.look_calls import call_views
from kernelmodel.look_memory import Delta, entry_view, pte_row, walk, zone_views
from kernelmodel.mm.pgtable import pte_index
from kernelmodel.mm.vma import find_vma, vmas
from kernelmodel.mm.vmstat import counters
from kernelmodel.snapshot import (
    Bracket,
    CpuView,
    Event,
    LockView,
    OrderRow,
    Snapshot,
    TimelineMark,
    View,
    VmaView,
)
from kernelmodel.structs import Mm, Vma, VmFault

if TYPE_CHECKING:
    from kernelmodel.session import Session

BAD = frozenset({"outside", "populated", "NULL", "-ENOMEM", "changed", "unstable", "missing", "armed", "retry"})
"""Outcomes that are a rejection."""
MAX_BACK = 400
"""Stops looked back over for what a pass decided."""
MAX_VMAS = 64
MAX_CHANGES = 200


def build(session: Session, view: View) -> Snapshot:
    """One stop, frozen."""
    m, step, log = session.m, session.step, session.log
    shape = log.at(step)
    stop = session.stop
    calls = call_views(session)
    event = session.event(step) if shape.kind else None
    address = fault_address(session)
    shown = view.pte_at if view.pte_at >= 0 else address
    since = view.since if view.since >= 0 else step - 1
    delta = Delta(m, log.mark[since] if 0 <= since < step else (0 if step == 0 else log.mark[step]), log.mark[step])
    passed = pass_events(session)
    orders = order_rows(session, passed, address)
    frame = view.frame if 0 <= view.frame < len(calls) else innermost(calls)
    gfp = gfp_of(session, passed)
    decision = session.decision
    question = decision if isinstance(decision, Question) else None
    first, row = window(session, shown, orders, view.ptes)
    scenario = session.scenario
    current = session.current_event() if stop.kind != "end" else None
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
        event=event,
        outcomes=question.outcomes if question else (),
        forcible=question.forcible() if question and question.forcible else (),
        access=access_text(session, current) if current is not None else "",
        address=address,
        calls=calls,
        frame=frame,
        orders=orders,
        gfp=gfp,
        gfp_names=gfp_names(gfp) if gfp >= 0 else (),
        walk=walk(m, 0, shown, delta) if shown >= 0 else (),
        ptes=pte_row(m, 0, shown, first, row, delta) if shown >= 0 else (),
        fault_index=pte_index(m, address) if address >= 0 and same_table(session, shown, address) else -1,
        brackets=brackets(session, orders) if same_table(session, shown, address) else (),
        entry=entry_view(m, 0, shown, delta) if shown >= 0 else None,
        vmas=vma_views(session, address),
        zones=zone_views(m, delta),
        changes=tuple(row for _, row in zip(range(MAX_CHANGES), delta.rows(step), strict=False)),
        events=event_window(session, view.events),
        timeline=timeline(session, view.timeline),
        fallbacks=near_fallbacks(session),
        cpus=cpu_views(session),
        locks=lock_views(session),
        counters=tuple(sorted(counters(m).items())),
        memcg=(m.memcg_usage.get(0), m.knobs["memcg_limit"]),
    )


def fault_address(session: Session) -> int:
    """Page-aligned address of the access in progress, -1 if there is none."""
    event = session.current_event()
    return event.address & session.m.arch.page_mask if event is not None else -1


def access_text(session: Session, event: Any) -> str:
    """``write heap+0x3000``, with the CPU where there are several."""
    text = f"{'write' if event.write else 'read'} {event.text}"
    return f"cpu{event.cpu} {text}" if session.m.nr_cpus > 1 else text


def innermost(calls: tuple[Any, ...]) -> int:
    """Index of the innermost call that is not a mechanism."""
    return max((n for n, call in enumerate(calls) if not call.mechanism), default=0)


def gfp_of(session: Session, passed: list[Event]) -> int:
    """The mask of the last request of this pass, or the one that the path has computed; -1 before that."""
    for event in reversed(passed):
        if event.kind == "alloc":
            gfp = dict(event.more).get("gfp")
            return gfp if isinstance(gfp, int) else -1
    vmf: VmFault | None = find_local(session, VmFault)
    return vmf.gfp if vmf is not None else -1


def find_local(session: Session, kind: type[Any]) -> Any:
    """Innermost local of a type."""
    for call in reversed(session.calls()):
        for value in call.locals.values():
            if isinstance(value, kind):
                return value
    return None


# -- orders[] ------------------------------------------------------------------------------------------
def pass_events(session: Session) -> list[Event]:
    """The decisions of the present pass through the fault path, up to now, from ``policy`` on; empty before it."""
    log, step = session.log, session.step
    fault, cpu = log.fault[step], log.at(step).cpu
    found = []
    for at in range(step, max(-1, step - MAX_BACK), -1):
        shape = log.at(at)
        if shape.cpu != cpu:
            continue
        if log.fault[at] != fault:
            break
        found.append(log.event(at))
        if shape.kind == "policy":
            return found[::-1]
    return []


def order_rows(session: Session, passed: list[Event], address: int) -> tuple[OrderRow, ...]:
    """orders[] with what each loop said of each element; empty until policy has spoken."""
    if not passed:
        return ()
    offered = [int(each) for each in passed[0].outcome.split(",")] if passed[0].outcome != "none" else []
    verdicts: list[dict[str, str]] = [{} for _ in range(len(offered) + 1)]
    cursor = 0
    touched = set(range(len(verdicts))) if len(passed) == 1 else set()
    for event in passed[1:]:
        last = event is passed[-1]
        answered = not (last and session.log.at(event.step).asked)
        if event.kind == "fallback":
            cursor = len(offered)
        elif event.i >= 0:
            cursor = event.i
        at = offered.index(event.order) if event.order in offered else -1
        key = {"vma-bounds": "bounds", "pte-range": "range", "alloc": "alloc", "charge": "charge"}.get(event.kind)
        if key and at >= 0 and answered:
            good = event.outcome in ("fits", "none", "folio", "0")
            verdicts[at][key] = "ok" if good else event.reason or event.outcome
            if not good:
                verdicts[at]["why"] = event.why
        if last and (key or event.kind in ("step-down", "fallback")):
            touched = {cursor}
        if event.kind == "alloc" and at >= 0:
            cursor = at
    size = session.m.arch.page_size
    return tuple(
        OrderRow(
            order=order,
            bytes=size << order if order else 0,
            start=address & -(size << order) if order else -1,
            bounds=verdicts[n].get("bounds", ""),
            range=verdicts[n].get("range", ""),
            alloc=verdicts[n].get("alloc", ""),
            charge=verdicts[n].get("charge", ""),
            why=verdicts[n].get("why", ""),
            cursor=n == cursor,
            changed=n in touched,
        )
        for n, order in enumerate([*offered, 0])
    )


def brackets(session: Session, orders: tuple[OrderRow, ...]) -> tuple[Bracket, ...]:
    """The candidate ranges over the row of PTEs; an index below 0 lies in the table before."""
    m = session.m
    found = []
    for row in orders:
        if row.order:
            first = pte_index(m, row.start)
            bad = next((v for v in (row.bounds, row.range, row.alloc, row.charge) if v not in ("", "ok")), "")
            verdict = bad or ("ok" if row.alloc == "ok" or row.range == "ok" or row.bounds == "ok" else "")
            found.append(Bracket(row.order, first, first + (1 << row.order) - 1, verdict, row.why))
    return tuple(found)


def same_table(session: Session, shown: int, address: int) -> bool:
    """Are both addresses below the same PMD entry?"""
    return shown >= 0 and address >= 0 and shown // session.m.arch.pmd_size == address // session.m.arch.pmd_size


def window(session: Session, shown: int, orders: tuple[OrderRow, ...], count: int) -> tuple[int, int]:
    """(first index, number) of the PTEs that are shown: all of the largest range if it can be had, and the cursor."""
    if shown < 0:
        return 0, 0
    m = session.m
    count = max(1, min(count, m.arch.ptrs))
    index = pte_index(m, shown)
    wanted = max((row.order for row in orders), default=4)
    first = index & -(1 << wanted) if 1 << wanted <= count else index // count * count
    first = max(0, min(first, index))
    return min(first, m.arch.ptrs - count), count


# -- lists ---------------------------------------------------------------------------------------------
def vma_views(session: Session, address: int) -> tuple[VmaView, ...]:
    """The address space, the VMAs nearest to the fault."""
    mm = Mm(session.m, 0)
    everything = vmas(mm)
    here = find_vma(mm, address) if address >= 0 else None
    at = everything.index(here) if here is not None else 0
    first = max(0, min(at - MAX_VMAS // 2, len(everything) - MAX_VMAS))
    return tuple(vma_view(vma, vma == here) for vma in everything[first : first + MAX_VMAS])


def vma_view(vma: Vma, current: bool) -> VmaView:
    """One VMA."""
    flags = vma.vm_flags
    names = tuple(
        name for bit, name in VM_FLAG_NAMES.items() if flags & bit and not name.startswith(("VM_MAY", "VM_UFFD"))
    )
    uffd = tuple(word for word, name in (("missing", 0x200), ("wp", 0x1000)) if flags & name)
    return VmaView(vma.name, vma.vm_start, vma.vm_end, names, uffd, bool(vma.anon_vma), current)


def event_window(session: Session, count: int) -> tuple[Event, ...]:
    """Decisions around the present one, a few of those to come if they are known."""
    ahead = min(max(count // 4, 1), session.last - session.step)
    stop = session.step + ahead + 1
    first = max(0, stop - count)
    return tuple(session.event(at) for at in range(first, stop) if session.log.at(at).kind)


def timeline(session: Session, count: int) -> tuple[TimelineMark, ...]:
    """A window of steps around the present one."""
    log = session.log
    first = max(0, min(session.step - count // 2, session.last + 1 - count))
    marks = []
    for at in range(first, min(session.last + 1, first + count)):
        shape = log.at(at)
        bad = shape.outcome.split(" ")[0] in BAD
        marks.append(TimelineMark(at, shape.cpu, shape.kind, bad, shape.forced))
    return tuple(marks)


def near_fallbacks(session: Session) -> tuple[int, ...]:
    """The 200 nearest."""
    at = bisect_left(session.fallbacks, session.step)
    return tuple(session.fallbacks[max(0, at - 100) : at + 100])


def cpu_views(session: Session) -> tuple[CpuView, ...]:
    """What each CPU is doing."""
    return tuple(CpuView(*row) for row in session.cpu_rows())


def lock_views(session: Session) -> tuple[LockView, ...]:
    """Page-table locks that are held."""
    m = session.m
    return tuple(LockView(f"ptl of table {table}", owner - 1, ()) for table, owner in m.ptl.items())


# -- names ---------------------------------------------------------------------------------------------
def lookup(session: Session, name: str) -> Any:
    """An operand, a local (innermost first), or the structs of the present fault; None if nothing has that name."""
    event = session.event(session.step)
    if name in ("order", "i", "addr", "cpu", "fault", "step", "line"):
        value = getattr(event, name)
        if value != -1:
            return value
    for call in reversed(session.calls()):
        if name in call.locals and not callable(call.locals[name]):
            return call.locals[name]
    vmf = find_local(session, VmFault)
    if name == "vmf":
        return vmf
    if name == "vma":
        return vmf.vma if vmf is not None else None
    if name == "mm":
        return Mm(session.m, 0)
    return None
