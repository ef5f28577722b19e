# SPDX-License-Identifier: GPL-2.0-only
"""Arithmetic of expressions: unsigned, 64 bits, wrapping like the kernel's."""

from __future__ import annotations

from kernelmodel.expr.tokens import MASK, EvalError


def arithmetic(op: str, a: int, b: int) -> int:
    """``a op b`` for a binary operator of C; ``EvalError`` where C leaves it undefined."""
    if op in ("/", "%") and b == 0:
        raise EvalError("division by zero")
    if op in ("<<", ">>") and b >= 64:
        raise EvalError(f"shift by {b}, but a number has 64 bits")
    return int(_BINARY[op](a, b)) & MASK


_BINARY = {
    "*": lambda a, b: a * b, "/": lambda a, b: a // b, "%": lambda a, b: a % b, "+": lambda a, b: a + b,
    "-": lambda a, b: a - b, "<<": lambda a, b: a << b, ">>": lambda a, b: a >> b, "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b, "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b, "&": lambda a, b: a & b, "^": lambda a, b: a ^ b, "|": lambda a, b: a | b,
}  # fmt: skip
