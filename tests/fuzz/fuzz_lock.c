/* Any bytes as a lock: refused, or a lock whose encoding is read back as the same lock. */
#include "base/mem.h"
#include "repo/lock.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static bool parsed(const void *p, size_t n, struct lock_info *i)
{
	struct error e = {0};
	int r = lock_parse(p, n, i, &e);

	demand(r == 0 || (r == -ERR_CORRUPT && e.text[0] && !i->hostname));
	return r == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEANUP(lock_info_release) struct lock_info i = {0}, again = {0};
	CLEANUP(buf_release) struct buf once = BUF_INIT, twice = BUF_INIT;

	if (!parsed(data, size, &i))
		return 0;
	lock_is_stale(&i, i.time);
	lock_encode(&i, &once);
	demand(parsed(once.p, once.len, &again));
	demand(again.pid == i.pid && again.exclusive == i.exclusive);
	lock_encode(&again, &twice);
	demand(once.len == twice.len && memcmp(once.p, twice.p, once.len) == 0);
	return 0;
}
