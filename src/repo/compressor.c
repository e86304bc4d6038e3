#include "repo/compressor.h"

#include "base/mem.h"
#include "repo/blob.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define MEDIUM_FROM ((size_t)128 << 10) /* zstd's level 3 has an unlucky table for inputs from here */
#define MEDIUM_TO ((size_t)256 << 10)   /* to here */
#define TRY_AGAIN_AFTER 4u        /* blobs at least between two trials */
#define OTHER_RATIO 0.1           /* so much more or less is other content */

/* How zstd is told to work; hash_log and min_match 0: as the level has them. */
struct recipe {
	int level, hash_log, min_match;
};

/* The dense recipe is worth its time when its frame is shorter by the factor `worth`. */
struct rivals {
	struct recipe quick, dense;
	double worth;
};

/* What the blobs of one kind were like lately. */
struct habit {
	const struct rivals *rivals;
	bool dense;
	unsigned since; /* blobs since the last trial */
	double ratio;   /* of that trial's winner; 0: none yet */
};

struct compressor {
	ZSTD_CCtx *zstd;
	struct recipe set; /* what zstd is set to; zeros at first */
	struct habit block, chunk;
};

/* Measured on databases and dumps (docs/performance.md): longer matches are found faster and read back faster, a larger
 * table finds more of them and falls out of the processor's cache. */
static const struct rivals block_rivals = {{BLOB_LEVEL_DEFAULT, 15, 7}, {BLOB_LEVEL_DEFAULT, 16, 6}, 1.03};
static const struct rivals chunk_rivals = {{BLOB_LEVEL_DEFAULT, 17, 7}, {BLOB_LEVEL_DEFAULT, 17, 6}, 1.01};
static const struct recipe medium = {BLOB_LEVEL_DEFAULT, 16, 7};
static const struct recipe small = {.level = BLOB_LEVEL_DEFAULT + 1};

struct compressor *compressor_new(void)
{
	struct compressor *c = mem_zero(sizeof *c);

	c->zstd = ZSTD_createCCtx();
	if (!c->zstd) {
		fprintf(stderr, "backstay: out of memory for zstd\n");
		abort();
	}
	c->block.rivals = &block_rivals;
	c->chunk.rivals = &chunk_rivals;
	return c;
}

void compressor_free(struct compressor *c)
{
	if (c)
		ZSTD_freeCCtx(c->zstd);
	free(c);
}

static void set_parameter(struct compressor *c, ZSTD_cParameter which, int value)
{
	size_t set = ZSTD_CCtx_setParameter(c->zstd, which, value);

	assert(!ZSTD_isError(set));
}

static void make_frame(struct compressor *c, const struct recipe *r, const void *p, size_t n, struct buf *frame)
{
	if (memcmp(r, &c->set, sizeof *r) != 0) {
		set_parameter(c, ZSTD_c_compressionLevel, r->level);
		set_parameter(c, ZSTD_c_hashLog, r->hash_log);
		set_parameter(c, ZSTD_c_minMatch, r->min_match);
		c->set = *r;
	}
	size_t bound = ZSTD_compressBound(n);

	buf_clear(frame);
	buf_reserve(frame, bound);
	size_t len = ZSTD_compress2(c->zstd, frame->p, bound, p, n);

	frame->len = ZSTD_isError(len) ? n : len; /* without memory for it the blob stays as it is */
}

static bool time_to_try(const struct habit *h, double ratio)
{
	bool other = ratio > h->ratio * (1 + OTHER_RATIO) || ratio < h->ratio * (1 - OTHER_RATIO);

	return h->ratio == 0 || h->since >= COMPRESSOR_TRY_EVERY || (other && h->since >= TRY_AGAIN_AFTER);
}

/* `frame` is made by habit; make the rival's too, and keep the better one. */
static void try_rival(struct compressor *c, struct habit *h, const void *p, size_t n, struct buf *frame)
{
	CLEANUP(buf_release) struct buf rival = BUF_INIT;

	make_frame(c, h->dense ? &h->rivals->quick : &h->rivals->dense, p, n, &rival);
	const struct buf *quick = h->dense ? &rival : frame, *dense = h->dense ? frame : &rival;
	bool pays = (double)dense->len * h->rivals->worth < (double)quick->len;

	if (pays != h->dense)
		buf_swap(frame, &rival);
	*h = (struct habit){.rivals = h->rivals, .dense = pays, .ratio = (double)frame->len / (double)n};
}

static void run_by_habit(struct compressor *c, struct habit *h, const void *p, size_t n, struct buf *frame)
{
	make_frame(c, h->dense ? &h->rivals->dense : &h->rivals->quick, p, n, frame);
	h->since++;
	if (time_to_try(h, (double)frame->len / (double)n))
		try_rival(c, h, p, n, frame);
}

bool compressor_run(struct compressor *c, const void *p, size_t n, int level, struct buf *frame)
{
	if (level != BLOB_LEVEL_DEFAULT)
		make_frame(c, &(struct recipe){.level = level}, p, n, frame);
	else if (n < COMPRESSOR_BLOCK)
		make_frame(c, n > MEDIUM_FROM && n <= MEDIUM_TO ? &medium : &small, p, n, frame);
	else
		run_by_habit(c, n > COMPRESSOR_BLOCK ? &c->chunk : &c->block, p, n, frame);
	return frame->len < n && (n - frame->len) * 32 >= n;
}
