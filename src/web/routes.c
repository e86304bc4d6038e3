/* All routes. A table a file, one a line, sorted. */
#include "web/web.h"

extern const struct web_route events_routes[], session_routes[];

const struct web_route *const web_routes[] = {
	events_routes,
	session_routes,
	NULL,
};
