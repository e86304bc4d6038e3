#include "job/configuration_kinds.h"

#include "base/mem.h"
#include "catalog/field.h"
#include "catalog/notice.h"
#include "catalog/place.h"
#include "catalog/schedule.h"
#include "catalog/source.h"
#include "catalog/user.h"
#include "job/source_kind.h"

#include <stdlib.h>
#include <string.h>

static void write_secret(struct json_out *w, const char *name, const struct secret *s)
{
	if (!s->len)
		return;
	jw_name(w, name);
	jw_bytes(w, s->p, s->len);
}

/* The functions of one kind by the types that the table has for all. */
#define COMMON(kind, is_one) \
	static void release_##kind(void *r) { kind##_record_release(r); } \
	static void json_##kind(const void *r, struct json_out *w) { kind##_json(r, w); } \
	static int find_##kind(struct catalog *c, const char *name, void *r, struct error *e) \
	{ \
		int rc = kind##_find(c, name, r, e); \
		if (rc || is_one((struct kind##_record *)r)) \
			return rc; \
		kind##_record_release(r); \
		return error_set(e, ERR_NOT_FOUND, "nobody has configured %s", name); \
	} \
	static int add_##kind(struct catalog *c, void *r, struct error *e) { return kind##_add(c, r, e); } \
	static int update_##kind(struct catalog *c, void *r, struct error *e) { return kind##_update(c, r, e); } \
	static int names_##kind(struct catalog *c, struct strlist *out, struct error *e) \
	{ \
		CLEANUP(kind##_list_release) struct kind##_list l = {0}; \
		int rc = kind##_list_all(c, &l, e); \
		for (size_t i = 0; !rc && i < l.n; i++) \
			if (is_one(&l.v[i])) \
				strlist_add(out, l.v[i].name); \
		return rc; \
	}
#define EVERY(record) true
#define IS_CONFIGURED(place) (!(place)->remembered)
COMMON(place, IS_CONFIGURED)
COMMON(source, EVERY)
COMMON(schedule, EVERY)
COMMON(notice, EVERY)
COMMON(user, EVERY)

static int read_place(void *r, struct json *j, struct error *e)
{
	return place_from_json(r, j, e);
}

static void secrets_of_place(const void *r, struct json_out *w)
{
	write_secret(w, "password", &((const struct place_record *)r)->password);
}

static int read_source(void *r, struct json *j, struct error *e)
{
	return source_from_json(r, j, e);
}

static int ready_source(void *r, struct error *e)
{
	return source_kind_parse(r, e);
}

static void secrets_of_source(const void *r, struct json_out *w)
{
	const struct source_record *s = r;
	if (strcmp(s->url, s->shown) != 0)
		jw_kv_string(w, "url", s->url);
}

static void start_schedule(void *r)
{
	*(struct schedule_record *)r = schedule_record_new();
}

static int read_schedule(void *r, struct json *j, struct error *e)
{
	return schedule_from_json(r, j, e);
}

static void start_notice(void *r)
{
	*(struct notice_record *)r = (struct notice_record){.enabled = true};
}

static int read_notice(void *r, struct json *j, struct error *e)
{
	return notice_from_json(r, j, e);
}

/* Addresses of webhooks are secrets as a whole: who has one can write there. */
static void secrets_of_notice(const void *r, struct json_out *w)
{
	const struct notice_record *n = r;
	write_secret(w, "password", &n->password);
	write_secret(w, "signing", &n->signing);
	if (n->url)
		jw_kv_string(w, "url", n->url);
	if (n->url_success)
		jw_kv_string(w, "url_success", n->url_success);
	if (n->url_failure)
		jw_kv_string(w, "url_failure", n->url_failure);
}

/* ---- users, whose JSON nothing else reads ---- */

struct user_words {
	char *name, *role, *password;
	struct secret totp;
	bool disabled;
};

static void user_words_release(struct user_words *u)
{
	free(u->name);
	free(u->role);
	free(u->password);
	secret_release(&u->totp);
}

#define AT(member) offsetof(struct user_words, member)
static const struct field user_fields[] = {
	{"name", FIELD_TEXT, AT(name)},
	{"role", FIELD_TEXT, AT(role), .choices = "viewer|operator|admin"},
	{"disabled", FIELD_BOOL, AT(disabled)},
	{"password", FIELD_TEXT, AT(password), FIELD_IN},
	{"totp", FIELD_SECRET, AT(totp), FIELD_IN},
	{0},
};

static int read_user(void *r, struct json *j, struct error *e)
{
	struct user_record *u = r;
	CLEANUP(user_words_release) struct user_words words = {.disabled = u->disabled};
	int rc = field_read_all(user_fields, "user", &words, j, e);
	if (rc)
		return rc;
	u->disabled = words.disabled;
	if (words.role)
		(void)role_parse(words.role, &u->role);
	if (words.name) {
		free(u->name);
		u->name = TAKE(words.name);
	}
	if (words.password) {
		free(u->password);
		u->password = TAKE(words.password);
	}
	if (words.totp.len)
		secret_set(&u->totp, words.totp.p, words.totp.len);
	return 0;
}

static void secrets_of_user(const void *r, struct json_out *w)
{
	const struct user_record *u = r;
	if (u->password)
		jw_kv_string(w, "password", u->password);
	write_secret(w, "totp", &u->totp);
}

static void secrets_of_none(const void *r, struct json_out *w)
{
}

/* ---- the table ---- */

#define KIND(kind, secrets_of, removes) \
	.size = sizeof(struct kind##_record), .release = release_##kind, .json = json_##kind, .secrets = secrets_of, .read = read_##kind, \
	.names = names_##kind, .find = find_##kind, .add = add_##kind, .update = update_##kind, .remove = removes

const struct configuration_kind configuration_kinds[] = {
	{"repositories", "repository", KIND(place, secrets_of_place, place_remove),
		.left_out = "|id|remembered|repository_id|password_known|scanned|checked|check_failed|bytes|bytes_free|created|changed|"},
	{"sources", "source", KIND(source, secrets_of_source, source_remove), .ready = ready_source, .left_out = "|id|engine|url_secret|created|changed|"},
	{"schedules", "schedule", KIND(schedule, secrets_of_none, schedule_remove), .start = start_schedule,
		.left_out = "|id|when|next_run|last_run|last_job|created|changed|"},
	{"notices", "notice", KIND(notice, secrets_of_notice, notice_remove), .start = start_notice,
		.left_out = "|id|url|url_success|url_failure|password_known|signing_known|created|changed|"},
	{"users", "user", KIND(user, secrets_of_user, user_remove), .left_out = "|id|password_known|totp|created|changed|last_login|"},
	{0},
};
