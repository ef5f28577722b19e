# SPDX-License-Identifier: GPL-2.0-only
"""Commands about breakpoints and watchpoints."""

from __future__ import annotations

from kernelmodel.expr import ExprError, number
from kernelmodel.stops.locations import LocationError
from tui.commands import Command, CommandError, Console, Line, Result, Verb
from tui.marks import toggle
from tui.verbs import args
from tui.verbs.text import pane_lines


def _add(temporary: bool) -> Verb:
    def verb(console: Console, line: Line) -> Result:
        made = args.placed(console, line.args, line.start, lambda text: console.breaks.add(text, temporary=temporary))
        return Result([f"breakpoint {made.number}: {made.text}"])

    return verb


def _toggle(console: Console, line: Line) -> Result:
    return Result([args.placed(console, line.args, line.start, lambda text: toggle(console.breaks, text))])


def _log(console: Console, line: Line) -> Result:
    typed, quote, text = line.args.partition('"')
    if not quote or not typed.strip():
        raise CommandError('log LOC "words {expr} words"', line.start)
    place = args.here(console, typed.strip(), line.start)
    try:
        made = console.breaks.add(f'{place} log "{text}')
    except (LocationError, ExprError) as error:
        inside = error.at - len(place) - len(" log ")
        col = (
            len(typed) + inside if inside >= 0 else min(max(error.at - len(place) + len(typed.strip()), 0), len(typed))
        )
        raise CommandError(str(error), line.start + col) from None
    return Result([f"log point {made.number}: {made.text}"])


def _watch(console: Console, line: Line) -> Result:
    if not line.args:
        raise CommandError("watch what?")
    made = console.breaks.watch(line.args)
    return Result([f"watchpoint {made.number}: {made.text}"])


def _delete(console: Console, line: Line) -> Result:
    gone = [each for each in args.breakpoints(console, line) if console.breaks.delete(each)]
    return Result(["deleted " + (" ".join(map(str, gone)) or "nothing")])


def _switch(on: bool) -> Verb:
    def verb(console: Console, line: Line) -> Result:
        for each in args.breakpoints(console, line):
            console.breaks.enable(each, on)
        return Result(pane_lines(console, "breaks"))

    return verb


def _condition(console: Console, line: Line) -> Result:
    word, text, col = args.first(line)
    found = args.breakpoint_number(console, word, line.start)
    with args.standing(col):
        console.breaks.set_condition(found, text or None)
    return _told(console, found)


def _edit(console: Console, line: Line) -> Result:
    word, text, col = args.first(line)
    found = args.breakpoint_number(console, word, line.start)
    if not text:
        raise CommandError("edit-break N LOC …")
    if (known := console.breaks.get(found)) is not None and known.watch is None:
        args.placed(console, text, col, lambda whole: console.breaks.replace(found, whole))
    else:
        with args.standing(col):
            console.breaks.replace(found, text)
    return _told(console, found)


def _ignore(console: Console, line: Line) -> Result:
    word, text, col = args.first(line)
    found = args.breakpoint_number(console, word, line.start)
    try:
        times = number(text or "0")
    except ExprError as error:
        raise CommandError(f"ignore N COUNT: {error.message}", col) from None
    console.breaks.set_ignore(found, times)
    return Result([f"breakpoint {found}: the next {times} hits are only counted"])


def _commands(console: Console, line: Line) -> Result:
    numbers = [each.number for each in console.breaks]
    if not numbers:
        raise CommandError("there is no breakpoint")
    found = args.breakpoint_number(console, line.args, line.start) if line.args else numbers[-1]
    console.collecting = (found, [])
    return Result([f"commands for breakpoint {found}, one per line; end ends them"])


def _end(console: Console, line: Line) -> Result:
    raise CommandError("end stands after commands N")


def _told(console: Console, number: int) -> Result:
    found = console.breaks.get(number)
    return Result([f"breakpoint {number}: {found.text}" if found else "gone"])


GROUP = "breakpoints"
_LOC = (
    "LOC is KIND, KIND:OUTCOME, KIND(attr=value, …), FUNCTION, FUNCTION:LINE, LINE, /regular expression/ over the event's "
    "text, end, blocked or bug. After it, in any order: cpu N, hits OP N (== != < <= > >= %), temp, log \"text {expr}\"; if EXPR "
    "comes last. Without LOC: the current line. All work backwards."
)  # fmt: skip

COMMANDS = (
    Command("break", ("b",), "break [LOC] [if EXPR]", "stop there", _add(False), GROUP, ("location",), more=_LOC),
    Command("tbreak", (), "tbreak [LOC] [if EXPR]", "stop there once", _add(True), GROUP, ("location",), more=_LOC),
    Command(
        "toggle", (), "toggle [LOC]", "set a plain breakpoint, or delete it", _toggle, GROUP, ("location",)
    ),
    Command(
        "log", (), 'log LOC "text {expr}"', "say something there and go on", _log, GROUP, ("location",),
        more="{expr} is the value in decimal, {expr:x} in hex. A log point never stops; it logs backwards too.",
    ),
    Command(
        "watch", (), "watch EXPR [if EXPR]", "stop where its value has just changed", _watch, GROUP, ("expr",),
        more="Locals have a value in their own call only. Backwards it stops at the same stops as forwards.",
    ),
    Command("delete", ("d",), "delete [N ...]", "delete breakpoints; all without a number", _delete, GROUP, ("break",)),
    Command("enable", (), "enable [N ...]", "switch breakpoints on", _switch(True), GROUP, ("break",)),
    Command("disable", (), "disable [N ...]", "switch breakpoints off", _switch(False), GROUP, ("break",)),
    Command("condition", (), "condition N [EXPR]", "change the condition, or drop it", _condition, GROUP, ("break", "expr")),
    Command("edit-break", (), "edit-break N LOC …", "say a breakpoint anew; keeps its hits", _edit, GROUP, ("break", "location")),
    Command("ignore", (), "ignore N COUNT", "only count the next hits", _ignore, GROUP, ("break", "number")),
    Command(
        "commands", (), "commands [N] … end", "lines to execute when it stops", _commands, GROUP, ("break",),
        more="One command per line, end after the last; none at all removes them. Without N: the last breakpoint.",
    ),
    Command("end", (), "end", "ends the lines of commands", _end, GROUP),
)  # fmt: skip
