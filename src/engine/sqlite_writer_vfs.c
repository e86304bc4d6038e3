/* The database file that is a file_sink. SQLite's pager writes each page of a copy once, nearly in order, page 1
 * last; pages are gathered in blocks, and a block goes out when its last page has come. Nothing that went out can be
 * read again: when SQLite asks for it, or writes it again, the source changed under the copy and the writer is
 * spoiled. */
#include "engine/sqlite.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_MIN ((size_t)64 << 10)
#define BLOCK_MAX ((size_t)512 << 10)
#define BLOCKS_OPEN 16                    /* gathered at a time: the first, those in work, and room for disorder */
#define PAGE_MIN 512
#define LOCK_BYTE ((uint64_t)1 << 30)     /* the page here is never written */

struct open_block {
	bool used;
	uint64_t index;
	size_t missing;                   /* pages still to come */
	unsigned char *bytes;
	unsigned char come[BLOCK_MAX / PAGE_MIN];
};

struct sqlite_writer {
	struct file_sink *file;
	struct sqlite_pages *pages;
	size_t block, page;
	uint64_t size;
	struct open_block open[BLOCKS_OPEN];
	unsigned char *sent;              /* by block index */
	size_t sent_count;
	bool spoiled;
	struct error why;
};

size_t sqlite_writer_block(uint64_t database)
{
	size_t block = BLOCK_MIN;
	while (block < BLOCK_MAX && block < database / 1024)
		block *= 2;
	return block;
}

struct sqlite_writer *sqlite_writer_new(struct file_sink *file, struct sqlite_pages *pages, size_t block, size_t page)
{
	assert(block >= BLOCK_MIN && block <= BLOCK_MAX && (block & (block - 1)) == 0);
	assert(page >= PAGE_MIN && page <= BLOCK_MIN && (page & (page - 1)) == 0);
	struct sqlite_writer *w = mem_zero(sizeof *w);
	w->file = file;
	w->pages = pages;
	w->block = block;
	w->page = page;
	return w;
}

void sqlite_writer_free(struct sqlite_writer *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < BLOCKS_OPEN; i++)
		free(w->open[i].bytes);
	free(w->sent);
	free(w);
}

bool sqlite_writer_spoiled(const struct sqlite_writer *w)
{
	return w->spoiled;
}

static bool is_sent(const struct sqlite_writer *w, uint64_t index)
{
	return index < w->sent_count && w->sent[index];
}

static struct open_block *find_open(struct sqlite_writer *w, uint64_t index)
{
	for (size_t i = 0; i < BLOCKS_OPEN; i++)
		if (w->open[i].used && w->open[i].index == index)
			return &w->open[i];
	return NULL;
}

/* The page that holds the lock byte is part of the file, but nobody ever writes it. */
static void fill_lock_page(struct sqlite_writer *w, struct open_block *b)
{
	if (b->index != LOCK_BYTE / w->block)
		return;
	size_t at = (size_t)(LOCK_BYTE % w->block);
	memset(b->bytes + at, 0, w->page);
	b->come[at / w->page] = 1;
	b->missing--;
}

/* NULL when all are in use, which the order of SQLite's writing does not let happen. */
static struct open_block *begin_block(struct sqlite_writer *w, uint64_t index)
{
	for (size_t i = 0; i < BLOCKS_OPEN; i++) {
		struct open_block *b = &w->open[i];
		if (b->used)
			continue;
		if (!b->bytes)
			b->bytes = mem_alloc(w->block);
		b->used = true;
		b->index = index;
		b->missing = w->block / w->page;
		memset(b->come, 0, b->missing);
		fill_lock_page(w, b);
		return b;
	}
	return NULL;
}

static int send_block(struct sqlite_writer *w, struct open_block *b, size_t n, struct error *e)
{
	if (b->index >= w->sent_count) {
		size_t count = (size_t)b->index * 2 + 64;
		w->sent = mem_resize(w->sent, count);
		memset(w->sent + w->sent_count, 0, count - w->sent_count);
		w->sent_count = count;
	}
	w->sent[b->index] = 1;
	b->used = false;
	return w->file->put(w->file, b->index, b->bytes, n, e);
}

