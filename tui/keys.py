# SPDX-License-Identifier: GPL-2.0-only
"""The one table of actions: id, keys, label, help.  Footer, ``?`` and key dispatch are made from it."""

from __future__ import annotations

from typing import NamedTuple


class Action(NamedTuple):
    """What a key does."""

    id: str
    keys: tuple[str, ...]
    """As the terminal library names them: ``s``, ``left_square_bracket``, ``ctrl+q``."""
    shown: str
    """As footer and help write them."""
    label: str
    """Footer text; '' keeps the action out of the footer."""
    help: str
    group: str
    rank: int = 99
    """Footer priority, lowest first."""


MOVE, LOOK, REST = "move", "look and decide", "the rest"

ACTIONS = (
    Action("exec.step", ("s", "f11"), "s", "step", "to the next decision, into every function", MOVE, 1),
    Action("exec.next", ("n", "f10"), "n", "next", "to the next decision of this function or its callers", MOVE, 2),
    Action("exec.finish", ("f", "shift+f11"), "f", "fin", "until this function has returned", MOVE, 3),
    Action("exec.cont", ("c", "f5"), "c", "cont", "to the next breakpoint or the end", MOVE, 4),
    Action("exec.back", (), "SNFC", "back", "the same, backwards", MOVE, 5),
    Action("exec.rstep", ("S",), "S", "", "back to the decision before", MOVE),
    Action("exec.rnext", ("N",), "N", "", "back to the decision before in this function or its callers", MOVE),
    Action("exec.rfinish", ("F",), "F", "", "back to where this function was called", MOVE),
    Action("exec.rcont", ("C",), "C", "", "back to the breakpoint before, or to the start", MOVE),
    Action("nav.fallback_prev", ("left_square_bracket",), "[", "", "to the fallback before", MOVE),
    Action("nav.fallback_next", ("right_square_bracket",), "]", "", "to the next fallback", MOVE),
    Action("nav.fallback", (), "[ ]", "fallback", "previous and next fallback", MOVE, 7),
    Action("nav.first", ("g",), "g", "", "to the start", MOVE),
    Action("nav.last", ("G",), "G", "", "to the end (runs there)", MOVE),
    Action("exec.restart", ("r",), "r", "", "restart: to the first stop; breakpoints stay", MOVE),
    Action("bp.toggle", ("b", "f9"), "b", "break", "toggle: on the line, or on the event's kind", LOOK, 6),
    Action("whatif", ("a",), "a", "answer", "at a decision of the environment: choose its outcome", LOOK, 10),
    Action("frame.up", ("u",), "u", "", "the caller's source and locals", LOOK),
    Action("frame.down", ("d",), "d", "", "the callee's source and locals", LOOK),
    Action("show.where", ("w", "v"), "w v", "", "focus call stack and locals", LOOK),
    Action("focus.next", ("tab",), "Tab", "", "next pane; the digits 1 … 9 and 0 by number", LOOK),
    Action("focus.prev", ("shift+tab",), "S-Tab", "", "pane before", LOOK),
    Action("view.zoom", ("z",), "z", "zoom", "this pane on the whole screen; Esc goes back", LOOK, 11),
    Action("cursor", (), "↑↓←→", "", "in the pane; also j k h l, PgUp PgDn, Space Backspace, Home End", LOOK),
    Action("enter", ("enter",), "Enter", "", "events, timeline: go to the step under the cursor", LOOK),
    Action("cmd", ("colon",), ":", "cmd", "command line; help lists the commands", REST, 8),
    Action("help", ("question_mark", "f1"), "?", "help", "this help", REST, 0),
    Action("back", ("escape",), "Esc", "", "close what is open", REST),
    Action("interrupt", ("ctrl+c",), "^C", "", "stop a long run", REST),
    Action("redraw", ("ctrl+l",), "^L", "", "draw the screen again", REST),
    Action("quit", ("Q", "ctrl+q"), "Q", "quit", "quit", REST, 9),
    Action("quit.hint", ("q",), "q", "", "only says that Q quits", REST),
)
"""Every action of the default preset."""

MOVES = {
    "up": "up", "k": "up", "down": "down", "j": "down", "left": "left", "h": "left", "right": "right", "l": "right",
    "pageup": "page_up", "backspace": "page_up", "pagedown": "page_down", "space": "page_down",
    "home": "home", "end": "end",
}  # fmt: skip
"""Keys that move inside the focused pane."""

KEYMAP = {key: action.id for action in ACTIONS for key in action.keys}
"""Key name → action id."""
