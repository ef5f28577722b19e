# SPDX-License-Identifier: GPL-2.0-only
"""What each command does: a verb gets the console and its arguments and returns a ``Result``; it moves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kernelmodel import motion
from kernelmodel.expr import EvalError, ExprError, evaluate, number
from kernelmodel.expr import parse as parse_expr
from kernelmodel.motion import Motion, Poll
from kernelmodel.snapshot import Snapshot, View
from kernelmodel.stops import StopEnv
from tui.commands import Command, CommandError, Console, Line, Move, Result, usages
from tui.marks import marks
from tui.paint import allocator, changes, events, orders, source, stack, table, timeline, vmas
from tui.paint import breaks as breaks_pane
from tui.paint.look import Look
from tui.paint.rows import clean, plain

_WIDTH = 78
"""Columns of textual output."""
_MOST = 1_000_000
"""Largest count of a motion."""


def _count(line: Line) -> int:
    if not line.args:
        return 1
    try:
        count = number(line.args)
    except ExprError as error:
        raise CommandError(f"a count is a number: {error.message}", line.start) from None
    if not 1 <= count <= _MOST:
        raise CommandError(f"a count is 1 … {_MOST}", line.start)
    return count


def _repeat(move: Callable[..., Motion], console: Console, count: int) -> Move:
    """``move`` so often, ended early by a breakpoint or an end."""

    def run(poll: Poll | None) -> Motion:
        moved = move(console.session, breaks=console.breaks, poll=poll)
        for _ in range(count - 1):
            if moved.reason:
                break
            moved = move(console.session, breaks=console.breaks, poll=poll)
        return moved

    return run


def _mover(move: Callable[..., Motion]) -> Callable[[Console, Line], Result]:
    return lambda console, line: Result(move=_repeat(move, console, _count(line)))


def _stepper(move: Callable[..., Motion]) -> Callable[[Console, Line], Result]:
    def verb(console: Console, line: Line) -> Result:
        count = _count(line)
        return Result(move=lambda poll: move(console.session, count, console.breaks, poll))

    return verb


def _goto(console: Console, line: Line) -> Result:
    here, word = console.session.step, line.args
    if word == "start":
        return Result(move=lambda poll: motion.goto(console.session, 0, poll))
    if word == "end":
        return Result(move=lambda poll: motion.cont(console.session, None, poll))
    sign = word[:1] if word[:1] in ("+", "-") else ""
    try:
        value = number(word.lstrip("+-#"))
    except ExprError:
        raise CommandError("goto N, +N, -N, start or end", line.start) from None
    aim = here + value if sign == "+" else here - value if sign == "-" else value
    return Result(move=lambda poll: motion.goto(console.session, aim, poll))


def _fallback(direction: int) -> Callable[[Console, Line], Result]:
    return lambda console, line: Result(move=lambda poll: motion.fallback(console.session, direction, poll))


def _restart(console: Console, line: Line) -> Result:
    return Result(move=lambda poll: motion.goto(console.session, 0, poll))


def _answer(console: Console, line: Line) -> Result:
    snap = look_at(console)
    possible = (*snap.outcomes, *snap.forcible)
    if not possible:
        raise CommandError("nothing is asked here: answers belong to allocations and charges")
    if line.args not in possible:
        raise CommandError("this decision takes " + ", ".join(possible), line.start if line.args else -1)
    return Result(move=lambda poll: answer(console, line.args))


def answer(console: Console, outcome: str) -> Motion:
    """Answer the present decision and stand at the next stop; a new answer forks the run here."""
    return Motion(console.session.advance(outcome))


def _break(console: Console, line: Line) -> Result:
    return _add(console, line, temporary=False)


def _tbreak(console: Console, line: Line) -> Result:
    return _add(console, line, temporary=True)


def _add(console: Console, line: Line, temporary: bool) -> Result:
    location, word, rest = line.args.partition(" ")
    call = source.selected(look_at(console))
    if not location or location == "if" or location.isdecimal():
        if call is None:
            raise CommandError("no function is running: name one, FUNCTION:LINE", line.start)
        if location == "if":
            rest, word = f"if {rest}", " "
        location = f"{call.function}:{location if location.isdecimal() else call.line}"
    made = console.breaks.add(location + word + rest, temporary=temporary)
    return Result([f"breakpoint {made.number}: {made.text}" + (" (once)" if temporary else "")])


def _numbers(console: Console, line: Line) -> list[int]:
    if not line.args:
        return [each.number for each in console.breaks]
    wanted = []
    for word in line.args.split():
        if not word.isdecimal() or console.breaks.get(int(word)) is None:
            raise CommandError(f"no breakpoint {word}", line.text.index(word, line.start))
        wanted.append(int(word))
    return wanted


def _delete(console: Console, line: Line) -> Result:
    gone = [each for each in _numbers(console, line) if console.breaks.delete(each)]
    return Result(["deleted " + (" ".join(map(str, gone)) or "nothing")])


def _switch(on: bool) -> Callable[[Console, Line], Result]:
    def verb(console: Console, line: Line) -> Result:
        for each in _numbers(console, line):
            console.breaks.enable(each, on)
        return Result(_lines(breaks_pane.paint, console))

    return verb


def _print(console: Console, line: Line) -> Result:
    if not line.args:
        raise CommandError("print what?", line.start)
    try:
        value = evaluate(parse_expr(line.args), StopEnv(console.session, console.session.step))
    except EvalError:
        for call in reversed(look_at(console).calls):
            for local in call.locals:
                if local.name == line.args:
                    return Result([f"{local.name} = {clean(local.text)}"])
        raise
    return Result([f"{clean(line.args)} = {value}" + (f"  {value:#x}" if value > 9 else "")])


def _info(console: Console, line: Line) -> Result:
    names = [name for name in _INFO if line.args and name.startswith(line.args)]
    if not names:
        raise CommandError("info " + ", ".join(_INFO), line.start)
    return Result(_lines(_INFO[names[0]], console))


def _list(console: Console, line: Line) -> Result:
    return Result(_lines(source.paint, console, 11))


def _where(console: Console, line: Line) -> Result:
    return Result(_lines(stack.paint, console))


def _frame(by: int) -> Callable[[Console, Line], Result]:
    def verb(console: Console, line: Line) -> Result:
        move_frame(console, by)
        call = source.selected(look_at(console))
        return Result([f"{call.function}:{call.line}" if call else "no call"])

    return verb


def move_frame(console: Console, by: int) -> None:
    """Select another call, ``by`` calls further in; stays within the stack."""
    snap = look_at(console)
    console.frame = max(0, min(snap.frame + by, len(snap.calls) - 1)) if snap.calls else -1


def look_at(console: Console) -> Snapshot:
    """The present snapshot with the selected frame, in a size fit for text."""
    return console.session.snapshot(View(frame=console.frame, events=32))


def _lines(paint: Callable[[Snapshot, Look, int, int], list[Any]], console: Console, height: int = 60) -> list[str]:
    rows = paint(look_at(console), Look(breaks=marks(console.breaks)), _WIDTH, height)
    return [clean(plain(row)).rstrip() for row in rows]


def _help(console: Console, line: Line) -> Result:
    if not line.args:
        return Result([f"{usage:<30} {words}" for usage, words in usages()], help=True)
    found = [command for command in COMMANDS if command.name.startswith(line.args) or line.args in command.aliases]
    if not found:
        raise CommandError(f"no command {line.args!r}", line.start)
    return Result([f"{command.usage:<30} {command.help}" for command in found])


def _quit(console: Console, line: Line) -> Result:
    return Result(quit=True)


_INFO: dict[str, Callable[[Snapshot, Look, int, int], list[Any]]] = {
    "breakpoints": breaks_pane.paint, "locals": stack.paint, "orders": orders.paint, "table": table.paint,
    "ptes": table.paint, "buddy": allocator.paint, "allocator": allocator.paint, "vmas": vmas.paint,
    "events": events.paint, "timeline": timeline.paint, "changes": changes.paint, "source": source.paint,
}  # fmt: skip

COMMANDS = (
    Command("step", ("s",), "step [N]", "to the next decision", _stepper(motion.step), True),
    Command("next", ("n",), "next [N]", "... not inside the functions called from here", _mover(motion.next_), True),
    Command("finish", ("f",), "finish [N]", "out of this function", _mover(motion.finish), True),
    Command("continue", ("c",), "continue [N]", "to the next breakpoint, or the end", _mover(motion.cont), True),
    Command("reverse-step", ("rs",), "reverse-step [N]", "the same, backwards", _stepper(motion.reverse_step), True),
    Command("reverse-next", ("rn",), "reverse-next [N]", "", _mover(motion.reverse_next), True),
    Command("reverse-finish", ("rf",), "reverse-finish [N]", "", _mover(motion.reverse_finish), True),
    Command("reverse-continue", ("rc",), "reverse-continue [N]", "", _mover(motion.reverse_continue), True),
    Command("fallback", (), "fallback", "to the next fallback", _fallback(1), True),
    Command("reverse-fallback", (), "reverse-fallback", "to the fallback before", _fallback(-1), True),
    Command("goto", (), "goto N|+N|-N|start|end", "to a stop by its number", _goto),
    Command("run", ("r",), "run", "back to the first stop; breakpoints stay", _restart),
    Command("answer", (), "answer OUTCOME", "what-if: answer for the environment, here", _answer),
    Command("break", ("b",), "break [LOC] [if EXPR]", "LOC: KIND, KIND:OUTCOME, FUNCTION, FUNCTION:LINE, LINE", _break),
    Command("tbreak", (), "tbreak [LOC] [if EXPR]", "a breakpoint that stops once", _tbreak),
    Command("delete", ("d",), "delete [N ...]", "delete breakpoints; all without a number", _delete),
    Command("enable", (), "enable [N ...]", "switch breakpoints on", _switch(True)),
    Command("disable", (), "disable [N ...]", "switch breakpoints off", _switch(False)),
    Command("print", ("p",), "print EXPR", "value of a C expression, unsigned 64-bit", _print),
    Command("info", (), "info WHAT", "breakpoints, locals, orders, table, buddy, vmas, events, changes", _info),
    Command("list", ("l",), "list", "source around the current line", _list),
    Command("where", ("bt", "w"), "where", "call stack", _where),
    Command("up", ("u",), "up", "select the caller", _frame(-1)),
    Command("down", (), "down", "select the callee", _frame(1)),
    Command("help", ("h",), "help [COMMAND]", "this list", _help),
    Command("quit", ("q",), "quit", "end the session", _quit),
)
