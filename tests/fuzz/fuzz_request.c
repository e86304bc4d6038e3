/* Any text as what the head of a request has: a target, a cookie, a range, a host, a list of tags or encodings. */
#include "base/mem.h"
#include "web/cookie.h"
#include "web/gzip.h"
#include "web/host.h"
#include "web/range.h"
#include "web/uri.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void demand(bool holds)
{
	if (!holds)
		abort();
}

/* What is understood can be written again, and means the same then. */
static void try_target(const char *text)
{
	CLEANUP(uri_release) struct uri u, again;
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	struct error e = {0};
	int rc = uri_parse(text, &u, &e);

	demand(!rc || e.text[0]);
	again = (struct uri){0};
	if (rc)
		return;
	demand(u.path[0] == '/' && u.query.names.n == u.query.values.n);
	for (size_t i = 0; i < u.segments.n; i++) {
		buf_add_byte(&b, '/');
		uri_encode(u.segments.v[i], &b);
	}
	buf_add_byte(&b, '/');
	for (size_t i = 0; i < u.query.names.n; i++) {
		buf_add_byte(&b, i ? '&' : '?');
		uri_encode(u.query.names.v[i], &b);
		buf_add_byte(&b, '=');
		uri_encode(u.query.values.v[i], &b);
	}
	demand(!uri_parse(buf_text(&b), &again, &e) && again.segments.n == u.segments.n && !strcmp(again.path, u.path) && again.query.names.n == u.query.names.n);
	for (size_t i = 0; i < u.query.names.n; i++)
		demand(!strcmp(again.query.names.v[i], u.query.names.v[i]) && !strcmp(again.query.values.v[i], u.query.values.v[i]));
}

static void try_range(const char *text, uint64_t size)
{
	uint64_t from = 0, n = 0;

	if (range_parse(text, size, &from, &n) == RANGE_PART)
		demand(n && from < size && n <= size - from);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t size)
{
	AUTO_FREE char *text = mem_string_n((const char *)p, size);
	AUTO_FREE char *cookie = cookie_find(text, "backstay_session");
	struct uri_pairs pairs = {0};
	struct error e = {0};

	demand(!cookie || !strchr(cookie, ';'));
	try_target(text);
	try_range(text, 0);
	try_range(text, 1000);
	try_range(text, UINT64_MAX);
	range_etag_listed(text, "\"abc\"");
	range_counts(text, "\"abc\"", "Sat, 28 Nov 2026 20:40:00 GMT");
	gzip_accepted(text);
	host_is_origin(text, "127.0.0.1:8484", text);
	host_is_ours(text, text, text);
	(void)!uri_pairs_parse(text, size, &pairs, &e);
	demand(pairs.names.n == pairs.values.n && pairs.names.n <= URI_PAIRS_MAX);
	uri_pairs_release(&pairs);
	return 0;
}
