# SPDX-License-Identifier: GPL-2.0-only
"""Where the program keeps what it remembers, and where the user's configuration is."""

from __future__ import annotations

import os
from pathlib import Path

NAME = "thp-debug"


def state_folder() -> Path:
    """For what is remembered; ``XDG_STATE_HOME`` decides.  Nothing is created."""
    return _xdg("XDG_STATE_HOME") or _platform("user_state_path")


def config_folder() -> Path:
    """For ``config.toml`` and ``init.thp``; ``XDG_CONFIG_HOME`` decides.  Nothing is created."""
    return _xdg("XDG_CONFIG_HOME") or _platform("user_config_path")


def _xdg(variable: str) -> Path | None:
    """The folder that the variable names, on every platform; relative ones are ignored, as its specification says."""
    value = os.environ.get(variable, "")
    return Path(value) / NAME if os.path.isabs(value) else None


def _platform(function: str) -> Path:
    import platformdirs

    path: Path = getattr(platformdirs, function)(NAME, appauthor=False)
    return path
