#include "repo/blob.h"

#include "base/digest_many.h"
#include "base/mem.h"
#include "repo/compressor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define WIPED 0xa5

struct blob_codec {
	struct cipher *cipher;
	struct compressor *compressor;
	ZSTD_DCtx *decompressor;
	struct buf frame; /* a zstd frame, before sealing or after opening */
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

int blob_mismatch(const struct id *id, struct error *e)
{
	return damaged(id, e, "its content does not match its id");
}

/* The MAC error says "is damaged (...)" of something it cannot name. */
static int open_sealed(struct blob_codec *c, const struct id *id, const void *p, size_t n, void *to, struct error *e)
{
	struct error why;
	char hex[ID_HEX_LEN + 1];

	if (cipher_open_to(c->cipher, p, n, to, &why) == 0)
		return 0;
	return error_set(e, ERR_CORRUPT, "blob %.8s %s", id_hex(id, hex), why.text);
}

/* The frame need not say its content's size: the pack header does, and is held to it. */
static int decompress(struct blob_codec *c, const struct id *id, size_t frame_len, void *plain, size_t plain_len,
		      struct error *e)
{
	char why[160];

	size_t len = ZSTD_decompressDCtx(c->decompressor, plain, plain_len, c->frame.p, frame_len);
	if (ZSTD_isError(len)) {
		snprintf(why, sizeof why, "decompressing to %zu bytes failed: %s", plain_len, ZSTD_getErrorName(len));
		return damaged(id, e, why);
	}
	if (len != plain_len) {
		snprintf(why, sizeof why, "it has %zu bytes instead of %zu", len, plain_len);
		return damaged(id, e, why);
	}
	return 0;
}

size_t blob_plain_size(size_t n, uint32_t plain_len)
{
	return plain_len ? plain_len : n > CIPHER_OVERHEAD ? n - CIPHER_OVERHEAD : 0;
}

static int check_size(const struct id *id, size_t n, uint32_t plain_len, struct error *e)
{
	char hex[ID_HEX_LEN + 1];

	if (n > BLOB_MAX_PLAIN + CIPHER_OVERHEAD || plain_len > BLOB_MAX_PLAIN)
		return error_set(e, ERR_LIMIT, "blob %.8s is larger than %zu MiB", id_hex(id, hex),
				 BLOB_MAX_PLAIN >> 20);
	return 0;
}

int blob_open(struct blob_codec *c, const struct id *id, const void *p, size_t n, uint32_t plain_len, void *plain,
	      struct error *e)
{
	if (check_size(id, n, plain_len, e))
		return -e->kind;
	if (!plain_len)
		return open_sealed(c, id, p, n, plain, e);
	size_t frame_len = blob_plain_size(n, 0);

	buf_clear(&c->frame);
	buf_reserve(&c->frame, frame_len);
	int r = open_sealed(c, id, p, n, c->frame.p, e);

	return r ? r : decompress(c, id, frame_len, plain, plain_len, e);
}

int blob_decode(struct blob_codec *c, const struct id *id, const void *p, size_t n, uint32_t plain_len, struct buf *out,
		struct error *e)
{
	size_t size = blob_plain_size(n, plain_len);
	struct id hash;

	buf_clear(out);
	if (check_size(id, n, plain_len, e))
		return -e->kind;
	buf_reserve(out, size);
	int r = blob_open(c, id, p, n, plain_len, out->p, e);
	if (r == 0) {
		id_hash(&hash, out->p, size);
		if (!id_equal(&hash, id))
			r = blob_mismatch(id, e);
	}
	out->len = r ? 0 : size;
	out->p[out->len] = '\0';
	return r;
}

static int not_back(const struct id *id, const char *why, struct error *e)
{
	char hex[ID_HEX_LEN + 1];

	error_set(e, ERR_INTERNAL, "blob %.8s did not come back as it was after sealing: %s", id_hex(id, hex), why);
	return error_hint(e, "nothing of it was stored; test this machine's memory");
}

int blob_seal(struct blob_codec *c, struct blob_plain *b, int level, struct buf *out, struct error *e)
{
	struct error why;

	if (b->n > BLOB_MAX_PLAIN)
		return error_set(e, ERR_LIMIT, "a blob of %zu bytes is above the limit of %zu MiB", b->n,
				 BLOB_MAX_PLAIN >> 20);
	bool small = level > 0 && b->n > 0 && compressor_run(c->compressor, b->p, b->n, level, &c->frame);
	b->plain_len = small ? (uint32_t)b->n : 0;
	b->at = out->len;
	cipher_seal(c->cipher, small ? c->frame.p : b->p, small ? c->frame.len : b->n, out);
	b->length = out->len - b->at;
	/* What is there must not pass for what comes back. */
	memset(b->p, WIPED, b->n);
	if (blob_open(c, &b->id, out->p + b->at, b->length, b->plain_len, b->p, &why) == 0)
		return 0;
	out->len = b->at;
	out->p[out->len] = '\0';
	return not_back(&b->id, why.text, e);
}

/* Of n plaintexts as they are now; free(). */
static struct id *hashes(const struct blob_plain *v, size_t n)
{
	struct id *ids = mem_array(NULL, n, sizeof *ids);
	AUTO_FREE struct digest_message *m = mem_array(NULL, n, sizeof *m);

	for (size_t i = 0; i < n; i++)
		m[i] = (struct digest_message){v[i].p, v[i].n, ids[i].b};
	digest_many_sha256(m, n);
	return ids;
}

void blob_hash(struct blob_plain *v, size_t n)
{
	AUTO_FREE struct id *ids = hashes(v, n);

	for (size_t i = 0; i < n; i++)
		v[i].id = ids[i];
}

int blob_confirm(const struct blob_plain *v, size_t n, struct error *e)
{
	AUTO_FREE struct id *ids = hashes(v, n);
	struct error why;

	for (size_t i = 0; i < n; i++)
		if (!id_equal(&ids[i], &v[i].id)) {
			blob_mismatch(&v[i].id, &why);
			return not_back(&v[i].id, why.text, e);
		}
	return 0;
}
