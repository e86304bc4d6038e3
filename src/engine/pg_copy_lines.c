/* COPY text line by line, out of a block, or of a script where it lies. */
#include "engine/pg_archive_inner.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST ((size_t)256 << 10)
#define LINE_MAX_BYTES ((size_t)2000 << 20)      /* a row of PostgreSQL's has less than 1 GiB before it is escaped */

struct pg_lines {
	struct pg_block *block;   /* NULL: in a script */
	struct source *script;
	const char *table;
	uint64_t next, left;      /* of the script */
	unsigned char *room;
	size_t size, at, end;
	bool ended;
};

static struct pg_lines *make(const char *table)
{
	struct pg_lines *l = mem_zero(sizeof *l);
	l->table = table;
	l->size = ROOM_FIRST;
	l->room = mem_alloc(l->size);
	return l;
}

struct pg_lines *pg_copy_lines_new(struct pg_block *b)
{
	struct pg_lines *l = make(pg_data_entry(b)->tag);
	l->block = b;
	return l;
}

struct pg_lines *pg_copy_lines_of_script(struct source *s, uint64_t offset, uint64_t length, const char *table)
{
	struct pg_lines *l = make(table);
	l->script = s;
	l->next = offset;
	l->left = length;
	return l;
}

void pg_copy_lines_free(struct pg_lines *l)
{
	if (l) {
		pg_data_close(&l->block);
		free(l->room);
	}
	free(l);
}

static int no_end(const struct pg_lines *l, struct error *e)
{
	return error_set(e, ERR_CORRUPT, "the %s is damaged: the rows of table \"%s\" have no end",
		l->block ? "archive" : "script", l->table);
}

static ssize_t read_some(struct pg_lines *l, void *p, size_t n, struct error *e)
{
	if (l->block)
		return pg_data_read(l->block, p, n, e);
	n = n < l->left ? n : (size_t)l->left;
	ssize_t got = n ? l->script->pread(l->script, p, n, l->next, e) : 0;
	if (got > 0) {
		l->next += (uint64_t)got;
		l->left -= (uint64_t)got;
	}
	return got;
}

/* More bytes behind those of the line that has begun. */
static int refill(struct pg_lines *l, struct error *e)
{
	memmove(l->room, l->room + l->at, l->end - l->at);
	l->end -= l->at;
	l->at = 0;
	if (l->end == l->size) {
		if (l->size >= LINE_MAX_BYTES)
			return error_set(e, ERR_LIMIT, "table \"%s\" has a row of more than %zu MiB",
				l->table, LINE_MAX_BYTES >> 20);
		l->size *= 2;
		l->room = mem_resize(l->room, l->size);
	}
	ssize_t got = read_some(l, l->room + l->end, l->size - l->end, e);
	if (got <= 0)
		return got < 0 ? (int)got : no_end(l, e);
	l->end += (size_t)got;
	return 0;
}

/* Behind "\." there are only newlines. */
static int check_end(struct pg_lines *l, struct error *e)
{
	for (;;) {
		for (; l->at < l->end; l->at++)
			if (l->room[l->at] != '\n')
				return error_set(e, ERR_CORRUPT,
					"the archive is damaged: something follows the end of table \"%s\"",
					l->table);
		ssize_t got = read_some(l, l->room, l->size, e);
		if (got <= 0)
			return (int)got;
		l->at = 0;
		l->end = (size_t)got;
	}
}

/* Data in a script end before their "\."; its lines may end as those of Windows do. */
static bool is_last(struct pg_lines *l, const char *line, size_t *n)
{
	if (l->block)
		return *n == 2 && memcmp(line, "\\.", 2) == 0;
	*n -= *n > 0 && line[*n - 1] == '\r';
	return false;
}

int pg_copy_lines_next(struct pg_lines *l, const char **line, size_t *n, struct error *e)
{
	size_t seen = 0;
	while (!l->ended) {
		const unsigned char *from = l->room + l->at;
		const unsigned char *newline = memchr(from + seen, '\n', l->end - l->at - seen);
		if (newline) {
			*line = (const char *)from;
			*n = (size_t)(newline - from);
			l->at += *n + 1;
			l->ended = is_last(l, *line, n);
			return l->ended ? check_end(l, e) : 1;
		}
		seen = l->end - l->at;
		if (!l->block && !seen && !l->left)
			return 0;
		int err = refill(l, e);
		if (err)
			return err;
	}
	return 0;
}
