# SPDX-License-Identifier: GPL-2.0-only
"""No test asserts a time, not even by hypothesis' deadline: machines are busy.

Thousands of collected tests stay for the whole run: the search for garbage need not look at them again and again.
"""

from __future__ import annotations

import gc

from hypothesis import settings

settings.register_profile("untimed", deadline=None, max_examples=60)
settings.load_profile("untimed")


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
