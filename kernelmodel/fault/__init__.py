# SPDX-License-Identifier: GPL-2.0-only
"""The fault paths: one file a variant, ``VARIANTS`` to find them.

A variant is a linked image: which function stands behind each name that the common frame calls.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any, NamedTuple

from kernelmodel.decision import Path
from kernelmodel.fault import v3, v3_off
from kernelmodel.structs import VmFault


class Variant(NamedTuple):
    """One version of the patch, or one release."""

    id: str
    source: str
    """File and release, or message-id."""
    changed: str
    """What is different from the one before, in a line."""
    do_anonymous_page: Callable[[VmFault], Path[int]]
    alloc_anon_folio: Callable[[VmFault], Path[tuple[int, Any]]]


def functions() -> dict[str, int]:
    """Names of the modelled functions that can stop, and how many lines each has."""
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
    from kernelmodel.fault import common, entry, huge_pmd, swap, wp

    found = []
    for module in (entry, common, huge_pmd, swap, wp, v3, v3_off):
        for name, each in vars(module).items():
            code = getattr(each, "__code__", None)
            if code is not None and code.co_flags & 0x20 and each.__module__ == module.__name__:
                found.append((name, code))
    return found


_V3 = "20230714161733.4144503-3-ryan.roberts@arm.com, on 6.5-rc"

VARIANTS: dict[str, Variant] = {
    each.id: each
    for each in (
        Variant(
            "v3",
            _V3,
            "orders[] = { prefer, 3, 0 }, three loops on one cursor; -EAGAIN where the PMD is no table any more",
            v3.do_anonymous_page,
            v3.alloc_anon_folio,
        ),
        Variant(
            "v3-off",
            _V3 + ", CONFIG_FLEXIBLE_THP=n",
            "alloc_anon_folio is only its fallback: always order 0",
            v3.do_anonymous_page,
            v3_off.alloc_anon_folio,
        ),
    )
}
