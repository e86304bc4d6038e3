/* Configured repositories. */
#include "catalog/place.h"

#include "base/mem.h"
#include "base/path.h"
#include "catalog/db.h"
#include "catalog/field.h"
#include "catalog/name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "repository"
#define NAMES "SELECT name FROM place"
#define COLUMNS \
	"id, name, location, password, is_default, repository_id, low_space, scanned, checked, check_failed, bytes, bytes_free, created, changed, remembered"

void place_record_release(struct place_record *p)
{
	free(p->name);
	free(p->location);
	secret_release(&p->password);
	free(p->repository_id);
	*p = (struct place_record){0};
}

void place_list_release(struct place_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		place_record_release(&l->v[i]);
	free(l->v);
	*l = (struct place_list){0};
}

/* What the password is sealed for. */
static void put_about(int64_t id, char out[48])
{
	snprintf(out, 48, "place %lld password", (long long)id);
}

/* ---- reading ---- */

static int read_row(const struct db_row *q, void *record, struct error *e)
{
	struct place_record *out = record;
	char about[48];

	*out = (struct place_record){
		.id = db_i64(q, 0),
		.name = db_dup(q, 1),
		.location = db_dup(q, 2),
		.is_default = db_bool(q, 4),
		.repository_id = db_dup(q, 5),
		.low_space = db_u64(q, 6),
		.scanned = db_time(q, 7),
		.checked = db_time(q, 8),
		.check_failed = db_bool(q, 9),
		.bytes = db_u64(q, 10),
		.bytes_free = db_u64(q, 11),
		.created = db_time(q, 12),
		.changed = db_time(q, 13),
		.remembered = db_bool(q, 14),
	};
	put_about(out->id, about);
	int rc = db_secret(q, 3, about, &out->password, e);

	if (rc) {
		error_wrap(e, "the password of the repository %s", out->name);
		place_record_release(out);
	}
	return rc;
}

int place_get(struct catalog *c, int64_t id, struct place_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM place WHERE id = ?1", "i", id);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return error_set(e, ERR_NOT_FOUND, "there is no repository with the number %lld", (long long)id);
}

int place_find(struct catalog *c, const char *name, struct place_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM place WHERE name = ?1", "s", name);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return name_unknown(c, WHAT, NAMES, name, e);
}

int place_find_location(struct catalog *c, const char *location, struct place_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM place WHERE location = ?1", "s", location);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return error_set(e, ERR_NOT_FOUND, "no repository is configured for %s", location);
}

int place_default(struct catalog *c, struct place_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM place WHERE is_default", "");

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return error_set(e, ERR_NOT_FOUND, "no repository is the default one");
}

int place_list_all(struct catalog *c, struct place_list *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM place ORDER BY name", "");

	rc = db_all(&q, rc, read_row, out, sizeof *out->v, e);
	if (rc)
		place_list_release(out);
	return rc;
}

/* ---- checking ---- */

/* Another one of that name or at that location. */
static int check_free(struct catalog *c, const struct place_record *p, struct error *e)
{
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *location = NULL;
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT name, location FROM place WHERE id != ?1 AND (name = ?2 OR location = ?3) LIMIT 1", "iss", p->id, p->name,
			  p->location);

	if (!rc && db_next(&q, &rc, e)) {
		name = db_dup(&q, 0);
		location = db_dup(&q, 1);
	}
	db_done(&q);
	if (rc || !name)
		return rc;
	bool same_name = !strcmp(name, p->name);

	if (same_name)
		error_set(e, ERR_EXISTS, "there is a repository named \"%s\" already, at %s", name, location);
	else
		error_set(e, ERR_EXISTS, "%s is configured already, as \"%s\"", location, name);
	return error_field(e, same_name ? "name" : "location");
}

static int check_record(struct catalog *c, const struct place_record *p, struct error *e)
{
	int rc = name_check(WHAT, p->name, e);

	if (!rc && (!p->location || !*p->location))
		rc = error_set(e, ERR_USAGE, "the repository %s has no location", p->name);
	if (!rc && p->location[0] != '/' && !strchr(p->location, ':')) {
		error_set(e, ERR_USAGE, "%s is not a whole path", p->location);
		error_hint(e, "a repository's folder is written from its beginning, like /var/backups/backstay");
		rc = error_field(e, "location");
	}
	return rc ? rc : check_free(c, p, e);
}

/* ---- writing ---- */

