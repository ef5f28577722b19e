# SPDX-License-Identifier: GPL-2.0-only
"""The grammar of expressions in C syntax: text to an immutable tree."""

from __future__ import annotations

from typing import NamedTuple

from kernelmodel.expr.tokens import ExprError, Token, tokens

MAX_DEPTH = 64
MAX_NODES = 1000
FUNCTIONS = {"order": 1, "size": 1, "pte": 1, "hits": 0, "step": 0}
"""Functions of numbers that an expression may call, and how many arguments each takes."""
FORMS = ("changed", "was")
"""Forms that look like calls but take a whole expression, to be evaluated at the stop before."""

_LITERALS = {"true": 1, "false": 0, "NULL": 0}
_WORD_OPERATORS = {"and": "&&", "or": "||", "not": "!"}
_TYPES = frozenset(
    "bool char const enum int long short signed struct union unsigned void volatile size_t ssize_t loff_t gfp_t "
    "u8 u16 u32 u64 s8 s16 s32 s64".split()
)
_LEVELS = ("||", "&&", "|", "^", "&", "== !=", "< <= > >=", "<< >>", "+ -", "* / %")
POWER = {op: 10 * (level + 2) for level, ops in enumerate(_LEVELS) for op in ops.split()}
_TERNARY, _UNARY = 10, 200


class Node(NamedTuple):
    """One node of the tree.

    ``op`` is an operator as in C (``u-`` and ``u+`` for the prefixes, ``[]`` for an element, ``?:``), or ``number``
    (in ``value``), ``name`` or ``call`` (in ``word``, as for the member of ``.``), or one of ``FORMS``.
    """

    op: str
    parts: tuple[Node, ...] = ()
    word: str = ""
    value: int = 0
    col: int = 1
    """Where its sign or word stands in the expression, from 1."""


class Expr(NamedTuple):
    """A parsed expression: its text as written, and its tree."""

    text: str
    root: Node

    @property
    def name(self) -> str:
        """The name that it ends in, if it is a variable or a member; else ''."""
        return self.root.word if self.root.op in ("name", ".") else ""


def parse(text: str) -> Expr:
    """Parse an expression; ``ExprError`` (message, column) at the first thing that is wrong, never anything else."""
    parser = _Parser(tokens(text))
    root = parser.expression(0, 0)
    left = parser.peek()
    if left.kind != "end":
        raise ExprError(parser.unexpected(left), left.col)
    return Expr(text, root)


