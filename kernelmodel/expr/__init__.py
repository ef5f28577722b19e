# SPDX-License-Identifier: GPL-2.0-only
"""Expressions in C syntax, over unsigned numbers of 64 bits that wrap like the kernel's.

``parse`` makes an immutable ``Expr`` once; ``evaluate`` and ``truth`` ask an ``Env`` for names, members and elements,
so nothing of Python is reachable from an expression.  There are no stores, strings, casts or kernel functions.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from kernelmodel.expr.arithmetic import arithmetic
from kernelmodel.expr.grammar import FORMS, FUNCTIONS, POWER, Expr, Node, parse
from kernelmodel.expr.tokens import MASK, EvalError, ExprError, caret, caret_under, number
from kernelmodel.members import Null

__all__ = [
    "FORMS", "FUNCTIONS", "Env", "EvalError", "Expr", "ExprError", "Node", "Ref",
    "caret", "caret_under", "constant_of", "evaluate", "frozen", "number", "parse", "truth", "value_of",
]  # fmt: skip

_ERRNO = (
    "EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG ENOEXEC EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT ENOTBLK EBUSY EEXIST "
    "EXDEV ENODEV ENOTDIR EISDIR EINVAL ENFILE EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE"
).split()


UNLIKE = "a struct or a name can be compared with NULL or with another one only"


class Ref(Protocol):
    """Something that is not a number: a struct, an array.  Opaque here; only an ``Env`` looks into it."""


class Env(Protocol):
    """Where names get their values.  Each method raises ``EvalError`` where there is none."""

    def name(self, name: str) -> int | Ref:
        """Value of a bare name."""

    def member(self, ref: Ref, name: str) -> int | Ref:
        """Value of ``ref->name`` (``.`` and ``->`` mean the same)."""

    def index(self, ref: Ref, index: int) -> int | Ref:
        """Value of ``ref[index]``."""

    def call(self, name: str, args: tuple[int, ...]) -> int:
        """Value of one of ``FUNCTIONS``."""

    def before(self) -> AbstractContextManager[Env | None]:
        """The names at the stop before, for as long as the context lasts; None at the first stop."""

    def text(self, ref: Ref) -> str:
        """What identifies a struct, or an array with its elements: equal texts are equal values."""

    def follows(self, before: Env) -> bool:
        """Whether the names that were asked for mean the same variables as at the stop before."""


def evaluate(expr: Expr, env: Env) -> int:
    """Value of an expression, 0 … 2**64-1; ``EvalError`` if it has none here (a name, a division by 0, a struct)."""
    return _number(_value(expr.root, env), expr.root)


def truth(expr: Expr, env: Env) -> bool:
    """Whether an expression holds; a struct is true, as a pointer to it would be."""
    return _true(_value(expr.root, env))


def value_of(expr: Expr, env: Env) -> int | Ref:
    """Value of an expression as the environment has it: a number, or what only the environment can look into."""
    return _value(expr.root, env)


def frozen(expr: Expr, env: Env) -> int | str:
    """Value of an expression that can be kept and compared: a number, or the text of a struct or an array."""
    return _frozen(expr.root, env)


def _frozen(node: Node, env: Env) -> int | str:
    value = _value(node, env)
    return value if isinstance(value, int) else env.text(value)


def _value(node: Node, env: Env) -> int | Ref:
    """Left operands are walked in a loop, so that only real nesting costs stack."""
    spine = []
    while node.op in POWER or node.op in (".", "[]"):
        spine.append(node)
        node = node.parts[0]
    try:
        value = _operand(node, env)
        while spine:
            node = spine.pop()
            value = _apply(node, value, env)
    except EvalError as error:
        if error.at < 0:
            error.at = node.col - 1
        raise
    return value


def _operand(node: Node, env: Env) -> int | Ref:
    match node.op:
        case "number":
            return node.value
        case "name":
            constant = constant_of(node.word)
            return _wrap(env.name(node.word)) if constant is None else constant & MASK
        case "call":
            return env.call(node.word, tuple(_number(_value(part, env), part) for part in node.parts)) & MASK
        case "?:":
            return _value(node.parts[1 if _true(_value(node.parts[0], env)) else 2], env)
        case "changed":
            return _changed(node.parts[0], env)
        case "was":
            return _was(node.parts[0], env)
        case "!":
            return int(not _true(_value(node.parts[0], env)))
    value = _number(_value(node.parts[0], env), node.parts[0])
    return {"~": ~value, "u-": -value}.get(node.op, value) & MASK


def _was(node: Node, env: Env) -> int:
    with env.before() as before:
        if before is None:
            raise EvalError("was() has no value at the first stop")
        try:
            return _number(_value(node, before), node)
        except EvalError as error:
            raise EvalError(f"at the stop before: {error.message}", error.at) from None


def _changed(node: Node, env: Env) -> int:
    """No value here is an error; none at the stop before is no change, nor is another variable of the same name."""
    now = _frozen(node, env)
    with env.before() as before:
        if before is None:
            return 0
        try:
            return int(_frozen(node, before) != now and env.follows(before))
        except EvalError:
            return 0


def _apply(node: Node, left: int | Ref, env: Env) -> int | Ref:
    op = node.op
    if op == ".":
        if isinstance(left, int):
            what = f"{name_of(node.parts[0])} is {'NULL' if left == 0 else 'a number'}"
            raise EvalError(f"{what}: it has no member {node.word}")
        return _wrap(env.member(left, node.word))
    if op in ("&&", "||"):
        if _true(left) == (op == "||"):
            return int(op == "||")
        return int(_true(_value(node.parts[1], env)))
    right = _value(node.parts[1], env)
    if op == "[]":
        if isinstance(left, int):
            raise EvalError(f"{name_of(node.parts[0])} is a number: it has no elements")
        return _wrap(env.index(left, _number(right, node.parts[1])))
    if op in ("==", "!=") and not (isinstance(left, int) and isinstance(right, int)):
        return int(_same(left, right) == (op == "=="))
    return arithmetic(op, _number(left, node.parts[0]), _number(right, node.parts[1]))


def _same(left: int | Ref, right: int | Ref) -> bool:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, int) and one != 0 and not isinstance(other, int):
            raise EvalError(UNLIKE)
    return left == right


def _true(value: int | Ref) -> bool:
    return not isinstance(value, int) or value != 0


def _wrap(value: int | Ref) -> int | Ref:
    """Numbers as they are in 64 bits; truth values and NULL stay what they are."""
    return value & MASK if isinstance(value, int) and not isinstance(value, (bool, Null)) else value


def _number(value: int | Ref, node: Node) -> int:
    if isinstance(value, int):
        return int(value)
    raise EvalError(f"{name_of(node)} is not a number")


def name_of(node: Node) -> str:
    """A node in words: the name that it ends in, or ``this``."""
    return node.word or (name_of(node.parts[0]) + "[…]" if node.op == "[]" else "this")


def constant_of(name: str) -> int | None:
    """A constant of the kernel by its name (``EINVAL``, ``VM_FAULT_OOM``), None if it is none."""
    if not (name[0].isupper() or name.startswith("__GFP_")):
        return None
    from kernelmodel import defs

    value = vars(defs).get(name)
    if isinstance(value, int):
        return value
    return _ERRNO.index(name) + 1 if name in _ERRNO else None