static int store_password(struct catalog *c, const struct place_record *p, struct error *e)
{
	char about[48];

	put_about(p->id, about);
	return db_run(c, e, "UPDATE place SET password = ?2 WHERE id = ?1", "iS", p->id, &p->password, about);
}

static int no_other_default(struct catalog *c, const struct place_record *p, struct error *e)
{
	return p->is_default ? db_run(c, e, "UPDATE place SET is_default = 0 WHERE id != ?1", "i", p->id) : 0;
}

static int insert(struct catalog *c, struct place_record *p, struct error *e)
{
	p->created = p->changed = time_now();
	int rc = db_run(c, e, "INSERT INTO place (name, location, is_default, remembered, repository_id, low_space, created, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)",
			"ssiisut", p->name, p->location, (int64_t)p->is_default, (int64_t)p->remembered, p->repository_id, p->low_space, p->created);

	if (rc)
		return rc;
	p->id = db_last_id(c);
	rc = no_other_default(c, p, e);
	return rc ? rc : store_password(c, p, e);
}

static int follow_name(struct catalog *c, const char *before, const char *now, struct error *e)
{
	int rc = db_run(c, e, "UPDATE source SET repository = ?2 WHERE repository = ?1", "ss", before, now);

	return rc ? rc : db_run(c, e, "UPDATE schedule SET repository = ?2 WHERE repository = ?1", "ss", before, now);
}

static int update(struct catalog *c, struct place_record *p, const struct place_record *before, struct error *e)
{
	if (before->is_default && !p->is_default) {
		error_set(e, ERR_REFUSED, "%s is the default repository", before->name);
		return error_hint_typed(e, "make another one the default instead",
					": backstay repository default NAME");
	}
	p->changed = time_now();
	p->remembered = false;
	int rc = db_run(c, e, "UPDATE place SET name = ?2, location = ?3, is_default = ?4, low_space = ?5, changed = ?6, remembered = 0 WHERE id = ?1", "issiut", p->id,
			p->name, p->location, (int64_t)p->is_default, p->low_space, p->changed);

	if (!rc)
		rc = no_other_default(c, p, e);
	if (!rc)
		rc = store_password(c, p, e);
	if (!rc && strcmp(before->name, p->name) != 0)
		rc = follow_name(c, before->name, p->name, e);
	return rc;
}

/* The id of the one that is remembered there; 0: none. */
static int find_remembered(struct catalog *c, const char *location, int64_t *id, struct error *e)
{
	return db_number(c, id, e, "SELECT id FROM place WHERE location = ?1 AND remembered", "s", location);
}

static int insert_or_take_over(struct catalog *c, struct place_record *p, struct error *e)
{
	CLEANUP(place_record_release) struct place_record before = {0};

	if (!p->id)
		return insert(c, p, e);
	int rc = place_get(c, p->id, &before, e);

	p->created = before.created;
	return rc ? rc : update(c, p, &before, e);
}

int place_add(struct catalog *c, struct place_record *p, struct error *e)
{
	int64_t defaults = 0;
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	p->id = 0;
	rc = p->location ? find_remembered(c, p->location, &p->id, e) : 0;
	if (!rc)
		rc = check_record(c, p, e);
	if (!rc)
		rc = db_number(c, &defaults, e, "SELECT count(*) FROM place WHERE is_default", "");
	p->is_default = p->is_default || !defaults;
	if (!rc)
		rc = insert_or_take_over(c, p, e);
	return catalog_end(c, rc, e);
}

struct taking {
	struct catalog *c;
	int rc;
	struct error *e;
};

static bool is_taken(void *ctx, const char *name)
{
	struct taking *t = ctx;
	int64_t n = 0;

	if (!t->rc)
		t->rc = db_number(t->c, &n, t->e, "SELECT count(*) FROM place WHERE name = ?1", "s", name);
	return n;
}

/* The name is made from the last folder. */
static int add_remembered(struct catalog *c, const char *location, struct place_record *out, struct error *e)
{
	struct taking t = {.c = c, .e = e};

	*out = (struct place_record){.name = name_from(path_base(location), is_taken, &t), .location = mem_string(location), .remembered = true};
	int rc = t.rc ? t.rc : insert(c, out, e);

	if (rc)
		place_record_release(out);
	return rc;
}

int place_remember(struct catalog *c, const char *location, struct place_record *out, struct error *e)
{
	int rc = place_find_location(c, location, out, e);

	if (rc != -ERR_NOT_FOUND)
		return rc;
	error_clear(e);
	rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = place_find_location(c, location, out, e);
	if (rc == -ERR_NOT_FOUND) {
		error_clear(e);
		rc = add_remembered(c, location, out, e);
	}
	return catalog_end(c, rc, e);
}

