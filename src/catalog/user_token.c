/* API tokens. */
#include "base/mem.h"
#include "catalog/name.h"
#include "catalog/user_inner.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS "token.id, token.user, token.name, token.hash, token.scope, token.created, token.used, token.expires, user.name"
#define FROM " FROM token JOIN user ON user.id = token.user"
enum { USER_AT = 9 };

void token_record_release(struct token_record *t)
{
	free(t->user_name);
	free(t->name);
	*t = (struct token_record){0};
}

void token_list_release(struct token_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		token_record_release(&l->v[i]);
	free(l->v);
	*l = (struct token_list){0};
}

static int read_row(const struct db_row *q, void *record, struct error *e)
{
	struct token_record *out = record;
	*out = (struct token_record){.id = db_i64(q, 0), .user = db_i64(q, 1)};
	if (user_read_hash(q, 3, out->hash) || !role_parse(db_text(q, 4), &out->scope))
		return error_set(e, ERR_CORRUPT, "token %lld is damaged", (long long)out->id);
	out->name = db_dup(q, 2);
	out->created = db_time(q, 5);
	out->used = db_time(q, 6);
	out->expires = db_time(q, 7);
	out->user_name = db_dup(q, 8);
	return 0;
}

int token_add(struct catalog *c, struct token_record *t, struct error *e)
{
	int rc = name_check("token", t->name, e);

	if (rc)
		return rc;
	t->created = db_now();
	rc = db_run(c, e, "INSERT INTO token (user, name, hash, scope, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", "isbstt",
			t->user, t->name, t->hash, sizeof t->hash, role_name(t->scope), t->created, t->expires);

	if (rc == -ERR_EXISTS)
		return error_set(e, ERR_EXISTS, "the user has a token named \"%s\" already", t->name);
	if (!rc)
		t->id = db_last_id(c);
	return rc;
}

struct owned {
	struct token_record token;
	struct user_record user;
};

static int read_owned(const struct db_row *q, void *record, struct error *e)
{
	struct owned *o = record;
	int rc = read_row(q, &o->token, e);

	if (!rc)
		rc = user_read(q, USER_AT, &o->user, e);
	if (rc)
		token_record_release(&o->token);
	return rc;
}

int token_find(struct catalog *c, const unsigned char hash[USER_HASH_LEN], struct timespec now, struct token_record *out,
	       struct user_record *user, struct error *e)
{
	struct owned found;
	struct db_row q;
	int rc = db_query(c, &q, e,
			  "SELECT " COLUMNS ", " USER_COLUMNS
			  FROM " WHERE token.hash = ?1 AND (token.expires IS NULL OR token.expires > ?2) AND NOT user.disabled",
			  "bt", hash, (size_t)USER_HASH_LEN, now);

	rc = db_one(&q, rc, read_owned, &found, sizeof found, e);
	*out = found.token;
	*user = found.user;
	if (rc)
		return rc > 0 ? 0 : rc;
	return error_set(e, ERR_NOT_FOUND, "the token is not valid");
}

int token_touch(struct catalog *c, int64_t id, struct timespec now, struct error *e)
{
	struct timespec minute_ago = {.tv_sec = now.tv_sec - 60, .tv_nsec = now.tv_nsec};

	return db_run_lightly(c, e, "UPDATE token SET used = ?2 WHERE id = ?1 AND (used IS NULL OR used <= ?3)", "itt", id, now, minute_ago);
}

int token_get(struct catalog *c, int64_t id, struct token_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS FROM " WHERE token.id = ?1", "i", id);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return error_set(e, ERR_NOT_FOUND, "there is no token with the number %lld", (long long)id);
}

int token_list_of(struct catalog *c, int64_t user, struct token_list *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS FROM " WHERE ?1 = 0 OR token.user = ?1 ORDER BY user.name, token.name", "i", user);

	rc = db_all(&q, rc, read_row, out, sizeof *out->v, e);
	if (rc)
		token_list_release(out);
	return rc;
}

int token_remove(struct catalog *c, int64_t id, struct error *e)
{
	int rc = db_run(c, e, "DELETE FROM token WHERE id = ?1", "i", id);

	if (!rc && !db_changed(c))
		rc = error_set(e, ERR_NOT_FOUND, "there is no token with the number %lld", (long long)id);
	return rc;
}

void token_json(const struct token_record *t, struct json_out *w)
{
	jw_object(w);
	jw_kv_i64(w, "id", t->id);
	jw_kv_i64(w, "user", t->user);
	jw_kv_string(w, "user_name", t->user_name);
	jw_kv_string(w, "name", t->name);
	jw_kv_string(w, "scope", role_name(t->scope));
	jw_kv_time(w, "created", t->created);
	jw_kv_time(w, "used", t->used);
	jw_kv_time(w, "expires", t->expires);
	jw_object_end(w);
}
