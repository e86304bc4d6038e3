/* Logging in and out, who is there, tokens for programs, and the first admin. */
#include "base/mem.h"
#include "base/secret.h"
#include "job/access.h"
#include "web/account.h"
#include "web/answer.h"
#include "web/api.h"
#include "web/exchange.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN_SECONDS 3600

/* ---- what is given ---- */

struct given {
	char *name, *code, *link;
	struct secret password;
};

static void given_release(struct given *g)
{
	free(g->name);
	free(g->code);
	free(g->link);
	secret_release(&g->password);
}

static void read_given(const struct web_request *r, struct given *g)
{
	char *password = web_field_text(r, "password");

	g->name = web_field_text(r, "name");
	g->code = web_field_text(r, "code");
	g->link = web_field_text(r, "link");
	secret_set(&g->password, password, strlen(password));
	secret_wipe(password, strlen(password));
	free(password);
}

/* ---- what is answered ---- */

static void write_session(const struct user_record *u, enum role role, const char *csrf, struct timespec expires, struct web_response *out)
{
	struct json_out w;

	out->secret = true;
	jw_init(&w, &out->body);
	jw_object(&w);
	jw_kv_string(&w, "user", u->name);
	jw_kv_string(&w, "role", role_name(role));
	jw_kv_string(&w, "csrf", csrf);
	jw_kv_time(&w, "expires", expires);
	jw_object_end(&w);
}

int account_too_many(struct web_response *out, const struct error *e)
{
	const char *seconds = strpbrk(e->text, "0123456789");

	out->status = 429;
	answer_header(out, "Retry-After", "%d", seconds ? atoi(seconds) : 60);
	return -ERR_LOCKED;
}

static int check_password(struct web_request *r, struct user_record *u, struct web_response *out, struct error *e)
{
	CLEANUP(given_release) struct given g = {0};

	read_given(r, &g);
	int rc = access_login(r->catalog, g.name, &g.password, g.code, r->address, time_now().tv_sec, u, e);

	if (rc == -ERR_LOCKED)
		return account_too_many(out, e);
	if (rc == -ERR_REFUSED) {
		out->status = 401;
		out->problem = "code_needed";
	}
	return rc;
}

int account_begin_session(struct web_request *r, const struct user_record *u, struct web_response *out, struct error *e)
{
	CLEANUP(session_record_release) struct session_record s = {0};
	AUTO_FREE char *text = NULL;
	int rc = r->session ? session_remove(r->catalog, r->session, e) : 0;

	if (!rc || rc == -ERR_NOT_FOUND)
		rc = access_session_begin(r->catalog, u, r->address, web_header(r, "User-Agent"), time_now().tv_sec, &s, &text, e);
	if (rc)
		return rc;
	auth_set_cookie(r, out, text);
	secret_wipe(text, strlen(text));
	write_session(u, u->role, s.csrf, s.expires, out);
	return 0;
}

/* ---- sessions ---- */

static int log_in(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	int rc = check_password(r, &u, out, e);

	return rc ? rc : account_begin_session(r, &u, out, e);
}

static int find_own(struct web_request *r, int64_t id, struct session_record *out, struct error *e)
{
	CLEANUP(session_list_release) struct session_list l = {0};
	int rc = session_list_of(r->catalog, r->role == ROLE_ADMIN ? 0 : r->user.id, &l, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < l.n; i++)
		if (l.v[i].id == id) {
			*out = l.v[i];
			l.v[i] = (struct session_record){0};
			return 0;
		}
	return error_set(e, ERR_NOT_FOUND, "there is no such session");
}

static int who_am_i(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(session_record_release) struct session_record s = {0};
	int rc = r->session ? find_own(r, r->session, &s, e) : 0;

	if (!rc)
		write_session(&r->user, r->role, r->csrf, s.expires, out);
	return rc;
}

static int log_out(struct web_request *r, struct web_response *out, struct error *e)
{
	if (!r->session)
		return error_set(e, ERR_USAGE, "a token is no session: revoke it instead");
	int rc = access_logout(r->catalog, r->who, r->address, r->session, e);

	if (!rc)
		auth_set_cookie(r, out, NULL);
	return rc;
}

static void write_listed(const struct session_record *s, bool current, struct json_out *w)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct json_out record;

	jw_init(&record, &text);
	session_json(s, &record);
	jw_object(w);
	api_copy_members(&text, w);
	jw_kv_bool(w, "current", current);
	jw_object_end(w);
}

