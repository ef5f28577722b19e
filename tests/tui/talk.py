# SPDX-License-Identifier: GPL-2.0-only
"""Talking to a console on a real run, as a front end does."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import strategies as st

from kernelmodel.functions import functions
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints
from tests.build import session as built
from tests.runs import shipped
from tui.commands import Console, Result, table

MANY = 60
"""Accesses of a long run."""

WORDS = [word for command in table() for word in (command.name, *command.aliases)]
ARGUMENTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "1", "2 3", "-1", "0", "i", "orders[i]", "pte(0x7f0000005000)", "fallback if i", "a", "/x 1", "start", "end", "+3",
         "NULL", "thp.enabled never", "variant v2", "-o x", "--log", "a = step", "1 fallback", "/a/", '"', "x = y", "last"]
    ),
)  # fmt: skip


def console(name: str = "seed/unfit.toml", variant: str | None = None) -> Console:
    """A console on a shipped scenario, at its first stop."""
    return Console(Session(shipped(name), variant), Breakpoints(functions()))


def long_run() -> Console:
    """A console on a run of about a thousand stops."""
    events = "".join(f'\n[[event]]\ncpu = 0\nwrite = "heap+{n << 16:#x}"\n' for n in range(MANY))
    return Console(built(events=events), Breakpoints(functions()))


def go(console: Console, *lines: str, poll: Callable[[int], bool] | None = None) -> list[str]:
    """Type lines, make their motions, let what waits be executed; what the last one had said."""
    said = len(console.log)
    for line in lines:
        said = len(console.log)
        carry_out(console, console.typed(line), poll)
        while (waiting := console.next()) is not None:
            carry_out(console, waiting, poll)
    return console.log[said + 1 :]


def carry_out(console: Console, result: Result, poll: Callable[[int], bool] | None = None) -> None:
    if result.move is not None:
        console.arrived(result.move(poll))
    elif result.work is not None:
        console.finished(result.work(poll))


def fails(console: Console, line: str) -> tuple[int, str]:
    """Type a line that is an error: the column under which its caret stands (-1: there is none), and the message."""
    result = console.typed(line)
    assert result.error
    assert result.move is None
    if len(result.lines) == 1:
        return -1, result.lines[0]
    blank, _, message = result.lines[1].partition("^ ")
    return len(blank) - len(result.lines[0]) + len(result.lines[0].removeprefix("(thp) ")), message


def state(console: Console) -> tuple[object, ...]:
    """Everything that an error must leave alone."""
    session, places = console.session, console.places
    breaks = [
        (each.number, each.command, each.enabled, each.hits, each.ignore, tuple(each.commands), each.temporary)
        for each in console.breaks
    ]
    return (
        session, session.step, session.last, session.digest(), dict(session.answers), breaks, dict(places.marks),
        list(places._behind), list(places._ahead), dict(console.displays), dict(console.aliases), console.settings.diff,
        console.settings.theme, console.settings.layout, console.frame, console.cpu, console.collecting,
        list(console.queue),
    )  # fmt: skip
