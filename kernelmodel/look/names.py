# SPDX-License-Identifier: GPL-2.0-only
"""What stands by itself at a stop, and values of expressions as they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kernelmodel.defs import GFP_HIGHUSER_MOVABLE
from kernelmodel.mm.zonelist import zonelist
from kernelmodel.structs import MemCgroup, Mm, VmFault, VmStat, ZoneStruct
from kernelmodel.value_text import ERRNO_FLOOR, has_spelling, value_text

if TYPE_CHECKING:
    from kernelmodel.expr import Expr, Ref
    from kernelmodel.session import Session

_STRUCTS = {"mm": Mm, "memcg": MemCgroup, "vmstat": VmStat}
"""The process, its cgroup, the counters; names that no path gives to anything else."""


class Value(NamedTuple):
    """An expression's value at a stop, or why it has none; ``beside``: what else goes by its name, '' if nothing."""

    text: str
    ok: bool
    beside: str = ""


def lookup(session: Session, name: str, cpu: int = -1) -> Any:
    """What stands by itself: a struct, or what the CPU's fault is about (``vmf``, ``vma``); None if nothing does."""
    if name == "zone":
        return ZoneStruct(session.m, preferred_zone(session))
    if name in _STRUCTS:
        return _STRUCTS[name](session.m, session.process(cpu) if name != "memcg" else 0)
    if name in ("vmf", "vma"):
        vmf: VmFault | None = find_local(session, VmFault, cpu)
        return vmf.vma if vmf is not None and name == "vma" else vmf
    return None


def preferred_zone(session: Session) -> int:
    """The first zone in which the present CPU's movable allocations look."""
    return zonelist(session.m, session.m.this_node(), GFP_HIGHUSER_MOVABLE)[0]


def find_local(session: Session, kind: type[Any], cpu: int = -1) -> Any:
    """Innermost local of a type."""
    for call in reversed(session.calls(cpu)):
        for value in call.locals.values():
            if isinstance(value, kind):
                return value
    return None


def value_of(session: Session, text: str, frame: int = -1, cpu: int = -1) -> Value:
    """An expression at the present stop, as C would print it; whose variables count as for ``Session.variable``."""
    from kernelmodel.expr import EvalError, ExprError, parse
    from kernelmodel.expr import value_of as evaluated
    from kernelmodel.expr.env import StopEnv

    try:
        expr = parse(text)
        env = StopEnv(session, session.step, variables=True, frame=frame, cpu=cpu)
        value = evaluated(expr, env)
    except (ExprError, EvalError) as error:
        return Value(error.message, False)
    return Value(printed(session, expr, value), True, _beside(session, expr, value, env))


def printed(session: Session, expr: Expr, value: int | Ref) -> str:
    """As the locals are written; a number that the name says nothing about as decimal, and hex too from 10 on."""
    arch, name = session.m.arch, expr.name
    if type(value) is not int or has_spelling(arch, name, value):
        return value_text(arch, name, value)
    decimal = value - (1 << 64) if value >= ERRNO_FLOOR else value
    return f"{decimal} ({value:#x})" if value > 9 else str(decimal)


def _beside(session: Session, expr: Expr, value: int | Ref, env: Any) -> str:
    """``the decision's addr: 0x7f0000005000`` where the variable of that name differs."""
    operand = env.operand(expr.root.word) if expr.root.op == "name" and env.owners else None
    if operand is None or operand == value:
        return ""
    return f"the decision's {expr.root.word}: {value_text(session.m.arch, expr.root.word, operand)}"