/* One's own; an admin sees those of everybody with ?all=true. */
static int list_sessions(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(session_list_release) struct session_list l = {0};
	const char *all = web_query(r, "all");
	struct catalog_page page;
	struct json_out w;
	bool everybody = all && (!strcmp(all, "true") || !strcmp(all, "1"));
	int rc = everybody ? auth_permit(r, WEB_ADMIN, e) : 0;

	if (!rc)
		rc = web_page(r, &page, e);
	if (!rc)
		rc = session_list_of(r->catalog, everybody ? 0 : r->user.id, &l, e);
	if (rc)
		return rc;
	web_list_begin(out, &w, l.n, &page);
	for (size_t i = page.offset; i < l.n && i < page.offset + page.limit; i++)
		write_listed(&l.v[i], l.v[i].id == r->session, &w);
	web_list_end(r, out, &w);
	return 0;
}

static int end_session(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(session_record_release) struct session_record s = {0};
	int rc = find_own(r, strtoll(r->params[0], NULL, 10), &s, e);

	if (!rc)
		rc = access_logout(r->catalog, r->who, r->address, s.id, e);
	if (!rc && s.id == r->session)
		auth_set_cookie(r, out, NULL);
	return rc;
}

/* All of one's own but this one. */
static int end_others(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(session_list_release) struct session_list l = {0};
	int rc = session_list_of(r->catalog, r->user.id, &l, e);

	for (size_t i = 0; i < l.n && !rc; i++)
		if (l.v[i].id != r->session)
			rc = access_logout(r->catalog, r->who, r->address, l.v[i].id, e);
	return rc;
}

/* ---- tokens ---- */

static int make_token(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	AUTO_FREE char *token = NULL;
	int64_t now = time_now().tv_sec;
	struct json_out w;
	int rc = check_password(r, &u, out, e);

	if (!rc)
		rc = access_jwt_make(r->catalog, &u, now, TOKEN_SECONDS, &token, e);
	if (rc)
		return rc;
	out->secret = true;
	jw_init(&w, &out->body);
	jw_object(&w);
	jw_kv_string(&w, "access", token);
	jw_kv_time(&w, "expires", (struct timespec){.tv_sec = now + TOKEN_SECONDS});
	jw_object_end(&w);
	return 0;
}

/* ---- the first admin ---- */

static int setup_needed(struct web_request *r, struct web_response *out, struct error *e)
{
	uint64_t users;
	struct json_out w;
	int rc = user_count(r->catalog, &users, e);

	if (rc)
		return rc;
	jw_init(&w, &out->body);
	jw_object(&w);
	jw_kv_bool(&w, "needed", !users);
	jw_kv_bool(&w, "logged_in", r->user.id != 0);
	jw_object_end(&w);
	return 0;
}

static int set_up(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(given_release) struct given g = {0};
	CLEANUP(user_record_release) struct user_record u = {0};

	read_given(r, &g);
	int rc = access_first_admin(r->catalog, g.link, g.name, &g.password, r->address, time_now().tv_sec, &u, e);

	out->status = rc ? 0 : 201;
	return rc ? rc : account_begin_session(r, &u, out, e);
}

static const struct web_field login_fields[] = {
	{"name", "string!", "The user's name", NULL, 0, 64},
	{"password", "string!", "The password", NULL, 0, 1024},
	{"code", "string", "The one-time code, for who uses them", NULL, 0, 16},
	{0},
};
static const struct web_field setup_fields[] = {
	{"link", "string!", "The text of the one-time link, from the log of the first start", NULL, 0, 128},
	{"name", "string!", "What the first admin is called", NULL, 0, 64},
	{"password", "string!", "Their password, at least 10 characters", NULL, 0, 1024},
	{0},
};
static const struct web_field list_fields[] = {
	{"all", "boolean?", "Those of everybody; only for admins", NULL, 0, 0},
	{0},
};

const struct web_route session_routes[] = {
	{"POST", "/backup/api/session/", WEB_NONE, log_in, "session", "Log in", login_fields, "Session", WEB_SLOW | WEB_SAFE},
	{"GET", "/backup/api/session/", WEB_USER, who_am_i, "session", "Who is logged in", NULL, "Session", 0},
	{"DELETE", "/backup/api/session/", WEB_USER, log_out, "session", "Log out", NULL, NULL, 0},
	{"GET", "/backup/api/sessions/", WEB_USER, list_sessions, "session", "Sessions that have not ended", list_fields, "LoginSession[]", 0},
	{"DELETE", "/backup/api/sessions/", WEB_USER, end_others, "session", "End all of one's own sessions but this one", NULL, NULL, 0},
	{"DELETE", "/backup/api/sessions/{id}/", WEB_USER, end_session, "session", "End a session", NULL, NULL, 0},
	{"POST", "/backup/api/token/", WEB_NONE, make_token, "session", "A JWT for an hour", login_fields, "Token", WEB_SLOW | WEB_SAFE},
	{"GET", "/backup/api/setup/", WEB_NONE, setup_needed, "session", "Whether the first admin is still to be made", NULL, "Setup", 0},
	{"POST", "/backup/api/setup/", WEB_NONE, set_up, "session", "Make the first admin", setup_fields, "Session", WEB_SLOW | WEB_SAFE | WEB_CREATES},
	{0},
};
