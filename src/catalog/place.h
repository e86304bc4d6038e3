/* Configured repositories ("repository" is what job/repository.h opens; here it is a place with a name). */
#ifndef CATALOG_PLACE_H
#define CATALOG_PLACE_H

#include "catalog/catalog.h"

struct place_record {
	int64_t id;
	char *name;                 /* unique; as a source's */
	char *location;             /* "/var/backups/backstay", later "s3:..." */
	struct secret password;     /* sealed at rest; empty: found as for any repository (job/repository.h) */
	bool is_default;            /* at most one is: the first that a person adds, until another is made it */
	bool remembered;            /* it was only used, and nobody has configured it (place_remember()) */
	char *repository_id;        /* of its config, 64 hex; NULL: never opened */
	uint64_t low_space;         /* alarm below so many free bytes; 0: the setting low_space */
	struct timespec scanned;    /* when the catalog's list of its backups was last brought up to date; zero: never */
	struct timespec checked;    /* last `check`; zero: never */
	bool check_failed;          /* it found damage: cleanup and prune are refused until a check is clean */
	uint64_t bytes, bytes_free; /* size of its files, free space, when last looked at; 0: unknown */
	struct timespec created, changed;
};
void place_record_release(struct place_record *p);
struct place_list { struct place_record *v; size_t n, cap; };
void place_list_release(struct place_list *l);

/* -ERR_EXISTS for a name or location that is taken; one that is only remembered at this location becomes this one, with its backups. Sets id, created, changed, and
 * is_default when no other is. */
int place_add(struct catalog *c, struct place_record *p, struct error *e) MUST_USE;
/* The place of a repository that was used: found by its location, or added under a name made from it, never as the default. */
int place_remember(struct catalog *c, const char *location, struct place_record *out, struct error *e) MUST_USE;
int place_get(struct catalog *c, int64_t id, struct place_record *out, struct error *e) MUST_USE;
int place_find(struct catalog *c, const char *name, struct place_record *out, struct error *e) MUST_USE;
/* By its location, for records of a repository that nobody has configured: -ERR_NOT_FOUND. */
int place_find_location(struct catalog *c, const char *location, struct place_record *out, struct error *e) MUST_USE;
int place_default(struct catalog *c, struct place_record *out, struct error *e) MUST_USE;      /* -ERR_NOT_FOUND */
int place_list_all(struct catalog *c, struct place_list *out, struct error *e) MUST_USE;       /* by name */
/* By id; it is configured by this if it was only remembered. A new name goes to the sources and schedules that have the old one. -ERR_REFUSED when the default one would not be it any more: another is made it instead. */
int place_update(struct catalog *c, struct place_record *p, struct error *e) MUST_USE;
/* Only what was found out about it: repository_id, scanned, checked, check_failed, bytes, bytes_free. */
int place_found(struct catalog *c, const struct place_record *p, struct error *e) MUST_USE;
/* -ERR_REFUSED while a source or schedule names it, and for the default one while there are others. The repository itself is not touched. */
int place_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;

void place_json(const struct place_record *p, struct json_out *w);   /* "password_known", never the password */
/* As source_from_json(): "name", "location", "password", "is_default", "low_space". */
int place_from_json(struct place_record *p, struct json *j, struct error *e) MUST_USE;

#endif
