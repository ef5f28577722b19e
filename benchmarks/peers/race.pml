/* SPDX-License-Identifier: GPL-2.0-only
 *
 * Threads that write to fresh anonymous memory below one PMD, thread t to page t: the race that race.py has as paths,
 * statement by statement.  A fault is a write fault with three orders to choose from, the middle one half the first.
 *
 *   N threads, P pages (even, at least 4), THP=0: no huge page is tried, RECHECK=0: the mutant that does not
 *   look at the PTEs again under the lock, REACH: a map that finds no table is an error, so that pan shows the run.
 *
 * What must be so for the number of states to mean something:
 *   - each step is one d_step (or one condition) and accesses shared state once; a goto is no step;
 *   - variables that are not in use are 0;
 *   - all processes are there from the start and none ever dies: they end in a statement that never can be executed.
 */
#ifndef N
#define N 2
#endif
#ifndef P
#define P 4
#endif
#ifndef THP
#define THP 1
#endif
#ifndef RECHECK
#define RECHECK 1
#endif
#ifdef REACH
#define MAP_NULL assert(false)
#else
#define MAP_NULL skip
#endif
#define RETRIES 1

#define NONE  0
#define TABLE 1
#define LEAF  2

#define SIZE (i == 0 -> P : (i == 1 -> P / 2 : 1))
#define PTE  pte[_pid - _pid % SIZE + k]

byte pmd, ptl, pte[P];

active [N] proctype fault()
{
	byte tries, i, k;

walk:
	if
	:: d_step { pmd == NONE && THP -> skip }; goto huge
	:: d_step { pmd == NONE && !THP -> skip }; goto pte_alloc
	:: d_step { pmd == TABLE -> skip }; goto map
	:: d_step { pmd == LEAF -> tries = 0 }; goto done
	fi;
huge:
	if
	:: true -> goto install
	:: true -> goto pte_alloc
	fi;
install:
	if
	:: d_step { pmd == NONE -> pmd = LEAF; tries = 0 }; goto done
	:: d_step { pmd != NONE && tries < RETRIES -> tries++ }; goto walk
	:: d_step { pmd != NONE && tries == RETRIES -> tries = 0 }; goto done
	fi;
pte_alloc:
	if
	:: d_step { pmd == NONE -> pmd = TABLE }
	:: d_step { pmd != NONE -> skip }
	fi;
map:
	if
	:: d_step { pmd == TABLE -> skip }
	:: d_step { pmd != TABLE && tries < RETRIES -> MAP_NULL; tries++ }; goto walk
	:: d_step { pmd != TABLE && tries == RETRIES -> MAP_NULL; tries = 0 }; goto done
	fi;
scan:
	if
	:: d_step { PTE == 0 && k + 1 < SIZE -> k++ }; goto scan
	:: d_step { PTE == 0 && k + 1 == SIZE -> k = 0 }
	:: d_step { PTE != 0 && i == 0 -> i = 1; k = 0 }; goto scan
	:: d_step { PTE != 0 && i == 1 -> i = 2; k = 0 }
	fi;
alloc:
	if
	:: true -> goto lock
	:: d_step { i < 2 -> i++ }; goto alloc
	fi;
lock:
	if
	:: d_step { ptl == 0 -> ptl = 1 }; goto locked
	:: d_step { ptl != 0 -> skip }
	fi;
	d_step { ptl == 0 -> ptl = 1 };
locked:
#if RECHECK
	if
	:: d_step { PTE == 0 && k + 1 < SIZE -> k++ }; goto locked
	:: d_step { PTE == 0 && k + 1 == SIZE -> k = 0 }
	:: d_step { PTE != 0 -> i = 0; k = 0 }; goto lost
	fi;
#endif
set:
	if
	:: d_step { k + 1 < SIZE -> assert(PTE == 0); PTE = _pid + 1; k++ }; goto set
	:: d_step { k + 1 == SIZE -> assert(PTE == 0); PTE = _pid + 1; k = 0; i = 0 }
	fi;
	d_step { ptl = 0; tries = 0 };
	goto done;
lost:
	if
	:: d_step { tries < RETRIES -> ptl = 0; tries++ }; goto walk
	:: d_step { tries == RETRIES -> ptl = 0; tries = 0 }
	fi;
done:
end:
	false
}
