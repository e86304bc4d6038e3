/* Schedules: what they mean, whether that is possible, and their JSON. */
#include "catalog/schedule_inner.h"

#include "base/mem.h"
#include "catalog/field.h"
#include "catalog/name.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WHAT "schedule"
#define YEAR ((uint64_t)366 * 86400)

static const char *const actions[] = {"backup", "verify", "optimize", "check-tables", "cleanup", "export", "check"};
static const char *const kinds[] = {"daily", "weekly", "monthly", "cron"};

const char *schedule_action_name(enum schedule_action a)
{
	return actions[a];
}

const char *schedule_kind_name(enum schedule_kind k)
{
	return kinds[k];
}

static int index_of(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; name && i < n; i++)
		if (!strcmp(names[i], name))
			return (int)i;
	return -1;
}

bool schedule_action_parse(const char *text, enum schedule_action *out)
{
	int i = index_of(actions, ARRAY_LEN(actions), text);

	*out = i < 0 ? ACTION_BACKUP : (enum schedule_action)i;
	return i >= 0;
}

bool schedule_time_parse(const char *text, int *hour, int *minute)
{
	int n = 0;

	return isdigit((unsigned char)text[0]) && sscanf(text, "%2d:%2d%n", hour, minute, &n) == 2 && !text[n] &&
	       isdigit((unsigned char)text[n - 1]) && text[n - 3] == ':' && *hour <= 23 && *minute >= 0 &&
	       *minute <= 59;
}

int schedule_weekday_parse(const char *text)
{
	size_t n = strlen(text);

	for (int i = 0; i < 7; i++)
		if ((n == 3 || n == strlen(cron_weekday_name(i))) && !strncasecmp(cron_weekday_name(i), text, n))
			return i;
	return -1;
}

bool schedule_keeps(const struct schedule_keep *k)
{
	return k->days || k->max_backups || k->last || k->hourly || k->daily || k->weekly || k->monthly || k->yearly;
}

/* ---- what it means ---- */

int schedule_cron(const struct schedule_record *s, struct cron *out, struct error *e)
{
	if (s->kind == SCHEDULE_CRON)
		return cron_parse(s->cron ? s->cron : "", out, e);
	*out = cron_daily(s->hour, s->minute);
	if (s->kind == SCHEDULE_WEEKLY)
		out->weekday = (uint64_t)1 << s->weekday;
	if (s->kind == SCHEDULE_MONTHLY) {
		out->day = (uint64_t)1 << s->day;
		out->last_day = true;
	}
	return 0;
}

bool schedule_kind_parse(const char *text, enum schedule_kind *out)
{
	int i = index_of(kinds, ARRAY_LEN(kinds), text);

	*out = i < 0 ? SCHEDULE_DAILY : (enum schedule_kind)i;
	return i >= 0;
}

char *schedule_words(const struct schedule_record *s)
{
	struct error ignored = {0};
	struct cron c;

	return schedule_cron(s, &c, &ignored) ? mem_string(s->cron) : cron_words(&c);
}

/* ---- whether it is possible ---- */

int schedule_check_ranges(const struct schedule_record *s, struct error *e)
{
	if (s->hour < 0 || s->hour > 23 || s->minute < 0 || s->minute > 59)
		return error_set(e, ERR_USAGE, "%02d:%02d is no time of day", s->hour, s->minute);
	if (s->weekday < 0 || s->weekday > 6)
		return error_set(e, ERR_USAGE, "%d is no day of the week: they are 0 (Sunday) to 6", s->weekday);
	if (s->day < 1 || s->day > 31)
		return error_set(e, ERR_USAGE, "%d is no day of a month", s->day);
	if (s->retries < 0 || s->retries > SCHEDULE_RETRIES_MAX)
		return error_set(e, ERR_USAGE, "a job is tried again %d times at most, not %d", SCHEDULE_RETRIES_MAX,
				 s->retries);
	if (s->jitter > SCHEDULE_JITTER_MAX)
		return error_set(e, ERR_USAGE, "the jitter cannot be more than a day");
	if (s->retry_wait > YEAR || s->time_limit > YEAR)
		return error_set(e, ERR_USAGE, "no wait and no time limit can be more than a year");
	if (s->verify_level < 0 || s->verify_level > 4)
		return error_set(e, ERR_USAGE, "there is no verification level %d: they are 1 to 4", s->verify_level);
	return 0;
}

