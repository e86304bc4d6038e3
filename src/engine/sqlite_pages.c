/* What pages of an SQLite file say about its structure, kept small while they pass: SQLite file format document,
 * "B-tree Pages", "Cell Payload Overflow Pages", "The Freelist", "Pointer Map or Ptrmap Pages".
 *
 * What a page is only shows when something points to it: an overflow page or a free one may look like anything. So for
 * each page is kept what it would say as a b-tree page, as an overflow page and as a trunk of the free list, and the
 * walk at the end takes what it needs. */
#include "engine/sqlite_pages.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static inline uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static inline uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

struct sqlite_pages *sqlite_pages_new(uint32_t page_size, uint32_t reserved)
{
	struct sqlite_pages *w = mem_zero(sizeof *w);
	w->page_size = page_size;
	w->usable = reserved < page_size && page_size - reserved >= 480 ? page_size - reserved : page_size;
	w->max_table = w->usable - 35;
	w->max_index = (w->usable - 12) * 64 / 255 - 23;
	w->min_local = (w->usable - 12) * 32 / 255 - 23;
	w->chains_max = w->usable / (w->min_local + 4) + 1;
	w->scratch = mem_array(NULL, w->usable / 4 + 2 * w->chains_max + 16, sizeof *w->scratch);
	return w;
}

void sqlite_pages_free(struct sqlite_pages *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->segment_count; i++)
		free(w->segments[i]);
	free(w->segments);
	free(w->pages);
	free(w->scratch);
	free(w->reached);
	free(w->roots);
	free(w);
}

/* A list of n words; NULL when lists have grown past what any real file needs: each page is pointed to once, and only
 * free pages' stale content comes on top. */
static uint32_t *list_new(struct sqlite_pages *w, uint32_t n, uint32_t *id)
{
	if (w->segment_count == 0 || n > SEGMENT - w->segment_used) {
		uint64_t words = (uint64_t)(w->segment_count + 1) * SEGMENT;
		if (words > w->sights * 16 + 32 * SEGMENT || words > UINT32_MAX)
			return NULL;
		GROW(w->segments, w->segment_count, w->segment_cap);
		w->segments[w->segment_count++] = mem_array(NULL, SEGMENT, sizeof(uint32_t));
		w->segment_used = 0;
	}
	*id = (uint32_t)(w->segment_count - 1) * SEGMENT + w->segment_used + 1;
	uint32_t *list = w->segments[w->segment_count - 1] + w->segment_used;
	w->segment_used += n;
	return list;
}

/* What one page's cells say, gathered in w->scratch: children from the front, chains (first page, length) behind. */
struct cells {
	const uint8_t *page, *pointers;
	uint32_t count, content, span;            /* cells lie in content .. content + span */
	uint32_t children, chains;
	uint32_t *child, *chain;
};

/* SQLite's big-endian varint of up to 9 bytes; 0 bytes when it does not fit. */
static uint32_t varint(const uint8_t *p, uint32_t room, uint64_t *out)
{
	uint64_t v = 0;
	for (uint32_t i = 0; i < 9 && i < room; i++) {
		if (i == 8) {
			*out = v << 8 | p[i];
			return 9;
		}
		v = v << 7 | (p[i] & 0x7f);
		if (!(p[i] & 0x80)) {
			*out = v;
			return i + 1;
		}
	}
	return 0;
}

/* The payload that begins at `at` with its length: whether it ends within the page, and where the rest of it is. */
static enum page_fault look_payload(struct sqlite_pages *w, struct cells *c, uint32_t at, bool table)
{
	uint64_t payload, rowid;
	uint32_t max = table ? w->max_table : w->max_index;
	uint32_t n = varint(c->page + at, w->usable - at, &payload);
	uint32_t m = n && table ? varint(c->page + at + n, w->usable - at - n, &rowid) : 0;
	if (!n || (table && !m))
		return FAULT_PAYLOAD;
	at += n + m;
	if (payload <= max)
		return payload <= w->usable - at ? SOUND : FAULT_PAYLOAD;
	uint64_t local = w->min_local + (payload - w->min_local) % (w->usable - 4);
	if (local > max)
		local = w->min_local;
	uint64_t length = (payload - local + w->usable - 5) / (w->usable - 4);
	if (local + 4 > w->usable - at || length > UINT32_MAX)
		return FAULT_PAYLOAD;
	if (c->chains == w->chains_max)
		return FAULT_OVERFLOW;
	c->chain[2 * c->chains] = be32(c->page + at + local);
	c->chain[2 * c->chains++ + 1] = (uint32_t)length;
	return SOUND;
}

/* Most cells are short: one look at the first byte of their length tells that they end in the page. */
static enum page_fault look_leaf(struct sqlite_pages *w, struct cells *c, bool table)
{
	uint32_t max = table ? w->max_table : w->max_index;
	uint32_t brief = max < 127 ? max : 127;
	for (uint32_t i = 0; i < c->count; i++) {
		uint32_t off = be16(c->pointers + 2 * i) - c->content;
		if (off > c->span)
			return FAULT_CELL;
		const uint8_t *cell = c->page + c->content + off;
		if (*cell <= brief && *cell + 2U <= c->span - off)
			continue;
		enum page_fault fault = look_payload(w, c, c->content + off, table);
		if (fault)
			return fault;
	}
	return SOUND;
}

