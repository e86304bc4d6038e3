/* The Cookie header of a request (RFC 6265, section 5.4). */
#ifndef WEB_COOKIE_H
#define WEB_COOKIE_H

#include <stdbool.h>

/* The value of the one cookie of this name; heap, or NULL when there is none. Two of one name are none as well: one of them
 * was put there by somebody else. */
char *cookie_find(const char *header, const char *name);

#endif
