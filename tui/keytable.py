# SPDX-License-Identifier: GPL-2.0-only
"""The one table of actions: id, keys, label, help, command.  Footer, ``?``, palette and key dispatch are made from it.

A key stands for a line of the command language wherever there is one, so that keys and prompt are one language.
Digits are no keys of an action: they focus a pane by its number.
"""

from __future__ import annotations

from typing import NamedTuple

MOVE, LOOK, VIEW, REST = "move", "look and decide", "screen", "the rest"


class Action(NamedTuple):
    """What a key does."""

    id: str
    keys: tuple[str, ...]
    """As the terminal library names them: ``s``, ``left_square_bracket``, ``ctrl+q``."""
    label: str
    """Footer text; '' keeps the action out of the footer."""
    help: str
    group: str
    command: str = ""
    """The command line that it stands for; one that ends in a blank is completed by what the cursor is on, or by the
    next key.  '' is a matter of the screen alone."""
    rank: int = 99
    """Footer priority, lowest first."""
    of: tuple[str, ...] = ()
    """Actions that share this row of the footer; such a row has no keys of its own."""
    several: bool = False
    """In the footer only where there are several CPUs."""
    shown: str = ""
    """The keys as footer and help write them; filled in by ``keys.keymap``."""


TABLE = (
    Action("exec.step", ("s", "f11"), "step", "to the next decision, into every function", MOVE, "step", 1),
    Action("exec.next", ("n", "f10"), "next", "to the next decision of this function or its callers", MOVE, "next", 2),
    Action("exec.take", ("x",), "take", "one stop forward with the CPU in view; s, n, f, c run the one that is next",
           MOVE, "take", 9, several=True),
    Action("exec.finish", ("f", "shift+f11"), "fin", "until this function has returned", MOVE, "finish", 3),
    Action("exec.cont", ("c", "f5"), "cont", "to the next breakpoint or the end", MOVE, "continue", 4),
    Action("exec.back", (), "back", "the same, backwards", MOVE, "", 5,
           ("exec.rstep", "exec.rnext", "exec.rfinish", "exec.rcont")),
    Action("exec.rstep", ("S",), "", "back to the decision before", MOVE, "reverse-step"),
    Action("exec.rnext", ("N",), "", "back to the decision before in this function or its callers",
           MOVE, "reverse-next"),
    Action("exec.rfinish", ("F",), "", "back to where this function was called", MOVE, "reverse-finish"),
    Action("exec.rcont", ("C",), "", "back to the breakpoint before, or to the start", MOVE, "reverse-continue"),
    Action("exec.tocursor", ("t",), "here", "run to the line or event under the cursor", MOVE, "until ", 10),
    Action("exec.rtocursor", ("T",), "", "run back to the line or event under the cursor", MOVE, "reverse-until "),
    Action("nav.fallback", (), "fallback", "previous and next fallback", MOVE, "", 9,
           ("nav.fallback_prev", "nav.fallback_next")),
    Action("nav.fallback_prev", ("left_square_bracket",), "", "to the fallback before", MOVE, "reverse-fallback"),
    Action("nav.fallback_next", ("right_square_bracket",), "", "to the next fallback", MOVE, "fallback"),
    Action("nav.change_prev", ("left_curly_bracket",), "", "to the change before of what is under the cursor",
           MOVE, "previous-change "),
    Action("nav.change_next", ("right_curly_bracket",), "", "to the next change of what is under the cursor",
           MOVE, "next-change "),
    Action("nav.first", ("g",), "", "to the start", MOVE, "goto start"),
    Action("nav.last", ("G",), "", "to the end (runs there)", MOVE, "goto end"),
    Action("nav.mark", ("m",), "", "mark this stop; a letter follows", MOVE, "mark "),
    Action("nav.tomark", ("apostrophe",), "", "to a mark; its letter follows, ' again: where the last jump began",
           MOVE, "jump "),
    Action("nav.back", ("ctrl+o",), "", "back to where the last jump began", MOVE, "back"),
    Action("nav.forward", ("ctrl+n",), "", "forward again", MOVE, "forward"),
    Action("exec.restart", ("r",), "", "restart: to the first stop; breakpoints and marks stay", MOVE, "run"),
    Action("bp.toggle", ("b", "f9"), "break", "breakpoint on or off: on the line, or on the event's kind",
           LOOK, "toggle ", 6),
    Action("bp.edit", ("B",), "", "edit the breakpoint: condition, hits, log", LOOK, "edit-break "),
    Action("bp.enable", ("D",), "", "disable the breakpoint, or enable it again", LOOK),
    Action("whatif", ("a",), "answer", "at a decision of the environment: choose its outcome", LOOK, "answer ", 11),
    Action("cmd.print", ("p",), "", "print what is under the cursor, or an expression", LOOK, "print "),
    Action("frame.up", ("u",), "", "the caller's source and locals", LOOK, "up"),
    Action("frame.down", ("d",), "", "the callee's source and locals", LOOK, "down"),
    Action("show.where", ("w",), "", "focus the call stack", LOOK),
    Action("show.vars", ("v",), "", "focus the locals", LOOK),
    Action("cpu", (), "cpu", "the CPU in view", LOOK, "", 9, ("cpu.prev", "cpu.next"), several=True),
    Action("cpu.prev", ("less_than_sign",), "", "the CPU before, in view: its calls, source and locals", LOOK),
    Action("cpu.next", ("greater_than_sign",), "", "the next CPU, in view", LOOK),
    Action("alloc.view", ("V",), "", "the allocator's next view: lists, test, map, pcp, path", LOOK),
    Action("alloc.zone", ("Z",), "", "the allocator's next zone, at last the one of the folio at hand", LOOK),
    Action("alloc.finer", ("i",), "", "the allocator's map finer, around the cursor", LOOK),
    Action("alloc.coarser", ("I",), "", "coarser", LOOK),
    Action("view.second", ("equals_sign",), "", "the same run with another variant, beside this one; again: off",
           LOOK, "compare "),
    Action("view.diff", ("tilde",), "", "differences since the stop before, the start, a mark", LOOK),
    Action("search.open", ("slash",), "search", "search in this pane", LOOK, "search ", 13),
    Action("search.next", ("full_stop",), "", "next match", LOOK),
    Action("search.prev", ("comma",), "", "match before", LOOK),
    Action("enter", ("enter",), "", "act on the row under the cursor: go to its step, run to its line, run its CPU",
           LOOK),
    Action("cursor", (), "", "move in the pane; a page with PgUp PgDn, to the ends with Home End", VIEW, "", 99,
           ("move.up", "move.down", "move.left", "move.right")),
    Action("focus.next", ("tab",), "", "next pane; the digits 1 … 9 and 0 by number", VIEW),
    Action("focus.prev", ("shift+tab",), "", "pane before", VIEW),
    Action("view.zoom", ("z",), "zoom", "this pane on the whole screen; Esc goes back", VIEW, "zoom", 12),
    Action("view.grow", ("plus",), "", "this pane a row higher", VIEW),
    Action("view.shrink", ("minus",), "", "a row lower", VIEW),
    Action("view.minimise", ("underscore",), "", "as low as it goes", VIEW),
    Action("view.wider", ("right_parenthesis",), "", "this pane wider", VIEW),
    Action("view.narrower", ("left_parenthesis",), "", "narrower", VIEW),
    Action("view.layout", ("L",), "", "next layout; layout NAME chooses one", VIEW),
    Action("copy.pane", ("y",), "copy", "copy this pane as text; also written to a file", REST, "copy", 14),
    Action("copy.transcript", ("Y",), "", "copy the run so far as 72-column text for a mail", REST, "copy transcript"),
    Action("shot", ("P",), "", "save the screen as SVG and as text", REST, "shot"),
    Action("edit", ("e",), "", "the scenario in $EDITOR, then load it again", REST, "edit"),
    Action("cmd", ("colon",), "cmd", "command line; help lists the commands, Tab completes", REST, "", 7),
    Action("palette", ("ctrl+p",), "", "every action and command, to choose from", REST),
    Action("help", ("question_mark", "f1"), "help", "help for this pane, keys, commands", REST, "", 0),
    Action("back", ("escape",), "", "close what is open", REST),
    Action("interrupt", ("ctrl+c",), "", "stop a long run", REST),
    Action("redraw", ("ctrl+l",), "", "draw the screen again", REST),
    Action("suspend", ("ctrl+z",), "", "to the shell; fg comes back", REST),
    Action("quit", ("Q", "ctrl+q"), "quit", "quit", REST, "quit", 8),
    Action("quit.hint", ("q",), "", "only says which key quits", REST),
)  # fmt: skip
"""Every action with the keys of the preset ``gdb``."""

MOVE_KEYS = {
    "move.up": ("up", "k"), "move.down": ("down", "j"), "move.left": ("left", "h"), "move.right": ("right", "l"),
    "move.page_up": ("pageup", "backspace"), "move.page_down": ("pagedown", "space"),
    "move.home": ("home",), "move.end": ("end",),
}  # fmt: skip
"""Keys that move inside the focused pane, of the preset ``gdb``."""
