# SPDX-License-Identifier: GPL-2.0-only
"""Records of a run: what a pass changed."""

from __future__ import annotations

from kernelmodel.scenario import load
from kernelmodel.session import Session
from kernelmodel.trace import follow


def test_neighbouring_counters_are_all_told() -> None:
    """Two statistics that stand side by side and rise together are one entry of the journal, and two in the record."""
    session = Session(load("pmd/charge-fails.toml"))
    counters = next(row["counters"] for row in follow(session) if row["type"] == "fault")
    assert counters["thp_fault_fallback"] == counters["thp_fault_fallback_charge"] == 1
