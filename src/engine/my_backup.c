/* Backing up a MySQL or MariaDB database: the vendor's dump, watched as it passes. */
#include "engine/my.h"

#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_SHOWN 10

struct dump {
	const struct my_place *place;
	MYSQL *c;
	bool tolerate;
	struct progress *progress;
	struct manifest_source *m;
	struct my_plan plan;
	struct my_seen before, after;
	char *tool, *version;
	bool mariadb_tool;
};

static void dump_release(struct dump *d)
{
	my_plan_release(&d->plan);
	my_seen_release(&d->before);
	my_seen_release(&d->after);
	free(d->tool);
	free(d->version);
}

/* ---- the program ---- */

/* MariaDB's tool writes the values of generated columns, which MySQL refuses to load (error 3105). */
static int check_tool(const struct dump *d, struct error *e)
{
	if (!d->mariadb_tool || !d->plan.generated.n)
		return 0;
	error_set(e, ERR_MISMATCH, "%s writes tables with generated columns so that MySQL cannot load them: %s",
		d->version, d->plan.generated.v[0]);
	return error_hint(e, "install MySQL's own mysqldump, or name its folder in BACKSTAY_MYSQL_BIN");
}

/* "mysqldump 8.0.36" knows what older ones take for a mistake. */
static bool is_mysql_8(const struct dump *d)
{
	const char *number = strrchr(d->version, ' ');
	return !d->mariadb_tool && number && atoi(number + 1) >= 8;
}

static void arguments(const struct dump *d, struct strlist *argv)
{
	static const char *const always[] = {"--quick", "--triggers", "--hex-blob", "--skip-dump-date",
		"--default-character-set=utf8mb4", "--max-allowed-packet=1G", "--no-tablespaces"};
	strlist_add(argv, d->tool);
	my_tool_args(d->place, d->mariadb_tool, argv);
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		strlist_add(argv, always[i]);
	strlist_add(argv, d->plan.lock_tables ? "--lock-tables" : "--single-transaction");
	if (d->plan.routines)
		strlist_add(argv, "--routines");
	if (d->plan.events)
		strlist_add(argv, "--events");
	if (d->plan.by_key)
		strlist_add(argv, "--order-by-primary");
	if (!d->mariadb_tool)
		strlist_add(argv, "--set-gtid-purged=OFF");
	if (is_mysql_8(d))
		strlist_add(argv, "--column-statistics=0");
	for (size_t i = 0; i < d->plan.left_out.n; i++)
		strlist_addf(argv, "--ignore-table=%s.%s", d->place->database, d->plan.left_out.v[i]);
	/* A name may begin with dashes. */
	strlist_add(argv, "--");
	strlist_add(argv, d->place->database);
	strlist_take(argv, NULL);
}

static int start(const struct dump *d, struct proc *p, struct error *e)
{
	CLEANUP(strlist_release) struct strlist argv = {0}, env = {0};
	arguments(d, &argv);
	my_tool_env(d->place, &env);
	strlist_take(&env, NULL);
	return proc_start(p, (const char *const *)argv.v, (const char *const *)env.v, PROC_PIPE_OUT, e);
}

/* ---- its output ---- */

struct watched {
	struct sink sink;
	struct sqldump_watch *watch;
	struct progress *progress;
};

static int watched_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct watched *w = (struct watched *)s;
	progress_bytes(w->progress, n);
	return sqldump_watch_write(w->watch, p, n, e);
}

/* ---- its end ---- */

static bool is_error(const char *line)
{
	static const char *const words[] = {"error:", "[error]", "got error", "couldn't", "insufficient privileges"};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasestr(line, words[i]))
			return true;
	return false;
}

/* What it said although it ended well: warnings are kept, and an error is one whatever its exit status. */
static int weigh_words(const struct dump *d, struct buf *said, struct error *e)
{
	AUTO_FREE char *text = buf_take_text(said);
	char *rest = text;
	for (char *line; (line = strsep(&rest, "\r\n"));) {
		if (is_error(line))
			return error_set(e, ERR_CHILD, "%s ended well but said: %s", d->tool, line);
		if (*line && !strcasestr(line, "deprecated program name"))
			manifest_note(d->m, "note", NULL, "%s", line);
	}
	return 0;
}

static int finish(const struct dump *d, struct sqldump_watch *watch, struct sqldump_map *map, struct error *e)
{
	int err = sqldump_watch_finish(watch, map, e);
	if (err)
		return error_wrap(e, "the output of %s", d->tool);
	if (map->complete)
		return 0;
	error_set(e, ERR_CHILD, "the output of %s ends without its last line, \"-- Dump completed\": it is not whole",
		d->tool);
	return error_hint(e, "try again; when it stays so, run the tool by hand and look at its end");
}

static void watch_free(struct sqldump_watch **w)
{
	sqldump_watch_free(*w);
}

/* Views are locked with the tables, in the name of those whom they belong to. */
static int explain(struct error *e)
{
	if (strstr(e->text, ": 1449: ") && strstr(e->text, "LOCK TABLES"))
		error_hint(e, "tables that are not transactional are locked, and views with them: make the user again, or give what is its another definer");
	return -(int)e->kind;
}

