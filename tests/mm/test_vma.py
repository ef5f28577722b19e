# SPDX-License-Identifier: GPL-2.0-only
"""Random changes of an address space: the list of VMAs stays in order, what is mapped lies inside, all can be undone."""

from __future__ import annotations

import random

import pytest

from kernelmodel.invariants import violations
from kernelmodel.mm.vma import find_vma, vmas
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
