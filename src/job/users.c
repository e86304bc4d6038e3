#include "job/users.h"

#include "base/human.h"
#include "base/mem.h"
#include "catalog/attempt.h"
#include "catalog/audit.h"
#include "job/access.h"
#include "job/access_inner.h"

#include <stdlib.h>
#include <string.h>

/* Both the change, which ended with rc, and its row, or neither. */
static int audited(struct catalog *c, int rc, const struct users_by *by, const char *action, const char *object, const char *details, struct error *e)
{
	if (!rc)
		rc = audit_add(c, by->who, by->address, action, object, e, "%s", details ? details : "");
	return catalog_end(c, rc, e);
}

static int update(struct catalog *c, const struct users_by *by, struct user_record *u, const char *action, const char *details, struct error *e)
{
	int rc = catalog_begin(c, e);

	return rc ? rc : audited(c, user_update(c, u, e), by, action, u->name, details, e);
}

/* ---- users ---- */

int users_add(struct catalog *c, const struct users_by *by, const char *name, enum role role, const struct secret *password,
	      struct user_record *out, struct error *e)
{
	AUTO_FREE char *details = mem_printf("as %s", role_name(role));
	int rc;

	*out = (struct user_record){.name = mem_string(name), .role = role};
	rc = password ? access_hash_password(name, password, &out->password, e) : 0;
	if (!rc)
		rc = catalog_begin(c, e);
	if (!rc)
		rc = audited(c, user_add(c, out, e), by, "user-add", name, details, e);
	if (rc)
		user_record_release(out);
	return rc;
}

static int lift_throttling(struct catalog *c, const struct user_record *u, struct error *e)
{
	AUTO_FREE char *key = access_account_key(u->name);

	return attempt_forget(c, key, e);
}

static int update_and_lift(struct catalog *c, struct user_record *u, struct error *e)
{
	int rc = user_update(c, u, e);

	return rc ? rc : lift_throttling(c, u, e);
}

int users_password(struct catalog *c, const struct users_by *by, struct user_record *u, const struct secret *password, struct error *e)
{
	AUTO_FREE char *hash = NULL;
	int rc = access_hash_password(u->name, password, &hash, e);

	if (!rc)
		rc = catalog_begin(c, e);
	if (rc)
		return rc;
	free(u->password);
	u->password = TAKE(hash);
	return audited(c, update_and_lift(c, u, e), by, "user-password", u->name, NULL, e);
}

int users_role(struct catalog *c, const struct users_by *by, struct user_record *u, enum role role, struct error *e)
{
	AUTO_FREE char *details = mem_printf("from %s to %s", role_name(u->role), role_name(role));

	u->role = role;
	return update(c, by, u, "user-role", details, e);
}

int users_disable(struct catalog *c, const struct users_by *by, struct user_record *u, bool disabled, struct error *e)
{
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	u->disabled = disabled;
	rc = disabled ? user_update(c, u, e) : update_and_lift(c, u, e);
	return audited(c, rc, by, disabled ? "user-disable" : "user-enable", u->name, NULL, e);
}

int users_remove(struct catalog *c, const struct users_by *by, const struct user_record *u, struct error *e)
{
	int rc = catalog_begin(c, e);

	return rc ? rc : audited(c, user_remove(c, u->id, e), by, "user-remove", u->name, NULL, e);
}

/* ---- one-time codes ---- */

int users_totp(struct catalog *c, const struct users_by *by, struct user_record *u, const struct secret *key, const char *code, int64_t now,
	       struct error *e)
{
	int64_t step;

	if (!access_check_totp(key, code, now, u->totp_step, &step))
		return error_set(e, ERR_PASSWORD, "the code does not belong to this key");
	secret_set(&u->totp, key->p, key->len);
	u->totp_step = step;
	return update(c, by, u, "user-totp-on", NULL, e);
}

int users_totp_off(struct catalog *c, const struct users_by *by, struct user_record *u, struct error *e)
{
	secret_release(&u->totp);
	return update(c, by, u, "user-totp-off", NULL, e);
}

/* ---- tokens ---- */

static char *token_details(const struct user_record *u, enum role scope, uint64_t seconds)
{
	char until[HUMAN_MAX];

	if (!seconds)
		return mem_printf("of %s, as %s, for ever", u->name, role_name(scope));
	return mem_printf("of %s, as %s, for %s", u->name, role_name(scope), human_duration((double)seconds, until));
}

int users_token_add(struct catalog *c, const struct users_by *by, const struct user_record *u, const char *name, enum role scope,
		    uint64_t seconds, struct token_record *out, char **text, struct error *e)
{
	AUTO_FREE char *details = token_details(u, scope, seconds);
	int rc;

	*text = NULL;
	*out = (struct token_record){0};
	if (scope > u->role)
		return error_set(e, ERR_REFUSED, "%s is %s: a token cannot be more", u->name, role_name(u->role));
	*out = (struct token_record){.user = u->id, .user_name = mem_string(u->name), .name = mem_string(name), .scope = scope};
	if (seconds)
		out->expires.tv_sec = time_now().tv_sec + (time_t)seconds;
	AUTO_FREE char *secret = access_random_text("bst_", out->hash);

	rc = catalog_begin(c, e);
	if (!rc)
		rc = audited(c, token_add(c, out, e), by, "token-add", name, details, e);
	if (rc)
		token_record_release(out);
	else
		*text = TAKE(secret);
	return rc;
}

static int revoke(struct catalog *c, int64_t token, char **name, char **details, struct error *e)
{
	CLEANUP(token_record_release) struct token_record t = {0};
	CLEANUP(user_record_release) struct user_record u = {0};
	int rc = token_get(c, token, &t, e);

	if (!rc)
		rc = user_get(c, t.user, &u, e);
	if (!rc)
		rc = token_remove(c, token, e);
	*name = TAKE(t.name);
	*details = u.name ? mem_printf("of %s", u.name) : NULL;
	return rc;
}

int users_token_revoke(struct catalog *c, const struct users_by *by, int64_t token, struct error *e)
{
	AUTO_FREE char *name = NULL;
	AUTO_FREE char *details = NULL;
	int rc = catalog_begin(c, e);

	if (rc)
		return rc;
	rc = revoke(c, token, &name, &details, e);
	return audited(c, rc, by, "token-revoke", name, details, e);
}
