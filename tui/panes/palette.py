# SPDX-License-Identifier: GPL-2.0-only
"""Style names of the painters → terminal styles, in several themes.

``ansi`` has only the sixteen colours that a user's terminal theme defines, on its own background: readable on dark and
light, a few bytes each.  The others bring their own background.  Attributes are the same in all of them, and nothing
is told by colour alone.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rich.style import Style

from tui.paint.look import CPU_STYLES

STYLES = {
    "": "",
    "dim": "",
    "bold": "bold",
    "rule": "",
    "title": "bold",
    "focus": "bold",
    "past": "bold reverse",
    "here": "bold",
    "cursor": "reverse",
    "match": "underline reverse",
    "mark": "bold",
    "changed": "bold",
    "break": "bold",
    "good": "",
    "head": "bold underline",
    "bad": "",
    "warn": "",
    "fault": "bold reverse",
    "fallback": "bold reverse",
    "forced": "bold",
    "keyword": "",
    "string": "",
    "number": "",
    "key": "bold",
    "error": "bold",
    "mutant": "bold reverse",
    **{f"cpu{cpu}": "" for cpu in range(CPU_STYLES)},
    **{f"cpu{cpu} on": "bold reverse" for cpu in range(CPU_STYLES)},
}
"""Every style name that a painter may use, with its attributes."""


class Theme(NamedTuple):
    """Colours: of text, of the background ('' is the terminal's own), and by style name where they differ."""

    text: str
    ground: str
    colours: dict[str, str]


def _colours(
    dim: str, rule: str, red: str, green: str, yellow: str, blue: str, magenta: str, cyan: str
) -> dict[str, str]:
    several = (cyan, magenta, blue, green, yellow)
    return {
        **{f"cpu{cpu}{on}": colour for cpu, colour in enumerate(several) for on in ("", " on")},
        "mutant": red,
        "dim": dim, "rule": rule, "focus": cyan, "past": yellow, "here": yellow, "match": yellow, "mark": blue,
        "changed": magenta, "break": red, "good": green, "head": green, "bad": red, "warn": yellow, "fault": red,
        "fallback": red, "forced": magenta, "keyword": blue, "string": green, "number": cyan, "key": cyan, "error": red,
    }  # fmt: skip


THEMES = {
    "ansi": Theme(
        "", "", _colours("bright_black", "bright_black", "red", "green", "yellow", "blue", "magenta", "cyan")
    ),
    "dark": Theme(
        "#d4d7dc",
        "#14171c",
        _colours("#8f98a5", "#7b8592", "#ff7b72", "#7ec97e", "#e3b341", "#79b8ff", "#d2a8ff", "#56d4dd"),
    ),
    "light": Theme(
        "#24292f",
        "#fbfbf8",
        _colours("#5d6570", "#6e7681", "#b3241c", "#1a6b2f", "#7d5200", "#0a56b5", "#7a3fb0", "#0b6470"),
    ),
    "contrast": Theme(
        "#ffffff",
        "#000000",
        _colours("#c8c8c8", "#c8c8c8", "#ff9c94", "#7dff7d", "#ffe14d", "#a8cfff", "#eebbff", "#6cf3ff"),
    ),
}
"""By name."""


@lru_cache(256)
def style(name: str, coloured: bool = True, theme: str = "ansi") -> Style:
    """The terminal style of a name, perhaps without any colour; ``KeyError`` for a name or theme that there is not."""
    return make_style(name, coloured, theme)


def make_style(name: str, coloured: bool = True, theme: str = "ansi") -> Style:
    """As ``style``, not shared: a style remembers the codes that it was first rendered to."""
    attributes = STYLES[name].split()
    text, ground, colours = THEMES[theme]
    return Style(
        color=(colours.get(name, text) or None) if coloured else None,
        bgcolor=(ground or None) if coloured else None,
        bold="bold" in attributes or None,
        underline="underline" in attributes or None,
        reverse="reverse" in attributes or None,
    )
