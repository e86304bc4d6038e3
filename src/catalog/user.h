/* Who may: users, their sessions, API tokens (user.c, user_session.c, user_token.c). Of secrets only hashes are kept;
 * job/access.h and job/users.h make them, and give their texts to whoever is to see them once. */
#ifndef CATALOG_USER_H
#define CATALOG_USER_H

#include "catalog/catalog.h"

#define USER_HASH_LEN 32                              /* SHA-256 of a random text */

enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR, ROLE_ADMIN };     /* each may what those before it may */
const char *role_name(enum role r);                   /* "viewer" */
bool role_parse(const char *text, enum role *out);

struct user_record {
	int64_t id;
	char *name;                     /* unique without regard to case; user_name_ok() */
	enum role role;
	char *password;                 /* "scrypt$N$r$p$salt$hash", base64 (job/access.h); NULL: none yet */
	struct secret totp;             /* sealed at rest; empty: off */
	int64_t totp_step;              /* last one used: a code counts once */
	int64_t generation;             /* grows with each change of password, role and disabled, and with user_end_all(): what was
					 * signed for an older one (a JWT) is void, and a record read before is not written back */
	bool disabled;
	struct timespec created, changed, last_login;
};
void user_record_release(struct user_record *u);
struct user_list { struct user_record *v; size_t n, cap; };
void user_list_release(struct user_list *l);
/* 1..64 letters, digits, ". _ - @", a letter or digit first, not digits alone, which are numbers of users. */
bool user_name_ok(const char *name);
/* Sets id, generation, created, changed. -ERR_USAGE for the name, -ERR_EXISTS. */
int user_add(struct catalog *c, struct user_record *u, struct error *e) MUST_USE;
int user_get(struct catalog *c, int64_t id, struct user_record *out, struct error *e) MUST_USE;
int user_find(struct catalog *c, const char *name, struct user_record *out, struct error *e) MUST_USE;
int user_list_all(struct catalog *c, struct user_list *out, struct error *e) MUST_USE;         /* by name */
/* Name, role, password, TOTP, disabled. A new password, and being disabled, end the user's sessions. -ERR_REFUSED when the last
 * admin who can log in would be gone; -ERR_LOCKED when the record's generation is not the newest any more. */
int user_update(struct catalog *c, struct user_record *u, struct error *e) MUST_USE;
int user_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;        /* and all sessions and tokens; the same refusal */
int user_count(struct catalog *c, uint64_t *out, struct error *e) MUST_USE;
/* A login of u as it was read: sets last_login, and totp_step when `step` is not 0. -ERR_NOT_FOUND when the user was changed
 * meanwhile, or that step was used already. */
int user_note_login(struct catalog *c, const struct user_record *u, int64_t step, struct timespec now, struct error *e) MUST_USE;
/* All sessions of everybody end, and every generation grows. *sessions (may be NULL): how many there were. */
int user_end_all(struct catalog *c, uint64_t *sessions, struct error *e) MUST_USE;
void user_json(const struct user_record *u, struct json_out *w);      /* "password_known", "totp" as booleans */

/* One-time links by which the first admin is made, by the hash of their text. A link counts until it expires, or user_link_take()
 * takes them all: -ERR_NOT_FOUND when it is none of them. */
int user_link_add(struct catalog *c, const unsigned char hash[USER_HASH_LEN], struct timespec expires, struct error *e) MUST_USE;
int user_link_take(struct catalog *c, const unsigned char hash[USER_HASH_LEN], struct timespec now, struct error *e) MUST_USE;

struct session_record {
	int64_t id, user;
	unsigned char hash[USER_HASH_LEN];
	char csrf[65];                  /* hex, tied to the session */
	char *user_name;                /* of records that are read */
	char *address, *agent;
	struct timespec created, used, expires;
};
void session_record_release(struct session_record *s);
struct session_list { struct session_record *v; size_t n, cap; };
void session_list_release(struct session_list *l);
#define SESSION_MOST 50                               /* a user; beyond, those not used for longest go */
#define SESSION_DAYS 30                               /* from login to end, at the most */
/* Sets id; `created`, `used` and `expires` are the caller's. Those that have expired are swept out. */
int session_add(struct catalog *c, struct session_record *s, struct error *e) MUST_USE;
/* -ERR_NOT_FOUND when absent, expired at `now`, or its user is disabled. Gives the user too. */
int session_find(struct catalog *c, const unsigned char hash[USER_HASH_LEN], struct timespec now, struct session_record *out, struct user_record *user, struct error *e) MUST_USE;
/* At most once a minute: `used`, and `expires` moves on by as much, up to SESSION_DAYS after it was created. */
int session_touch(struct catalog *c, int64_t id, struct timespec now, struct error *e) MUST_USE;
int session_list_of(struct catalog *c, int64_t user /* 0: all */, struct session_list *out, struct error *e) MUST_USE;   /* newest first */
int session_get(struct catalog *c, int64_t id, struct session_record *out, struct error *e) MUST_USE;
int session_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;
int session_remove_all(struct catalog *c, int64_t user /* 0: of everybody */, struct error *e) MUST_USE;
void session_json(const struct session_record *s, struct json_out *w);

struct token_record {
	int64_t id, user;               /* acts for this user, never above the user's role */
	char *user_name;                /* of records that are read */
	char *name;                     /* unique among the user's; catalog/name.h */
	unsigned char hash[USER_HASH_LEN];
	enum role scope;                /* at most */
	struct timespec created, used, expires;       /* expires zero: never */
};
void token_record_release(struct token_record *t);
struct token_list { struct token_record *v; size_t n, cap; };
void token_list_release(struct token_list *l);
int token_add(struct catalog *c, struct token_record *t, struct error *e) MUST_USE;      /* sets id and created; -ERR_USAGE, -ERR_EXISTS */
int token_find(struct catalog *c, const unsigned char hash[USER_HASH_LEN], struct timespec now, struct token_record *out, struct user_record *user, struct error *e) MUST_USE;
int token_touch(struct catalog *c, int64_t id, struct timespec now, struct error *e) MUST_USE;       /* at most once a minute */
int token_get(struct catalog *c, int64_t id, struct token_record *out, struct error *e) MUST_USE;
int token_list_of(struct catalog *c, int64_t user /* 0: all */, struct token_list *out, struct error *e) MUST_USE;       /* by user and name */
int token_remove(struct catalog *c, int64_t id, struct error *e) MUST_USE;
void token_json(const struct token_record *t, struct json_out *w);

#endif
