/* Notices. */
#include "catalog/notice.h"

#include "base/http.h"
#include "base/mem.h"
#include "catalog/db.h"
#include "catalog/field.h"
#include "catalog/name.h"
#include "catalog/notice_check.h"

#include <stdlib.h>
#include <string.h>

#define WHAT "notice"
#define NAMES "SELECT name FROM notice"
#define COLUMNS \
	"id, name, kind, enabled, events, sources, server, security, user, \"from\", password, \"to\", url, url_success, url_failure, format, template, signing, " \
	"created, changed"

static const char *const event_names[NOTICE_EVENTS] = {
	[NOTICE_SUCCESS] = "success",
	[NOTICE_FAILURE] = "failure",
	[NOTICE_MISSED] = "missed",
	[NOTICE_OVERDUE] = "overdue",
	[NOTICE_DRILL_FAILED] = "drill-failed",
	[NOTICE_LOW_SPACE] = "low-space",
	[NOTICE_START] = "start",
	[NOTICE_TEST] = "test",
};

const char *notice_event_name(enum notice_event n)
{
	return event_names[n];
}

bool notice_event_parse(const char *text, enum notice_event *out)
{
	for (enum notice_event n = 0; n < NOTICE_EVENTS; n++)
		if (!strcmp(text, event_names[n])) {
			*out = n;
			return true;
		}
	return false;
}

unsigned notice_usual_events(const char *kind)
{
	if (!strcmp(kind, "heartbeat"))
		return NOTICE_BIT(NOTICE_SUCCESS) | NOTICE_BIT(NOTICE_FAILURE);
	return NOTICE_BIT(NOTICE_FAILURE) | NOTICE_BIT(NOTICE_MISSED) | NOTICE_BIT(NOTICE_OVERDUE) | NOTICE_BIT(NOTICE_DRILL_FAILED) | NOTICE_BIT(NOTICE_LOW_SPACE);
}

void notice_record_release(struct notice_record *n)
{
	char **const texts[] = {&n->name, &n->kind, &n->server, &n->security, &n->user, &n->from, &n->format, &n->template_};
	char **const urls[] = {&n->url, &n->url_success, &n->url_failure};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(*texts[i]);
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		if (*urls[i])
			secret_wipe(*urls[i], strlen(*urls[i]));
		free(*urls[i]);
	}
	strlist_release(&n->sources);
	strlist_release(&n->to);
	secret_release(&n->password);
	secret_release(&n->signing);
	*n = (struct notice_record){0};
}

void notice_list_release(struct notice_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		notice_record_release(&l->v[i]);
	free(l->v);
	*l = (struct notice_list){0};
}

/* ---- what is sealed ---- */

/* Sealed for its column and this notice: names may change, numbers do not. */
static char *about(int64_t id, const char *column)
{
	return mem_printf("notice.%s %lld", column, (long long)id);
}

static int read_secret(const struct db_row *q, int column, int64_t id, const char *name, struct secret *out, struct error *e)
{
	AUTO_FREE char *sealed_for = about(id, name);

	return db_secret(q, column, sealed_for, out, e);
}

static int read_url(const struct db_row *q, int column, int64_t id, const char *name, char **out, struct error *e)
{
	CLEANUP(secret_release) struct secret s = {0};
	int rc = read_secret(q, column, id, name, &s, e);

	if (!rc && s.len)
		*out = mem_string_n((const char *)s.p, s.len);
	return rc;
}

static int write_secret(struct catalog *c, const char *sql, int64_t id, const char *name, const struct secret *s, struct error *e)
{
	AUTO_FREE char *sealed_for = about(id, name);

	return db_run(c, e, sql, "iS", id, s, sealed_for);
}

static int write_url(struct catalog *c, const char *sql, int64_t id, const char *name, const char *url, struct error *e)
{
	CLEANUP(secret_release) struct secret s = {0};

	if (url)
		secret_set(&s, url, strlen(url));
	return write_secret(c, sql, id, name, &s, e);
}

static int write_secrets(struct catalog *c, const struct notice_record *n, struct error *e)
{
	int rc = write_secret(c, "UPDATE notice SET password = ?2 WHERE id = ?1", n->id, "password", &n->password, e);

	if (!rc)
		rc = write_secret(c, "UPDATE notice SET signing = ?2 WHERE id = ?1", n->id, "signing", &n->signing, e);
	if (!rc)
		rc = write_url(c, "UPDATE notice SET url = ?2 WHERE id = ?1", n->id, "url", n->url, e);
	if (!rc)
		rc = write_url(c, "UPDATE notice SET url_success = ?2 WHERE id = ?1", n->id, "url_success", n->url_success, e);
	if (!rc)
		rc = write_url(c, "UPDATE notice SET url_failure = ?2 WHERE id = ?1", n->id, "url_failure", n->url_failure, e);
	return rc;
}

/* ---- reading ---- */

