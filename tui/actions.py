# SPDX-License-Identifier: GPL-2.0-only
"""What the keys do that stand for no whole command line: matters of the screen, and lines that the cursor completes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tui.paint.allocator import VIEWS
from tui.paint.layout import PANES
from tui.paint.layouts import LAYOUTS, grow, minimise
from tui.paint.layouts import choose as choose_layout
from tui.paint.overlay import Overlay
from tui.paint.rows import Row
from tui.paint.under import expression, location, number_of, step_of

if TYPE_CHECKING:
    from tui.desk import Desk

Do = Callable[["Desk"], None]


# -- lines that the cursor completes -----------------------------------------------------------------
def _located(command: str) -> Do:
    """A command on the line, event or breakpoint under the cursor."""

    def do(desk: Desk) -> None:
        place = location(desk.snap, desk.look)
        if place:
            desk.execute(f"{command} {place}")
        else:
            desk.say(f"{command}: no line and no event is under the cursor here")

    return do


def _toggle(desk: Desk) -> None:
    if desk.look.focus == "breaks" and (number := number_of(desk.snap, desk.look)):
        desk.execute(f"delete {number}")
    else:
        _located("toggle")(desk)


def _edit_break(desk: Desk) -> None:
    """Open the prompt on the breakpoint under the cursor, or on a new one there."""
    number = number_of(desk.snap, desk.look)
    found = desk.breaks.get(number) if number else None
    if found is not None and found.watch is None:
        desk.ask("command", f"edit-break {number} {found.text}")
    elif found is not None:
        desk.ask("command", f"condition {number} ")
    else:
        place = location(desk.snap, desk.look)
        desk.ask("command", f"break {place} if " if place else "break ")


def _enable(desk: Desk) -> None:
    number = number_of(desk.snap, desk.look)
    found = desk.breaks.get(number) if number else None
    if found is None:
        desk.say("no breakpoint is under the cursor")
    else:
        desk.console.execute(f"{'disable' if found.enabled else 'enable'} {number}")
        desk.say(f"breakpoint {number} {'on' if found.enabled else 'off'}: {found.text}")
        desk.refresh()


def _print(desk: Desk) -> None:
    desk.ask("command", f"print {expression(desk.snap, desk.look)}")


def _change(command: str) -> Do:
    def do(desk: Desk) -> None:
        text = expression(desk.snap, desk.look)
        if text:
            desk.execute(f"{command} {text}")
        else:
            desk.say(f"{command}: put the cursor on a variable, a PTE or a watched expression")

    return do


def _enter(desk: Desk) -> None:
    focus = desk.look.focus
    if focus == "source":
        _located("until")(desk)
    elif (step := step_of(desk.snap, desk.look)) >= 0:
        desk.execute(f"goto {step}")
    elif focus in ("stack", "orders", "table", "watch") and (text := expression(desk.snap, desk.look)):
        desk.execute(f"last {text}")
    elif focus == "allocator" and desk.look.allocator == "map":
        ACTIONS["alloc.finer"](desk)
    elif focus == "cpus" and (row := desk.look.row.get("cpus", 0)) < len(desk.snap.cpus):
        desk.execute(f"take {desk.snap.cpus[row].cpu}")
    elif focus == "breaks" and (number := number_of(desk.snap, desk.look)):
        found = desk.breaks.get(number)
        if found is not None:
            desk.execute(f"until {found.location.text}" if found.watch is None else f"next-change {found.watch.text}")
    else:
        desk.say(
            "Enter: runs to the line (source), goes to the step (events, timeline), runs the CPU (cpus), "
            "tells who wrote it (stack, table)"
        )


def choose(desk: Desk) -> None:
    """Open the list of outcomes that the present decision takes."""
    snap = desk.snap
    if snap.event is None or not (snap.outcomes or snap.forcible):
        desk.say("nothing is asked here: the environment answers allocations and charges only")
        return
    outcomes = (*snap.outcomes, *snap.forcible)
    rows: list[Row] = []
    for at, outcome in enumerate(outcomes):
        note = "natural" if at == 0 and snap.outcomes else ""
        if outcome in snap.forcible:
            note = "forced: puts its cause into the machine"
        taken = "  ← taken" if outcome == snap.event.outcome else ""
        rows.append(((f" {outcome:<12}", "bold"), (note, "dim"), (taken, "dim")))
    desk.overlay = Overlay(
        "choose", f"{snap.event.site or snap.event.kind} =", rows, selected=0,
        take=lambda at: desk.execute(f"answer {outcomes[at]}"),
    )  # fmt: skip
    desk.draw()


# -- one more key ------------------------------------------------------------------------------------
def _wait_for(action: str, words: str) -> Do:
    def do(desk: Desk) -> None:
        desk.pending = action
        desk.say(words, "key")

    return do


def _mark(desk: Desk, key: str, character: str) -> None:
    if character.isascii() and character.isalpha():
        desk.execute(f"mark {character}")
    else:
        desk.say("a mark is a letter: nothing was marked")


def _tomark(desk: Desk, key: str, character: str) -> None:
    if character == "'":
        desk.execute("back")
    elif character.isascii() and character.isalpha():
        desk.execute(f"jump {character}")
    else:
        desk.say("a mark is a letter")


PENDING: dict[str, Callable[[Desk, str, str], None]] = {"nav.mark": _mark, "nav.tomark": _tomark}
"""What the next key means, by the action that waits for it."""


# -- the screen --------------------------------------------------------------------------------------
def focus_number(desk: Desk, digit: str) -> None:
    """Focus the pane of a number key."""
    show(desk, PANES[(int(digit) - 1) % 10])


def show(desk: Desk, pane: str) -> None:
    """Focus a pane."""
    desk.look.show(pane)
    desk.refresh()


def _focus(by: int) -> Do:
    return lambda desk: show(desk, PANES[(PANES.index(desk.look.focus) + by) % len(PANES)])


def _zoom(desk: Desk) -> None:
    desk.look.zoom = not desk.look.zoom
    desk.refresh()


def _grow(rows: int, columns: int) -> Do:
    def do(desk: Desk) -> None:
        grow(desk.look, desk.look.focus, rows, columns, desk.width, desk.height)
        desk.refresh()

    return do


def _minimise(desk: Desk) -> None:
    minimise(desk.look, desk.look.focus, desk.width, desk.height)
    desk.refresh()


def _next_layout(desk: Desk) -> None:
    names = list(LAYOUTS)
    desk.execute(f"layout {names[(names.index(desk.look.layout) + 1) % len(names)]}")


def _diff(desk: Desk) -> None:
    """Compare with: the stop before, the start, each mark in turn."""
    names = ["last", "start", *desk.console.places.marks]
    now = desk.console.settings.diff
    at = names.index(now) + 1 if now in names else 0
    desk.execute(f"set diff {names[at % len(names)]}")


def _second(desk: Desk) -> None:
    """The second run off, or on again; ask for its variant where there was none."""
    if desk.console.other is not None:
        desk.execute("compare off")
    elif desk.console.compared:
        desk.execute("compare")
    else:
        desk.ask("command", "compare ")


def look_at_cpu(desk: Desk, cpu: int) -> None:
    """Call stack, source and locals of another CPU."""
    desk.console.cpu, desk.console.frame = cpu, -1
    desk.look.line = 0
    desk.look.row.pop("cpus", None)
    desk.refresh()


def _cpu(by: int) -> Do:
    def do(desk: Desk) -> None:
        cpus = [each.cpu for each in desk.snap.cpus]
        if len(cpus) < 2:
            desk.say("this scenario has one CPU")
            return
        look_at_cpu(desk, cpus[(cpus.index(desk.snap.view_cpu) + by) % len(cpus)])

    return do


def _allocator(change: Callable[[Desk], None]) -> Do:
    """A change of what the allocator shows; from another pane only the way there."""

    def do(desk: Desk) -> None:
        if desk.look.focus == "allocator":
            change(desk)
        show(desk, "allocator")

    return do


def _next_view(desk: Desk) -> None:
    look = desk.look
    look.allocator = VIEWS[(VIEWS.index(look.allocator) + 1) % len(VIEWS)]
    look.tops.pop("allocator", None)


def _next_zone(desk: Desk) -> None:
    look, last = desk.look, len(desk.snap.zone_names) - 1
    look.zone = -1 if look.zone == last else (desk.snap.zone_at + 1) % (last + 1)
    look.cell_at = look.scale = -1


def _scale(by: int) -> Callable[[Desk], None]:
    """Twice or half as many pageblocks a cell of the map; the first time only its view."""

    def change(desk: Desk) -> None:
        shown = desk.snap.blocks
        if shown is not None:
            desk.look.scale = max(shown.scale + by, 0)
            desk.look.cell_at = shown.cell.first
        desk.look.allocator = "map"

    return change


def _frame(command: str) -> Do:
    def do(desk: Desk) -> None:
        desk.look.line = 0
        desk.execute(command)

    return do


def _back(desk: Desk) -> None:
    desk.look.zoom = False
    desk.look.search = ""
    desk.look.follow()
    desk.eye.pte_at = -1
    desk.console.frame = desk.console.cpu = -1
    desk.refresh()


def _palette(desk: Desk) -> None:
    from tui.boxes import open_palette

    open_palette(desk)


def _search(desk: Desk, text: str) -> None:
    from tui.finding import search

    search(desk, text)


def _again(direction: int) -> Do:
    def do(desk: Desk) -> None:
        from tui.finding import search_again

        search_again(desk, direction)

    return do


def _copy(desk: Desk, what: str = "") -> None:
    from tui import carry

    carry.copy_transcript(desk) if what == "transcript" else carry.copy_pane(desk)


def _shot(desk: Desk, name: str = "") -> None:
    from tui.carry import shot

    shot(desk, name)


def _help(desk: Desk) -> None:
    from tui.paint import helptext
    from tui.verbs.session import help_lines

    desk.overlay = Overlay(
        "help", f"help: {desk.look.focus}", helptext.paint(desk.look.focus, desk.keys, help_lines(), desk.width)
    )
    desk.draw()


def _redraw(desk: Desk) -> None:
    desk.shell.repaint()
    desk.refresh()


def _hint(desk: Desk) -> None:
    desk.say(f"{desk.keys.shown('quit')} quits ({desk.keys.shown('quit.hint')} alone does nothing)")


def _edit(desk: Desk) -> None:
    """The scenario in the user's editor, then the run anew from what it holds."""
    from kernelmodel import scenario
    from tui import outside

    if not outside.editor():
        desk.say("set EDITOR to your editor", "error")
        return
    path = str(scenario.find(desk.session.scenario.name))
    if not desk.shell.aside(lambda: outside.edit(path)):
        desk.say("this terminal can't be lent to an editor", "error")
        return
    desk.execute("reload")


