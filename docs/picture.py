# SPDX-License-Identifier: GPL-2.0-only
"""Make docs/screen.svg: the program itself, at the first fallback of the seed scenario.

Run as ``python docs/picture.py`` from the checkout.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from kernelmodel import motion, scenario
from kernelmodel.session import Session
from kernelmodel.stops import Breakpoints
from tui.app import DebuggerApp

HERE = Path(__file__).parent


async def draw(width: int, height: int) -> str:
    """The screen at the first fallback, as SVG."""
    session, breaks = Session(scenario.load("scenarios/seed/unfit.toml")), Breakpoints()
    breaks.add("fallback")
    motion.cont(session, breaks)
    app = DebuggerApp(session, breaks, [])
    async with app.run_test(size=(width, height)) as pilot:
        await pilot.pause()
        return without_fonts(app.export_screenshot(title="thp-debug scenarios/seed/unfit.toml -b fallback"))


def without_fonts(svg: str) -> str:
    """No font is fetched from anywhere: the reader's own monospace will do."""
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code", "monospace")


if __name__ == "__main__":
    (HERE / "screen.svg").write_text(asyncio.run(draw(120, 40)), encoding="utf-8")
