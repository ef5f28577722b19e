# SPDX-License-Identifier: GPL-2.0-only
"""``orders[]`` as it is shown: what each loop said of each order, and the candidate ranges over the row of PTEs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernelmodel.mm.pgtable import pte_index
from kernelmodel.snapshot import Bracket, Event, OrderRow

if TYPE_CHECKING:
    from kernelmodel.session import Session

MAX_BACK = 400
"""Stops looked back over for what a pass decided."""


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
        elif event.kind == "step-down" and (new := dict(event.more).get("to")) in offered:
            cursor = offered.index(new)
        at = offered.index(event.order) if event.order in offered else -1
        key = {"vma-bounds": "bounds", "pte-range": "range", "alloc": "alloc", "charge": "charge"}.get(event.kind)
        if key and at >= 0 and event.i < 0:
            cursor = at
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
