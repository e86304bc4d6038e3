#include "catalog/attempt.h"

#include "base/human.h"
#include "base/mem.h"
#include "catalog/db.h"

#include <stdint.h>

#define TELL_EVERY 60

static int load(struct catalog *c, const char *key, uint64_t *failures, struct timespec *last, struct error *e)
{
	struct db_row q = {0};
	int rc = db_query(c, &q, e, "SELECT failures, last FROM attempt WHERE key = ?1", "s", key);

	*failures = 0;
	*last = (struct timespec){0};
	if (!rc && db_next(&q, &rc, e)) {
		*failures = db_u64(&q, 0);
		*last = db_time(&q, 1);
	}
	db_done(&q);
	return rc;
}

static int store(struct catalog *c, const char *key, uint64_t failures, struct timespec now, struct error *e)
{
	return db_run(c, e,
		      "INSERT INTO attempt (key, failures, last) VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET failures = ?2, last = ?3",
		      "sut", key, failures, now);
}

/* Seconds from the last of so many failures to the next attempt. */
static uint64_t wait_after(uint64_t failures, uint64_t allowed)
{
	if (failures < allowed)
		return 0;
	uint64_t doubled = failures - allowed;

	return doubled < 10 && (UINT64_C(1) << doubled) < ATTEMPT_WAIT_MAX ? UINT64_C(1) << doubled : ATTEMPT_WAIT_MAX;
}

/* A clock that was put back makes nobody wait longer than agreed: then `last` is in the future, by more than what is cut off a
 * second, and does not count. */
static int allow(uint64_t failures, uint64_t allowed, struct timespec last, struct timespec now, struct error *e)
{
	double passed = time_between(last, now), wait = (double)wait_after(failures, allowed);

	if (passed <= -1 || passed >= wait)
		return 0;
	uint64_t left = (uint64_t)(wait - passed);

	left += (double)left < wait - passed;

	return error_set(e, ERR_LOCKED, "too many attempts; try again in %llu second%s", (unsigned long long)left, left == 1 ? "" : "s");
}

static int count(struct catalog *c, const char *key, uint64_t allowed, struct timespec now, struct error *e)
{
	struct timespec last, long_ago = {.tv_sec = now.tv_sec - ATTEMPT_FORGET};
	uint64_t failures;
	int rc = db_run(c, e, "DELETE FROM attempt WHERE last < ?1", "t", long_ago);

	if (!rc)
		rc = load(c, key, &failures, &last, e);
	if (!rc)
		rc = allow(failures, allowed, last, now, e);
	return rc ? rc : store(c, key, failures + 1, now, e);
}

int attempt_begin(struct catalog *c, const char *key, uint64_t allowed, struct timespec now, struct error *e)
{
	int rc = catalog_begin(c, e);

	return rc ? rc : catalog_end(c, count(c, key, allowed, now, e), e);
}

int attempt_take_back(struct catalog *c, const char *key, struct error *e)
{
	return db_run(c, e, "UPDATE attempt SET failures = failures - 1 WHERE key = ?1 AND failures > 0", "s", key);
}

int attempt_forget(struct catalog *c, const char *key, struct error *e)
{
	return db_run(c, e, "DELETE FROM attempt WHERE key = ?1", "s", key);
}

static int tell(struct catalog *c, const char *key, struct timespec now, bool *told, uint64_t *untold, struct error *e)
{
	struct timespec last;
	int rc = load(c, key, untold, &last, e);

	if (rc)
		return rc;
	double passed = time_between(last, now);

	*told = !last.tv_sec || passed < 0 || passed >= TELL_EVERY;
	return *told ? store(c, key, 0, now, e) : store(c, key, *untold + 1, last, e);
}

int attempt_tell(struct catalog *c, const char *key, struct timespec now, bool *told, uint64_t *untold, struct error *e)
{
	int rc = catalog_begin(c, e);

	return rc ? rc : catalog_end(c, tell(c, key, now, told, untold, e), e);
}