static int check_times(const struct schedule_record *s, struct error *e)
{
	const struct zone *zone;
	struct cron c;
	int rc = schedule_cron(s, &c, e);

	if (rc)
		return error_field(e, "cron");
	if (zone_load(s->zone, &zone, e))
		return error_field(e, "zone");
	if (cron_next(&c, zone, 0) != INT64_MAX)
		return 0;
	error_set(e, ERR_USAGE, "\"%s\" never comes: there is no such day", s->cron);
	return error_field(e, "cron");
}

static int check_action(const struct schedule_record *s, struct error *e)
{
	if (s->action != ACTION_EXPORT)
		return 0;
	if (s->export_format && s->export_dir && s->export_dir[0] == '/')
		return 0;
	if (!s->export_format || !s->export_dir)
		error_set(e, ERR_USAGE, "an export needs a format and a folder");
	else
		error_set(e, ERR_USAGE, "the folder of exports must be a whole path, not \"%s\"", s->export_dir);
	return error_field(e, s->export_format ? "export_dir" : "export_format");
}

int schedule_check(const struct schedule_record *s, struct error *e)
{
	int rc = name_check(WHAT, s->name ? s->name : "", e);

	if (!rc)
		rc = schedule_check_ranges(s, e);
	if (!rc)
		rc = check_times(s, e);
	return rc ? rc : check_action(s, e);
}

/* ---- JSON ---- */

/* A record, and those of its fields that are words in JSON. */
struct shown {
	struct schedule_record s;
	char *action, *kind, *time, *weekday;
};

static void shown_release(struct shown *v)
{
	free(v->action);
	free(v->kind);
	free(v->time);
	free(v->weekday);
}

#define AT(member) offsetof(struct shown, member)
#define WEEKDAY_CHOICES "sunday|monday|tuesday|wednesday|thursday|friday|saturday"
static const struct field fields[] = {
	{"id", FIELD_I64, AT(s.id), FIELD_OUT},
	{"name", FIELD_TEXT, AT(s.name), .max = NAME_LEN},
	{"enabled", FIELD_BOOL, AT(s.enabled)},
	{"action", FIELD_TEXT, AT(action), .choices = SCHEDULE_ACTION_CHOICES},
	{"sources", FIELD_LIST, AT(s.sources), .max = NAME_LEN},
	{"repository", FIELD_TEXT, AT(s.repository), .max = NAME_LEN},
	{"kind", FIELD_TEXT, AT(kind), .choices = "daily|weekly|monthly|cron"},
	{"time", FIELD_TEXT, AT(time), .max = 5},
	{"weekday", FIELD_TEXT, AT(weekday), .choices = WEEKDAY_CHOICES},
	{"day", FIELD_INT, AT(s.day), .max = 31},
	{"cron", FIELD_TEXT, AT(s.cron)},
	{"zone", FIELD_TEXT, AT(s.zone)},
	{"when", FIELD_TEXT, 0, FIELD_COMPUTED},
	{"jitter", FIELD_U64, AT(s.jitter), .max = SCHEDULE_JITTER_MAX},
	{"catch_up", FIELD_BOOL, AT(s.catch_up)},
	{"retries", FIELD_INT, AT(s.retries), .max = SCHEDULE_RETRIES_MAX},
	{"retry_wait", FIELD_U64, AT(s.retry_wait), .max = YEAR},
	{"time_limit", FIELD_U64, AT(s.time_limit), .max = YEAR},
	{"keep", FIELD_TEXT, 0, FIELD_COMPUTED},
	{"verify_level", FIELD_INT, AT(s.verify_level), .max = 4},
	{"export_format", FIELD_TEXT, AT(s.export_format), .choices = EXPORT_FORMAT_CHOICES},
	{"export_dir", FIELD_TEXT, AT(s.export_dir)},
	{"next_run", FIELD_TIME, AT(s.next_run), FIELD_OUT},
	{"last_run", FIELD_TIME, AT(s.last_run), FIELD_OUT},
	{"last_job", FIELD_TEXT, 0, FIELD_COMPUTED},
	{"created", FIELD_TIME, AT(s.created), FIELD_OUT},
	{"changed", FIELD_TIME, AT(s.changed), FIELD_OUT},
	{0},
};

