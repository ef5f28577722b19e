# SPDX-License-Identifier: GPL-2.0-only
"""The command language: one table for the prompt on the screen, the plain prompt, scripts, keys, completion and help.

``Console.execute`` parses a line and says what to do; it moves nothing itself, so that a front end may run a long
motion beside its screen.  What a motion came to is told by ``Console.arrived``.  Every line and every answer goes into
``Console.log``, which is the same whichever front end is used.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from kernelmodel.motion import Motion, Poll
from kernelmodel.stops import Breakpoints
from kernelmodel.text_fault import TextFault
from tui.paint.rows import cells, clean
from tui.places import Places, Spot
from tui.settings import Settings
from tui.told import display, place_lines

if TYPE_CHECKING:
    from kernelmodel.expr import Expr
    from kernelmodel.session import Session
    from tui.other import Other
    from tui.verbs.explore import Explored

Move = Callable[[Poll | None], Motion]
"""A motion that has not happened yet."""

PROMPT = "(thp) "
MORE_PROMPT = ">"
"""Prompt of the lines between ``commands`` and ``end``."""
TEXTUAL = ("help", "setting", "witness")
"""What may be asked of a screen and is told in lines as well."""
MAX_LOG = 20_000
"""Lines of the console that are kept."""
MAX_QUEUE = 100_000
"""Lines that wait, and lines that breakpoints may execute before the user is asked again."""


@dataclass(slots=True)
class Result:
    """What a line means: text to show, and what the front end has to do."""

    lines: list[str] = field(default_factory=list)
    error: bool = False
    failed: bool = False
    """Whether it found something wrong, without being an error itself: a check that failed."""
    move: Move | None = None
    work: Work | None = None
    """Something long that moves nothing; what it comes to is said and done as if it were the line's own."""
    quick: bool = False
    """Whether the motion is short enough to be made between two keys."""
    jump: bool = False
    """Whether the motion goes along the list of jumps and is none itself."""
    quit: bool = False
    ask: tuple[str, str] | None = None
    """Something that only a screen can do: (name, argument)."""
    shell: tuple[str, str] | None = None
    """A command line for the user's shell, and its standard input."""


Work = Callable[[Poll | None], Result]
"""Something long that moves nothing, and has not happened yet."""


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
    group: str
    takes: tuple[str, ...] = ()
    """What its arguments are, for completion: ``location``, ``expr``, ``mark`` …"""
    repeats: bool = False
    """Whether an empty line does it again."""
    more: str = ""
    """More help, for ``help COMMAND`` and the reference."""


