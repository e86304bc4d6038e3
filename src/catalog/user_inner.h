/* What user.c, user_session.c and user_token.c share. */
#ifndef CATALOG_USER_INNER_H
#define CATALOG_USER_INNER_H

#include "catalog/db.h"
#include "catalog/user.h"

#define USER_COLUMNS "user.id, user.name, user.role, user.password, user.totp, user.totp_step, user.generation, user.disabled, user.created, user.changed, user.last_login"
/* Of a row that has USER_COLUMNS from the column `at` on. */
int user_read(const struct db_row *q, int at, struct user_record *out, struct error *e) MUST_USE;
/* Not 0 when it has another length. */
int user_read_hash(const struct db_row *q, int column, unsigned char out[USER_HASH_LEN]) MUST_USE;

#endif
