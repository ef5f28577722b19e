# SPDX-License-Identifier: GPL-2.0-only
"""Another scenario in which one key differs: ``thp.enabled``, ``event[0].write``, ``vma.heap.size``.

The file is never touched.  A new text is made from the parsed one and loaded like any other, so that every check of
the loader applies; what it complains about is told by key, since no one has seen the lines of that text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import Any

from kernelmodel import scenario as scenarios
from kernelmodel.scenario.by_key import by_key, dotted, notes_by_key, with_places
from kernelmodel.scenario.faults import KeyPath, ScenarioError, nearest, show
from kernelmodel.scenario.keys import ROOT
from kernelmodel.scenario.kinds import Choice, Kind, Str
from kernelmodel.scenario.tables import Map, Several, Table, Tables
from kernelmodel.scenario.types import Scenario
from kernelmodel.scenario.verbs import ACCESSES, VERBS
from kernelmodel.scenario.write import dumps, value_text

_PART = re.compile(r'(?:"(?P<quoted>[^"]*)"|(?P<name>[A-Za-z0-9_+-]+))(?P<index>(?:\[[0-9]{1,6}\])*)(?P<end>\.|$)')
_ALIASES = {f"fault.{word}": f"event[0].{word}" for word in ("address", *ACCESSES)}
MAX_TEXT = 4096
MAX_LISTED = 16
"""Elements of a list of tables whose keys are listed for completion."""


class EditError(Exception):
    """A key that is none, or a value that is none; ``message`` is one line."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def edit(scenario: Scenario, key: str, value: str) -> Scenario:
    """A scenario in which ``key`` is ``value``, marked as edited; its hash stays that of the file.

    ``key`` is a path as the file spells it, a VMA also by its name; ``fault.address`` is the address of the first
    event, ``fault.write`` makes it a write.  ``value`` is TOML; a bare word that is no TOML is taken as a string.
    ``EditError`` if there is no such key or the value can't be read, ``ScenarioError`` if it can't be: its problems
    name keys instead of lines.
    """
    return edit_all(scenario, ((key, value),))


def edit_all(scenario: Scenario, pairs: Iterable[tuple[str, str]]) -> Scenario:
    """Several keys at once: only what all of them make together has to be a good scenario."""
    raw = deepcopy(scenario.raw)
    raw["variant"] = scenario.variant
    if scenario.mutants:
        raw["mutants"] = list(scenario.mutants)
    edited = scenario.edited
    for given, value in pairs:
        if len(given) > MAX_TEXT or len(value) > MAX_TEXT:
            raise EditError(f"keys and values have at most {MAX_TEXT} characters")
        key = given.strip()
        path = _path(raw, _ALIASES.get(key, key), scenario)
        kind = _kind(path, key, scenario, raw)
        parsed = _parsed(value.strip(), kind, key)
        _store(raw, path, parsed)
        written = f"{key} = {value_text(parsed, str(path[-1]))}"
        edited = (*(each for each in edited if not each.startswith(f"{key} = ")), written)
    text = dumps(raw)
    try:
        new = scenarios.loads(text, scenario.name, folder=scenario.folder)
    except ScenarioError as error:
        raise ScenarioError(by_key(error, text, raw, scenario.name)) from None
    return replace(with_places(new, scenario), hash=scenario.hash, edited=edited, warnings=notes_by_key(new, text, raw))


def keys(scenario: Scenario) -> list[str]:
    """Every key that ``edit`` takes for this scenario, for completion."""
    found = [*_ALIASES]
    for key in ROOT.keys:
        if isinstance(key.kind, Table):
            for each in key.kind.keys:
                if isinstance(each.kind, Tables):
                    there = scenario.raw.get(key.name, {}).get(each.name, [])[:MAX_LISTED]
                    inner_keys = each.kind.table.keys
                    names = [inner.name for inner in inner_keys if not isinstance(inner.kind, (Table, Tables))]
                    found += [f"{key.name}.{each.name}[{n}].{name}" for n in range(len(there)) for name in names]
                elif isinstance(each.kind, Table):
                    found += [f"{key.name}.{each.name}.{inner.name}" for inner in each.kind.keys]
                elif not each.pattern:
                    found.append(f"{key.name}.{each.name}")
        elif isinstance(key.kind, Tables):
            names = [each.name for each in key.kind.table.keys if not isinstance(each.kind, Table)]
            elements = scenario.raw.get(key.name, [])[:MAX_LISTED]
            for n, element in enumerate(elements):
                found += [f"{key.name}[{n}].{name}" for name in names]
                inner = [(each.name, each.kind) for each in key.kind.table.keys if each.name in element]
                tables = [(name, kind) for name, kind in inner if isinstance(kind, Table)]
                known = [(name, each) for name, table in tables for each in table.keys if not each.pattern]
                found += [f"{key.name}[{n}].{name}.{each.name}" for name, each in known]
            if key.name == "vma":
                found += [f"vma.{each['name']}.{name}" for each in elements for name in names]
        elif isinstance(key.kind, Map):
            found += [f"{key.name}.{name}" for name in scenario.raw.get(key.name, {})]
        else:
            found.append(key.name)
    return found


