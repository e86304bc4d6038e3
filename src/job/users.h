/* Changes to users and API tokens, each with its row in the audit trail: one way for the command line and the API.
 * Errors beyond those of catalog/user.h: -ERR_USAGE for a password that is not good enough. */
#ifndef JOB_USERS_H
#define JOB_USERS_H

#include "catalog/user.h"

struct users_by { const char *who, *address; };      /* who does it: "root on the command line", "maria"; address may be NULL */

/* `password` NULL: none yet, nobody can log in so. */
int users_add(struct catalog *c, const struct users_by *by, const char *name, enum role role, const struct secret *password, struct user_record *out, struct error *e) MUST_USE;
/* These change u and write it. */
int users_password(struct catalog *c, const struct users_by *by, struct user_record *u, const struct secret *password, struct error *e) MUST_USE;    /* and lifts a throttling */
int users_role(struct catalog *c, const struct users_by *by, struct user_record *u, enum role role, struct error *e) MUST_USE;
int users_disable(struct catalog *c, const struct users_by *by, struct user_record *u, bool disabled, struct error *e) MUST_USE;                     /* enabling lifts a throttling */
int users_remove(struct catalog *c, const struct users_by *by, const struct user_record *u, struct error *e) MUST_USE;
/* `code` proves that the key arrived: -ERR_PASSWORD "the code does not belong to this key". */
int users_totp(struct catalog *c, const struct users_by *by, struct user_record *u, const struct secret *key, const char *code, int64_t now, struct error *e) MUST_USE;
int users_totp_off(struct catalog *c, const struct users_by *by, struct user_record *u, struct error *e) MUST_USE;

/* A token for u: *text ("bst_...") is shown once. `seconds` 0: never expires. -ERR_REFUSED for a scope above the user's role. */
int users_token_add(struct catalog *c, const struct users_by *by, const struct user_record *u, const char *name, enum role scope, uint64_t seconds, struct token_record *out, char **text, struct error *e) MUST_USE;
int users_token_revoke(struct catalog *c, const struct users_by *by, int64_t token, struct error *e) MUST_USE;

#endif
