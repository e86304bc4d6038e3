/* Users, and the links by which the first of them is made. */
#include "base/mem.h"
#include "catalog/name.h"
#include "catalog/user_inner.h"

#include <stdlib.h>
#include <string.h>

/* ---- roles and names ---- */

static const char *const roles[] = {"none", "viewer", "operator", "admin"};

const char *role_name(enum role r)
{
	return (size_t)r < ARRAY_LEN(roles) ? roles[r] : "unknown";
}

bool role_parse(const char *text, enum role *out)
{
	for (size_t i = ROLE_VIEWER; i < ARRAY_LEN(roles); i++)
		if (!strcmp(text, roles[i])) {
			*out = (enum role)i;
			return true;
		}
	return false;
}

/* Names are ASCII, whatever the locale. */
bool user_name_ok(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@";
	size_t n = strlen(name);

	return n >= 1 && n <= NAME_LEN && strspn(name, letters) == n && !strchr("._-@", name[0]) && strspn(name, "0123456789") < n;
}

static int check_name(const char *name, struct error *e)
{
	if (name && user_name_ok(name))
		return 0;
	error_set(e, ERR_USAGE, "a user cannot be called \"%.100s\"", name ? name : "");
	error_field(e, "name");
	return error_hint(e, "a name has 1 to %d letters, digits, \".\", \"_\", \"-\" and \"@\", and begins with a letter or digit; digits alone are none", NAME_LEN);
}

/* ---- records ---- */

void user_record_release(struct user_record *u)
{
	free(u->name);
	if (u->password)
		secret_wipe(u->password, strlen(u->password));
	free(u->password);
	secret_release(&u->totp);
	*u = (struct user_record){0};
}

void user_list_release(struct user_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		user_record_release(&l->v[i]);
	free(l->v);
	*l = (struct user_list){0};
}

static char *totp_about(int64_t id)
{
	return mem_printf("user %lld totp", (long long)id);
}

int user_read_hash(const struct db_row *q, int column, unsigned char out[USER_HASH_LEN])
{
	size_t n;
	const void *p = db_blob(q, column, &n);

	if (n != USER_HASH_LEN)
		return -1;
	memcpy(out, p, n);
	return 0;
}

int user_read(const struct db_row *q, int at, struct user_record *out, struct error *e)
{
	*out = (struct user_record){
		.id = db_i64(q, at), .name = db_dup(q, at + 1), .password = db_dup(q, at + 3),
		.totp_step = db_i64(q, at + 5), .generation = db_i64(q, at + 6), .disabled = db_bool(q, at + 7),
		.created = db_time(q, at + 8), .changed = db_time(q, at + 9), .last_login = db_time(q, at + 10),
	};
	AUTO_FREE char *about = totp_about(out->id);
	int rc = db_secret(q, at + 4, about, &out->totp, e);

	if (!rc && !role_parse(db_text(q, at + 2), &out->role))
		rc = error_set(e, ERR_CORRUPT, "the role \"%s\" is none", db_text(q, at + 2));
	if (!rc)
		return 0;
	error_wrap(e, "user %s", out->name);
	user_record_release(out);
	return rc;
}

static int read_row(const struct db_row *q, void *record, struct error *e)
{
	return user_read(q, 0, record, e);
}

int user_get(struct catalog *c, int64_t id, struct user_record *out, struct error *e)
{
	struct db_row q = {0};
	int rc = db_query(c, &q, e, "SELECT " USER_COLUMNS " FROM user WHERE user.id = ?1", "i", id);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return error_set(e, ERR_NOT_FOUND, "there is no user with the number %lld", (long long)id);
}

int user_find(struct catalog *c, const char *name, struct user_record *out, struct error *e)
{
	struct db_row q = {0};
	int rc = db_query(c, &q, e, "SELECT " USER_COLUMNS " FROM user WHERE user.name = ?1", "s", name);

	rc = db_one(&q, rc, read_row, out, sizeof *out, e);
	if (rc)
		return rc > 0 ? 0 : rc;
	return error_set(e, ERR_NOT_FOUND, "there is no user named \"%s\"", name);
}

