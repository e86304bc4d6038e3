/* Databases that a restore makes beside its target: the scratch one, gone at its end, and the one that keeps what was
 * replaced for a day. Each has a table that says whose it is. The owner holds a lock of the server by the scratch
 * database's name; when its connection ends, however that happens, the lock is gone. */
#include "engine/my_restore.h"

#include "base/codec.h"
#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define SCRATCH MY_SCRATCH_TABLE
#define KEPT MY_KEPT_TABLE
#define SCRATCH_NAMES "_(restore|verify)_[0-9a-f]{8}$"
#define RESTORE_NAMES "_restore_[0-9a-f]{8}$"
#define VERIFY_NAMES "^" VERIFY_BASE "_verify_[0-9a-f]{8}$"
#define VERIFY_BASE "backstay"
#define KEPT_NAMES "_before_[0-9]{8}_[0-9]{6}$"
#define SCRATCH_SUFFIX (sizeof "_restore_01234567" - 1)
#define VERIFY_SUFFIX (sizeof "_verify_01234567" - 1)
#define KEPT_SUFFIX (sizeof "_before_20261231_235959" - 1)
#define KEPT_SECONDS (24 * 60 * 60)
#define NOTICE_SECONDS 3                  /* in which a server sees that a client was killed */
#define GET_LOCK_TEXT "backstay."

void my_scratch_release(struct my_scratch *s)
{
	free(s->name);
	free(s->target);
	*s = (struct my_scratch){0};
}

/* As much of the name as leaves room for the suffix; whole characters. */
static char *with_suffix(const char *name, const char *suffix)
{
	size_t room = MY_NAME_MAX - strlen(suffix), chars = 0, n = 0;
	while (name[n]) {
		if (((unsigned char)name[n] & 0xc0) != 0x80 && chars++ == room)
			break;
		n++;
	}
	return mem_printf("%.*s%s", (int)n, name, suffix);
}

/* Whether this is a name we would give beside the target: with the last `suffix` bytes of it. */
static bool is_beside(const char *target, const char *name, size_t suffix)
{
	size_t n = strlen(name);
	if (n <= suffix)
		return false;
	AUTO_FREE char *ours = with_suffix(target, name + n - suffix);
	return strcmp(ours, name) == 0;
}

static int denied(struct error *e, const char *target, int err)
{
	if (err != -ERR_ACCESS)
		return err;
	return error_hint(e,
		"a restore makes databases beside its target: GRANT ALL ON `%.64s\\_restore\\_%%`.* and GRANT ALL ON `%.64s\\_before\\_%%`.* "
		"TO the user, or let another one restore", target, target);
}

static int make_database(MYSQL *c, const char *name, const char *charset, const char *collation, struct error *e)
{
	AUTO_FREE char *cs = charset ? mem_printf(" CHARACTER SET %s", charset) : mem_string("");
	AUTO_FREE char *co = collation ? mem_printf(" COLLATE %s", collation) : mem_string("");
	return my_exec(c, e, my_sql("CREATE DATABASE %I%s%s", name, cs, co));
}

/* 1: we hold it now, 0: another does. */
static int lock(MYSQL *c, const char *name, int seconds, struct error *e)
{
	AUTO_FREE char *got = NULL;
	int err = my_value(c, &got, e, my_sql("SELECT GET_LOCK(%L, %d)", name, seconds));
	return err ? err : got && strcmp(got, "1") == 0;
}

/* 1: nobody works on it, and nobody will while we live. */
static int is_orphan(MYSQL *c, const char *scratch, struct error *e)
{
	AUTO_FREE char *name = mem_printf(GET_LOCK_TEXT "%s", scratch + strlen(scratch) - 8);
	return lock(c, name, 0, e);
}

int my_lock_target(MYSQL *c, const char *target, struct error *e)
{
	AUTO_FREE char *name = NULL;
	int err = my_value(c, &name, e, my_sql("SELECT CONCAT('" GET_LOCK_TEXT "', MD5(%L))", target));
	if (!err)
		err = lock(c, name, NOTICE_SECONDS, e);
	if (err)
		return err < 0 ? err : 0;
	error_set(e, ERR_LOCKED, "another restore to the database \"%s\" is under way", target);
	return error_hint(e, "wait for its end");
}

static int mark(MYSQL *c, const struct my_scratch *s, struct error *e)
{
	char host[256] = "";
	gethostname(host, sizeof host - 1);
	int err = my_exec(c, e,
		my_sql("CREATE TABLE %I." SCRATCH " (target varchar(64), made datetime, host varchar(255), pid int, connection bigint, "
		       "kept varchar(64), swapping int NOT NULL DEFAULT 0, kinds int NOT NULL DEFAULT 0, "
		       "replacing int NOT NULL DEFAULT 0, without_definers int NOT NULL DEFAULT 0) "
		       "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin", s->name));
	if (!err)
		err = my_exec(c, e,
			my_sql("INSERT INTO %I." SCRATCH " (target, made, host, pid, connection) VALUES (%L, UTC_TIMESTAMP(), %L, %d, "
			       "CONNECTION_ID())", s->name, s->target, host, (int)getpid()));
	return err;
}