class Console:
    """The command line of one debugging session: what is selected, marked, displayed, and what was said."""

    def __init__(self, session: Session, breaks: Breakpoints) -> None:
        self.session = session
        self.breaks = breaks
        breaks.check = self.check
        self.frame = -1
        """Index into ``Snapshot.calls``; -1 is the innermost modelled function.  Each motion resets it."""
        self.cpu = -1
        """CPU in view; -1 is the one that stopped."""
        self.places = Places()
        self.settings = Settings()
        self.displays: dict[int, str] = {}
        """Expressions shown after each motion, by number."""
        self.aliases: dict[str, str] = {}
        self.history: list[str] = []
        """Lines that the user typed, oldest first."""
        self.log: list[str] = []
        self.queue: deque[tuple[str, bool]] = deque()
        """Lines that wait to be executed (scripts, commands of a breakpoint), and whether they may reach the shell."""
        self.last_motion = ""
        self.keep: Callable[[list[str]], str] | None = None
        """Told what is to be remembered whenever that changes; answers with what the user is to be told, mostly ''."""
        self.keep_line: Callable[[str], str] | None = None
        """Likewise, told each line that the user typed."""
        self._kept: list[str] = []
        self.collecting: tuple[int, list[str]] | None = None
        """Breakpoint whose commands are being typed, and the lines so far."""
        self.other: Other | None = None
        """The run of another variant that follows this one, if there is one."""
        self.compared = ""
        """Its variant, also after it was closed."""
        self.explored: Explored | None = None
        """What was found by the exploration that was made last."""
        self.doing = ""
        """What something long that is under way tells of itself."""
        self._left = MAX_QUEUE
        self._from: Spot | None = None
        """Where the motion under way began."""

    def check(self, expr: Expr, followed: bool) -> None:
        """``ExprError`` for an expression with a name that nothing here has; ``followed`` from stop to stop or not."""
        from kernelmodel.expr.unknown import checker

        checker(each.name for each in self.session.scenario.vmas)(expr, followed)

    # -- lines -----------------------------------------------------------------------------------------
    @property
    def prompt(self) -> str:
        """What stands before the line that is typed next."""
        return MORE_PROMPT if self.collecting else PROMPT

    def typed(self, text: str) -> Result:
        """Execute a line that the user typed."""
        text = text.rstrip()
        if text and self.collecting is None:
            if self.history[-1:] != [text]:
                self.history.append(text)
            if self.keep_line is not None and (complaint := self.keep_line(text)):
                self.put([complaint])
        self._left = MAX_QUEUE
        return self.execute(text)

    def execute(self, text: str, trusted: bool = True) -> Result:
        """Never raises for what a user may type: an error is a result with ``error`` set and a caret in its lines.

        ``trusted``: whether the line may reach the user's shell (lines of a file may not).
        """
        typed = self.prompt + text
        self.put([typed])
        result = self._execute(text.rstrip(), trusted)
        result.lines = [shown(line) for line in result.lines]
        again = result.error and result.lines[:1] == [shown(typed).rstrip()]
        self.put(result.lines[again:])
        if result.error:
            self.queue.clear()
            self.collecting = None
        elif result.move is not None:
            if not result.jump:
                self._from = Spot(self.session, self.session.step)
            if self.other is not None:
                result.move = self._both(result.move)
        elif complaint := self._remember():
            self.put(complaint)
            result.lines += complaint
        return result

    def since(self) -> int:
        """The step with which the panes compare, -1 for the stop before."""
        diff = self.settings.diff
        if diff == "last":
            return -1
        if diff == "start":
            return 0
        if diff in self.places.marks:
            return self.places.marks[diff]
        return int(diff) if diff.isdecimal() else -1

    def watched(self) -> tuple[str, ...]:
        """Expressions in view: displays, then what watchpoints watch."""
        watches = (each.watch.text for each in self.breaks if each.watch is not None)
        return tuple(dict.fromkeys([*self.displays.values(), *watches]))

    def remembered(self) -> list[str]:
        """The command lines that bring breakpoints and displays back."""
        return [*self.breaks.script(), *(f"display {text}" for text in self.displays.values())]

    def restore(self, lines: Iterable[str]) -> list[str]:
        """Execute such lines, of an earlier session; those that mean nothing (any more).

        What belongs to a breakpoint that can't be made is left out with it, and so is every other command: the file may
        have been written by someone else.
        """
        said, troubles = len(self.log), []
        number, inside = 0, False
        for line in lines:
            word, _, rest = line.partition(" ")
            if inside:
                inside = line != "end"
                self._restore(line, number)
            elif word in ("disable", "ignore", "commands"):
                inside = word == "commands"
                self._restore(f"{word} {number} {rest.partition(' ')[2]}", number)
            elif word in ("break", "watch", "display") and self._restore(line, 1):
                number = max((each.number for each in self.breaks), default=0)
            else:
                number = 0
                troubles.append(line)
        del self.log[said:]
        self.queue.clear()
        self.collecting = None
        self._kept = self.remembered()
        return troubles

    def _restore(self, line: str, number: int) -> bool:
        """Whether such a line of breakpoint ``number`` (0: of none) meant something."""
        return bool(number) and not self.execute(line, trusted=False).error

    def _remember(self) -> list[str]:
        """Have breakpoints and displays kept, if they have changed; what the user is to be told of it."""
        if self.keep is None or (lines := self.remembered()) == self._kept:
            return []
        self._kept = lines
        return [complaint] if (complaint := self.keep(lines)) else []

    def wait(self, lines: Iterable[str], trusted: bool = False, first: bool = False) -> None:
        """Have lines executed after the present one, before or after those that wait already.

        ``CommandError`` if that makes too many; then none waits any more.
        """
        more = [(line, trusted) for line in lines]
        if first:
            self.queue.extendleft(reversed(more))
        else:
            self.queue.extend(more)
        if len(self.queue) > MAX_QUEUE:
            self.queue.clear()
            raise CommandError(f"more than {MAX_QUEUE} lines wait: all of them are dropped")

    def next(self) -> Result | None:
        """Execute the line that has waited longest; None if none waits."""
        if not self.queue:
            return None
        self._left -= 1
        if self._left < 0:
            self.queue.clear()
            words = [f"stopped after {MAX_QUEUE} lines without one from you"]
            self.put(words)
            return Result(words, error=True)
        return self.execute(*self.queue.popleft())

    def put(self, lines: Iterable[str]) -> None:
        """Say something."""
        self.log += [shown(line).rstrip() for line in lines]
        if len(self.log) > MAX_LOG + MAX_LOG // 10:
            del self.log[:-MAX_LOG]

    def _execute(self, text: str, trusted: bool) -> Result:
        if self.collecting is not None:
            return self._collect(text.strip())
        if text.lstrip().startswith("#"):
            return Result()
        if not text.strip():
            text = self.last_motion if trusted else ""
        start = len(text)
        try:
            text, *rest = separate(self._expand(text))
            if not text:
                return Result()
            self.wait(rest, trusted, first=True)
            command, line = parse(text)
            start = line.start
            if command.name in ("shell", "pipe") and not trusted:
                raise CommandError(f"{command.name} works at the prompt only, not from a file")
            result = perform(self, command, line)
        except CommandError as error:
            return Result(with_caret(self.prompt, text, error.message, error.col), error=True)
        except TextFault as error:
            return Result(with_caret(self.prompt, text, str(error), start + error.column()), error=True)
        if command.repeats:
            self.last_motion = text
        return result

    def _collect(self, text: str) -> Result:
        assert self.collecting is not None
        number, lines = self.collecting
        if text != "end":
            lines.append(text)
            return Result()
        self.collecting = None
        self.breaks.set_commands(number, lines)
        return Result()

    def _expand(self, text: str) -> str:
        """The line with its alias, if it begins with one, replaced; not again inside the replacement."""
        word, blank, rest = text.lstrip().partition(" ")
        known = self.aliases.get(word)
        return text if known is None else known + blank + rest

    def finished(self, result: Result) -> Result:
        """Something long has ended with this."""
        result.lines = [shown(line) for line in result.lines]
        self.put(result.lines)
        return result

    # -- motions ---------------------------------------------------------------------------------------
    def arrived(self, moved: Motion) -> list[str]:
        """A motion has ended: remember the jump, have the breakpoint's commands wait, and say where the run stands."""
        if self._from is not None and (
            self._from.session is not self.session or abs(self._from.step - self.session.step) > 1
        ):
            self.places.left(self._from)
        self._from = None
        self.frame = self.cpu = -1
        lines = [f"#{step} log: {text}" for step, text in self.breaks.take_log()]
        if moved.reason and moved.reason != moved.stop.text:
            lines.append(moved.reason)
        lines += place_lines(self.session)
        if self.other is not None:
            lines += self.other.lines()
        for number, text in self.displays.items():
            lines.append(f"{number}: {display(self.session, text, self.frame, self.cpu)}")
        self.put(lines)
        if moved.hit is not None and moved.hit.commands:
            try:
                self.wait(moved.hit.commands, first=True)
            except CommandError as error:
                lines.append(error.message)
                self.put([error.message])
        return lines

    def _both(self, move: Move) -> Move:
        """The motion, and the second run after it."""

        def run(poll: Poll | None) -> Motion:
            moved = move(poll)
            if self.other is None:
                return moved
            from tui.other import IMPOSSIBLE

            try:
                self.other.follow(self.session, poll)
            except IMPOSSIBLE as error:
                closed = f"{self.other.kernel} can't run this and is closed: {error}"
                self.other = None
                return moved._replace(reason="; ".join(filter(None, (moved.reason, closed))))
            return moved

        return run

    def become(self, session: Session) -> None:
        """Go on with another run."""
        self.places.change(self.session, session)
        self.session = session
        self.breaks.check = self.check
        self.frame = self.cpu = -1


