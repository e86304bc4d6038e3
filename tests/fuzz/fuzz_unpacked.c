/* Any bytes as an opened file: JSON comes out, or an error and nothing. */
#include "repo/unpacked.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(buf_release) struct buf out = BUF_INIT;
	struct error e = {0};

	int r = unpacked_decode(data, size, &out, &e);
	demand(r == 0 || ((r == -ERR_CORRUPT || r == -ERR_LIMIT) && e.text[0] && out.len == 0));
	if (r == 0) {
		demand(out.len <= UNPACKED_MAX && strlen(buf_text(&out)) <= out.len);
		demand(data[0] == 2 || (out.len == size && memcmp(out.p, data, size) == 0));
	}
	return 0;
}
