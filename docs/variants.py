# SPDX-License-Identifier: GPL-2.0-only
"""Make docs/variants.md: in which behaviour the variants differ, read from runs of scenarios/matrix.

Run as ``python docs/variants.py`` from the checkout.  A cell is what a small function below reads from the run of one
variant: the orders on offer, a result, a counter, a local at a stop.  None is written down by hand; what the sources
say stands in tests/data/variants_matrix.toml, and a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from kernelmodel import scenario
from kernelmodel.check import mapped_orders
from kernelmodel.defs import (
    __GFP_DIRECT_RECLAIM,
    __GFP_NORETRY,
    __GFP_NOWARN,
    __GFP_ZERO,
    GFP_HIGHUSER_MOVABLE,
    GFP_KERNEL,
    GFP_TRANSHUGE_LIGHT,
    result_name,
)
from kernelmodel.matrix import for_variant
from kernelmodel.mm.vmstat import mthp_stats
from kernelmodel.outcome import finish
from kernelmodel.scenario.types import Scenario
from kernelmodel.session import Session
from kernelmodel.snapshot import Event
from kernelmodel.structs import Folio, VmFault
from kernelmodel.variant_names import VARIANTS, aliases

HERE = Path(__file__).parent
COLUMNS = [each.id for each in VARIANTS.values() if not each.alias_of and each.id != "v3-off"]
"""All variants that are none of another; v3-off has no large folio to differ in."""
ENABLED, INHERITED = (6, 4, 2), 4
"""Orders that scenarios/matrix enables where they are set one by one, and the one that inherits in policy.toml."""
HOOK, UNHINTED, CONSTANT = 6, 3, 2
"""Orders of the hook, of v3's boot parameter and of the constant cap in maximum.toml."""
OTHERS = {0: "–", 4: "sizes", 5: "anon_orders", 7: "Kconfig", 8: "sizes, thp_anon"}
"""Who else says which order there."""


# -- runs --------------------------------------------------------------------------------------------------
@cache
def _scenario(name: str) -> Scenario:
    return scenario.load(f"matrix/{name}.toml")


def begin(name: str, variant: str) -> Session:
    """At the first stop of a scenario of the matrix."""
    return Session(for_variant(_scenario(name), variant), variant)


@cache
def run(name: str, variant: str) -> Session:
    """At the end of it; not to be moved."""
    return finish(begin(name, variant))


def number(session: Session, n: int) -> int:
    """Which event is the n-th access."""
    return [k for k, event in enumerate(session.scenario.events) if event.is_access][n]


def known(session: Session, kind: str, n: int = 0) -> list[Event]:
    """The decisions of a kind in the n-th access."""
    event = number(session, n)
    found = (session.event(step) for step in range(session.last + 1) if session.access_of(step) == event)
    return [each for each in found if each.kind == kind]


def until(session: Session, kind: str, n: int = 0) -> Event | None:
    """Go to the next decision of a kind in the n-th access; None if the run ends before."""
    event = number(session, n)
    while not session.finished:
        if session.access_of(session.step) == event and session.event(session.step).kind == kind:
            return session.event(session.step)
        session.advance()
    return None


def local(session: Session, name: str) -> Any:
    """A local of the innermost call that has it, at the present stop."""
    return next(call.locals[name] for call in reversed(session.calls()) if name in call.locals)


def offered(session: Session, n: int) -> tuple[int, ...]:
    """The orders on offer in the n-th access, after the last word of the policy."""
    words = [each.outcome for each in known(session, "policy", n)][-1:]
    return tuple(int(each) for word in words if word != "none" for each in word.split(","))


def tried(session: Session, n: int = 0) -> tuple[int, ...]:
    """The orders that the n-th access asked the allocator for."""
    return tuple(each.order for each in known(session, "alloc", n))


# -- rows --------------------------------------------------------------------------------------------------
class Row(NamedTuple):
    """A behaviour in which the variants differ."""

    name: str
    files: tuple[str, ...]
    """Scenarios, without folder and suffix."""
    how: str
    """What is read from their runs."""
    read: Callable[[str], str]


ROWS: list[Row] = []
"""Rows of the page, in the order in which they stand below."""


def behaviour(name: str, *files: str) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
    """Make a row of a function that reads its cell for a variant; its docstring says what is read."""

    def add(read: Callable[[str], str]) -> Callable[[str], str]:
        ROWS.append(Row(name, files, " ".join((read.__doc__ or "").split()), read))
        return read

    return add


