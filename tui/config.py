# SPDX-License-Identifier: GPL-2.0-only
"""The user's configuration: ``config.toml`` and ``init.thp`` in the configuration folder.

Only the debugger reads them; ``run``, ``check`` and ``replay`` mean the same for everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kernelmodel.scenario.faults import Faults, KeyPath, Problem, ScenarioError, nearest, show
from kernelmodel.scenario.text import Text, decode, unreadable
from tui.folders import config_folder
from tui.keys import PRESETS, KeymapError, keymap
from tui.settings import LAYOUTS, THEMES

MAX_BYTES = 64 << 10
"""Of each of the two files."""

_EMPTY: Mapping[str, str] = MappingProxyType({})
_CHOICES = {"theme": THEMES, "keymap": tuple(PRESETS), "layout": LAYOUTS}
_FLAGS = ("mouse", "ascii", "plain")
_TABLES = ("keys", "alias")
_EXAMPLES = {"keys": '"exec.step" = "s,f11"', "alias": 'ff = "continue fallback"'}


class Config(NamedTuple):
    """What the file says, or else the defaults."""

    theme: str = "ansi"
    keymap: str = "gdb"
    """A preset of keys."""
    layout: str = "auto"
    mouse: bool = True
    ascii: bool = False
    plain: bool = False
    keys: Mapping[str, str] = _EMPTY
    """Action id → its keys, ``s,f11``."""
    alias: Mapping[str, str] = _EMPTY
    """Word → the command line that it stands for."""


def load(path: Path | None = None) -> Config:
    """The configuration in a file, without ``path`` in the user's own; no file means the defaults.

    ``ScenarioError`` with every problem, each with file, line and column, if it can't be used.
    """
    path = path or config_folder() / "config.toml"
    text = _read(path)
    if text is None:
        return Config()
    faults = Faults(str(path), text)
    try:
        raw = text.parse()
    except ScenarioError as error:
        raise ScenarioError(_plain(problem) for problem in error.errors) from None
    values = _values(raw, faults)
    faults.check()
    return Config(**values)


def init_script(path: Path | None = None) -> list[str]:
    """The command lines of ``init.thp``, without comments and blank lines; none if there is no such file.

    ``ScenarioError`` if it can't be read.
    """
    text = _read(path or config_folder() / "init.thp")
    lines = text.content.split("\n") if text is not None else []
    return [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]


def _read(path: Path) -> Text | None:
    """The text of a file, None if there is none."""
    name = str(path)
    try:
        if not path.exists():
            return None
        if not path.is_file():
            raise unreadable(name, "it is not a regular file", "")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise unreadable(name, (error.strerror or "no reason given").lower(), "") from None
    if len(data) > MAX_BYTES:
        raise unreadable(name, f"it has more than {MAX_BYTES:,} bytes", "")
    return decode(data, name)


def _plain(problem: Problem) -> Problem:
    """A problem without a hint that is about scenarios."""
    return problem._replace(hint="") if "scenario" in problem.hint else problem


def _values(raw: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
    """The values that are good; the others are told."""
    values: dict[str, Any] = {}
    for key, value in raw.items():
        if key in _TABLES:
            continue
        known = _CHOICES.get(key, (True, False) if key in _FLAGS else ())
        if any(value is each or (isinstance(value, str) and value == each) for each in known):
            values[key] = value
        elif known:
            words = "true or false, without quotes" if key in _FLAGS else "one of " + ", ".join(map(str, known))
            hint = nearest(value, map(str, known), most=0) if isinstance(value, str) and key not in _FLAGS else ""
            faults.add((key,), f"{key} can't be {show(value)}", hint or words)
        else:
            faults.add((key,), f"there is no {key!a} here", nearest(key, Config._fields), key=True)
    values["keys"] = _keys(raw.get("keys", {}), values.get("keymap", "gdb"), faults)
    values["alias"] = _aliases(raw.get("alias", {}), faults)
    return values


def _texts(key: str, table: Any, faults: Faults) -> dict[str, tuple[KeyPath, str]]:
    """The texts of a table and where each stands.  Names in parts, ``exec.step`` without quotes, mean the same."""
    if not isinstance(table, dict):
        faults.add((key,), f"{key} can't be {show(table)}", f"a table: [{key}] and below it {_EXAMPLES[key]}")
        return {}
    found: dict[str, tuple[KeyPath, str]] = {}
    for name, value in table.items():
        entries: list[tuple[KeyPath, Any]] = [((key, name), value)]
        if isinstance(value, dict):
            entries = [((key, name, part), text) for part, text in value.items()]
        for path, text in entries:
            dotted = ".".join(map(str, path[1:]))
            if isinstance(text, str) and text.isprintable():
                found[dotted] = path, text
            else:
                faults.add(path, f"{dotted} can't be {show(text)}", f"a text: {_EXAMPLES[key]}")
    return found


def _keys(table: Any, preset: str, faults: Faults) -> Mapping[str, str]:
    """The user's keys, all of them together tried with the preset."""
    texts = _texts("keys", table, faults)
    keys = {name: text for name, (_, text) in texts.items()}
    try:
        keymap(preset, keys)
    except KeymapError as error:
        for name, words in error.faults:
            faults.add(texts[name][0], f"{name}: {words}", f"like {_EXAMPLES['keys']}")
    return MappingProxyType(keys)


def _aliases(table: Any, faults: Faults) -> Mapping[str, str]:
    """The user's own words for commands."""
    from tui.commands import table as commands

    texts = _texts("alias", table, faults)
    words = {word for each in commands() for word in (each.name, *each.aliases)} if texts else set()
    for name, (path, text) in texts.items():
        if not name.replace("-", "").isalnum() or not name.isascii():
            faults.add(path, f"{name!a} is no word: letters, digits and -", f"like {_EXAMPLES['alias']}", key=True)
        elif not text.strip():
            faults.add(path, f"{name} stands for nothing", f"like {_EXAMPLES['alias']}")
        elif name in words:
            faults.add(path, f"{name} is a command already", "choose another word", key=True)
    return MappingProxyType({name: text for name, (_, text) in texts.items()})
