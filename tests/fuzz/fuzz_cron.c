/* Any text as a cron expression: what is accepted has a next time that its own fields name, in order, or never comes.
 */
#include "base/cron.h"
#include "base/mem.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void walk(const struct cron *c, const char *zone)
{
	int64_t at = 1774660000; /* the day before the clocks change in Berlin */
	const struct zone *z;
	struct error e;

	demand(zone_load(zone, &z, &e) == 0);
	for (int i = 0; i < 4; i++) {
		int64_t next = cron_next(c, z, at);
		struct zone_civil d;

		if (next == INT64_MAX)
			return;
		demand(next > at && next % 60 == 0);
		demand(cron_next(c, z, next - 1) == next && cron_next(c, z, at) == next);
		zone_civil(z, next, &d);
		/* Unless it was skipped, its hour is one of those named. */
		demand(c->hour >> d.hour & 1 || zone_next_change(z, next - 1) == next);
		at = next;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = mem_string_n((const char *)data, size);
	struct error e = {0};
	struct cron c;
	int rc = cron_parse(text, &c, &e);

	demand(rc == 0 || (rc == -ERR_USAGE && e.text[0]));
	if (rc)
		return 0;
	AUTO_FREE char *words = cron_words(&c);

	demand(words[0] != '\0');
	walk(&c, "UTC");
	walk(&c, "Europe/Berlin");
	walk(&c, "Australia/Lord_Howe");
	return 0;
}
