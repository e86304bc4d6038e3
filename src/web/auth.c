#include "web/auth.h"

#include "base/mem.h"
#include "job/access.h"
#include "web/answer.h"
#include "web/cookie.h"
#include "web/exchange.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void auth_proof_release(struct auth_proof *p)
{
	free(p->jwt);
	*p = (struct auth_proof){0};
}

void auth_proof_copy(struct auth_proof *to, const struct auth_proof *from)
{
	auth_proof_release(to);
	*to = *from;
	to->jwt = from->jwt ? mem_string(from->jwt) : NULL;
}

bool auth_holds(struct catalog *c, const struct auth_proof *p)
{
	CLEANUP(user_record_release) struct user_record u = {0};
	CLEANUP(session_record_release) struct session_record s = {0};
	CLEANUP(token_record_release) struct token_record t = {0};
	struct timespec now = time_now();
	struct error e = {0};

	switch (p->kind) {
	case AUTH_SESSION:
		return !session_find(c, p->hash, now, &s, &u, &e);
	case AUTH_TOKEN:
		return !token_find(c, p->hash, now, &t, &u, &e);
	case AUTH_JWT:
		return !access_jwt_check(c, p->jwt, now.tv_sec, &u, &e);
	case AUTH_NOBODY:
		break;
	}
	return false;
}

/* ---- who ---- */

static int not_valid(struct error *e)
{
	error_set(e, ERR_PASSWORD, "the token is not valid, or not any more");
	return error_hint(e, "get another one: POST /backup/api/token/, or backstay token add");
}

/* Three parts with dots between them. */
static bool looks_like_jwt(const char *text)
{
	const char *dot = strchr(text, '.');

	return dot && strchr(dot + 1, '.');
}

static int by_jwt(struct web_request *r, struct auth_proof *p, const char *text, int64_t now, struct error *e)
{
	int rc = access_jwt_check(r->catalog, text, now, &r->user, e);

	if (rc)
		return rc == -ERR_PASSWORD || rc == -ERR_NOT_FOUND ? not_valid(e) : rc;
	*p = (struct auth_proof){.kind = AUTH_JWT, .jwt = mem_string(text)};
	r->role = r->user.role;
	r->who = mem_string(r->user.name);
	return 0;
}

static int by_token(struct web_request *r, struct auth_proof *p, const char *text, int64_t now, struct error *e)
{
	CLEANUP(token_record_release) struct token_record t = {0};
	int rc = access_token_find(r->catalog, text, now, &t, &r->user, &r->role, e);

	if (rc)
		return rc == -ERR_PASSWORD || rc == -ERR_NOT_FOUND ? not_valid(e) : rc;
	p->kind = AUTH_TOKEN;
	access_hash(text, p->hash);
	r->who = mem_printf("token %s of %s", t.name, r->user.name);
	return 0;
}

/* A session that has ended is nobody. */
static int by_session(struct web_request *r, struct auth_proof *p, const char *text, int64_t now, struct error *e)
{
	CLEANUP(session_record_release) struct session_record s = {0};
	int rc = access_session_find(r->catalog, text, now, &s, &r->user, e);

	if (rc == -ERR_NOT_FOUND) {
		error_clear(e);
		return 0;
	}
	if (rc)
		return rc;
	p->kind = AUTH_SESSION;
	access_hash(text, p->hash);
	r->role = r->user.role;
	r->session = s.id;
	r->csrf = mem_string(s.csrf);
	r->who = mem_string(r->user.name);
	return 0;
}

int auth_identify(struct web_request *r, struct auth_proof *p, struct error *e)
{
	const char *given = web_header(r, "Authorization"), *cookies = web_header(r, "Cookie");
	int64_t now = time_now().tv_sec;

	if (given) {
		if (strncasecmp(given, "Bearer ", 7))
			return error_set(e, ERR_PASSWORD, "the Authorization is not \"Bearer\" and a token");
		const char *text = given + 7 + strspn(given + 7, " ");

		return looks_like_jwt(text) ? by_jwt(r, p, text, now, e) : by_token(r, p, text, now, e);
	}
	AUTO_FREE char *text = cookies ? cookie_find(cookies, AUTH_COOKIE) : NULL;

	return text ? by_session(r, p, text, now, e) : 0;
}

/* ---- may they ---- */

static enum role least_role(enum web_permission p)
{
	switch (p) {
	case WEB_OPERATOR:
		return ROLE_OPERATOR;
	case WEB_ADMIN:
		return ROLE_ADMIN;
	case WEB_NONE:
	case WEB_VIEWER:
	case WEB_USER:
		break;
	}
	return ROLE_VIEWER;
}

int auth_permit(const struct web_request *r, enum web_permission p, struct error *e)
{
	if (p == WEB_NONE)
		return 0;
	if (!r->user.id) {
		error_set(e, ERR_PASSWORD, "nobody is logged in");
		return error_hint(e, "log in: POST /backup/api/session/");
	}
	if (r->role >= least_role(p))
		return 0;
	error_set(e, ERR_ACCESS, "%s may not do this: it needs the role %s", r->who, role_name(least_role(p)));
	return error_hint(e, "an admin can give another role: backstay user role %s %s", r->user.name, role_name(least_role(p)));
}

void auth_set_cookie(const struct web_request *r, struct web_response *out, const char *text)
{
	const char *secure = exchange_of(r)->https ? "; Secure" : "";

	if (text)
		answer_header(out, "Set-Cookie", AUTH_COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict%s", text, secure);
	else
		answer_header(out, "Set-Cookie", AUTH_COOKIE "=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict%s", secure);
}
