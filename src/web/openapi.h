/* The OpenAPI 3.1 document: made of the tables of routes and of the schemas below, so that it cannot say anything else than the server does.
 * GET /backup/api/openapi.json; docs/openapi.json is a copy, which tests hold against it. */
#ifndef WEB_OPENAPI_H
#define WEB_OPENAPI_H

#include "web/web.h"

/* A member of an object that the API answers with. `type`: "string", "integer", "number", "boolean", "time" (RFC 3339), "object" or "any" (of
 * whatever kind), the name of a schema, or "a|b|c" (one of these texts); then "[]" for a list of such, "?" when it may be null, "~" when it
 * may be absent. */
struct openapi_member {
	const char *name, *type;
	const char *help;               /* or NULL */
};
struct openapi_schema {
	const char *name, *help;
	const struct openapi_member *members;         /* ends with a zeroed one */
	bool open;                      /* it may have further members */
};
extern const struct openapi_schema openapi_schemas[];       /* ends with a zeroed one */
extern const struct web_route api_openapi[];

/* Of these tables (web_routes, but for tests). */
void openapi_write(const struct web_route *const *tables, struct buf *out);

#endif