int user_list_all(struct catalog *c, struct user_list *out, struct error *e)
{
	struct db_row q;
	int rc = db_query(c, &q, e, "SELECT " USER_COLUMNS " FROM user ORDER BY user.name", "");

	rc = db_all(&q, rc, read_row, out, sizeof *out->v, e);
	if (rc)
		user_list_release(out);
	return rc;
}

int user_count(struct catalog *c, uint64_t *out, struct error *e)
{
	int64_t n = 0;
	int rc = db_number(c, &n, e, "SELECT count(*) FROM user", "");

	*out = (uint64_t)n;
	return rc;
}

void user_json(const struct user_record *u, struct json_out *w)
{
	jw_object(w);
	jw_kv_i64(w, "id", u->id);
	jw_kv_string(w, "name", u->name);
	jw_kv_string(w, "role", role_name(u->role));
	jw_kv_bool(w, "disabled", u->disabled);
	jw_kv_bool(w, "password_known", u->password != NULL);
	jw_kv_bool(w, "totp", u->totp.len > 0);
	jw_kv_time(w, "created", u->created);
	jw_kv_time(w, "changed", u->changed);
	jw_kv_time(w, "last_login", u->last_login);
	jw_object_end(w);
}

/* ---- changes ---- */

static int able_admins(struct catalog *c, int64_t *n, struct error *e)
{
	return db_number(c, n, e, "SELECT count(*) FROM user WHERE role = 'admin' AND NOT disabled AND password IS NOT NULL", "");
}

/* After a change, when there were `before` admins who can log in. */
static int keep_admin(struct catalog *c, int64_t before, struct error *e)
{
	int64_t after;
	int rc = able_admins(c, &after, e);

	if (rc || after || !before)
		return rc;
	error_set(e, ERR_REFUSED, "no admin who can log in would be left");
	return error_hint_typed(e, "make another admin first", ": backstay user add NAME --role admin");
}

static int taken(int rc, const char *name, struct error *e)
{
	if (rc != -ERR_EXISTS)
		return rc;
	error_set(e, ERR_EXISTS, "there is a user named \"%s\" already", name);
	return error_field(e, "name");
}

/* The record that is there, with the values of *u. */
static int write(struct catalog *c, const struct user_record *u, struct error *e)
{
	AUTO_FREE char *about = totp_about(u->id);

	return db_run(c, e,
		      "UPDATE user SET name = ?2, role = ?3, password = ?4, totp = ?5, totp_step = max(totp_step, ?6), generation = ?7, disabled = ?8, changed = ?9 WHERE id = ?1",
		      "isssSiiit", u->id, u->name, role_name(u->role), u->password, &u->totp, about, u->totp_step, u->generation,
		      (int64_t)u->disabled, u->changed);
}

/* The TOTP key is sealed with the id, which is known only once there is a row. */
static int insert(struct catalog *c, struct user_record *u, struct error *e)
{
	int rc = db_run(c, e, "INSERT INTO user (name, role, created, changed) VALUES (?1, ?2, ?3, ?4)", "sstt", u->name,
			role_name(u->role), u->created, u->changed);

	if (rc)
		return taken(rc, u->name, e);
	u->id = db_last_id(c);
	return write(c, u, e);
}

