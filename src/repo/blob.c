#include "repo/blob.h"

#include "base/mem.h"
#include "repo/compressor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

struct blob_codec {
	struct cipher *cipher;
	struct compressor *compressor;
	ZSTD_DCtx *decompressor;
	struct buf frame; /* a zstd frame, before sealing or after opening */
	struct buf plain; /* what verifying a fresh blob gave */
	struct buf scratch;
};

struct blob_codec *blob_codec_new(const struct cipher_key *k)
{
	struct blob_codec *c = mem_zero(sizeof *c);
	c->cipher = cipher_new(k);
	c->compressor = compressor_new();
	c->decompressor = ZSTD_createDCtx();
	if (!c->decompressor) {
		fprintf(stderr, "backstay: out of memory for zstd\n");
		abort();
	}
	return c;
}

void blob_codec_free(struct blob_codec *c)
{
	if (!c)
		return;
	cipher_free(c->cipher);
	compressor_free(c->compressor);
	ZSTD_freeDCtx(c->decompressor);
	buf_release(&c->frame);
	buf_release(&c->plain);
	buf_release(&c->scratch);
	free(c);
}

struct cipher *blob_codec_cipher(struct blob_codec *c)
{
	return c->cipher;
}

struct buf *blob_codec_scratch(struct blob_codec *c)
{
	return &c->scratch;
}

static int damaged(const struct id *id, struct error *e, const char *why)
{
	char hex[ID_HEX_LEN + 1];
	return error_set(e, ERR_CORRUPT, "blob %.8s is damaged (%s)", id_hex(id, hex), why);
}

/* The MAC error says "is damaged (...)" of something it cannot name. */
static int open_sealed(struct blob_codec *c, const struct id *id, const void *p, size_t n, struct buf *out,
		       struct error *e)
{
	struct error why;
	char hex[ID_HEX_LEN + 1];

	buf_clear(out);
	if (cipher_open(c->cipher, p, n, out, &why) == 0)
		return 0;
	return error_set(e, ERR_CORRUPT, "blob %.8s %s", id_hex(id, hex), why.text);
}

/* The frame need not say its content's size: the pack header does, and is held to it. */
static int decompress(struct blob_codec *c, const struct id *id, size_t plain_len, struct buf *out, struct error *e)
{
	char why[160];

	buf_clear(out);
	buf_reserve(out, plain_len);
	size_t len = ZSTD_decompressDCtx(c->decompressor, out->p, plain_len, c->frame.p, c->frame.len);
	if (ZSTD_isError(len)) {
		snprintf(why, sizeof why, "decompressing to %zu bytes failed: %s", plain_len, ZSTD_getErrorName(len));
		return damaged(id, e, why);
	}
	if (len != plain_len) {
		snprintf(why, sizeof why, "it has %zu bytes instead of %zu", len, plain_len);
		return damaged(id, e, why);
	}
	out->len = len;
	out->p[len] = '\0';
	return 0;
}

int blob_decode(struct blob_codec *c, const struct id *id, const void *p, size_t n, uint32_t plain_len, struct buf *out,
		struct error *e)
{
	struct id hash;
	char hex[ID_HEX_LEN + 1];

	buf_clear(out);
	if (n > BLOB_MAX_PLAIN + CIPHER_OVERHEAD || plain_len > BLOB_MAX_PLAIN)
		return error_set(e, ERR_LIMIT, "blob %.8s is larger than %zu MiB", id_hex(id, hex),
				 BLOB_MAX_PLAIN >> 20);
	int r = open_sealed(c, id, p, n, plain_len ? &c->frame : out, e);
	if (r == 0 && plain_len)
		r = decompress(c, id, plain_len, out, e);
	if (r == 0) {
		id_hash(&hash, out->p, out->len);
		if (!id_equal(&hash, id))
			r = damaged(id, e, "its content does not match its id");
	}
	if (r)
		buf_clear(out);
	return r;
}

int blob_encode(struct blob_codec *c, const struct id *id, const void *p, size_t n, int level, struct buf *out,
		uint32_t *plain_len, struct error *e)
{
	struct error why;
	char hex[ID_HEX_LEN + 1];
	size_t start = out->len;

	if (n > BLOB_MAX_PLAIN)
		return error_set(e, ERR_LIMIT, "a blob of %zu bytes is above the limit of %zu MiB", n,
				 BLOB_MAX_PLAIN >> 20);
	bool small = level > 0 && n > 0 && compressor_run(c->compressor, p, n, level, &c->frame);
	*plain_len = small ? (uint32_t)n : 0;
	cipher_seal(c->cipher, small ? c->frame.p : p, small ? c->frame.len : n, out);
	if (blob_decode(c, id, out->p + start, out->len - start, *plain_len, &c->plain, &why) == 0)
		return 0;
	out->len = start;
	out->p[start] = '\0';
	error_set(e, ERR_INTERNAL, "blob %.8s did not come back as it was after sealing: %s", id_hex(id, hex),
		  why.text);
	return error_hint(e, "nothing of it was stored; test this machine's memory");
}
