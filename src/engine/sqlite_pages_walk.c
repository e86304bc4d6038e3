/* The walk through what was kept of a file: from the roots, the free list and the pointer maps to every page. */
#include "engine/sqlite_pages.h"

#include "base/mem.h"

#define LOCK_BYTE ((uint64_t)1 << 30)     /* the page here is never used */
#define DEPTH_MAX 24                      /* SQLite itself stops at 20 */

static const char *const fault_text[] = {
	[FAULT_CELLS] = "has more cells than it can hold",
	[FAULT_CELL] = "has a cell outside its bounds",
	[FAULT_PAYLOAD] = "has a cell that ends outside the page",
	[FAULT_OVERFLOW] = "has more overflowing cells than it can hold",
	[FAULT_LISTS] = "points to more pages than the whole file can have",
};

/* How many pages the file has: what its header says, when that is valid. */
static uint32_t page_count(const struct sqlite_pages *w)
{
	return w->header_count && w->header_count < w->count ? w->header_count : w->count;
}

static void begin_walk(struct sqlite_pages *w)
{
	if (!w->reached)
		w->reached = mem_zero((size_t)w->count + 2);
}

static int reach(struct sqlite_pages *w, uint32_t number, struct error *e)
{
	if (number == 0 || number > page_count(w))
		return error_set(e, ERR_CORRUPT, "page %u does not exist", number);
	if (w->pages[number].kind == UNSEEN)
		return error_set(e, ERR_CORRUPT, "page %u is missing", number);
	if (w->reached[number])
		return error_set(e, ERR_CORRUPT, "page %u is used twice", number);
	w->reached[number] = 1;
	return 0;
}

struct walk {
	struct sqlite_pages *w;
	bool index;
	int leaf_depth;                           /* all leaves lie equally deep; 0 until the first */
	uint64_t rows, pages;
	struct error *e;
};

static int walk_chain(struct walk *k, uint32_t number, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++) {
		int err = reach(k->w, number, k->e);
		if (err)
			return error_wrap(k->e, "overflow page %u of %u", i + 1, length);
		k->pages++;
		number = k->w->pages[number].next;
	}
	return number ? error_set(k->e, ERR_CORRUPT, "an overflow chain goes on at page %u behind its end", number) : 0;
}

static int check_kind(struct walk *k, uint32_t number, int depth)
{
	const struct page *p = &k->w->pages[number];
	bool leaf = p->kind == (k->index ? INDEX_LEAF : TABLE_LEAF);
	if (!leaf && p->kind != (k->index ? INDEX_INNER : TABLE_INNER))
		return error_set(k->e, ERR_CORRUPT, "page %u is no page of %s", number,
			k->index ? "an index" : "a table");
	if (p->fault)
		return error_set(k->e, ERR_CORRUPT, "page %u %s", number, fault_text[p->fault]);
	if (leaf && !k->leaf_depth)
		k->leaf_depth = depth;
	if (depth > DEPTH_MAX || (leaf && k->leaf_depth != depth))
		return error_set(k->e, ERR_CORRUPT, "page %u lies at the wrong depth", number);
	return 0;
}

static int walk_tree(struct walk *k, uint32_t number, int depth)
{
	int err = reach(k->w, number, k->e);
	if (!err)
		err = check_kind(k, number, depth);
	if (err)
		return err;
	const struct page *p = &k->w->pages[number];
	const uint32_t *list = list_of(k->w, p);
	uint32_t children = list[LIST_CHILDREN], chains = list[LIST_CHAINS];
	/* An index keeps rows in its inner pages as well. */
	k->rows += children && !k->index ? 0 : p->cells;
	k->pages++;
	for (uint32_t i = 0; i < children && !err; i++)
		err = walk_tree(k, list[LIST_COUNTS + i], depth + 1);
	const uint32_t *chain = list + LIST_COUNTS + children;
	for (uint32_t i = 0; i < chains && !err; i++)
		err = walk_chain(k, chain[2 * i], chain[2 * i + 1]);
	return err;
}

int sqlite_pages_rows(struct sqlite_pages *w, uint32_t root, bool without_rowid, uint64_t *rows, struct error *e)
{
	struct walk k = {.w = w, .index = without_rowid, .e = e};
	begin_walk(w);
	*rows = 0;
	int err = walk_tree(&k, root, 1);
	GROW(w->roots, w->root_count, w->root_cap);
	w->roots[w->root_count++] = (struct root){.number = root, .pages = k.pages};
	if (!err)
		*rows = k.rows;
	return err ? error_wrap(e, "the b-tree at page %u", root) : 0;
}

uint64_t sqlite_pages_bytes(struct sqlite_pages *w, uint32_t root)
{
	/* It was most likely the last one asked for. */
	for (size_t i = w->root_count; i-- > 0;)
		if (w->roots[i].number == root)
			return w->roots[i].pages * w->page_size;
	return 0;
}

static int check_free_list(struct sqlite_pages *w, struct error *e)
{
	uint32_t found = 0;
	for (uint32_t trunk = w->free_trunk; trunk; trunk = w->pages[trunk].next) {
		int err = reach(w, trunk, e);
		if (err)
			return err;
		const struct page *p = &w->pages[trunk];
		if (p->fault == FAULT_LISTS)
			return error_set(e, ERR_CORRUPT, "page %u %s", trunk, fault_text[p->fault]);
		const uint32_t *list = list_of(w, p);
		const uint32_t *leaf = list + LIST_COUNTS + list[LIST_CHILDREN] + 2 * list[LIST_CHAINS];
		for (uint32_t i = 0; i < list[LIST_LEAVES] && !err; i++)
			err = reach(w, leaf[i], e);
		if (err)
			return err;
		found += 1 + list[LIST_LEAVES];
	}
	return found == w->free_count ? 0 : error_set(e, ERR_CORRUPT, "%u pages instead of %u", found, w->free_count);
}

/* Pointer map pages lie at fixed places, each before the pages it maps. */
static int check_pointer_maps(struct sqlite_pages *w, uint32_t lock_page, struct error *e)
{
	uint32_t apart = w->usable / 5 + 1;
	for (uint64_t at = 2; w->largest_root && at <= page_count(w); at += apart) {
		uint32_t number = at == lock_page ? lock_page + 1 : (uint32_t)at;
		int err = reach(w, number, e);
		if (err)
			return error_wrap(e, "the pointer map");
	}
	return 0;
}

static int check_all_used(struct sqlite_pages *w, uint32_t lock_page, struct error *e)
{
	uint32_t unused = 0, first = 0;
	for (uint32_t i = 1; i <= page_count(w); i++) {
		if (w->reached[i] || i == lock_page)
			continue;
		first = first ? first : i;
		unused++;
	}
	return unused ? error_set(e, ERR_CORRUPT, "page %u is used by nothing (one of %u)", first, unused) : 0;
}

int sqlite_pages_check(struct sqlite_pages *w, struct error *e)
{
	uint32_t lock_page = (uint32_t)(LOCK_BYTE / w->page_size) + 1;
	uint64_t rows;
	int err = 0;
	begin_walk(w);
	if (w->header_count > w->count)
		return error_set(e, ERR_CORRUPT, "the file has %u pages instead of %u", w->count, w->header_count);
	if (w->count && !w->reached[1])
		err = sqlite_pages_rows(w, 1, false, &rows, e);
	if (!err && w->count) {
		err = check_free_list(w, e);
		if (err)
			error_wrap(e, "the free list");
	}
	if (!err)
		err = check_pointer_maps(w, lock_page, e);
	return err ? err : check_all_used(w, lock_page, e);
}
