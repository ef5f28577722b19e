# SPDX-License-Identifier: GPL-2.0-only
"""Commands that move through the run."""

from __future__ import annotations

from collections.abc import Callable

from kernelmodel import motion
from kernelmodel.motion import Motion, Poll
from tui.commands import Command, CommandError, Console, Line, Move, Result, Verb
from tui.places import Spot
from tui.verbs import args

QUICK = 16
"""Stops that are made between two keys."""
EVERY = 256
"""Stops after which short motions that are repeated ask whether to go on."""


def _repeat(move: Callable[..., Motion], console: Console, count: int, through: bool = False) -> Move:
    """``move`` so often, ended early by a breakpoint or an end; ``through``: breakpoints are what is counted."""

    def run(poll: Poll | None) -> Motion:
        session = console.session
        moved, asked = move(session, breaks=console.breaks, poll=poll), session.step
        for _ in range(count - 1):
            if moved.hit is None if through else moved.reason:
                break
            if poll is not None and abs(session.step - asked) >= EVERY:
                asked = session.step
                if poll(asked):
                    return Motion(moved.stop, None, motion.INTERRUPTED)
            moved = move(session, breaks=console.breaks, poll=poll)
        return moved

    return run


def _mover(move: Callable[..., Motion]) -> Verb:
    return lambda console, line: Result(move=_repeat(move, console, args.count(line)))


def _stepper(move: Callable[..., Motion]) -> Verb:
    def verb(console: Console, line: Line) -> Result:
        count = args.count(line)
        return Result(move=lambda poll: move(console.session, count, console.breaks, poll), quick=count <= QUICK)

    return verb


def _continue(back: bool) -> Verb:
    move = motion.reverse_continue if back else motion.cont

    def verb(console: Console, line: Line) -> Result:
        if line.args and not line.args.isdecimal():
            return _until(back)(console, line)
        return Result(move=_repeat(move, console, args.count(line), through=True))

    return verb


def _until(back: bool) -> Verb:
    move = motion.until_back if back else motion.until

    def verb(console: Console, line: Line) -> Result:
        place = args.location(console, line)
        return Result(move=lambda poll: move(console.session, place, console.breaks, poll))

    return verb


def _goto(console: Console, line: Line) -> Result:
    if not line.args:
        raise CommandError("goto N, +N, -N, MARK, start or end")
    if line.args == "end":
        return Result(move=lambda poll: motion.cont(console.session, None, poll))
    step = args.step_of(console, line.args, line.start)
    return to_step(console, step)


def to_step(console: Console, step: int) -> Result:
    """Go to a stop; between two keys if it is known."""
    known = step <= console.session.last
    return Result(move=lambda poll: motion.goto(console.session, step, poll), quick=known)


def _fallback(direction: int) -> Verb:
    return lambda console, line: Result(move=lambda poll: motion.fallback(console.session, direction, poll))


def _jump(ahead: bool) -> Verb:
    def verb(console: Console, line: Line) -> Result:
        places = console.places
        spot = (places.forward if ahead else places.back)(Spot(console.session, console.session.step))
        if spot is None:
            raise CommandError("nothing lies ahead: back was not used" if ahead else "no jump was made yet")

        def run(poll: Poll | None) -> Motion:
            console.become(spot.session)
            return motion.goto(spot.session, spot.step, poll)

        return Result(move=run, quick=True, jump=True)

    return verb


def _restart(console: Console, line: Line) -> Result:
    if line.args:
        from tui.verbs.cpus import begin

        return begin(console, line)
    return to_step(console, 0)


def _reverse(console: Console, line: Line) -> Result:
    from tui.commands import find, perform

    word, text, col = args.first(line)
    if not word:
        raise CommandError("reverse COMMAND: which motion?")
    forward = find(word, line.text, line.start)
    names = {command.name: command for command in COMMANDS}
    command = names.get(f"reverse-{forward.name}")
    if command is None:
        raise CommandError(f"{forward.name} has no reverse", line.start)
    return perform(console, command, Line(line.text, text, col))


GROUP = "motion"
BACK = "the same, backwards"
LOC = "location"

COMMANDS = (
    Command("step", ("s",), "step [N]", "to the next decision", _stepper(motion.step), GROUP, ("number",), True),
    Command(
        "next", ("n",), "next [N]", "to the next decision of this function or its callers", _mover(motion.next_),
        GROUP, ("number",), True,
    ),
    Command("finish", ("f",), "finish [N]", "out of this function", _mover(motion.finish), GROUP, ("number",), True),
    Command(
        "continue", ("c",), "continue [N|LOC]", "to the next breakpoint (the Nth), or LOC, or the end",
        _continue(False), GROUP, (LOC,), True,
    ),
    Command("until", (), "until LOC", "on to LOC; breakpoints stop it", _until(False), GROUP, (LOC,), True),
    Command("fallback", (), "fallback", "to the next fallback", _fallback(1), GROUP, (), True),
    Command("reverse-step", ("rs",), "reverse-step [N]", BACK, _stepper(motion.reverse_step), GROUP, ("number",), True),
    Command("reverse-next", ("rn",), "reverse-next [N]", BACK, _mover(motion.reverse_next), GROUP, ("number",), True),
    Command(
        "reverse-finish", ("rf",), "reverse-finish [N]", "back to where this function was called",
        _mover(motion.reverse_finish), GROUP, ("number",), True,
    ),
    Command("reverse-continue", ("rc",), "reverse-continue [N|LOC]", BACK, _continue(True), GROUP, (LOC,), True),
    Command("reverse-until", ("ru",), "reverse-until LOC", BACK, _until(True), GROUP, (LOC,), True),
    Command("reverse-fallback", (), "reverse-fallback", "to the fallback before", _fallback(-1), GROUP, (), True),
    Command("reverse", ("rev",), "reverse COMMAND", "a motion backwards: rev next 3", _reverse, GROUP, ("command",), True),
    Command(
        "goto", (), "goto N|+N|-N|MARK|start|end", "to a stop, exactly: before its effect", _goto, GROUP, ("mark",)
    ),
    Command("back", (), "back", "to where the last jump began", _jump(False), GROUP),
    Command("forward", (), "forward", "to where back came from", _jump(True), GROUP),
    Command(
        "run", ("r",), "run [CPU]", "to the first stop; breakpoints, marks and answers stay; or begin with another CPU",
        _restart, GROUP, ("cpu",),
    ),
)  # fmt: skip
