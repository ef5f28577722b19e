# SPDX-License-Identifier: GPL-2.0-only
"""The files that the rules speak of."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_SKIPPED = {".git", ".venv", "build", "dist", "__pycache__", ".hypothesis"}
_SKIPPED |= {".mypy_cache", ".pytest_cache", ".ruff_cache", ".import_linter_cache"}


def files(suffix: str = "", *under: str) -> list[Path]:
    """Files of the repository below one of ``under`` (all, if none is given), sorted."""
    tops = [ROOT / each for each in under] or [ROOT]
    return sorted(path for top in tops if top.is_dir() for path in _walk(top) if path.name.endswith(suffix))


def _walk(top: Path) -> Iterator[Path]:
    for path in top.iterdir():
        if path.is_dir():
            if path.name not in _SKIPPED and not path.name.endswith(".egg-info"):
                yield from _walk(path)
        else:
            yield path


def parsed(*under: str) -> dict[str, ast.Module]:
    """Syntax trees of the Python files there, by path relative to the root."""
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8")) for path in files(".py", *under)}
