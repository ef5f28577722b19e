# SPDX-License-Identifier: GPL-2.0-only
"""PT_RECLAIM: MADV_DONTNEED of a whole table frees it, where the release, the arch and the configuration have it."""

from __future__ import annotations

import pytest

from kernelmodel.invariants import violations
from kernelmodel.session import Session
from tests.build import HEAP, decisions, finish, session

WHOLE, PART = ("heap", "2M"), ("heap+0x1000", "2M")


def run(variant: str, at: str, size: str, arch: str = "x86-64", config: str = "") -> Session:
    """A page, its zap, and a write to where it was, with PMD folios enabled from then on."""
    events = f"""
[[event]]
write = "heap+0x5000"
[[event]]
madvise = {{ at = "{at}", size = "{size}", advice = "MADV_DONTNEED" }}
[[event]]
sysfs = {{ enabled = "always" }}
[[event]]
write = "heap+0x5000"
"""
    head = f'variant = "{variant}"\narch = "{arch}"\n'
    return finish(session(f'[thp]\nenabled = "never"\n[memory]\nsize = "64M"\n{config}\n', head=head, events=events, vma=HEAP))


def last_order(s: Session) -> int:
    from kernelmodel.check import mapped_orders

    assert list(violations(s.m, True)) == []
    return mapped_orders(s)[-1]


@pytest.mark.parametrize(
    ("variant", "arch", "order"),
    [("6.12", "x86-64", 0), ("6.13", "x86-64", 0), ("6.14", "x86-64", 9), ("6.18", "x86-64", 9), ("6.18", "arm64-4k", 0),
     ("7.0", "arm64-4k", 9), ("6.5", "x86-64", 0)],
)  # fmt: skip
def test_who_has_it(variant: str, arch: str, order: int) -> None:
    assert last_order(run(variant, *WHOLE, arch=arch)) == order


def test_a_part_of_a_table_keeps_it() -> None:
    """2M from the second page on cover no table as a whole."""
    s = run("6.18", *PART)
    assert last_order(s) == 0
    assert "free-pgtables:freed" not in decisions(s)


def test_it_can_be_configured_away() -> None:
    assert last_order(run("6.18", *WHOLE, config="[config]\nCONFIG_PT_RECLAIM = false\n")) == 0
