/* Sessions. */
#include "base/mem.h"
#include "catalog/user_inner.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS "session.id, session.user, session.hash, session.csrf, session.address, session.agent, session.created, session.used, session.expires, user.name"
#define FROM " FROM session JOIN user ON user.id = session.user"
enum { USER_AT = 10 };
#define MICRO INT64_C(1000000)

void session_record_release(struct session_record *s)
{
	free(s->user_name);
	free(s->address);
	free(s->agent);
	secret_wipe(s->csrf, sizeof s->csrf);
	*s = (struct session_record){0};
}

void session_list_release(struct session_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		session_record_release(&l->v[i]);
	free(l->v);
	*l = (struct session_list){0};
}

static int read_row(const struct db_row *q, void *record, struct error *e)
{
	struct session_record *out = record;
	*out = (struct session_record){.id = db_i64(q, 0), .user = db_i64(q, 1)};
	const char *csrf = db_text(q, 3);

	if (user_read_hash(q, 2, out->hash) || strlen(csrf) >= sizeof out->csrf)
		return error_set(e, ERR_CORRUPT, "session %lld is damaged", (long long)out->id);
	memcpy(out->csrf, csrf, strlen(csrf));
	out->address = db_dup(q, 4);
	out->agent = db_dup(q, 5);
	out->created = db_time(q, 6);
	out->used = db_time(q, 7);
	out->expires = db_time(q, 8);
	out->user_name = db_dup(q, 9);
	return 0;
}

/* ---- begin and end ---- */

static int sweep(struct catalog *c, const struct session_record *s, struct error *e)
{
	int rc = db_run(c, e, "DELETE FROM session WHERE expires <= ?1", "t", s->created);

	return rc ? rc : db_run(c, e,
				"DELETE FROM session WHERE user = ?1 AND id NOT IN (SELECT id FROM session WHERE user = ?1 ORDER BY used DESC, id DESC LIMIT ?2)",
				"ii", s->user, (int64_t)SESSION_MOST);
}

static int insert(struct catalog *c, struct session_record *s, struct error *e)
{
	int rc = db_run(c, e,
			"INSERT INTO session (user, hash, csrf, address, agent, created, used, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
			"ibsssttt", s->user, s->hash, sizeof s->hash, s->csrf, s->address, s->agent, s->created, s->used, s->expires);

	if (rc)
		return rc;
	s->id = db_last_id(c);
	return sweep(c, s, e);
}

int session_add(struct catalog *c, struct session_record *s, struct error *e)
{
	int rc = catalog_begin(c, e);

	return rc ? rc : catalog_end(c, insert(c, s, e), e);
}

static int no_such(int64_t id, struct error *e)
{
	return error_set(e, ERR_NOT_FOUND, "there is no session with the number %lld", (long long)id);
}

int session_get(struct catalog *c, int64_t id, struct session_record *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS FROM " WHERE session.id = ?1", "i", id);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return no_such(id, e);
}

int session_remove(struct catalog *c, int64_t id, struct error *e)
{
	int rc = db_run(c, e, "DELETE FROM session WHERE id = ?1", "i", id);

	if (!rc && !db_changed(c))
		rc = no_such(id, e);
	return rc;
}

int session_remove_all(struct catalog *c, int64_t user, struct error *e)
{
	return db_run(c, e, "DELETE FROM session WHERE ?1 = 0 OR user = ?1", "i", user);
}

/* ---- use ---- */

struct owned {
	struct session_record session;
	struct user_record user;
};

static int read_owned(const struct db_row *q, void *record, struct error *e)
{
	struct owned *o = record;
	int rc = read_row(q, &o->session, e);

	if (!rc)
		rc = user_read(q, USER_AT, &o->user, e);
	if (rc)
		session_record_release(&o->session);
	return rc;
}

int session_find(struct catalog *c, const unsigned char hash[USER_HASH_LEN], struct timespec now, struct session_record *out,
		 struct user_record *user, struct error *e)
{
	struct owned found;
	struct db_row q;
	int rc = db_query(c, &q, e,
			  "SELECT " COLUMNS ", " USER_COLUMNS
			  FROM " WHERE session.hash = ?1 AND session.expires > ?2 AND NOT user.disabled",
			  "bt", hash, (size_t)USER_HASH_LEN, now);

	rc = db_one(&q, rc, read_owned, &found, sizeof found, e);
	*out = found.session;
	*user = found.user;
	if (rc)
		return rc > 0 ? 0 : rc;
	return error_set(e, ERR_NOT_FOUND, "the session has ended");
}

int session_touch(struct catalog *c, int64_t id, struct timespec now, struct error *e)
{
	struct timespec minute_ago = {.tv_sec = now.tv_sec - 60, .tv_nsec = now.tv_nsec};

	return db_run_lightly(c, e,
			      "UPDATE session SET used = ?2, expires = min(created + ?3, ?2 + expires - used) WHERE id = ?1 AND used <= ?4",
			      "itit", id, now, SESSION_DAYS * 86400 * MICRO, minute_ago);
}

int session_list_of(struct catalog *c, int64_t user, struct session_list *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " COLUMNS FROM " WHERE ?1 = 0 OR session.user = ?1 ORDER BY session.id DESC", "i", user);

	rc = db_all(&q, rc, read_row, out, sizeof *out->v, e);
	if (rc)
		session_list_release(out);
	return rc;
}

void session_json(const struct session_record *s, struct json_out *w)
{
	jw_object(w);
	jw_kv_i64(w, "id", s->id);
	jw_kv_i64(w, "user", s->user);
	jw_kv_string(w, "user_name", s->user_name);
	jw_kv_string(w, "address", s->address);
	jw_kv_string(w, "agent", s->agent);
	jw_kv_time(w, "created", s->created);
	jw_kv_time(w, "used", s->used);
	jw_kv_time(w, "expires", s->expires);
	jw_object_end(w);
}