/* kind: "_restore_" */
static int make_scratch(MYSQL *c, const char *target, const char *kind, const char *charset, const char *collation,
	struct my_scratch *out, struct error *e)
{
	CLEANUP(my_scratch_release) struct my_scratch s = {.target = mem_string(target)};
	unsigned char random[4];
	char hex[2 * sizeof random + 1];
	if (getrandom(random, sizeof random, 0) != sizeof random)
		abort();
	hex_encode(random, sizeof random, hex);
	AUTO_FREE char *suffix = mem_printf("%s%s", kind, hex);
	AUTO_FREE char *name = with_suffix(target, suffix);
	int err = is_orphan(c, name, e);
	if (err == 0)
		return error_set(e, ERR_LOCKED, "another restore or verification works on %s", name);
	err = err < 0 ? err : make_database(c, name, charset, collation, e);
	if (err)
		return error_wrap(e, "making a scratch database");
	s.name = TAKE(name);
	err = mark(c, &s, e);
	if (err) {
		struct error ignored = {0};
		(void)!my_scratch_drop(c, s.name, &ignored);
		return error_wrap(e, "marking the scratch database %s", s.name);
	}
	*out = s;
	s = (struct my_scratch){0};
	return 0;
}

int my_scratch_make(MYSQL *c, const char *target, const char *charset, const char *collation, struct my_scratch *out,
	struct error *e)
{
	return denied(e, target, make_scratch(c, target, "_restore_", charset, collation, out, e));
}

int my_scratch_lock(MYSQL *c, const struct my_scratch *s, struct error *e)
{
	int err = is_orphan(c, s->name, e);
	return err == 0 ? error_set(e, ERR_LOCKED, "another restore works on %s", s->name) : err < 0 ? err : 0;
}

int my_scratch_make_verify(MYSQL *c, struct my_scratch *out, struct error *e)
{
	int err = make_scratch(c, VERIFY_BASE, "_verify_", NULL, NULL, out, e);
	if (err == -ERR_ACCESS)
		return error_hint(e, "GRANT ALL ON `" VERIFY_BASE "\\_verify\\_%%`.* TO the user of BACKSTAY_VERIFY_MYSQL, or name another one there");
	return err;
}

bool my_is_verify(const char *database)
{
	size_t n = strlen(VERIFY_BASE "_verify_");
	return strncmp(database, VERIFY_BASE "_verify_", n) == 0 && strlen(database) == n + 8 &&
	       strspn(database + n, "0123456789abcdef") == 8;
}

/* A client of ours that was stopped may leave the server at work for it. */
static void end_connections(MYSQL *c, const char *database)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	struct error ignored = {0};
	if (my_query(c, &rows, &ignored, my_sql("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = %L AND ID <> CONNECTION_ID()", database)))
		return;
	for (MYSQL_ROW row; (row = mysql_fetch_row(rows));)
		(void)!my_exec(c, &ignored, my_sql("KILL CONNECTION %s", row[0]));
}

int my_scratch_drop(MYSQL *c, const char *name, struct error *e)
{
	struct error ignored = {0};
	end_connections(c, name);
	(void)!my_exec(c, &ignored, my_sql("UNLOCK TABLES"));
	int err = my_exec(c, e, my_sql("SET foreign_key_checks = 0"));
	if (!err)
		err = my_exec(c, e, my_sql("DROP DATABASE IF EXISTS %I", name));
	return err ? error_wrap(e, "removing the database %s", name) : 0;
}

/* ---- what was replaced ---- */

int my_kept_make(MYSQL *c, const char *target, char **name, char **until, struct error *e)
{
	char suffix[40], shown[32];
	struct timespec now = time_now(), end = {.tv_sec = now.tv_sec + KEPT_SECONDS};
	struct tm tm;
	gmtime_r(&now.tv_sec, &tm);
	strftime(suffix, sizeof suffix, "_before_%Y%m%d_%H%M%S", &tm);
	AUTO_FREE char *made = with_suffix(target, suffix);
	time_to_utc(end, shown);
	int err = make_database(c, made, NULL, NULL, e);
	if (err == -ERR_EXISTS) {
		/* A second restore within the same second. */
		time_sleep(1);
		error_clear(e);
		return my_kept_make(c, target, name, until, e);
	}
	if (err)
		return denied(e, target, error_wrap(e, "making a database for what is replaced"));
	*name = TAKE(made);
	*until = mem_string(shown);
	err = my_exec(c, e,
		my_sql("CREATE TABLE %I." KEPT " (target varchar(64), kept_until bigint) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin", *name));
	if (!err)
		err = my_exec(c, e, my_sql("INSERT INTO %I." KEPT " VALUES (%L, %lld)", *name, target, (long long)end.tv_sec));
	return err ? error_wrap(e, "marking the database %s", *name) : 0;
}

/* ---- leftovers ---- */

static int databases_with(MYSQL *c, const char *table, const char *pattern, struct strlist *out, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	int err = my_query(c, &rows, e,
		my_sql("SELECT TABLE_SCHEMA FROM information_schema.TABLES WHERE TABLE_NAME = %L AND TABLE_SCHEMA REGEXP %L", table, pattern));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));)
		strlist_add(out, row[0]);
	return err;
}

