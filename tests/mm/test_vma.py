# SPDX-License-Identifier: GPL-2.0-only
"""Random changes of an address space: the list of VMAs stays in order, what is mapped lies inside, all can be undone."""

from __future__ import annotations

import random

import pytest

from kernelmodel.invariants import violations
from kernelmodel.mm.vma import find_vma, vma_alloc, vmas
from kernelmodel.session import Session
from kernelmodel.structs import Mm
from tests.actors.acts import K, M, madvise, mmap, mprotect, mremap, munmap, read, write
from tests.stories import START, story

ADVICE = ("HUGEPAGE", "NOHUGEPAGE", "DONTNEED", "FREE", "RANDOM", "NORMAL", "DONTFORK", "DOFORK", "POPULATE_WRITE")
UNITS = (4 * K, 64 * K, 2 * M)


def some_events(rng: random.Random, many: int) -> list[str]:
    """Accesses and every verb, on ranges that cross VMAs and holes of an area of 8M."""
    events = []
    for k in range(many):
        unit = rng.choice(UNITS)
        at, size = rng.randrange(8 * M // unit) * unit, rng.randrange(1, 8) * unit
        to = rng.randrange(8 * M // unit) * unit
        events.append(
            rng.choice(
                (
                    lambda at=at: write(at), lambda at=at: read(at), lambda at=at: write(at),
                    lambda at=at, size=size: madvise(rng.choice(ADVICE), at, min(size, 1 * M)),
                    lambda at=at, size=size: mprotect(rng.choice(("", "r", "rw", "rw")), at, size),
                    lambda at=at, size=size: munmap(at, size),
                    lambda at=at, size=size, k=k: mmap(f"m{k}", at, size, "VM_READ", "VM_WRITE"),
                    lambda at=at, size=size, to=to: mremap(at, size, to),
                )
            )()
        )  # fmt: skip
    return events


def random_run(seed: int, variant: str) -> Session:
    rng = random.Random(seed)
    sizes = 'enabled = "always"' if rng.random() < 0.5 else 'enabled = "madvise"\nhugepages-64kB = "always"'
    return story(*some_events(rng, 14), variant=variant, sizes=sizes)


@pytest.mark.parametrize("variant", ["v4", "6.8", "6.12", "6.18"])
@pytest.mark.parametrize("seed", range(6))
def test_random_verbs(seed: int, variant: str) -> None:
    s = random_run(seed, variant)
    digests = []
    while not s.finished:
        s.advance()
        digests.append((s.step, s.m.digest()))
        assert violations(s.m, settled=False) == []
    assert s.stop.kind == "end", s.stop.text
    assert violations(s.m, settled=True) == []
    for step, digest in random.Random(seed).sample(digests, min(12, len(digests))):
        s.seek(step)
        assert s.m.digest() == digest, "a step back is the identity"


def test_find_vma_agrees_with_the_list() -> None:
    s = random_run(1, "6.12")
    while not s.finished:
        s.advance()
    mm = Mm(s.m, 0)
    for at in range(0, 12 * M, 4 * K):
        inside = [vma.id for vma in vmas(mm) if vma.vm_start <= START + at < vma.vm_end]
        found = find_vma(mm, START + at)
        assert ([found.id] if found is not None else []) == inside


@pytest.mark.parametrize("broken", ["vmas_are_in_order", "every_vma_is_linked", "maps_lie_in_vmas"])
def test_invariants_see_what_they_are_for(broken: str) -> None:
    s = story(write(0), munmap(2 * M, 1 * M), variant="6.12")
    while not s.finished:
        s.advance()
    first = vmas(Mm(s.m, 0))[0]
    if broken == "vmas_are_in_order":
        first.vm_end = START + 4 * M
    elif broken == "every_vma_is_linked":
        vma_alloc(s.m, "heap")
    else:
        first.vm_start = START + 4 * K
    assert broken in {name for name, _ in violations(s.m, settled=True)}
