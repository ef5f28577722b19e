# SPDX-License-Identifier: GPL-2.0-only
"""Golden frames: text files beside the tests.  ``THP_GOLDEN=write pytest tests/tui`` writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def agrees(name: str, lines: list[str]) -> None:
    """Assert that ``lines`` (trailing blanks aside) are what ``golden/NAME.txt`` holds."""
    text = "".join(line.rstrip() + "\n" for line in lines)
    path = FOLDER / f"{name}.txt"
    if os.environ.get("THP_GOLDEN") == "write":
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text
