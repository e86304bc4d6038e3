/* Users, API tokens, the audit trail. */
#include "base/timefmt.h"
#include "catalog/audit.h"
#include "job/users.h"
#include "web/api.h"

#include <string.h>

static struct users_by by(const struct web_request *r)
{
	return (struct users_by){.who = r->who, .address = r->address};
}

/* ---- users ---- */

static int find_user(const struct web_request *r, struct user_record *out, struct error *e)
{
	int64_t id;
	struct error unknown = {0};

	if (api_number(r, 0, "user", &id, &unknown) == 0 && user_get(r->catalog, id, out, &unknown) == 0)
		return 0;
	return user_find(r->catalog, r->params[0], out, e);
}

static int answer_user(struct web_request *r, const struct user_record *u, struct web_response *out)
{
	struct json_out w;

	jw_init(&w, &out->body);
	user_json(u, &w);
	return 0;
}

static void write_user(const void *list, size_t i, struct json_out *w)
{
	user_json(&((const struct user_list *)list)->v[i], w);
}

static int list_users(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(user_list_release) struct user_list l = {0};
	int rc = user_list_all(r->catalog, &l, e);

	return rc ? rc : api_list_slice(r, l.n, write_user, &l, out, e);
}

static int get_user(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	int rc = find_user(r, &u, e);

	return rc ? rc : answer_user(r, &u, out);
}

static int read_role(const struct web_request *r, enum role *out)
{
	AUTO_FREE char *text = web_field_text(r, "role");

	return text && role_parse(text, out);
}

static int create_user(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(secret_release) struct secret password = {0};
	CLEANUP(user_record_release) struct user_record u = {0};
	AUTO_FREE char *name = web_field_text(r, "name");
	const struct users_by who = by(r);
	enum role role = ROLE_VIEWER;

	read_role(r, &role);
	int rc = users_add(r->catalog, &who, name, role, api_secret(r, "password", &password) ? &password : NULL, &u, e);

	if (rc)
		return rc;
	api_created(out, API "users/%lld/", (long long)u.id);
	return answer_user(r, &u, out);
}

static int apply_changes(struct web_request *r, struct user_record *u, struct error *e)
{
	CLEANUP(secret_release) struct secret password = {0};
	const struct users_by who = by(r);
	bool disabled = web_field_bool(r, "disabled", u->disabled);
	enum role role = u->role;
	int rc = 0;

	read_role(r, &role);
	if (role != u->role)
		rc = users_role(r->catalog, &who, u, role, e);
	if (!rc && disabled != u->disabled)
		rc = users_disable(r->catalog, &who, u, disabled, e);
	if (!rc && api_secret(r, "password", &password))
		rc = users_password(r->catalog, &who, u, &password, e);
	if (!rc && web_field_given(r, "totp") && web_field_bool(r, "totp", false))
		rc = error_set(e, ERR_USAGE, "the field \"totp\" can only be false: a user turns it on alone");
	else if (!rc && web_field_given(r, "totp") && u->totp.len)
		rc = users_totp_off(r->catalog, &who, u, e);
	return rc;
}

static int change_user(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	int rc = find_user(r, &u, e);

	if (!rc)
		rc = catalog_begin(r->catalog, e);
	if (rc)
		return rc;
	rc = api_commit(r, apply_changes(r, &u, e), e);
	return rc ? rc : answer_user(r, &u, out);
}

static int remove_user(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	const struct users_by who = by(r);
	int rc = find_user(r, &u, e);

	return rc ? rc : users_remove(r->catalog, &who, &u, e);
}

/* ---- tokens: everybody's own, and all for admins ---- */

static int whose(struct web_request *r, struct user_record *out, struct error *e)
{
	AUTO_FREE char *name = web_field_text(r, "user");
	int rc = name ? user_find(r->catalog, name, out, e) : user_get(r->catalog, r->user.id, out, e);

	if (!rc && out->id != r->user.id && r->role < ROLE_ADMIN)
		rc = error_set(e, ERR_ACCESS, "only admins make tokens for others");
	return rc;
}

static void write_token(const void *list, size_t i, struct json_out *w)
{
	token_json(&((const struct token_list *)list)->v[i], w);
}

static int list_tokens(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(token_list_release) struct token_list l = {0};
	bool all = r->role >= ROLE_ADMIN && !api_query_bool(r, "own", false);
	int rc = token_list_of(r->catalog, all ? 0 : r->user.id, &l, e);

	return rc ? rc : api_list_slice(r, l.n, write_token, &l, out, e);
}

/* The record, and what it is used by, shown this once. */
static void answer_new_token(const struct token_record *t, const char *text, struct web_response *out)
{
	CLEANUP(buf_release) struct buf record = BUF_INIT;
	struct json_out w;

	jw_init(&w, &record);
	token_json(t, &w);
	jw_init(&w, &out->body);
	jw_object(&w);
	api_copy_members(&record, &w);
	jw_kv_string(&w, "token", text);
	jw_object_end(&w);
	out->secret = true;
}

/* How long from now the time of the field is; 0: there is none. */
static int read_expiry(const struct web_request *r, uint64_t *seconds, struct error *e)
{
	AUTO_FREE char *text = web_field_text(r, "expires");
	struct timespec t, now = time_now();

	*seconds = 0;
	if (!text || !time_from_rfc3339(text, strlen(text), &t, NULL))
		return 0;
	if (t.tv_sec <= now.tv_sec)
		return error_set(e, ERR_USAGE, "the field \"expires\" must be a time to come");
	*seconds = (uint64_t)(t.tv_sec - now.tv_sec);
	return 0;
}

