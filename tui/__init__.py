# SPDX-License-Identifier: GPL-2.0-only
"""The terminal front ends: full screen (``app``), prompt (``plain``), batch (``headless``) and the command line."""
