/* A writer that is killed at every single write to the disk, before it and in its middle, or finds the disk full there, leaves a catalog that is whole:
 * what was told as done is there, what was under way is there as a whole or not at all. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "support.h"

#include "catalog/audit.h"
#include "catalog/db.h"
#include "catalog/job.h"
#include "catalog/setting.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a file system that kills ---- */

static struct {
	uint64_t writes;    /* so far */
	uint64_t kill_at;   /* 0: never */
	bool in_half;       /* a half of it is written before */
	uint64_t full_at;   /* from this one on there is no room; 0: there is */
} disk;

struct killing_file {
	sqlite3_file base;
	sqlite3_file *real;
};

static sqlite3_file *real(sqlite3_file *f)
{
	return ((struct killing_file *)f)->real;
}

static int kill_close(sqlite3_file *f)
{
	int rc = real(f)->pMethods->xClose(real(f));
	free(real(f));
	return rc;
}

static int kill_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
	return real(f)->pMethods->xRead(real(f), p, n, at);
}

static int kill_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	if (++disk.writes == disk.kill_at) {
		if (disk.in_half)
			real(f)->pMethods->xWrite(real(f), p, n / 2, at);
		kill(getpid(), SIGKILL);
	}
	if (disk.full_at && disk.writes >= disk.full_at)
		return SQLITE_FULL;
	return real(f)->pMethods->xWrite(real(f), p, n, at);
}

static int kill_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	if (++disk.writes == disk.kill_at)
		kill(getpid(), SIGKILL);
	return real(f)->pMethods->xTruncate(real(f), size);
}

/* Who is killed has written all the same: only a power cut asks for more. */
static int kill_sync(sqlite3_file *f, int flags)
{
	return SQLITE_OK;
}

static int kill_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real(f)->pMethods->xFileSize(real(f), size);
}

static int kill_lock(sqlite3_file *f, int level)
{
	return real(f)->pMethods->xLock(real(f), level);
}

static int kill_unlock(sqlite3_file *f, int level)
{
	return real(f)->pMethods->xUnlock(real(f), level);
}

static int kill_reserved(sqlite3_file *f, int *out)
{
	return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int kill_control(sqlite3_file *f, int op, void *arg)
{
	return real(f)->pMethods->xFileControl(real(f), op, arg);
}

static int kill_sector(sqlite3_file *f)
{
	return real(f)->pMethods->xSectorSize(real(f));
}

static int kill_traits(sqlite3_file *f)
{
	return real(f)->pMethods->xDeviceCharacteristics(real(f));
}

static int kill_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int kill_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return real(f)->pMethods->xShmLock(real(f), offset, n, flags);
}

static void kill_shm_barrier(sqlite3_file *f)
{
	real(f)->pMethods->xShmBarrier(real(f));
}

static int kill_shm_unmap(sqlite3_file *f, int remove)
{
	return real(f)->pMethods->xShmUnmap(real(f), remove);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2, .xClose = kill_close, .xRead = kill_read, .xWrite = kill_write, .xTruncate = kill_truncate, .xSync = kill_sync,
	.xFileSize = kill_size, .xLock = kill_lock, .xUnlock = kill_unlock, .xCheckReservedLock = kill_reserved, .xFileControl = kill_control,
	.xSectorSize = kill_sector, .xDeviceCharacteristics = kill_traits, .xShmMap = kill_shm_map, .xShmLock = kill_shm_lock,
	.xShmBarrier = kill_shm_barrier, .xShmUnmap = kill_shm_unmap,
};

static int kill_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
	struct killing_file *k = (struct killing_file *)f;
	sqlite3_vfs *below = vfs->pAppData;
	k->real = mem_zero((size_t)below->szOsFile);
	int rc = below->xOpen(below, name, k->real, flags, out_flags);
	if (rc == SQLITE_OK)
		k->base.pMethods = &methods;
	else
		free(k->real);
	return rc;
}

static int kill_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	sqlite3_vfs *below = vfs->pAppData;
	if (++disk.writes == disk.kill_at)
		kill(getpid(), SIGKILL);
	return below->xDelete(below, name, 0);
}

/* It stands between SQLite and every file from now on. */
static int stand_between(void **state)
{
	static sqlite3_vfs vfs;
	sqlite3_vfs *below = sqlite3_vfs_find(NULL);
	vfs = *below;
	vfs.zName = "killing";
	vfs.szOsFile = sizeof(struct killing_file);
	vfs.pAppData = below;
	vfs.xOpen = kill_open;
	vfs.xDelete = kill_delete;
	return sqlite3_vfs_register(&vfs, 1);
}

/* ---- the writer ---- */

enum { CHANGES = 2 };

/* One change: a job with a line of its log and its end, its row of the audit trail, and a setting. */
static int change(struct catalog *c, int n, struct error *e)
{
	AUTO_FREE char *name = mem_printf("change %d", n);
	CLEANUP(job_record_release) struct job_record j = {.kind = mem_string("backup"), .title = mem_string(name), .author = mem_string("maria"), .attempt = 1, .attempts = 1};
	strlist_addf(&j.sources, "shop");
	int rc = catalog_begin(c, e);
	if (rc)
		return rc;
	rc = job_add(c, &j, e);
	if (!rc)
		rc = job_log(c, j.id, 6, name, e);
	j.state = JOB_SUCCESS;
	j.result = mem_string("{}");
	if (!rc)
		rc = job_end(c, &j, e);
	if (!rc)
		rc = audit_add(c, "maria", NULL, "change", name, e, NULL);
	if (!rc)
		rc = setting_set(c, "smtp_from", name, e);
	return catalog_end(c, rc, e);
}

