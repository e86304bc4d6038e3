/* Plain SQL that psql loads. */
#include "engine/pg_text.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/thread.h"
#include "engine/pg_dump_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TAIL 512                    /* bytes in which the last line of a script must be */

/* ---- the end of a script ---- */

/* Everything passes on; the last of it is kept, to see that the script is whole. */
struct script {
	struct sink sink;
	struct sink *to;
	struct progress *progress;
	char tail[2 * TAIL];
	size_t n;
};

static int script_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct script *x = (struct script *)s;
	const char *from = p;
	size_t kept = n < TAIL ? n : TAIL;
	int rc = progress_check(x->progress, e);

	if (rc)
		return rc;
	if (x->n + kept > sizeof x->tail) {
		memmove(x->tail, x->tail + x->n - TAIL, TAIL);
		x->n = TAIL;
	}
	memcpy(x->tail + x->n, from + n - kept, kept);
	x->n += kept;
	progress_bytes(x->progress, n);
	return sink_write(x->to, p, n, e);
}

static int script_check(const struct script *x, const char *tool, struct error *e)
{
	static const char end[] = "-- PostgreSQL database dump complete";

	if (memmem(x->tail, x->n, end, sizeof end - 1))
		return 0;
	return error_set(e, ERR_CHILD, "%s ended well, but its text lacks the last line \"%s\": it is not whole", tool, end);
}

/* What other servers may not have: roles, with them rights, and tablespaces. */
static void add_portable(struct strlist *argv)
{
	strlist_add(argv, "--no-owner");
	strlist_add(argv, "--no-privileges");
	strlist_add(argv, "--no-tablespaces");
}

/* ---- stored ---- */

/* The archive on its way into pg_restore, by a thread of its own. */
struct feeder {
	struct source *archive;
	int fd;
	int result;
	struct error e;
};

static void *feed(void *arg)
{
	struct feeder *f = arg;
	struct fd_sink to;

	fd_sink_init(&to, f->fd);
	f->result = source_copy(f->archive, &to.sink, &f->e);
	/* It needs no more than the entries chosen. */
	if (f->result && f->e.sys == EPIPE)
		f->result = 0;
	fs_close(&f->fd);
	return NULL;
}

/* An archive that cannot be read is the cause of whatever the tool says about it. */
static int end(struct proc *p, struct feeder *f, pthread_t thread, int rc, struct buf *said, struct error *e)
{
	if (rc)
		proc_stop(p);
	else
		rc = proc_wait_said(p, said, e);
	pthread_join(thread, NULL);
	if (f->result && rc != -ERR_CANCELLED) {
		*e = f->e;
		return error_wrap(e, "reading the stored archive");
	}
	return rc;
}

static int run_restore(const struct strlist *argv, struct source *archive, struct script *to, struct error *e)
{
	static const char *const env[] = {"LC_ALL=C", NULL};
	CLEANUP(buf_release) struct buf said = BUF_INIT;
	struct proc p = {0};
	pthread_t thread;
	uint64_t size;
	int rc = proc_start(&p, (const char *const *)argv->v, env, PROC_PIPE_IN | PROC_PIPE_OUT, e);

	if (rc)
		return rc;
	struct feeder f = {.archive = archive, .fd = p.in};

	p.in = -1;
	int sys = thread_start(&thread, "feed", feed, &f);

	if (sys) {
		fs_close(&f.fd);
		proc_stop(&p);
		return error_sys(e, sys, "starting a thread");
	}
	rc = end(&p, &f, thread, proc_output(&p, &to->sink, to->progress, &size, e), &said, e);
	if (!rc)
		rc = pg_dump_words(argv->v[0], &said, e);
	return rc ? rc : script_check(to, argv->v[0], e);
}

/* The chosen entries, in a file for pg_restore --use-list, a line each: "17;". *path is heap. */
static int write_list(const struct pg_toc *toc, const struct strlist *tables, char **path, struct error *e)
{
	CLEANUP(buf_release) struct buf list = {.max = PG_TOC_MAX};
	CLEANUP(fs_close) int fd = -1;
	AUTO_FREE bool *chosen = NULL;
	int rc = pg_text_choose(toc, tables, &chosen, e);

	for (size_t i = 0; !rc && i < toc->n; i++)
		if (chosen[i])
			buf_printf(&list, "%d;\n", toc->v[i].id);
	if (!rc)
		rc = fs_temp_file(NULL, "backstay-list-", path, &fd, e);
	if (!rc && fs_write_full(fd, buf_text(&list), list.len))
		rc = error_sys(e, errno, "writing %s", *path);
	return rc;
}

/* A tool of the archive's own version, or a newer one. */
static int version_of(const struct pg_toc *toc)
{
	unsigned long major = toc->dump_version ? strtoul(toc->dump_version, NULL, 10) : 0;

	return major < 1000 ? (int)major * 10000 : 0;
}

