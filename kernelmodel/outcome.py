# SPDX-License-Identifier: GPL-2.0-only
"""How a run ended, in a few values: what each access mapped and returned, what was counted, where it stopped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kernelmodel.check import mapped_orders
from kernelmodel.defs import VM_FAULT_BITS, VM_FAULT_ERROR, result_name
from kernelmodel.machine import ALIVE
from kernelmodel.mm.vmstat import counters
from kernelmodel.observed import has_statistic
from kernelmodel.session import Session
from kernelmodel.trace import maps

ERRORS = frozenset(name for name, bit in VM_FAULT_BITS.items() if bit & VM_FAULT_ERROR)
"""What ends an access without a page."""


class Outcome(NamedTuple):
    """The end of a run."""

    variant: str
    """With its mutants."""
    events: tuple[int, ...]
    """Accesses that have ended, in the order of the file: who is first of two CPUs is no matter here."""
    results: tuple[str, ...]
    """Of each access."""
    orders: tuple[int, ...]
    """What each access mapped; -1: nothing."""
    there: tuple[str, ...]
    """What stands at the address of each access at the end: ``folio order 4 at 0x…``, ``none``."""
    counters: dict[str, int]
    end: str
    """``end``, ``bug`` or ``blocked``."""
    why: str
    """The last stop in words."""
    step: int
    """The last one."""
    token: str


def finish(session: Session) -> Session:
    """Run to the end."""
    while not session.finished:
        session.advance()
    return session


def outcome_of(session: Session) -> Outcome:
    """Of a session that stands at the end of its run."""
    stop = session.stop
    accesses = sorted(zip(session.accesses, mapped_orders(session), strict=True), key=lambda each: each[0].event)
    return Outcome(
        session.kernel, tuple(end.event for end, _ in accesses), tuple(result_name(end.ret) for end, _ in accesses),
        tuple(order for _, order in accesses), tuple(_there(session, end.event) for end, _ in accesses),
        counters(session.m), stop.kind, stop.text, stop.step, session.token(),
    )  # fmt: skip


def _there(session: Session, number: int) -> str:
    event = session.scenario.events[number]
    mm = session.cpus.process(event)
    if session.m.mm_users.get(mm) != ALIVE:
        return "gone"
    now = maps(session, event.address, mm)
    return f"{now['mapped']} order {now['order']} at {now['start']}" if "order" in now else str(now["mapped"])


def in_short(outcome: Outcome) -> str:
    """The orders mapped, and what went wrong: ``4,3,0``, ``4,OOM``, ``0*16``, ``bug``; ``-``: nothing mapped."""
    words = []
    for result, order in zip(outcome.results, outcome.orders, strict=True):
        error = next((name for name in result.split("|") if name in ERRORS), "")
        words.append(error.removeprefix("VM_FAULT_") or (str(order) if order >= 0 else "-"))
    if outcome.end != "end":
        words.append(outcome.end)
    return repeated(words) or "-"


def repeated(words: Iterable[str]) -> str:
    """With commas; what stands there again and again once, with how often, where that is shorter: ``4,0*16``."""
    found: list[tuple[str, int]] = []
    for word in words:
        if found and found[-1][0] == word:
            found[-1] = word, found[-1][1] + 1
        else:
            found.append((word, 1))
    return ",".join(min(",".join([word] * n), f"{word}*{n}", key=len) for word, n in found)


def unlike(a: Session, mine: Outcome, b: Session, other: Outcome) -> list[str]:
    """In what two ends differ: fields of ``Outcome``, and statistics that both releases have."""
    fields = ("events", "results", "orders", "there", "end")
    found = [name for name in fields if getattr(mine, name) != getattr(other, name)]
    counted = {name for name, _ in mine.counters.items() ^ other.counters.items()}
    return found + sorted(name for name in counted if has_statistic(a, name) and has_statistic(b, name))


def said(outcome: Outcome, name: str) -> str:
    """One thing in which ends differ, in words."""
    value = getattr(outcome, name) if name in Outcome._fields else outcome.counters.get(name, 0)
    return f"{name}: {repeated(map(str, value))}" if isinstance(value, tuple) else f"{name}: {value}"
