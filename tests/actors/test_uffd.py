# SPDX-License-Identifier: GPL-2.0-only
"""userfaultfd ioctls on one CPU: what they change, what they refuse, and in which release."""

from __future__ import annotations

import pytest

from kernelmodel.arch import PTE_MARKER_POISONED, SWP_PTE_MARKER
from kernelmodel.defs import VM_UFFD_MISSING, VM_UFFD_WP, PG_anon_exclusive
from kernelmodel.mm.vma import vmas
from kernelmodel.session import Session
from kernelmodel.structs import Folio, Mm
from tests.actors.acts import K, M, layout, play, read, results, told, write
from tests.stories import START, entry, pfn

EAGAIN, EBUSY, EEXIST, EINVAL, ENOENT = -11, -16, -17, -22, -2
HUGE = 'hugepages-2048kB = "always"'
BOTH = '["missing", "wp"]'


def uffd(op: str, offset: int, size: int, mode: str = "", src: int = -1) -> str:
    more = f", mode = {mode}" if mode else ""
    more += f", src = {START + src}" if src >= 0 else ""
    return f"uffd {{ op = '{op}', at = {START + offset}, size = {size}{more} }}"


def protect(offset: int, size: int) -> str:
    return uffd("writeprotect", offset, size, '["wp"]')


def resolve(offset: int, size: int) -> str:
    return uffd("writeprotect", offset, size, "[]")


def flags(s: Session) -> list[int]:
    return [vma.vm_flags & (VM_UFFD_MISSING | VM_UFFD_WP) for vma in vmas(Mm(s.m, 0))]


def kind(s: Session, offset: int) -> str:
    return s.m.arch.pte_kind(entry(s, 0, offset))


# -- register ------------------------------------------------------------------------------------------
def test_a_part_is_armed_and_the_vma_is_cut() -> None:
    s = play(uffd("register", K << 6, K << 6, '["missing"]'))
    assert layout(s) == [(0, 64 * K), (64 * K, 128 * K), (128 * K, 4 * M)]
    assert flags(s) == [0, VM_UFFD_MISSING, 0]
    assert told(s, "uffd-") == ["uffd-register:flags", "uffd-split:below", "uffd-split:above", "uffd-return:0"]


def test_unregistering_makes_it_one_again() -> None:
    s = play(uffd("register", 64 * K, 64 * K, '["missing"]'), uffd("unregister", 0, 4 * M))
    assert (layout(s), flags(s)) == ([(0, 4 * M)], [0])


def test_the_modes_of_a_new_registration_replace_the_old() -> None:
    s = play(uffd("register", 0, 4 * M, BOTH), uffd("register", 0, 4 * M, '["wp"]'))
    assert "uffd-register:same" in told(s, "uffd-register")  # wp is there already
    assert flags(s) == [VM_UFFD_MISSING | VM_UFFD_WP]
    s = play(uffd("register", 0, 4 * M, '["wp"]'), uffd("register", 0, 4 * M, '["missing"]'))
    assert flags(s) == [VM_UFFD_MISSING]


@pytest.mark.parametrize(
    ("variant", "arch", "ret"), [("6.5", "x86-64", 0), ("6.9", "arm64-4k", EINVAL), ("6.12", "arm64-4k", 0)]
)
def test_write_protection_needs_the_arch(variant: str, arch: str, ret: int) -> None:
    assert results(play(uffd("register", 0, 4 * M, '["wp"]'), variant=variant, arch=arch)) == [ret]


# -- filling -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["6.5", "v3", "6.8", "6.9", "6.10", "6.12", "6.18", "7.1"])
def test_a_page_is_filled_once(variant: str) -> None:
    s = play(uffd("copy", 0, 8 * K), uffd("copy", 4 * K, 4 * K), write(0), variant=variant, uffd='["missing"]')
    assert results(s) == [0, EEXIST, 0]
    assert told(s, "uffd-copy") == ["uffd-copy:filled", "uffd-copy:filled", "uffd-copy:exists"]
    assert [s.ended[2].faults, kind(s, 4 * K)] == [0, "page"]


