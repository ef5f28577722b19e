# SPDX-License-Identifier: GPL-2.0-only
"""What a bare name means at a stop, and the values of watched expressions there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from kernelmodel.look_calls import text_of
from kernelmodel.structs import FreeArea, MemCgroup, Mm, VmFault, VmStat, ZoneStruct

if TYPE_CHECKING:
    from kernelmodel.session import Session

_STRUCTS = {"mm": Mm, "memcg": MemCgroup, "vmstat": VmStat}
"""What stands by itself: the process, its cgroup, the counters; names that no path gives to anything else."""
ERRNO_FLOOR = (1 << 64) - 4096
"""Numbers from here on are errors (``IS_ERR_VALUE``)."""


class Value(NamedTuple):
    """An expression's value at a stop, or why it has none."""

    text: str
    ok: bool


def lookup(session: Session, name: str) -> Any:
    """A bare name's value at the present stop; None if nothing has that name, 0 for a pointer that is NULL.

    In order: an operand of the decision, a struct that stands by itself, a local (innermost call first), and what the
    fault is about (``vmf``, ``vma``).
    """
    event = session.event(session.step)
    if name in ("order", "i", "addr", "cpu", "fault", "step", "line"):
        value = getattr(event, name)
        if value != -1:
            return value
    if name == "zone":
        return ZoneStruct(session.m, preferred_zone(session))
    if name in _STRUCTS:
        return _STRUCTS[name](session.m, 0)
    for call in reversed(session.calls()):
        if name in call.locals and not callable(call.locals[name]):
            value = call.locals[name]
            return 0 if value is None and name != "addr" else value
    if name in ("vmf", "vma"):
        vmf: VmFault | None = find_local(session, VmFault)
        return vmf.vma if vmf is not None and name == "vma" else vmf
    return None


def preferred_zone(session: Session) -> int:
    """The first zone in which the present CPU's allocations look: the highest."""
    return len(session.m.zones) - 1


def find_local(session: Session, kind: type[Any]) -> Any:
    """Innermost local of a type."""
    for call in reversed(session.calls()):
        for value in call.locals.values():
            if isinstance(value, kind):
                return value
    return None


def value_of(session: Session, text: str) -> Value:
    """An expression at the present stop, as C would print it."""
    from kernelmodel.expr import EvalError, ExprError, parse
    from kernelmodel.expr import value_of as evaluated
    from kernelmodel.stop_env import StopEnv

    try:
        value = evaluated(parse(text), StopEnv(session, session.step, variables=True))
    except (ExprError, EvalError) as error:
        return Value(error.message, False)
    return Value(value_text(session, value), True)


def value_text(session: Session, value: Any, short: bool = False) -> str:
    """Numbers as decimal, and hex too from 10 on, structs by what names them; arrays in braces and inside ``short``."""
    if isinstance(value, FreeArea) and short:
        return str(value.nr_free)
    if isinstance(value, (list, tuple)):
        shown = [value_text(session, each, True) for each in value[:16]]
        return "{" + ", ".join(shown + ["..."] * (len(value) > 16)) + "}"
    if isinstance(value, bool) or not isinstance(value, int):
        return text_of(session.m, "", value)
    decimal = value - (1 << 64) if value >= ERRNO_FLOOR else value
    return f"{decimal} ({value:#x})" if value > 9 and not short else str(decimal)