/* What the marker says; nothing when its maker was ended too early. */
struct marker {
	char *target;
	bool swapping;
};

static void marker_release(struct marker *m)
{
	free(m->target);
}

static int read_marker(MYSQL *c, const char *scratch, struct marker *m, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	int err = my_query(c, &rows, e, my_sql("SELECT target, swapping FROM %I." SCRATCH, scratch));
	MYSQL_ROW row = err ? NULL : mysql_fetch_row(rows);
	if (!row)
		return err;
	m->target = mem_string(row[0] ? row[0] : "");
	m->swapping = row[1] && *row[1] == '1';
	return 0;
}

/* A swap on another target that was not finished is left to that one's next restore. What a database says is only done to
 * the target whose name it has: making such a one takes rights there. */
static int remove_scratch(MYSQL *c, const char *scratch, const char *target, struct strlist *notes, struct error *e)
{
	CLEANUP(marker_release) struct marker m = {0};
	int err = is_orphan(c, scratch, e);
	if (err <= 0)
		return err;
	err = read_marker(c, scratch, &m, e);
	if (err || (m.swapping && (strcmp(m.target, target) != 0 || !is_beside(target, scratch, SCRATCH_SUFFIX))))
		return err;
	if (m.swapping) {
		err = my_swap_recover(c, target, scratch, notes, e);
		if (err)
			return error_wrap(e, "settling what an interrupted restore had begun in \"%s\"", target);
	}
	err = my_scratch_drop(c, scratch, e);
	if (!err)
		strlist_addf(notes, "removed %s, which an interrupted %s had left", scratch, my_is_verify(scratch) ? "verification" : "restore");
	return err;
}

/* Databases made for this target by somebody who was ended before the marker was in them: they hold nothing. */
static int remove_unmarked(MYSQL *c, const char *target, const char *pattern, size_t suffix, struct error *e)
{
	CLEANUP(my_clear) MYSQL_RES *rows = NULL;
	int err = my_query(c, &rows, e,
		my_sql("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA s WHERE SCHEMA_NAME REGEXP %L AND NOT EXISTS "
		       "(SELECT 1 FROM information_schema.TABLES t WHERE t.TABLE_SCHEMA = s.SCHEMA_NAME) AND NOT EXISTS "
		       "(SELECT 1 FROM information_schema.ROUTINES r WHERE r.ROUTINE_SCHEMA = s.SCHEMA_NAME) AND NOT EXISTS "
		       "(SELECT 1 FROM information_schema.EVENTS v WHERE v.EVENT_SCHEMA = s.SCHEMA_NAME)", pattern));
	for (MYSQL_ROW row; !err && (row = mysql_fetch_row(rows));) {
		if (!is_beside(target, row[0], suffix))
			continue;
		int orphan = suffix != KEPT_SUFFIX ? is_orphan(c, row[0], e) : 1;
		err = orphan == 1 ? my_scratch_drop(c, row[0], e) : orphan;
	}
	return err;
}

static int remove_kept(MYSQL *c, const char *kept, struct strlist *notes, struct error *e)
{
	AUTO_FREE char *until = NULL;
	int err = my_value(c, &until, e, my_sql("SELECT kept_until FROM %I." KEPT, kept));
	if (err || !until || strtoll(until, NULL, 10) > time_now().tv_sec)
		return err;
	err = my_scratch_drop(c, kept, e);
	if (!err)
		strlist_addf(notes, "removed %s, which was kept for a day", kept);
	return err;
}

int my_leftovers_remove(MYSQL *c, const char *target, struct strlist *notes, struct error *e)
{
	CLEANUP(strlist_release) struct strlist scratch = {0}, kept = {0};
	int err = databases_with(c, SCRATCH, SCRATCH_NAMES, &scratch, e);
	for (size_t i = 0; i < scratch.n && !err; i++) {
		struct error why = {0};
		int failed = remove_scratch(c, scratch.v[i], target, notes, &why);
		if (failed < 0 && is_beside(target, scratch.v[i], SCRATCH_SUFFIX)) {
			*e = why;
			err = failed;
		} else if (failed < 0)
			strlist_addf(notes, "%s could not be removed: %s", scratch.v[i], why.text);
	}
	if (!err)
		err = remove_unmarked(c, target, RESTORE_NAMES, SCRATCH_SUFFIX, e);
	if (!err)
		err = remove_unmarked(c, VERIFY_BASE, VERIFY_NAMES, VERIFY_SUFFIX, e);
	if (!err)
		err = remove_unmarked(c, target, KEPT_NAMES, KEPT_SUFFIX, e);
	if (!err)
		err = databases_with(c, KEPT, KEPT_NAMES, &kept, e);
	for (size_t i = 0; i < kept.n && !err; i++) {
		struct error why = {0};
		/* Another target's may not be ours to remove. */
		if (remove_kept(c, kept.v[i], notes, &why))
			strlist_addf(notes, "%s could not be removed: %s", kept.v[i], why.text);
	}
	return err;
}
