# SPDX-License-Identifier: GPL-2.0-only
"""TOML to ``Scenario``: reading, checking, and every error at once with its place.

``load`` takes a path or the name of a packaged scenario, ``loads`` a text.  The keys are in ``scenario_keys``, the
rules that need more than one value in ``scenario_memory``, ``scenario_mm`` and ``scenario_run``.
"""

from __future__ import annotations

import os
import zlib
from typing import TYPE_CHECKING, Any

from kernelmodel.arch import ARCHES
from kernelmodel.scenario.faults import Faults, Problem, ScenarioError, nearest
from kernelmodel.scenario.keys import ROOT, unknown_variant
from kernelmodel.scenario.memory import note_config, read_boot, read_memory, read_thp
from kernelmodel.scenario.mm import Context, read_populate, read_vmas
from kernelmodel.scenario.run import read_breaks, read_events, read_expect, read_mutants, read_schedule
from kernelmodel.scenario.text import Text, from_string, read
from kernelmodel.scenario.types import Scenario
from kernelmodel.variant_names import VARIANTS

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Problem", "ScenarioError", "docs", "find", "load", "loads", "new", "packaged", "schema"]

DEFAULT_ARCH = "x86-64"


def load(path: str | os.PathLike[str], *, variant: str | None = None) -> Scenario:
    """The scenario in the file at ``path``, or the packaged one of that name.

    ``variant`` replaces the file's own; mutants behind it (``v3~drop R1``) come to those of the file.

    ``ScenarioError`` with every problem if there is no such file or it is not good.
    """
    name = os.fsdecode(path)
    found = _find(name)
    return _scenario(read(found, name), variant, os.path.dirname(found))


def loads(text: str, name: str, *, variant: str | None = None, folder: str | None = None) -> Scenario:
    """The scenario in ``text``; ``name`` is what messages and tokens call it.  ``ScenarioError`` as in ``load``.

    ``folder`` is where the files are that it names; without one it can name none.
    """
    return _scenario(from_string(text, name), variant, folder)


def find(name: str) -> Path:
    """The file that ``name`` means: a path as it stands, else a packaged scenario; ``ScenarioError`` if neither."""
    from pathlib import Path

    return Path(_find(name))


def _find(name: str) -> str:
    if os.path.lexists(name) or "\0" in name:
        return name
    parts = [part for part in name.split("/") if part]
    parts = parts[1:] if parts[:1] == ["scenarios"] else parts
    if parts and ".." not in parts and not os.path.isabs(name):
        from importlib.resources import files

        found = files("scenarios")
        for part in parts:
            found = found / part
        if found.is_file():
            return str(found)
    hint = nearest(name, packaged(), most=0) or "thp-debug without arguments lists the packaged scenarios"
    raise ScenarioError([Problem(name, 1, 1, "there is no such file", hint)])


def packaged() -> list[str]:
    """Names of the scenarios that come with the program, sorted: ``seed/unfit.toml``."""
    from importlib.resources import files

    found: list[str] = []
    folders = [("", files("scenarios"))]
    while folders:
        prefix, folder = folders.pop()
        for item in folder.iterdir():
            if item.is_dir():
                folders.append((f"{prefix}{item.name}/", item))
            elif item.name.endswith(".toml"):
                found.append(prefix + item.name)
    return sorted(found)