class _Parser:
    """Top-down operator precedence: one loop, one table of binding powers."""

    def __init__(self, found: list[Token]) -> None:
        self.found = found
        self.at = 0
        self.nodes = 0
        self.form = ""
        """``changed`` or ``was`` while its expression is parsed."""

    def peek(self) -> Token:
        return self.found[self.at]

    def take(self) -> Token:
        token = self.found[self.at]
        self.at += token.kind != "end"
        return token

    def expect(self, text: str, opened: Token) -> None:
        token = self.take()
        if token.kind != "op" or token.text != text:
            raise ExprError(f"expected {text} to match the {opened.text} at column {opened.col}", token.col)

    def node(self, token: Token, op: str, *parts: Node, word: str = "", value: int = 0) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ExprError(f"the expression has more than {MAX_NODES} parts", token.col)
        return Node(op, parts, word, value, token.col)

    def expression(self, power: int, depth: int) -> Node:
        """What binds tighter than ``power``."""
        if depth > MAX_DEPTH:
            raise ExprError(f"nested deeper than {MAX_DEPTH}", self.peek().col)
        left = self.prefix(depth)
        while True:
            token = self.peek()
            if token.kind != "op":
                return left
            if token.text in (".", "->", "["):
                left = self.postfix(left, depth)
            elif token.text == "?" and power < _TERNARY:
                self.take()
                yes = self.expression(0, depth + 1)
                self.expect(":", token)
                left = self.node(token, "?:", left, yes, self.expression(_TERNARY - 1, depth + 1))
            elif POWER.get(token.text, 0) > power:
                self.take()
                left = self.node(token, token.text, left, self.expression(POWER[token.text], depth + 1))
            else:
                return left

    def prefix(self, depth: int) -> Node:
        token = self.take()
        if token.kind == "number":
            return self.node(token, "number", value=token.value)
        if token.kind == "name":
            return self.word(token, depth)
        if token.text == "(":
            self.refuse_cast(self.peek())
            inside = self.expression(0, depth + 1)
            self.expect(")", token)
            return inside
        if token.text and token.text in "!~-+":
            op = token.text if token.text in "!~" else "u" + token.text
            return self.node(token, op, self.expression(_UNARY, depth + 1))
        if token.text in ("*", "&"):
            raise ExprError(f"{token.text} as a prefix is not supported: pointers are followed with ->", token.col)
        if token.kind == "end":
            raise ExprError("the expression is empty" if self.at == 0 else "the expression ends too early", token.col)
        raise ExprError(f"expected a number or a name, not {token.text}", token.col)

    def word(self, token: Token, depth: int) -> Node:
        after = self.peek()
        if token.text == "sizeof":
            raise ExprError("sizeof is not supported", token.col)
        if after.kind == "op" and after.text == "(":
            return self.call(token, depth)
        if token.text in _LITERALS:
            return self.node(token, "number", value=_LITERALS[token.text])
        return self.node(token, "name", word=token.text)

    def call(self, token: Token, depth: int) -> Node:
        if token.text in FORMS:
            return self.elsewhere(token, depth)
        takes = FUNCTIONS.get(token.text)
        if takes is None:
            raise ExprError(f"there is no function {token.text}(){_suggest(token.text)}", token.col)
        opened = self.take()
        after = self.peek()
        if takes == 0 and after.kind != "end" and after.text != ")":
            raise ExprError(f"expected {token.text}() to take nothing", after.col)
        args = (self.expression(0, depth + 1),) if takes else ()
        self.expect(")", opened)
        return self.node(token, "call", *args, word=token.text)

    def elsewhere(self, token: Token, depth: int) -> Node:
        if self.form:
            raise ExprError(f"{token.text}() inside {self.form}() is not supported", token.col)
        self.form = token.text
        opened = self.take()
        inside = self.expression(0, depth + 1)
        self.expect(")", opened)
        self.form = ""
        return self.node(token, token.text, inside)

    def postfix(self, left: Node, depth: int) -> Node:
        token = self.take()
        if token.text == "[":
            index = self.expression(0, depth + 1)
            self.expect("]", token)
            return self.node(token, "[]", left, index)
        name = self.take()
        if name.kind != "name":
            raise ExprError(f"expected the name of a member after {token.text}", name.col)
        return self.node(name, ".", left, word=name.text)

    def refuse_cast(self, token: Token) -> None:
        if token.kind == "name" and token.text in _TYPES:
            raise ExprError("casts are not supported: every number is unsigned, 64 bits", token.col)

    def unexpected(self, token: Token) -> str:
        """Why ``token`` cannot follow a whole expression."""
        if token.text in _WORD_OPERATORS:
            return f"expected an operator; did you mean {_WORD_OPERATORS[token.text]}?"
        before = self.found[self.at - 1]
        if before.text == ")" and (token.kind != "op" or token.text == "("):
            return "expected an operator after ) (casts and calls through a pointer are not supported)"
        if token.kind == "op":
            return f"unexpected {token.text}"
        return f"expected an operator before {token.text[:40]}"


def _suggest(name: str) -> str:
    from difflib import get_close_matches

    known = (*FUNCTIONS, *FORMS)
    close = get_close_matches(name, known, 1, 0.85)
    return f"; did you mean {close[0]}()?" if close else f"; known: {', '.join(f'{word}()' for word in known)}"