static void must_change(struct support *s, int n)
{
	struct error e;
	if (change(s->c, n, &e))
		fail_msg("%s", e.text);
}

/* Two changes after the `n` that there are, told by a byte each; then the catalog is closed, which writes it all into one file. */
static _Noreturn void write_changes(const char *dir, int n, int told)
{
	struct catalog *c;
	struct error e;
	if (catalog_open(dir, &c, &e))
		_exit(1);
	for (int i = 0; i < CHANGES; i++)
		if (change(c, n + i + 1, &e) || write(told, "", 1) != 1)
			_exit(1);
	catalog_close(c);
	disk.kill_at = 0;
	_exit(0);
}

/* How many changes were told as done by a writer that is killed at this write; *killed: it was. */
static int run_writer(const char *dir, int n, uint64_t kill_at, bool in_half, bool *killed)
{
	int told[2], done = 0, status;
	char byte;
	assert_int_equal(pipe(told), 0);
	pid_t pid = fork();
	if (pid == 0) {
		close(told[0]);
		disk.writes = 0;
		disk.kill_at = kill_at;
		disk.in_half = in_half;
		write_changes(dir, n, told[1]);
	}
	close(told[1]);
	while (read(told[0], &byte, 1) == 1)
		done++;
	close(told[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	*killed = WIFSIGNALED(status);
	assert_true(*killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	return done;
}

/* ---- looking ---- */

static int64_t number(struct catalog *c, const char *sql)
{
	struct error e;
	int64_t n;
	if (db_number(c, &n, &e, sql, ""))
		fail_msg("%s", e.text);
	return n;
}

/* The number of changes that are there, each of them whole. */
static int look(struct support *s)
{
	uint64_t rows;
	AUTO_FREE char *from = NULL;
	s->c = support_open(s);
	assert_int_equal(catalog_check(s->c, &s->e), 0);
	assert_int_equal(audit_check(s->c, &rows, &s->e), 0);
	int64_t jobs = number(s->c, "SELECT count(*) FROM job WHERE state = 'success'");
	assert_int_equal(jobs, number(s->c, "SELECT count(*) FROM job"));
	assert_int_equal(jobs, number(s->c, "SELECT count(*) FROM job_line"));
	assert_int_equal(jobs, number(s->c, "SELECT count(*) FROM job_result"));
	assert_int_equal(jobs, number(s->c, "SELECT count(*) FROM job_source"));
	assert_int_equal(jobs, rows);
	assert_int_equal(setting_text(s->c, "smtp_from", &from, NULL, &s->e), 0);
	AUTO_FREE char *wanted = jobs ? mem_printf("change %d", (int)jobs) : mem_string("");
	assert_string_equal(from, wanted);
	catalog_close(s->c);
	s->c = NULL;
	return (int)jobs;
}

static void a_writer_that_is_killed_before_or_within_any_write_leaves_whole_changes(void **state)
{
	struct support *s = *state;
	int n = 0;
	uint64_t at = 1;
	bool killed = true;
	catalog_close(s->c);
	for (; killed; at++) {
		int done = run_writer(s->dir, n, at, at % 2, &killed), there = look(s);
		assert_true(there - n == done || (killed && there - n == done + 1));
		n = there;
	}
	assert_true(at > 50);
}

static void a_catalog_whose_making_is_killed_anywhere_is_made_by_the_next(void **state)
{
	struct support *s = *state;
	AUTO_FREE char *path = mem_printf("%s/catalog.db", s->dir), *wal = mem_printf("%s-wal", path), *shm = mem_printf("%s-shm", path);
	bool killed = true;
	catalog_close(s->c);
	for (uint64_t at = 1; killed; at += 11) {
		unlink(path);
		unlink(wal);
		unlink(shm);
		int done = run_writer(s->dir, 0, at, at % 2, &killed), there = look(s);
		assert_true(there == done || (killed && there == done + 1));
	}
}

static void a_full_disk_is_told_and_leaves_whole_changes(void **state)
{
	struct support *s = *state;
	int n = 0, refused = 0;
	for (uint64_t at = 1; at <= 20; at++) {
		disk.full_at = disk.writes + at;
		int rc = change(s->c, n + 1, &s->e);
		disk.full_at = 0;
		assert_true(rc == 0 || rc == -ERR_NO_SPACE);
		n += rc == 0;
		refused += rc != 0;
		must_change(s, ++n);
	}
	assert_true(refused > 5);
	AUTO_FREE char *text = mem_printf("the catalog %s/catalog.db: database or disk is full", s->dir);
	assert_string_equal(s->e.text, text);
	catalog_close(s->c);
	assert_int_equal(look(s), n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CATALOG_TEST(a_writer_that_is_killed_before_or_within_any_write_leaves_whole_changes),
		CATALOG_TEST(a_full_disk_is_told_and_leaves_whole_changes),
		CATALOG_TEST(a_catalog_whose_making_is_killed_anywhere_is_made_by_the_next),
	};
	return cmocka_run_group_tests(tests, stand_between, NULL);
}