ACTIONS: dict[str, Do] = {
    "exec.tocursor": _located("until"),
    "exec.rtocursor": _located("reverse-until"),
    "nav.change_prev": _change("previous-change"),
    "nav.change_next": _change("next-change"),
    "nav.mark": _wait_for("nav.mark", "mark: a letter, Esc for none"),
    "nav.tomark": _wait_for("nav.tomark", "to mark: a letter; ' for where the last jump began"),
    "bp.toggle": _toggle,
    "bp.edit": _edit_break,
    "bp.enable": _enable,
    "whatif": choose,
    "cmd.print": _print,
    "frame.up": _frame("up"),
    "frame.down": _frame("down"),
    "show.where": lambda desk: show(desk, "stack"),
    "show.vars": lambda desk: show(desk, "stack"),
    "cpu.prev": _cpu(-1),
    "cpu.next": _cpu(1),
    "alloc.view": _allocator(_next_view),
    "alloc.zone": _allocator(_next_zone),
    "alloc.finer": _allocator(_scale(-1)),
    "alloc.coarser": _allocator(_scale(1)),
    "view.second": _second,
    "view.diff": _diff,
    "search.open": lambda desk: desk.ask("search", "", "/"),
    "search.next": _again(1),
    "search.prev": _again(-1),
    "enter": _enter,
    "focus.next": _focus(1),
    "focus.prev": _focus(-1),
    "view.zoom": _zoom,
    "view.grow": _grow(1, 0),
    "view.shrink": _grow(-1, 0),
    "view.minimise": _minimise,
    "view.wider": _grow(0, 2),
    "view.narrower": _grow(0, -2),
    "view.layout": _next_layout,
    "copy.pane": _copy,
    "copy.transcript": lambda desk: _copy(desk, "transcript"),
    "shot": _shot,
    "edit": _edit,
    "cmd": lambda desk: desk.ask("command"),
    "palette": _palette,
    "help": _help,
    "back": _back,
    "interrupt": lambda desk: desk.say(f"nothing is running; {desk.keys.shown('quit')} quits"),
    "redraw": _redraw,
    "suspend": lambda desk: desk.shell.stop_process(),
    "quit.hint": _hint,
}
"""By action id; every other action is a line of the command language."""