static int create_token(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(token_record_release) struct token_record t = {0};
	AUTO_FREE char *name = web_field_text(r, "name"), *scope = web_field_text(r, "scope"), *text = NULL;
	const struct users_by who = by(r);
	enum role role = ROLE_NONE;
	uint64_t seconds;

	role_parse(scope, &role);
	int rc = whose(r, &u, e);

	if (!rc)
		rc = read_expiry(r, &seconds, e);

	if (!rc && role > r->role)
		rc = error_set(e, ERR_ACCESS, "a token cannot do more than who makes it: %s", role_name(r->role));
	if (!rc)
		rc = users_token_add(r->catalog, &who, &u, name, role, seconds, &t, &text, e);
	if (rc)
		return rc;
	api_created(out, API "tokens/%lld/", (long long)t.id);
	answer_new_token(&t, text, out);
	secret_wipe(text, strlen(text));
	return 0;
}

static int revoke_token(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(token_record_release) struct token_record t = {0};
	const struct users_by who = by(r);
	int64_t id;
	int rc = api_number(r, 0, "token", &id, e);

	if (!rc)
		rc = token_get(r->catalog, id, &t, e);
	if (!rc && t.user != r->user.id && r->role < ROLE_ADMIN)
		rc = error_set(e, ERR_NOT_FOUND, "there is no token \"%s\"", r->params[0]);
	return rc ? rc : users_token_revoke(r->catalog, &who, id, e);
}

/* ---- the audit trail ---- */

static void write_audit(const void *list, size_t i, struct json_out *w)
{
	audit_json(&((const struct audit_list *)list)->v[i], w);
}

static int list_audit(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(audit_list_release) struct audit_list l = {0};
	const struct audit_filter f = {
		.who = web_query(r, "who"),
		.action = web_query(r, "action"),
		.object = web_query(r, "object"),
		.after = api_query_time(r, "after"),
		.before = api_query_time(r, "before"),
	};
	struct catalog_page page;
	uint64_t total;
	int rc = web_page(r, &page, e);

	if (!rc)
		rc = audit_list_some(r->catalog, &f, &page, &l, &total, e);
	return rc ? rc : api_list_page(r, &page, total, l.n, write_audit, &l, out);
}

static int check_audit(struct web_request *r, struct web_response *out, struct error *e)
{
	struct json_out w;
	uint64_t rows = 0;
	int rc = audit_check(r->catalog, &rows, e);

	if (rc && rc != -ERR_CORRUPT)
		return rc;
	jw_init(&w, &out->body);
	jw_object(&w);
	jw_kv_bool(&w, "ok", !rc);
	jw_kv_u64(&w, "rows", rows);
	jw_kv_string(&w, "problem", rc ? e->text : NULL);
	jw_object_end(&w);
	return 0;
}

/* ---- the tables ---- */

#define ROLES "viewer|operator|admin"

static const struct web_field create_fields[] = {
	{"name", "string!", "letters, digits and \". _ - @\"", NULL, 0, 64},
	{"role", "string", "viewers read, operators back up, verify and export, admins do everything; viewer unless said", ROLES},
	{"password", "string", "at least 10 characters; without one nobody can log in", NULL, 0, 1024},
	{0},
};
static const struct web_field change_fields[] = {
	{"role", "string", "viewers read, operators back up, verify and export, admins do everything", ROLES},
	{"password", "string", "a new one; all sessions end", NULL, 0, 1024},
	{"disabled", "boolean", "whether the user is kept out"},
	{"totp", "boolean", "false: one-time codes are off, for who lost theirs"},
	{0},
};
static const struct web_field token_list_fields[] = {{"own", "boolean?", "only one's own, for admins too"}, {0}};
static const struct web_field token_fields[] = {
	{"name", "string!", "what it is for", NULL, 0, 64},
	{"scope", "string!", "what it may do at most", ROLES},
	{"expires", "time", "until when; for ever unless said"},
	{"user", "string", "for whom; oneself unless said"},
	{0},
};
static const struct web_field audit_fields[] = {
	{"who", "string?", "by this one"},
	{"action", "string?", "as source-add, login, job-start"},
	{"object", "string?", "done to this"},
	{"after", "time?", "at or after"},
	{"before", "time?", "before"},
	{0},
};

const struct web_route api_users[] = {
	{"GET", API "users/", WEB_ADMIN, list_users, "Users", "Who may log in", NULL, "User[]"},
	{"POST", API "users/", WEB_ADMIN, create_user, "Users", "Add a user", create_fields, "User", WEB_CREATES | WEB_SLOW},
	{"GET", API "users/{id}/", WEB_ADMIN, get_user, "Users", "One user, by number or name", NULL, "User"},
	{"PATCH", API "users/{id}/", WEB_ADMIN, change_user, "Users", "Change a user", change_fields, "User", WEB_SLOW},
	{"DELETE", API "users/{id}/", WEB_ADMIN, remove_user, "Users", "Remove a user, with all sessions and tokens", NULL, NULL},
	{"GET", API "tokens/", WEB_USER, list_tokens, "Users", "API tokens: one's own, and everybody's for admins", token_list_fields, "ApiToken[]"},
	{"POST", API "tokens/", WEB_USER, create_token, "Users", "Make an API token; its text is shown this once", token_fields, "NewApiToken", WEB_CREATES},
	{"DELETE", API "tokens/{id}/", WEB_USER, revoke_token, "Users", "Revoke an API token", NULL, NULL},
	{"GET", API "audit/", WEB_ADMIN, list_audit, "Users", "Who did what, the newest first", audit_fields, "Audit[]"},
	{"GET", API "audit/check/", WEB_ADMIN, check_audit, "Users", "Whether the audit trail is as it was written", NULL, "AuditCheck", WEB_SLOW},
	{0},
};
