# SPDX-License-Identifier: GPL-2.0-only
"""What memory is like at boot: zones and their places, free blocks as given, aged memory from a seed, /proc texts.

``build.set_up_memory`` is called by boot.py; each form of ``[memory]`` ends as a ``Layout`` of units (blocks.py), or as
a fresh zone.
"""
