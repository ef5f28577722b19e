# SPDX-License-Identifier: GPL-2.0-only
"""``python -m benchmarks [name ...]``: measure, print one table, and, if all was measured, write ``results.md``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import allocator, batch, explore, history, report, start, step

BENCHMARKS = {each.NAME: each.measure for each in (start, step, batch, history, explore, allocator)}
RESULTS = Path(__file__).with_name("results.md")


def main(words: list[str] | None = None) -> int:
    """The command; its exit code, which says nothing about the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", metavar="name", help=", ".join(BENCHMARKS) + "; all, if none is given")
    parser.add_argument("-o", metavar="FILE", type=Path, help="write the page here, whatever was measured")
    args = parser.parse_args(words)
    if unknown := [name for name in args.name if name not in BENCHMARKS]:
        parser.error(f"there is no benchmark {unknown[0]}; there are {', '.join(BENCHMARKS)}")
    figures = []
    for name in args.name or BENCHMARKS:
        sys.stderr.write(f"{name} ...\n")
        figures.extend(BENCHMARKS[name]())
    print(report.table(figures))
    target = args.o or (None if args.name else RESULTS)
    if target is not None:
        command = " ".join(["python -m benchmarks", *args.name])
        target.write_text(report.page(figures, command), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
