/* Configured sources. */
#include "catalog/source.h"

#include "base/mem.h"
#include "base/words.h"
#include "catalog/db.h"
#include "catalog/field.h"
#include "catalog/name.h"
#include "catalog/place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "source"
#define NAMES "SELECT name FROM source"
#define COLUMNS \
	"id, name, url, shown, engine, include, exclude, include_logs, one_file_system, \"check\", before, after, " \
	"optimize_first, restore_protected, overdue_hours, repository, notes, created, changed"

void source_record_release(struct source_record *s)
{
	free(s->name);
	if (s->url)
		secret_wipe(s->url, strlen(s->url));
	free(s->url);
	free(s->shown);
	free(s->engine);
	strlist_release(&s->include);
	strlist_release(&s->exclude);
	free(s->check);
	free(s->before);
	free(s->after);
	free(s->repository);
	free(s->notes);
	*s = (struct source_record){0};
}

void source_list_release(struct source_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		source_record_release(&l->v[i]);
	free(l->v);
	*l = (struct source_list){0};
}

/* What the URL is sealed for. */
static void put_about(int64_t id, char out[48])
{
	snprintf(out, 48, "source %lld url", (long long)id);
}

/* ---- reading ---- */

static int read_url(const struct db_row *q, struct source_record *s, struct error *e)
{
	CLEANUP(secret_release) struct secret url = {0};
	char about[48];

	put_about(s->id, about);
	int rc = db_secret(q, 2, about, &url, e);

	if (rc)
		return error_wrap(e, "the URL of the source %s", s->name);
	s->url = mem_string_n((const char *)url.p, url.len);
	return 0;
}

static int read_row(const struct db_row *q, void *record, struct error *e)
{
	struct source_record *out = record;
	*out = (struct source_record){
		.id = db_i64(q, 0),
		.name = db_dup(q, 1),
		.shown = db_dup(q, 3),
		.engine = db_dup(q, 4),
		.include_logs = db_bool(q, 7),
		.one_file_system = db_bool(q, 8),
		.check = db_dup(q, 9),
		.before = db_dup(q, 10),
		.after = db_dup(q, 11),
		.optimize_first = db_bool(q, 12),
		.restore_protected = db_bool(q, 13),
		.overdue_hours = db_u64(q, 14),
		.repository = db_dup(q, 15),
		.notes = db_dup(q, 16),
		.created = db_time(q, 17),
		.changed = db_time(q, 18),
	};
	db_list(q, 5, &out->include);
	db_list(q, 6, &out->exclude);
	int rc = read_url(q, out, e);

	if (rc)
		source_record_release(out);
	return rc;
}

int source_get(struct catalog *c, int64_t id, struct source_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM source WHERE id = ?1", "i", id);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return error_set(e, ERR_NOT_FOUND, "there is no source with the number %lld", (long long)id);
}

int source_find(struct catalog *c, const char *name, struct source_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM source WHERE name = ?1", "s", name);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return name_unknown(c, WHAT, NAMES, name, e);
}

int source_find_shown(struct catalog *c, const char *shown, struct source_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM source WHERE shown = ?1 ORDER BY name LIMIT 1", "s", shown);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return error_set(e, ERR_NOT_FOUND, "no source is configured for %s", shown);
}

int source_list_all(struct catalog *c, struct source_list *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM source ORDER BY name", "");

	rc = db_all(&q, rc, read_row, out, sizeof *out->v, e);
	if (rc)
		source_list_release(out);
	return rc;
}

/* ---- checking ---- */

static int check_hook(const char *which, const char *command, struct error *e)
{
	CLEANUP(strlist_release) struct strlist words = {0};

	if (!command || !words_split(command, &words, e))
		return 0;
	return error_wrap(e, "the command \"%s\" of a source", which);
}

static int check_repository(struct catalog *c, const char *name, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};

	return name ? place_find(c, name, &p, e) : 0;
}