static enum page_fault look_inner(struct sqlite_pages *w, struct cells *c, bool table)
{
	for (uint32_t i = 0; i < c->count; i++) {
		uint32_t off = be16(c->pointers + 2 * i) - c->content;
		if (off > c->span)
			return FAULT_CELL;
		c->child[c->children++] = be32(c->page + c->content + off);
		enum page_fault fault = table ? SOUND : look_payload(w, c, c->content + off + 4, false);
		if (fault)
			return fault;
	}
	return SOUND;
}

static enum page_fault look_tree(struct sqlite_pages *w, const uint8_t *page, uint32_t header, struct page *p,
	struct cells *c)
{
	const uint8_t *h = page + header;
	bool table = h[0] == TABLE_INNER || h[0] == TABLE_LEAF;
	bool inner = h[0] == TABLE_INNER || h[0] == INDEX_INNER;
	uint32_t end = header + (inner ? 12 : 8);
	*c = (struct cells){.page = page, .pointers = page + end, .count = be16(h + 3), .content = be16(h + 5)};
	c->child = w->scratch;
	c->chain = w->scratch + w->usable / 4 + 8;
	c->content = c->content ? c->content : 65536;
	end += 2 * c->count;
	p->kind = h[0];
	p->cells = (uint16_t)c->count;
	/* Each cell takes its pointer and four bytes. */
	if (end + 4 * c->count > w->usable)
		return FAULT_CELLS;
	if (c->count && (c->content < end || c->content > w->usable - 4))
		return FAULT_CELL;
	c->span = w->usable - 4 - c->content;
	if (inner)
		c->child[c->children++] = be32(h + 8);
	return inner ? look_inner(w, c, table) : look_leaf(w, c, table);
}

static bool is_tree(uint8_t type)
{
	return type == TABLE_LEAF || type == INDEX_LEAF || type == TABLE_INNER || type == INDEX_INNER;
}

/* Leaves a page names if it is a trunk of the free list. */
static uint32_t trunk_leaves(const struct sqlite_pages *w, const uint8_t *page)
{
	uint32_t n = be32(page + 4);
	return n <= w->usable / 4 - 2 ? n : 0;
}

static void keep_list(struct sqlite_pages *w, struct page *p, const struct cells *c, const uint8_t *page)
{
	uint32_t leaves = trunk_leaves(w, page);
	if (!c->children && !c->chains && !leaves)
		return;
	uint32_t *list = list_new(w, LIST_COUNTS + c->children + 2 * c->chains + leaves, &p->list);
	if (!list) {
		p->fault = FAULT_LISTS;
		return;
	}
	list[LIST_CHILDREN] = c->children;
	list[LIST_CHAINS] = c->chains;
	list[LIST_LEAVES] = leaves;
	list += LIST_COUNTS;
	if (c->children)
		memcpy(list, c->child, c->children * sizeof *list);
	list += c->children;
	if (c->chains)
		memcpy(list, c->chain, 2 * c->chains * sizeof *list);
	list += 2 * c->chains;
	for (uint32_t i = 0; i < leaves; i++)
		list[i] = be32(page + 8 + 4 * i);
}

static void see_header(struct sqlite_pages *w, const uint8_t *page)
{
	bool valid = memcmp(page + 24, page + 92, 4) == 0;
	w->header_count = valid ? be32(page + 28) : 0;
	w->free_trunk = be32(page + 32);
	w->free_count = be32(page + 36);
	w->largest_root = be32(page + 52);
}

static void make_room(struct sqlite_pages *w, uint32_t number)
{
	if (number >= w->cap) {
		size_t cap = (size_t)number + number / 2 + 64;
		cap = cap > UINT32_MAX ? UINT32_MAX : cap;
		w->pages = mem_array(w->pages, cap, sizeof *w->pages);
		memset(w->pages + w->cap, 0, (cap - w->cap) * sizeof *w->pages);
		w->cap = (uint32_t)cap;
	}
	if (number > w->count)
		w->count = number;
}

/* The walk begins anew after any change. */
static void forget_walk(struct sqlite_pages *w)
{
	free(w->reached);
	w->reached = NULL;
	w->root_count = 0;
}

void sqlite_pages_see(struct sqlite_pages *w, uint32_t page_number, const uint8_t *page)
{
	if (page_number == 0 || page_number == UINT32_MAX)
		return;
	if (w->reached)
		forget_walk(w);
	make_room(w, page_number);
	w->sights++;
	uint32_t header = page_number == 1 ? SQLITE_HEADER : 0;
	struct page *p = &w->pages[page_number];
	*p = (struct page){.kind = PLAIN, .next = be32(page)};
	struct cells c = {0};
	if (header)
		see_header(w, page);
	if (is_tree(page[header]))
		p->fault = (uint8_t)look_tree(w, page, header, p, &c);
	keep_list(w, p, &c, page);
}
