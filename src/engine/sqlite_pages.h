/* What sqlite_pages.c keeps of each page, for sqlite_pages_walk.c to go through. */
#ifndef ENGINE_SQLITE_PAGES_H
#define ENGINE_SQLITE_PAGES_H

#include "engine/sqlite.h"

#define SEGMENT ((uint32_t)1 << 15)       /* words the lists grow by; no list crosses a segment */

enum page_kind { UNSEEN, PLAIN, INDEX_INNER = 2, TABLE_INNER = 5, INDEX_LEAF = 10, TABLE_LEAF = 13 };

enum page_fault { SOUND, FAULT_CELLS, FAULT_CELL, FAULT_PAYLOAD, FAULT_OVERFLOW, FAULT_LISTS };

struct page {
	uint32_t next;            /* its first four bytes: the page after it in an overflow chain or in the free list */
	uint32_t list;            /* index of its list + 1; 0: it points to nothing */
	uint16_t cells;
	uint8_t kind;             /* PLAIN: no b-tree page; UNSEEN is 0 and a b-tree page has its own type byte */
	uint8_t fault;
};

/* A list: three counts, then the pages of each kind. */
enum { LIST_CHILDREN, LIST_CHAINS, LIST_LEAVES, LIST_COUNTS };

struct root {
	uint32_t number;
	uint64_t pages;
};

struct sqlite_pages {
	uint32_t page_size, usable;
	uint32_t max_table, max_index, min_local;     /* payload that still lies wholly / at least in the page */
	uint32_t chains_max;                          /* overflowing cells a page can have */
	struct page *pages;                           /* by page number; [0] is unused */
	uint32_t count, cap;                          /* highest page number seen */
	uint64_t sights;
	uint32_t **segments;
	size_t segment_count, segment_cap;
	uint32_t segment_used;
	uint32_t *scratch;                            /* children and chains of the page being looked at */
	uint8_t *reached;                             /* by page number; NULL until the walk begins */
	struct root *roots;
	size_t root_count, root_cap;
	uint32_t header_count, free_trunk, free_count, largest_root;    /* of the file header; 0 count: not valid */
};

/* The list of a page, three zeros when it points to nothing. */
static inline const uint32_t *list_of(const struct sqlite_pages *w, const struct page *p)
{
	static const uint32_t none[LIST_COUNTS];
	if (!p->list)
		return none;
	return w->segments[(p->list - 1) / SEGMENT] + (p->list - 1) % SEGMENT;
}

#endif
