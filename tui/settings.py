# SPDX-License-Identifier: GPL-2.0-only
"""What ``set NAME VALUE`` changes about the debugger itself; every other name is a key of the scenario."""

from __future__ import annotations

from dataclasses import dataclass

THEMES = ("ansi", "dark", "light", "contrast")
LAYOUTS = ("auto", "code", "memory", "time")
CHOICES: dict[str, tuple[str, ...]] = {
    "diff": ("last", "start"),
    "theme": THEMES,
    "layout": LAYOUTS,
    "ascii": ("off", "on"),
}
"""Names and their values; ``diff`` takes a mark or a step as well."""


@dataclass(slots=True)
class Settings:
    """The values."""

    diff: str = "last"
    """What the panes compare with: ``last`` (the stop before), ``start``, a mark's name, or a step."""
    theme: str = "ansi"
    layout: str = "auto"
    ascii: str = "off"