# -- the key ---------------------------------------------------------------------------------------------
def _path(raw: dict[str, Any], key: str, scenario: Scenario) -> KeyPath:
    """``event[0].write`` as ("event", 0, "write"); names of VMAs as their numbers."""
    path: list[str | int] = []
    at = 0
    while at < len(key):
        match = _PART.match(key, at)
        if match is None:
            raise EditError(f"{show(key)} is no key: write thp.enabled, event[0].write or vma.heap.size")
        path.append(match["name"] if match["quoted"] is None else match["quoted"])
        path += [int(each) for each in re.findall("[0-9]+", match["index"])]
        at = match.end()
        if match["end"] == "." and at == len(key):
            raise EditError(f"{show(key)} ends in a dot")
    if not path:
        raise EditError("a key is missing: thp.enabled, event[0].write, vma.heap.size")
    if path[0] == "vma" and len(path) > 1 and isinstance(path[1], str):
        names = [each.get("name") for each in raw.get("vma", [])]
        if path[1] not in names:
            raise EditError(_unknown(f"no VMA has the name {show(path[1])}", path[1], names))
        path[1] = names.index(path[1])
    if path[0] == "event" and len(path) == 3 and path[2] == "address":
        events = raw["event"]
        number = path[1]
        event = events[number] if isinstance(number, int) and number < len(events) else {}
        verbs = [verb for verb in ACCESSES if verb in event]
        path[2] = verbs[0] if verbs else ACCESSES[0]
    return tuple(path)


def _kind(path: KeyPath, key: str, scenario: Scenario, raw: dict[str, Any]) -> Kind:
    """What the table of keys says of a path; ``EditError`` if it has none, or a whole table."""
    kind: Kind = ROOT
    for n, part in enumerate(path):
        found: Kind | None = None
        if isinstance(kind, Table) and isinstance(part, str):
            named = kind.key(part)
            found = named.kind if named is not None else None
        elif isinstance(kind, Tables) and isinstance(part, int):
            there = len(_at(raw, path[:n]))
            if part > there:
                raise EditError(f"{dotted(path[:n])} has {there} elements: the next one is [{there}]")
            found = kind.table
        elif isinstance(kind, (Map, Several)) and isinstance(part, str) == isinstance(kind, Map):
            found = kind.kind
        if found is None:
            raise EditError(_unknown(f"unknown key {show(key)}", key, keys(scenario)))
        kind = found
    if isinstance(kind, (Table, Tables)):
        raise EditError(f"{show(key)} is a table: name a key in it")
    return kind


def _at(raw: Any, path: KeyPath) -> Any:
    """What the file has at a path; an empty list where it has nothing."""
    for part in path:
        raw = raw.get(part, []) if isinstance(raw, dict) else raw[part]
    return raw


def _unknown(message: str, word: str, known: list[Any]) -> str:
    hint = nearest(word, [str(each) for each in known], most=6)
    return f"{message}; {hint}" if hint else message


# -- the value -------------------------------------------------------------------------------------------
def _parsed(text: str, kind: Kind, key: str) -> Any:
    """TOML, or a bare word as a string where it is none or where text is wanted."""
    import tomli

    if not text:
        raise EditError(f"a value for {key} is missing: {kind.words}")
    if not text.isprintable():
        raise EditError("a value is one line of printable text")
    try:
        found = tomli.loads(f"value = {text}")["value"]
    except (tomli.TOMLDecodeError, ValueError, RecursionError) as error:
        if text[0] in "\"'[{":
            raise EditError(f"{show(text)} is no value: {str(error).partition(' (at')[0]}") from None
        found = text
    if isinstance(kind, (Str, Choice)) and not isinstance(found, str):
        return text
    return [found] if isinstance(kind, Several) and not isinstance(found, list) else found


def _store(raw: dict[str, Any], path: KeyPath, value: Any) -> None:
    """Put a value where the path leads; tables and list elements on the way come into being."""
    at: Any = raw
    for part, after in pairwise(path):
        empty: Any = [] if isinstance(after, int) else {}
        if isinstance(part, int):
            if part == len(at):
                at.append(empty)
            at = at[part]
        else:
            at = at.setdefault(part, empty)
    last = path[-1]
    if isinstance(last, int):
        if last > len(at):
            raise EditError(f"{dotted(path[:-1])} has {len(at)} elements: the next one is [{len(at)}]")
        at[last : last + 1] = [value]
        return
    if path[0] == "event" and last in VERBS:
        for verb in VERBS:
            at.pop(verb, None)
    at[last] = value
