# SPDX-License-Identifier: GPL-2.0-only
"""From a scenario to a machine that has just booted: zones, watermarks, address space, what is mapped already.

Watermarks and lowmem_reserve: mm/reserves.py.
"""

from __future__ import annotations

from kernelmodel import defs
from kernelmodel.actors import changes_vmas
from kernelmodel.arch import ARCHES, PTE_MARKER_UFFD_WP, SWP_PTE_MARKER, has_pt_reclaim
from kernelmodel.defs import (
    GFP_HIGHUSER_MOVABLE,
    GFP_TRANSHUGE_LIGHT,
    MM_ANONPAGES,
    MM_SWAPENTS,
    MMF_DISABLE_THP,
    VM_UFFD_MISSING,
    VM_UFFD_WP,
)
from kernelmodel.fault import VARIANTS
from kernelmodel.fault.images import link
from kernelmodel.machine import ALIVE, Machine
from kernelmodel.memory.build import build_zones
from kernelmodel.mm import page_alloc, reserves, rmap
from kernelmodel.mm.contents import at_boot, swapped_out_at_boot
from kernelmodel.mm.large_mapcount import folio_sub_large_mapcount
from kernelmodel.mm.memcontrol import charge_now, over_limit, set_up_memcg
from kernelmodel.mm.pgtable import mm_init, pmd_alloc, pte_place, set_pte_at, zero_page
from kernelmodel.mm.tables import pgtable_trans_huge_deposit, table_alloc, table_entry
from kernelmodel.mm.thp_knobs import DEFRAG, ENABLED, THP_ORDERS_ALL_ANON, set_anon_policy, size_order
from kernelmodel.mm.vma import attach_anon_vma, find_vma, maybe_mkwrite, vma_alloc, vma_link
from kernelmodel.mm.vmstat import add_mm_counter
from kernelmodel.scenario.types import Memory, NodeSpec, Place, Populate, Scenario, VmaSpec, ZoneSpec
from kernelmodel.structs import Folio, Mm, Vma
from kernelmodel.variant_names import VARIANTS as NAMES


