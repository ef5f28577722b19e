# SPDX-License-Identifier: GPL-2.0-only
"""Variables of the modelled functions: which call a name belongs to at a stop, and which names there are at all."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from types import CodeType
from typing import TYPE_CHECKING, Any, NamedTuple

from kernelmodel.decision import HIDDEN, Call, is_mechanism, is_unset

if TYPE_CHECKING:
    from kernelmodel.session import Session

Owner = tuple[int, int, str]
"""Access (its number), depth in the call stack, function."""


class Variable(NamedTuple):
    """A variable of a call.  ``set``: whether anything was stored to it yet."""

    value: Any
    owner: Owner
    set: bool = True


class Owned(NamedTuple):
    """Which variable a name means: the call that has it, and the struct that it holds ('': it holds none)."""

    owner: Owner
    struct: str


def same_owners(old: dict[str, Owned], new: dict[str, Owned]) -> bool:
    """Whether the names that were asked for at both of two stops belong to the same calls, or hold the same structs."""
    both = ((old[name], owned) for name, owned in new.items() if name in old)
    return all(was.owner == now.owner or (was.struct == now.struct != "") for was, now in both)


def variable(session: Session, name: str, frame: int = -1, cpu: int = -1) -> Variable | None:
    """The variable of that name in a call, else in the nearest of its callers; None if none has one.

    ``cpu``: whose calls, -1 for the CPU that stopped.  ``frame``: index into them, outermost first; -1 (or beyond
    them): the innermost reviewed one.
    """
    calls = session.calls(cpu)
    start = frame if 0 <= frame < len(calls) else innermost(calls)
    return _first(session, calls, range(start, -1, -1), name, cpu)


def deeper_variable(session: Session, name: str) -> Variable | None:
    """The same for the mechanisms below the innermost reviewed call, from there inwards."""
    calls = session.calls()
    return _first(session, calls, range(innermost(calls) + 1, len(calls)), name, -1)


def innermost(calls: list[Call]) -> int:
    """Index of the innermost reviewed call; 0 if all are mechanisms, -1 if there is no call."""
    reviewed = [n for n, call in enumerate(calls) if not is_mechanism(call.code)]
    return reviewed[-1] if reviewed else min(len(calls), 1) - 1


def _first(session: Session, calls: list[Call], order: Iterable[int], name: str, cpu: int) -> Variable | None:
    for depth in order:
        call = calls[depth]
        value = call.locals.get(name)
        if name not in call.locals or name in HIDDEN or callable(value):
            continue
        return Variable(value, (_access(session, cpu), depth, call.code.co_name), not is_unset(name, value))
    return None


def _access(session: Session, cpu: int) -> int:
    stopped = session.log.at(session.step).cpu
    return session.access_of(session.step) if cpu in (-1, stopped) else session.cpus[cpu].event


@cache
def names_of(code: CodeType) -> frozenset[str]:
    """Variables of a function that a kernel developer would know."""
    return frozenset((*code.co_varnames, *code.co_cellvars, *code.co_freevars)) - HIDDEN


@cache
def variable_names(reviewed: bool = False) -> frozenset[str]:
    """Variables of all modelled functions that can be in a call stack; of the reviewed ones only."""
    from kernelmodel import functions

    found = functions.reviewed() if reviewed else functions.paths()
    return frozenset().union(*(names_of(code) for _, code in found))
