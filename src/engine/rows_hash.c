/* Hashes of rows and of tables. */
#include "engine/rows.h"

#include "base/buf.h"
#include "base/codec.h"
#include "base/mem.h"

#include <endian.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATHER ((size_t)16 << 10) /* small values are gathered up to this, so that libcrypto is called seldom */

struct rows_hash {
	EVP_MD *sha256;
	EVP_MD_CTX *ctx;
	struct buf gathered;
};

/* libcrypto fails at SHA-256 only when it is broken; a wrong hash would call equal tables different. */
static void must(bool ok)
{
	if (!ok) {
		fprintf(stderr, "backstay: libcrypto cannot compute SHA-256\n");
		abort();
	}
}

struct rows_hash *rows_hash_new(void)
{
	struct rows_hash *h = mem_zero(sizeof *h);

	h->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	h->ctx = EVP_MD_CTX_new();
	must(h->sha256 && h->ctx);
	return h;
}

void rows_hash_free(struct rows_hash **h)
{
	if (!*h)
		return;
	EVP_MD_CTX_free((*h)->ctx);
	EVP_MD_free((*h)->sha256);
	buf_release(&(*h)->gathered);
	free(TAKE(*h));
}

static void pass_on(struct rows_hash *h)
{
	must(EVP_DigestUpdate(h->ctx, h->gathered.p, h->gathered.len) == 1);
	buf_clear(&h->gathered);
}

static void add_u64(struct rows_hash *h, uint64_t v)
{
	uint64_t le = htole64(v);

	buf_add(&h->gathered, &le, sizeof le);
}

static void add_bytes(struct rows_hash *h, const void *p, size_t n)
{
	add_u64(h, n);
	if (n < GATHER) {
		buf_add(&h->gathered, p, n);
		return;
	}
	pass_on(h);
	must(EVP_DigestUpdate(h->ctx, p, n) == 1);
}

static void add_value(struct rows_hash *h, const struct value *v)
{
	uint64_t bits;

	buf_add_byte(&h->gathered, (unsigned char)v->type);
	switch (v->type) {
	case VALUE_NULL:
		add_u64(h, 0);
		break;
	case VALUE_INT:
		add_u64(h, sizeof v->i);
		add_u64(h, (uint64_t)v->i);
		break;
	case VALUE_REAL:
		memcpy(&bits, &v->r, sizeof bits);
		add_u64(h, sizeof bits);
		add_u64(h, bits);
		break;
	case VALUE_TEXT:
	case VALUE_BLOB:
		add_bytes(h, v->p, v->n);
		break;
	}
	if (h->gathered.len >= GATHER)
		pass_on(h);
}

void rows_hash_row(struct rows_hash *h, const struct value *values, size_t n, uint8_t out[ROWS_HASH])
{
	must(EVP_DigestInit_ex(h->ctx, h->sha256, NULL) == 1);
	for (size_t i = 0; i < n; i++)
		add_value(h, &values[i]);
	pass_on(h);
	must(EVP_DigestFinal_ex(h->ctx, out, NULL) == 1);
}

struct sum {
	struct rows_hash *hash;
	uint64_t rows;
	uint8_t total[ROWS_HASH];
};

static int add_row(const struct value *values, size_t n, void *ctx, struct error *e)
{
	struct sum *s = ctx;
	uint8_t row[ROWS_HASH];
	unsigned carry = 0;

	rows_hash_row(s->hash, values, n, row);
	for (int i = ROWS_HASH - 1; i >= 0; i--) {
		carry += (unsigned)s->total[i] + row[i];
		s->total[i] = (uint8_t)carry;
		carry >>= 8;
	}
	s->rows++;
	return 0;
}

int rows_hash_table(struct rows_db *d, const struct rows_table *t, struct progress *p, uint64_t *rows, char out[65],
		    struct error *e)
{
	CLEANUP(rows_hash_free) struct rows_hash *hash = rows_hash_new();
	struct sum s = {.hash = hash};
	int rc = rows_each_of(d, t, p, add_row, &s, e);

	if (rc < 0)
		return rc;
	*rows = s.rows;
	hex_encode(s.total, sizeof s.total, out);
	return 0;
}
