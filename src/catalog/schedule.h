/* Schedules: when what is done, and how long its backups are kept. What to do at a point in time is job/schedule.h's. */
#ifndef CATALOG_SCHEDULE_H
#define CATALOG_SCHEDULE_H

#include "base/cron.h"
#include "catalog/catalog.h"

enum schedule_kind { SCHEDULE_DAILY, SCHEDULE_WEEKLY, SCHEDULE_MONTHLY, SCHEDULE_CRON };
enum schedule_action { ACTION_BACKUP, ACTION_VERIFY, ACTION_OPTIMIZE, ACTION_CHECK_TABLES, ACTION_CLEANUP, ACTION_EXPORT, ACTION_CHECK, SCHEDULE_ACTIONS };
bool schedule_action_parse(const char *text, enum schedule_action *out);
const char *schedule_action_name(enum schedule_action a);    /* "backup", "verify", "optimize", "check-tables", "cleanup", "export", "check" */
#define SCHEDULE_ACTION_CHOICES "backup|verify|optimize|check-tables|cleanup|export|check"
#define EXPORT_FORMAT_CHOICES "archive|sql|sql.gz|csv|xlsx|tar.gz|tar.zst|zip"     /* job/export.h has what they are */
#define SCHEDULE_JITTER_MAX 86400
#define SCHEDULE_RETRIES_MAX 20

/* Rules (job/forget.h has what they mean). 0: that rule keeps none, or sets no bound; all 0: nothing is ever removed. */
struct schedule_keep {
	uint64_t days, max_backups;
	uint64_t last, hourly, daily, weekly, monthly, yearly;
};
bool schedule_keeps(const struct schedule_keep *k);          /* whether there is any rule */
void schedule_keep_json(const struct schedule_keep *k, struct json_out *w);

struct schedule_record {
	int64_t id;
	char *name;                     /* unique; never changes, because its backups carry it as a tag */
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
	struct schedule_keep keep;      /* ACTION_BACKUP: of its own backups; ACTION_CLEANUP: of those that no schedule made (no rule: as the settings say) */
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

const char *schedule_kind_name(enum schedule_kind k);        /* "daily", "weekly", "monthly", "cron" */
bool schedule_time_parse(const char *text, int *hour, int *minute);      /* "02:00", "2:00" */
int schedule_weekday_parse(const char *text);                /* "sun", "Sunday"; -1: it is none */

/* A new one as it begins: enabled, a backup of everything every day at 02:00, what was missed is made up for. name stays NULL. */
struct schedule_record schedule_record_new(void);
/* What a backup's schedule keeps when nothing is said: the settings retention_days and max_backups. BACKUP_RETENTION_COUNT without any number of days
 * counts alone. c may be NULL. */
int schedule_usual_keep(struct catalog *c, struct schedule_keep *out, struct error *e) MUST_USE;
/* Its times. -ERR_USAGE for a cron expression that is none. */
int schedule_cron(const struct schedule_record *s, struct cron *out, struct error *e) MUST_USE;
/* "at 02:00 every day", "at 03:00 on Sunday", "every 6 hours". Heap. */
char *schedule_words(const struct schedule_record *s);
/* Is everything in it possible: its name, times (never, as on 30 February, is an error), zone, and what its action needs? -ERR_USAGE. */
int schedule_check(const struct schedule_record *s, struct error *e) MUST_USE;

/* Checked first, and that what it names exists (-ERR_NOT_FOUND). Sets id, created, changed, next_run. */
int schedule_add(struct catalog *c, struct schedule_record *s, struct error *e) MUST_USE;
int schedule_get(struct catalog *c, int64_t id, struct schedule_record *out, struct error *e) MUST_USE;
int schedule_find(struct catalog *c, const char *name, struct schedule_record *out, struct error *e) MUST_USE;    /* by name, or by id in digits */
int schedule_list_all(struct catalog *c, struct schedule_list *out, struct error *e) MUST_USE;      /* by name */
/* All but the three fields about runs. When its times were changed, or it was enabled or disabled, next_run is found anew. */
int schedule_update(struct catalog *c, struct schedule_record *s, struct error *e) MUST_USE;
int schedule_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;
/* Only the three fields about runs. */
int schedule_ran(struct catalog *c, const struct schedule_record *s, struct error *e) MUST_USE;

/* Its fields, "time" as "02:00", "weekday" as "sunday", and its times in words as "when". */
void schedule_json(const struct schedule_record *s, struct json_out *w);
/* As source_from_json(). "keep" given for a new record (id 0) is all that is kept; else its members replace those there are. */
int schedule_from_json(struct schedule_record *s, struct json *j, struct error *e) MUST_USE;

#endif
