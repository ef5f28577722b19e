# SPDX-License-Identifier: GPL-2.0-only
"""What the loader says of a text that no one has seen: told by the keys of its values instead of by its lines."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from kernelmodel.scenario.faults import KeyPath, Problem, ScenarioError, printable
from kernelmodel.scenario.text import Text
from kernelmodel.scenario.types import Scenario


class KeyProblem(Problem):
    """A problem with a value that stands in no file: ``file`` is its key."""

    __slots__ = ()

    def __str__(self) -> str:
        """``key: message``."""
        return f"{self.file}: {self.message}"


def dotted(path: KeyPath) -> str:
    """A path as ``edit`` takes it."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = re.fullmatch("[A-Za-z0-9_+-]+", part)
            text += ("." if text else "") + (part if plain else f'"{part}"')
    return text


def by_key(error: ScenarioError, text: str, raw: dict[str, Any], name: str) -> list[Problem]:
    """The loader's problems with keys in the place of lines."""
    found = Text(text, name)
    return [
        KeyProblem(_key_at(found, raw, each.line, each.col) or name, 1, n + 1, each.message, each.hint)
        if each.file == name
        else each  # of a file that the scenario names
        for n, each in enumerate(error.errors)
    ]


def _key_at(text: Text, raw: dict[str, Any], line: int, col: int) -> str:
    """The key whose value (or name) stands at a place or begins nearest before it in its line."""
    best: tuple[int, KeyPath] = (0, ())
    for path in _paths(raw, ()):
        for key in (True, False):
            place = text.place(path, key=key)
            if place.line == line and best[0] <= place.col <= col:
                best = (place.col, path)
    return dotted(best[1])


def _paths(value: Any, path: KeyPath) -> list[KeyPath]:
    """Every path in the parsed form, outer ones first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for part, each in inner:
        found += _paths(each, (*path, part))
    return found


def notes_by_key(new: Scenario, text: str, raw: dict[str, Any]) -> tuple[str, ...]:
    """The loader's notes with keys in the place of lines."""
    notes = []
    found = Text(text, new.name) if new.warnings else None
    for each in new.warnings:
        match = re.fullmatch(r".*?:([0-9]+):([0-9]+): (.*)", each)
        if not each.startswith(f"{printable(new.name)}:"):
            notes.append(each)  # of a file that the scenario names
        elif match and found is not None:
            notes.append(f"{_key_at(found, raw, int(match[1]), int(match[2]))}: {match[3]}")
    return tuple(notes)


def with_places(new: Scenario, old: Scenario) -> Scenario:
    """Answers, breakpoints and populates that the file has keep their places in it."""
    events = tuple(
        after._replace(
            answers=tuple(b._replace(place=a.place) for a, b in zip(before.answers, after.answers, strict=False))
            + after.answers[len(before.answers) :]
        )
        for before, after in zip(old.events, new.events, strict=False)
    )
    breaks = tuple(b._replace(place=a.place) for a, b in zip(old.breaks, new.breaks, strict=False))
    populate = tuple(b._replace(place=a.place) for a, b in zip(old.populate, new.populate, strict=False))
    return replace(
        new,
        events=events + new.events[len(events) :],
        breaks=breaks + new.breaks[len(breaks) :],
        populate=populate + new.populate[len(populate) :],
    )