static int restore_text(struct source *archive, const struct pg_toc *toc, const struct strlist *tables,
			struct script *to, struct error *e)
{
	CLEANUP(strlist_release) struct strlist argv = {0};
	AUTO_FREE char *tool = NULL;
	AUTO_FREE char *list = NULL;
	int rc = pg_tool_find("pg_restore", version_of(toc), &tool, NULL, e);

	if (!rc && tables && tables->n)
		rc = write_list(toc, tables, &list, e);
	if (!rc) {
		strlist_add(&argv, tool);
		strlist_add(&argv, "--file=-");
		add_portable(&argv);
		if (list)
			strlist_addf(&argv, "--use-list=%s", list);
		strlist_take(&argv, NULL);
		rc = run_restore(&argv, archive, to, e);
	}
	if (list)
		unlink(list);
	return rc;
}

/* A script that was imported: as it is. */
static int copy_script(const struct stored *s, const char *path, const struct strlist *tables, struct script *out,
		       struct error *e)
{
	struct source *script = NULL;

	if (tables && tables->n)
		return error_set(e, ERR_MISMATCH, "this backup is an SQL script, of which single tables cannot be taken");
	int rc = s->open(s, path, &script, e);

	if (!rc)
		rc = source_copy(script, &out->sink, e);
	source_close(script);
	return rc;
}

static void toc_drop(struct pg_toc *t)
{
	pg_toc_release(t);
}

int pg_sql_stored(const struct stored *s, const struct strlist *tables, struct sink *out, struct progress *p,
		  struct error *e)
{
	CLEANUP(toc_drop) struct pg_toc toc = {0};
	CLEANUP(source_drop) struct source *archive = NULL;
	struct script script = {.sink.write = script_write, .to = out, .progress = p};

	progress_phase(p, "writing", NULL, 0, 0);
	for (size_t i = 0; i < s->manifest->artifact_count; i++)
		if (strcmp(s->manifest->artifacts[i].format, PG_FORMAT_SQL) == 0)
			return copy_script(s, s->manifest->artifacts[i].path, tables, &script, e);
	int rc = pg_stored_open(s, &archive, &toc, e);

	if (rc)
		return rc;
	return restore_text(archive, &toc, tables, &script, e);
}

/* ---- live ---- */

static void add_quoted(struct buf *b, const char *name)
{
	buf_add_byte(b, '"');
	for (; *name; name++) {
		if (*name == '"')
			buf_add_byte(b, '"');
		buf_add_byte(b, (unsigned char)*name);
	}
	buf_add_byte(b, '"');
}

/* Patterns of pg_dump in which nothing has a meaning: in double quotes. A table of several schemas is ambiguous, one
 * that is not there unknown: the database is asked first. */
static int add_tables(const struct source_url *u, const struct strlist *tables, struct strlist *argv, struct error *e)
{
	AUTO_FREE const struct rows_table **chosen = NULL;
	struct rows_db *d = NULL;
	size_t n = 0;

	if (!tables || !tables->n)
		return 0;
	int rc = pg_rows_live(u, &d, e);

	if (!rc)
		rc = rows_choose(d, tables, &chosen, &n, e);
	for (size_t i = 0; !rc && i < n; i++) {
		CLEANUP(buf_release) struct buf name = BUF_INIT;

		add_quoted(&name, chosen[i]->schema);
		buf_add_byte(&name, '.');
		add_quoted(&name, chosen[i]->name);
		strlist_addf(argv, "--table=%s", buf_text(&name));
	}
	rows_close(d);
	return rc;
}

static int live_arguments(const struct source_url *u, const struct pg_place *place, int server,
			  const struct strlist *tables, struct strlist *argv, struct error *e)
{
	AUTO_FREE char *tool = NULL;
	AUTO_FREE char *conninfo = pg_tool_conninfo(place, NULL);
	int rc = pg_tool_find("pg_dump", server, &tool, NULL, e);

	if (rc)
		return rc;
	strlist_add(argv, tool);
	strlist_add(argv, "--format=plain");
	strlist_add(argv, "--no-password");
	add_portable(argv);
	strlist_addf(argv, "--dbname=%s", conninfo);
	rc = add_tables(u, tables, argv, e);
	strlist_take(argv, NULL);
	return rc;
}

int pg_sql_live(const struct source_url *u, const struct strlist *tables, struct sink *out, struct progress *p,
		struct error *e)
{
	CLEANUP(pg_place_release) struct pg_place place = {0};
	CLEANUP(strlist_release) struct strlist argv = {0};
	CLEANUP(buf_release) struct buf said = BUF_INIT;
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	struct script script = {.sink.write = script_write, .to = out, .progress = p};
	int rc = pg_place_of(u, &place, e);

	if (!rc)
		rc = pg_connect(&place, NULL, &c, e);
	if (!rc)
		rc = live_arguments(u, &place, PQserverVersion(c), tables, &argv, e);
	if (rc)
		return rc;
	progress_phase(p, "writing", NULL, 0, 0);
	rc = pg_dump_run(&place, c, &argv, &script.sink, p, &said, e);
	return rc ? rc : script_check(&script, argv.v[0], e);
}
