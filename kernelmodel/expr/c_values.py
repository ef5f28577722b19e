# SPDX-License-Identifier: GPL-2.0-only
"""What of the model is a value of C: numbers, structs and their members, arrays."""

from __future__ import annotations

from kernelmodel.expr import EvalError, Ref
from kernelmodel.members import NULL


def checked(value: object, name: str) -> int | Ref:
    """Numbers, structs and arrays pass; None is NULL; anything else is no value of C: ``EvalError`` by its name."""
    if value is None:
        return NULL
    if isinstance(value, (int, list, tuple)):
        return value
    if members(value):
        return value
    raise EvalError(f"{name} is not a number")


def members(ref: object) -> tuple[str, ...]:
    """Members of a struct that an expression may name; empty if it is none."""
    from kernelmodel.structs import Struct, VmFault

    if isinstance(ref, Struct):
        return tuple(type(ref).members)
    if isinstance(ref, VmFault):
        return tuple(name for name in VmFault.__slots__ if name != "m")
    return ()


def cname_of(ref: object) -> str:
    """The type as C says it."""
    return f"struct {getattr(ref, 'cname', 'vm_fault')}"


def close_member(name: str, known: tuple[str, ...]) -> str:
    """``; did you mean …?`` for a misspelt member, '' if none is close."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else ""
