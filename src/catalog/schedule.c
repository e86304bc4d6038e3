/* Schedules in the catalog. */
#include "catalog/schedule_inner.h"

#include "base/mem.h"
#include "catalog/db.h"
#include "catalog/name.h"
#include "catalog/place.h"
#include "catalog/setting_inner.h"
#include "catalog/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "schedule"
#define COLUMNS                                                                                                        \
	"id, name, enabled, action, sources, repository, kind, hour, minute, weekday, day, cron, zone, jitter, "       \
	"catch_up, retries, retry_wait, "                                                                              \
	"time_limit, verify_level, export_format, export_dir, next_run, last_run, last_job, created, changed, keep"

struct schedule_record schedule_record_new(void)
{
	return (struct schedule_record){.enabled = true, .hour = 2, .day = 1, .catch_up = true, .retry_wait = 300};
}

void schedule_record_release(struct schedule_record *s)
{
	free(s->name);
	strlist_release(&s->sources);
	free(s->repository);
	free(s->cron);
	free(s->zone);
	free(s->export_format);
	free(s->export_dir);
	*s = (struct schedule_record){0};
}

void schedule_list_release(struct schedule_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		schedule_record_release(&l->v[i]);
	free(l->v);
	*l = (struct schedule_list){0};
}

/* Where backups are only counted, age removes none: nobody has said a number of days, and the number of backups is said by the name that means just that. */
static int only_counted(struct catalog *c, bool *out, struct error *e)
{
	CLEANUP(setting_source_release) struct setting_source count = {0};
	AUTO_FREE char *days = NULL;
	enum setting_origin origin;
	int rc = setting_text(c, "retention_days", &days, &origin, e);

	if (!rc)
		rc = setting_given(setting_find("max_backups"), &count, e);
	*out = !rc && origin == SETTING_DEFAULT && count.variable && !strcmp(count.variable, "BACKUP_RETENTION_COUNT");
	return rc;
}

int schedule_usual_keep(struct catalog *c, struct schedule_keep *out, struct error *e)
{
	bool counted;

	*out = (struct schedule_keep){0};
	int rc = only_counted(c, &counted, e);

	if (!rc && !counted)
		rc = setting_number(c, "retention_days", &out->days, e);
	return rc ? rc : setting_number(c, "max_backups", &out->max_backups, e);
}

/* ---- reading ---- */

static int read_row(const struct db_row *q, void *record, struct error *e)
{
	struct schedule_record *out = record;
	*out = (struct schedule_record){
		.id = db_i64(q, 0),
		.name = db_dup(q, 1),
		.enabled = db_bool(q, 2),
		.repository = db_dup(q, 5),
		.hour = (int)db_i64(q, 7),
		.minute = (int)db_i64(q, 8),
		.weekday = (int)db_i64(q, 9),
		.day = (int)db_i64(q, 10),
		.cron = db_dup(q, 11),
		.zone = db_dup(q, 12),
		.jitter = db_u64(q, 13),
		.catch_up = db_bool(q, 14),
		.retries = (int)db_i64(q, 15),
		.retry_wait = db_u64(q, 16),
		.time_limit = db_u64(q, 17),
		.verify_level = (int)db_i64(q, 18),
		.export_format = db_dup(q, 19),
		.export_dir = db_dup(q, 20),
		.next_run = db_time(q, 21),
		.last_run = db_time(q, 22),
		.created = db_time(q, 24),
		.changed = db_time(q, 25),
	};
	db_list(q, 4, &out->sources);
	snprintf(out->last_job, sizeof out->last_job, "%s", db_text(q, 23));
	int rc = schedule_action_parse(db_text(q, 3), &out->action) && schedule_kind_parse(db_text(q, 6), &out->kind)
			 ? schedule_keep_parse(db_text(q, 26), &out->keep, e)
			 : error_set(e, ERR_CORRUPT,
				     "the catalog has an action or kind of its schedules that is unknown");
	if (!rc)
		rc = schedule_check_ranges(out, e);
	if (rc) {
		error_wrap(e, "the schedule %s in the catalog", out->name);
		schedule_record_release(out);
	}
	return rc;
}

int schedule_get(struct catalog *c, int64_t id, struct schedule_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM schedule WHERE id = ?1", "i", id);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return error_set(e, ERR_NOT_FOUND, "there is no schedule with the number %lld", (long long)id);
}

int schedule_find(struct catalog *c, const char *name, struct schedule_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e,
			  "SELECT " COLUMNS
			  " FROM schedule WHERE name = ?1 OR CAST(id AS TEXT) = ?1 ORDER BY name != ?1 LIMIT 1",
			  "s", name);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return name_unknown(c, WHAT, "SELECT name FROM schedule", name, e);
}

int schedule_list_all(struct catalog *c, struct schedule_list *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM schedule ORDER BY name", "");

	rc = db_all(&q, rc, read_row, out, sizeof *out->v, e);
	if (rc)
		schedule_list_release(out);
	return rc;
}

/* ---- writing ---- */

static int check_names(struct catalog *c, const struct schedule_record *s, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; !rc && i < s->sources.n; i++) {
		CLEANUP(source_record_release) struct source_record source = {0};

		rc = source_find(c, s->sources.v[i], &source, e);
	}
	if (!rc && s->repository) {
		CLEANUP(place_record_release) struct place_record place = {0};

		rc = place_find(c, s->repository, &place, e);
	}
	return rc;
}

