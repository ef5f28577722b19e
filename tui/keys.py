# SPDX-License-Identifier: GPL-2.0-only
"""Which key means what: presets of keys, and the user's own changes to them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from tui.keynames import KeyNameError, names_of, shown
from tui.keytable import MOVE_KEYS, TABLE, Action

PRESETS: dict[str, dict[str, str]] = {
    "gdb": {},
    "cgdb": {
        "exec.step": "s,f10", "exec.next": "f8,o", "exec.finish": "f,f7", "exec.cont": "c,f6", "exec.restart": "r,f5",
        "exec.rstep": "S,shift+left", "exec.rnext": "O,shift+up", "exec.rfinish": "F,shift+f7",
        "exec.rcont": "C,shift+f6", "bp.toggle": "space,b", "search.next": "n,.", "search.prev": "N,comma",
        "move.page_up": "pageup,backspace,ctrl+b", "move.page_down": "pagedown,ctrl+f",
    },
    "vscode": {
        "exec.step": "f11,s", "exec.next": "f10,n", "exec.finish": "shift+f11,f", "exec.cont": "f5,c",
        "exec.rstep": "ctrl+f11,S", "exec.rnext": "ctrl+f10,N", "exec.rcont": "ctrl+f5,C",
        "exec.restart": "ctrl+shift+f5,r", "bp.toggle": "f9,b", "search.open": "ctrl+f,/",
        "search.next": "f3,.", "search.prev": "shift+f3,comma", "quit": "shift+f5,Q,ctrl+q",
    },
    "vim": {
        "exec.next": "o,f10", "exec.rnext": "O", "search.next": "n,.", "search.prev": "N,comma",
        "move.page_up": "pageup,backspace,ctrl+b,ctrl+u", "move.page_down": "pagedown,space,ctrl+f,ctrl+d",
    },
}  # fmt: skip
"""Per preset what differs from the table."""

_TOGETHER = {each.id: each.of for each in TABLE if each.of}

NEEDED = ("quit", "cmd", "help")
"""Actions that keep a key: without them nobody finds out."""


class KeymapError(Exception):
    """Keys that can't be; ``faults`` has an id and words for each, in the order in which they were given."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{name}: {words}" if name else words for name, words in faults))
        self.faults = faults


class Keymap:
    """Which key means what.  Made by ``keymap``."""

    def __init__(self, preset: str, keys: Mapping[str, tuple[str, ...]]) -> None:
        self.preset = preset
        self._keys = dict(keys)
        self._actions = {key: name for name, its in keys.items() if not name.startswith("move.") for key in its}
        self._moves = {key: name[5:] for name, its in keys.items() if name.startswith("move.") for key in its}
        self.actions = tuple(each._replace(keys=self.keys(each.id), shown=self.shown(each.id)) for each in TABLE)
        """Every action with the keys of this keymap, in the order of the table."""

    def action(self, key: str) -> str:
        """The id of the action of a key, '' if it has none."""
        return self._actions.get(key, "")

    def move(self, key: str) -> str:
        """``up``, ``down``, ``left``, ``right``, ``page_up``, ``page_down``, ``home``, ``end``, or ''."""
        return self._moves.get(key, "")

    def keys(self, name: str) -> tuple[str, ...]:
        """The keys of an action (or of ``move.up`` …), the one that is shown first; none for a row of the footer."""
        return self._keys.get(name, ())

    def shown(self, name: str, every: bool = False) -> str:
        """How footer and help write the first key of an action (``every``: all of them): ``s``, ``^P``, ``S-F11``."""
        if name in _TOGETHER:
            texts = [_shortest(self.keys(each)) for each in _TOGETHER[name]]
            return (" " if len(texts) == 2 or any(len(text) > 1 for text in texts) else "").join(texts)
        texts = [shown(key) for key in self.keys(name)]
        return " ".join(texts if every else texts[:1])

    def footer(self, width: int, gap: int = 1, several: bool = False) -> tuple[Action, ...]:
        """The labelled actions that fit into ``width`` cells: chosen by rank, in the order of the table.

        One cell is left free before the first, ``gap`` between two.  ``several``: there are several CPUs.
        """
        room, chosen = width - 1 + gap, []
        labelled = (each for each in self.actions if each.label and (several or not each.several))
        for action in sorted(labelled, key=lambda each: each.rank):
            room -= len(action.shown) + 1 + len(action.label) + gap
            if room < 0:
                break
            chosen.append(action.id)
        return tuple(each for each in self.actions if each.id in chosen)


def _shortest(keys: tuple[str, ...]) -> str:
    return min((shown(key) for key in keys), key=len, default="")


def keymap(preset: str = "gdb", overrides: Mapping[str, str] | None = None) -> Keymap:
    """The keys of a preset with the user's own: id → ``s,f11``, which replaces the keys of that action; '' takes them.

    ``KeymapError`` with every fault: an id or a preset that is not known, a word that is no key, a key that would mean
    two things.
    """
    if preset not in PRESETS:
        raise KeymapError([("", f"no preset {preset!a}; known are {', '.join(PRESETS)}")])
    return _keymap(preset, tuple((overrides or {}).items()))


@lru_cache(8)
def _keymap(preset: str, overrides: tuple[tuple[str, str], ...]) -> Keymap:
    keys = {each.id: each.keys for each in TABLE if not each.of} | MOVE_KEYS
    keys |= {name: names_of(text) for name, text in PRESETS[preset].items()}
    faults = []
    for name, text in overrides:
        if name not in keys:
            faults.append((name, "no such action" + _hint(name, keys)))
            continue
        try:
            keys[name] = names_of(text)
        except KeyNameError as error:
            faults.append((name, str(error)))
        if name in NEEDED and not keys[name]:
            faults.append((name, "needs a key"))
    faults += _clashes(keys, [name for name, _ in overrides])
    if faults:
        raise KeymapError(faults)
    return Keymap(preset, keys)


def _clashes(keys: Mapping[str, tuple[str, ...]], changed: list[str]) -> list[tuple[str, str]]:
    """What would mean two things; the fault is with the action that the user changed."""
    found, owner = [], dict.fromkeys("0123456789", "the pane of that number")
    for name in sorted(keys, key=changed.__contains__):
        for key in keys[name]:
            if key in owner:
                found.append((name, f"{shown(key)} is the key of {owner[key]}"))
            owner.setdefault(key, name)
    return found


def _hint(name: str, known: Mapping[str, object]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else "; the help lists them"
