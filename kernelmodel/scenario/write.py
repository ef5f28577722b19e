# SPDX-License-Identifier: GPL-2.0-only
"""From the parsed form of a scenario back to TOML text, as a person would write it: addresses in hex, tables apart."""

from __future__ import annotations

import re
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ADDRESSES = frozenset({"start", "read", "write", "at"})
"""Keys whose integers are addresses."""


def dumps(raw: dict[str, Any]) -> str:
    """TOML text that parses to ``raw``; comments and the order of its tables are this module's."""
    plain = {name: value for name, value in raw.items() if not _is_table(value) and not _is_tables(value)}
    parts = [_pairs(plain)] if plain else []
    for name, value in raw.items():
        if _is_table(value):
            parts.append(f"[{_key(name)}]\n{_pairs(value)}")
        elif _is_tables(value):
            parts.extend(f"[[{_key(name)}]]\n{_pairs(each)}" for each in value)
    return "\n".join(parts)


def value_text(value: Any, key: str = "") -> str:
    """One value in TOML, on one line; integers under the name of an address in hex."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:#x}" if key in _ADDRESSES and value > 9 else str(value)
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, list):
        return f"[{', '.join(value_text(each, key) for each in value)}]"
    if isinstance(value, dict):
        inside = ", ".join(f"{_key(name)} = {value_text(each, name)}" for name, each in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    return str(value)


def _pairs(table: dict[str, Any]) -> str:
    width = max((len(_key(name)) for name in table), default=0)
    return "".join(f"{_key(name):<{width}} = {value_text(value, name)}\n" for name, value in table.items())


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else value_text(name)


def _is_table(value: Any) -> bool:
    return isinstance(value, dict)


def _is_tables(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value)
