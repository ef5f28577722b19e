# SPDX-License-Identifier: GPL-2.0-only
"""The modelled functions by name: which there are, how long they are, at which lines they can stop."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType

from kernelmodel.decision import is_mechanism

_GENERATOR = 0x20


def paths() -> Iterator[tuple[str, CodeType]]:
    """(name, code) of every function of the model that can stop."""
    from importlib import import_module
    from pkgutil import iter_modules

    for package in ("fault", "actors", "mm"):
        root = import_module(f"kernelmodel.{package}")
        names = [root.__name__, *(f"{root.__name__}.{info.name}" for info in iter_modules(root.__path__))]
        for module in map(import_module, names):
            for name, each in vars(module).items():
                code = getattr(each, "__code__", None)
                if isinstance(code, CodeType) and code.co_flags & _GENERATOR and each.__module__ == module.__name__:
                    yield name, code


def reviewed() -> Iterator[tuple[str, CodeType]]:
    """Those that a location can name: no mechanism."""
    return (each for each in paths() if not is_mechanism(each[1]))


def functions() -> dict[str, int]:
    """Names of the modelled functions that can stop, and how many lines each has (the longest of that name)."""
    from kernelmodel.look.calls import source_of

    found: dict[str, int] = {}
    for name, code in reviewed():
        found[name] = max(len(source_of(code)), found.get(name, 0))
    return found


def deciding_lines(function: str, variant: str) -> list[int]:
    """Lines (from the ``def`` line, 1) at which a function of a variant can stop, ascending; none if it is unknown."""
    from dis import get_instructions

    from kernelmodel.fault import VARIANTS

    found = set()
    own = getattr(VARIANTS[variant], function, None)
    codes = [code for name, code in reviewed() if name == function] if own is None else [own.__code__]
    for code in codes:
        for each in get_instructions(code):
            if each.opname in ("YIELD_VALUE", "SEND") and each.positions and each.positions.lineno:
                found.add(each.positions.lineno - code.co_firstlineno + 1)
    return sorted(found)
