/* One's own account: the password, and one-time codes. A token is not enough for that, and a session neither: somebody may have
 * left the page open. The password is asked for, under the throttling of logins. */
#include "web/account.h"

#include "base/mem.h"
#include "job/access.h"
#include "job/users.h"
#include "web/answer.h"
#include "web/auth.h"
#include "web/exchange.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is the same for all ---- */

static void read_secret(const struct web_request *r, const char *name, struct secret *out)
{
	char *text = web_field_text(r, name);

	if (!text)
		return;
	secret_set(out, text, strlen(text));
	secret_wipe(text, strlen(text));
	free(text);
}

static struct users_by by(const struct web_request *r)
{
	return (struct users_by){.who = r->who, .address = r->address};
}

static int need_session(const struct web_request *r, struct error *e)
{
	if (r->session)
		return 0;
	error_set(e, ERR_ACCESS, "a token cannot change the account");
	return error_hint(e, "log in with name and password");
}

/* The user as the catalog has them now, when the field "password" is right. */
static int confirmed(struct web_request *r, struct user_record *u, struct web_response *out, struct error *e)
{
	CLEANUP(secret_release) struct secret password = {0};
	int rc = need_session(r, e);

	if (!rc)
		rc = user_get(r->catalog, r->user.id, u, e);
	if (rc)
		return rc;
	read_secret(r, "password", &password);
	rc = access_confirm(r->catalog, u, &password, r->address, time_now().tv_sec, e);
	if (rc == -ERR_LOCKED)
		return account_too_many(out, e);
	/* Not 401: they are logged in, and stay so. */
	if (rc == -ERR_PASSWORD)
		out->status = 403;
	return rc;
}

static int answer_user(const struct user_record *u, struct web_response *out)
{
	struct json_out w;

	jw_init(&w, &out->body);
	user_json(u, &w);
	return 0;
}

/* ---- what is done ---- */

static int show(struct web_request *r, struct web_response *out, struct error *e)
{
	return answer_user(&r->user, out);
}

/* All sessions end; this one goes on as another. */
static int change_password(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(secret_release) struct secret fresh = {0};
	const struct users_by who = by(r);
	int rc = confirmed(r, &u, out, e);

	if (rc)
		return rc;
	read_secret(r, "new_password", &fresh);
	rc = users_password(r->catalog, &who, &u, &fresh, e);
	return rc ? rc : account_begin_session(r, &u, out, e);
}

/* Nothing is kept of it: it comes back with the first code. */
static int new_key(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(secret_release) struct secret key = {0};
	struct json_out w;
	int rc = need_session(r, e);

	if (rc)
		return rc;
	access_totp_key(&key);
	AUTO_FREE char *text = access_totp_text(&key);
	AUTO_FREE char *url = access_totp_url(r->user.name, &key);

	out->secret = true;
	jw_init(&w, &out->body);
	jw_object(&w);
	jw_kv_string(&w, "key", text);
	jw_kv_string(&w, "url", url);
	jw_object_end(&w);
	secret_wipe(text, strlen(text));
	secret_wipe(url, strlen(url));
	return 0;
}

static int read_key(const struct web_request *r, struct secret *key, struct error *e)
{
	AUTO_FREE char *text = web_field_text(r, "key");

	return access_totp_parse(text, key) ? 0 : error_set(e, ERR_USAGE, "the field \"key\" is no key that was made here");
}

static int totp_on(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(secret_release) struct secret key = {0};
	AUTO_FREE char *code = web_field_text(r, "code");
	const struct users_by who = by(r);
	int rc = read_key(r, &key, e);

	if (!rc)
		rc = confirmed(r, &u, out, e);
	if (rc)
		return rc;
	rc = users_totp(r->catalog, &who, &u, &key, code, time_now().tv_sec, e);
	if (rc == -ERR_PASSWORD)
		out->status = 400;
	return rc ? rc : answer_user(&u, out);
}

static int totp_off(struct web_request *r, struct web_response *out, struct error *e)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	const struct users_by who = by(r);
	int rc = confirmed(r, &u, out, e);

	if (!rc)
		rc = users_totp_off(r->catalog, &who, &u, e);
	return rc ? rc : answer_user(&u, out);
}

/* ---- the table ---- */

#define PASSWORD {"password", "string!", "The password as it is", NULL, 0, 1024}

static const struct web_field password_fields[] = {PASSWORD, {"new_password", "string!", "The new one, at least 10 characters", NULL, 0, 1024}, {0}};
static const struct web_field totp_fields[] = {
	PASSWORD,
	{"key", "string!", "The key that was given out", NULL, 0, 64},
	{"code", "string!", "The first code that the app makes of it", NULL, 0, 16},
	{0},
};
static const struct web_field off_fields[] = {PASSWORD, {0}};

const struct web_route account_routes[] = {
	{"GET", "/backup/api/account/", WEB_USER, show, "session", "Oneself", NULL, "User", 0},
	{"POST", "/backup/api/account/password/", WEB_USER, change_password, "session", "Change one's own password; all other sessions end", password_fields, "Session", WEB_SLOW},
	{"POST", "/backup/api/account/totp/key/", WEB_USER, new_key, "session", "A key for one-time codes, which counts for nothing yet", NULL, "TotpKey", 0},
	{"POST", "/backup/api/account/totp/", WEB_USER, totp_on, "session", "Want one-time codes from now on", totp_fields, "User", WEB_SLOW},
	{"POST", "/backup/api/account/totp/off/", WEB_USER, totp_off, "session", "Want no one-time codes any more", off_fields, "User", WEB_SLOW},
	{0},
};