static int read_secrets(const struct db_row *q, struct notice_record *n, struct error *e)
{
	int rc = read_secret(q, 10, n->id, "password", &n->password, e);

	if (!rc)
		rc = read_url(q, 12, n->id, "url", &n->url, e);
	if (!rc)
		rc = read_url(q, 13, n->id, "url_success", &n->url_success, e);
	if (!rc)
		rc = read_url(q, 14, n->id, "url_failure", &n->url_failure, e);
	return rc ? rc : read_secret(q, 17, n->id, "signing", &n->signing, e);
}

static int read_row(const struct db_row *q, void *record, struct error *e)
{
	struct notice_record *out = record;
	*out = (struct notice_record){
		.id = db_i64(q, 0),
		.name = db_dup(q, 1),
		.kind = db_dup(q, 2),
		.enabled = db_bool(q, 3),
		.events = (unsigned)db_i64(q, 4),
		.server = db_dup(q, 6),
		.security = db_dup(q, 7),
		.user = db_dup(q, 8),
		.from = db_dup(q, 9),
		.format = db_dup(q, 15),
		.template_ = db_dup(q, 16),
		.created = db_time(q, 18),
		.changed = db_time(q, 19),
	};
	db_list(q, 5, &out->sources);
	db_list(q, 11, &out->to);
	int rc = read_secrets(q, out, e);

	if (rc) {
		error_wrap(e, "the secrets of the notice %s", out->name);
		notice_record_release(out);
	}
	return rc;
}

int notice_get(struct catalog *c, int64_t id, struct notice_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM notice WHERE id = ?1", "i", id);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return error_set(e, ERR_NOT_FOUND, "there is no notice with the number %lld", (long long)id);
}

int notice_find(struct catalog *c, const char *name, struct notice_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM notice WHERE name = ?1", "s", name);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return name_unknown(c, WHAT, NAMES, name, e);
}

int notice_list_all(struct catalog *c, struct notice_list *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS " FROM notice ORDER BY name", "");

	rc = db_all(&q, rc, read_row, out, sizeof *out->v, e);
	if (rc)
		notice_list_release(out);
	return rc;
}

/* ---- writing ---- */

static int check_free(struct catalog *c, const struct notice_record *n, struct error *e)
{
	int64_t taken;
	int rc = db_number(c, &taken, e, "SELECT count(*) FROM notice WHERE name = ?1 AND id != ?2", "si", n->name, n->id);

	if (rc || !taken)
		return rc;
	error_set(e, ERR_EXISTS, "there is a notice named \"%s\" already", n->name);
	return error_field(e, "name");
}

static int insert(struct catalog *c, struct notice_record *n, struct error *e)
{
	n->id = 0;
	n->created = n->changed = time_now();
	int rc = check_free(c, n, e);

	if (!rc)
		rc = db_run(c, e, "INSERT INTO notice (name, kind, enabled, events, created, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?5)", "ssiit", n->name, n->kind, (int64_t)n->enabled,
			    (int64_t)n->events, n->created);
	n->id = rc ? 0 : db_last_id(c);
	return rc;
}

static int write_row(struct catalog *c, struct notice_record *n, struct error *e)
{
	n->changed = time_now();
	int rc = db_run(c, e,
			"UPDATE notice SET name = ?2, enabled = ?3, events = ?4, sources = ?5, server = ?6, security = ?7, user = ?8, \"from\" = ?9, \"to\" = ?10, format = ?11, "
			"template = ?12, changed = ?13 WHERE id = ?1",
			"isiilsssslsst", n->id, n->name, (int64_t)n->enabled, (int64_t)n->events, &n->sources, n->server, n->security, n->user, n->from, &n->to, n->format,
			n->template_, n->changed);

	return rc ? rc : write_secrets(c, n, e);
}

int notice_add(struct catalog *c, struct notice_record *n, struct error *e)
{
	if (!n->events && n->kind)
		n->events = notice_usual_events(n->kind);
	if (!n->format && n->kind && !strcmp(n->kind, "webhook"))
		n->format = mem_string("json");
	int rc = notice_check(n, e);

	if (!rc)
		rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = insert(c, n, e);
	if (!rc)
		rc = write_row(c, n, e);
	return catalog_end(c, rc, e);
}

static int update(struct catalog *c, struct notice_record *n, struct error *e)
{
	CLEANUP(notice_record_release) struct notice_record before = {0};
	int rc = notice_get(c, n->id, &before, e);

	if (!rc && strcmp(before.kind, n->kind) != 0)
		rc = error_set(e, ERR_REFUSED, "the notice %s is a %s; for a %s add another one", before.name, before.kind, n->kind);
	if (!rc)
		rc = check_free(c, n, e);
	return rc ? rc : write_row(c, n, e);
}

int notice_update(struct catalog *c, struct notice_record *n, struct error *e)
{
	int rc = notice_check(n, e);

	if (!rc)
		rc = catalog_begin(c, e);
	return rc ? rc : catalog_end(c, update(c, n, e), e);
}

