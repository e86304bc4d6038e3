#include "web/route.h"

#include "base/mem.h"

#include <string.h>

static const char *const methods[] = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"};

static unsigned bit(const char *method)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (!strcmp(methods[i], method))
			return 1u << i;
	return 0;
}

char *route_allow(unsigned allowed)
{
	CLEANUP(strlist_release) struct strlist l = {0};

	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (allowed & 1u << i)
			strlist_add(&l, methods[i]);
	return strlist_join(&l, ", ");
}

bool route_is_safe(const char *method)
{
	return !strcmp(method, "GET") || !strcmp(method, "HEAD") || !strcmp(method, "OPTIONS");
}

/* Whether the path is that of `pattern` ("/a/{id}/"). *literal: bits of the parts that are said literally, the first one highest. */
static bool matches(const char *pattern, const struct uri *u, const char *params[WEB_PARAMS], uint32_t *literal)
{
	size_t i = 0, n = 0, len;

	memset(params, 0, WEB_PARAMS * sizeof *params);
	*literal = 0;
	for (const char *p = pattern + 1; *p; p += len + (p[len] == '/'), i++) {
		len = strcspn(p, "/");
		if (i == u->segments.n)
			return false;
		if (*p == '{' && n < WEB_PARAMS)
			params[n++] = u->segments.v[i];
		else if (strlen(u->segments.v[i]) != len || memcmp(u->segments.v[i], p, len))
			return false;
		else
			*literal |= UINT32_C(1) << (URI_SEGMENTS_MAX - 1 - i);
	}
	return i == u->segments.n;
}

/* The most literal of the patterns that match; false when none does. */
static bool best_match(const struct web_route *const *tables, const struct uri *u, uint32_t *best)
{
	const char *params[WEB_PARAMS];
	bool found = false;
	uint32_t literal;

	*best = 0;
	for (; *tables; tables++)
		for (const struct web_route *route = *tables; route->method; route++)
			if (matches(route->path, u, params, &literal) && literal >= *best) {
				*best = literal;
				found = true;
			}
	return found;
}

bool route_find(const struct web_route *const *tables, const struct uri *u, const char *method, struct route_match *out)
{
	const char *wanted = strcmp(method, "HEAD") ? method : "GET";
	uint32_t best, literal;

	*out = (struct route_match){0};
	if (!best_match(tables, u, &best))
		return false;
	for (; *tables; tables++)
		for (const struct web_route *route = *tables; route->method; route++) {
			const char *params[WEB_PARAMS];

			if (!matches(route->path, u, params, &literal) || literal != best)
				continue;
			out->methods |= bit(route->method) | (strcmp(route->method, "GET") ? 0 : bit("HEAD")) | bit("OPTIONS");
			if (strcmp(route->method, wanted))
				continue;
			out->route = route;
			memcpy(out->params, params, sizeof params);
		}
	return true;
}