def _scenario(text: Text, variant: str | None, folder: str | None) -> Scenario:
    """From the text to the value."""
    raw = text.parse()
    more: frozenset[str] = frozenset()
    if variant is not None and "~" in variant:
        from kernelmodel.mutants import misfit, taken_apart

        variant, more = taken_apart(variant)
        variant = variant or None
    if not raw:
        hint = "thp-debug new prints one to start from"
        raise ScenarioError([Problem(text.name, 1, 1, "the file holds no scenario", hint)])
    faults = Faults(text.name, text)
    table = ROOT.read(raw, (), faults)
    faults.doc = ""
    own = table.get("variant")
    if own is not None and own not in VARIANTS:
        faults.add(("variant",), *unknown_variant(own))
    if variant is not None and variant not in VARIANTS:
        message, hint = unknown_variant(variant)
        faults.add((), message + " (asked for in place of the file's)", hint)
    arch = table.get("arch", DEFAULT_ARCH if "arch" not in raw else None)
    ctx = Context(faults, ARCHES.get(arch), VARIANTS.get(variant or own or ""), folder)
    values = _values(ctx, table, raw, variant in (None, own))
    for name in sorted(more - {*values["mutants"]}):
        if problem := misfit(name, ctx.variant and ctx.variant.id):
            faults.add((), f"{problem[0]} (asked for)", problem[1])
        values["mutants"] += (name,)
    faults.check()
    return Scenario(
        title=table.get("title", os.path.basename(text.name)),
        name=text.name,
        hash=with_files(text.hash, ctx.files),
        folder=folder,
        variant=variant or own,
        arch=arch,
        warnings=tuple(str(note) for note in sorted(faults.notes, key=lambda note: (note.line, note.col))),
        raw=raw,
        **values,
    )


def with_files(text_hash: str, files: dict[str, str]) -> str:
    """The hash of a scenario: that of its text, and what the files hold that it names."""
    found = int(text_hash, 16)
    for content in files.values():
        found = zlib.crc32(content.encode(), found)
    return f"{found:08x}"


def raw_events(raw: dict[str, Any]) -> list[Any]:
    """What the file has under ``event``, if that is a list."""
    events = raw.get("event")
    return events if isinstance(events, list) else []


def known_cpu(event: dict[str, Any]) -> bool:
    """Is the CPU of an event one that can be?"""
    cpu = event.get("cpu", 0)
    return type(cpu) is int and 0 <= cpu < 64


def _values(ctx: Context, table: dict[str, Any], raw: dict[str, Any], own_variant: bool) -> dict[str, Any]:
    """Everything of the file that rules look at; problems go to ``ctx.faults``."""
    expect = table.get("expect")
    mutants = expect.get("mutant", {}) if expect is not None and own_variant else {}
    values: dict[str, Any] = {
        "thp": read_thp(ctx, table.get("thp", {})),
        "boot": read_boot(ctx, table.get("boot", {})),
        "memory": read_memory(ctx, table.get("memory", {})),
        "config": tuple(table.get("config", {}).items()),
        "vmas": read_vmas(ctx, table.get("vma", [])),
        "mutants": read_mutants(ctx, table.get("mutants", []), mutants, expect.get("variant", {}) if expect else ()),
        "explore_failures": table.get("explore", {}).get("failures", True),
    }
    note_config(ctx, table.get("config", {}))
    values["populate"] = read_populate(ctx, table.get("populate", []))
    values["events"] = read_events(ctx, table["event"], raw["event"]) if "event" in table else ()
    values["processes"] = tuple(ctx.processes)
    values["breaks"] = read_breaks(ctx, table.get("break", []))
    cpus = {each.get("cpu", 0) for each in table.get("event", [])}
    if not all(isinstance(each, dict) and known_cpu(each) for each in raw_events(raw)):
        cpus = set(range(64))  # a CPU that was not understood may be any
    values["schedule"] = read_schedule(ctx, table.get("schedule", ""), cpus)
    if expect is not None:
        values["expect"] = read_expect(ctx, expect, ("expect",))
        for kind in ("variant", "mutant"):
            parts = expect.get(kind, {}).items()
            values[f"expect_{kind}"] = tuple(
                (name, read_expect(ctx, part, ("expect", kind, name))) for name, part in parts
            )
    return values


def schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of scenario files."""
    from kernelmodel.scenario import reference as scenario_docs

    return scenario_docs.schema()


def new() -> str:
    """A commented scenario to start from; it loads."""
    from kernelmodel.scenario import reference as scenario_docs

    return scenario_docs.new()


def docs() -> str:
    """The reference of all keys, in Markdown."""
    from kernelmodel.scenario import reference as scenario_docs

    return scenario_docs.docs()
