/* Any bytes as a manifest: parsed or refused; what parses is written and parses again to the same bytes. */
#include "base/mem.h"
#include "engine/manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct manifest m, again;
	struct error e = {0};
	CLEANUP(buf_release) struct buf first = BUF_INIT;
	CLEANUP(buf_release) struct buf second = BUF_INIT;

	if (manifest_parse(p, n, &m, &e))
		return 0;
	manifest_encode(&m, &first);
	if (manifest_parse(first.p, first.len, &again, &e))
		abort();
	manifest_encode(&again, &second);
	if (first.len != second.len || memcmp(first.p, second.p, first.len))
		abort();
	manifest_release(&m);
	manifest_release(&again);
	return 0;
}
