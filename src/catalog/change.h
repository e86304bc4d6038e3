/* What was changed, by whatever process: a counter for each kind of record, kept by triggers. */
#ifndef CATALOG_CHANGE_H
#define CATALOG_CHANGE_H

#include "catalog/catalog.h"

enum change_kind {
	CHANGE_JOBS,            /* and their progress, but not their log lines */
	CHANGE_BACKUPS, CHANGE_SOURCES, CHANGE_REPOSITORIES, CHANGE_SCHEDULES,
	CHANGE_NOTICES,         /* and messages on their way */
	CHANGE_SETTINGS, CHANGE_USERS,
	CHANGE_SESSIONS,        /* sessions and tokens that begin or end */
	CHANGE_KINDS
};
const char *change_name(enum change_kind k);      /* "job", "backup", "source", "repository", ... */
/* Of two loads, what differs was changed in between. Ask for catalog_stamp() first: it is cheaper. */
int change_load(struct catalog *c, uint64_t counters[CHANGE_KINDS], struct error *e) MUST_USE;

#endif
