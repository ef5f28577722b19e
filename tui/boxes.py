# SPDX-License-Identifier: GPL-2.0-only
"""Keys of an open box: help and output scroll, a choice takes, the palette filters as one types."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from tui.commands import table
from tui.paint.layout import PANES
from tui.paint.overlay import Overlay
from tui.paint.overlay import page as overlay_page
from tui.paint.rows import Row
from tui.settings import LAYOUTS, THEMES

if TYPE_CHECKING:
    from tui.desk import Desk

_FAR = 100_000


def overlay_key(desk: Desk, key: str, box: Overlay) -> bool:
    """Whether the open box took the key; every other key closes it and goes on."""
    page = overlay_page(box, desk.height)
    action = desk.keys.action(key)
    if box.kind in ("help", "output") and action.startswith("search."):
        if action == "search.open":
            desk.ask("search", "", "/")
        else:
            find_in_box(desk, box, box.search, 1 if action == "search.next" else -1)
        return True
    where = desk.keys.move(key) or key
    by = {"up": -1, "down": 1, "page_up": -page, "page_down": page, "home": -_FAR, "end": _FAR}.get(where, 0)
    if by:
        box.move(by, page)
    elif key == "enter" and box.take is not None:
        desk.overlay = None
        box.take(box.selected)
        return True
    else:
        desk.overlay = None
        if key not in ("escape", "enter", "q") and action != "help":
            return False
    desk.draw()
    return True


def find_in_box(desk: Desk, box: Overlay, text: str, direction: int) -> None:
    """Bring the next row with a text into view."""
    found = bool(text) and box.find(text, direction, overlay_page(box, desk.height))
    desk.draw() if found else desk.say(f"{text!a} is not there", "warn")


class Entry(NamedTuple):
    """A line of the palette."""

    name: str
    keys: str
    words: str
    do: Callable[[Desk], None]


def entries(desk: Desk) -> list[Entry]:
    """Everything that can be chosen: actions with their keys, commands, panes, themes, layouts, marks, events."""
    found = [
        Entry(each.help, desk.keys.shown(each.id, every=True), each.id, _act(each.id))
        for each in desk.keys.actions
        if each.keys and not each.id.startswith(("palette", "back", "enter", "quit.hint"))
    ]
    found += [Entry(f":{each.usage}", "", each.help, _prompt(each.name, each.usage)) for each in table()]
    for command, names in (("pane", PANES), ("theme", THEMES), ("layout", LAYOUTS)):
        found += [Entry(f":{command} {name}", "", "", _execute(f"{command} {name}")) for name in names]
    for name, step in desk.console.places.marks.items():
        found.append(Entry(f":jump {name}", "", f"mark at #{step}", _execute(f"jump {name}")))
    for event in desk.snap.events:
        words = f"{event.kind}:{event.outcome or event.reason}"
        found.append(Entry(f":goto {event.step}", "", words, _execute(f"goto {event.step}")))
    return found


def _act(action: str) -> Callable[[Desk], None]:
    return lambda desk: desk.act(action)


def _execute(text: str) -> Callable[[Desk], None]:
    return lambda desk: desk.execute(text)


def _prompt(name: str, usage: str) -> Callable[[Desk], None]:
    """Execute a command that takes nothing; open the prompt for the rest."""
    if " " not in usage and "[" not in usage:
        return _execute(name)
    return lambda desk: desk.ask("command", f"{name} ")


def open_palette(desk: Desk) -> None:
    """All of it, to be narrowed down by typing words."""
    _fill(desk, "")
    desk.ask("palette", "", "> ")


def _fill(desk: Desk, text: str) -> None:
    words = text.lower().split()
    shown = [each for each in entries(desk) if all(word in " ".join(each[:3]).lower() for word in words)]
    shown.sort(key=lambda each: text.lower().strip() not in each.name.lower())
    rows: list[Row] = [((f" {each.keys:<9}", "key"), (each.name, ""), (f"  {each.words}", "dim")) for each in shown]
    take = (lambda at: shown[at].do(desk)) if shown else None
    desk.overlay = Overlay(
        "palette", "palette: type words, Enter takes", rows or [((" nothing has these words", "dim"),)],
        selected=0, take=take, filter=text,
    )  # fmt: skip


def palette_key(desk: Desk, key: str) -> bool:
    """Whether the palette took the key; ``changed``: the words have changed."""
    box = desk.overlay
    if box is None or key == "escape":
        desk.asking, desk.overlay = "", None
    elif key == "changed":
        _fill(desk, desk.prompt.text)
    elif key in ("up", "down", "pageup", "pagedown"):
        page = overlay_page(box, desk.height)
        box.move({"up": -1, "down": 1, "pageup": -page, "pagedown": page}[key], page)
    elif key == "enter":
        desk.asking, desk.overlay = "", None
        if box.take is not None:
            box.take(box.selected)
        return True
    else:
        return False
    desk.draw()
    return True