static int take_page(struct sqlite_writer *w, const void *p, uint64_t at)
{
	uint64_t index = at / w->block;
	struct open_block *b = find_open(w, index);
	if (!b && is_sent(w, index)) {
		w->spoiled = true;
		return -ERR_CORRUPT;
	}
	if (!b)
		b = begin_block(w, index);
	if (!b)
		return error_set(&w->why, ERR_INTERNAL, "SQLite wrote the copy's pages in no usable order");
	size_t within = (size_t)(at % w->block);
	memcpy(b->bytes + within, p, w->page);
	sqlite_pages_see(w->pages, (uint32_t)(at / w->page) + 1, p);
	if (!b->come[within / w->page]) {
		b->come[within / w->page] = 1;
		b->missing--;
	}
	if (at + w->page > w->size)
		w->size = at + w->page;
	return b->missing ? 0 : send_block(w, b, w->block, &w->why);
}

int sqlite_writer_finish(struct sqlite_writer *w, uint64_t *size, struct error *e)
{
	for (size_t i = 0; i < BLOCKS_OPEN; i++) {
		struct open_block *b = &w->open[i];
		uint64_t begin = b->index * w->block;
		if (!b->used)
			continue;
		if (b->missing * w->page != begin + w->block - w->size)
			return error_set(e, ERR_INTERNAL, "SQLite did not write all pages of the copy");
		int err = send_block(w, b, (size_t)(w->size - begin), e);
		if (err)
			return err;
	}
	for (uint64_t i = 0; i * w->block < w->size; i++)
		if (!is_sent(w, i))
			return error_set(e, ERR_INTERNAL, "SQLite did not write all pages of the copy");
	*size = w->size;
	return 0;
}

static struct sqlite_writer *writer_of(sqlite3_file *file)
{
	return ((struct sqlite_vfs_file *)file)->owner;
}

static int file_close(sqlite3_file *file)
{
	return SQLITE_OK;
}

static int file_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
	struct sqlite_writer *w = writer_of(file);
	if ((uint64_t)at >= w->size) {
		memset(p, 0, (size_t)n);
		return SQLITE_IOERR_SHORT_READ;
	}
	size_t within = (size_t)((uint64_t)at % w->block);
	struct open_block *b = find_open(w, (uint64_t)at / w->block);
	if (!b || within + (size_t)n > w->block || !b->come[within / w->page] ||
		within / w->page != (within + (size_t)n - 1) / w->page) {
		w->spoiled = true;
		return SQLITE_IOERR_READ;
	}
	memcpy(p, b->bytes + within, (size_t)n);
	return SQLITE_OK;
}

static int file_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
	struct sqlite_writer *w = writer_of(file);
	bool foreign = (size_t)n != w->page || (uint64_t)at % w->page != 0;
	if (foreign || (at == 0 && sqlite_header_page_size(p) != w->page)) {
		/* VACUUM gave the source another page size meanwhile. */
		w->spoiled = true;
		return SQLITE_IOERR_WRITE;
	}
	return take_page(w, p, (uint64_t)at) ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct sqlite_writer *w = writer_of(file);
	if ((uint64_t)size == w->size)
		return SQLITE_OK;
	w->spoiled = true;
	return SQLITE_IOERR_TRUNCATE;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)writer_of(file)->size;
	return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	if (op != SQLITE_VFS_WHY)
		return SQLITE_NOTFOUND;
	*(const struct error **)arg = &writer_of(file)->why;
	return SQLITE_OK;
}

static int file_traits(sqlite3_file *file)
{
	return SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN;
}

static const sqlite3_io_methods methods = {
	.iVersion = 1,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = sqlite_vfs_ignore,
	.xFileSize = file_size,
	.xLock = sqlite_vfs_ignore,
	.xUnlock = sqlite_vfs_ignore,
	.xCheckReservedLock = sqlite_vfs_unreserved,
	.xFileControl = file_control,
	.xSectorSize = sqlite_vfs_sector,
	.xDeviceCharacteristics = file_traits,
};

int sqlite_writer_open(struct sqlite_writer *w, sqlite3 **out, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *db = NULL;
	int rc = sqlite_vfs_open(&methods, w, &db);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; "
			"PRAGMA cache_size=-512", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return sqlite_error(db, rc, e, "beginning the copy");
	*out = TAKE(db);
	return 0;
}
