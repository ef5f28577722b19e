# SPDX-License-Identifier: GPL-2.0-only
"""Knobs that are turned while a scenario runs: prctl(PR_SET_THP_DISABLE), and the files of transparent_hugepage."""

from __future__ import annotations

from kernelmodel.decision import Decision, Path
from kernelmodel.defs import EINVAL, MMF_DISABLE_THP, MMF_DISABLE_THP_EXCEPT_ADVISED
from kernelmodel.mm.thp_knobs import DEFRAG, ENABLED, THP_ORDERS_ALL_ANON, set_anon_policy, size_order
from kernelmodel.scenario.types import Action
from kernelmodel.structs import Mm


def prctl(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """PR_SET_THP_DISABLE (kernel/sys.c): -EINVAL for flags before 6.18, and for flags without disabling."""
    disable, flags = action.arg("PR_SET_THP_DISABLE"), action.arg("flags", ())
    if flags and (mm.m.release < (6, 18) or not disable):
        return -EINVAL
    yield Decision("prctl-set", "disable" if disable else "enable", reason="except-advised" if flags else "")
    bits = mm.flags & ~(MMF_DISABLE_THP | MMF_DISABLE_THP_EXCEPT_ADVISED)
    if disable:
        bits |= MMF_DISABLE_THP_EXCEPT_ADVISED if flags else MMF_DISABLE_THP
    mm.flags = bits
    return 0


def has_file(knobs: frozenset[str], name: str) -> bool:
    """Does the variant have a file of that name?"""
    if name.startswith("hugepages-"):
        return "hugepages-*kB" in knobs
    return name in knobs or name not in ("anon_orders", "anon_always_mask")


def sysfs(cpu: int, mm: Mm, action: Action) -> Path[int]:
    """Write to the files one after the other; one that the variant lacks, or any without huge pages, is passed over."""
    m = mm.m
    knobs = m.variant.names.knobs
    for k in range(len(action.args)):
        name, value = action.args[k]
        there = m.knobs["has_transparent_hugepage"] and has_file(knobs, name)
        yield Decision("sysfs-store", f"{name}={value}", reason="" if there else "no-such-file")
        if not there:
            continue
        if name == "enabled":
            m.thp_enabled.set(0, ENABLED.index(value))
        elif name == "defrag":
            m.thp_defrag.set(0, DEFRAG.index(value))
        elif name == "use_zero_page":
            m.thp_use_zero_page.set(0, int(value))
        elif name.startswith("hugepages-"):
            set_anon_policy(m, size_order(m.arch, name), value)
        elif name == "anon_orders":
            m.anon_orders.set(0, value & THP_ORDERS_ALL_ANON(m.arch))
        elif name == "anon_always_mask":
            m.anon_always_mask.set(0, value)
    return 0
