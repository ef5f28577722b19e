# SPDX-License-Identifier: GPL-2.0-only
"""Texts of log points: words with ``{expr}`` (decimal) and ``{expr:x}`` (hex) in them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.expr import Env, EvalError, Expr, ExprError, frozen, parse

if TYPE_CHECKING:
    from kernelmodel.expr.unknown import Check

_PIECE = re.compile(r"\{\{|\}\}|\{(?P<expr>[^{}]*)\}|(?P<odd>[{}])|(?P<words>(?:\\.|[^{}\\])+|\\)")
_HEX = re.compile(r":\s*x\s*$")


class Value(NamedTuple):
    """An expression of a template, and whether it is shown in hex."""

    expr: Expr
    hexadecimal: bool


class Template(NamedTuple):
    """A parsed text: as it was typed between the quotes, and in pieces."""

    text: str
    pieces: tuple[str | Value, ...]

    def filled(self, env: Env) -> str:
        """The text at one stop; an expression without a value there shows as ``{?reason}``."""
        return "".join(each if isinstance(each, str) else _shown(each, env) for each in self.pieces)


def parse_template(text: str, base: int = 0, check: Check | None = None) -> Template:
    r"""A template from its text, which may use ``\"``, ``\\``, ``{{`` and ``}}`` for those signs themselves.

    ``ExprError`` where an expression or a brace is wrong; ``base`` is the column (from 0) of the text in a longer one;
    ``check`` refuses expressions that can have no value.
    """
    pieces: list[str | Value] = []
    for match in _PIECE.finditer(text):
        if match["expr"] is not None:
            pieces.append(_value(match["expr"], base + match.start("expr"), check))
        elif match["odd"]:
            raise _misplaced(match["odd"], base + match.start())
        else:
            words = match["words"]
            pieces.append(re.sub(r"\\(.)", r"\1", words) if words else match.group()[0])
    return Template(text, tuple(pieces))


def _misplaced(brace: str, at: int) -> ExprError:
    error = ExprError(f"a {brace} without its other half: write {brace * 2} for the sign itself", 1)
    error.base = at
    return error


def _value(text: str, base: int, check: Check | None) -> Value:
    try:
        value = _parsed(text)
        if check is not None:
            check(value.expr, False)
        return value
    except ExprError as error:
        error.base = base
        raise


def _parsed(text: str) -> Value:
    """The whole is tried first: ``{a ? b : x}`` is no hexadecimal number."""
    hexadecimal = _HEX.search(text)
    try:
        return Value(parse(text), False)
    except ExprError:
        if hexadecimal is None:
            raise
    return Value(parse(text[: hexadecimal.start()]), True)


def _shown(piece: Value, env: Env) -> str:
    try:
        value = frozen(piece.expr, env)
    except EvalError as error:
        return f"{{?{error.message}}}"
    if isinstance(value, str):
        return getattr(value, "shown", value)
    return f"{value:#x}" if piece.hexadecimal else str(int(value))
