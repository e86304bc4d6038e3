/* Any bytes as a time zone file, and as a POSIX rule: what is accepted tells the time everywhere, and its changes are
 * changes. */
#include "base/mem.h"
#include "base/zone.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

static void tell_the_time(struct zone *z)
{
	static const int64_t points[] = {INT64_MIN, -62135596800, -2147483648, 0, 1774744200, 4102444800, INT64_MAX};
	struct zone_civil c;

	for (size_t i = 0; i < ARRAY_LEN(points); i++) {
		int64_t at = points[i];

		zone_civil(z, at, &c);
		demand(c.month >= 1 && c.month <= 12 && c.day >= 1 && c.day <= 31 && c.hour >= 0 && c.hour < 24 &&
		       c.second < 60 && c.weekday >= 0 && c.weekday < 7);
		for (int k = 0; k < 8 && at != INT64_MAX; k++) {
			int64_t next = zone_next_change(z, at);

			demand(next > at);
			if (next != INT64_MAX && at != INT64_MIN)
				demand(zone_offset(z, next - 1) == zone_offset(z, at));
			at = next;
		}
	}
	zone_free(z);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_FREE char *text = mem_string_n((const char *)data, size);
	struct error e = {0};
	struct zone *z;
	int rc = zone_parse(data, size, &z, &e);

	demand(rc == 0 || (rc == -ERR_CORRUPT && e.text[0]));
	if (rc == 0)
		tell_the_time(z);
	rc = zone_parse_rule(text, &z, &e);
	demand(rc == 0 || (rc == -ERR_USAGE && e.text[0]));
	if (rc == 0)
		tell_the_time(z);
	return 0;
}