def test_what_is_in_the_way_ends_it_and_what_was_done_counts() -> None:
    s = play(uffd("copy", 4 * K, 4 * K), uffd("copy", 0, 12 * K), uffd="['missing']")
    assert results(s) == [0, EAGAIN]
    assert (kind(s, 0), kind(s, 8 * K)) == ("page", "none")


@pytest.mark.parametrize("op", ["copy", "zeropage", "poison"])
def test_the_destination_must_be_registered(op: str) -> None:
    assert results(play(uffd(op, 0, 4 * K))) == [ENOENT]
    assert results(play(uffd("register", 0, 4 * K, '["missing"]'), uffd(op, 0, 8 * K))) == [0, ENOENT]


@pytest.mark.parametrize(("variant", "ret"), [("6.5", EINVAL), ("v3", EINVAL), ("6.8", 0), ("6.18", 0)])
def test_poison_came_with_6_6(variant: str, ret: int) -> None:
    s = play(uffd("poison", 0, 4 * K), variant=variant, uffd='["missing"]')
    assert results(s) == [ret]
    marker = s.m.arch.swp_entry(SWP_PTE_MARKER, PTE_MARKER_POISONED)
    assert entry(s, 0, 0) == (0 if ret else marker)


@pytest.mark.parametrize(
    ("variant", "marker", "op", "ret"),
    [
        ("6.12", "protect", "copy", 0), ("6.12", "protect", "zeropage", EEXIST), ("6.12", "protect", "poison", EEXIST),
        ("6.18", "poison", "copy", 0), ("7.1", "poison", "copy", EEXIST), ("7.1", "protect", "copy", 0),
    ],
)  # fmt: skip
def test_a_page_may_take_the_place_of_a_marker(variant: str, marker: str, op: str, ret: int) -> None:
    first = protect(0, 4 * K) if marker == "protect" else uffd("poison", 0, 4 * K)
    assert results(play(first, uffd(op, 0, 4 * K), variant=variant, uffd=BOTH)) == [0, ret]


@pytest.mark.parametrize("variant", ["6.5", "6.12"])
def test_a_leaf_is_in_the_way(variant: str) -> None:
    s = play(write(0), uffd("register", 0, 4 * M, '["missing"]'), uffd("copy", 4 * K, 4 * K), enabled="always",
             sizes=HUGE if variant != "6.5" else "", variant=variant)  # fmt: skip
    assert results(s)[-1] == EEXIST


def test_no_memory_is_told_as_that() -> None:
    for answer in ("vma_alloc_folio(order=0) = NULL", "mem_cgroup_charge(order=0) = -ENOMEM", "pte_alloc_one = NULL"):
        s = play(uffd("copy", 0, 4 * K) + f" | {answer}", uffd='["missing"]')
        assert results(s) == [-12]


# -- write protection ----------------------------------------------------------------------------------
@pytest.mark.parametrize("variant", ["6.5", "6.12", "7.1"])
def test_protection_and_its_end(variant: str) -> None:
    s = play(uffd("copy", 0, 4 * K), protect(0, 8 * K), read(0), resolve(0, 4 * K), variant=variant, uffd=BOTH)
    arch = s.m.arch
    assert arch.pte_write(entry(s, 0, 0))
    assert not arch.pte_uffd_wp(entry(s, 0, 0))
    assert kind(s, 4 * K) == "marker"
    s = play(uffd("copy", 0, 4 * K), protect(0, 8 * K), resolve(0, 8 * K), variant=variant, uffd=BOTH)
    assert kind(s, 4 * K) == "none"


def test_a_page_that_is_shared_stays_read_only() -> None:
    s = play(uffd("copy", 0, 4 * K), "fork 'child'", protect(0, 4 * K), resolve(0, 4 * K), uffd=BOTH)
    assert not s.m.arch.pte_write(entry(s, 0, 0))


def test_only_what_is_registered_for_it() -> None:
    assert results(play(protect(0, 4 * K), uffd='["missing"]')) == [ENOENT]
    s = play(uffd("register", 0, 64 * K, '["wp"]'), protect(0, 128 * K))
    assert results(s) == [0, ENOENT]
    assert kind(s, 0) == "marker"  # what came before is done