@behaviour("order set", "one-fault")
def order_set(variant: str) -> str:
    """The orders on offer, where a maximum of 6 or the orders 6, 4 and 2 are set."""
    orders = offered(run("one-fault", variant), 0)
    if not orders:
        return "{0}"
    if orders == ENABLED:
        return "bitmask"
    if orders == tuple(range(orders[0], 1, -1)):
        return "all max…2"
    return "{p,3,0}" if orders[1:] == (3,) else str(orders)


@behaviour("who sets max", "maximum")
def who_sets_max(variant: str) -> str:
    """The highest order on offer: each knob names another; then without a hint, then with enabled = never."""
    session = run("maximum", variant)
    highest, unhinted, never = (max(offered(session, n), default=0) for n in range(3))
    if highest != HOOK:
        return OTHERS.get(highest, str(highest))
    cap = {HOOK: "", UNHINTED: ", boot cap", CONSTANT: ", const cap"}.get(unhinted, f", {unhinted}")
    return "hook" + ("" if never else ", policy") + cap


@behaviour("order 1 possible", "small-orders")
def order_1(variant: str) -> str:
    """Whether a VMA of two pages gets one folio."""
    return "✓" if 1 in mapped_orders(run("small-orders", variant)) else "–"


@behaviour("order 2 reachable", "small-orders")
def order_2(variant: str) -> str:
    """What VMAs of four pages get: order 2 enabled, not enabled, and preferred."""
    _, enabled, disabled, preferred = (order == 2 for order in mapped_orders(run("small-orders", variant)))
    return "✓" if disabled else "if enabled" if enabled else "if prefer is 2" if preferred else "–"


def refused(session: Session, n: int) -> str:
    """The orders on offer in the n-th access of policy.toml, held against those of its first."""
    usual, now = offered(run("policy", session.variant), 0), offered(session, n)
    return "n/a" if not usual else "order-0" if not now else "same" if now == usual else "capped"


@behaviour("MADV_NOHUGEPAGE → order-0", "policy")
def nohugepage(variant: str) -> str:
    """The orders on offer, against those without the advice."""
    return _opts_out(refused(run("policy", variant), 1))


def _opts_out(how: str) -> str:
    return {"n/a": "n/a", "order-0": "✓"}.get(how, "–")


@behaviour("VM_NO_KHUGEPAGED VMA", "policy")
def special(variant: str) -> str:
    """The same for a VM_DONTEXPAND VMA; `capped`: lower ones than usual; v2 has what the hook says, here always 6."""
    return refused(run("policy", variant), 2)


@behaviour("temporary (exec) stack", "policy")
def temporary_stack(variant: str) -> str:
    """The same for VM_STACK_INCOMPLETE_SETUP."""
    return refused(run("policy", variant), 3)


@behaviour("THP unsupported by hardware flag", "unsupported")
def unsupported(variant: str) -> str:
    """The same with has_transparent_hugepage = false."""
    return refused(run("unsupported", variant), 0)


@behaviour("global sysfs never → order-0", "policy")
def sysfs_never(variant: str) -> str:
    """The same after enabled = never; one size inherits, the others are always."""
    session = run("policy", variant)
    usual = offered(session, 0)
    less = tuple(order for order in usual if order != INHERITED)
    return "only inherit" if less != usual and offered(session, 7) == less else _opts_out(refused(session, 7))


@behaviour("prctl disable", "policy")
def prctl(variant: str) -> str:
    """The same after the prctl, and after the one that spares advised VMAs."""
    session = run("policy", variant)
    spared = (refused(session, 5), refused(session, 6)) == ("same", "order-0")
    return _opts_out(refused(session, 4)) + (", except advised" if spared else "")


@behaviour("uffd test", "userfaultfd")
def uffd_test(variant: str) -> str:
    """Whether the test says armed: for a PTE that is none, for a marker."""
    session = run("userfaultfd", variant)
    none, marker = (any(each.outcome == "armed" for each in known(session, "uffd", n)) for n in (0, 1))
    return "armed" if none else "marker" if marker else "–"


@behaviour("vmf.pte as scratch", "one-fault")
def scratch(variant: str) -> str:
    """Whether vmf->pte is set at the scan of the PTEs and at the allocation."""
    session = begin("one-fault", variant)
    if until(session, "pte-range") is None:
        return "–"
    vmf: VmFault = local(session, "vmf")
    if vmf.pte is None:
        return "local pointer"
    until(session, "alloc")
    return "✓, NULLed" if vmf.pte is None else "✓, left set"


