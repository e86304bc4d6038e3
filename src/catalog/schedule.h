/* Schedules: when what is done, and how long its backups are kept. The arithmetic of times is job/schedule.h's. */
#ifndef CATALOG_SCHEDULE_H
#define CATALOG_SCHEDULE_H

#include "catalog/catalog.h"

enum schedule_kind { SCHEDULE_DAILY, SCHEDULE_WEEKLY, SCHEDULE_MONTHLY, SCHEDULE_CRON };
enum schedule_action { ACTION_BACKUP, ACTION_VERIFY, ACTION_OPTIMIZE, ACTION_CHECK_TABLES, ACTION_CLEANUP, ACTION_EXPORT, ACTION_CHECK, SCHEDULE_ACTIONS };
const char *schedule_action_name(enum schedule_action a);    /* "backup", "verify", "optimize", "check-tables", "cleanup", "export", "check" */

struct schedule_keep {              /* 0: that rule keeps none; all 0: nothing is ever removed */
	uint64_t days, count, max_backups;
	uint64_t last, hourly, daily, weekly, monthly, yearly;
};

struct schedule_record {
	int64_t id;
	char *name;                     /* unique */
	bool enabled;
	enum schedule_action action;
	struct strlist sources;         /* names of configured sources; empty: all of them. A backup of several is one backup. */
	char *repository;               /* name; NULL: the default one */
	enum schedule_kind kind;
	int hour, minute;               /* daily, weekly, monthly */
	int weekday;                    /* 0 Sunday ... 6 */
	int day;                        /* of the month, 1..31; a shorter month has it on its last day */
	char *cron;                     /* five fields or @daily ...; for SCHEDULE_CRON */
	char *zone;                     /* "Europe/Berlin"; NULL: the machine's */
	uint64_t jitter;                /* seconds: started up to so much later, the same for a given run */
	bool catch_up;                  /* a run missed while the machine was off is made up for, once */
	int retries;                    /* of what may pass */
	uint64_t retry_wait;            /* seconds before the first; doubled for each further */
	uint64_t time_limit;            /* seconds; 0: none */
	struct schedule_keep keep;      /* for ACTION_BACKUP (its own backups) and ACTION_CLEANUP */
	int verify_level;               /* after a backup (0: not), or of ACTION_VERIFY */
	char *export_format, *export_dir;     /* ACTION_EXPORT */
	struct timespec next_run;       /* zero: never (disabled) */
	struct timespec last_run;       /* the point in time it was due, not when it began */
	char last_job[17];              /* "" before the first */
	struct timespec created, changed;
};
void schedule_record_release(struct schedule_record *s);
struct schedule_list { struct schedule_record *v; size_t n, cap; };
void schedule_list_release(struct schedule_list *l);

int schedule_add(struct catalog *c, struct schedule_record *s, struct error *e) MUST_USE;
int schedule_get(struct catalog *c, int64_t id, struct schedule_record *out, struct error *e) MUST_USE;
int schedule_find(struct catalog *c, const char *name, struct schedule_record *out, struct error *e) MUST_USE;    /* by name, or by id in digits */
int schedule_list_all(struct catalog *c, struct schedule_list *out, struct error *e) MUST_USE;      /* by name */
int schedule_update(struct catalog *c, struct schedule_record *s, struct error *e) MUST_USE;
int schedule_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;
/* Only the three fields about runs. */
int schedule_ran(struct catalog *c, const struct schedule_record *s, struct error *e) MUST_USE;

void schedule_json(const struct schedule_record *s, struct json_out *w);
int schedule_from_json(struct schedule_record *s, struct json *j, struct error *e) MUST_USE;      /* as source_from_json() */

#endif
