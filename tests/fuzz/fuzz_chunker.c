/* Cutting a content made of the input: the first byte chooses the key, the second how the content is made longer (the
 * rest repeated as it is, or mixed with a running number), the next two the length, and two more the pieces it comes
 * in. Chunks must cover the content, keep to their bounds, and be the same whatever the pieces. */
#include "base/mem.h"
#include "repo/chunker.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEAD 6
#define LENGTH_STEP 97 /* of 65536: up to 6 MiB, longer than any chunk */

static void check(bool ok)
{
	if (!ok)
		abort();
}

static unsigned char *make_content(const uint8_t *seed, size_t seed_len, bool mixed, size_t n)
{
	unsigned char *p = mem_alloc(n);
	uint32_t run = 1;

	for (size_t i = 0, k = 0; i < n; i++) {
		run = run * 1664525u + 1013904223u;
		p[i] = (unsigned char)((seed_len ? seed[k] : 0) ^ (mixed ? run >> 24 : 0));
		k = k + 1 < seed_len ? k + 1 : 0;
	}
	return p;
}

/* The chunk at p, found in pieces of `step` bytes. */
static size_t in_pieces(const struct chunker *c, const unsigned char *p, size_t n, size_t step)
{
	struct chunker_scan scan = {0};

	for (size_t at = 0; at < n; at += step) {
		size_t end = chunker_scan(c, &scan, p + at, step < n - at ? step : n - at);

		if (end)
			return at + end;
	}
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cipher_key key;
	struct chunker c;

	if (size < HEAD)
		return 0;
	memset(&key, data[0], sizeof key);
	chunker_init(&c, &key);
	size_t n = (size_t)(data[2] | data[3] << 8) * LENGTH_STEP, step = (size_t)(data[4] | data[5] << 8) + 64;
	AUTO_FREE unsigned char *p = make_content(data + HEAD, size - HEAD, data[1] & 1, n);

	for (size_t at = 0, length; at < n; at += length) {
		length = chunker_next(&c, p + at, n - at, true);
		check(length > 0 && length <= CHUNK_MAX && length <= n - at);
		check(length > CHUNK_MIN || length == n - at);
		check(in_pieces(&c, p + at, n - at, step) == length);
		check(chunker_next(&c, p + at, n - at, false) == length || length == n - at);
	}
	return 0;
}
