/* Passwords, one-time codes, tokens, and who may try. What changes users and tokens is job/users.h. */
#ifndef JOB_ACCESS_H
#define JOB_ACCESS_H

#include "catalog/user.h"

/* ---- access_password.c ---- */

/* scrypt (RFC 7914) with N 2^15, r 8, p 1 (32 MiB), a random salt of 16 bytes: "scrypt$15$8$1$<salt>$<hash>". 10 to 1024 bytes, not the
 * user's name, not one of the hundred worst: -ERR_USAGE says what is wrong. Heap. */
int access_hash_password(const char *user, const struct secret *password, char **out, struct error *e) MUST_USE;
/* Takes the same time for a user that does not exist (stored NULL). One password at a time is stretched, so that a flood of
 * logins takes no more memory than one. */
bool access_check_password(const char *stored, const struct secret *password);

/* ---- access_totp.c ---- */

#define ACCESS_TOTP_KEY 20
/* TOTP (RFC 6238): SHA-1, 6 digits, 30 s, a step earlier or later. A step not after `last` does not count; *step is the one that matched. */
bool access_check_totp(const struct secret *key, const char *code, int64_t now, int64_t last, int64_t *step);
void access_totp_key(struct secret *out);                                  /* a new one */
char *access_totp_text(const struct secret *key);                          /* base32, for typing */
bool access_totp_parse(const char *text, struct secret *out);              /* the other way; only keys of ACCESS_TOTP_KEY bytes */
char *access_totp_url(const char *user, const struct secret *key);         /* "otpauth://totp/..." */

/* ---- access_jwt.c ---- */

#define ACCESS_JWT_MAX 2048
/* JWT (RFC 7519), HS256 under a key derived from <state>/secret.key: {"sub" (the user's id), "name", "role", "iat", "exp", "jti", "gen"}. `gen` is the
 * user's generation: it changes with the password, the role and a restore over live data, which ends all tokens made before. Any other algorithm, a changed
 * or expired one, a user who is disabled: -ERR_PASSWORD. `role` is the token's and never above the user's. */
int access_jwt_make(struct catalog *c, const struct user_record *u, int64_t now, uint64_t seconds, char **out, struct error *e) MUST_USE;
int access_jwt_check(struct catalog *c, const char *token, int64_t now, struct user_record *out, struct error *e) MUST_USE;
struct access_claims {
	int64_t user, issued, expires, generation;
	enum role role;
};
/* The part that needs no catalog: the signature under `key`, then the claims. -ERR_PASSWORD. */
int access_jwt_read(const struct secret *key, const char *token, int64_t now, struct access_claims *out, struct error *e) MUST_USE;

/* ---- access_login.c ---- */

/* Log in: -ERR_TEMPORARY when three do so at this moment already, -ERR_PASSWORD "wrong name or password" (one text for whatever was wrong), -ERR_LOCKED "too many attempts; try again in 30 seconds" by account
 * (5 failures, then 1 s doubled up to 15 min) and by address (20), counted in the catalog, so that a restart forgets nothing. Audited. `code` NULL: none given; -ERR_REFUSED "a one-time code is needed". */
int access_login(struct catalog *c, const char *name, const struct secret *password, const char *code, const char *address, int64_t now, struct user_record *out, struct error *e) MUST_USE;

/* Whether somebody who is logged in as u knows the password, before something is changed that it protects: -ERR_PASSWORD "the password is wrong".
 * Throttled together with logins. */
int access_confirm(struct catalog *c, const struct user_record *u, const struct secret *password, const char *address, int64_t now, struct error *e) MUST_USE;

/* ---- access_token.c ---- */

/* SHA-256 of the text of a session, token or link: what is kept of it. */
void access_hash(const char *text, unsigned char out[USER_HASH_LEN]);
/* An API token by its text ("bst_..."); its use is noted. *role: the least of its scope and the user's role. -ERR_NOT_FOUND as token_find(). */
int access_token_find(struct catalog *c, const char *text, int64_t now, struct token_record *out, struct user_record *user, enum role *role, struct error *e) MUST_USE;

/* ---- access_session.c ---- */

/* A session for who has logged in: always a new one, with a text nobody knew before. It ends `session_hours` (setting) after its last use. */
int access_session_begin(struct catalog *c, const struct user_record *u, const char *address, const char *agent, int64_t now, struct session_record *out, char **text, struct error *e) MUST_USE;
/* By its text; -ERR_NOT_FOUND as session_find(). Its use is noted. */
int access_session_find(struct catalog *c, const char *text, int64_t now, struct session_record *out, struct user_record *user, struct error *e) MUST_USE;
int access_logout(struct catalog *c, const char *who, const char *address, int64_t session, struct error *e) MUST_USE;       /* audited, with whose it was */

/* ---- access_restore.c ---- */

/* After data that is in use was replaced: all sessions end, and the command of the setting restore_command is run, so that the application can end its
 * own. Does nothing where there is no catalog. What went wrong is told in `warnings`: the restore is done. */
struct progress;
void access_after_restore(const char *who, struct progress *p, struct strlist *warnings);

/* ---- access_client.c ---- */

/* Whose request it is (heap): `peer`, the address at the other end of the connection, unless that is one of `trusted`. Then the last address in
 * `forwarded` (X-Forwarded-For; may be NULL) that is not trusted. `trusted`: addresses and networks ("10.0.0.0/8", "::1", "unix"), parted by commas
 * or blanks; empty or NULL: none. Ports are cut off; what is no address ends the search. */
char *access_client(const char *peer, const char *forwarded, const char *trusted);
bool access_client_trusted(const char *peer, const char *trusted);        /* so that X-Forwarded-Proto may be believed too */
/* "10.0.0.7", "2001:db8:1:2::/64": what is counted as one place. Heap. */
char *access_client_place(const char *address);

/* ---- access_first.c ---- */

/* The first admin: made by whoever has the one-time link's text, which is written to the log when the daemon starts without users and kept as a hash; each is valid until a
 * user was made, at most a day. */
int access_first_link(struct catalog *c, int64_t now, char **text /* NULL: users exist already */, struct error *e) MUST_USE;
/* -ERR_NOT_FOUND "the link is not valid any more". */
int access_first_admin(struct catalog *c, const char *link, const char *name, const struct secret *password, const char *address, int64_t now, struct user_record *out, struct error *e) MUST_USE;

#endif
