/* The kinds of records in a configuration, as one table. */
#ifndef JOB_CONFIGURATION_KINDS_H
#define JOB_CONFIGURATION_KINDS_H

#include "catalog/catalog.h"

struct configuration_kind {
	const char *section, *one;      /* "sources", "source" */
	size_t size;
	const char *left_out;           /* "|id|created|": members of its JSON that say nothing about what it is to be */
	void (*start)(void *record);    /* a new one, before it is read; NULL: zeroed */
	void (*release)(void *record);
	void (*json)(const void *record, struct json_out *w);
	/* The object of its secrets, as read() takes them. */
	void (*secrets)(const void *record, struct json_out *w);
	int (*read)(void *record, struct json *j, struct error *e);
	int (*ready)(void *record, struct error *e);        /* what follows from what was read; or NULL */
	int (*names)(struct catalog *c, struct strlist *out, struct error *e);
	int (*find)(struct catalog *c, const char *name, void *record, struct error *e);
	int (*add)(struct catalog *c, void *record, struct error *e);
	int (*update)(struct catalog *c, void *record, struct error *e);
	int (*remove)(struct catalog *c, int64_t id, struct error *e);
};
/* In the order in which they refer to each other; ends with a zeroed one. Every record begins with its id. */
extern const struct configuration_kind configuration_kinds[];

#endif
