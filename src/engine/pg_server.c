/* A throw-away PostgreSQL server for rehearsals: on a unix socket in a private folder, without a thought for crashes. */
#include "engine/pg.h"

#include "base/mem.h"
#include "base/path.h"
#include "engine/pg_roles.h"
#include "engine/scratch_server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SOCKET_NAME ".s.PGSQL.5432.lock"
#define SUPERUSER "postgres"
#define DATABASE "rehearsal"
#define PATIENCE 60

static const char *const users[] = {"postgres", "nobody", NULL};

struct server {
	struct scratch_server base;
	struct source_url url;            /* of the database "postgres" on it */
	struct pg_place place;
	struct progress *progress;
};

static void server_free(struct server *s)
{
	scratch_server_close(&s->base);
	source_url_release(&s->url);
	pg_place_release(&s->place);
	free(s);
}

static void close_scratch(struct engine_scratch *s)
{
	source_url_release(&s->target);
	server_free(s->own);
	*s = (struct engine_scratch){0};
}

/* The newest there is; one as new as the dump's server if possible. */
static int find_program(const char *name, const char *dumped, char **path, struct error *e)
{
	int version, wanted = dumped ? atoi(dumped) * 10000 : 0;
	int err = pg_tool_find(name, wanted, path, &version, e);
	if (err == -ERR_VERSION) {
		error_clear(e);
		err = pg_tool_find(name, 0, path, &version, e);
	}
	if (err != -ERR_NOT_FOUND)
		return err;
	error_set(e, ERR_NOT_FOUND, "there is no PostgreSQL server on this machine (initdb and postgres were not found)");
	return error_hint(e, "install postgresql, set BACKSTAY_PG_BIN to the folder of its programs, or BACKSTAY_VERIFY_POSTGRESQL to the URL of a server to rehearse on");
}

/* initdb is found as the other tools are; the server lies beside it. */
static int install(struct server *s, const char *initdb, struct error *e)
{
	AUTO_FREE char *data = path_join(s->base.dir, "data");
	const char *const argv[] = {initdb, "-D", data, "-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
		"--no-instructions", NULL};
	int err = scratch_server_run(&s->base, argv, NULL, e);
	return err ? error_wrap(e, "creating a throw-away server") : 0;
}

static int try_connection(void *ctx, struct error *e)
{
	struct server *s = ctx;
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	struct error why = {0};
	int err = pg_connect(&s->place, NULL, &c, &why);
	if (!err || err == -ERR_TEMPORARY)
		return err ? 1 : 0;
	*e = why;
	return err;
}

static int start(struct server *s, const char *initdb, struct error *e)
{
	AUTO_FREE char *bin = path_dir(initdb);
	AUTO_FREE char *postgres = path_join(bin, "postgres");
	AUTO_FREE char *data = path_join(s->base.dir, "data");
	const char *const argv[] = {postgres, "-D", data, "-k", s->base.socket_dir, "-p", "5432", "-c", "listen_addresses=", "-c", "fsync=off",
		"-c", "full_page_writes=off", "-c", "synchronous_commit=off", "-c", "wal_level=minimal", "-c", "max_wal_senders=0",
		"-c", "autovacuum=off", "-c", "max_connections=20", "-c", "shared_buffers=64MB", "-c", "max_wal_size=4GB",
		"-c", "logging_collector=off", "-c", "log_min_messages=fatal", "-c", "jit=off", NULL};
	s->base.stop_signal = SIGQUIT;
	return scratch_server_start(&s->base, argv, NULL, PATIENCE, try_connection, s, s->progress, e);
}

static void add_encoded(struct buf *out, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.')
			buf_add_byte(out, c);
		else
			buf_printf(out, "%%%02X", c);
	}
}

static int name_place(const struct server *s, const char *database, struct source_url *out, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	buf_add_str(&text, "postgresql://" SUPERUSER "@");
	add_encoded(&text, s->base.socket_dir);
	/* What the environment says of other servers must not matter. */
	buf_printf(&text, ":5432/%s?sslmode=disable", database);
	return source_url_parse(buf_text(&text), true, &engine_postgresql, out, e);
}

