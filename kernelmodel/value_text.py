# SPDX-License-Identifier: GPL-2.0-only
"""One spelling of values, for the locals, for ``print``, for what changed: by what the name says that they are."""

from __future__ import annotations

from typing import Any

from kernelmodel.arch import Arch
from kernelmodel.decision import is_unset
from kernelmodel.defs import gfp_names, result_name
from kernelmodel.members import Null, Struct
from kernelmodel.structs import Folio, FreeArea, MemCgroup, Mm, Vma, VmFault, VmStat, ZoneStruct

ERRNO_FLOOR = (1 << 64) - 4096
"""Numbers from here on are errors (``IS_ERR_VALUE``)."""
_ADDRESSES = frozenset({
    "addr", "address", "haddr", "real_address", "entry", "orig_pte", "orig_pmd", "value", "flags", "zero_pfn",
})  # fmt: skip
_PLACES = frozenset({f"{which}{level}" for which in ("", "new_", "old_", "src_", "dst_") for level in ("pte", "pmd")})
_MOST = 16
"""Elements of an array that are written."""


class Identity(str):
    """What makes a struct or an array another one; ``shown``: how it is written."""

    __slots__ = ("shown",)

    def __new__(cls, text: str, shown: str) -> Identity:  # noqa: D102
        made = super().__new__(cls, text)
        made.shown = shown
        return made

    shown: str


def kept_text(arch: Arch, name: str, value: int | str) -> str:
    """A value that was kept for comparison, as it is written."""
    return value.shown if isinstance(value, Identity) else value_text(arch, name, value)


def value_text(arch: Arch, name: str, value: Any) -> str:
    """A value of C: a number by what its name says, a struct by what identifies it, an array in braces."""
    if value is None:
        return "(not set)" if is_unset(name, value) else "NULL"
    if isinstance(value, Null):
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return number_text(arch, name, value)
    if isinstance(value, str):
        return value
    if isinstance(value, frozenset):
        return "|".join(sorted(value)) or "0"
    if isinstance(value, (list, tuple)):
        shown = [str(each.nr_free) if isinstance(each, FreeArea) else value_text(arch, "", each) for each in value]
        return "{" + ", ".join(shown[:_MOST] + ["..."] * (len(shown) > _MOST)) + "}"
    return struct_text(value)


def number_text(arch: Arch, name: str, value: int) -> str:
    """A number by what its name says it is; else decimal, in hex beyond 16 bits, errors as negative numbers."""
    if value >= ERRNO_FLOOR:
        value -= 1 << 64
    if (special := _special(arch, name, value)) is not None:
        return special
    return f"{value:#x}" if name in _ADDRESSES or abs(value) > 0xFFFF else str(value)


def has_spelling(arch: Arch, name: str, value: int) -> bool:
    """Whether the name says how a number is to be written."""
    return name in _ADDRESSES or _special(arch, name, value) is not None


def _special(arch: Arch, name: str, value: int) -> str | None:
    if name in _PLACES:
        return f"table {value // arch.ptrs} [{value % arch.ptrs:#05x}]"
    if name == "ptl":
        return f"table {value}" if value >= 0 else "(not taken)"
    if name in ("gfp", "gfp_mask"):
        return f"{value:#x} {'|'.join(gfp_names(value))}" if value >= 0 else "(not set)"
    if name == "ret" and value >= 0:
        return result_name(value)
    return None


def struct_text(value: Any) -> str:
    """A struct by what identifies it."""
    match value:
        case Vma():
            return f"{value.name} [{value.vm_start:#x}, {value.vm_end:#x})"
        case Folio():
            return f"pfn {value.id:#x}, order {value.order}"
        case Mm():
            return value.m.mm_names[value.id]
        case ZoneStruct():
            return f"zone {value.m.zones[value.id].name}"
        case FreeArea():
            return f"free_area[{value.id % value.m.orders}], nr_free {value.nr_free}"
        case MemCgroup():
            return f"mem_cgroup, usage {value.usage}"
        case VmStat():
            return _counters(value)
        case VmFault():
            return f"vm_fault of {value.real_address:#x}"
    return repr(value) if isinstance(value, Struct) else type(value).__name__


def _counters(stat: VmStat) -> str:
    """Those that are not zero."""
    found = [f"{name} = {number}" for name in type(stat).members if (number := getattr(stat, name))]
    return "{" + ", ".join(found) + "}" if found else "struct vmstat"
