# SPDX-License-Identifier: GPL-2.0-only
"""Spin from a ``.pml`` to the verdict: generate a verifier, compile it, run it.

For a comparison of times Spin has what makes it fast: partial-order reduction, no code for liveness, a hash table of
fitting size, and it stops at the first error.  For counts there is no reduction, and no optimisation of the model that
would merge steps.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
RACE, SEED = HERE / "race.pml", HERE / "seed.pml"

FAST = ("-DSAFETY", "-DNOFAIR")
EXACT = (*FAST, "-DNOREDUCE")
UNMERGED = ("-o1", "-o2", "-o3")
"""Spin without data-flow optimisation, dead variables, merged statements."""
DEPTH = 100_000
HASH_BITS = 20


def missing() -> str:
    """What is not installed, '' if all is there."""
    return ", ".join(name for name in ("spin", "gcc") if shutil.which(name) is None)


def version() -> str:
    """``Spin 6.5.2``; '' if it is not installed."""
    if missing():
        return ""
    said = subprocess.run(["spin", "-V"], capture_output=True, text=True, check=False).stdout
    return "Spin " + said.split()[2]


class Verdict(NamedTuple):
    """What pan says."""

    states: int
    errors: int


def verify(
    model: Path, folder: Path, defines: tuple[str, ...] = (), optimise: str = "-O0", exact: bool = False
) -> Verdict:
    """One whole run in an empty ``folder``."""
    _run(folder, "spin", *(UNMERGED if exact else ()), *defines, "-a", str(model))
    _run(folder, "gcc", optimise, "-w", *(EXACT if exact else FAST), "-o", "pan", "pan.c")
    said = _run(folder, "./pan", f"-m{DEPTH}", f"-w{HASH_BITS}")
    states, errors = re.search(r"(\d+) states, stored", said), re.search(r"errors: (\d+)", said)
    if states is None or errors is None or "max search depth too small" in said:
        raise RuntimeError(f"pan says no verdict:\n{said}")
    return Verdict(int(states[1]), int(errors[1]))


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout
