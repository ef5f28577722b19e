# SPDX-License-Identifier: GPL-2.0-only
"""The folio lock, PG_locked (mm/filemap.c of 6.5, include/linux/pagemap.h)."""

from __future__ import annotations

from kernelmodel.decision import KernelBug, Path, Wait
from kernelmodel.defs import PG_locked
from kernelmodel.structs import Folio


def folio_trylock(folio: Folio) -> bool:
    """Take it if it is free."""
    if folio.flags & PG_locked:
        return False
    folio.flags |= PG_locked
    return True


def folio_wait_locked(folio: Folio) -> Path[None]:
    """Wait until it is free, and leave it so."""
    if folio.flags & PG_locked:
        yield Wait(f"the lock of folio {folio.id:#x}", lambda: not folio.flags & PG_locked)


def folio_lock(folio: Folio) -> Path[None]:
    """Take it, once whoever has it lets go."""
    while not folio_trylock(folio):
        yield Wait(f"the lock of folio {folio.id:#x}", lambda: not folio.flags & PG_locked)


def folio_unlock(folio: Folio) -> None:
    """Release it."""
    if not folio.flags & PG_locked:
        raise KernelBug("VM_BUG_ON_FOLIO", f"folio {folio.id:#x} is unlocked and was not locked")
    folio.flags &= ~PG_locked