/* What the archive needs of a server and this one lacks is no fault of the backup. */
int pg_check_extensions(PGconn *c, const struct pg_toc *toc, const char *where, struct error *e)
{
	for (size_t i = 0; i < toc->n; i++) {
		const struct pg_entry *en = &toc->v[i];
		AUTO_FREE char *there = NULL;
		if (!en->desc || strcmp(en->desc, "EXTENSION") != 0)
			continue;
		int err = pg_value(c, &there, e, pg_sql("SELECT 1 FROM pg_catalog.pg_available_extensions WHERE name = %L", en->tag));
		if (err)
			return err;
		if (!there) {
			error_set(e, ERR_NOT_FOUND, "the extension \"%s\", which the backup needs, is not installed for %s", en->tag, where);
			return error_hint(e, "install the package that has it, or restore to a server that has it");
		}
	}
	return 0;
}

/* The roles that owners and privileges name, so that nothing need be left out. */
static int create_roles(PGconn *c, const struct pg_toc *toc, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	pg_roles_named(toc, &names);
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *there = NULL;
		struct error ignored;
		int err = pg_value(c, &there, e, pg_sql("SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = %L", names.v[i]));
		if (err)
			return err;
		/* One that cannot be made is missed, and named, when it is needed. */
		if (!there)
			(void)!pg_exec(c, &ignored, pg_sql("CREATE ROLE %I", names.v[i]));
	}
	return 0;
}

static int prepare(struct server *s, const struct stored *stored, struct engine_scratch *out, struct error *e)
{
	CLEANUP(pg_disconnect) PGconn *c = NULL;
	struct source *from = NULL;
	struct pg_toc toc = {0};
	AUTO_FREE char *initdb = NULL;
	int err = pg_stored_open(stored, &from, &toc, e);
	source_close(from);
	/* A script has no list of what is in it. */
	if (err == -ERR_MISMATCH) {
		error_clear(e);
		err = 0;
	}
	if (!err)
		err = find_program("initdb", toc.server_version, &initdb, e);
	if (!err)
		err = install(s, initdb, e);
	if (!err)
		err = name_place(s, "postgres", &s->url, e);
	if (!err)
		err = pg_place_of(&s->url, &s->place, e);
	if (!err)
		err = start(s, initdb, e);
	if (!err)
		err = pg_connect(&s->place, NULL, &c, e);
	if (!err)
		err = pg_check_extensions(c, &toc, "the PostgreSQL server of this machine", e);
	if (!err)
		err = create_roles(c, &toc, e);
	if (!err)
		err = pg_exec(c, e, pg_sql("CREATE DATABASE %I TEMPLATE template0", DATABASE));
	if (!err)
		err = name_place(s, DATABASE, &out->target, e);
	pg_toc_release(&toc);
	return err;
}

int pg_scratch(const char *dir, const struct stored *s, struct engine_scratch *out, struct error *e)
{
	if (engine_verify_server(&engine_postgresql))
		return pg_verify_scratch(s, out, e);
	struct server *server = mem_zero(sizeof *server);
	*out = (struct engine_scratch){0};
	int err = scratch_server_open(&server->base, dir, users, SOCKET_NAME, e);
	if (!err)
		err = prepare(server, s, out, e);
	if (err) {
		source_url_release(&out->target);
		server_free(server);
		*out = (struct engine_scratch){0};
		return err;
	}
	out->own = server;
	out->close = close_scratch;
	out->where = mem_string("a throw-away server");
	return 0;
}

int pg_compare_restored(const struct stored *s, const struct source_url *restored, struct progress *p, struct strlist *evidence, struct error *e)
{
	struct pg_place place = {0};
	int err = pg_place_of(restored, &place, e);
	if (!err)
		err = pg_compare(&place, NULL, s, NULL, true, p, evidence, e);
	pg_place_release(&place);
	return err;
}
