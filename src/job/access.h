/* Passwords, one-time codes, tokens, and who may try. */
#ifndef JOB_ACCESS_H
#define JOB_ACCESS_H

#include "catalog/user.h"

/* scrypt (RFC 7914) with N 2^15, r 8, p 1 (32 MiB), a random salt of 16 bytes: "scrypt$15$8$1$<salt>$<hash>". At least 10 characters, not the
 * user's name, not one of the hundred worst: -ERR_USAGE says what is wrong. Heap. */
int access_hash_password(const char *user, const struct secret *password, char **out, struct error *e) MUST_USE;
/* Takes the same time for a user that does not exist (stored NULL). */
bool access_check_password(const char *stored, const struct secret *password);

/* TOTP (RFC 6238): SHA-1, 6 digits, 30 s, a step earlier or later. A step not after `last` does not count; *step is the one that matched. */
bool access_check_totp(const struct secret *key, const char *code, int64_t now, int64_t last, int64_t *step);
char *access_totp_url(const char *user, const struct secret *key);        /* "otpauth://totp/..." */

/* JWT (RFC 7519), HS256 under a key derived from <state>/secret.key: {"sub","role","iat","exp","jti","gen"}. `gen` is the user's generation: it changes with the password, the role and a
 * restore over live data, which ends all tokens made before. Any other algorithm, a changed or expired one: -ERR_PASSWORD. */
int access_jwt_make(struct catalog *c, const struct user_record *u, int64_t now, uint64_t seconds, char **out, struct error *e) MUST_USE;
int access_jwt_check(struct catalog *c, const char *token, int64_t now, struct user_record *out, struct error *e) MUST_USE;

/* Log in: -ERR_PASSWORD "wrong name or password" (one text for whatever was wrong), -ERR_LOCKED "too many attempts; try again in 30 seconds" by account
 * (5 failures, then 1 s doubled up to 15 min) and by address (20), counted in the catalog, so that a restart forgets nothing. Audited. `code` NULL: none given; -ERR_REFUSED "a one-time code is needed". */
int access_login(struct catalog *c, const char *name, const struct secret *password, const char *code, const char *address, int64_t now, struct user_record *out, struct error *e) MUST_USE;

/* The first admin: made by whoever has the one-time link's text, which is written to the log at the first start and kept as a hash; valid until used. */
int access_first_link(struct catalog *c, char **text /* NULL: users exist already */, struct error *e) MUST_USE;
int access_first_admin(struct catalog *c, const char *link, const char *name, const struct secret *password, struct user_record *out, struct error *e) MUST_USE;

#endif
