# SPDX-License-Identifier: GPL-2.0-only
"""Events that change an address space, for ``tests.stories.story``; offsets are those of the VMA ``heap``."""

from __future__ import annotations

from kernelmodel.invariants import violations
from kernelmodel.mm.vma import vmas
from kernelmodel.session import Session
from kernelmodel.structs import Mm
from tests.build import decisions, finish
from tests.stories import START, story

V3 = '[boot]\narch_wants_pte_order = 4\n'
K, M = 1 << 10, 1 << 20


def write(offset: int) -> str:
    return f"write {START + offset}"


def read(offset: int) -> str:
    return f"read {START + offset}"


def madvise(advice: str, offset: int, size: int) -> str:
    return f"madvise {{ at = {START + offset}, size = {size}, advice = 'MADV_{advice}' }}"


def munmap(offset: int, size: int) -> str:
    return f"munmap {{ at = {START + offset}, size = {size} }}"


def mmap(name: str, offset: int, size: int, *flags: str) -> str:
    return f"mmap {{ name = '{name}', start = {START + offset}, size = {size}, flags = {list(flags)} }}"


def mprotect(prot: str, offset: int, size: int) -> str:
    return f"mprotect {{ at = {START + offset}, size = {size}, prot = '{prot}' }}"


def mremap(offset: int, size: int, to: int | None = None, new_size: int | None = None, *flags: str) -> str:
    more = "" if to is None else f", to = {START + to}"
    more += "" if new_size is None else f", new_size = {new_size}"
    more += f", flags = {list(flags)}" if flags else ""
    return f"mremap {{ at = {START + offset}, size = {size}{more} }}"


def play(*events: str, enabled: str = "madvise", sizes: str = 'hugepages-64kB = "always"', **kind: object) -> Session:
    """A finished run that leaves nothing broken behind."""
    s = finish(story(*events, sizes=f'enabled = "{enabled}"\n{sizes}', **kind))  # type: ignore[arg-type]
    assert s.stop.kind == "end", s.stop.text
    assert violations(s.m, settled=True) == []
    return s


def told(s: Session, *kinds: str) -> list[str]:
    """The decisions whose kind begins so."""
    return [each for each in decisions(s) if each.startswith(kinds)]


def layout(s: Session, process: int = 0) -> list[tuple[int, int]]:
    """(start, end) of every VMA, as offsets."""
    return [(vma.vm_start - START, vma.vm_end - START) for vma in vmas(Mm(s.m, process))]


def results(s: Session) -> list[int]:
    """What each event returned."""
    return [end.ret for end in s.ended]
