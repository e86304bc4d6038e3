/* What the catalog knows of the backups in the configured repositories: a copy for fast lists and statistics, brought up
 * to date by jobs and by `catalog rebuild`. The repository is the truth. */
#ifndef CATALOG_KNOWN_H
#define CATALOG_KNOWN_H

#include "catalog/catalog.h"

struct known_source {               /* one source within a backup */
	char *name, *engine, *shown;
	uint64_t bytes, rows, tables, files;
};
struct known_backup {
	char id[65];                    /* of the snapshot */
	char *original;                 /* hex id it had before tags changed it; or NULL */
	int64_t place;                  /* the repository (catalog/place.h) */
	struct timespec time;
	char *name, *description, *host;      /* description may be NULL */
	struct strlist tags;
	struct known_source *sources;
	size_t source_count;
	uint64_t bytes, added;          /* of its sources; what it added to the repository, 0: unknown */
	double seconds;                 /* it took; 0: unknown */
	bool safety, imported, partial, pinned, foreign;
	int level;                      /* enum verify_level reached (job/backups.h) */
	bool verify_failed;
	struct timespec verified;       /* zero: never */
	struct strlist evidence;        /* of the last verification */
	char *job;                      /* that made it; or NULL */
	char *author, *notes;           /* of that job, while the history has it; or NULL. Only read */
};
void known_backup_release(struct known_backup *b);
struct known_list { struct known_backup *v; size_t n, cap; };
void known_list_release(struct known_list *l);

struct known_filter {
	const char *source;             /* name or shown URL */
	int64_t place;                  /* 0: all */
	struct timespec after, before;
	const char *text;               /* within name, description, sources */
	int good;                       /* 1: whole, not failed, no safety backup; 0: any */
	int safety;                     /* 0: no safety backups; 1: only these; -1: all */
	int pinned;                     /* 1: only pinned; 0: any */
	int min_level;
	bool oldest_first;
};
/* "none", "bytes", "structure", "restored", "compared": enum verify_level by name. */
const char *known_level_name(int level);
int known_put(struct catalog *c, const struct known_backup *b, struct error *e) MUST_USE;     /* add or replace by place and id */
int known_get(struct catalog *c, const char *id, struct known_backup *out, struct error *e) MUST_USE;    /* id, original, or a unique prefix of 4 */
/* By time, newest first. *total (may be NULL) is how many there are beyond the page. */
int known_list_some(struct catalog *c, const struct known_filter *f, const struct catalog_page *p, struct known_list *out, uint64_t *total, struct error *e) MUST_USE;
int known_remove(struct catalog *c, int64_t place, const char *id, struct error *e) MUST_USE;
/* Those of these ids (hex) that there are. */
int known_drop(struct catalog *c, int64_t place, const struct strlist *ids, struct error *e) MUST_USE;
/* The ids (hex) that the catalog has of a repository, appended in no order. */
int known_ids(struct catalog *c, int64_t place, struct strlist *out, struct error *e) MUST_USE;
/* Newest good backup (as in the filter) of a source, by name or shown URL: a zeroed time and "" when there is none. */
int known_newest_good(struct catalog *c, const char *source, struct timespec *time, char id[65], struct error *e) MUST_USE;
void known_json(const struct known_backup *b, struct json_out *w);

#endif
