# SPDX-License-Identifier: GPL-2.0-only
"""The fault paths: one file a variant, ``VARIANTS`` to find them.

A variant is a linked image: which function stands behind each name that the common frame calls.  What a variant has
of its own is in its module (``v3``, ``linux_6_8``); what follows the release is chosen in ``images``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import CodeType

from kernelmodel.fault.images import Variant, link
from kernelmodel.variant_names import VARIANTS as NAMES

__all__ = ["VARIANTS", "Variant", "deciding_lines", "functions"]


class _Images(Mapping[str, Variant]):
    """Variants by id; each is linked when it is first asked for."""

    def __init__(self) -> None:
        self._linked: dict[str, Variant] = {}

    def __getitem__(self, name: str) -> Variant:
        found = self._linked.get(name)
        if found is None:
            found = self._linked[name] = link(NAMES[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


VARIANTS: Mapping[str, Variant] = _Images()


def functions() -> dict[str, int]:
    """Names of the modelled functions that can stop, and how many lines each has (the longest of that name)."""
    from kernelmodel.look.calls import source_of

    found: dict[str, int] = {}
    for name, code in _paths():
        found[name] = max(len(source_of(code)), found.get(name, 0))
    return found


def deciding_lines(function: str, variant: str) -> list[int]:
    """Lines (from the ``def`` line, 1) at which a function of a variant can stop, ascending; none if it is unknown."""
    from dis import get_instructions

    found = set()
    own = getattr(VARIANTS[variant], function, None)
    codes = [code for name, code in _paths() if name == function] if own is None else [own.__code__]
    for code in codes:
        for each in get_instructions(code):
            if each.opname in ("YIELD_VALUE", "SEND") and each.positions and each.positions.lineno:
                found.add(each.positions.lineno - code.co_firstlineno + 1)
    return sorted(found)


def _paths() -> list[tuple[str, CodeType]]:
    """Every function that can stop, of every variant."""
    from importlib import import_module
    from pkgutil import iter_modules

    found = []
    for info in iter_modules(__path__):
        module = import_module(f"{__name__}.{info.name}")
        for name, each in vars(module).items():
            code = getattr(each, "__code__", None)
            if code is not None and code.co_flags & 0x20 and each.__module__ == module.__name__:
                found.append((name, code))
    return found