_PATTERN = r"\s*(?:rev\w*\s+)?(?:ed[a-z-]*\s+\d+|(?!p)[\w-]+)\s+/(?:\\.|[^/\\])*/"
_COMMAND = re.compile(rf'(?:{_PATTERN})?(?:"(?:\\.|[^"\\])*"|[^;])*')
"""A command up to its ``;``, which does not count in quotes and in the ``/pattern/`` of a location."""
_OUTSIDE = re.compile(r"\s*(?:!|\||shell\b|pipe\b)")
"""The beginning of a command whose ``;`` belong to the user's shell."""


def separate(text: str) -> list[str]:
    """The commands of a line; at least one, perhaps empty."""
    if ";" not in text:
        return [text]
    parts, at = [], 0
    while at <= len(text):
        if _OUTSIDE.match(text, at):
            parts.append(text[at:].strip())
            break
        found = _COMMAND.match(text, at)
        assert found is not None
        parts.append(found.group().strip())
        at = found.end() + 1
    return [part for part in parts if part] or [""]


def parse(text: str) -> tuple[Command, Line]:
    """The command that a line names, and its arguments; ``CommandError`` if there is none or more than one."""
    begin = len(text) - len(text.lstrip())
    end = begin + (text[begin : begin + 1] in ("!", "|"))
    while end < len(text) and text[begin] not in "!|" and (text[end].isalpha() or text[end] == "-"):
        end += 1
    word = text[begin:end]
    rest = text[end:]
    start = end + len(rest) - len(rest.lstrip())
    return find(word, text, begin), Line(text, text[start:].strip(), start)