# -- what commands ask of a screen -------------------------------------------------------------------
def ask_screen(desk: Desk, name: str, argument: str) -> None:
    """Carry out what a command can't do without a screen."""
    _ASKED[name](desk, argument)


def _layout(desk: Desk, name: str) -> None:
    desk.console.settings.layout = name
    choose_layout(desk.look, name)
    desk.message = ((f" layout {name}", ""),)


def _theme(desk: Desk, name: str) -> None:
    desk.console.settings.theme = desk.look.theme = name
    desk.message = ((f" theme {name}", ""),)
    desk.shell.repaint()


def _setting(desk: Desk, name: str) -> None:
    value = getattr(desk.console.settings, name)
    desk.message = ((f" {name} = {value}", ""),)
    if name == "theme":
        _theme(desk, value)
    elif name == "layout":
        _layout(desk, value)
    elif name == "ascii":
        desk.look.ascii = value == "on"


def _witness(desk: Desk) -> None:
    """What was explored, to choose from."""
    explored = desk.console.explored
    if explored is not None:
        desk.overlay = Overlay(
            "choose", f"explore: {explored.verdict}", [each.row for each in explored.listed],
            selected=next((at for at, each in enumerate(explored.listed) if each.witness is not None), 0),
            take=lambda at: desk.execute(f"witness {at + 1}"),
        )  # fmt: skip


_ASKED: dict[str, Callable[[Desk, str], None]] = {
    "help": lambda desk, _: _help(desk),
    "pane": show,
    "zoom": lambda desk, _: _zoom(desk),
    "layout": _layout,
    "theme": _theme,
    "setting": _setting,
    "search": _search,
    "copy": _copy,
    "shot": _shot,
    "edit": lambda desk, _: _edit(desk),
    "witness": lambda desk, _: _witness(desk),
}
"""By the name in ``Result.ask``."""
