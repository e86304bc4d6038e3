/* Any bytes as a key file: what is accepted keeps the limits, so that opening it can neither eat the memory nor take
 * for ever. */
#include "repo/key.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct key_file k;
	struct cipher_key master;
	struct secret password = {0};
	struct error e = {0};

	int r = key_file_parse(data, size, &k, &e);
	demand(r == 0 || (r == -ERR_CORRUPT && e.text[0]));
	if (r)
		return 0;
	const struct key_params *c = &k.params;
	demand(c->n >= 2 && (c->n & (c->n - 1)) == 0 && c->r > 0 && c->p > 0 && c->p <= 64);
	demand(c->n * c->r <= ((uint64_t)1 << 30) / 128);
	demand(k.salt.len == 64);
	if (c->n * c->r * c->p <= 1024) {
		secret_set(&password, "geheim", 6);
		r = key_file_open(&k, &password, &master, &e);
		demand(r == 0 || r == -ERR_PASSWORD || r == -ERR_CORRUPT);
		secret_release(&password);
	}
	key_file_release(&k);
	return 0;
}
