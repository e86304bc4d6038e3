/* The data of an archive's entries into a database. */
#include "engine/pg_put.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <libpq/libpq-fs.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPY_AT_ONCE ((size_t)1 << 18)

struct copy_sink {
	struct sink sink;
	struct pg_session *s;
};

/* A failure of another thread, or the user's wish to stop. */
static int go_on(const struct pg_session *s, struct error *e)
{
	if (s->stop && atomic_load(s->stop))
		return error_set(e, ERR_CANCELLED, "another part failed");
	return progress_check(s->progress, e);
}

static int copy_write(struct sink *sink, const void *p, size_t n, struct error *e)
{
	struct pg_session *s = ((struct copy_sink *)sink)->s;
	const char *from = p;
	for (size_t done = 0; done < n; done += COPY_AT_ONCE) {
		size_t some = n - done < COPY_AT_ONCE ? n - done : COPY_AT_ONCE;
		int err = go_on(s, e);
		if (err)
			return err;
		/* Its result, which says why, is read at the end. */
		bool sent = PQputCopyData(s->c, from + done, (int)some) == 1;
		err = sent ? 0 : go_on(s, e);
		if (err)
			return err;
		if (!sent)
			return error_set(e, ERR_TEMPORARY, "the connection failed while rows were sent: %s", PQerrorMessage(s->c));
		progress_bytes(s->progress, some);
	}
	return 0;
}

/* The server's verdict. When it refused the rows that is the cause, whatever else went wrong after it. */
static int end_copy(struct pg_session *s, int err, uint64_t *rows, struct error *e)
{
	struct error waiting = {0};
	bool given_up = err != 0;
	if (PQputCopyEnd(s->c, given_up ? "given up" : NULL) != 1 && !err && !(err = go_on(s, e)))
		err = error_set(e, ERR_TEMPORARY, "the connection failed: %s", PQerrorMessage(s->c));
	int wait = !PQisBusy(s->c) ? 0 : pg_wait(s->c, given_up ? NULL : s->progress, &waiting);
	if (wait && !err) {
		*e = waiting;
		err = wait;
	}
	PGresult *r;
	while ((r = PQgetResult(s->c))) {
		ExecStatusType status = PQresultStatus(r);
		const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
		if (status == PGRES_COMMAND_OK && !err)
			*rows = strtoull(PQcmdTuples(r), NULL, 10);
		/* 57014: that is our own giving up. */
		else if (status != PGRES_COMMAND_OK && err != -ERR_CANCELLED && !(given_up && state && strcmp(state, "57014") == 0))
			err = pg_error(s->c, r, e, "the server refused its rows");
		PQclear(r);
		if (PQstatus(s->c) == CONNECTION_BAD)
			break;
	}
	return err;
}

static int begin_copy(struct pg_session *s, const char *copy, struct error *e)
{
	PGresult *r = PQexec(s->c, copy);
	int err = PQresultStatus(r) == PGRES_COPY_IN ? 0
		: PQresultStatus(r) == PGRES_FATAL_ERROR ? pg_error(s->c, r, e, "the server refused its rows")
		: error_set(e, ERR_CORRUPT, "its COPY statement is none");
	PQclear(r);
	return err;
}

int pg_entry_copy(struct pg_session *s, const struct pg_entry *en, const char *copy, uint64_t *rows, struct error *e)
{
	struct copy_sink to = {.sink.write = copy_write, .s = s};
	*rows = 0;
	int err = begin_copy(s, copy, e);
	if (err)
		return err;
	err = pg_data_copy(s->from, s->toc, en, &to.sink, e);
	return end_copy(s, err, rows, e);
}

/* The statement that freezes rows at once, which saves the server from rewriting them later; NULL when that does not suit. */
static char *freezing(const struct pg_entry *en)
{
	static const char head[] = "COPY ", tail[] = " FROM stdin;";
	size_t len = 0, n = strlen(en->copy);
	while (n && (en->copy[n - 1] == '\n' || en->copy[n - 1] == ' '))
		n--;
	/* Rows that go through the root of a partitioned table name another one. */
	if (strncmp(en->copy, head, strlen(head)) != 0 || !pg_name_at(en->copy + strlen(head), en->schema, en->tag, &len) ||
	    n < strlen(tail) || strncmp(en->copy + n - strlen(tail), tail, strlen(tail)) != 0)
		return NULL;
	return mem_printf("%.*s WITH (FREEZE)", (int)n - 1, en->copy);
}

static int load_fresh(struct pg_session *s, const struct pg_entry *en, const char *copy, uint64_t *rows, struct error *e)
{
	int err = pg_session_do(s, e, en->schema && en->schema[0] ? pg_sql("BEGIN; TRUNCATE TABLE ONLY %I.%I", en->schema, en->tag)
	                                                           : pg_sql("BEGIN; TRUNCATE TABLE ONLY %I", en->tag));
	if (!err)
		err = pg_entry_copy(s, en, copy, rows, e);
	return err ? err : pg_session_run(s, "COMMIT", NULL, e);
}

