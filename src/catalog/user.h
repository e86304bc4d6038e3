/* Who may: users, their sessions, API tokens. Secrets are kept as hashes only; what the caller gets to see once (a
 * session's or token's text, a TOTP secret) is returned by the function that makes it. */
#ifndef CATALOG_USER_H
#define CATALOG_USER_H

#include "catalog/catalog.h"

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN };     /* each may what those before it may */
const char *role_name(enum role r);                   /* "viewer" */
bool role_parse(const char *text, enum role *out);

struct user_record {
	int64_t id;
	char *name;                     /* unique without regard to case; 1..64 bytes of letters, digits, ". _ - @" */
	enum role role;
	char *password;                 /* "scrypt$N$r$p$salt$hash", base64 (job/access.h); NULL: none yet */
	struct secret totp;             /* sealed at rest; empty: off */
	int64_t totp_step;              /* last one used: a code counts once */
	bool disabled;
	struct timespec created, changed, last_login;
};
void user_record_release(struct user_record *u);
struct user_list { struct user_record *v; size_t n, cap; };
void user_list_release(struct user_list *l);
int user_add(struct catalog *c, struct user_record *u, struct error *e) MUST_USE;
int user_get(struct catalog *c, int64_t id, struct user_record *out, struct error *e) MUST_USE;
int user_find(struct catalog *c, const char *name, struct user_record *out, struct error *e) MUST_USE;
int user_list_all(struct catalog *c, struct user_list *out, struct error *e) MUST_USE;
/* -ERR_REFUSED when no admin who can log in would be left. */
int user_update(struct catalog *c, struct user_record *u, struct error *e) MUST_USE;
int user_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;        /* and all sessions and tokens; the same refusal */
int user_count(struct catalog *c, uint64_t *out, struct error *e) MUST_USE;
void user_json(const struct user_record *u, struct json_out *w);

#define USER_HASH_LEN 32                              /* SHA-256 of a random text */
struct session_record {
	int64_t id, user;
	unsigned char hash[USER_HASH_LEN];
	char csrf[65];                  /* hex, tied to the session */
	char *address, *agent;
	struct timespec created, used, expires;
};
void session_record_release(struct session_record *s);
struct session_list { struct session_record *v; size_t n, cap; };
void session_list_release(struct session_list *l);
int session_add(struct catalog *c, struct session_record *s, struct error *e) MUST_USE;
/* -ERR_NOT_FOUND when absent, expired at `now`, or its user is gone or disabled. Gives the user too. */
int session_find(struct catalog *c, const unsigned char hash[USER_HASH_LEN], struct timespec now, struct session_record *out, struct user_record *user, struct error *e) MUST_USE;
int session_touch(struct catalog *c, int64_t id, struct timespec now, struct error *e) MUST_USE;     /* at most once a minute */
int session_list_of(struct catalog *c, int64_t user /* 0: all */, struct session_list *out, struct error *e) MUST_USE;
int session_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;
int session_remove_all(struct catalog *c, int64_t user /* 0: of everybody */, struct error *e) MUST_USE;
void session_json(const struct session_record *s, struct json_out *w);

struct token_record {
	int64_t id, user;               /* acts for this user, never above the user's role */
	char *name;
	unsigned char hash[USER_HASH_LEN];
	enum role scope;                /* at most */
	struct timespec created, used, expires;       /* expires zero: never */
};
void token_record_release(struct token_record *t);
struct token_list { struct token_record *v; size_t n, cap; };
void token_list_release(struct token_list *l);
int token_add(struct catalog *c, struct token_record *t, struct error *e) MUST_USE;
int token_find(struct catalog *c, const unsigned char hash[USER_HASH_LEN], struct timespec now, struct token_record *out, struct user_record *user, struct error *e) MUST_USE;
int token_touch(struct catalog *c, int64_t id, struct timespec now, struct error *e) MUST_USE;
int token_list_of(struct catalog *c, int64_t user /* 0: all */, struct token_list *out, struct error *e) MUST_USE;
int token_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;
void token_json(const struct token_record *t, struct json_out *w);

#endif
