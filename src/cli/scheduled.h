/* A schedule as people see it, and as their options make it. */
#ifndef CLI_SCHEDULED_H
#define CLI_SCHEDULED_H

#include "catalog/schedule.h"
#include "cli/opt.h"

/* "backup of shop, media", "verify of everything" */
char *scheduled_what(const struct schedule_record *s);
/* "at 02:00 every day (Europe/Berlin)" */
char *scheduled_when(const struct schedule_record *s);
/* "Sun 29 Nov 2026 02:00", by the clocks of its zone */
char *scheduled_time(const struct schedule_record *s, struct timespec t);
/* "Sun 29 Nov 2026 02:00, in 5 h"; "none: it is disabled" */
char *scheduled_next(const struct schedule_record *s);
/* "30 days, at most 50 in all", "24 hourly, 7 daily"; "everything" */
char *scheduled_keep(const struct schedule_keep *k);

/* The options of `schedule add` and `edit`. */
#define SCHEDULED_OPTIONS \
	{"daily", 0, OPT_STRING, "TIME", "every day at 02:00", NULL}, \
	{"weekly", 0, OPT_STRING, "DAY@TIME", "every week: sun@03:00", NULL}, \
	{"monthly", 0, OPT_STRING, "N@TIME", "every month: 1@04:00, last@04:00", NULL}, \
	{"cron", 0, OPT_STRING, "EXPRESSION", "minute hour day month weekday: \"0 */6 * * *\"", NULL}, \
	{"zone", 0, OPT_STRING, "ZONE", "whose clocks these are: Europe/Berlin; else the machine's", NULL}, \
	{"source", 's', OPT_LIST, "SOURCE", "only this configured source; may be given several times", NULL}, \
	{"all-sources", 0, OPT_FLAG, NULL, "every configured source, also those to come (the default)", NULL}, \
	{"action", 0, OPT_STRING, "WHAT", "what it does; else backup", SCHEDULE_ACTION_CHOICES}, \
	{"keep-days", 0, OPT_COUNT, "N", "keep its backups that are younger than N days", NULL}, \
	{"keep-last", 0, OPT_COUNT, "N", "keep the newest N", NULL}, \
	{"keep-hourly", 0, OPT_COUNT, "N", "keep one an hour, for the last N hours that have one", NULL}, \
	{"keep-daily", 0, OPT_COUNT, "N", "keep one a day, for N days", NULL}, \
	{"keep-weekly", 0, OPT_COUNT, "N", "keep one a week, for N weeks", NULL}, \
	{"keep-monthly", 0, OPT_COUNT, "N", "keep one a month, for N months", NULL}, \
	{"keep-yearly", 0, OPT_COUNT, "N", "keep one a year, for N years", NULL}, \
	{"max-backups", 0, OPT_COUNT, "N", "of all those, at most the newest N", NULL}, \
	{"keep-all", 0, OPT_FLAG, NULL, "never remove any of its backups", NULL}, \
	{"verify-level", 0, OPT_COUNT, "N", "verify after each backup, to level 1 to 4", NULL}, \
	{"retries", 0, OPT_COUNT, "N", "try again so often what failed and may pass", NULL}, \
	{"retry-wait", 0, OPT_DURATION, "DURATION", "wait before the first of them: 5m; doubled each time", NULL}, \
	{"time-limit", 0, OPT_DURATION, "DURATION", "end what takes longer: 6h; 0 is no limit", NULL}, \
	{"jitter", 0, OPT_DURATION, "DURATION", "begin up to so much later, each time anew", NULL}, \
	{"catch-up", 0, OPT_FLAG, NULL, "make up for a run that was missed, once (the default)", NULL}, \
	{"no-catch-up", 0, OPT_FLAG, NULL, "what was missed is only told", NULL}, \
	{"format", 'f', OPT_STRING, "FORMAT", "of exports: archive, sql, sql.gz, csv, xlsx, tar.gz, tar.zst or zip", EXPORT_FORMAT_CHOICES}, \
	{"dir", 0, OPT_STRING, "FOLDER", "where exports go", NULL}

#define SCHEDULED_OPTION_NAMES \
	"daily|weekly|monthly|cron|zone|source|all-sources|action|keep-days|keep-last|keep-hourly|keep-daily|keep-weekly|keep-monthly|keep-yearly|max-backups|keep-all|" \
	"verify-level|retries|retry-wait|time-limit|jitter|catch-up|no-catch-up|format|dir"

/* Those that are given replace what *s has. */
int scheduled_take_options(const struct parsed *p, struct schedule_record *s, struct error *e) MUST_USE;
/* Whether there is any of them. */
bool scheduled_any_option(const struct parsed *p);

#endif
