/* Sums over the catalog, for figures and charts. */
#ifndef CATALOG_TALLY_H
#define CATALOG_TALLY_H

#include "base/map.h"
#include "catalog/job.h"

/* How many jobs the history has, by state. */
int tally_states(struct catalog *c, uint64_t counts[JOB_STATES], struct error *e) MUST_USE;

/* Backup jobs that were begun in a span of time and have ended. */
struct tally_runs {
	uint64_t successful, partial;           /* partial ones are successful too */
	uint64_t failed, cancelled, interrupted;
	uint64_t bytes, added;                  /* of the successful ones: of the sources; to the repositories */
	double seconds;                         /* they took together */
};
struct tally_day { int64_t day; struct tally_runs runs; };        /* day: since 1970, in the zone */
struct tally_days { struct tally_day *v; size_t n, cap; };
void tally_days_release(struct tally_days *l);
/* Day by day, those without any left out; `offset` is seconds east of UTC. `source` NULL: all. */
int tally_days(struct catalog *c, struct timespec from, struct timespec to, int64_t offset, const char *source, struct tally_days *out, struct error *e) MUST_USE;
/* The sum of all days. */
void tally_sum(const struct tally_days *l, struct tally_runs *out);

/* What is stored now: backups that are no safety backups. */
struct tally_stored {
	uint64_t backups, bytes;                /* bytes: of the sources, as if each backup were stored whole */
	struct timespec oldest, newest;         /* zero: none */
};
/* By repository: *out has a struct tally_stored for the number (int64_t) of each that has any. */
int tally_by_place(struct catalog *c, struct map **out, struct error *e) MUST_USE;

/* By source: *out has one for the name of each that has backups now, or had runs in the span of time. */
struct tally_source {
	struct tally_stored stored;
	struct tally_runs runs;
};
int tally_by_source(struct catalog *c, struct timespec from, struct timespec to, struct map **out, struct error *e) MUST_USE;
/* Bytes of the source in its newest good backup at or before `at`: 0 when there is none. */
int tally_size(struct catalog *c, const char *source, struct timespec at, uint64_t *bytes, struct error *e) MUST_USE;

/* The newest runs of a source's backups that have begun, the newest first. */
struct tally_run {
	enum job_state state;
	bool partial;
	struct timespec time;                   /* it began */
	int level;                              /* that its backup has reached; -1: the backup is damaged */
};
int tally_last_runs(struct catalog *c, const char *source, struct tally_run *out, size_t max, size_t *n, struct error *e) MUST_USE;

/* The newest good backup of each source that was restored in a rehearsal: *out has one for the name of each that has one. */
struct tally_proof {
	char id[65];
	struct timespec time, verified;
	int level;
};
int tally_proven(struct catalog *c, struct map **out, struct error *e) MUST_USE;

#endif
