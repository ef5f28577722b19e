# SPDX-License-Identifier: GPL-2.0-only
"""Names of files for completion."""

from __future__ import annotations

import os

MOST_LOOKED_AT = 10_000
"""Entries of a folder that are looked at."""


def filenames(word: str, most: int = 200) -> list[str]:
    """Files and folders (with a ``/``) whose path begins with ``word``, sorted; none if the folder can't be read.

    Hidden ones are left out unless the word asks for them, and so are names that a command line can't hold: with
    blanks, or with what is no printable character.
    """
    folder, name = os.path.split(word)
    if word == "~":
        return ["~/"]
    prefix = word[: len(word) - len(name)]
    found: list[str] = []
    try:
        with os.scandir(os.path.expanduser(folder or ".")) as entries:
            for looked, entry in enumerate(entries):
                if looked >= MOST_LOOKED_AT or len(found) >= most:
                    break
                if entry.name.startswith(name) and _fine(entry.name, hidden=name.startswith(".")):
                    found.append(prefix + entry.name + ("/" if _is_folder(entry) else ""))
    except (OSError, ValueError):
        return []
    return sorted(found)


def _fine(name: str, hidden: bool) -> bool:
    return (hidden or not name.startswith(".")) and name.isprintable() and " " not in name


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
