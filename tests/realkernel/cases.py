# SPDX-License-Identifier: GPL-2.0-only
"""What a real 6.18 kernel did in 68 cases (``tests/data/realkernel_6_18.json``), each turned into a scenario.

Pages are counted from a base address.  A case is a list of calls before one access; what the access did was read back
from /proc/self/pagemap, /proc/kpageflags and the statistics in /sys and /proc/vmstat.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from kernelmodel.scenario.write import dumps

RECORDED: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/realkernel_6_18.json").read_text())
CASES: dict[str, dict[str, Any]] = {case["name"]: case for case in RECORDED["cases"]}
BASE = int(RECORDED["base"], 16)
PAGE = RECORDED["page_size"]
PROTS = {"r": ["VM_READ"], "rw": ["VM_READ", "VM_WRITE"]}
ADVICE = {"hugepage": "MADV_HUGEPAGE", "nohugepage": "MADV_NOHUGEPAGE", "dontneed": "MADV_DONTNEED", "free": "MADV_FREE"}
MAP = {"stack": "MAP_STACK", "populate": "MAP_POPULATE", "growsdown": "MAP_GROWSDOWN"}
UFFD = {1: "missing", 2: "wp"}


def scenario(case: dict[str, Any], variant: str) -> str:
    """The text of a scenario that does what the case did; its last event is the access."""
    events: list[dict[str, Any]] = []
    vmas: list[dict[str, Any]] = []
    process = "main"
    armed = next((call for call in case["setup"] if call[0] == "uffd"), None)
    for call, *args in case["setup"]:
        if call == "mmap" and armed:
            vmas += armed_vmas(args[0], args[1], armed)  # registering is no verb yet: the VMA is armed from the start
        elif call == "mmap":
            more = args[2] if len(args) > 2 else {}
            flags = PROTS[more.get("prot", "rw")] + [MAP[name] for name in more.get("flags", ())]
            start = BASE + args[0] * PAGE
            events.append({"mmap": {"name": f"m{args[0]}", "start": start, "size": args[1] * PAGE, "flags": flags}})
        elif call in ("madvise", "munmap", "mprotect", "mremap"):
            verb: dict[str, Any] = {"at": BASE + args[0] * PAGE, "size": args[1] * PAGE}
            if call == "madvise":
                verb["advice"] = ADVICE[args[2]]
            elif call == "mprotect":
                verb["prot"] = args[2]
            elif call == "mremap":
                verb["to"] = BASE + args[2] * PAGE
            events.append({call: verb})
        elif call in ("w", "r"):
            events.append({{"w": "write", "r": "read"}[call]: BASE + args[0] * PAGE})
        elif call == "sizes":
            sizes = {f"hugepages-{4 << order}kB": args[0].get(str(4 << order), "never") for order in range(2, 10)}
            events.append({"sysfs": sizes})
        elif call == "thpdisable":
            flags = ["PR_THP_DISABLE_EXCEPT_ADVISED"] if args[1:] == [2] else []
            events.append({"prctl": {"PR_SET_THP_DISABLE": args[0], "flags": flags}})
        elif call in ("fork_child", "fork_idle"):
            events.append({"fork": "child"})
            process = "child" if call == "fork_child" else "main"
        elif call == "reap":
            events.append({"exit": "child"})
        else:
            assert call in ("memcg_enter", "uffd"), call
    access = "read" if case["access"] == "r" else "write"  # "kw": the kernel writes for read(2), by the same path
    events.append({access: BASE + case["fault_page"] * PAGE, "process": process})
    memory: dict[str, Any] = {"size": "256M"}
    if room := re.search("_room([0-9]+)p", case["name"]):
        memory["memcg_limit"] = int(room[1]) * PAGE
    thp: dict[str, Any] = {"enabled": case["top_enabled"], "defrag": "madvise", **(case["knobs"] or {})}
    thp |= {f"hugepages-{4 << order}kB": case["sizes_enabled"].get(str(4 << order), "never") for order in range(2, 10)}
    return dumps({"variant": variant, "thp": thp, "memory": memory, "vma": vmas, "event": events})


def armed_vmas(start: int, pages: int, armed: list[Any]) -> list[dict[str, Any]]:
    """A mapping of which a range is registered: one VMA, or two."""
    _, first, count, mode, *_ = armed
    assert first == start
    vma = {"flags": ["VM_WRITE", "VM_HUGEPAGE"]}
    found = [{"name": "armed", "start": BASE + first * PAGE, "size": count * PAGE, "uffd": [UFFD[mode]], **vma}]
    if count < pages:
        found.append({"name": "rest", "start": BASE + count * PAGE, "size": (pages - count) * PAGE, **vma})
    return found
