/* Whether a request is meant for us: against pages elsewhere that make a browser send it here (DNS rebinding, forms). */
#ifndef WEB_HOST_H
#define WEB_HOST_H

#include <stdbool.h>

/* Whether Host names us: an address (no name can be turned to another place that is none), "localhost", this machine's name, the host
 * we listen on, or that of `public_url`. Ports are left out. NULL is none. */
bool host_is_ours(const char *host, const char *listen, const char *public_url);
/* Whether an Origin header is the very place that `host` or `public_url` names. "null" is not. */
bool host_is_origin(const char *origin, const char *host, const char *public_url);

#endif
