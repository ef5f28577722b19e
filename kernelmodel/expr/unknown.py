# SPDX-License-Identifier: GPL-2.0-only
"""Expressions that can have a value nowhere: names that nothing has, members that no struct has, divisions by zero."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from kernelmodel.expr import UNLIKE, EvalError, Expr, ExprError, Node, constant_of, name_of, value_of
from kernelmodel.expr.env import FIELDS, GEOMETRY, MORE
from kernelmodel.expr.grammar import POWER
from kernelmodel.expr.reads import STANDING
from kernelmodel.expr.variables import variable_names
from kernelmodel.stops.attrs import close
from kernelmodel.structs import STRUCTS, Folio, MemCgroup, Mm, Vma, VmFault, VmStat, ZoneStruct

Check = Callable[[Expr, bool], None]
"""Takes an expression, and whether it is followed from stop to stop; ``ExprError`` if it can have a value nowhere."""

_TYPES: dict[str, type[Any]] = {
    "mm": Mm, "memcg": MemCgroup, "vmstat": VmStat, "zone": ZoneStruct, "vma": Vma, "vmf": VmFault, "folio": Folio,
}  # fmt: skip
"""Names that mean the same struct wherever they mean anything."""
_NUMBER = "a number"
_OF_NUMBERS = {*POWER, "~", "u-", "u+", "call", "was", "[]"} - {"&&", "||", "==", "!="}
"""Operators that take numbers only (``[]``: as its index)."""


class Unknown(NamedTuple):
    """A name or member that nothing has: why, what may be meant instead, and its column (from 0) in the expression."""

    name: str
    message: str
    hint: str
    at: int

    @property
    def text(self) -> str:
        """Why, and what may be meant."""
        return f"{self.message}; {self.hint}" if self.hint else self.message


def unknown(expr: Expr, vmas: Iterable[str], followed: bool = False) -> list[Unknown]:
    """Names that nothing anywhere has, and members that the struct at hand cannot have, in the order of the text.

    ``vmas``: names of the scenario's VMAs.  ``followed``: as for ``watch``, ``last`` and ``history``, where operands of
    decisions don't count.
    """
    known = _known(followed) | {*vmas}
    found = []
    for node in _nodes(expr.root):
        if node.op == "name" and node.word not in known and constant_of(node.word) is None:
            found.append(_unknown_name(node, known, followed))
        elif node.op == "." and (trouble := _member_trouble(node)) is not None:
            found.append(trouble)
    return sorted(found, key=lambda each: each.at)


def checker(vmas: Iterable[str]) -> Check:
    """For ``Breakpoints(check=…)``: refuses what can have a value nowhere; ``vmas``: names of the scenario's VMAs."""
    names = frozenset(vmas)

    def check(expr: Expr, followed: bool) -> None:
        for each in unknown(expr, names, followed):
            raise ExprError(each.text, each.at + 1)
        typed(expr)
        constant(expr)

    return check


def typed(expr: Expr) -> None:
    """``ExprError`` where a struct or an array stands for a number: ``mm == 1``, ``mm + 1``."""
    for node in _nodes(expr.root):
        if node.op in ("==", "!="):
            for one, other in (node.parts, node.parts[::-1]):
                if _is_struct(one) and _constant(other):
                    raise ExprError(UNLIKE, node.col)
        elif node.op in _OF_NUMBERS:
            for part in node.parts[node.op == "[]" :]:
                if _is_struct(part):
                    raise ExprError(f"{name_of(part)} is not a number", part.col)


def _is_struct(node: Node) -> bool:
    return _type(node) not in (None, _NUMBER)


def _constant(node: Node) -> bool:
    """Is it a number, or a constant by name, other than 0?"""
    return bool(node.value if node.op == "number" else node.op == "name" and constant_of(node.word))


def constant(expr: Expr) -> None:
    """``ExprError`` where an operation on constants alone has no value: ``1 / 0``, ``1 << 64``."""
    for node in _nodes(expr.root):
        if node.op not in ("name", "number"):
            try:
                value_of(Expr(expr.text, node), _Nothing())
            except EvalError as error:
                raise ExprError(error.message, max(error.at, 0) + 1) from None
            except _NotConstant:
                pass


class _NotConstant(Exception):
    """The value depends on the stop."""


class _Nothing:
    """Names of nothing: whoever asks for one is told that it is no constant."""

    def __getattr__(self, name: str) -> Any:
        raise _NotConstant


def _nodes(node: Node) -> Iterator[Node]:
    todo = [node]
    while todo:
        at = todo.pop()
        yield at
        todo += at.parts


@cache
def _known(followed: bool) -> frozenset[str]:
    operands = () if followed else (*FIELDS, *MORE)
    return variable_names(followed) | {*operands, *STANDING, *GEOMETRY, "vma", "vmf"}


def _unknown_name(node: Node, known: Iterable[str], followed: bool) -> Unknown:
    name = node.word
    if followed and name in (*FIELDS, *MORE):
        message, hint = f"{name} is an operand of a decision: no variable to follow", f"break * if changed({name})"
    else:
        near = close(name, sorted(known), 0.6)
        message, hint = f"nothing has the name {name}", f"did you mean {near}?" if near else ""
    return Unknown(name, message, hint, node.col - 1)


def _member_trouble(node: Node) -> Unknown | None:
    """Why there can be no such member; None if there can, or if the type of the struct is not known."""
    kind = _type(node.parts[0])
    known = _members(kind)
    if kind is None or node.word in known:
        return None
    near = close(node.word, known, 0.6)
    message = f"{_cname(kind)} has no member {node.word}"
    return Unknown(node.word, message, f"did you mean {near}?" if near else "", node.col - 1)


def _type(node: Node) -> Any:
    """A struct's class, ``(class,)`` for an array of them, ``str``, ``_NUMBER``, or None if that is not known."""
    if node.op == "name":
        return _TYPES.get(node.word)
    if node.op == "[]":
        inside = _type(node.parts[0])
        return inside[0] if isinstance(inside, tuple) else None
    return _member_type(_type(node.parts[0]), node.word) if node.op == "." else None


def _member_type(kind: Any, name: str) -> Any:
    if kind is VmFault:
        return Vma if name == "vma" else _NUMBER if name in _members(kind) else None
    member = getattr(kind, "members", {}).get(name)
    if member is None:
        return None
    word, *rest = member.ctype.removeprefix("struct ").split()
    if word == "char":
        return str
    struct = STRUCTS.get(word)
    if rest[-1:] == ["[]"]:
        return (struct,)
    return _NUMBER if struct is None else struct


def _members(kind: Any) -> tuple[str, ...]:
    if kind is VmFault:
        return tuple(name for name in VmFault.__slots__ if name != "m")
    return tuple(getattr(kind, "members", ()))


def _cname(kind: Any) -> str:
    if kind is str:
        return "a name"
    if not isinstance(kind, type):
        return "an array" if isinstance(kind, tuple) else _NUMBER
    return f"struct {getattr(kind, 'cname', 'vm_fault')}"