/* ---- INSERT statements ---- */

static int file_write(struct sink *sink, const void *p, size_t n, struct error *e)
{
	struct fd_sink *f = (struct fd_sink *)sink;
	f->written += n;
	return fs_write_full(f->fd, p, n) == 0 ? 0 : error_sys(e, errno, "writing a temporary file");
}

static int run_inserts(struct pg_session *s, const struct pg_entry *en, uint64_t *rows, struct error *e)
{
	CLEANUP(fs_close) int fd = -1;
	CLEANUP(strlist_release) struct strlist notes = {0};
	struct source *script = NULL;
	int err = fs_temp_anonymous(NULL, &fd, e);
	if (err)
		return err;
	struct fd_sink to = {.sink.write = file_write, .fd = fd};
	err = pg_data_copy(s->from, s->toc, en, &to.sink, e);
	if (!err)
		err = source_from_fd(dup(fd), &script, e);
	if (!err)
		err = pg_script_run(s->c, script, &notes, rows, s->progress, e);
	source_close(script);
	return err;
}

/* ---- large objects ---- */

struct lo_sink {
	struct pg_lo_sink lo;
	struct pg_session *s;
	int fd;                   /* the server's, or -1 */
	bool skip;                /* this one is not written */
};

static int lo_end(struct lo_sink *l, struct error *e)
{
	int err = l->fd >= 0 && lo_close(l->s->c, l->fd) < 0 ? pg_error(l->s->c, NULL, e, "writing a large object") : 0;
	l->fd = -1;
	return err;
}

static int lo_begin(struct pg_lo_sink *lo, uint32_t oid, struct error *e)
{
	struct lo_sink *l = (struct lo_sink *)lo;
	AUTO_FREE char *there = NULL;
	int err = lo_end(l, e);
	if (!err)
		err = go_on(l->s, e);
	l->skip = l->s->kept_objects && map_has(l->s->kept_objects, &oid, sizeof oid);
	if (err || l->skip)
		return err;
	err = pg_value(l->s->c, &there, e, pg_sql("SELECT 1 FROM pg_catalog.pg_largeobject_metadata WHERE oid = %u", oid));
	if (!err && !there)
		err = pg_session_do(l->s, e, pg_sql("SELECT pg_catalog.lo_create(%u)", oid));
	if (err)
		return err;
	l->fd = lo_open(l->s->c, oid, INV_WRITE);
	return l->fd < 0 ? pg_error(l->s->c, NULL, e, "opening large object %u", oid) : 0;
}

static int lo_more(struct sink *sink, const void *p, size_t n, struct error *e)
{
	struct lo_sink *l = (struct lo_sink *)sink;
	const char *from = p;
	for (size_t done = 0; done < n && !l->skip; ) {
		size_t some = n - done < COPY_AT_ONCE ? n - done : COPY_AT_ONCE;
		int err = go_on(l->s, e);
		if (err)
			return err;
		if (lo_write(l->s->c, l->fd, from + done, some) != (int)some)
			return pg_error(l->s->c, NULL, e, "writing a large object");
		progress_bytes(l->s->progress, some);
		done += some;
	}
	return 0;
}

static int load_large_objects(struct pg_session *s, const struct pg_entry *en, struct error *e)
{
	struct lo_sink l = {.lo = {.sink.write = lo_more, .begin = lo_begin}, .s = s, .fd = -1};
	int err = s->in_transaction ? 0 : pg_session_run(s, "BEGIN", NULL, e);
	if (!err)
		err = pg_data_large_objects(s->from, s->toc, en, &l.lo, e);
	if (!err)
		err = lo_end(&l, e);
	return err || s->in_transaction ? err : pg_session_run(s, "COMMIT", NULL, e);
}

/* ---- an entry ---- */

static int load(struct pg_session *s, const struct pg_entry *en, bool fresh, uint64_t *rows, struct error *e)
{
	if (!en->has_data)
		return pg_entry_put(s, en, e);
	if (pg_entry_is(en, "BLOBS"))
		return load_large_objects(s, en, e);
	if (!en->copy || !en->copy[0])
		return run_inserts(s, en, rows, e);
	AUTO_FREE char *freeze = fresh ? freezing(en) : NULL;
	return freeze ? load_fresh(s, en, freeze, rows, e) : pg_entry_copy(s, en, en->copy, rows, e);
}

int pg_entry_load(struct pg_session *s, const struct pg_entry *en, bool fresh, uint64_t *rows, struct error *e)
{
	*rows = 0;
	int err = go_on(s, e);
	if (!err)
		err = load(s, en, fresh, rows, e);
	if (!err || err == -ERR_CANCELLED || !en->has_data)
		return err;
	AUTO_FREE char *title = pg_entry_title(en);
	return error_wrap(e, "%s", title);
}