def perform(console: Console, command: Command, line: Line) -> Result:
    """Execute one command; ``CommandError`` for arguments where it takes none."""
    if line.args and command.usage == command.name:
        raise CommandError(f"{command.name} takes nothing more", line.start)
    return command.verb(console, line)


def find(word: str, text: str, begin: int = 0) -> Command:
    """The command of that name, alias or unique prefix; ``CommandError`` with a suggestion if there is none."""
    from tui.verbs.motion import COMMANDS as motions

    # most keys are motions: the rest of the table is loaded when another command is named
    found = [command for command in motions if word == command.name]
    found = found or [command for command in table() if word == command.name or word in command.aliases]
    if not found and word:
        found = [command for command in table() if command.name.startswith(word)]
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandError(f"{word} could be " + ", ".join(command.name for command in found), begin)
    from difflib import get_close_matches

    close = get_close_matches(word, [command.name for command in table()], 1)
    hint = f"did you mean {close[0]}?" if close else "help lists the commands"
    raise CommandError(f"no command {word or ascii(text[begin : begin + 1])}; {hint}", begin)


def table() -> tuple[Command, ...]:
    """Every command, in the order of the help."""
    from tui.verbs.table import COMMANDS

    return COMMANDS


def shown(text: str) -> str:
    """The text as it is shown: tabs as blanks, what a terminal would obey escaped."""
    return clean(text.replace("\t", "    "))


def with_caret(prompt: str, text: str, message: str, col: int) -> list[str]:
    """A caret under the fault of a line, with the message behind it; the message alone if ``col`` is negative."""
    if col < 0:
        return [message]
    return [shown(prompt + text), " " * cells(shown(prompt + text[:col])) + "^ " + message]
