# SPDX-License-Identifier: GPL-2.0-only
"""The user's own shell and editor."""

from __future__ import annotations

import os
import shlex


def run_shell(command: str, text: str = "", wait: bool = False) -> None:
    """Have the shell execute a command line with ``text`` as its input; ``wait`` for Enter after it."""
    import subprocess

    done = subprocess.run(command, shell=True, input=text.encode() if text else None, check=False)
    if wait:
        code = f", exit {done.returncode}" if done.returncode else ""
        input(f"[thp-debug: done{code}, Enter goes back] ")


def editor() -> str:
    """The user's editor as a command line, '' if none is set."""
    return os.environ.get("VISUAL") or os.environ.get("EDITOR") or ""


def edit(path: str) -> None:
    """Open a file in the user's editor and wait until it is closed."""
    import subprocess

    subprocess.run([*shlex.split(editor()), path], check=False)
