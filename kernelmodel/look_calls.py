# SPDX-License-Identifier: GPL-2.0-only
"""The kernel call stack as it is shown: functions, source, locals in C's spelling, what the last step changed."""

from __future__ import annotations

import linecache
from types import CodeType
from typing import TYPE_CHECKING, Any

from kernelmodel.decision import Call, is_mechanism
from kernelmodel.defs import gfp_names, result_name
from kernelmodel.machine import Machine
from kernelmodel.members import Struct
from kernelmodel.snapshot import CallView, Local
from kernelmodel.structs import Folio, FreeArea, MemCgroup, Mm, Vma, VmFault, VmStat, ZoneStruct

if TYPE_CHECKING:
    from kernelmodel.session import Session

_HIDDEN = frozenset({"m", "arch", "self", "peek", "page_size", "setpte"})
_ADDRESSES = frozenset({"addr", "address", "haddr", "real_address", "entry", "orig_pte", "orig_pmd", "value", "flags"})
_PLACES = frozenset({"pte", "pmd"})
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
    hits = hits_by_function(session, cpu)
    m = session.m
    views = []
    for depth, call in enumerate(now):
        old = before[depth] if depth < len(before) and before[depth].code is call.code else None
        lines = source_of(call.code)
        counted = hits.get(call.code.co_name, {})
        views.append(
            CallView(
                call.code.co_name,
                call.line - call.code.co_firstlineno + 1,
                is_mechanism(call.code),
                locals_of(m, call, old),
                lines,
                tuple(counted.get(n + 1, 0) for n in range(len(lines))),
            )
        )
    return tuple(views)


def hits_by_function(session: Session, cpu: int) -> dict[str, dict[int, int]]:
    """How often a CPU stopped at each line in its present access, up to now (looked for in the 2,000 last stops)."""
    log, step = session.log, session.step
    access = -1
    found: dict[str, dict[int, int]] = {}
    for at in range(step, max(-1, step - 2000), -1):
        shape = log.at(at)
        if shape.cpu != cpu:
            continue
        if access < 0:
            access = log.access[at]
        if log.access[at] != access:
            break
        lines = found.setdefault(shape.function, {})
        lines[shape.line] = lines.get(shape.line, 0) + 1
    return found


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
        if name in _HIDDEN or callable(value):
            continue
        if isinstance(value, VmFault):
            rows.extend((f"vmf->{member}", text_of(m, member, each)) for member, each in value.shown().items())
        else:
            rows.append((name, text_of(m, name, value)))
    return rows


def text_of(m: Machine, name: str, value: Any) -> str:
    """One value."""
    if value is None:
        return "(not set)" if name == "addr" else "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return number_text(m, name, value)
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "{" + ", ".join(text_of(m, "", each) for each in value) + "}"
    return struct_text(value)


def number_text(m: Machine, name: str, value: int) -> str:
    """A number by what its name says it is."""
    if name in _PLACES:
        return f"table {value // m.arch.ptrs} [{value % m.arch.ptrs:#05x}]"
    if name == "ptl":
        return f"table {value}" if value >= 0 else "(not taken)"
    if name in ("gfp", "gfp_mask"):
        return f"{value:#x} {'|'.join(gfp_names(value))}" if value >= 0 else "(not set)"
    if name == "ret" and value >= 0:
        return result_name(value)
    if name == "zero_pfn" or name in _ADDRESSES or abs(value) > 0xFFFF:
        return f"{value:#x}"
    return str(value)


def struct_text(value: Any) -> str:
    """A struct by what identifies it."""
    match value:
        case Vma():
            return f"{value.name} [{value.vm_start:#x}, {value.vm_end:#x})"
        case Folio():
            return f"pfn {value.id:#x}, order {value.order}"
        case Mm():
            return value.m.mm_names[value.id]
        case ZoneStruct():
            return f"zone {value.m.zones[value.id].name}"
        case FreeArea():
            return f"free_area[{value.id % value.m.orders}], nr_free {value.nr_free}"
        case MemCgroup():
            return f"mem_cgroup, usage {value.usage}"
        case VmStat():
            return "vmstat"
        case VmFault():
            return f"vm_fault of {value.real_address:#x}"
    return repr(value) if isinstance(value, Struct) else type(value).__name__
