/* Backing up a PostgreSQL database: pg_dump's archive of one snapshot, watched as it passes. */
#include "engine/pg_dump_run.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

#define WARNINGS_KEPT 100

/* ---- pg_dump through a watch ---- */

struct watched {
	struct sink sink;
	struct pg_watch *watch;
};

static int watched_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	return pg_watch_write(((struct watched *)s)->watch, p, n, e);
}

static void free_watch(struct pg_watch **w)
{
	pg_watch_free(*w);
}

static int put_arguments(const struct pg_place *place, PGconn *c, const char *encoding, struct manifest_source *m, struct strlist *argv,
	struct error *e)
{
	AUTO_FREE char *tool = NULL, *snapshot = NULL, *own = NULL, *conninfo = pg_tool_conninfo(place, PQdb(c));
	int version;
	int err = pg_tool_find("pg_dump", PQserverVersion(c), &tool, &version, e);
	if (!err)
		err = pg_value(c, &snapshot, e, mem_string("SELECT pg_export_snapshot()"));
	if (!err)
		err = pg_value(c, &own, e, mem_string("SELECT current_setting('server_encoding')"));
	if (err)
		return err;
	if (!snapshot || !own)
		return error_set(e, ERR_CHILD, "the server gave no snapshot to dump");
	strlist_add(argv, tool);
	strlist_add(argv, "--format=custom");
	strlist_add(argv, "--compress=0");
	strlist_add(argv, "--no-password");
	strlist_addf(argv, "--encoding=%s", encoding ? encoding : own);
	strlist_addf(argv, "--snapshot=%s", snapshot);
	strlist_addf(argv, "--dbname=%s", conninfo);
	strlist_take(argv, NULL);
	free(m->tool_version);
	free(m->consistency);
	m->tool_version = mem_printf("pg_dump %d.%d", version / 10000, version % 10000);
	m->consistency = mem_printf("one snapshot (%s), pg_dump --snapshot", snapshot);
	return 0;
}

/* Each line of a good pg_dump's messages is a warning that belongs to the backup. */
static void note_warnings(struct manifest_source *m, const struct buf *said)
{
	const char *p = buf_text(said);
	for (int i = 0; *p && i < WARNINGS_KEPT; i++) {
		size_t n = strcspn(p, "\n");
		if (n > 0)
			manifest_note(m, "note", NULL, "%.*s", (int)n, p);
		p += n + (p[n] == '\n');
	}
}

int pg_backup_stream(const struct pg_place *place, PGconn *c, const char *encoding, struct file_sink *to, struct progress *p,
	struct manifest_source *m, struct error *e)
{
	CLEANUP(strlist_release) struct strlist argv = {0};
	CLEANUP(buf_release) struct buf said = BUF_INIT;
	int err = put_arguments(place, c, encoding, m, &argv, e);
	if (err)
		return err;
	/* The size of the database is an estimate; how many tables there are the watch learns from the archive's head. */
	progress_phase(p, "reading", "tables", m->bytes, 0);
	CLEANUP(free_watch) struct pg_watch *watch = pg_watch_new(to, p);
	struct watched watched = {.sink.write = watched_write, .watch = watch};
	err = pg_dump_run(place, c, &argv, &watched.sink, p, &said, e);
	if (!err)
		err = pg_watch_finish(watch, m, NULL, e);
	if (err)
		return err;
	note_warnings(m, &said);
	m->bytes = pg_watch_bytes(watch);
	return 0;
}

/* ---- backup ---- */

static int store_dump(const struct engine_backup *b, const struct pg_place *place, PGconn *c,
	struct manifest_source *out, struct error *e)
{
	CLEANUP(node_release) struct node node = {0};
	struct file_sink *file;
	int err = b->sink->file(b->sink, false, &file, e);
	if (err)
		return err;
	err = pg_backup_stream(place, c, NULL, file, b->progress, out, e);
	if (err) {
		file->abort(file);
		return err;
	}
	node_synthetic(&node, PG_DUMP_FILE, NODE_FILE, time_now());
	err = file->close(file, &node, NULL, e);
	if (err)
		return err;
	AUTO_FREE char *path = mem_printf("%s/" PG_DUMP_FILE, b->name);
	manifest_add_artifact(out, path, PG_FORMAT, out->bytes);
	out->structure = mem_string("counted");
	return 0;
}

static int store(const struct engine_backup *b, const struct pg_place *place, PGconn *c, struct manifest_source *out,
	struct error *e)
{
	CLEANUP(node_release) struct node folder = {0};
	uint64_t globals = 0;
	node_synthetic(&folder, b->name, NODE_DIR, time_now());
	int err = b->sink->enter(b->sink, &folder, e);
	if (!err)
		err = store_dump(b, place, c, out, e);
	if (!err)
		err = pg_globals_store(b, place, c, out, &globals, e);
	if (!err)
		err = b->sink->leave(b->sink, e);
	out->bytes += globals;
	return err;
}

int pg_backup(const struct engine_backup *b, struct manifest_source *out, struct error *e)
{
	CLEANUP(pg_place_release) struct pg_place place = {0};
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	progress_phase(b->progress, "connecting", NULL, 0, 0);
	int err = pg_place_of(b->url, &place, e);
	if (!err)
		err = pg_connect(&place, NULL, &c, e);
	if (!err)
		err = pg_exec(c, e, mem_string("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
	if (!err)
		err = pg_preflight(c, out, e);
	return err ? err : store(b, &place, c, out, e);
}
