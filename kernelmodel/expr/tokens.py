# SPDX-License-Identifier: GPL-2.0-only
"""Tokens of an expression in C syntax: numbers, names, operators, and a clear no to the rest of C."""

from __future__ import annotations

import re
from typing import NamedTuple

from kernelmodel.text_fault import TextFault

MAX_TEXT = 4096
"""Longest expression, in characters."""
MASK = (1 << 64) - 1
"""Everything is an unsigned number of 64 bits."""

_SUFFIXES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_NUMBER = re.compile(r"(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)(?:([KMGT])|(?:[uU](?:l|L|ll|LL)?|(?:l|L|ll|LL)[uU]?)?)")
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>[0-9](?:[0-9A-Za-z_]|\.(?=[0-9]))*)"
    r"|(?P<name>[A-Za-z_][0-9A-Za-z_]*)"
    r"|(?P<refused><<=|>>=|[-+*/%&|^]=|\+\+|--|=(?!=)|[\"',;{}#\\@$`])"
    r"|(?P<op>->|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%<>!~&|^?:()\[\].])"
)
_REFUSED = {
    "=": "assignments are not supported; did you mean ==?",
    "++": "++ is not supported: an expression changes nothing",
    "--": "-- is not supported: an expression changes nothing (write - -1 for minus minus one)",
    '"': "strings are not supported; outcomes and reasons are matched by the location: KIND(reason=WORD), processes "
    "by their number: mm->id == 1",
    "'": "character literals are not supported",
    ",": "the comma operator is not supported; did you mean &&?",
    ";": "statements are not supported: write one expression",
}


class ExprError(TextFault):
    """An expression that does not parse.

    ``message`` is one line; ``col`` counts characters of the expression from 1.  Where the expression stands in a
    longer text, ``base`` is its column there and ``at`` that of the fault, both from 0.
    """

    def __init__(self, message: str, col: int) -> None:
        super().__init__(message)
        self.message = message
        self.col = col
        self.base = 0

    @property
    def at(self) -> int:
        """Column of the fault, from 0, in the text that was given."""
        return self.base + self.col - 1


class EvalError(TextFault):
    """An expression that has no value at this stop.

    ``message`` is one line; ``at`` is the column, from 0, of the culprit in the expression, -1 if that is not known.
    """

    def __init__(self, message: str, at: int = -1) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


class Token(NamedTuple):
    """``kind`` is ``number``, ``name``, ``op`` or ``end``; ``value`` is the number's value, else 0."""

    kind: str
    text: str
    col: int
    value: int = 0


def tokens(text: str) -> list[Token]:
    """All tokens of ``text``, closed by one of kind ``end``; ``ExprError`` at what is no token of an expression."""
    if len(text) > MAX_TEXT:
        raise ExprError(f"the expression is longer than {MAX_TEXT} characters", 1)
    found = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ExprError(f"unexpected character {text[at]!a}", at + 1)
        kind, word, col = str(match.lastgroup), match.group(), at + 1
        if kind == "refused":
            raise ExprError(_refusal(word), col)
        if kind != "space":
            found.append(Token(kind, word, col, number(word, col) if kind == "number" else 0))
        at = match.end()
    found.append(Token("end", "", len(text.rstrip()) + 1))
    return found


def number(text: str, col: int = 1) -> int:
    """Value of a C integer literal, or of one with a size suffix (``4K`` is 4096); ``ExprError`` if it is none."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ExprError(f"{_short(text)} is not a number{_number_hint(text)}", col)
    digits, suffix = match.group(1), match.group(2)
    hexadecimal = digits[:2] in ("0x", "0X")
    base = 16 if hexadecimal else 8 if digits[0] == "0" else 10
    bare = digits[2:] if hexadecimal else digits
    value = int(bare, base) * _SUFFIXES.get(suffix or "", 1) if len(bare) < 100 else -1
    if not 0 <= value <= MASK:
        raise ExprError(f"{_short(text)} does not fit into 64 bits", col)
    return value


def _number_hint(text: str) -> str:
    if "." in text:
        return ": there are no fractions here"
    if text[-2:].upper() in ("KB", "MB", "GB", "TB") or text[-1:] in tuple("kmgt"):
        return ": size suffixes are K, M, G and T"
    if re.fullmatch(r"0[0-9]+", text):
        return ": a leading 0 means octal"
    return ""


def _refusal(word: str) -> str:
    if word in _REFUSED:
        return _REFUSED[word]
    return "assignments are not supported" if word[-1] == "=" else f"{word} is not part of an expression"


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def caret(text: str, error: ExprError) -> str:
    """Two lines: the expression (a window of it, if it is long), and a ``^`` under the column of the error."""
    return caret_under(text, error.col - 1)


def caret_under(text: str, at: int) -> str:
    """The same for any text and column (from 0)."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    if at > 60:
        shown, at = "…" + shown[at - 40 :], 41
    if len(shown) > 100:
        shown = shown[:99] + "…"
    return f"{shown}\n{' ' * at}^"
