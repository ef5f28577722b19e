# SPDX-License-Identifier: GPL-2.0-only
"""Where the traceback of a fault of ours goes: never to the user's screen."""

from __future__ import annotations

import os


def report(failure: BaseException) -> str:
    """Write the traceback to the user's state folder; the path, or why there is none."""
    import traceback

    from tui.folders import state_folder

    try:
        folder = state_folder()
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"crash-{os.getpid()}.txt"
        path.write_text("".join(traceback.format_exception(failure)), encoding="utf-8")
    except OSError as error:
        return f"nowhere ({error.strerror or error})"
    return str(path)