static int check_record(struct catalog *c, const struct source_record *s, struct error *e)
{
	int rc = name_check(WHAT, s->name, e);

	if (!rc && (!s->url || !*s->url || !s->shown || !s->engine))
		rc = error_set(e, ERR_USAGE, "the source %s has no URL", s->name);
	if (!rc)
		rc = check_hook("before", s->before, e);
	if (!rc)
		rc = check_hook("after", s->after, e);
	return rc ? rc : check_repository(c, s->repository, e);
}

/* ---- writing ---- */

static int store_url(struct catalog *c, const struct source_record *s, struct error *e)
{
	CLEANUP(secret_release) struct secret url = {0};
	char about[48];

	put_about(s->id, about);
	secret_set(&url, s->url, strlen(s->url));
	return db_run(c, e, "UPDATE source SET url = ?2 WHERE id = ?1", "iS", s->id, &url, about);
}

static int name_taken(int rc, const struct source_record *s, struct error *e)
{
	if (rc != -ERR_EXISTS)
		return rc;
	error_set(e, ERR_EXISTS, "there is a source named \"%s\" already", s->name);
	return error_field(e, "name");
}

static int insert(struct catalog *c, struct source_record *s, struct error *e)
{
	int rc = db_run(c, e,
			"INSERT INTO source (name, url, shown, engine, include, exclude, include_logs, one_file_system, \"check\", before, after, "
			"optimize_first, restore_protected, overdue_hours, repository, notes, created, changed) "
			"VALUES (?1, '', ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?16)",
			"ssslliisssiiusst", s->name, s->shown, s->engine, &s->include, &s->exclude, (int64_t)s->include_logs,
			(int64_t)s->one_file_system, s->check ? s->check : "auto", s->before, s->after, (int64_t)s->optimize_first,
			(int64_t)s->restore_protected, s->overdue_hours, s->repository, s->notes, s->created);

	if (rc)
		return name_taken(rc, s, e);
	s->id = db_last_id(c);
	return store_url(c, s, e);
}

int source_add(struct catalog *c, struct source_record *s, struct error *e)
{
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	s->created = s->changed = time_now();
	rc = check_record(c, s, e);
	if (!rc)
		rc = insert(c, s, e);
	return catalog_end(c, rc, e);
}

/* Whatever names it goes with it. */
static int follow_name(struct catalog *c, const char *before, const char *now, struct error *e)
{
	int rc = db_run(c, e,
			"UPDATE schedule SET sources = (SELECT json_group_array(CASE value WHEN ?1 THEN ?2 ELSE value END) FROM json_each(sources)) "
			"WHERE EXISTS (SELECT 1 FROM json_each(sources) WHERE value = ?1)",
			"ss", before, now);

	if (!rc)
		rc = db_run(c, e,
			    "UPDATE notice SET sources = (SELECT json_group_array(CASE value WHEN ?1 THEN ?2 ELSE value END) FROM json_each(sources)) "
			    "WHERE EXISTS (SELECT 1 FROM json_each(sources) WHERE value = ?1)",
			    "ss", before, now);
	return rc;
}

static int update(struct catalog *c, const struct source_record *s, struct error *e)
{
	int rc = db_run(c, e,
			"UPDATE source SET name = ?2, shown = ?3, engine = ?4, include = ?5, exclude = ?6, include_logs = ?7, one_file_system = ?8, "
			"\"check\" = ?9, before = ?10, after = ?11, optimize_first = ?12, restore_protected = ?13, overdue_hours = ?14, "
			"repository = ?15, notes = ?16, changed = ?17 WHERE id = ?1",
			"isssllii"
			"sssiiusst", s->id, s->name, s->shown, s->engine, &s->include, &s->exclude, (int64_t)s->include_logs,
			(int64_t)s->one_file_system, s->check ? s->check : "auto", s->before, s->after, (int64_t)s->optimize_first,
			(int64_t)s->restore_protected, s->overdue_hours, s->repository, s->notes, s->changed);

	return rc ? name_taken(rc, s, e) : store_url(c, s, e);
}

