#include "repo/chunker.h"

#include "base/secret.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdlib.h>

/* A chunk ends where the hash is below a limit, that is where its highest bits are zero: those depend on the last 64
 * bytes. 22 bits before the average length and 18 behind it draw the lengths together around it ("normalised"). */
#define LIMIT_BEFORE (1ull << (64 - 22))
#define LIMIT_BEHIND (1ull << (64 - 18))

/* Only a library without SHA-256 could fail here, and the repository would not have been opened with it. */
static void derive(const struct cipher_key *master, unsigned char *out, size_t n)
{
	static char info[] = "backstay chunker 1";
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)master, sizeof *master),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info - 1),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

	if (!ctx || EVP_KDF_derive(ctx, out, n, params) != 1)
		abort();
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

void chunker_init(struct chunker *c, const struct cipher_key *master)
{
	unsigned char bytes[sizeof c->gear];

	_Static_assert(sizeof *master == 64, "the key material is hashed as it lies in memory");
	derive(master, bytes, sizeof bytes);
	for (size_t i = 0; i < 256; i++) {
		c->gear[i] = 0;
		for (size_t k = 8; k-- > 0;)
			c->gear[i] = c->gear[i] << 8 | bytes[8 * i + k];
	}
	secret_wipe(bytes, sizeof bytes);
}

/* Roll the hash over n bytes until it falls below `limit`: the number of bytes up to there, or 0. Two bytes a turn, as
 * the second hash then waits for one shift and one addition instead of two. */
static size_t roll(const uint64_t gear[256], uint64_t *hash, const unsigned char *p, size_t n, uint64_t limit)
{
	uint64_t h = *hash;
	size_t i = 0;

	for (; i + 2 <= n; i += 2) {
		uint64_t a = gear[p[i]], b = gear[p[i + 1]];

		if ((h << 1) + a < limit)
			return i + 1;
		h = (h << 2) + ((a << 1) + b);
		if (h < limit)
			return i + 2;
	}
	if (i < n) {
		h = (h << 1) + gear[p[i++]];
		if (h < limit)
			return i;
	}
	*hash = h;
	return 0;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t chunker_scan(const struct chunker *c, struct chunker_scan *s, const void *p, size_t n)
{
	static const struct {
		size_t end;
		uint64_t limit;
	} phase[] = {{CHUNK_MIN, 0}, {CHUNK_AVERAGE, LIMIT_BEFORE}, {CHUNK_MAX, LIMIT_BEHIND}};
	const unsigned char *bytes = p;
	size_t used = 0, length = 0;

	for (size_t i = 0; i < 3 && used < n && !length; i++) {
		if (s->at >= phase[i].end)
			continue;
		size_t step = least(n - used, phase[i].end - s->at);

		if (phase[i].limit)
			length = roll(c->gear, &s->hash, bytes + used, step, phase[i].limit);
		if (length)
			length += used;
		used += step;
		s->at += step;
	}
	if (!length && s->at == CHUNK_MAX)
		length = used;
	if (length)
		*s = (struct chunker_scan){0};
	return length;
}

size_t chunker_next(const struct chunker *c, const void *p, size_t n, bool last)
{
	struct chunker_scan s = {0};
	size_t length = chunker_scan(c, &s, p, n);

	return length == 0 && last ? n : length;
}