@behaviour("unlocked map NULL", "one-fault")
def unlocked_map(variant: str) -> str:
    """What the fault does after the answer `NULL none` (int or ERR_PTR for -EAGAIN leaves no trace)."""
    session = begin("one-fault", variant)
    if until(session, "map-pte") is None:
        return "–"
    if not session.possible_answers():
        return "unchecked"
    fault = session.event(session.step).fault
    session.advance("NULL none")
    finish(session)
    rest = [session.event(step) for step in range(session.last) if session.event(step).fault == fault]
    return "return 0" if (rest[-1].outcome, rest[-2].kind) == ("0", "map-pte") else rest[-2].kind


@behaviour("alloc failure", "nothing-free")
def alloc_failure(variant: str) -> str:
    """The orders that are asked for, the result if there was only one."""
    session = run("nothing-free", variant)
    orders = tried(session)
    first, *lower = orders
    if not lower:
        return _error(session)
    if lower == [0]:
        return "straight to 0"
    if orders == (*range(first, 1, -1), 0):
        return "each lower order"
    return {(*ENABLED, 0): "next bit", (first, 3, 0): "next of orders[]"}.get(orders, str(orders))


def _error(session: Session, n: int = 0) -> str:
    """What the n-th access returned."""
    end = next(each for each in session.accesses if each.event == number(session, n))
    return result_name(end.ret).removeprefix("VM_FAULT_")


@behaviour("large gfp", "one-fault")
def large_gfp(variant: str) -> str:
    """The gfp of the first allocation, with and without a hint (defrag = madvise)."""
    session = run("one-fault", variant)
    first = [known(session, "alloc", n)[0] for n in (0, 1)]
    if not first[0].order:
        return "–"
    masks = [dict(each.more)["gfp"] for each in first]
    little = GFP_HIGHUSER_MOVABLE | __GFP_ZERO | __GFP_NORETRY | __GFP_NOWARN
    if masks == [little, little]:
        return "HIGHUSER, NORETRY, NOWARN"
    return "thp mask" if masks == [GFP_TRANSHUGE_LIGHT | __GFP_DIRECT_RECLAIM, GFP_TRANSHUGE_LIGHT] else str(masks)


@behaviour('sub-PMD NUMA "local only"', "nodes")
def local_only(variant: str) -> str:
    """Whether the first allocation fails though the other node has the block."""
    first = known(run("nodes", variant), "alloc")[0]
    return "✓" if first.outcome == "NULL" else "–"


@behaviour("zero skipped if init_on_alloc", "init-on-alloc")
def zero_skipped(variant: str) -> str:
    """How often the folio was cleared when it is mapped; `n/a`: the knob is not modelled for the variant."""
    session = begin("init-on-alloc", variant)
    if not session.m.knobs["init_on_alloc"]:
        return "n/a"
    until(session, "install")
    folio: Folio = local(session, "folio")
    return "✓" if folio.cleared == 1 else "–"


@behaviour("memcg charge", "one-fault")
def memcg_charge(variant: str) -> str:
    """The gfp of the first charge, and whether the folio was cleared by then."""
    session = begin("one-fault", variant)
    charge = until(session, "charge")
    assert charge is not None
    gfp = "GFP_KERNEL" if dict(charge.more)["gfp"] == GFP_KERNEL else "gfp"
    folio: Folio = local(session, "folio")
    return f"{gfp}, {'after' if folio.cleared else 'before'} zero"


@behaviour("charge failure", "memcg")
def charge_failure(variant: str) -> str:
    """What follows the first charge that fails."""
    session = run("memcg", variant)
    n, charge = next(
        (n, each) for n in range(5) for each in known(session, "charge", n) if each.outcome == "-ENOMEM"
    )  # fmt: skip
    lower = [order for order in tried(session, n) if order < charge.order]
    return "lower order" if lower else _error(session, n)


@behaviour("deferred-split memcg step", "one-fault")
def deferred(variant: str) -> str:
    """What is asked for after the answer `-ENOMEM` where the list heads are made."""
    session = begin("one-fault", variant)
    if until(session, "deferred") is None:
        return "–"
    session.advance("-ENOMEM")
    return "✓ → order 0" if tried(finish(session))[1:] == (0,) else "✓"


