/* Backing up a database: known again, or copied, stored, looked at. */
#include "engine/sqlite.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>

struct run {
	const struct engine_backup *b;
	const char *path;
	struct manifest_source *out;
	struct stat st;
	char *fingerprint;        /* NULL: cannot be known again */
	bool settled;
};

static void release(struct run *r)
{
	mem_free_ptr(&r->fingerprint);
}

/* Whether the previous backup holds just this database, looked at no less closely than is asked for now. */
static bool is_known(const struct run *r)
{
	const struct manifest_source *p = r->b->previous;
	if (!p || r->b->options->force || !r->fingerprint || !p->fingerprint || p->artifact_count != 1)
		return false;
	if (strcmp(p->fingerprint, r->fingerprint) != 0)
		return false;
	return r->b->options->check != CHECK_FULL || (p->structure && strcmp(p->structure, "integrity_check") == 0);
}

/* 1: taken over from the previous backup; 0: it must be copied. */
static int take_over(struct run *r, struct error *e)
{
	struct tree_sink *sink = r->b->sink;
	struct known_file known;
	if (!is_known(r))
		return 0;
	int err = sink->known(sink, r->b->name, &known, e);
	if (err || !known.present)
		return err;
	CLEANUP(node_release) struct node node = {0};
	node_from_stat(&node, r->b->name, &r->st);
	node.size = r->b->previous->bytes;
	err = sink->reuse(sink, r->b->name, &node, e);
	if (err == -ERR_NOT_FOUND)
		return 0;
	if (err)
		return err;
	manifest_source_copy(r->out, r->b->previous);
	r->out->unchanged = true;
	return 1;
}

/* Nobody has it open: in WAL mode the WAL would be there. Then it can be read without creating one. */
static bool stands_still(const struct run *r)
{
	AUTO_FREE char *wal = mem_printf("%s-wal", r->path);
	unsigned char head[SQLITE_HEADER];
	struct error ignored;
	struct stat st;
	uint64_t size;
	if (!r->fingerprint || !r->settled || lstat(wal, &st) == 0 || errno != ENOENT)
		return false;
	return sqlite_read_header(r->path, head, &size, &ignored) == 0 && head[18] == 2;
}

static int copy_as(const struct run *r, unsigned how, struct sqlite_copy *c, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *db = NULL;
	*c = (struct sqlite_copy){.sink = r->b->sink, .progress = r->b->progress};
	int err = sqlite_open_live(r->path, how, r->b->progress, &db, e);
	return err ? err : sqlite_copy(c, db, e);
}

/* A copy that took the source for still is good if the source still looks the same afterwards. */
static bool copied_still(const struct run *r, struct sqlite_copy *c)
{
	struct error e = {0};
	AUTO_FREE char *after = NULL;
	bool settled;
	if (!stands_still(r))
		return false;
	if (copy_as(r, LIVE_STILL, c, &e) == 0 && sqlite_fingerprint(r->path, &after, &settled, &e) == 0 && after &&
		strcmp(after, r->fingerprint) == 0)
		return true;
	sqlite_copy_release(c);
	return false;
}

static int copy(const struct run *r, struct sqlite_copy *c, struct error *e)
{
	if (copied_still(r, c))
		return 0;
	int err = progress_check(r->b->progress, e);
	return err ? err : copy_as(r, 0, c, e);
}

static int store(const struct run *r, struct sqlite_copy *c, struct error *e)
{
	CLEANUP(node_release) struct node node = {0};
	node_from_stat(&node, r->b->name, &r->st);
	node.size = c->size;
	if (!c->file)
		return r->b->sink->add(r->b->sink, &node, e);
	struct file_sink *file = TAKE(c->file);
	return file->close(file, &node, NULL, e);
}

