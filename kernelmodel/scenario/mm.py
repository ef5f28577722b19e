# SPDX-License-Identifier: GPL-2.0-only
"""Rules of a scenario that concern its address space: VMAs, addresses, what is mapped before the first access."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

from kernelmodel.arch import Arch, has_uffd_wp
from kernelmodel.memory.places import MAX_PLAIN
from kernelmodel.scenario.faults import Faults, KeyPath, nearest, show
from kernelmodel.scenario.kinds import WRONG
from kernelmodel.scenario.types import Populate, VmaSpec
from kernelmodel.variant_names import VariantNames

MAX_POPULATED = 65536


class Context:
    """What the rules know: where problems go, the arch and the variant (None if the file names none that is known)."""

    def __init__(
        self, faults: Faults, arch: Arch | None, variant: VariantNames | None, folder: str | None = None
    ) -> None:
        self.faults = faults
        self.arch = arch
        self.variant = variant
        self.folder = folder
        """Where files are looked for that the scenario names; None: it may name none."""
        self.files: dict[str, str] = {}
        """What they hold, by the key that names them."""
        self.plain_left = MAX_PLAIN
        """What is left for given blocks to become nodes one by one (memory.places.plain_cost())."""
        self.vmas: dict[str, VmaSpec] = {}
        self.declared: set[str] = set()
        """Names of all VMAs, also of those that are wrong."""
        self.mapped: dict[str, VmaSpec] = {}
        """Mappings that the ``mmap`` verb makes, by name."""
        self.processes = ["main"]
        """Every process, in the order of their forks."""
        self._sorted: list[VmaSpec] | None = None

    def aligned(self, value: int, path: KeyPath, what: str) -> bool:
        """Is ``value`` (bytes) a multiple of the page size?  If not, that is told."""
        if self.arch is None or value % self.arch.page_size == 0:
            return True
        size = self.arch.page_size
        form = "d" if what == "size" else "#x"
        down = value - value % size
        hint = f"{down:{form}} and {down + size:{form}} are aligned"
        self.faults.add(path, f"{what} {value:{form}} is not a multiple of the page size {size:{form}}", hint)
        return False

    def known_size(self, name: str, path: KeyPath) -> int:
        """Order of ``hugepages-64kB``; -1 (and told) if the arch has no anonymous folio of that size.

        A variant without such knobs takes any name.
        """
        if self.arch is None or (self.variant is not None and "hugepages-*kB" not in self.variant.knobs):
            return -1
        kb, top = self.arch.page_size >> 10, self.arch.pmd_order
        known = {f"hugepages-{kb << order}kB": order for order in range(2, top + 1)}
        if name in known:
            return known[name]
        hint = "sizes are " + ", ".join(each.removeprefix("hugepages-") for each in known)
        said = name.removeprefix("hugepages-").removesuffix("kB")
        self.faults.add(path, f"{self.arch.name} has no anonymous folio of {said} kB", hint, key=True)
        return -1

    def vma_at(self, address: int) -> VmaSpec | None:
        """The VMA that holds ``address``."""
        if self._sorted is None:
            self._sorted = sorted(self.vmas.values(), key=lambda vma: vma.start)
        i = bisect_right(self._sorted, address, key=lambda vma: vma.start) - 1
        vma = self._sorted[i] if i >= 0 else None
        return vma if vma is not None and address < vma.start + vma.size else None

    def address(self, value: tuple[str | None, int], path: KeyPath) -> int | None:
        """The address of an ``Address`` value; None (and told) if it has none."""
        name, offset = value
        if name is None:
            if self.arch is None or offset < self.arch.task_size:
                return offset
            hint = f"they end below {self.arch.task_size:#x} on {self.arch.name}"
            self.faults.add(path, f"{offset:#x} is not a user address", hint)
            return None
        vma = self.vmas.get(name) or self.mapped.get(name)
        if vma is None:
            if name not in self.declared:
                hint = nearest(name, self.declared) if self.declared else "the scenario has no [[vma]]"
                self.faults.add(path, f"no VMA has the name {show(name)}", hint)
            return None
        if offset >= vma.size:
            self.faults.add(path, f"{name}+{offset:#x} lies outside {name}", f"{name} has {vma.size:#x} bytes")
            return None
        return vma.start + offset


# -- VMAs ---------------------------------------------------------------------------------------------
def read_vmas(ctx: Context, tables: list[dict[str, Any]]) -> tuple[VmaSpec, ...]:
    """Every ``[[vma]]``; ``ctx.vmas`` knows them by name afterwards."""
    places: dict[str, int] = {}
    found = []
    for i, table in enumerate(tables):
        name = table.get("name")
        if name is not None:
            ctx.declared.add(name)
            if name in places:
                place = ctx.faults.place(("vma", places[name], "name"))
                ctx.faults.add(
                    ("vma", i, "name"), f"two VMAs have the name {name!r}", f"the other is in line {place.line}"
                )
            places.setdefault(name, i)
        vma = _vma(ctx, table, ("vma", i))
        if vma is not None:
            found.append((vma, i))
            ctx.vmas.setdefault(vma.name, vma)
    _overlaps(ctx, found)
    return tuple(vma for vma, _ in found)


def _vma(ctx: Context, table: dict[str, Any], path: KeyPath) -> VmaSpec | None:
    flags = tuple(flag for flag in table.get("flags", ()) if flag is not WRONG)
    uffd = tuple(mode for mode in table.get("uffd", ()) if mode is not WRONG)
    if "VM_HUGEPAGE" in flags and "VM_NOHUGEPAGE" in flags:
        ctx.faults.add(
            (*path, "flags"), "VM_HUGEPAGE and VM_NOHUGEPAGE exclude each other", "each madvise clears the other"
        )
    if "minor" in uffd:
        where = (*path, "uffd", uffd.index("minor"))
        ctx.faults.add(where, "anonymous memory can't be armed with MINOR", 'use "missing" or "wp"')
    elif "wp" in uffd and ctx.arch is not None and ctx.variant and not has_uffd_wp(ctx.variant.release, ctx.arch):
        ctx.faults.note(
            (*path, "uffd"), f"the kernel of this variant has no uffd write-protection on {ctx.arch.name}; taken"
        )
    aligned = [ctx.aligned(table[key], (*path, key), key) for key in ("start", "size") if key in table]
    if not {"name", "start", "size"} <= table.keys():
        return None
    start, size = table["start"], table["size"]
    good = all(aligned)
    if ctx.arch is not None and start + size > ctx.arch.task_size:
        where = (*path, "start" if start >= ctx.arch.task_size else "size")
        message = f"{table['name']} ends at {start + size:#x}, outside the user address space"
        ctx.faults.add(where, message, f"it ends at {ctx.arch.task_size:#x} on {ctx.arch.name}")
        good = False
    return VmaSpec(table["name"], start, size, flags, uffd) if good else None


def _overlaps(ctx: Context, found: list[tuple[VmaSpec, int]]) -> None:
    """Tell of each VMA that begins inside one before it; the place is the one later in the file."""
    widest: tuple[VmaSpec, int] | None = None
    for each in sorted(found, key=lambda item: item[0].start):
        if widest is not None and each[0].start < widest[0].start + widest[0].size:
            first, second = sorted((each, widest), key=lambda item: item[1])
            other = f"{first[0].name} is {first[0].start:#x} … {first[0].start + first[0].size:#x}"
            message = f"{second[0].name} overlaps {first[0].name}"
            ctx.faults.add(("vma", second[1], "start"), message, other)
        if widest is None or each[0].start + each[0].size > widest[0].start + widest[0].size:
            widest = each


# -- what is mapped -----------------------------------------------------------------------------------
def read_populate(ctx: Context, tables: list[dict[str, Any]]) -> tuple[Populate, ...]:
    """Every ``[[populate]]``."""
    found = [
        (spec, i) for i, table in enumerate(tables) if (spec := _populate(ctx, table, ("populate", i))) is not None
    ]
    if ctx.arch is None:
        return ()
    total = 0
    last: tuple[int, int] | None = None
    for spec, i in found:
        if total <= MAX_POPULATED < total + spec.pages:
            path = ("populate", i, "pages" if "pages" in tables[i] else "at")
            ctx.faults.add(
                path, f"more than {MAX_POPULATED:,} pages are populated", "a smaller scenario shows the same"
            )
        total += spec.pages
    for spec, i in sorted(found, key=lambda item: item[0].at):
        if last is not None and spec.at < last[0]:
            first, second = sorted((last[1], i))
            line = ctx.faults.place(("populate", first, "at")).line
            ctx.faults.add(
                ("populate", second, "at"), f"overlaps the [[populate]] in line {line}", "each page is mapped once"
            )
        end = spec.at + spec.pages * ctx.arch.page_size
        last = (end, i) if last is None or end > last[0] else last
    return tuple(spec for spec, _ in found)


def _populate(ctx: Context, table: dict[str, Any], path: KeyPath) -> Populate | None:
    arch, faults = ctx.arch, ctx.faults
    at = ctx.address(table["at"], (*path, "at")) if "at" in table else None
    if arch is None:
        return None
    with_, order = table.get("with", "page"), table.get("order")
    good = order is None or _folio_order(ctx, order, with_, (*path, "order"))
    order = order if good and order else None
    huge = with_ == "huge-pmd"
    whole = arch.ptrs if huge else 1 << (order or 0)
    pages = table.get("pages", whole)
    if huge and pages not in (1, whole):
        faults.add((*path, "pages"), f"a huge-pmd has {whole} pages, not {pages}", "leave pages out, or say 1 or all")
        return None
    pages = whole if huge else pages
    if at is None:
        return None
    if order and pages > whole:
        faults.add(
            (*path, "pages"), f"a folio of order {order} has {whole} pages, not {pages}", "fewer map a part of it"
        )
        return None
    size = whole * arch.page_size
    if at % (size if order or huge else arch.page_size):
        size = size if order or huge else arch.page_size
        down = at - at % size
        hint = f"aligned are {_spot(ctx, table['at'], at, down)} and {_spot(ctx, table['at'], at, down + size)}"
        faults.add((*path, "at"), f"{at:#x} is not aligned to {size:#x} bytes", hint)
        return None
    if not good:
        return None
    end = at + pages * arch.page_size
    vma = ctx.vma_at(at)
    if vma is None or end > vma.start + vma.size:
        reason = f"ends at {end:#x}, behind {vma.name} ({vma.start + vma.size:#x})" if vma else "no VMA is there"
        if vma is not None or not ctx.declared - ctx.vmas.keys():
            hint = "fewer pages, or a larger VMA" if vma else "a [[vma]] must hold it"
            where = (*path, "pages" if "pages" in table and vma else "at")
            faults.add(where, f"{at:#x} can't be populated: {reason}", hint)
        return None
    return Populate(at, pages, with_, order, faults.place((*path, "at")))


def _folio_order(ctx: Context, order: int, with_: str, path: KeyPath) -> bool:
    """Is this an order that a folio below the PMD can have?"""
    assert ctx.arch is not None
    top = ctx.arch.pmd_order - 1
    if with_ != "page" and order:
        ctx.faults.add(path, f'order needs with = "page", not {show(with_)}', "only pages belong to folios of an order")
    elif order == 1:
        ctx.faults.add(path, "no anonymous folio has order 1", f"orders are 0 and 2 … {top}")
    elif order > top:
        ctx.faults.add(path, f"order {order} is not below the PMD", f'orders are 0 and 2 … {top}; or with = "huge-pmd"')
    else:
        return True
    return False


def _spot(ctx: Context, value: tuple[str | None, int], at: int, wanted: int) -> str:
    """``wanted`` as the user would write it: relative to the same VMA if it lies in it."""
    name = value[0]
    vma = ctx.vmas.get(name or "")
    return f"{wanted:#x}" if vma is None or wanted < vma.start else f"{name}+{wanted - vma.start:#x}"
