# SPDX-License-Identifier: GPL-2.0-only
"""The breakpoints of a debugging session: breakpoints, watchpoints, log points, and what they had to say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # loaded with the first breakpoint, which most sessions don't have at their start
    from kernelmodel.expr.unknown import Check
    from kernelmodel.run_protocol import Run
    from kernelmodel.stops.breakpoint import Breakpoint
    from kernelmodel.stops.text import BreakText

MAX_LOGGED = 10_000
"""Lines of log points that are kept until they are taken."""


class Breakpoints:
    """In the order of their numbers, which count from 1 and are never used twice."""

    def __init__(self, functions: Iterable[str] | Callable[[], Iterable[str]] = (), check: Check | None = None) -> None:
        """``functions``: names of the modelled functions, so that a misspelt one is refused; or who knows them.

        ``check`` refuses expressions that can have no value at any stop (``kernelmodel.expr.unknown.checker``).
        """
        self._functions = functions
        self.check = check
        """May be changed when another scenario is run."""
        self.logged: list[tuple[int, str]] = []
        """(step, text) of the log points that were passed since the last ``take_log``."""
        self._lost = 0
        self._all: dict[int, Breakpoint] = {}
        self._next = 1
        self._at = -1
        """Stop about which ``match`` was asked last without being told which."""

    @property
    def functions(self) -> Iterable[str]:
        """Names of the modelled functions, perhaps with their lengths in lines."""
        if callable(self._functions):
            self._functions = self._functions()
        return self._functions

    def __iter__(self) -> Iterator[Breakpoint]:
        return iter(tuple(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)

    # -- making and changing ---------------------------------------------------------------------------
    def add(self, text: str, condition: str | None = None, *, temporary: bool = False, origin: str = "") -> Breakpoint:
        """A new breakpoint from ``LOC [cpu N] [hits OP N] [temp] [log "text"] [if EXPR]``.

        ``condition`` may be given apart.  ``origin`` says who made it: ``scenario``, ``option``, or '' for the user.
        ``LocationError`` or ``ExprError`` if it means nothing; ``at`` is the column in ``text`` (or ``condition``).
        """
        from kernelmodel.stops.text import expression, parse_break

        said = parse_break(text, self.functions, self.check)
        if condition is not None:
            said = said._replace(condition=expression(condition, check=self.check))
        return self._new(said, temporary, origin)

    def watch(self, text: str, *, origin: str = "") -> Breakpoint:
        """A new watchpoint from ``EXPR`` and the same words: it holds where the value is another than a stop before.

        An expression without a value at the present stop is taken.  Errors as for ``add``.
        """
        from kernelmodel.stops.text import parse_watch

        return self._new(parse_watch(text, self.check), False, origin)

    def replace(self, number: int, text: str) -> Breakpoint | None:
        """Say one anew, a watchpoint as a watchpoint; number, hits, commands and state stay.  None if there is none."""
        found = self._all.get(number)
        if found is not None:
            from kernelmodel.stops.text import parse_break, parse_watch

            if found.said.watch:
                found.say(parse_watch(text, self.check))
            else:
                found.say(parse_break(text, self.functions, self.check))
        return found

    def set_condition(self, number: int, text: str | None) -> Breakpoint | None:
        """Another condition, or none; ``ExprError`` if it means nothing, None if there is no such breakpoint."""
        found = self._all.get(number)
        if found is not None:
            from kernelmodel.stops.text import expression

            found.condition = None if text is None else expression(text, check=self.check)
        return found

    def set_ignore(self, number: int, count: int) -> Breakpoint | None:
        """Only count the next ``count`` hits; None if there is no such breakpoint."""
        found = self._all.get(number)
        if found is not None:
            found.ignore = max(count, 0)
        return found

    def set_commands(self, number: int, lines: Iterable[str]) -> Breakpoint | None:
        """Lines that the front end executes when it stops; None if there is no such breakpoint."""
        found = self._all.get(number)
        if found is not None:
            found.commands = [" ".join(line.split("\n")).strip() for line in lines]
        return found

    def get(self, number: int) -> Breakpoint | None:
        """The breakpoint of that number, None if there is none."""
        return self._all.get(number)

    def delete(self, number: int) -> bool:
        """Whether there was one to delete."""
        return self._all.pop(number, None) is not None

    def enable(self, number: int, on: bool = True) -> bool:
        """Switch one on or off; whether there is one."""
        found = self._all.get(number)
        if found is not None:
            found.enabled = on
        return found is not None

    def _new(self, said: BreakText, temporary: bool, origin: str) -> Breakpoint:
        from kernelmodel.stops.breakpoint import Breakpoint

        made = Breakpoint(self._next, said, origin)
        made.temporary |= temporary
        self._all[made.number] = made
        self._next += 1
        return made

    # -- what they say of a stop -----------------------------------------------------------------------
    def begin(self, run: Run) -> None:
        """A motion begins at the present stop: what watchpoints remember of an earlier one may no longer be so."""
        for each in self._all.values():
            if each.enabled:
                each.begin(run)

    def match(self, run: Run, at: int | None = None) -> Breakpoint | None:
        """The first that stops the run at the present stop, or at a known one; all that hold are counted.

        For another stop than the present the session is moved there only if more than the event is needed, and perhaps
        on from there.  Without ``at`` it stays where it is.
        """
        step = run.step if at is None else at
        if at is None:
            self._follow(step)
        stopped = self._stopped(run, step)
        if at is None and run.step != step:
            run.seek(step)
        if stopped is not None and stopped.temporary:
            del self._all[stopped.number]
        return stopped

    def _follow(self, step: int) -> None:
        """What watchpoints remember holds if the run has only gone on by one stop since it was asked about last."""
        if step != self._at + 1:
            for each in self._all.values():
                each.forget()
        self._at = step

    def _stopped(self, run: Run, step: int) -> Breakpoint | None:
        stopped = None
        for each in tuple(self._all.values()):
            if not each.enabled or not each.holds(run, step) or not each.hit():
                continue
            if each.log is not None and not each.trouble:
                from kernelmodel.expr.env import StopEnv

                self._log(step, each.log.filled(StopEnv(run, step, each.hits)))
                if each.temporary:
                    del self._all[each.number]
            elif stopped is None:
                stopped = each
        return stopped

    def _log(self, step: int, text: str) -> None:
        if len(self.logged) < MAX_LOGGED:
            self.logged.append((step, text))
        else:
            self._lost += 1

    def take_log(self) -> list[tuple[int, str]]:
        """(step, text) of what log points said since the last call; the last one counts those that were not kept."""
        taken, lost = self.logged, self._lost
        self.logged, self._lost = [], 0
        return [*taken, (taken[-1][0], f"… {lost} more lines were not kept")] if lost else taken

    # -- for another day -------------------------------------------------------------------------------
    def script(self, first: int = 1) -> list[str]:
        """Command lines that make these again in a session whose next number is ``first``.

        Temporary ones are left out, and those that have an origin: whoever made them will do it again.
        """
        lines = []
        for number, each in enumerate((e for e in self if not e.temporary and not e.origin), first):
            lines.append(each.command)
            if not each.enabled:
                lines.append(f"disable {number}")
            if each.ignore:
                lines.append(f"ignore {number} {each.ignore}")
            if each.commands:
                lines += [f"commands {number}", *each.commands, "end"]
        return lines