#define KEEP(member) {#member, FIELD_U64, offsetof(struct schedule_keep, member), .max = INT32_MAX}
static const struct field keep_fields[] = {
	KEEP(days),   KEEP(max_backups), KEEP(last),   KEEP(hourly), KEEP(daily),
	KEEP(weekly), KEEP(monthly),     KEEP(yearly), {0},
};

void schedule_keep_json(const struct schedule_keep *k, struct json_out *w)
{
	jw_object(w);
	field_write(keep_fields, k, w);
	jw_object_end(w);
}

static int keep_from_json(struct schedule_keep *k, struct json *j, struct error *e)
{
	return field_read_all(keep_fields, "schedule's keep", k, j, e);
}

int schedule_keep_parse(const char *text, struct schedule_keep *out, struct error *e)
{
	struct json j;

	*out = (struct schedule_keep){0};
	json_init(&j, text, strlen(text));
	int rc = keep_from_json(out, &j, e);

	if (!rc)
		return json_finish(&j, e);
	json_release(&j);
	return rc;
}

static char *lower(const char *text)
{
	char *out = mem_string(text);

	for (char *p = out; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return out;
}

static struct shown shown_of(const struct schedule_record *s)
{
	return (struct shown){
		.s = *s,
		.action = mem_string(actions[s->action]),
		.kind = mem_string(kinds[s->kind]),
		.time = mem_printf("%02d:%02d", s->hour, s->minute),
		.weekday = lower(cron_weekday_name(s->weekday)),
	};
}

void schedule_json(const struct schedule_record *s, struct json_out *w)
{
	CLEANUP(shown_release) struct shown v = shown_of(s);
	AUTO_FREE char *when = schedule_words(s);

	jw_object(w);
	field_write(fields, &v, w);
	jw_kv_string(w, "when", when);
	jw_name(w, "keep");
	schedule_keep_json(&s->keep, w);
	jw_kv_string(w, "last_job", s->last_job[0] ? s->last_job : NULL);
	jw_object_end(w);
}

/* The words back into the record; one that was emptied stays as it was. */
static int take_words(struct shown *v, struct error *e)
{
	if (v->action)
		(void)schedule_action_parse(v->action, &v->s.action);
	if (v->kind)
		(void)schedule_kind_parse(v->kind, &v->s.kind);
	if (v->weekday)
		v->s.weekday = schedule_weekday_parse(v->weekday);
	if (v->time && !schedule_time_parse(v->time, &v->s.hour, &v->s.minute))
		return error_set(e, ERR_USAGE,
				 "the field \"time\" of a " WHAT " must be a time of day such as 02:00, not \"%s\"",
				 v->time);
	return 0;
}

static int read_keep(struct schedule_record *s, struct json *j, struct error *e)
{
	if (!s->id)
		s->keep = (struct schedule_keep){0};
	return keep_from_json(&s->keep, j, e);
}

int schedule_from_json(struct schedule_record *s, struct json *j, struct error *e)
{
	CLEANUP(shown_release) struct shown v = shown_of(s);
	int rc = json_peek(j) == JSON_OBJECT ? 0 : error_set(e, ERR_USAGE, "a " WHAT " must be a JSON object");

	if (rc)
		return rc;
	json_object_begin(j);
	while (!rc && json_member(j))
		rc = json_name_is(j, "keep") ? read_keep(&v.s, j, e) : field_read(fields, WHAT, &v, j, e);
	if (!rc && json_failed(j))
		rc = error_set(e, ERR_USAGE, "a " WHAT ": invalid JSON: %s", j->failed);
	if (!rc)
		rc = take_words(&v, e);
	*s = v.s;
	return rc;
}
