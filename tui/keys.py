# SPDX-License-Identifier: GPL-2.0-only
"""The one table of actions: id, keys, label, help.  Footer, ``?`` and key dispatch are made from it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
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


ACTIONS = (
    Action("exec.step", ("s", "f11"), "s", "step", "to the next decision, into every function", "move", 1),
    Action("exec.next", ("n", "f10"), "n", "next", "to the next decision of this function or its callers", "move", 2),
    Action("exec.finish", ("f", "shift+f11"), "f", "finish", "until this function has returned", "move", 3),
    Action("exec.cont", ("c", "f5"), "c", "cont", "to the next breakpoint or the end", "move", 4),
    Action("exec.back", (), "SNFC", "back", "the same, backwards", "move", 5),
    Action("exec.rstep", ("S",), "S", "", "back to the decision before", "move"),
    Action("exec.rnext", ("N",), "N", "", "back to the decision before in this function or its callers", "move"),
    Action("exec.rfinish", ("F",), "F", "", "back to where this function was called", "move"),
    Action("exec.rcont", ("C",), "C", "", "back to the breakpoint before, or to the start", "move"),
    Action("nav.fallback_prev", ("left_square_bracket",), "[", "", "to the fallback before", "move"),
    Action("nav.fallback_next", ("right_square_bracket",), "]", "", "to the next fallback", "move"),
    Action("nav.fallback", (), "[ ]", "fallback", "previous and next fallback", "move", 7),
    Action("nav.first", ("g",), "g", "", "to the start", "move"),
    Action("nav.last", ("G",), "G", "", "to the end (runs there)", "move"),
    Action("exec.restart", ("r",), "r", "", "restart: to the first stop; breakpoints stay", "move"),
    Action("bp.toggle", ("b", "f9"), "b", "break", "toggle: on the line, or on the event's kind", "look and decide", 6),
    Action("whatif", ("a",), "a", "answer", "at a decision of the environment: choose its outcome", "look and decide", 8),
    Action("frame.up", ("u",), "u", "", "the caller's source and locals", "look and decide"),
    Action("frame.down", ("d",), "d", "", "the callee's source and locals", "look and decide"),
    Action("show.where", ("w", "v"), "w v", "", "focus call stack and locals", "look and decide"),
    Action("focus.next", ("tab",), "Tab", "", "next pane (Shift+Tab: the one before; 1 … 9, 0: by number)", "look and decide"),
    Action("focus.prev", ("shift+tab",), "S-Tab", "", "pane before", "look and decide"),
    Action("view.zoom", ("z",), "z", "zoom", "this pane on the whole screen; Esc goes back", "look and decide", 10),
    Action("cursor", (), "↑↓←→", "", "move in the pane (also j k h l, PgUp PgDn, Space Backspace, Home End)", "look and decide"),
    Action("enter", ("enter",), "Enter", "", "events, timeline: go to the step under the cursor", "look and decide"),
    Action("cmd", ("colon",), ":", "cmd", "command line; help lists the commands", "rest", 9),
    Action("help", ("question_mark", "f1"), "?", "help", "this help", "rest", 0),
    Action("back", ("escape",), "Esc", "", "close what is open", "rest"),
    Action("interrupt", ("ctrl+c",), "^C", "", "stop a long run", "rest"),
    Action("redraw", ("ctrl+l",), "^L", "", "draw the screen again", "rest"),
    Action("quit", ("Q", "ctrl+q"), "Q", "quit", "quit", "rest", 11),
    Action("quit.hint", ("q",), "q", "", "only says that Q quits", "rest"),
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
