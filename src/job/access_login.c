/* Logging in. */
#include "base/log.h"
#include "base/mem.h"
#include "catalog/attempt.h"
#include "catalog/audit.h"
#include "job/access.h"
#include "job/access_inner.h"

#include <ctype.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ALLOWED_ACCOUNT 5
#define ALLOWED_ADDRESS 20
#define FLOOD "audit:login-failed"
#define AT_ONCE 3                     /* passwords are stretched one after the other: more would only wait */

static atomic_int under_way;

struct login {
	struct catalog *c;
	const char *name, *address;
	struct timespec now;
	char *account;              /* keys of attempts; NULL: no user can have that name */
	char *place;
};

static void login_release(struct login *l)
{
	free(l->account);
	free(l->place);
}

char *access_account_key(const char *name)
{
	char *key = mem_printf("user:%s", name);

	for (char *p = key; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return key;
}

static void login_init(struct login *l, struct catalog *c, const char *name, const char *address, int64_t now)
{
	AUTO_FREE char *place = access_client_place(address);

	*l = (struct login){.c = c, .name = name, .address = address, .now = {.tv_sec = now}};
	l->account = user_name_ok(name) ? access_account_key(name) : NULL;
	l->place = mem_printf("address:%s", place);
}

/* ---- attempts ---- */

static int begin_both(const struct login *l, struct error *e)
{
	int rc = attempt_begin(l->c, l->place, ALLOWED_ADDRESS, l->now, e);

	if (!rc && l->account)
		rc = attempt_begin(l->c, l->account, ALLOWED_ACCOUNT, l->now, e);
	return rc;
}

/* Both or neither are counted. */
static int begin_attempt(const struct login *l, struct error *e)
{
	int rc = catalog_begin(l->c, e);

	return rc ? rc : catalog_end(l->c, begin_both(l, e), e);
}

static int not_counted(const struct login *l, struct error *e)
{
	int rc = attempt_take_back(l->c, l->place, e);

	return rc || !l->account ? rc : attempt_take_back(l->c, l->account, e);
}

/* So that logins alone do not take all threads of whoever calls. */
static int take_turn(struct error *e)
{
	if (atomic_fetch_add(&under_way, 1) < AT_ONCE)
		return 0;
	atomic_fetch_sub(&under_way, 1);
	error_set(e, ERR_TEMPORARY, "too many log in at this moment");
	return error_hint(e, "try again in a second");
}

static void end_turn(void)
{
	atomic_fetch_sub(&under_way, 1);
}

/* ---- what is told ---- */

/* What was typed may be a password in the wrong field: only a name that is somebody's is written down. */
static int tell_failure(const struct login *l, const struct user_record *u, struct error *e)
{
	uint64_t untold;
	bool told;
	int rc = attempt_tell(l->c, FLOOD, l->now, &told, &untold, e);

	log_write(LOG_WARNING, "access", "login failed for %s from %s", u->id ? u->name : "an unknown name", l->address);
	if (rc || !told)
		return rc;
	AUTO_FREE char *more = untold ? mem_printf("and %llu more before this one", (unsigned long long)untold) : mem_string("");

	return audit_add(l->c, "-", l->address, "login-failed", u->name, e, "%s", more);
}

/* One text for whatever was wrong. */
static int failed(const struct login *l, const struct user_record *u, const char *code, struct error *e)
{
	int rc = tell_failure(l, u, e);

	return rc ? rc : error_set(e, ERR_PASSWORD, code ? "wrong name, password or one-time code" : "wrong name or password");
}

static int succeeded(const struct login *l, struct user_record *u, int64_t step, struct error *e)
{
	int rc = user_note_login(l->c, u, step, l->now, e);

	if (!rc)
		rc = attempt_forget(l->c, l->account, e);
	if (!rc)
		rc = attempt_take_back(l->c, l->place, e);
	return rc ? rc : audit_add(l->c, u->name, l->address, "login", NULL, e, NULL);
}

/* ---- the login ---- */

/* -ERR_NOT_FOUND leaves u empty. */
static int look_up(const struct login *l, struct user_record *u, struct error *e)
{
	int rc = l->account ? user_find(l->c, l->name, u, e) : -ERR_NOT_FOUND;

	return rc == -ERR_NOT_FOUND ? 0 : rc;
}

static int check(const struct login *l, const struct secret *password, const char *code, struct user_record *u, struct error *e)
{
	int64_t step = 0;
	int rc = look_up(l, u, e);

	if (rc)
		return rc;
	if (!access_check_password(u->disabled ? NULL : u->password, password))
		return failed(l, u, code, e);
	if (u->totp.len && !code) {
		rc = not_counted(l, e);
		return rc ? rc : error_set(e, ERR_REFUSED, "a one-time code is needed");
	}
	if (u->totp.len && !access_check_totp(&u->totp, code, l->now.tv_sec, u->totp_step, &step))
		return failed(l, u, code, e);
	rc = catalog_begin(l->c, e);
	if (rc)
		return rc;
	rc = catalog_end(l->c, succeeded(l, u, step, e), e);
	return rc == -ERR_NOT_FOUND ? failed(l, u, code, e) : rc;
}

static int confirm(const struct login *l, const struct user_record *u, const struct secret *password, struct error *e)
{
	if (!access_check_password(u->password, password)) {
		int rc = tell_failure(l, u, e);

		return rc ? rc : error_set(e, ERR_PASSWORD, "the password is wrong");
	}
	int rc = attempt_forget(l->c, l->account, e);

	return rc ? rc : attempt_take_back(l->c, l->place, e);
}

int access_confirm(struct catalog *c, const struct user_record *u, const struct secret *password, const char *address, int64_t now, struct error *e)
{
	CLEANUP(login_release) struct login l;

	login_init(&l, c, u->name, address ? address : "-", now);
	int rc = take_turn(e);

	if (rc)
		return rc;
	rc = begin_attempt(&l, e);
	if (!rc)
		rc = confirm(&l, u, password, e);
	end_turn();
	return rc;
}

int access_login(struct catalog *c, const char *name, const struct secret *password, const char *code, const char *address, int64_t now,
		 struct user_record *out, struct error *e)
{
	CLEANUP(login_release) struct login l;

	*out = (struct user_record){0};
	login_init(&l, c, name, address ? address : "-", now);
	int rc = take_turn(e);

	if (rc)
		return rc;
	rc = begin_attempt(&l, e);
	if (!rc)
		rc = check(&l, password, code, out, e);
	end_turn();
	if (rc)
		user_record_release(out);
	return rc;
}
