# SPDX-License-Identifier: GPL-2.0-only
"""The table of commands, by group."""

from __future__ import annotations

from tui.verbs.beside import COMMANDS as BESIDE
from tui.verbs.breaks import COMMANDS as BREAKS
from tui.verbs.cpus import COMMANDS as CPUS
from tui.verbs.explore import COMMANDS as EXPLORE
from tui.verbs.inspect import COMMANDS as INSPECT
from tui.verbs.motion import COMMANDS as MOTION
from tui.verbs.run import COMMANDS as RUN
from tui.verbs.screen import COMMANDS as SCREEN
from tui.verbs.session import COMMANDS as SESSION
from tui.verbs.time import COMMANDS as TIME
from tui.verbs.why import COMMANDS as WHY

COMMANDS = (*MOTION, *BREAKS, *INSPECT, *WHY, *TIME, *RUN, *CPUS, *EXPLORE, *BESIDE, *SESSION, *SCREEN)