int source_update(struct catalog *c, struct source_record *s, struct error *e)
{
	CLEANUP(source_record_release) struct source_record before = {0};
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	s->changed = time_now();
	rc = source_get(c, s->id, &before, e);
	if (!rc)
		rc = check_record(c, s, e);
	if (!rc)
		rc = update(c, s, e);
	if (!rc && strcmp(before.name, s->name) != 0)
		rc = follow_name(c, before.name, s->name, e);
	return catalog_end(c, rc, e);
}

static int check_unused(struct catalog *c, const char *name, struct error *e)
{
	AUTO_FREE char *schedule = NULL;
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT schedule.name FROM schedule, json_each(schedule.sources) WHERE json_each.value = ?1 LIMIT 1", "s", name);

	if (!rc && db_next(&q, &rc, e))
		schedule = db_dup(&q, 0);
	db_done(&q);
	if (rc || !schedule)
		return rc;
	error_set(e, ERR_REFUSED, "the source %s is in use: the schedule %s names it", name, schedule);
	return error_hint(e, "take it out of the schedule first");
}

int source_remove(struct catalog *c, int64_t id, struct error *e)
{
	CLEANUP(source_record_release) struct source_record s = {0};
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	rc = source_get(c, id, &s, e);
	if (!rc)
		rc = check_unused(c, s.name, e);
	if (!rc)
		rc = db_run(c, e, "DELETE FROM source WHERE id = ?1", "i", id);
	return catalog_end(c, rc, e);
}

/* ---- JSON ---- */

#define AT(member) offsetof(struct source_record, member)
static const struct field fields[] = {
	{"id", FIELD_I64, AT(id), FIELD_OUT},
	{"name", FIELD_TEXT, AT(name), .max = NAME_LEN},
	{"url", FIELD_TEXT, AT(shown), FIELD_OUT},
	{"url", FIELD_TEXT, AT(url), FIELD_IN},
	{"url_secret", FIELD_BOOL, 0, FIELD_COMPUTED},
	{"engine", FIELD_TEXT, AT(engine), FIELD_OUT},
	{"include", FIELD_LIST, AT(include)},
	{"exclude", FIELD_LIST, AT(exclude)},
	{"include_logs", FIELD_BOOL, AT(include_logs)},
	{"one_file_system", FIELD_BOOL, AT(one_file_system)},
	{"check", FIELD_TEXT, AT(check), .choices = "auto|full|none"},
	{"before", FIELD_TEXT, AT(before)},
	{"after", FIELD_TEXT, AT(after)},
	{"optimize_first", FIELD_BOOL, AT(optimize_first)},
	{"restore_protected", FIELD_BOOL, AT(restore_protected)},
	{"overdue_hours", FIELD_U64, AT(overdue_hours), .max = 87600},
	{"repository", FIELD_TEXT, AT(repository), .max = NAME_LEN},
	{"notes", FIELD_TEXT, AT(notes)},
	{"created", FIELD_TIME, AT(created), FIELD_OUT},
	{"changed", FIELD_TIME, AT(changed), FIELD_OUT},
	{0},
};

void source_json(const struct source_record *s, struct json_out *w)
{
	jw_object(w);
	field_write(fields, s, w);
	jw_kv_bool(w, "url_secret", s->url && s->shown && strcmp(s->url, s->shown) != 0);
	jw_object_end(w);
}

int source_from_json(struct source_record *s, struct json *j, struct error *e)
{
	AUTO_FREE char *before = s->url ? mem_string(s->url) : NULL;
	int rc = field_read_all(fields, WHAT, s, j, e);

	/* What is shown may come back without the password that it never had. */
	if (!rc && before && s->url && s->shown && !strcmp(s->url, s->shown)) {
		free(s->url);
		s->url = TAKE(before);
	}
	return rc;
}