class BootError(Exception):
    """The machine can't be built as described; ``place`` is where the scenario says so."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


def build(scenario: Scenario, variant: str, mutants: frozenset[str] = frozenset()) -> Machine:
    """A machine at rest; its journal begins here.  ``mutants`` are names of ``mutants.MUTANTS``."""
    arch = ARCHES[scenario.arch]
    image = link(NAMES[variant], mutants) if mutants else VARIANTS[variant]
    boot, limit = scenario.boot, scenario.memory.memcg_limit
    pt_reclaim = has_pt_reclaim(image.names.release, arch) and dict(scenario.config).get("CONFIG_PT_RECLAIM", True)
    cap = boot.flexthp_unhinted_max if "flexthp_unhinted_max" in image.names.knobs else None
    m = Machine(
        arch,
        image,
        {
            "arch_wants_pte_order": boot.arch_wants_pte_order,
            "flexthp_unhinted_max_order": unhinted_max_order(arch.page_size, cap),
            "memcg_limit": -1 if limit is None else limit >> arch.page_shift,
            "pt_reclaim": pt_reclaim,
            "init_on_alloc": boot.init_on_alloc and "init_on_alloc" in image.names.knobs,
            "has_transparent_hugepage": boot.has_transparent_hugepage,
            **dict(scenario.memory.sysctl),
        },
    )
    m.mutants = mutants
    m.nr_cpus = 1 + max((event.cpu for event in scenario.events), default=0)
    verbs = {event.verb for event in scenario.events}
    m.keeps_contents = "swap_out" in verbs or ("fork" in verbs and m.nr_cpus > 2)
    m.vma_writers = m.nr_cpus > 1 and any(changes_vmas(event) for event in scenario.events)
    m.mm_names = list(scenario.processes)
    m.vma_names = [spec.name for spec in scenario.vmas]
    m.vma_names += [event.arg("name") for event in scenario.events if event.verb == "mmap"]
    m.vma_numbers = {name: number for number, name in enumerate(m.vma_names)}
    set_up_policy(m, scenario)
    set_up_memory(m, scenario.memory)
    set_up_memcg(m)
    mm = mm_init(m, 0)
    m.mm_users.set(0, ALIVE)
    if scenario.thp.prctl_thp_disable:
        mm.flags |= MMF_DISABLE_THP
    for spec in sorted(scenario.vmas, key=lambda each: each.start):
        add_vma(mm, spec)
    for spot in scenario.populate:
        populate(mm, spot)
    m.journal.seal()
    return m


def unhinted_max_order(page_size: int, unhinted_max: int | None) -> int:
    """flexthp_unhinted_max as an order: 64K (or one page) by default, and order 1 becomes 0."""
    size = max(64 << 10, page_size) if unhinted_max is None else unhinted_max
    order = (size // page_size).bit_length() - 1
    return 0 if order == 1 else order


def set_up_policy(m: Machine, scenario: Scenario) -> None:
    """transparent_hugepage knobs as they stand after boot: hugepage_init(), the command line, then ``[thp]``."""
    thp, boot, arch = scenario.thp, scenario.boot, m.arch
    m.thp_enabled.set(0, ENABLED.index(thp.enabled if boot.has_transparent_hugepage else "never"))
    m.thp_defrag.set(0, DEFRAG.index(thp.defrag))
    m.thp_use_zero_page.set(0, int(thp.use_zero_page))
    knobs = m.variant.names.knobs
    if "hugepages-*kB" in knobs:
        policies = dict.fromkeys(range(2, arch.pmd_order + 1), "never")
        thp_anon = boot.thp_anon if "thp_anon" in knobs else ()
        if not thp_anon:
            policies[arch.pmd_order] = "inherit"
        policies.update(thp_anon)
        for name, policy in thp.per_size:
            policies[size_order(arch, name)] = policy
        for order, policy in policies.items():
            set_anon_policy(m, order, policy)
    if "anon_orders" in knobs:
        pmd = 1 << arch.pmd_order
        m.anon_orders.set(0, pmd if thp.anon_orders is None else thp.anon_orders & THP_ORDERS_ALL_ANON(arch))
        m.anon_always_mask.set(0, thp.anon_always_mask or 0)


# -- zones ------------------------------------------------------------------------------------------
def set_up_memory(m: Machine, memory: Memory) -> None:
    """The zones of all nodes, their watermarks, the CPUs' own lists."""
    nodes = memory.nodes or (NodeSpec((), (ZoneSpec("Normal", memory.size, memory.free, memory.min),)),)
    m.pcp, m.swap_free = memory.pcp, memory.swap
    specs = build_zones(m, nodes)
    cpus = {cpu: node for node, spec in enumerate(nodes) for cpu in spec.cpus}
    m.cpu_nodes = [cpus.get(cpu, 0) for cpu in range(m.nr_cpus)]
    set_up_watermarks(m, specs, memory.real)
    if m.pcp:
        from kernelmodel.mm.pcp_batch import pcp_setup

        pcp_setup(m)
    for number, spec in enumerate(specs):
        if spec.text is not None:
            from kernelmodel.memory.from_proc import set_up_from_text

            set_up_from_text(m, number, spec.text)


def set_up_watermarks(m: Machine, specs: tuple[ZoneSpec, ...], real: bool) -> None:
    """min, low and high per zone, in pages: as given, none where the free blocks are, else the kernel's."""
    reserves.set_up_watermarks(m, [0 if spec.min is None and spec.given else spec.min for spec in specs], real)
    for number, spec in enumerate(specs):
        if spec.given and spec.min is None:
            m.zones[number] = m.zones[number]._replace(reserve=(0,) * defs.MAX_NR_ZONES)


# -- address space -----------------------------------------------------------------------------------
def add_vma(mm: Mm, spec: VmaSpec) -> Vma:
    """One VMA at the end of the sorted list."""
    m = mm.m
    vma = vma_alloc(m, spec.name)
    flags = defs.VM_READ | defs.VM_MAYREAD | defs.VM_MAYWRITE | defs.VM_MAYEXEC
    for name in spec.flags:
        flags |= getattr(defs, name)
    flags |= (VM_UFFD_MISSING if "missing" in spec.uffd else 0) | (VM_UFFD_WP if "wp" in spec.uffd else 0)
    vma.vm_start, vma.vm_end, vma.vm_flags = spec.start, spec.start + spec.size, flags
    vma.vm_pgoff = spec.start >> m.arch.page_shift
    vma_link(mm, vma)
    return vma


