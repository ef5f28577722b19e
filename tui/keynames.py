# SPDX-License-Identifier: GPL-2.0-only
"""Names of keys as the terminal library spells them, and how footer and help write them."""

from __future__ import annotations

PUNCTUATION = {
    "exclamation_mark": "!", "quotation_mark": '"', "number_sign": "#", "dollar_sign": "$", "percent_sign": "%",
    "ampersand": "&", "apostrophe": "'", "left_parenthesis": "(", "right_parenthesis": ")", "asterisk": "*",
    "plus": "+", "comma": ",", "minus": "-", "full_stop": ".", "slash": "/", "colon": ":", "semicolon": ";",
    "less_than_sign": "<", "equals_sign": "=", "greater_than_sign": ">", "question_mark": "?", "at": "@",
    "left_square_bracket": "[", "backslash": "\\", "right_square_bracket": "]", "circumflex_accent": "^",
    "underscore": "_", "grave_accent": "`", "left_curly_bracket": "{", "vertical_line": "|",
    "right_curly_bracket": "}", "tilde": "~",
}  # fmt: skip
"""Key name → character."""

NAMED = {
    "up": "↑", "down": "↓", "left": "←", "right": "→", "home": "Home", "end": "End", "pageup": "PgUp",
    "pagedown": "PgDn", "insert": "Ins", "delete": "Del", "backspace": "Backspace", "space": "Space", "tab": "Tab",
    "enter": "Enter", "escape": "Esc", **{f"f{n}": f"F{n}" for n in range(1, 25)},
}  # fmt: skip
"""Keys without a character → how they are written."""

NEVER = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+h": "backspace", "ctrl+left_square_bracket": "escape"}
"""Keys that a terminal sends as another one."""

_SHOWN = {"ctrl": "^", "alt": "M-", "shift": "S-"}
_NAMES = {char: name for name, char in PUNCTUATION.items()}


class KeyNameError(Exception):
    """What is no key, or one that can't arrive; the message is one line."""


def name_of(text: str) -> str:
    """The name of a key that a user wrote: ``s``, ``[``, ``f11``, ``Ctrl+P``, ``shift+f11``; ``KeyNameError``."""
    if len(text) == 1:
        return _character(text)
    *modifiers, key = text.replace(" ", "").split("+")
    modifiers = sorted(each.lower() for each in modifiers)
    if len(key) == 1 and modifiers and not key.isalnum():
        key = _NAMES.get(key, key)
    if modifiers == ["shift"] and (len(key) == 1 or key in PUNCTUATION):
        raise KeyNameError(f"{text!a} arrives as the character that Shift makes: write that one, S for shift+s")
    if len(key) > 1 or modifiers:
        key = key.lower()
    known = key in NAMED or key in PUNCTUATION or (len(key) == 1 and key.isascii() and key.isalnum())
    if not known or len(set(modifiers)) != len(modifiers) or not set(modifiers) <= set(_SHOWN):
        raise KeyNameError(f"{text!a} is no key: write s, S, [, comma, f11, shift+f11, ctrl+p, pageup, space")
    name = "+".join([*modifiers, key])
    if name in NEVER:
        raise KeyNameError(f"a terminal sends {NEVER[name]} for {name}: take another key")
    return name


def _character(char: str) -> str:
    if char == " ":
        return "space"
    if char in _NAMES:
        return _NAMES[char]
    if char.isalnum() and char.isprintable():
        return char
    raise KeyNameError(f"{char!a} is no key")


def names_of(text: str) -> tuple[str, ...]:
    """The keys of a list with commas, ``s,f11``; none of an empty text.  ``KeyNameError`` at the first that is none."""
    if text.strip() == ",":
        return ("comma",)
    return tuple(dict.fromkeys(name_of(part.strip()) for part in text.split(","))) if text.strip() else ()


def shown(name: str) -> str:
    """How a key is written: ``s``, ``^P``, ``F5``, ``S-F11``, ``PgUp``."""
    *modifiers, key = name.split("+")
    text = PUNCTUATION.get(key) or NAMED.get(key, key)
    if "ctrl" in modifiers and len(text) == 1:
        text = text.upper()
    return "".join(_SHOWN[each] for each in modifiers) + text
