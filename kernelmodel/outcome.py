# SPDX-License-Identifier: GPL-2.0-only
"""How a run ended, in a few values: what each access mapped and returned, what was counted, where it stopped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kernelmodel.check import mapped_orders
from kernelmodel.defs import result_name
from kernelmodel.mm.vmstat import counters
from kernelmodel.observed import has_statistic
from kernelmodel.session import Session
from kernelmodel.trace import maps


class Outcome(NamedTuple):
    """The end of a run."""

    variant: str
    results: tuple[str, ...]
    """Of each access, in the order in which they ended."""
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
    return Outcome(
        session.variant, tuple(result_name(end.ret) for end in session.accesses), mapped_orders(session), _there(session),
        counters(session.m), stop.kind, stop.text, stop.step, session.token(),
    )  # fmt: skip


def _there(session: Session) -> tuple[str, ...]:
    """By event; of a process that is gone nothing."""
    found = []
    for end in session.accesses:
        event = session.scenario.events[end.event]
        mm = session.cpus.process(event)
        if session.m.mm_users.get(mm) != 1:
            found.append("gone")
            continue
        now = maps(session, event.address, mm)
        found.append(f"{now['mapped']} order {now['order']} at {now['start']}" if "order" in now else now["mapped"])
    return tuple(found)


def in_short(outcome: Outcome) -> str:
    """The orders mapped, and what went wrong: ``4,3,0``, ``4,OOM``, ``0*16``, ``bug``; ``-`` for an access that maps nothing."""
    words = [
        result.removeprefix("VM_FAULT_") if result != "0" else str(order) if order >= 0 else "-"
        for result, order in zip(outcome.results, outcome.orders, strict=True)
    ]
    if outcome.end != "end":
        words.append(outcome.end)
    return repeated(words) or "-"


def repeated(words: Iterable[str]) -> str:
    """With commas; what stands there again and again once, with how often: ``4,0*16``."""
    found: list[tuple[str, int]] = []
    for word in words:
        if found and found[-1][0] == word:
            found[-1] = word, found[-1][1] + 1
        else:
            found.append((word, 1))
    return ",".join(",".join([word] * n) if n < 3 else f"{word}*{n}" for word, n in found)


def unlike(a: Session, mine: Outcome, b: Session, other: Outcome) -> list[str]:
    """In what two ends differ; statistics that both releases have."""
    found = [
        name
        for name, x, y in (
            ("results", mine.results, other.results),
            ("orders", mine.orders, other.orders),
            ("mappings", mine.there, other.there),
            ("end", mine.end, other.end),
        )
        if x != y
    ]
    names = sorted(mine.counters.keys() | other.counters.keys())
    return found + [
        name
        for name in names
        if mine.counters.get(name, 0) != other.counters.get(name, 0)
        and has_statistic(a, name)
        and has_statistic(b, name)
    ]
