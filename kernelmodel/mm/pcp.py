# SPDX-License-Identifier: GPL-2.0-only
"""Per-CPU page lists."""

from __future__ import annotations

from kernelmodel.machine import Machine
from kernelmodel.mm.freelist import Found


def pcp_allowed_order(m: Machine, order: int) -> bool:
    """Do requests of this order go to the lists?"""
    return False


def peek_pcp(m: Machine, zone: int, order: int, migratetype: int, flags: int) -> Found | None:
    """The page at the head of this CPU's list, None if it is empty or the order has none."""
    return None


def rmqueue_pcplist(m: Machine, zone: int, order: int, migratetype: int, flags: int) -> int:
    """Take a page off this CPU's list, which is filled first if it is empty: pfn."""
    raise NotImplementedError


def free_unref_page(m: Machine, pfn: int, order: int) -> bool:
    """Put a page on this CPU's list; False if the order has none."""
    return False
