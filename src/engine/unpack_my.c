/* Dumps of MySQL and MariaDB on their way in: kept to the byte, refused when they hold what must not be run. */
#include "engine/unpack_inner.h"

#include "base/mem.h"
#include "base/path.h"
#include "engine/my.h"
#include "engine/sqldump_parts.h"

#include <stdlib.h>
#include <string.h>

#define PART_MAX ((size_t)64 << 10)     /* so much of a statement tells what it is */

struct text_sink {
	struct sink sink;
	struct sqldump_watch *watch;
	const char *path;
	bool saves;               /* its head keeps settings, which its end puts back */
	uint64_t bytes;
	struct sqldump_map map;
};

static void text_release(struct text_sink *t)
{
	sqldump_watch_free(t->watch);
	sqldump_map_release(&t->map);
}

static int text_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct text_sink *t = (struct text_sink *)s;
	static const char saving[] = "SET @OLD_CHARACTER_SET_CLIENT=";
	if (t->bytes == 0)
		t->saves = memmem(p, n, saving, strlen(saving)) != NULL;
	t->bytes += n;
	int err = sqldump_watch_write(t->watch, p, n, e);
	return err ? error_wrap(e, "%s", t->path) : 0;
}

/* ---- what is not allowed ---- */

static int refuse(const char *path, const char *what, struct error *e)
{
	error_set(e, ERR_REFUSED, "%s: %s is not allowed", path, what);
	return error_hint(e, "only what builds one database is run from a file");
}

/* The databases that something is put into. */
static void filled(const struct sqldump_map *m, struct strlist *out)
{
	const char *now = "one without a name";
	for (size_t i = 0; i < m->n; i++) {
		const struct sqldump_part *x = &m->v[i];
		if (x->kind == SQLDUMP_DATABASE && x->name)
			now = x->name;
		bool fills = x->kind != SQLDUMP_DATABASE && x->kind != SQLDUMP_HEAD && x->kind != SQLDUMP_TAIL;
		if (fills && !strlist_has(out, now))
			strlist_add(out, now);
	}
}

static int check_one_database(const struct text_sink *t, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	if (t->map.databases > 1)
		filled(&t->map, &names);
	if (names.n < 2)
		return 0;
	AUTO_FREE char *all = strlist_join(&names, ", ");
	error_set(e, ERR_REFUSED, "%s: it holds %zu databases: %s", t->path, names.n, all);
	return error_hint(e, "dump the one you want by itself; only one database can be restored at a time");
}

static int check_map(const struct text_sink *t, struct error *e)
{
	const struct sqldump_map *m = &t->map;
	bool tail = false;
	for (size_t i = 0; i < m->n; i++)
		tail |= m->v[i].kind == SQLDUMP_TAIL;
	if (m->client && !m->complete)
		return error_set(e, ERR_CORRUPT, "%s: it is cut short: the line \"-- Dump completed\" is missing", t->path);
	if (t->saves && !tail)
		return error_set(e, ERR_CORRUPT, "%s: it is cut short: the settings of its head are never put back", t->path);
	if (m->command) {
		error_set(e, ERR_REFUSED, "%s: it holds the client's command \"%.60s\", which is not run from a file", t->path,
			m->command);
		return error_hint(e, "if you trust the file, load it with the client itself");
	}
	int err = check_one_database(t, e);
	if (err || !m->foreign)
		return err;
	error_set(e, ERR_REFUSED, "%s: a statement names a database with the table \"%.100s\": it would write there", t->path,
		m->foreign);
	return error_hint(e, "take the name of the database in front of the table's away");
}

/* ---- statements that are not known ---- */

static bool is_any(const struct sqldump_token *t, const char *const words[], size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (sqldump_token_is(t, words[i]))
			return true;
	return false;
}

