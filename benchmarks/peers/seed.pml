/* SPDX-License-Identifier: GPL-2.0-only
 *
 * The seed question for series v3 on 6.5: two writes to fresh anonymous memory below one PMD, on two CPUs.  Can
 * pte_offset_map() in alloc_anon_folio() find no table?  Each write takes the whole way: the huge page, the PTE table,
 * the orders 4, 3 and 0, the locked rechecks, and the fault again until the access succeeds or memory is refused.
 *
 * A step is what scenarios/races/seed-v3.toml has as a stop that another CPU can notice or the environment decides:
 * an access to shared state, an allocation, a charge.  What is the faulting CPU's own (policy, VMA bounds) is no step;
 * neither are locks that only readers take here (mmap_lock, the VMA's).
 *
 *   THP=0: no huge page is tried (v3 below an mm without huge pages).
 *   COUNT: finding no table is no error, so that every state is visited.
 *   PAGE0, PAGE1: where the two write, 0 ... 15 (one block of 64K).
 */
#ifndef THP
#define THP 1
#endif
#ifndef PAGE0
#define PAGE0 3
#endif
#ifndef PAGE1
#define PAGE1 9
#endif
#ifdef COUNT
#define MAP_NULL skip
#else
#define MAP_NULL assert(false)
#endif

#define NONE  0
#define TABLE 1
#define LEAF  2

#define PAGE   (_pid == 0 -> PAGE0 : PAGE1)
#define MASK   (i == 0 -> 65535 : (i == 1 -> (255 << (PAGE & 8)) : (1 << PAGE)))
#define RANGE  (ptes & MASK)

byte pmd;
bit pmd_lock, ptl, anon_vma;
int ptes;             /* a bit for each page of the block */

active [2] proctype write()
{
	byte i;           /* the order: 4, 3, 0 */

access:
	if                /* the hardware's walk, and F4 */
	:: d_step { pmd == LEAF || (pmd == TABLE && (ptes & (1 << PAGE))) -> i = 0 }; goto done
	:: d_step { pmd == TABLE && !(ptes & (1 << PAGE)) -> skip }; goto pte_fault
	:: d_step { pmd == NONE && THP -> skip }
	:: d_step { pmd == NONE && !THP -> skip }; goto pte_fault
	fi;

	/* do_huge_pmd_anonymous_page */
	if
	:: d_step { anon_vma -> skip }
	:: d_step { !anon_vma -> anon_vma = 1 }
	:: d_step { !anon_vma -> skip }; goto done             /* no memory */
	fi;
	if                /* F5c: folio */
	:: true
	:: true -> goto pte_fault
	fi;
	if                /* charge */
	:: true
	:: true -> goto pte_fault
	fi;
	if                /* table to deposit */
	:: true
	:: true -> goto done
	fi;
	d_step { !pmd_lock -> pmd_lock = 1 };
	if                /* F5d */
	:: d_step { pmd == NONE -> skip }
	:: d_step { pmd != NONE -> pmd_lock = 0 }; goto access
	fi;
	d_step { pmd = LEAF; pmd_lock = 0 };
	goto access;

pte_fault:
	if                /* F7 */
	:: d_step { pmd == NONE -> skip }; goto anonymous
	:: d_step { pmd != NONE -> skip }
	fi;
	if                /* F7b; orig_pte */
	:: d_step { pmd != TABLE -> skip }; goto access
	:: d_step { pmd == TABLE && (ptes & (1 << PAGE)) -> skip }; goto access
	:: d_step { pmd == TABLE && !(ptes & (1 << PAGE)) -> skip }
	fi;

anonymous:
	if                /* F9: pte_alloc() */
	:: d_step { pmd != NONE -> skip }; goto prepared
	:: d_step { pmd == NONE -> skip }
	fi;
	if
	:: true
	:: true -> goto done
	fi;
	d_step { !pmd_lock -> pmd_lock = 1 };
	if
	:: d_step { pmd == NONE -> pmd = TABLE; pmd_lock = 0 }
	:: d_step { pmd != NONE -> pmd_lock = 0 }
	fi;
prepared:
	if                /* F11 */
	:: d_step { anon_vma -> skip }
	:: d_step { !anon_vma -> anon_vma = 1 }
	:: d_step { !anon_vma -> skip }; goto done
	fi;

	/* alloc_anon_folio */
	if                /* F12 */
	:: d_step { pmd == TABLE -> skip }
	:: d_step { pmd != TABLE -> MAP_NULL }; goto access
	fi;
range:
	if
	:: d_step { i < 2 && RANGE -> i++ }; goto range
	:: d_step { i < 2 && !RANGE -> skip }
	:: d_step { i == 2 -> skip }
	fi;
alloc:
	if                /* F13 */
	:: true
	:: d_step { i < 2 -> i++ }; goto alloc
	:: d_step { i == 2 -> i = 0 }; goto done
	fi;

	if                /* charge */
	:: true
	:: d_step { true -> i = 0 }; goto done
	fi;
	if                /* F15 */
	:: d_step { pmd == TABLE && !ptl -> ptl = 1 }
	:: d_step { pmd != TABLE -> i = 0 }; goto access
	fi;
	if                /* F16 */
	:: d_step { !RANGE -> skip }
	:: d_step { RANGE -> ptl = 0; i = 0 }; goto access
	fi;
	d_step { assert(!RANGE); ptes = ptes | MASK; ptl = 0; i = 0 };
	goto access;
done:
end:
	false
}
