# SPDX-License-Identifier: GPL-2.0-only
"""Files that commands read and write: named by the user, never overwritten, never larger than fits."""

from __future__ import annotations

import os
from pathlib import Path

from tui.commands import CommandError

MOST = 1 << 20


def path_of(text: str) -> Path:
    """A file name as the user typed it."""
    return Path(os.path.expanduser(text.strip().strip("\"'")))


def write(name: str, text: str, col: int = -1) -> str:
    """Write a new file; what to say of it."""
    path = path_of(name)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise CommandError(f"{path} exists: name another file", col) from None
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {getattr(error, 'strerror', None) or error}", col) from None
    return f"written to {path}"


def read_lines(name: str, col: int = -1) -> list[str]:
    """The lines of a command file of at most 1 MiB."""
    path = path_of(name)
    try:
        with path.open("rb") as file:
            data = file.read(MOST + 1)
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {getattr(error, 'strerror', None) or error}", col) from None
    if len(data) > MOST:
        raise CommandError(f"{path} is larger than 1 MiB", col)
    return data.decode("utf-8", "replace").splitlines()
