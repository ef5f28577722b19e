# SPDX-License-Identifier: GPL-2.0-only
"""Why an allocation or a charge failed, in words, with the numbers that decided it; and what would have helped.

Everything is worked out again on the machine as it stood at that stop, by the functions that decided it: nothing of
this is stored while a run goes on.  request.py says what was asked, lines.py puts each zone's test into words,
reason.py the whole; what_if.py tries single changes.
"""
