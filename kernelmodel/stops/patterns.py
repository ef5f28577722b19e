# SPDX-License-Identifier: GPL-2.0-only
"""Regular expressions of locations: those that can be searched for in bounded time, and a clear no to the others.

A pattern may come with a scenario of a stranger and is searched for at every stop, so what makes Python's matcher
backtrack without bound is refused when the pattern is set.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

MAX_PATTERN = 200
"""Longest pattern, in characters."""
MAX_LINE = 240
"""Characters of a line that are searched."""
MAX_UNBOUNDED = 2
"""Repeats without a bound (or with one that is far away), side by side."""
_FAR = 8
"""A repeat that may take so many times more than its least counts as unbounded."""
_CHOICES = (256, 32, 6)
"""Ways through the rest of a pattern, by its number of unbounded repeats."""

_REFUSED = {
    "GROUPREF": "backreferences are",
    "GROUPREF_EXISTS": "backreferences are",
    "ASSERT": "lookaround is",
    "ASSERT_NOT": "lookaround is",
}
_PLAIN = frozenset({"LITERAL", "NOT_LITERAL", "ANY", "IN", "AT", "CATEGORY", "RANGE", "FAILURE"})


class PatternError(Exception):
    """A pattern that is not taken; ``pos`` counts its characters from 0, -1 if no place is at fault."""

    def __init__(self, message: str, pos: int = -1) -> None:
        super().__init__(message)
        self.message = message
        self.pos = pos


class Cost(NamedTuple):
    """How a part of a pattern can be matched: unbounded repeats, ways to choose, and whether any repeat is in it."""

    unbounded: int = 0
    choices: int = 1
    repeats: bool = False


def check(pattern: str) -> None:
    """``PatternError`` if it is no regular expression or one that may take too long."""
    if not pattern:
        raise PatternError("the pattern is empty", 0)
    if len(pattern) > MAX_PATTERN:
        raise PatternError(f"the pattern is longer than {MAX_PATTERN} characters", MAX_PATTERN)
    try:
        cost = _cost(_tree(pattern))
        compiled(pattern)
    except re.error as error:
        raise PatternError(f"in the pattern: {error.msg}", -1 if error.pos is None else error.pos) from None
    except (RecursionError, OverflowError):
        raise PatternError("the pattern is too large") from None
    if cost.unbounded > MAX_UNBOUNDED:
        raise PatternError(f"the pattern has more than {MAX_UNBOUNDED} unbounded repeats")
    if cost.choices > _CHOICES[cost.unbounded]:
        raise PatternError("the pattern has too many alternatives and optional parts")


@lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, compiled once."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return re.compile(pattern)


def occurs(pattern: str, line: str) -> bool:
    """Whether a checked pattern occurs in a line."""
    return compiled(pattern).search(line[:MAX_LINE]) is not None


def _tree(pattern: str) -> Any:
    import warnings
    from importlib import import_module

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return import_module("re._parser").parse(pattern)


def _cost(parts: Any) -> Cost:
    """Of a sequence: numbers of choices multiply."""
    unbounded, choices, repeats = 0, 1, False
    for op, operand in parts:
        each = _part(str(op), operand)
        unbounded += each.unbounded
        choices = min(choices * each.choices, 1 << 20)
        repeats |= each.repeats
    return Cost(unbounded, choices, repeats)


def _part(op: str, operand: Any) -> Cost:
    if op in _PLAIN:
        return Cost()
    if op in _REFUSED:
        raise PatternError(f"{_REFUSED[op]} not supported in patterns")
    if op == "SUBPATTERN":
        return _cost(operand[-1])
    if op == "ATOMIC_GROUP":
        return _cost(operand)
    if op == "BRANCH":
        ways = [_cost(way) for way in operand[1]]
        return Cost(sum(way.unbounded for way in ways), sum(way.choices for way in ways), any(w.repeats for w in ways))
    if op.endswith("_REPEAT"):
        return _repeat(int(operand[0]), int(operand[1]), _cost(operand[2]))
    raise PatternError("this kind of pattern is not supported")


def _repeat(least: int, most: int, inside: Cost) -> Cost:
    if most <= 1:
        return Cost(inside.unbounded, inside.choices + 1 - least, True)
    if inside.repeats:
        raise PatternError("a repeat inside a repeat is not supported in patterns")
    if inside.choices > 1:
        raise PatternError("alternatives inside a repeat are not supported in patterns")
    if most - least > _FAR:
        return Cost(1, 1, True)
    return Cost(0, most - least + 1, True)
