/* Dumps of MySQL and MariaDB on their way in: kept to the byte, refused when they hold what must not be run. */
#include "engine/unpack_inner.h"

#include "base/mem.h"
#include "engine/my.h"
#include "engine/sqldump.h"

#include <stdlib.h>
#include <string.h>

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

static int refuse(const char *path, const char *what, uint64_t line, struct error *e)
{
	error_set(e, ERR_REFUSED, "%s: line %llu: %s is not allowed", path, (unsigned long long)line, what);
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
	if (!err && m->hazard)
		err = refuse(t->path, m->hazard, m->hazard_line, e);
	if (err || !m->foreign)
		return err;
	error_set(e, ERR_REFUSED, "%s: a statement names a database with the table \"%.100s\": it would write there", t->path,
		m->foreign);
	return error_hint(e, "take the name of the database in front of the table's away");
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
	return unpack_put(j, &engine_mysql, MY_DUMP_FILE, MY_FORMAT, fill_text, &t, e);
}
