/* Files that are part of the program, made into C by tools/embed at build time: the catalog's schema, what the browser gets. */
#ifndef BASE_EMBEDDED_H
#define BASE_EMBEDDED_H

#include <stddef.h>

struct embedded {
	const char *name;           /* "001.sql"; NULL ends a table */
	const unsigned char *p;     /* followed by a 0 that does not count */
	size_t n;
};

#endif
