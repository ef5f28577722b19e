# SPDX-License-Identifier: GPL-2.0-only
"""The command language: one table for the prompt on the screen, the plain prompt, ``-ex``, completion and help.

``Console.execute`` parses a line and says what to do; it moves nothing itself, so that a front end may run a long
motion beside its screen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.expr import EvalError, ExprError
from kernelmodel.locations import LocationError
from kernelmodel.motion import Motion, Poll
from kernelmodel.stops import Breakpoints

if TYPE_CHECKING:
    from kernelmodel.session import Session

Move = Callable[[Poll | None], Motion]
"""A motion that has not happened yet."""

PROMPT = "(thp) "


@dataclass(slots=True)
class Result:
    """What a line means: text to show, and what the front end has to do."""

    lines: list[str] = field(default_factory=list)
    error: bool = False
    move: Move | None = None
    quit: bool = False
    help: bool = False


class CommandError(Exception):
    """A line that means nothing; ``col`` counts characters of the line from 0, -1 if no place is at fault."""

    def __init__(self, message: str, col: int = -1) -> None:
        super().__init__(message)
        self.message = message
        self.col = col


class Line(NamedTuple):
    """A command with its argument text."""

    text: str
    args: str
    start: int
    """Column of the argument text in the line, from 0."""


Verb = Callable[["Console", Line], Result]


class Command(NamedTuple):
    """One row of the table."""

    name: str
    aliases: tuple[str, ...]
    usage: str
    help: str
    verb: Verb
    repeats: bool = False
    """Whether an empty line does it again."""


class Console:
    """The command line of one debugging session: its selected frame and what an empty line repeats."""

    def __init__(self, session: Session, breaks: Breakpoints) -> None:
        self.session = session
        self.breaks = breaks
        self.frame = -1
        """Index into ``Snapshot.calls``; -1 is the innermost modelled function.  Each motion resets it."""
        self.last_motion = ""

    def execute(self, text: str) -> Result:
        """Never raises for what a user may type: an error is a result with ``error`` set and a caret in its lines."""
        text = text.rstrip()
        if text.lstrip().startswith("#"):
            return Result()
        if not text.strip():
            text = self.last_motion
            if not text:
                return Result()
        try:
            command, line = parse(text)
            result = command.verb(self, line)
        except CommandError as error:
            return Result(with_caret(text, error.message, error.col), error=True)
        except LocationError as error:
            return Result(with_caret(text, str(error), _argument(text)), error=True)
        except ExprError as error:
            return Result(with_caret(text, error.message, _expression(text) + error.col - 1), error=True)
        except EvalError as error:
            return Result(with_caret(text, error.message, _argument(text)), error=True)
        if command.repeats:
            self.last_motion = text
        return result


def parse(text: str) -> tuple[Command, Line]:
    """The command that a line names, and its arguments; ``CommandError`` if there is none or more than one."""
    begin = len(text) - len(text.lstrip())
    end = begin
    while end < len(text) and (text[end].isalpha() or text[end] == "-"):
        end += 1
    word = text[begin:end]
    rest = text[end:]
    start = end + len(rest) - len(rest.lstrip())
    return _find(word, text, begin), Line(text, text[start:].strip(), start)


def _find(word: str, text: str, begin: int) -> Command:
    found = [command for command in table() if word == command.name or word in command.aliases]
    if not found and word:
        found = [command for command in table() if command.name.startswith(word)]
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandError(f"{word} could be " + ", ".join(command.name for command in found), begin)
    close = get_close_matches(word, [command.name for command in table()], 1)
    hint = f"did you mean {close[0]}?" if close else "help lists the commands"
    raise CommandError(f"no command {word or ascii(text[begin : begin + 1])}; {hint}", begin)


def table() -> tuple[Command, ...]:
    """Every command, in the order of the help."""
    from tui.verbs import COMMANDS

    return COMMANDS


def usages() -> list[tuple[str, str]]:
    """(usage, help) of every command."""
    return [(command.usage, command.help) for command in table()]


def complete(text: str) -> list[str]:
    """Command names that begin with ``text``."""
    return [command.name for command in table() if text and command.name.startswith(text)]


def with_caret(text: str, message: str, col: int) -> list[str]:
    """The line as typed and a caret under the fault with the message behind it."""
    if col < 0:
        return [message]
    col = min(col, len(text))
    return [PROMPT + text, " " * (len(PROMPT) + col) + "^ " + message]


def _argument(text: str) -> int:
    """Column where the arguments begin."""
    body = text.lstrip()
    _, space, rest = body.partition(" ")
    return len(text) - len(rest.lstrip()) if space and rest.strip() else len(text)


def _expression(text: str) -> int:
    """Column where the expression of a ``print`` or of a condition begins."""
    begin = _argument(text)
    before, word, after = text.partition(" if ")
    if word:
        begin = len(before) + len(word) + len(after) - len(after.lstrip())
    return begin
