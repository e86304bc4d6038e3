/* COPY text line by line, out of a block. */
#include "engine/pg_archive_inner.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

#define ROOM_FIRST ((size_t)256 << 10)
#define LINE_MAX_BYTES ((size_t)2000 << 20)      /* a row of PostgreSQL's has less than 1 GiB before it is escaped */

struct pg_lines {
	struct pg_block *block;
	unsigned char *room;
	size_t size, at, end;
	bool ended;
};

struct pg_lines *pg_copy_lines_new(struct pg_block *b)
{
	struct pg_lines *l = mem_zero(sizeof *l);
	l->block = b;
	l->size = ROOM_FIRST;
	l->room = mem_alloc(l->size);
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
	return error_set(e, ERR_CORRUPT, "the archive is damaged: the rows of table \"%s\" have no end",
		pg_data_entry(l->block)->tag);
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
				pg_data_entry(l->block)->tag, LINE_MAX_BYTES >> 20);
		l->size *= 2;
		l->room = mem_resize(l->room, l->size);
	}
	ssize_t got = pg_data_read(l->block, l->room + l->end, l->size - l->end, e);
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
					pg_data_entry(l->block)->tag);
		ssize_t got = pg_data_read(l->block, l->room, l->size, e);
		if (got <= 0)
			return (int)got;
		l->at = 0;
		l->end = (size_t)got;
	}
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
			l->ended = *n == 2 && memcmp(from, "\\.", 2) == 0;
			return l->ended ? check_end(l, e) : 1;
		}
		seen = l->end - l->at;
		int err = refill(l, e);
		if (err)
			return err;
	}
	return 0;
}
