# SPDX-License-Identifier: GPL-2.0-only
"""The fault paths: one file a variant, ``VARIANTS`` to find them.

A variant is a linked image: which function stands behind each name that the common frame calls.  What a variant has
of its own is in its module (``v3``, ``linux_6_8``); what follows the release is chosen in ``images``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kernelmodel.fault.images import Variant, link
from kernelmodel.variant_names import VARIANTS as NAMES

__all__ = ["VARIANTS", "Variant"]


class _Images(Mapping[str, Variant]):
    """Variants by id; each is linked when it is first asked for."""

    def __init__(self) -> None:
        self._linked: dict[str, Variant] = {}

    def __getitem__(self, name: str) -> Variant:
        found = self._linked.get(name)
        if found is None:
            found = self._linked[name] = link(NAMES[name])
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


VARIANTS: Mapping[str, Variant] = _Images()
