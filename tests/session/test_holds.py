# SPDX-License-Identifier: GPL-2.0-only
"""Records of a run with several CPUs name the locks that the CPU holds at each stop."""

from __future__ import annotations

from kernelmodel.scenario import load
from kernelmodel.session import Session
from kernelmodel.trace import follow


def test_each_stop_names_the_locks_that_its_cpu_holds() -> None:
    rows = [row for row in follow(Session(load("races/seed-6.8.toml"))) if row["type"] == "decision" and row["cpu"] == 0]
    holds = {f"{row['kind']}:{row.get('outcome', '')}": row["holds"] for row in rows}
    assert holds["step:F0"] == []
    assert [name.partition(" ")[0] for name in holds["pmd-gate:try"]] == ["mmap_lock"]
    assert all(name.endswith("(read)") for name in holds["pmd-gate:try"])
    assert [name.partition(" ")[0] for name in holds["lock:locked"]] == ["ptl", "mmap_lock", "rcu_read_lock"]


def test_with_one_cpu_nothing_is_said() -> None:
    assert not any("holds" in row for row in follow(Session(load("seed/unfit.toml"))))
