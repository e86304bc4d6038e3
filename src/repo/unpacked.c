#include "repo/unpacked.h"

#include "base/mem.h"

#include <stdlib.h>
#include <zstd.h>

#define COMPRESSED 0x02 /* first byte of a compressed file; JSON never begins so */
#define LEVEL 3
#define STEP ((size_t)128 << 10) /* room made at a time while decompressing */

static void free_cipher(struct cipher **c)
{
	cipher_free(*c);
}

static void free_dctx(ZSTD_DCtx **d)
{
	ZSTD_freeDCtx(*d);
}

static struct store_file file_of(enum store_kind kind, const struct id *id)
{
	struct store_file f = {.kind = kind};
	if (kind != STORE_CONFIG)
		id_hex(id, f.name);
	return f;
}

static int wrap_json(const void *json, size_t n, struct buf *out, struct error *e)
{
	size_t bound = ZSTD_compressBound(n);

	buf_add_byte(out, COMPRESSED);
	buf_reserve(out, bound);
	size_t len = ZSTD_compress(out->p + 1, bound, json, n, LEVEL);
	if (ZSTD_isError(len))
		return error_set(e, ERR_INTERNAL, "compressing failed: %s", ZSTD_getErrorName(len));
	out->len += len;
	return 0;
}

int unpacked_save(struct store *s, const struct cipher_key *k, int version, enum store_kind kind, const void *json,
		  size_t n, struct id *id, struct error *e)
{
	CLEANUP(free_cipher) struct cipher *c = cipher_new(k);
	CLEANUP(buf_release) struct buf wrapped = BUF_INIT;
	CLEANUP(buf_release) struct buf sealed = BUF_INIT;

	if (kind == STORE_CONFIG || version < 2) {
		cipher_seal(c, json, n, &sealed);
	} else {
		int bad = wrap_json(json, n, &wrapped, e);
		if (bad)
			return bad;
		cipher_seal(c, wrapped.p, wrapped.len, &sealed);
	}
	id_hash(id, sealed.p, sealed.len);
	struct store_file f = file_of(kind, id);
	int r = store_put(s, &f, &(struct iovec){sealed.p, sealed.len}, 1, e);
	if (r) {
		/* Whatever did arrive must not look like a file of ours, whole or damaged, after we said that it failed. */
		struct error ignored = {0};
		(void)!store_remove(s, &f, &ignored);
	}
	return r;
}

/* Any frames zstd knows, with or without their size in the header, up to UNPACKED_MAX bytes in all. */
static int decompress(const void *p, size_t n, struct buf *out, struct error *e)
{
	CLEANUP(free_dctx) ZSTD_DCtx *d = ZSTD_createDCtx();
	ZSTD_inBuffer in = {p, n, 0};
	size_t left = 1; /* 0 at the end of a frame */

	for (;;) {
		size_t room = UNPACKED_MAX + 1 - out->len;
		room = room < STEP ? room : STEP;
		buf_reserve(out, room);
		ZSTD_outBuffer o = {out->p + out->len, room, 0};
		left = ZSTD_decompressStream(d, &o, &in);
		if (ZSTD_isError(left))
			return error_set(e, ERR_CORRUPT, "decompressing failed: %s", ZSTD_getErrorName(left));
		out->len += o.pos;
		if (out->len > UNPACKED_MAX)
			return error_set(e, ERR_LIMIT, "it is larger than %zu MiB when decompressed",
					 UNPACKED_MAX >> 20);
		if (in.pos == n && (left == 0 || o.pos < room))
			break;
	}
	out->p[out->len] = '\0';
	return left ? error_set(e, ERR_CORRUPT, "its compressed data ends too early") : 0;
}

int unpacked_decode(const void *p, size_t n, struct buf *out, struct error *e)
{
	const unsigned char *b = p;

	buf_clear(out);
	if (n == 0)
		return error_set(e, ERR_CORRUPT, "it is empty");
	if (b[0] == COMPRESSED) {
		int r = decompress(b + 1, n - 1, out, e);
		if (r)
			buf_clear(out);
		return r;
	}
	if (b[0] != '{' && b[0] != '[')
		return error_set(e, ERR_CORRUPT, "its first byte 0x%02x is not known", b[0]);
	if (n > UNPACKED_MAX)
		return error_set(e, ERR_LIMIT, "it is larger than %zu MiB", UNPACKED_MAX >> 20);
	buf_add(out, b, n);
	return 0;
}

static int decode_config(const struct buf *plain, struct buf *out, struct error *e)
{
	if (plain->len == 0 || plain->p[0] != '{')
		return error_set(e, ERR_CORRUPT, "it is not a JSON object");
	buf_add(out, plain->p, plain->len);
	return 0;
}

/* Put the file's name in front of a text that says what it is: "is damaged (...)". */
static int named(const struct store_file *f, struct error *e)
{
	struct error what = *e;
	return error_set(e, ERR_CORRUPT, "%s%s%.8s %s", store_kind_name(f->kind), f->name[0] ? " " : "", f->name,
			 what.text);
}

/* `e` holds the cause; what is wrong with the file's bytes is damage, whatever kind the cause is of. */
static int damaged(const struct store_file *f, struct error *e)
{
	struct error cause = *e;
	error_set(e, ERR_CORRUPT, "is damaged (%s)", cause.text);
	return named(f, e);
}

int unpacked_load(struct store *s, const struct cipher_key *k, enum store_kind kind, const struct id *id,
		  struct buf *out, struct error *e)
{
	CLEANUP(free_cipher) struct cipher *c = cipher_new(k);
	CLEANUP(buf_release) struct buf sealed = BUF_INIT;
	CLEANUP(buf_release) struct buf plain = BUF_INIT;
	struct store_file f = file_of(kind, id);
	struct id hash;

	buf_clear(out);
	int r = store_get_all(s, &f, UNPACKED_MAX, &sealed, e);
	if (r == -ERR_LIMIT || r == -ERR_CORRUPT)
		return damaged(&f, e);
	if (r)
		return r;
	id_hash(&hash, sealed.p, sealed.len);
	if (kind != STORE_CONFIG && !id_equal(&hash, id)) {
		error_set(e, ERR_CORRUPT, "its bytes do not match its name");
		return damaged(&f, e);
	}
	if (cipher_open(c, sealed.p, sealed.len, &plain, e))
		return named(&f, e);
	r = kind == STORE_CONFIG ? decode_config(&plain, out, e) : unpacked_decode(plain.p, plain.len, out, e);
	return r ? damaged(&f, e) : 0;
}
