/* Configured sources: a name for a database or folder, how it is reached, and how it is backed up. */
#ifndef CATALOG_SOURCE_H
#define CATALOG_SOURCE_H

#include "catalog/catalog.h"

struct source_record {
	int64_t id;
	char *name;                       /* unique; letters, digits, ". _ -", no slash or colon, at most 64 bytes */
	char *url;                        /* as given, password included: sealed at rest, never in JSON */
	char *shown;                      /* the same without secrets */
	char *engine;                     /* "sqlite" */
	struct strlist include, exclude;  /* patterns, for folders */
	bool include_logs, one_file_system;
	char *check;                      /* SQLite: "auto", "full", "none" */
	char *before, *after;             /* hooks: a command line each (base/words.h), or NULL */
	bool optimize_first;              /* optimize the tables before each backup */
	bool restore_protected;           /* no restore may replace it */
	uint64_t overdue_hours;           /* alarm without a good backup for so long; 0: the setting overdue_hours */
	char *repository;                 /* name of the one its backups go to; NULL: the default one */
	char *notes;                      /* or NULL */
	struct timespec created, changed;
};
void source_record_release(struct source_record *s);
struct source_list { struct source_record *v; size_t n, cap; };
void source_list_release(struct source_list *l);

/* -ERR_EXISTS for a name that is taken, -ERR_NOT_FOUND for a repository that is not configured. Sets id, created, changed. */
int source_add(struct catalog *c, struct source_record *s, struct error *e) MUST_USE;
int source_get(struct catalog *c, int64_t id, struct source_record *out, struct error *e) MUST_USE;
/* By name, exactly. -ERR_NOT_FOUND "there is no source named "shp"", with the nearest name as hint. */
int source_find(struct catalog *c, const char *name, struct source_record *out, struct error *e) MUST_USE;
/* By what is shown of its URL, for what backups say of theirs; the first by name. -ERR_NOT_FOUND. */
int source_find_shown(struct catalog *c, const char *shown, struct source_record *out, struct error *e) MUST_USE;
int source_list_all(struct catalog *c, struct source_list *out, struct error *e) MUST_USE;     /* by name */
/* By id. A new name goes to the schedules and notices that have the old one. */
int source_update(struct catalog *c, struct source_record *s, struct error *e) MUST_USE;
/* -ERR_REFUSED while a schedule names it. Its backups stay. */
int source_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;

void source_json(const struct source_record *s, struct json_out *w);
/* Fields that the JSON has replace those of *s; others stay. -ERR_USAGE names the field and what is wrong with it. `url` is
 * taken as it is: who calls it has the engine parse it and sets shown and engine; one that equals what is shown changes nothing, so that what
 * source_json() wrote can be read back. Unknown fields are -ERR_USAGE. */
int source_from_json(struct source_record *s, struct json *j, struct error *e) MUST_USE;

#endif
