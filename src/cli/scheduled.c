#include "cli/scheduled.h"

#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

/* ---- as people see it ---- */

char *scheduled_what(const struct schedule_record *s)
{
	AUTO_FREE char *sources = s->sources.n ? strlist_join(&s->sources, ", ") : mem_string("everything");

	return mem_printf("%s of %s", schedule_action_name(s->action), sources);
}

static char *zone_name(const struct schedule_record *s)
{
	return s->zone ? mem_string(s->zone) : zone_machine_name();
}

char *scheduled_when(const struct schedule_record *s)
{
	AUTO_FREE char *words = schedule_words(s);
	AUTO_FREE char *zone = zone_name(s);

	return mem_printf("%s (%s)", words, zone);
}

char *scheduled_time(const struct schedule_record *s, struct timespec t)
{
	const struct zone *zone;
	struct zone_civil c;
	struct error e = {0};
	char text[32];

	if (zone_load(s->zone, &zone, &e)) {
		time_to_utc(t, text);
		return mem_string(text);
	}
	zone_civil(zone, t.tv_sec, &c);
	return mem_printf("%.3s %d %.3s %d %02d:%02d", cron_weekday_name(c.weekday), c.day, cron_month_name(c.month),
			  c.year, c.hour, c.minute);
}

char *scheduled_next(const struct schedule_record *s)
{
	char age[HUMAN_MAX];

	if (!s->enabled)
		return mem_string("none: it is disabled");
	if (!s->next_run.tv_sec)
		return mem_string("not known yet");
	AUTO_FREE char *time = scheduled_time(s, s->next_run);

	return mem_printf("%s, %s", time, human_age(time_between(s->next_run, time_now()), age));
}

char *scheduled_keep(const struct schedule_keep *k)
{
	CLEANUP(strlist_release) struct strlist parts = {0};
	const struct {
		uint64_t n;
		const char *word;
	} rules[] = {{k->hourly, "hourly"},
		     {k->daily, "daily"},
		     {k->weekly, "weekly"},
		     {k->monthly, "monthly"},
		     {k->yearly, "yearly"}};

	if (k->days)
		strlist_addf(&parts, "%llu day%s", (unsigned long long)k->days, k->days == 1 ? "" : "s");
	if (k->last)
		strlist_addf(&parts, "the last %llu", (unsigned long long)k->last);
	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].n)
			strlist_addf(&parts, "%llu %s", (unsigned long long)rules[i].n, rules[i].word);
	if (k->max_backups)
		strlist_addf(&parts, parts.n ? "at most %llu in all" : "the last %llu",
			     (unsigned long long)k->max_backups);
	return parts.n ? strlist_join(&parts, ", ") : mem_string("everything");
}

/* ---- from options ---- */

static const char *const time_options[] = {"daily", "weekly", "monthly", "cron"};
static const char *const keep_options[] = {"keep-days",   "keep-last",    "keep-hourly", "keep-daily",
					   "keep-weekly", "keep-monthly", "keep-yearly", "max-backups"};
static const char *const other_options[] = {"zone",         "source",      "all-sources", "action",     "keep-all",
					    "verify-level", "retries",     "retry-wait",  "time-limit", "jitter",
					    "catch-up",     "no-catch-up", "format",      "dir",        "repo"};

static size_t given(const struct parsed *p, const char *const *names, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += opt_flag(p, names[i]);
	return count;
}

bool scheduled_any_option(const struct parsed *p)
{
	return given(p, time_options, ARRAY_LEN(time_options)) || given(p, keep_options, ARRAY_LEN(keep_options)) ||
	       given(p, other_options, ARRAY_LEN(other_options));
}

static void replace(char **to, const char *text)
{
	free(*to);
	*to = text && *text ? mem_string(text) : NULL;
}

static int bad_time(const char *option, const char *text, const char *example, struct error *e)
{
	return error_set(e, ERR_USAGE, "--%s cannot be \"%s\"; write it as %s", option, text, example);
}

/* "sun@03:00": what is before the @ into *first; the time is that of the record when there is none. */
static bool split_at(const char *text, struct schedule_record *s, char **first)
{
	const char *at = strchr(text, '@');

	*first = at ? mem_string_n(text, (size_t)(at - text)) : mem_string(text);
	return !at || schedule_time_parse(at + 1, &s->hour, &s->minute);
}

static int take_weekly(const char *text, struct schedule_record *s, struct error *e)
{
	AUTO_FREE char *day = NULL;
	bool ok = split_at(text, s, &day);
	int weekday = schedule_weekday_parse(day);

	if (!ok || weekday < 0)
		return bad_time("weekly", text, "sun@03:00", e);
	s->weekday = weekday;
	return 0;
}