int notice_remove(struct catalog *c, int64_t id, struct error *e)
{
	int rc = db_run(c, e, "DELETE FROM notice WHERE id = ?1", "i", id);

	return !rc && !db_changed(c) ? error_set(e, ERR_NOT_FOUND, "there is no notice with the number %lld", (long long)id) : rc;
}

/* ---- JSON ---- */

#define AT(member) offsetof(struct notice_record, member)
static const struct field fields[] = {
	{"id", FIELD_I64, AT(id), FIELD_OUT},
	{"name", FIELD_TEXT, AT(name), .max = NAME_LEN},
	{"kind", FIELD_TEXT, AT(kind), .choices = "mail|webhook|heartbeat"},
	{"enabled", FIELD_BOOL, AT(enabled)},
	{"events", FIELD_LIST, 0, FIELD_COMPUTED},
	{"sources", FIELD_LIST, AT(sources)},
	{"server", FIELD_TEXT, AT(server)},
	{"security", FIELD_TEXT, AT(security), .choices = "starttls|tls|none"},
	{"user", FIELD_TEXT, AT(user)},
	{"from", FIELD_TEXT, AT(from)},
	{"password", FIELD_SECRET, AT(password), FIELD_IN},
	{"password_known", FIELD_BOOL, 0, FIELD_COMPUTED},
	{"to", FIELD_LIST, AT(to)},
	{"url", FIELD_TEXT, AT(url), FIELD_IN, .max = HTTP_URL_MAX},
	{"url_success", FIELD_TEXT, AT(url_success), FIELD_IN, .max = HTTP_URL_MAX},
	{"url_failure", FIELD_TEXT, AT(url_failure), FIELD_IN, .max = HTTP_URL_MAX},
	{"format", FIELD_TEXT, AT(format), .choices = NOTICE_FORMATS},
	{"template", FIELD_TEXT, AT(template_), .max = NOTICE_TEMPLATE_MAX},
	{"signing", FIELD_SECRET, AT(signing), FIELD_IN},
	{"signing_known", FIELD_BOOL, 0, FIELD_COMPUTED},
	{"created", FIELD_TIME, AT(created), FIELD_OUT},
	{"changed", FIELD_TIME, AT(changed), FIELD_OUT},
	{0},
};

static void write_shown(const char *name, const char *url, struct json_out *w)
{
	AUTO_FREE char *shown = url ? http_shown(url) : NULL;

	jw_kv_string(w, name, shown);
}

void notice_json(const struct notice_record *n, struct json_out *w)
{
	jw_object(w);
	field_write(fields, n, w);
	jw_name(w, "events");
	jw_array(w);
	for (enum notice_event i = 0; i < NOTICE_EVENTS; i++)
		if (n->events & NOTICE_BIT(i))
			jw_string(w, event_names[i]);
	jw_array_end(w);
	write_shown("url", n->url, w);
	write_shown("url_success", n->url_success, w);
	write_shown("url_failure", n->url_failure, w);
	jw_kv_bool(w, "password_known", n->password.len > 0);
	jw_kv_bool(w, "signing_known", n->signing.len > 0);
	jw_object_end(w);
}

static int read_events(unsigned *out, struct json *j, struct error *e)
{
	unsigned events = 0;

	if (json_peek(j) != JSON_ARRAY)
		return error_set(e, ERR_USAGE, "the field \"events\" of a notice must be a list of texts");
	json_array_begin(j);
	while (json_element(j)) {
		AUTO_FREE char *name = json_peek(j) == JSON_STRING ? json_string_dup(j) : NULL;
		int rc = notice_check_event(name ? name : "", &events, e);

		if (rc)
			return rc;
	}
	*out = events;
	return 0;
}

/* Who changes a notice sends back what was shown of it. */
static int read_shown(struct notice_record *n, char **url, struct json *j, struct error *e)
{
	AUTO_FREE char *before = *url ? mem_string(*url) : NULL;
	AUTO_FREE char *shown = *url ? http_shown(*url) : NULL;
	int rc = field_read(fields, WHAT, n, j, e);

	if (!rc && *url && shown && !strcmp(*url, shown)) {
		free(*url);
		*url = TAKE(before);
	}
	return rc;
}

int notice_from_json(struct notice_record *n, struct json *j, struct error *e)
{
	int rc = 0;

	if (json_peek(j) != JSON_OBJECT)
		return error_set(e, ERR_USAGE, "a notice must be a JSON object");
	json_object_begin(j);
	while (!rc && json_member(j))
		if (json_name_is(j, "events"))
			rc = read_events(&n->events, j, e);
		else if (json_name_is(j, "url"))
			rc = read_shown(n, &n->url, j, e);
		else if (json_name_is(j, "url_success"))
			rc = read_shown(n, &n->url_success, j, e);
		else if (json_name_is(j, "url_failure"))
			rc = read_shown(n, &n->url_failure, j, e);
		else
			rc = field_read(fields, WHAT, n, j, e);
	return !rc && json_failed(j) ? error_set(e, ERR_USAGE, "a notice: invalid JSON: %s", j->failed) : rc;
}
