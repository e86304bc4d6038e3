/* Any bytes as a snapshot: refused, or a snapshot whose encoding is read back as the same snapshot. */
#include "base/mem.h"
#include "repo/snapshot.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static bool parsed(const void *p, size_t n, struct snapshot *s)
{
	struct error e = {0};
	int r = snapshot_parse(p, n, s, &e);

	demand(r == 0 || (r == -ERR_CORRUPT && e.text[0] && !s->hostname));
	return r == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(snapshot_release) struct snapshot s = {0}, again = {0};
	CLEANUP(buf_release) struct buf once = BUF_INIT, twice = BUF_INIT;

	if (!parsed(data, size, &s))
		return 0;
	snapshot_encode(&s, &once);
	demand(parsed(once.p, once.len, &again));
	demand(again.paths.n == s.paths.n && again.tags.n == s.tags.n && again.has_parent == s.has_parent);
	snapshot_encode(&again, &twice);
	demand(once.len == twice.len && memcmp(once.p, twice.p, once.len) == 0);
	return 0;
}