def populate(mm: Mm, spot: Populate) -> None:
    """What is mapped before the first access; nothing of it counts as a fault."""
    m, arch = mm.m, mm.m.arch
    vma = find_vma(mm, spot.at)
    assert vma is not None
    if spot.with_ == "huge-pmd":
        populate_huge(vma, spot)
        return
    if spot.order:
        folio = new_folio(vma, spot, spot.order)
        page_alloc.folio_ref_add(folio, spot.pages - 1)
        map_folio(folio, vma, spot.at, spot.pages)
        return
    for k in range(spot.pages):
        address = spot.at + (k << arch.page_shift)
        pte = pte_of(mm, address)
        if spot.with_ == "page":
            map_folio(new_folio(vma, spot, 0), vma, address, 1)
        elif spot.with_ == "zero-page":
            set_pte_at(m, pte, zero_page(m, vma.vm_page_prot))
        elif spot.with_ == "uffd-wp-marker":
            set_pte_at(m, pte, arch.swp_entry(SWP_PTE_MARKER, PTE_MARKER_UFFD_WP))
        else:
            attach_anon_vma(m, vma)  # what was swapped out had been mapped
            add_mm_counter(mm, MM_SWAPENTS, 1)
            set_pte_at(m, pte, arch.pte_swp_mkexclusive(arch.swp_entry(0, swapped_out_at_boot(m))))


def new_folio(vma: Vma, spot: Populate, order: int) -> Folio:
    """A folio for a populate: charged and owned."""
    m = vma.m
    attach_anon_vma(m, vma)
    gfp = GFP_TRANSHUGE_LIGHT if order else GFP_HIGHUSER_MOVABLE
    folio = page_alloc.take(m, gfp, order)
    if folio is None:
        left = m.nr_free_pages.get(0)
        raise BootError(spot.place, f"no free block of order {order} for this populate ({left} pages are free)")
    if over_limit(m, folio.nr_pages) > 0:
        limit = m.knobs["memcg_limit"]
        raise BootError(spot.place, f"this populate needs more than memory.memcg_limit ({limit} pages) allows")
    charge_now(folio)
    rmap.folio_mark_uptodate(folio)
    return folio


def map_folio(folio: Folio, vma: Vma, address: int, pages: int) -> None:
    """Map the first ``pages`` pages of a folio, as if the program had written to them."""
    m, arch, mm = vma.m, vma.m.arch, vma.vm_mm
    rmap.folio_add_new_anon_rmap(folio, vma, address)
    rmap.folio_add_lru_vma(folio)
    at_boot(m, folio.id, pages)
    for k in range(pages, folio.nr_pages):
        rmap.page_remove_rmap(m, folio.id + k)
    if folio.order:
        folio._nr_pages_mapped = pages
        folio_sub_large_mapcount(folio, folio.nr_pages - pages, vma)
    add_mm_counter(mm, MM_ANONPAGES, pages)
    for k in range(pages):
        entry = maybe_mkwrite(arch.pte_mkdirty(arch.pfn_pte(folio.id + k, vma.vm_page_prot)), vma)
        set_pte_at(m, pte_of(mm, address + (k << arch.page_shift)), entry)


def pte_of(mm: Mm, address: int) -> int:
    """Place of the PTE, the table made if it is missing."""
    m = mm.m
    pmd = pmd_alloc(mm, address)
    value = m.pgtable.get(pmd)
    if not value:
        value = table_entry(m, table_alloc(m, mm.id, 0))
        m.pgtable.set(pmd, value)
        mm.nr_ptes += 1
    return pte_place(m, value, address)


def populate_huge(vma: Vma, spot: Populate) -> None:
    """One leaf."""
    m, mm = vma.m, vma.vm_mm
    folio = new_folio(vma, spot, m.arch.pmd_order)
    rmap.folio_add_new_anon_rmap(folio, vma, spot.at)
    rmap.folio_add_lru_vma(folio)
    at_boot(m, folio.id, folio.nr_pages)
    pmd = pmd_alloc(mm, spot.at)
    pgtable_trans_huge_deposit(m, pmd, table_alloc(m, mm.id, 0))
    mm.nr_ptes += 1
    m.pgtable.set(pmd, rmap.huge_pmd(folio, vma))
    add_mm_counter(mm, MM_ANONPAGES, folio.nr_pages)
