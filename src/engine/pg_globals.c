/* Roles and tablespaces, which belong to a whole server, kept beside each of its databases. */
#include "engine/pg_dump_run.h"

#include "base/codec.h"
#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

#define SHA256_LEN 32
#define TAIL 256
#define LAST_LINE "PostgreSQL database cluster dump complete"

/* Into the file, with an eye on how it ends. */
struct globals {
	struct sink sink;
	struct file_sink *file;
	uint64_t bytes;
	char tail[TAIL + 1];
	size_t tail_len;
};

static int globals_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct globals *g = (struct globals *)s;
	size_t more = n < TAIL ? n : TAIL;
	size_t keep = g->tail_len < TAIL - more ? g->tail_len : TAIL - more;
	memmove(g->tail, g->tail + g->tail_len - keep, keep);
	memcpy(g->tail + keep, (const char *)p + n - more, more);
	g->tail_len = keep + more;
	g->tail[g->tail_len] = '\0';
	g->bytes += n;
	return g->file->write(g->file, p, n, e);
}

static void put_arguments(const struct pg_place *place, const char *tool, bool passwords, struct strlist *argv)
{
	const char *db = place->database;
	AUTO_FREE char *conninfo = pg_tool_conninfo(place, NULL);
	strlist_add(argv, tool);
	strlist_add(argv, "--globals-only");
	strlist_add(argv, "--no-password");
	if (!passwords)
		strlist_add(argv, "--no-role-passwords");
	/* pg_dumpall takes such a name for a list of settings; then it goes by the database "postgres". */
	if (!strchr(db, '=') && strncmp(db, "postgresql://", 13) != 0 && strncmp(db, "postgres://", 11) != 0)
		strlist_addf(argv, "--database=%s", db);
	strlist_addf(argv, "--dbname=%s", conninfo);
	strlist_take(argv, NULL);
}

static int close_file(struct globals *g, struct manifest_source *m, const char *folder, struct error *e)
{
	CLEANUP(node_release) struct node node = {0};
	uint8_t hash[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	node_synthetic(&node, PG_GLOBALS_FILE, NODE_FILE, time_now());
	int err = g->file->close(g->file, &node, hash, e);
	if (err)
		return err;
	AUTO_FREE char *path = mem_printf("%s/" PG_GLOBALS_FILE, folder);
	hex_encode(hash, sizeof hash, hex);
	manifest_add_artifact(m, path, PG_FORMAT_GLOBALS, g->bytes)->sha256 = mem_string(hex);
	return 0;
}

/* 0; 1: not permitted; or -kind. */
static int try(const struct engine_backup *b, const struct pg_place *place, PGconn *c, const char *tool, bool passwords,
	struct manifest_source *m, uint64_t *bytes, struct error *e)
{
	CLEANUP(strlist_release) struct strlist argv = {0};
	CLEANUP(buf_release) struct buf said = BUF_INIT;
	struct globals g = {.sink.write = globals_write};
	put_arguments(place, tool, passwords, &argv);
	int err = b->sink->file(b->sink, true, &g.file, e);
	if (err)
		return err;
	err = pg_dump_run(place, c, &argv, &g.sink, b->progress, &said, e);
	if (!err && !strstr(g.tail, LAST_LINE))
		err = error_set(e, ERR_CHILD, "the output of %s does not end as it should", tool);
	if (err) {
		g.file->abort(g.file);
		return err == -ERR_CHILD && strstr(buf_text(&said), "permission denied") ? 1 : err;
	}
	*bytes = g.bytes;
	return close_file(&g, m, b->name, e);
}

int pg_globals_store(const struct engine_backup *b, const struct pg_place *place, PGconn *c, struct manifest_source *m,
	uint64_t *bytes, struct error *e)
{
	AUTO_FREE char *tool = NULL, *all = NULL;
	struct error why = {0};
	*bytes = 0;
	if (pg_tool_find("pg_dumpall", PQserverVersion(c), &tool, NULL, &why)) {
		manifest_note(m, "note", NULL, "roles and tablespaces are left out: %s", why.text);
		return 0;
	}
	int err = pg_value(c, &all, e, mem_string("SELECT has_table_privilege('pg_authid', 'SELECT')"));
	if (err)
		return err;
	err = strcmp(all ? all : "f", "t") == 0 ? try(b, place, c, tool, true, m, bytes, e) : 1;
	if (err != 1)
		return err;
	err = try(b, place, c, tool, false, m, bytes, e);
	if (err == 0)
		manifest_note(m, "note", NULL, "passwords of roles are left out: only a superuser sees them");
	if (err == 1)
		manifest_note(m, "note", NULL, "roles and tablespaces are left out: this user may not see them");
	return err == 1 ? 0 : err;
}
