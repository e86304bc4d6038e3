/* A request as a handler sees it, without a server. */
#ifndef TEST_WEB_ASKED_H
#define TEST_WEB_ASKED_H

#include "web/answer.h"
#include "web/exchange.h"

/* `headers` must live as long as the exchange. */
static inline struct exchange *asked(struct exchange_site *site, const char *target, const struct framing_header *headers, size_t count)
{
	struct exchange *x = exchange_new(site, -1);
	struct error e = {0};

	assert_int_equal(uri_parse(target, &x->uri, &e), 0);
	x->r.method = "GET";
	x->r.path = x->uri.path;
	x->head = (struct framing){.method = "GET", .target = target, .version = "HTTP/1.1", .headers = headers, .count = count};
	return x;
}

static inline void exchange_drop(struct exchange **x)
{
	exchange_free(*x);
}

static inline void assert_header(const struct web_response *out, const char *name, const char *value)
{
	const char *got = answer_header_get(out, name);

	assert_non_null(got);
	assert_string_equal(got, value);
}

#endif
