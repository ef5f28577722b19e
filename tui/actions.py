# SPDX-License-Identifier: GPL-2.0-only
"""What each action of ``keys`` does: one call of a session verb or a change of the look, nothing longer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kernelmodel import motion
from kernelmodel.locations import LocationError
from kernelmodel.motion import Motion, Poll
from tui.commands import usages
from tui.marks import toggle
from tui.paint import events, helptext, source
from tui.paint.layout import PANES
from tui.paint.overlay import Overlay
from tui.paint.rows import Row
from tui.verbs import answer, move_frame

if TYPE_CHECKING:
    from tui.desk import Desk

Do = Callable[["Desk"], None]


def _motion(move: Callable[..., Motion], quick: bool = False) -> Do:
    def do(desk: Desk) -> None:
        desk.go(lambda poll: move(desk.session, breaks=desk.breaks, poll=poll), quick)

    return do


def _fallback(direction: int) -> Do:
    return lambda desk: desk.go(lambda poll: motion.fallback(desk.session, direction, poll))


def _goto(desk: Desk, step: int) -> None:
    desk.go(lambda poll: motion.goto(desk.session, step, poll), quick=step <= desk.session.last)


def _first(desk: Desk) -> None:
    _goto(desk, 0)


def _last(desk: Desk) -> None:
    def run(poll: Poll | None) -> Motion:
        return motion.cont(desk.session, None, poll)

    desk.go(run)


def _enter(desk: Desk) -> None:
    look, snap = desk.look, desk.snap
    if look.focus == "events":
        _goto(desk, events.cursor_step(snap, look))
    elif look.focus == "timeline" and look.mark >= 0:
        _goto(desk, look.mark)
    else:
        desk.say("Enter goes to an event: focus events (9) or timeline (8)")


def _toggle(desk: Desk) -> None:
    snap, look = desk.snap, desk.look
    if look.focus == "events":
        at = events.cursor_step(snap, look)
        location = next((event.kind for event in snap.events if event.step == at), "")
    else:
        call = source.selected(snap)
        location = f"{call.function}:{source.cursor_line(snap, look)}" if call else ""
    if not location:
        desk.say("no line and no event here to break on")
        return
    try:
        words = toggle(desk.breaks, location)
    except LocationError as error:
        desk.say(str(error), "error")
        return
    desk.message = ((f" {words}", ""),)
    desk.refresh()


def _frame(by: int) -> Do:
    def do(desk: Desk) -> None:
        move_frame(desk.console, by)
        desk.look.line = 0
        desk.refresh()

    return do


def choose(desk: Desk) -> None:
    """Open the list of outcomes that the present decision takes."""
    snap = desk.snap
    if snap.event is None or not (snap.outcomes or snap.forcible):
        desk.say("nothing is asked here: the environment answers allocations and charges only")
        return
    rows: list[Row] = []
    for at, outcome in enumerate((*snap.outcomes, *snap.forcible)):
        note = "natural" if at == 0 and snap.outcomes else ""
        if outcome in snap.forcible:
            note = "forced: puts its cause into the machine"
        taken = "  ← taken" if outcome == snap.event.outcome else ""
        rows.append(((f" {outcome:<12}", "bold"), (note, "dim"), (taken, "dim")))
    desk.overlay = Overlay("choose", f"{snap.event.site or snap.event.kind} =", rows, selected=0)
    desk.draw()


def take_choice(desk: Desk) -> None:
    """Answer with the selected outcome; a new one cuts the known run here."""
    snap, box = desk.snap, desk.overlay
    if box is None:
        return
    outcome = (*snap.outcomes, *snap.forcible)[box.selected]
    desk.go(lambda poll: answer(desk.console, outcome), quick=True)


def focus_number(desk: Desk, digit: str) -> None:
    """Focus the pane of a number key."""
    _show(desk, PANES[(int(digit) - 1) % 10])


def _show(desk: Desk, pane: str) -> None:
    desk.look.show(pane)
    desk.refresh()


def _focus(by: int) -> Do:
    return lambda desk: _show(desk, PANES[(PANES.index(desk.look.focus) + by) % len(PANES)])


def _zoom(desk: Desk) -> None:
    desk.look.zoom = not desk.look.zoom
    desk.refresh()


def _back(desk: Desk) -> None:
    desk.look.zoom = False
    desk.look.follow()
    desk.eye.pte_at = -1
    desk.console.frame = -1
    desk.refresh()


def _prompt(desk: Desk) -> None:
    desk.prompt.open()
    desk.asking = True
    desk.draw()


def _help(desk: Desk) -> None:
    desk.overlay = Overlay("help", "help", helptext.paint(usages()))
    desk.draw()


def _redraw(desk: Desk) -> None:
    desk.shell.repaint()
    desk.refresh()


def _quit(desk: Desk) -> None:
    desk.shell.leave()


ACTIONS: dict[str, Do] = {
    "exec.step": _motion(motion.step, quick=True),
    "exec.next": _motion(motion.next_),
    "exec.finish": _motion(motion.finish),
    "exec.cont": _motion(motion.cont),
    "exec.rstep": _motion(motion.reverse_step, quick=True),
    "exec.rnext": _motion(motion.reverse_next),
    "exec.rfinish": _motion(motion.reverse_finish),
    "exec.rcont": _motion(motion.reverse_continue),
    "nav.fallback_prev": _fallback(-1),
    "nav.fallback_next": _fallback(1),
    "nav.first": _first,
    "nav.last": _last,
    "exec.restart": _first,
    "bp.toggle": _toggle,
    "whatif": choose,
    "frame.up": _frame(-1),
    "frame.down": _frame(1),
    "show.where": lambda desk: _show(desk, "stack"),
    "focus.next": _focus(1),
    "focus.prev": _focus(-1),
    "view.zoom": _zoom,
    "enter": _enter,
    "cmd": _prompt,
    "help": _help,
    "back": _back,
    "interrupt": lambda desk: desk.say("nothing is running; Q quits"),
    "redraw": _redraw,
    "quit": _quit,
    "quit.hint": lambda desk: desk.say("Q quits (q alone does nothing)"),
}
"""By action id; every key of ``keys.KEYMAP`` leads to one."""