/* integrity_check of the stored copy, as far as it is asked for; *how tells what was done. */
static int check_stored(const struct run *r, sqlite3 *db, const struct sqlite_copy *c, const char **how,
	struct error *e)
{
	struct error why = {0};
	*how = "pages";
	if (r->b->options->check == CHECK_AUTO && c->size > SQLITE_CHECK_AUTO)
		return 0;
	progress_phase(r->b->progress, "checking", NULL, 0, 0);
	int err = sqlite_integrity(db, &why);
	if (err == -ERR_VERSION)
		manifest_note(r->out, "note", NULL, "%s", why.text);
	else if (err)
		*e = why;
	else
		*how = "integrity_check";
	return err == -ERR_VERSION ? 0 : err;
}

/* What the stored copy holds, read from where it was stored. */
static int look(const struct run *r, const struct sqlite_copy *c, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *db = NULL;
	struct source *src;
	const char *how = NULL;
	bool check = r->b->options->check != CHECK_NONE;
	int err = r->b->sink->open(r->b->sink, r->b->name, &src, e);
	if (err)
		return err;
	err = sqlite_open_source(src, &db, e);
	if (!err && check)
		err = check_stored(r, db, c, &how, e);
	struct sqlite_look at = {.pages = c->pages, .count_virtual = c->size <= SQLITE_CHECK_AUTO, .tolerate = !check};
	if (!err)
		err = sqlite_inventory(db, &at, r->out, e);
	if (err == -ERR_CORRUPT && !check) {
		manifest_note(r->out, "damaged", NULL, "%s", e->text);
		return 0;
	}
	if (err == -ERR_CORRUPT)
		return error_hint_typed(e, "the database itself is damaged; without a check it is stored as it is",
					": --check none");
	r->out->structure = how ? mem_string(how) : NULL;
	return err;
}

static void describe(const struct run *r, const struct sqlite_copy *c)
{
	struct manifest_artifact *a = manifest_add_artifact(r->out, r->b->name, "sqlite3", c->size);
	a->block = c->block;
	r->out->bytes = c->size;
	r->out->tool_version = mem_printf("SQLite %s", sqlite3_libversion());
	r->out->consistency = mem_string(c->wal || c->held > 0 ? "one read transaction" :
		"one pass, unchanged between its steps");
	if (r->fingerprint && r->settled)
		r->out->fingerprint = mem_string(r->fingerprint);
	if (c->restarts)
		manifest_note(r->out, "note", NULL, "the database changed under the copy %d times", c->restarts);
	if (c->restarts && c->held > 0)
		manifest_note(r->out, "note", NULL,
			"the last copy held a read lock: writers may have waited for %.1f s", c->held);
}

static int must_be_database(const struct run *r, struct error *e)
{
	unsigned char head[SQLITE_HEADER] = {0};
	uint64_t size = 0;
	int err = S_ISREG(r->st.st_mode) ? sqlite_read_header(r->path, head, &size, e) : 0;
	if (err)
		return err;
	if (!S_ISREG(r->st.st_mode) || (size && !sqlite_is_header(head)))
		return error_set(e, ERR_MISMATCH, "%s is not an SQLite database", r->path);
	return 0;
}

int sqlite_backup(const struct engine_backup *b, struct manifest_source *out, struct error *e)
{
	CLEANUP(release) struct run r = {.b = b, .path = b->url->path, .out = out};
	CLEANUP(sqlite_copy_release) struct sqlite_copy c = {0};
	if (stat(r.path, &r.st) != 0)
		return error_sys(e, errno, "looking at %s", r.path);
	int err = must_be_database(&r, e);
	if (!err)
		err = sqlite_fingerprint(r.path, &r.fingerprint, &r.settled, e);
	if (!err)
		err = take_over(&r, e);
	if (err)
		return err < 0 ? err : 0;
	err = copy(&r, &c, e);
	if (!err)
		err = store(&r, &c, e);
	if (err)
		return err;
	describe(&r, &c);
	return look(&r, &c, e);
}
