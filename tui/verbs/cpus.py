# SPDX-License-Identifier: GPL-2.0-only
"""Commands about several CPUs: which is looked at, which runs."""

from __future__ import annotations

from kernelmodel.motion import Motion, Poll
from tui.commands import Command, CommandError, Console, Line, Result
from tui.paint.cpus import awaited
from tui.verbs import args
from tui.verbs.run import forked
from tui.verbs.text import pane_lines


def _cpu(console: Console, line: Line) -> Result:
    cpu = _number(console, line)
    if line.args:
        console.cpu, console.frame = cpu, -1
    return Result([f"cpu{cpu} is in view", *pane_lines(console, "cpus")])


def _number(console: Console, line: Line) -> int:
    """The argument as a CPU; without one, that in view."""
    known = range(console.session.m.nr_cpus)
    if not line.args:
        return args.look_at(console).view_cpu
    if line.args not in map(str, known):
        raise CommandError("CPUs are " + ", ".join(map(str, known)), line.start)
    return int(line.args)


def _take(console: Console, line: Line) -> Result:
    cpu = _number(console, line)
    _must_run(console, cpu, line)
    return Result(move=lambda poll: take(console, cpu), quick=True)


def _must_run(console: Console, cpu: int, line: Line) -> None:
    """``CommandError`` with the reason why a CPU can't go on."""
    session = console.session
    if session.can_run(cpu):
        return
    if session.finished and session.step == session.last:
        raise CommandError("the run ends here; S or goto go back", line.start if line.args else -1)
    snap = args.look_at(console)
    view = snap.cpus[cpu]
    words = "has nothing left to do" if view.state == "done" else f"waits for {awaited(view, snap)}"
    raise CommandError(f"cpu{cpu} {words}", line.start if line.args else -1)


def take(console: Console, cpu: int) -> Motion:
    """One stop forward with this CPU; where another one went on, what was known behind here is forgotten."""
    session, breaks = console.session, console.breaks
    here, another = session.step, session.step < session.last and session.next_cpu() != cpu
    breaks.begin(session)
    stop = session.advance(None, cpu)
    lost = forked(console, here) if another else ""
    hit = breaks.match(session, session.step) if session.step > here else None
    return Motion(stop, hit, hit.words if hit is not None else lost)


def begin(console: Console, line: Line) -> Result:
    """The run from its start with a CPU of the user's choice: what was known of it is forgotten."""
    cpu = _number(console, line)
    if not console.session.cpus.programs[cpu]:
        raise CommandError(f"cpu{cpu} has nothing to do", line.start)

    def run(poll: Poll | None) -> Motion:
        stop = console.session.begin(cpu)
        return Motion(stop, None, forked(console, 0))

    return Result(move=run, quick=True)


GROUP = "cpus"

COMMANDS = (
    Command("cpu", (), "cpu [N]", "look at another CPU; the run does not change", _cpu, GROUP, ("cpu",)),
    Command(
        "take", (), "take [N]", "one stop forward with CPU N (with the one in view)", _take, GROUP, ("cpu",), True,
        more="step, next and continue run the CPU that the scenario's schedule says, then the one that ran until it ends or "
        "waits. take runs another one: from there on the run is a new one, and its token says who ran.",
    ),
)  # fmt: skip
