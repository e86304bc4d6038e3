#include "engine/rows_xlsx.h"

#include "base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <inttypes.h>
#include <string.h>

/* Counts a word in bytes that come in pieces. No character of the word but the first may be '<'. */
struct counter {
	const char *word;
	size_t at; /* characters of it seen last */
	uint64_t found;
};

static void count(struct counter *c, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (c->at == 0) {
			const char *next = memchr(p + i, '<', n - i);

			if (!next)
				return;
			i = (size_t)(next - p);
		}
		c->at = p[i] == c->word[c->at] ? c->at + 1 : p[i] == '<' ? 1 : 0;
		if (!c->word[c->at]) {
			c->found++;
			c->at = 0;
		}
	}
}

static void reader_free(struct archive **a)
{
	archive_read_free(*a);
}

static int damaged(struct archive *a, const char *path, struct error *e)
{
	const char *why = archive_error_string(a);

	return error_set(e, ERR_IO, "%s does not read back: %s", path, why ? why : "no reason was given");
}

static int read_sheet(struct archive *a, struct counter *cells, struct counter *ends)
{
	const void *p;
	size_t n;
	la_int64_t at;
	int result;

	while ((result = archive_read_data_block(a, &p, &n, &at)) == ARCHIVE_OK) {
		count(cells, p, n);
		count(ends, p, n);
	}
	return result;
}

int rows_xlsx_check(const char *path, uint64_t sheets, uint64_t cells, struct error *e)
{
	static const char folder[] = "xl/worksheets/sheet";
	CLEANUP(reader_free) struct archive *a = archive_read_new();
	struct counter cell = {.word = "<c r="}, end = {.word = "</worksheet>"};
	struct archive_entry *entry;
	int result;

	if (!a)
		return error_set(e, ERR_INTERNAL, "reading %s: libarchive does not start", path);
	if (archive_read_support_format_zip(a) != ARCHIVE_OK ||
	    archive_read_open_filename(a, path, 64 << 10) != ARCHIVE_OK)
		return damaged(a, path, e);
	while ((result = archive_read_next_header(a, &entry)) == ARCHIVE_OK) {
		const char *name = archive_entry_pathname(entry);

		if (name && strncmp(name, folder, strlen(folder)) == 0 && read_sheet(a, &cell, &end) != ARCHIVE_EOF)
			return damaged(a, path, e);
	}
	if (result != ARCHIVE_EOF)
		return damaged(a, path, e);
	if (cell.found == cells && end.found == sheets)
		return 0;
	error_set(e, ERR_IO,
		  "%s came out incomplete: %" PRIu64 " of %" PRIu64 " cells and %" PRIu64 " of %" PRIu64
		  " sheets are in it",
		  path, cell.found, cells, end.found, sheets);
	return error_hint(e, "look whether its disk is full");
}