int user_add(struct catalog *c, struct user_record *u, struct error *e)
{
	int rc = check_name(u->name, e);

	if (!rc)
		rc = catalog_begin(c, e);
	if (rc)
		return rc;
	u->created = u->changed = db_now();
	u->generation = 1;
	return catalog_end(c, insert(c, u, e), e);
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static int change(struct catalog *c, struct user_record *u, struct error *e)
{
	CLEANUP(user_record_release) struct user_record old = {0};
	int64_t admins;
	int rc = user_get(c, u->id, &old, e);

	if (!rc && old.generation != u->generation)
		rc = error_set(e, ERR_LOCKED, "user %s was changed meanwhile", old.name);
	if (!rc)
		rc = able_admins(c, &admins, e);
	if (rc)
		return rc;
	bool sessions_end = !same(old.password, u->password) || (u->disabled && !old.disabled);

	u->generation += sessions_end || u->disabled != old.disabled || u->role != old.role;
	u->changed = db_now();
	rc = taken(write(c, u, e), u->name, e);
	if (!rc)
		rc = keep_admin(c, admins, e);
	if (!rc && sessions_end)
		rc = session_remove_all(c, u->id, e);
	if (rc)
		u->generation = old.generation;
	return rc;
}

int user_update(struct catalog *c, struct user_record *u, struct error *e)
{
	int rc = check_name(u->name, e);

	if (!rc)
		rc = catalog_begin(c, e);
	return rc ? rc : catalog_end(c, change(c, u, e), e);
}

static int remove_row(struct catalog *c, int64_t id, struct error *e)
{
	int64_t admins;
	int rc = able_admins(c, &admins, e);

	if (!rc)
		rc = db_run(c, e, "DELETE FROM user WHERE id = ?1", "i", id);
	if (!rc && !db_changed(c))
		rc = error_set(e, ERR_NOT_FOUND, "there is no user with the number %lld", (long long)id);
	return rc ? rc : keep_admin(c, admins, e);
}

int user_remove(struct catalog *c, int64_t id, struct error *e)
{
	int rc = catalog_begin(c, e);

	return rc ? rc : catalog_end(c, remove_row(c, id, e), e);
}

int user_note_login(struct catalog *c, const struct user_record *u, int64_t step, struct timespec now, struct error *e)
{
	int rc = db_run(c, e,
			"UPDATE user SET last_login = ?4, totp_step = max(totp_step, ?3) WHERE id = ?1 AND generation = ?2 AND NOT disabled AND (?3 = 0 OR totp_step < ?3)",
			"iiit", u->id, u->generation, step, now);

	if (!rc && !db_changed(c))
		rc = error_set(e, ERR_NOT_FOUND, "user %s was changed meanwhile, or the code was used already", u->name);
	return rc;
}

static int end_all(struct catalog *c, struct error *e)
{
	int rc = session_remove_all(c, 0, e);

	return rc ? rc : db_run(c, e, "UPDATE user SET generation = generation + 1", "");
}

int user_end_all(struct catalog *c, uint64_t *sessions, struct error *e)
{
	int64_t n = 0;
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	rc = db_number(c, &n, e, "SELECT count(*) FROM session", "");
	if (!rc)
		rc = end_all(c, e);
	if (sessions)
		*sessions = (uint64_t)n;
	return catalog_end(c, rc, e);
}

/* ---- first links ---- */

int user_link_add(struct catalog *c, const unsigned char hash[USER_HASH_LEN], struct timespec expires, struct error *e)
{
	return db_run(c, e, "INSERT INTO first_link (hash, expires) VALUES (?1, ?2)", "bt", hash, (size_t)USER_HASH_LEN, expires);
}

static int take_link(struct catalog *c, const unsigned char hash[USER_HASH_LEN], struct timespec now, struct error *e)
{
	int rc = db_run(c, e, "DELETE FROM first_link WHERE hash = ?1 AND expires > ?2", "bt", hash, (size_t)USER_HASH_LEN, now);

	if (!rc && !db_changed(c))
		rc = error_set(e, ERR_NOT_FOUND, "the link is not valid any more");
	return rc ? rc : db_run(c, e, "DELETE FROM first_link", "");
}

int user_link_take(struct catalog *c, const unsigned char hash[USER_HASH_LEN], struct timespec now, struct error *e)
{
	int rc = catalog_begin(c, e);

	return rc ? rc : catalog_end(c, take_link(c, hash, now, e), e);
}