int place_update(struct catalog *c, struct place_record *p, struct error *e)
{
	CLEANUP(place_record_release) struct place_record before = {0};
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	rc = place_get(c, p->id, &before, e);
	if (!rc)
		rc = check_record(c, p, e);
	if (!rc)
		rc = update(c, p, &before, e);
	return catalog_end(c, rc, e);
}

int place_found(struct catalog *c, const struct place_record *p, struct error *e)
{
	return db_run(c, e,
		      "UPDATE place SET repository_id = ?2, scanned = ?3, checked = ?4, check_failed = ?5, bytes = ?6, bytes_free = ?7 WHERE id = ?1",
		      "isttiuu", p->id, p->repository_id, p->scanned, p->checked, (int64_t)p->check_failed, p->bytes, p->bytes_free);
}

static int in_use(const char *what, const char *user, const char *name, struct error *e)
{
	error_set(e, ERR_REFUSED, "the repository %s is in use: the %s %s names it", name, what, user);
	return error_hint(e, "give the %s another repository first", what);
}

static int check_unused(struct catalog *c, const struct place_record *p, struct error *e)
{
	AUTO_FREE char *what = NULL;
	AUTO_FREE char *user = NULL;
	int64_t all = 0;
	struct db_row q;
	int rc = db_query(c, &q, e,
			  "SELECT 'source', name FROM source WHERE repository = ?1 UNION ALL SELECT 'schedule', name FROM schedule WHERE repository = ?1 LIMIT 1",
			  "s", p->name);

	if (!rc && db_next(&q, &rc, e)) {
		what = db_dup(&q, 0);
		user = db_dup(&q, 1);
	}
	db_done(&q);
	if (rc)
		return rc;
	if (what)
		return in_use(what, user, p->name, e);
	rc = p->is_default ? db_number(c, &all, e, "SELECT count(*) FROM place", "") : 0;
	if (rc || all <= 1)
		return rc;
	error_set(e, ERR_REFUSED, "%s is the default repository", p->name);
	return error_hint_typed(e, "make another one the default first", ": backstay repository default NAME");
}

int place_remove(struct catalog *c, int64_t id, struct error *e)
{
	CLEANUP(place_record_release) struct place_record p = {0};
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	rc = place_get(c, id, &p, e);
	if (!rc)
		rc = check_unused(c, &p, e);
	if (!rc)
		rc = db_run(c, e, "DELETE FROM place WHERE id = ?1", "i", id);
	return catalog_end(c, rc, e);
}

/* ---- JSON ---- */

#define AT(member) offsetof(struct place_record, member)
static const struct field fields[] = {
	{"id", FIELD_I64, AT(id), FIELD_OUT},
	{"name", FIELD_TEXT, AT(name), .max = NAME_LEN},
	{"location", FIELD_TEXT, AT(location)},
	{"password", FIELD_SECRET, AT(password), FIELD_IN},
	{"password_known", FIELD_BOOL, 0, FIELD_COMPUTED},
	{"is_default", FIELD_BOOL, AT(is_default)},
	{"remembered", FIELD_BOOL, AT(remembered), FIELD_OUT},
	{"repository_id", FIELD_TEXT, AT(repository_id), FIELD_OUT},
	{"low_space", FIELD_U64, AT(low_space), .max = INT64_MAX},
	{"scanned", FIELD_TIME, AT(scanned), FIELD_OUT},
	{"checked", FIELD_TIME, AT(checked), FIELD_OUT},
	{"check_failed", FIELD_BOOL, AT(check_failed), FIELD_OUT},
	{"bytes", FIELD_U64, AT(bytes), FIELD_OUT},
	{"bytes_free", FIELD_U64, AT(bytes_free), FIELD_OUT},
	{"created", FIELD_TIME, AT(created), FIELD_OUT},
	{"changed", FIELD_TIME, AT(changed), FIELD_OUT},
	{0},
};

void place_json(const struct place_record *p, struct json_out *w)
{
	jw_object(w);
	field_write(fields, p, w);
	jw_kv_bool(w, "password_known", p->password.len > 0);
	jw_object_end(w);
}

int place_from_json(struct place_record *p, struct json *j, struct error *e)
{
	return field_read_all(fields, WHAT, p, j, e);
}
