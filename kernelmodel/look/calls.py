# SPDX-License-Identifier: GPL-2.0-only
"""The kernel call stack as it is shown: functions, source, locals in C's spelling, what the last step changed."""

from __future__ import annotations

import linecache
from types import CodeType
from typing import TYPE_CHECKING

from kernelmodel.decision import HIDDEN, Call, is_mechanism
from kernelmodel.machine import Machine
from kernelmodel.snapshot import CallView, Local
from kernelmodel.structs import VmFault
from kernelmodel.value_text import value_text

if TYPE_CHECKING:
    from kernelmodel.session import Session

_source: dict[CodeType, tuple[str, ...]] = {}


def source_of(code: CodeType) -> tuple[str, ...]:
    """The text of a function, from its ``def`` line to its last statement."""
    known = _source.get(code)
    if known is None:
        first = code.co_firstlineno
        last = max((end for _, end, _, _ in code.co_positions() if end), default=first)
        lines = linecache.getlines(code.co_filename)[first - 1 : last]
        while lines and not lines[-1].strip():
            lines.pop()
        known = _source[code] = tuple(line.rstrip("\n").expandtabs(4) for line in lines)
    return known


def call_views(session: Session, cpu: int) -> tuple[CallView, ...]:
    """The calls of one CPU, outermost first; what changed is known of the CPU that stopped only."""
    stopped = cpu == session.log.at(session.step).cpu
    before = session.calls_before() if stopped else []
    now = session.calls(cpu)
    session.hits.to(session.log, session.step)
    m = session.m
    views = []
    for depth, call in enumerate(now):
        old = before[depth] if depth < len(before) and before[depth].code is call.code else None
        lines = source_of(call.code)
        counted = session.hits.of(call.code.co_name)
        views.append(
            CallView(
                call.code.co_name,
                call.line - call.code.co_firstlineno + 1,
                is_mechanism(call.code),
                locals_of(m, call, old),
                lines,
                tuple(counted[n + 1] for n in range(len(lines))),
            )
        )
    return tuple(views)


def locals_of(m: Machine, call: Call, old: Call | None) -> tuple[Local, ...]:
    """The variables of a call, as C would print them."""
    was = dict(rows_of(m, old)) if old is not None else None
    found = []
    for name, text in rows_of(m, call):
        before = was.get(name, "") if was is not None else text
        found.append(Local(name, text, before != text, before if before != text else ""))
    return tuple(found)


def rows_of(m: Machine, call: Call) -> list[tuple[str, str]]:
    """(name, text) of every variable that means something to a kernel developer."""
    rows: list[tuple[str, str]] = []
    if call.texts is not None:
        return list(call.texts)
    for name, value in call.locals.items():
        if name in HIDDEN or callable(value):
            continue
        if isinstance(value, VmFault):
            rows.extend((f"vmf->{member}", value_text(m.arch, member, each)) for member, each in value.shown().items())
        else:
            rows.append((name, value_text(m.arch, name, value)))
    return rows
