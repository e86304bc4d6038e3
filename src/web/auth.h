/* Who asks: a session's cookie, an API token or a JWT; and whether they may. */
#ifndef WEB_AUTH_H
#define WEB_AUTH_H

#include "web/web.h"

#define AUTH_COOKIE "backstay_session"

/* What somebody proved with who they are, so that it can be looked at again. */
enum auth_kind { AUTH_NOBODY, AUTH_SESSION, AUTH_TOKEN, AUTH_JWT };
struct auth_proof {
	enum auth_kind kind;
	unsigned char hash[USER_HASH_LEN];      /* of a session or token */
	char *jwt;
};
void auth_proof_release(struct auth_proof *p);
void auth_proof_copy(struct auth_proof *to, const struct auth_proof *from);
/* Does it still hold, without being used? False also when that cannot be told. */
bool auth_holds(struct catalog *c, const struct auth_proof *p);

/* Fills in user, role, who, session and csrf of r. Nobody is no error; -ERR_PASSWORD for an Authorization that is not valid, which no cookie makes good. */
int auth_identify(struct web_request *r, struct auth_proof *p, struct error *e) MUST_USE;
/* -ERR_PASSWORD when somebody must log in first, -ERR_ACCESS when they may not. */
int auth_permit(const struct web_request *r, enum web_permission p, struct error *e) MUST_USE;

/* The Set-Cookie that begins (text) or ends (NULL) a session: not for scripts, not for requests that other sites begin. */
void auth_set_cookie(const struct web_request *r, struct web_response *out, const char *text);

#endif