@behaviour("`!orders` exit before gfp", "one-fault", "busy")
def exit_before_gfp(variant: str) -> str:
    """Whether the mask was computed at the fallback, if it is for a large folio."""
    good, busy = begin("one-fault", variant), begin("busy", variant)
    until(good, "alloc")
    if local(good, "vmf").gfp < 0 or until(busy, "fallback") is None:
        return "–"
    return "✓" if local(busy, "vmf").gfp < 0 else "–"


@behaviour("race: neighbour set under lock", "lost-race")
def neighbour(variant: str) -> str:
    """A retry in the fault, or how often it returns 0 (update_mmu_tlb() of which PTEs leaves no trace)."""
    session = run("lost-race", variant)
    if known(session, "retry"):
        return "retry lower in-fault"
    returned = [each.outcome for each in known(session, "return")]
    return "drop, return 0" if known(session, "recheck")[0].outcome == "changed" and returned == ["0", "0"] else "–"


@behaviour("read fault addr", "read-fault")
def read_fault(variant: str) -> str:
    """The bug at the end of the run, or none."""
    session = run("read-fault", variant)
    return session.event(session.last).outcome if session.stop.kind == "bug" else "ok"


@behaviour("anon_vma failure", "one-fault", "anon-vma-locked")
def anon_vma(variant: str) -> str:
    """The result after the answer `-ENOMEM`, and that of the first pass where another CPU has the mmap_lock."""
    session = begin("one-fault", variant)
    until(session, "anon-vma")
    session.advance("-ENOMEM")
    retries = known(run("anon-vma-locked", variant), "return")[0].outcome == "VM_FAULT_RETRY"
    return _error(finish(session)) + (" or RETRY" if retries else "")


@behaviour("mTHP FALLBACK/CHARGE/ALLOC counters", "one-fault", "nothing-free", "memcg")
def counters(variant: str) -> str:
    """Names of the statistics that moved, and the last store of the commit."""
    runs = [run(name, variant) for name in ("one-fault", "nothing-free", "memcg")]
    names = {name.partition(".")[2] for each in runs for name in mthp_stats(each.m)}
    if not names:
        return "–"
    found = "✓" if {"anon_fault_alloc", "anon_fault_fallback", "anon_fault_fallback_charge"} <= names else "some"
    return found + (" +nr_anon" if "nr_anon" in names else "") + (", ALLOC last" if _counts_last(variant) else "")


def _counts_last(variant: str) -> bool:
    """Is a statistic of a size the last store of the commit, after the PTEs?"""
    session = begin("one-fault", variant)
    until(session, "install")
    before = len(session.m.journal)
    session.advance()
    stores = [field.name for field, *_ in session.m.journal.entries(before, len(session.m.journal))]
    return stores.index("pgtable") < len(stores) - 1 - stores[::-1].index("mthp_stat")


@behaviour("order-0 path charge", "one-fault")
def order_0_charge(variant: str) -> str:
    """The call stack at the charge of one page."""
    session = begin("one-fault", variant)
    until(session, "charge", 2)
    names = [call.code.co_name for call in session.calls()]
    return "folio_prealloc" if "folio_prealloc" in names else "in caller"


NO_TRACE = {
    "occupancy read without lock": "the model has one way of reading a PTE: ptep_get() and ptep_get_lockless() differ "
    "where an entry is read in two halves, which no arch here does",
    "zeroing hint": "which page of a folio is cleared last is a matter of caches; the model keeps how often only",
    "race: order-0 test": "for one page all variants compare with the value read before; v2's extra test of the first "
    "PTE of a larger range can't differ from its second one but for the update_mmu_tlb() after it, which is not here",
    "recheck form": "one test, two, a helper or two branches: the same decision `recheck`",
    "set PTEs": "one by one, by set_ptes() or in a helper: what is stored in one step of the model is one run in the "
    "journal",
    "rmap flag": "RMAP_EXCLUSIVE and the earlier functions do the same to a new folio",
    "6.11 only: folio_zero_user name, update_mmu_tlb_range, RMAP_EXCLUSIVE": "names; the model spells the first as the "
    "release does, the second would do nothing here",
}
"""What differs in the text of the kernel and in no run, and why."""