static int run(const struct dump *d, struct file_sink *to, struct sqldump_map *map, struct error *e)
{
	CLEANUP(watch_free) struct sqldump_watch *watch = sqldump_watch_new(to, d->progress);
	CLEANUP(buf_release) struct buf said = BUF_INIT;
	struct proc p = {0};
	int err = start(d, &p, e);
	if (err)
		return err;
	struct watched watched = {.sink.write = watched_write, .watch = watch, .progress = d->progress};
	err = proc_output(&p, &watched.sink, d->progress, &d->m->bytes, e);
	if (err) {
		proc_stop(&p);
		return err;
	}
	err = proc_wait_said(&p, &said, e) ? explain(e) : 0;
	if (!err)
		err = weigh_words(d, &said, e);
	return err ? err : finish(d, watch, map, e);
}

/* Again what there is, by a connection of its own: the first one was silent for long. */
static int look_again(struct dump *d, struct error *e)
{
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	int err = my_connect(d->place, NULL, &c, e);
	return err ? err : my_seen_now(c, d->place->database, &d->after, e);
}

/* A dump of one database leaves it out. */
static int read_charset(const struct dump *d, struct error *e)
{
	return my_value(d->c, &d->m->charset, e,
		my_sql("SELECT CONCAT(DEFAULT_CHARACTER_SET_NAME, '/', DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA "
		       "WHERE SCHEMA_NAME = %L",
			d->place->database));
}

static void describe(const struct dump *d, const struct sqldump_map *map)
{
	const struct strlist *locked = &d->plan.locked;
	sqldump_map_describe(map, d->m);
	d->m->server_version = my_server_title(d->c);
	d->m->tool_version = mem_string(d->version);
	d->m->structure = mem_string("counted");
	if (!d->plan.lock_tables) {
		d->m->consistency = mem_string("one transaction, a snapshot of all tables");
		return;
	}
	struct strlist first = *locked;
	first.n = locked->n > NAMES_SHOWN ? NAMES_SHOWN : locked->n;
	AUTO_FREE char *names = strlist_join(&first, ", ");
	d->m->consistency =
		mem_printf("all tables locked together while they were read, because %zu %s not transactional: %s%s",
			locked->n, locked->n == 1 ? "is" : "are", names, locked->n > NAMES_SHOWN ? ", ..." : "");
}

static int prepare(struct dump *d, struct error *e)
{
	int err = my_preflight(d->c, d->place->database, d->tolerate, d->m, &d->plan, e);
	if (!err)
		err = my_tool_find("dump", my_is_mariadb(d->c), &d->tool, &d->version, &d->mariadb_tool, e);
	if (!err)
		err = check_tool(d, e);
	if (!err)
		err = read_charset(d, e);
	return err ? err : my_seen_now(d->c, d->place->database, &d->before, e);
}

int my_backup_stream(const struct my_place *place, MYSQL *c, bool tolerate, struct file_sink *to, struct progress *p,
	struct manifest_source *m, struct sqldump_map *map, struct error *e)
{
	CLEANUP(dump_release) struct dump d = {
		.place = place, .c = c, .tolerate = tolerate, .progress = p, .m = m};
	CLEANUP(sqldump_map_release) struct sqldump_map own = {0};
	int err = prepare(&d, e);
	if (err)
		return err;
	progress_phase(p, "reading", "tables", 0, d.before.tables.n);
	err = run(&d, to, &own, e);
	if (!err)
		err = look_again(&d, e);
	if (!err)
		err = my_seen_compare(&d.before, &d.after, &own, &d.plan, m, e);
	if (err)
		return err;
	describe(&d, &own);
	if (map) {
		*map = own;
		own = (struct sqldump_map){0};
	}
	return 0;
}

/* ---- into the backup ---- */

static int store(const struct engine_backup *b, const struct my_place *place, MYSQL *c, struct manifest_source *out,
	struct error *e)
{
	CLEANUP(node_release) struct node node = {0};
	struct file_sink *file;
	int err = b->sink->file(b->sink, false, &file, e);
	if (err)
		return err;
	err = my_backup_stream(place, c, b->options && b->options->tolerate, file, b->progress, out, NULL, e);
	if (err) {
		file->abort(file);
		return err;
	}
	node_synthetic(&node, MY_DUMP_FILE, NODE_FILE, time_now());
	return file->close(file, &node, NULL, e);
}

int my_backup(const struct engine_backup *b, struct manifest_source *out, struct error *e)
{
	CLEANUP(my_place_release) struct my_place place = {0};
	CLEANUP(my_disconnect) MYSQL *c = NULL;
	CLEANUP(node_release) struct node folder = {0};
	AUTO_FREE char *path = path_join(b->name, MY_DUMP_FILE);
	int err = my_place_of(b->url, &place, e);
	if (!err)
		err = my_connect(&place, NULL, &c, e);
	if (err)
		return err;
	node_synthetic(&folder, b->name, NODE_DIR, time_now());
	err = b->sink->enter(b->sink, &folder, e);
	if (!err)
		err = store(b, &place, c, out, e);
	if (!err)
		err = b->sink->leave(b->sink, e);
	if (!err)
		manifest_add_artifact(out, path, MY_FORMAT, out->bytes);
	return err;
}