@pytest.mark.parametrize(("size", "outcome"), [(2 * M, "leaf"), (64 * K, "split")])
def test_a_leaf_is_protected_as_a_whole_or_split(size: int, outcome: str) -> None:
    s = play(write(0), uffd("register", 0, 4 * M, '["wp"]'), protect(0, size), enabled="always", sizes=HUGE)
    assert told(s, "uffd-wp") == [f"uffd-wp:{outcome}"]
    arch = s.m.arch
    assert arch.pte_uffd_wp(entry(s, 0, 4 * K))
    assert arch.is_leaf(entry(s, 0, 0)) == (outcome == "leaf")
    assert arch.pte_uffd_wp(entry(s, 0, M)) == (outcome == "leaf")


def test_unregistering_ends_it() -> None:
    s = play(write(0), uffd("register", 0, 4 * M, '["wp"]'), protect(0, 64 * K), uffd("unregister", 0, 4 * M), write(0),
             sizes="")  # fmt: skip
    assert (kind(s, 0), kind(s, 4 * K)) == ("page", "none")
    assert not s.m.arch.pte_uffd_wp(entry(s, 0, 0))


# -- moving --------------------------------------------------------------------------------------------
ARM_LOW = uffd("register", 0, 2 * M, '["missing"]')


@pytest.mark.parametrize(("variant", "stops"), [("6.8", 2), ("6.9", 2), ("6.14", 2), ("6.18", 1), ("7.1", 1)])
def test_pages_are_moved(variant: str, stops: int) -> None:
    """From 6.18 on pages in a row go together."""
    s = play(write(2 * M), write(2 * M + 4 * K), ARM_LOW, uffd("move", 0, 8 * K, src=2 * M), variant=variant, sizes="")
    assert results(s)[-1] == 0
    assert told(s, "uffd-move") == ["uffd-move:page"] * stops
    assert (kind(s, 2 * M), kind(s, 2 * M + 4 * K), kind(s, 4 * K)) == ("none", "none", "page")
    folio = Folio(s.m, pfn(s, 0, 4 * K))
    assert (folio._refcount, folio.index, folio.flags & PG_anon_exclusive) == (1, (START >> 12) + 1, PG_anon_exclusive)


@pytest.mark.parametrize("variant", ["v3", "6.5"])
def test_move_came_with_6_8(variant: str) -> None:
    assert results(play(ARM_LOW, uffd("move", 0, 4 * K, src=2 * M), variant=variant))[-1] == EINVAL


def test_what_cannot_be_moved() -> None:
    for before, variant, ret in (
        ([], "6.12", ENOENT),
        ([write(2 * M), write(0)], "6.12", EEXIST),
        ([write(2 * M), "fork 'child'"], "6.12", EBUSY),
        ([read(2 * M)], "6.8", EBUSY),
        ([read(2 * M)], "6.9", 0),
    ):
        s = play(*before, ARM_LOW, uffd("move", 0, 4 * K, src=2 * M), variant=variant, sizes="")
        assert results(s)[-1] == ret, (before, variant)


def test_a_large_folio_is_split_first() -> None:
    s = play(write(2 * M), ARM_LOW, uffd("move", 4 * K, 4 * K, src=2 * M + 4 * K), sizes='hugepages-64kB = "always"')
    assert told(s, "uffd-move") == ["uffd-move:split", "uffd-move:page"]
    assert results(s)[-1] == 0
    assert kind(s, 2 * M + 8 * K) == "page"


@pytest.mark.parametrize("variant", ["6.8", "6.12", "7.1"])
def test_a_leaf_is_moved_as_a_whole_or_split(variant: str) -> None:
    huge = {"variant": variant, "enabled": "always", "sizes": HUGE}
    s = play(write(2 * M), ARM_LOW, uffd("move", 0, 2 * M, src=2 * M), **huge)  # type: ignore[arg-type]
    assert (results(s)[-1], told(s, "uffd-move")) == (0, ["uffd-move:leaf"])
    assert s.m.arch.is_leaf(entry(s, 0, 0))
    assert not entry(s, 0, 2 * M)
    s = play(write(2 * M), ARM_LOW, uffd("move", 0, 8 * K, src=2 * M), **huge)  # type: ignore[arg-type]
    assert results(s)[-1] == 0
    assert told(s, "uffd-move")[:2] == ["uffd-move:split"] * 2
