# SPDX-License-Identifier: GPL-2.0-only
"""No test asserts a time, not even by hypothesis' deadline: machines are busy."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