/* As the catalog keeps it. */
static struct timespec now(void)
{
	struct timespec t = time_now();

	t.tv_nsec -= t.tv_nsec % 1000;
	return t;
}

static int write_all(struct catalog *c, const struct schedule_record *s, struct error *e)
{
	CLEANUP(buf_release) struct buf keep = BUF_INIT;
	struct json_out w;

	jw_init(&w, &keep);
	schedule_keep_json(&s->keep, &w);
	return db_run(c, e,
		      "UPDATE schedule SET enabled = ?2, action = ?3, sources = ?4, repository = ?5, kind = ?6, hour = "
		      "?7, minute = ?8, weekday = ?9, day = ?10, "
		      "cron = ?11, zone = ?12, jitter = ?13, catch_up = ?14, retries = ?15, retry_wait = ?16, "
		      "time_limit = ?17, keep = ?18, verify_level = ?19, "
		      "export_format = ?20, export_dir = ?21, changed = ?22 WHERE id = ?1",
		      "iislssiiiissuiiuusisst", s->id, (int64_t)s->enabled, schedule_action_name(s->action),
		      &s->sources, s->repository, schedule_kind_name(s->kind), (int64_t)s->hour, (int64_t)s->minute,
		      (int64_t)s->weekday, (int64_t)s->day, s->cron, s->zone, s->jitter, (int64_t)s->catch_up,
		      (int64_t)s->retries, s->retry_wait, s->time_limit, buf_text(&keep), (int64_t)s->verify_level,
		      s->export_format, s->export_dir, s->changed);
}

static int begin_anew(struct catalog *c, struct schedule_record *s, struct error *e)
{
	const struct zone *zone;
	struct cron cron;
	int rc = schedule_cron(s, &cron, e);

	if (!rc)
		rc = zone_load(s->zone, &zone, e);
	if (rc)
		return rc;
	s->next_run = (struct timespec){.tv_sec = s->enabled ? cron_next(&cron, zone, time_now().tv_sec) : 0};
	return db_run(c, e, "UPDATE schedule SET next_run = ?2 WHERE id = ?1", "it", s->id, s->next_run);
}

static int insert(struct catalog *c, struct schedule_record *s, struct error *e)
{
	int64_t taken = 0;
	int rc = db_number(c, &taken, e, "SELECT count(*) FROM schedule WHERE name = ?1", "s", s->name);

	if (!rc && taken) {
		error_set(e, ERR_EXISTS, "there is a schedule named \"%s\" already", s->name);
		rc = error_field(e, "name");
	}
	if (rc)
		return rc;
	s->created = s->changed = now();
	rc = db_run(c, e,
		    "INSERT INTO schedule (name, enabled, action, kind, created, changed) VALUES (?1, 0, 'backup', "
		    "'daily', ?2, ?2)",
		    "st", s->name, s->created);
	if (rc)
		return rc;
	s->id = db_last_id(c);
	rc = write_all(c, s, e);
	return rc ? rc : begin_anew(c, s, e);
}

int schedule_add(struct catalog *c, struct schedule_record *s, struct error *e)
{
	int rc = schedule_check(s, e);

	if (!rc)
		rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = check_names(c, s, e);
	if (!rc)
		rc = insert(c, s, e);
	return catalog_end(c, rc, e);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_times(const struct schedule_record *a, const struct schedule_record *b)
{
	return a->enabled == b->enabled && a->kind == b->kind && a->hour == b->hour && a->minute == b->minute &&
	       a->weekday == b->weekday && a->day == b->day && same_text(a->cron, b->cron) &&
	       same_text(a->zone, b->zone);
}

static int update(struct catalog *c, struct schedule_record *s, const struct schedule_record *before, struct error *e)
{
	if (strcmp(s->name, before->name) != 0) {
		error_set(e, ERR_REFUSED, "the schedule %s keeps its name: its backups are known by it", before->name);
		return error_hint(e, "make another schedule, and disable this one");
	}
	s->changed = now();
	int rc = write_all(c, s, e);

	return rc || same_times(s, before) ? rc : begin_anew(c, s, e);
}

int schedule_update(struct catalog *c, struct schedule_record *s, struct error *e)
{
	CLEANUP(schedule_record_release) struct schedule_record before = {0};
	int rc = schedule_check(s, e);

	if (!rc)
		rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = schedule_get(c, s->id, &before, e);
	if (!rc)
		rc = check_names(c, s, e);
	if (!rc)
		rc = update(c, s, &before, e);
	return catalog_end(c, rc, e);
}

int schedule_remove(struct catalog *c, int64_t id, struct error *e)
{
	int rc = db_run(c, e, "DELETE FROM schedule WHERE id = ?1", "i", id);

	if (rc || db_changed(c))
		return rc;
	return error_set(e, ERR_NOT_FOUND, "there is no schedule with the number %lld", (long long)id);
}

int schedule_ran(struct catalog *c, const struct schedule_record *s, struct error *e)
{
	return db_run(c, e, "UPDATE schedule SET next_run = ?2, last_run = ?3, last_job = ?4 WHERE id = ?1", "itts",
		      s->id, s->next_run, s->last_run, s->last_job);
}
