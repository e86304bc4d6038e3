/* Which route a path and a method mean. */
#ifndef WEB_ROUTE_H
#define WEB_ROUTE_H

#include "web/uri.h"
#include "web/web.h"

struct route_match {
	const struct web_route *route;          /* NULL: the path is known, but not with this method */
	const char *params[WEB_PARAMS];         /* inside the uri */
	unsigned methods;                       /* of all routes of this path: bits of route_method() */
};
/* `tables` as web_routes. False when no route has this path. A route whose path says a part literally goes before one that has
 * "{...}" there. HEAD is as GET. */
bool route_find(const struct web_route *const *tables, const struct uri *u, const char *method, struct route_match *out);
/* "GET, HEAD, OPTIONS, POST". Heap. */
char *route_allow(unsigned methods);
/* Whether the method changes nothing: GET, HEAD, OPTIONS. */
bool route_is_safe(const char *method);

#endif
