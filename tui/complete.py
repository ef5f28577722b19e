# SPDX-License-Identifier: GPL-2.0-only
"""What the word under the cursor of a command line could become, from the table of commands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Protocol

from kernelmodel.decision import KINDS
from tui.filenames import filenames

MOST = 200
"""Candidates that are given."""

_PART = re.compile(r'(?:"(?:\\.|[^"\\])*"?|[^;])*')
"""A command up to its ``;``, which does not count in quotes."""
_WORD = re.compile(r'(?:(?<!\S)/(?:\\.|[^/\\])*/?|"(?:\\.|[^"\\])*"?|\([^()"]*\)?|[^\s"(])+')
"""A word of a command: blanks do not end it in quotes, in parentheses and in the ``/pattern/`` at its beginning."""
_CHAIN = re.compile(r"(?<![\w.])(?<!->)(?:[A-Za-z_]\w*(?:\[[^\[\]]*\])*(?:->|\.))*(?:[A-Za-z_]\w*)?\Z")
"""The end of an expression that names something: ``vmf->vma->vm_st``."""
_PIECE = re.compile(r"\{[^{}]*\Z")
"""An expression inside a log text that is not closed yet."""
_KEYWORD = re.compile(r"\[([a-z]+)(?=[ \]])|(?<![\w-])(--?[a-z]+)")
"""Words that the usage of a command spells out: ``[if EXPR]``, ``[temp]``, ``--since``."""
_AFTER = {"if": "expr", "cpu": "cpu", "-o": "file", "--since": "mark", "--variant": "variant"}
"""What follows such a word."""
_REPEATED = ("break", "display", "mark", "number", "file", "variant")
"""What may stand several times at the end of a command."""
_LOCATION_WORDS = ("if", "cpu", "hits", "temp", "log")
"""What may follow the location of a breakpoint."""


class Takes(Protocol):
    """What completion reads of a command."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Its short names."""

    @property
    def usage(self) -> str:
        """``break [LOC] [if EXPR]``."""

    @property
    def takes(self) -> tuple[str, ...]:
        """Kinds of its arguments."""


class Context(Protocol):
    """Who knows the names of this session."""

    def candidates(self, kind: str, word: str) -> list[str]:
        """What a word of that kind may be, in an order fit to be shown; what does not begin with ``word`` is dropped.

        An ``expr`` is asked with the chain under the cursor (``vmf->vm``) and answers with whole chains.  Of a
        ``location`` the functions are asked, perhaps with lines; of a setting's value the setting itself is the kind.
        """


def complete(text: str, at: int, context: Context, commands: Sequence[Takes] | None = None) -> tuple[int, list[str]]:
    """Where the word that ends at column ``at`` begins, and at most 200 candidates for it, each beginning with it."""
    if commands is None:
        from tui.commands import table

        commands = table()
    begin, body = _command(text[:at])
    if body.lstrip().startswith(("#", "!", "|")):
        return at, []
    kind, word, more = _asked(body, commands)
    found = _candidates(kind, word, context, commands)
    return begin + len(body) - len(word), _fit([*more, *found], word)


def _command(text: str) -> tuple[int, str]:
    """The command that the text ends in: its column and its text."""
    at = 0
    while True:
        match = _PART.match(text, at)
        assert match is not None
        if match.end() >= len(text):
            return at, text[at:]
        at = match.end() + 1


def _asked(body: str, commands: Sequence[Takes]) -> tuple[str, str, list[str]]:
    """The kind of the word at the end of a command, the word, and fixed words that may stand there."""
    words = [match[0] for match in _WORD.finditer(body)]
    if not words or not body.endswith(words[-1]):
        words.append("")
    if len(words) == 1:
        return "command", words[0], []
    command = _find(words[0].partition("/")[0], commands)
    if command is None:
        return "", words[-1], []
    if words[-1] != "=":
        words = [word for word in words if word != "="]
    return _argument(command, words[1:], body)


def _argument(command: Takes, words: list[str], body: str) -> tuple[str, str, list[str]]:
    """Likewise, of the last of a command's arguments."""
    word, before = words[-1], words[-2] if len(words) > 1 else ""
    takes = command.takes
    piece = _PIECE.search(body) if '"' in body else None
    if piece is not None:
        return _expression(piece[0][1:])
    if "expr" in takes and len(words) > takes.index("expr"):
        return _expression(body)
    fixed = [a or b for a, b in _KEYWORD.findall(command.usage)]
    behind = words[takes.index("location") : -1] if "location" in takes else []
    if behind:
        if "if" in behind:
            return _expression(body)
        if before in _AFTER:
            return _AFTER[before], word, []
        unsaid = [each for each in _LOCATION_WORDS if each not in behind]
        return "", word, [] if "if" not in fixed or before == "log" or "hits" in behind[-2:] else unsaid
    if before in _AFTER and before in fixed:
        return _AFTER[before], word, []
    return _kind(takes, words), word, [each for each in fixed if each.startswith("-") and word.startswith("-")]


def _expression(text: str) -> tuple[str, str, list[str]]:
    """What names something at the end of an expression; nothing behind a number."""
    match = _CHAIN.search(text)
    return ("expr", match[0], []) if match else ("", "", [])


def _kind(takes: tuple[str, ...], words: list[str]) -> str:
    """The kind of the last of these arguments."""
    at = len(words) - 1
    if at < len(takes):
        return takes[at]
    if takes and takes[-1] == "setting":
        return words[0] if len(words) == 2 else ""
    return takes[-1] if takes and takes[-1] in _REPEATED else ""


def _find(word: str, commands: Iterable[Takes]) -> Takes | None:
    """The command of that name, alias or unique prefix."""
    found = [each for each in commands if word == each.name or word in each.aliases]
    found = found or [each for each in commands if each.name.startswith(word)]
    return found[0] if len(found) == 1 else None


def _candidates(kind: str, word: str, context: Context, commands: Sequence[Takes]) -> list[str]:
    if not kind:
        return []
    if kind == "file":
        return filenames(word, MOST)
    found = context.candidates(kind, word)
    if kind == "command":
        return [*(each.name for each in commands), *found]
    if kind == "location":
        return [*_kinds(word), *found]
    return found


def _kinds(word: str) -> list[str]:
    """Decision kinds, and after ``kind:`` its outcomes."""
    from kernelmodel.stops.attrs import ENDS, OUTCOMES
    from kernelmodel.stops.locations import ALIASES

    kind, colon, _ = word.partition(":")
    if colon:
        return [f"{kind}:{outcome}" for outcome in OUTCOMES.get(kind, "").split()]
    return [*KINDS, *ALIASES, *ENDS]


def _fit(found: Iterable[str], word: str) -> list[str]:
    """Those that begin with the word, once each."""
    return list(dict.fromkeys(each for each in found if each.startswith(word)))[:MOST]