static int take_monthly(const char *text, struct schedule_record *s, struct error *e)
{
	AUTO_FREE char *day = NULL;
	bool ok = split_at(text, s, &day);
	size_t n = strlen(day);
	int number = !strcmp(day, "last") ? 31 : n >= 1 && n <= 2 && strspn(day, "0123456789") == n ? atoi(day) : 0;

	if (!ok || number < 1 || number > 31)
		return bad_time("monthly", text, "1@04:00 or last@04:00", e);
	s->day = number;
	return 0;
}

static int take_times(const struct parsed *p, struct schedule_record *s, struct error *e)
{
	const char *text[ARRAY_LEN(time_options)];

	if (given(p, time_options, ARRAY_LEN(time_options)) > 1)
		return error_set(e, ERR_USAGE, "only one of --daily, --weekly, --monthly and --cron can be given");
	for (size_t i = 0; i < ARRAY_LEN(time_options); i++) {
		text[i] = opt_text(p, time_options[i]);
		if (text[i])
			s->kind = (enum schedule_kind)i;
	}
	if (opt_flag(p, "zone"))
		replace(&s->zone, opt_text(p, "zone"));
	if (text[SCHEDULE_DAILY] && !schedule_time_parse(text[SCHEDULE_DAILY], &s->hour, &s->minute))
		return bad_time("daily", text[SCHEDULE_DAILY], "02:00", e);
	if (text[SCHEDULE_WEEKLY])
		return take_weekly(text[SCHEDULE_WEEKLY], s, e);
	if (text[SCHEDULE_MONTHLY])
		return take_monthly(text[SCHEDULE_MONTHLY], s, e);
	if (text[SCHEDULE_CRON])
		replace(&s->cron, text[SCHEDULE_CRON]);
	return 0;
}

static int take_sources(const struct parsed *p, struct schedule_record *s, struct error *e)
{
	const struct strlist *sources = &opt_get(p, "source")->list;

	if (sources->n && opt_flag(p, "all-sources"))
		return error_set(e, ERR_USAGE, "--source and --all-sources cannot be given together");
	if (sources->n || opt_flag(p, "all-sources"))
		strlist_release(&s->sources);
	for (size_t i = 0; i < sources->n; i++)
		if (!strlist_has(&s->sources, sources->v[i]))
			strlist_add(&s->sources, sources->v[i]);
	if (opt_flag(p, "action"))
		(void)schedule_action_parse(opt_text(p, "action"), &s->action);
	if (opt_flag(p, "repo"))
		replace(&s->repository, opt_text(p, "repo"));
	return 0;
}

static int take_keep(const struct parsed *p, struct schedule_record *s, struct error *e)
{
	uint64_t *const fields[] = {&s->keep.days,   &s->keep.last,    &s->keep.hourly, &s->keep.daily,
				    &s->keep.weekly, &s->keep.monthly, &s->keep.yearly, &s->keep.max_backups};

	if (opt_flag(p, "keep-all") && given(p, keep_options, ARRAY_LEN(keep_options)))
		return error_set(e, ERR_USAGE, "--keep-all goes with no other rule of what to keep");
	if (opt_flag(p, "keep-all"))
		s->keep = (struct schedule_keep){0};
	for (size_t i = 0; i < ARRAY_LEN(keep_options); i++)
		if (opt_flag(p, keep_options[i]))
			*fields[i] = opt_get(p, keep_options[i])->number;
	return 0;
}

/* -1 when it was not given; cut, so that it is refused for what it is. */
static int small(const struct parsed *p, const char *name)
{
	const struct opt_value *v = opt_get(p, name);

	return !v->given ? -1 : v->number > 1000 ? 1000 : (int)v->number;
}

static int take_care(const struct parsed *p, struct schedule_record *s, struct error *e)
{
	int retries = small(p, "retries"), level = small(p, "verify-level");

	s->retries = retries < 0 ? s->retries : retries;
	s->verify_level = level < 0 ? s->verify_level : level;
	if (opt_flag(p, "retry-wait"))
		s->retry_wait = opt_get(p, "retry-wait")->number;
	if (opt_flag(p, "time-limit"))
		s->time_limit = opt_get(p, "time-limit")->number;
	if (opt_flag(p, "jitter"))
		s->jitter = opt_get(p, "jitter")->number;
	if (opt_flag(p, "catch-up") && opt_flag(p, "no-catch-up"))
		return error_set(e, ERR_USAGE, "--catch-up and --no-catch-up cannot be given together");
	if (opt_flag(p, "catch-up") || opt_flag(p, "no-catch-up"))
		s->catch_up = opt_flag(p, "catch-up");
	if (opt_flag(p, "format"))
		replace(&s->export_format, opt_text(p, "format"));
	if (opt_flag(p, "dir")) {
		free(s->export_dir);
		s->export_dir = path_absolute(opt_text(p, "dir"));
	}
	return 0;
}

int scheduled_take_options(const struct parsed *p, struct schedule_record *s, struct error *e)
{
	int rc = take_times(p, s, e);

	if (!rc)
		rc = take_sources(p, s, e);
	if (!rc)
		rc = take_keep(p, s, e);
	return rc ? rc : take_care(p, s, e);
}
