# SPDX-License-Identifier: GPL-2.0-only
"""The text of a breakpoint: ``LOC [cpu N] [hits OP N] [temp] [log "text {expr}"] [if EXPR]``, and of a watchpoint.

Errors are ``LocationError`` and ``ExprError``; both say in ``at`` which column (from 0) of the given text is at fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.expr import Expr, ExprError, number, parse
from kernelmodel.stops.locations import ANY, Location, LocationError, close, parse_location
from kernelmodel.stops.templates import Template, parse_template

if TYPE_CHECKING:
    from kernelmodel.expr.unknown import Check

MAX_CPU = 63
_PLACE = re.compile(r"/(?:\\.|[^/\\])*/|[^\s(]*\([^()]*\)|\S+")
_WORD = re.compile(r"[a-z]+|\S")
_AFTER = re.compile(r"(?<=[\w)\]])\s+(?=(?:cpu|hits|temp|log|if)\b)")
"""Where the words of a watchpoint begin: no name can follow an operand in an expression."""
_CPU = re.compile(r"cpu\s+([0-9]{1,9})(?!\S)")
_HITS = re.compile(r"hits\s*(==|!=|<=|>=|<|>|%)\s*(\w+)(?!\S)")
_TEMP = re.compile(r"temp(?!\S)")
_LOG = re.compile(r'log\s*"((?:\\.|[^"\\])*)"(?!\S)')
_FORMS = {
    "cpu": "write cpu N", "hits": "write hits OP N, where OP is one of == != < <= > >= %", "temp": "write temp",
    "log": 'write log "order is {order}"',
}  # fmt: skip
_HINT = 'after the location come cpu N, hits OP N, temp, log "text" and, last, if EXPR'


class BreakText(NamedTuple):
    """What a text of a breakpoint says."""

    location: Location
    condition: Expr | None = None
    cpu: int = -1
    hits_op: tuple[str, int] | None = None
    temporary: bool = False
    log: Template | None = None
    watch: Expr | None = None


def parse_break(text: str, functions: Iterable[str] = (), check: Check | None = None) -> BreakText:
    """A breakpoint from what follows ``break``; ``functions`` as for ``parse_location``, ``check`` for expressions."""
    text = _one_line(text)
    start = len(text) - len(text.lstrip())
    place = _PLACE.match(text, start)
    end = place.end() if place else len(text)
    try:
        location = parse_location(text[start:end], functions)
    except LocationError as error:
        error.col = max(error.col, 0) + start
        raise
    return _words(BreakText(location), text, end, check)


def parse_watch(text: str, check: Check | None = None) -> BreakText:
    """A watchpoint from what follows ``watch``: an expression, then the same words."""
    text = _one_line(text)
    after = _AFTER.search(text)
    end = after.start() if after else len(text)
    said = BreakText(Location(ANY, ANY), watch=expression(text, 0, end, check, followed=True))
    return _words(said, text, end, check)


def expression(
    text: str, start: int = 0, end: int | None = None, check: Check | None = None, *, followed: bool = False
) -> Expr:
    """The expression in a part of a text, without the blanks around it; ``followed`` is for ``check``."""
    part = text[start:end]
    bare = part.strip()
    try:
        expr = parse(bare)
        if check is not None:
            check(expr, followed)
        return expr
    except ExprError as error:
        error.base = start + (len(part) - len(part.lstrip()) if bare else 0)
        raise


def spelled(said: BreakText) -> str:
    """The text that says this again."""
    words = [said.watch.text if said.watch else said.location.text]
    if said.cpu >= 0:
        words.append(f"cpu {said.cpu}")
    if said.hits_op is not None:
        words.append(f"hits {said.hits_op[0]} {said.hits_op[1]}")
    if said.temporary:
        words.append("temp")
    if said.log is not None:
        words.append(f'log "{said.log.text}"')
    if said.condition is not None:
        words.append(f"if {said.condition.text}")
    return " ".join(words)


def _one_line(text: str) -> str:
    return re.sub(r"[\t\r\n\v\f]", " ", text)


def _words(said: BreakText, text: str, at: int, check: Check | None) -> BreakText:
    """The words from column ``at`` on, in any order; ``if`` takes the rest."""
    seen: set[str] = set()
    while True:
        at += len(text[at:]) - len(text[at:].lstrip())
        match = _WORD.match(text, at)
        if match is None:
            return said
        word = match.group()
        if word in seen:
            raise LocationError(f"{word} stands there twice", "", at)
        seen.add(word)
        if word == "if":
            return said._replace(condition=expression(text, match.end(), None, check))
        said, at = _word(said, word, text, at, check)


def _word(said: BreakText, word: str, text: str, at: int, check: Check | None) -> tuple[BreakText, int]:
    if word == "cpu" and (match := _CPU.match(text, at)):
        if int(match[1]) > MAX_CPU:
            raise LocationError(f"CPUs are 0 … {MAX_CPU}", "", match.start(1))
        return said._replace(cpu=int(match[1])), match.end()
    if word == "hits" and (match := _HITS.match(text, at)):
        return said._replace(hits_op=(match[1], _count(match))), match.end()
    if word == "temp" and (match := _TEMP.match(text, at)):
        return said._replace(temporary=True), match.end()
    if word == "log" and (match := _LOG.match(text, at)):
        return said._replace(log=parse_template(match[1], match.start(1), check)), match.end()
    if word in _FORMS:
        raise LocationError(f"{word} is not complete", _FORMS[word], at)
    rest = text[at:].split()[0]
    near = close(rest, (*_FORMS, "if"), 0.6)
    hint = f"did you mean {near}?" if near else _HINT
    raise LocationError(f"unexpected {ascii(rest[:40])[1:-1]}", hint, at)


def _count(match: re.Match[str]) -> int:
    try:
        count = number(match[2])
    except ExprError as error:
        raise LocationError(f"hits: {error.message}", "", match.start(2)) from None
    if match[1] == "%" and count == 0:
        raise LocationError("hits % 0 never holds", "hits % 3 is every third hit", match.start(2))
    return count