/* What it is when it must not be run; else NULL. */
static const char *forbidden(const char *text, size_t n)
{
	static const char *const verbs[] = {
		"load", "install", "uninstall", "shutdown", "kill", "restart", "clone", "flush", "reset", "grant", "revoke", "handler",
		"import", "change", "purge", "backup",
	};
	static const char *const makers[] = {"create", "alter", "drop", "rename"};
	static const char *const things[] = {"user", "role", "server", "tablespace", "logfile", "instance"};
	struct sqldump_reader r = {.p = text, .end = text + n};
	struct sqldump_token t = sqldump_token_next(&r);
	if (is_any(&t, verbs, ARRAY_LEN(verbs)))
		return "LOAD DATA, GRANT, or another statement about files or the whole server";
	if (is_any(&t, makers, ARRAY_LEN(makers))) {
		t = sqldump_token_next(&r);
		if (sqldump_token_is(&t, "or"))
			for (int i = 0; i < 2; i++)
				t = sqldump_token_next(&r);
		return is_any(&t, things, ARRAY_LEN(things)) ? "a statement about users, roles, servers or tablespaces" : NULL;
	}
	for (; t.kind != TOKEN_END; t = sqldump_token_next(&r))
		if (sqldump_token_is(&t, "outfile") || sqldump_token_is(&t, "dumpfile") || sqldump_token_is(&t, "load_file"))
			return "writing or reading a file of the server";
	return NULL;
}

static int check_part(const char *path, struct source *from, const struct sqldump_part *x, struct error *e)
{
	size_t n = x->length < PART_MAX ? (size_t)x->length : PART_MAX;
	AUTO_FREE char *text = mem_alloc(n + 1);
	int err = source_read_exact(from, text, n, x->offset, e);
	if (err)
		return err;
	const char *what = forbidden(text, n);
	return what ? refuse(path, what, e) : 0;
}

/* Read from where they are kept now. */
static int check_others(const struct unpack_job *j, const struct sqldump_map *m, struct error *e)
{
	AUTO_FREE char *path = path_join(j->name, MY_DUMP_FILE);
	struct source *from = NULL;
	int err = j->sink->open(j->sink, path, &from, e);
	for (size_t i = 0; i < m->n && !err; i++)
		if (m->v[i].kind == SQLDUMP_OTHER)
			err = check_part(j->path, from, &m->v[i], e);
	source_close(from);
	return err;
}

/* ---- the way in ---- */

static void describe(const struct text_sink *t, struct manifest_source *out)
{
	const struct sqldump_map *m = &t->map;
	sqldump_map_describe(m, out);
	out->bytes = t->bytes;
	out->structure = mem_string("counted");
	out->server_version = m->server ? mem_string(m->server) : NULL;
	out->tool_version = m->client ? mem_string(m->client) : NULL;
	for (size_t i = 0; i < m->n; i++)
		if (m->v[i].kind == SQLDUMP_DATABASE && m->v[i].name) {
			manifest_note(out, "note", NULL, "it names the database \"%s\", which is passed over", m->v[i].name);
			break;
		}
	if (!m->complete)
		manifest_note(out, MY_NO_TRAILER, NULL, t->saves ? "it has no comments, and so no last line \"-- Dump completed\"" :
			"no dump of mariadb-dump or mysqldump: whether it is whole cannot be told");
}

static int fill_text(const struct unpack_job *j, struct file_sink *to, void *ctx, struct error *e)
{
	struct text_sink *t = ctx;
	t->watch = sqldump_watch_new(to, j->progress);
	int err = unpack_pour(j, &t->sink, e);
	if (err)
		return err;
	err = sqldump_watch_finish(t->watch, &t->map, e);
	if (err)
		return error_wrap(e, "%s", j->path);
	err = check_map(t, e);
	if (!err)
		describe(t, j->out);
	return err;
}

int unpack_my_script(const struct unpack_job *j, struct error *e)
{
	CLEANUP(text_release) struct text_sink t = {.sink.write = text_write, .path = j->path};
	progress_phase(j->progress, "reading", "tables", 0, 0);
	int err = unpack_put(j, &engine_mysql, MY_DUMP_FILE, MY_FORMAT, fill_text, &t, e);
	if (err)
		return err;
	err = check_others(j, &t.map, e);
	if (err) {
		manifest_source_release(j->out);
		*j->out = (struct manifest_source){0};
	}
	return err;
}