class Correction(NamedTuple):
    """Cells in which the runs and the table that was made from the sources beforehand differ."""

    row: str
    variants: tuple[str, ...]
    said: str
    """By that table."""
    cell: str
    """By the runs."""
    why: str
    """With its source, or what the model leaves out."""


CORRECTIONS = (
    Correction(
        'sub-PMD NUMA "local only"', ("v6",), "unverified", "✓",
        "mm/mempolicy.c of 6.5 tests the argument alone, and v6 (29 September 2023) is older than the change of 6.7 "
        "(commit ddc1a5cbc05d)",
    ),
    Correction(
        'sub-PMD NUMA "local only"', ("v8",), "unverified", "–",
        "v8 is on 6.7-rc, which has that change: only the PMD order is local (mm/mempolicy.c of 6.8)",
    ),
    Correction(
        "zero skipped if init_on_alloc", ("6.5", "v2", "v3", "v4", "v5", "v6"), "–", "n/a",
        "a limit of the model: init_on_alloc is older than all of them (mm/page_alloc.c of 6.5), but obeyed from v8 on",
    ),
    Correction(
        "zero skipped if init_on_alloc", ("v1",), "by arch", "n/a",
        "likewise; v1 asks the allocator for cleared memory (__GFP_ZERO), so nothing would be cleared twice",
    ),
    Correction(
        "memcg charge", ("6.5",), "GFP_KERNEL", "GFP_KERNEL, after zero",
        "mm/memory.c of 6.5: vma_alloc_zeroed_movable_folio() comes before mem_cgroup_charge() there, too",
    ),
)  # fmt: skip
"""Each has its source; the test knows of no other difference."""


# -- the page ----------------------------------------------------------------------------------------------
@cache
def cells(row: Row) -> tuple[str, ...]:
    """One a column."""
    return tuple(row.read(variant) for variant in COLUMNS)


_HEAD = """# The variants, behaviour by behaviour

<!-- made by docs/variants.py -->

`python docs/variants.py` makes this page: it runs the scenarios of `scenarios/matrix` with every variant, and a small
function a row reads the cell from the run. A test holds the page against the runs, and the runs against what the
patches and the releases say (`tests/data/variants_matrix.toml`). ✓ is yes, – is no or nothing of the kind, `n/a` can't
be asked, `=` is the cell to the left. v3-off, v3 without its option, has no column: it is order-0, always.

v1 has large folios on arm64 only, so all of them run there, with pages of 16K (4K for the lost race), and on x86-64 for
userfaultfd alone.
"""


def page() -> str:
    """The whole of docs/variants.md."""
    parts = [_HEAD, _table(), "## Where it is read\n"]
    parts.append("\n".join(f"* {row.name} ({_files(row)}): {row.how}" for row in ROWS) + "\n")
    parts.append("## Where the runs differ from the table made of the sources\n")
    parts.append("\n".join(_correction(each) for each in CORRECTIONS) + "\n")
    parts.append("## What leaves no trace in the model\n")
    parts.append("\n".join(f"* {name}: {why}." for name, why in NO_TRACE.items()) + "\n")
    return "\n".join(parts)


def _table() -> str:
    lines = ["| behaviour | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    lines += ["| " + " | ".join((row.name, *_folded(cells(row)))) + " |" for row in ROWS]
    also = [f"* {name} is {each}{_unlike(name, n)}" for n, each in enumerate(COLUMNS) for name in aliases(each)]
    return "\n".join([*lines, "\nFurther ids, run likewise:\n", *also]) + "\n"


def _folded(words: tuple[str, ...]) -> list[str]:
    """A longer word that stands to the left already is ``=``."""
    left = ("", *words)
    return ["=" if word == left[n] and len(word) > len("n/a") else word for n, word in enumerate(words)]


def _unlike(alias: str, column: int) -> str:
    """In which rows an alias differs from the column that it shares: by what its release lacks."""
    found = [(row.name, row.read(alias)) for row in ROWS if row.read(alias) != cells(row)[column]]
    return " but for " + "; ".join(f"{name}: {cell}" for name, cell in found) if found else ""


def _files(row: Row) -> str:
    return ", ".join(f"`{name}.toml`" for name in row.files)


def _correction(each: Correction) -> str:
    who = ", ".join(each.variants)
    return f"* {each.row}, {who}: the table says `{each.said}`, the runs say `{each.cell}`: {each.why}."


if __name__ == "__main__":
    (HERE / "variants.md").write_text(page(), encoding="utf-8")
