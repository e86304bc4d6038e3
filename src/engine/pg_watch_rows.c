/* Counts and hashes the rows of COPY text as it passes: one row a line, the text's newlines being escaped. A row that lies
 * in one piece is hashed where it lies. */
#include "engine/pg_archive_inner.h"

#include "base/mem.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define PIECE_HEAD 5                    /* of integers of four bytes */

struct pg_rows {
	uint64_t rows;
	struct row_sum sum;
	XXH3_state_t *open;       /* hash of the row that has begun */
	size_t open_len;          /* bytes of it so far */
	unsigned char first[2];   /* of these */
	bool ended;               /* "\." was there; only newlines may follow */
};

struct pg_rows *pg_watch_rows_new(void)
{
	struct pg_rows *r = mem_zero(sizeof *r);
	r->open = XXH3_createState();
	if (!r->open)
		abort();
	return r;
}

void pg_watch_rows_free(struct pg_rows *r)
{
	if (r)
		XXH3_freeState(r->open);
	free(r);
}

void pg_watch_rows_begin(struct pg_rows *r)
{
	r->rows = 0;
	r->sum = (struct row_sum){0};
	r->open_len = 0;
	r->ended = false;
}

static bool is_end(const unsigned char *first, size_t n)
{
	return n == 2 && first[0] == '\\' && first[1] == '.';
}

static void add_row(struct pg_rows *r, XXH128_hash_t h)
{
	row_sum_add_hash(&r->sum, h);
	r->rows++;
}

/* Bytes of a row that lies in several pieces. */
static void gather(struct pg_rows *r, const unsigned char *p, size_t n)
{
	if (r->open_len == 0)
		XXH3_128bits_reset(r->open);
	for (size_t i = 0; i < n && r->open_len + i < sizeof r->first; i++)
		r->first[r->open_len + i] = p[i];
	XXH3_128bits_update(r->open, p, n);
	r->open_len += n;
}

static void end_gathered(struct pg_rows *r)
{
	if (is_end(r->first, r->open_len))
		r->ended = true;
	else
		add_row(r, XXH3_128bits_digest(r->open));
	r->open_len = 0;
}

static bool only_newlines(const unsigned char *p, const unsigned char *end)
{
	while (p < end && *p == '\n')
		p++;
	return p == end;
}

bool pg_watch_rows_add(struct pg_rows *r, const unsigned char *p, size_t n)
{
	const unsigned char *end = p + n;
	while (p < end && !r->ended) {
		const unsigned char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline ? newline : end) - p);
		if (r->open_len > 0 || !newline)
			gather(r, p, len);
		if (!newline)
			return true;
		if (r->open_len > 0)
			end_gathered(r);
		else if (is_end(p, len))
			r->ended = true;
		else
			add_row(r, XXH3_128bits(p, len));
		p = newline + 1;
	}
	return only_newlines(p, end);
}

/* The length of a piece, 0 when it is not a plain one. */
static size_t piece_len(const unsigned char *p)
{
	uint32_t len;
	memcpy(&len, p + 1, sizeof len);
	len = le32toh(len);
	return p[0] == 0 && len <= INT32_MAX ? len : 0;
}

const unsigned char *pg_watch_rows_pieces(struct pg_rows *r, const unsigned char *p, const unsigned char *end)
{
	while (end - p > PIECE_HEAD && r->open_len == 0 && !r->ended) {
		size_t len = piece_len(p);
		const unsigned char *row = p + PIECE_HEAD;
		if (len == 0 || len > (size_t)(end - row) || memchr(row, '\n', len) != row + len - 1 || is_end(row, len - 1))
			break;
		add_row(r, XXH3_128bits(row, len - 1));
		p = row + len;
	}
	return p;
}

bool pg_watch_rows_end(struct pg_rows *r, uint64_t *rows, struct row_sum *hash)
{
	*rows = r->rows;
	*hash = r->sum;
	return r->ended;
}
