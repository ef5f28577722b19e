# SPDX-License-Identifier: GPL-2.0-only
"""What the debugger costs, measured from outside and against yardsticks that run in turn with it.

Only ratios within one run and exact counts mean something on another machine; milliseconds are for orientation.
"""
