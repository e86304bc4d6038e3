/* Restoring a database: spooled beside its target, checked, compared, and only then put in place or written into the
 * live one in a single transaction. */
#include "engine/sqlite.h"

#include "base/draft.h"
#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STEP 1024                 /* pages copied between two looks at the cancel flag */

struct run {
	const struct engine_restore *r;
	struct restore_result *result;
	const char *target;
	bool exists;
	char *dir;
	struct draft draft;
	char *scratch;            /* in it, when the target is new; or NULL */
	int fd;                   /* of the scratch file */
	struct source *from;
	struct sqlite_pages *pages;
	struct manifest_source found;
};

static void release(struct run *s)
{
	fs_close(&s->fd);
	draft_release(&s->draft);
	source_close(s->from);
	sqlite_pages_free(s->pages);
	manifest_source_release(&s->found);
	free(s->dir);
	free(s->scratch);
}

/* A target that exists must be a database; that the file is empty makes it a legal one. */
static int look_at_target(struct run *s, struct error *e)
{
	struct stat st;
	s->exists = stat(s->target, &st) == 0;
	if (!s->exists && errno != ENOENT)
		return error_sys(e, errno, "looking at %s", s->target);
	if (!s->exists && fs_exists(s->target))
		return error_set(e, ERR_MISMATCH, "%s is a link to nothing", s->target);
	if (!s->exists)
		return 0;
	unsigned char head[SQLITE_HEADER] = {0};
	uint64_t size = 0;
	int err = S_ISREG(st.st_mode) ? sqlite_read_header(s->target, head, &size, e) : 0;
	if (err)
		return err;
	if (!S_ISREG(st.st_mode) || (size && !sqlite_is_header(head)))
		return error_set(e, ERR_MISMATCH, "%s is not an SQLite database; nothing was changed",
			path_base(s->target));
	return 0;
}

/* The live database, to be written. */
static int open_target(const struct run *s, const char *path, sqlite3 **out, struct error *e)
{
	int err = sqlite_open_live(path, LIVE_WRITE, s->r->progress, out, e);
	if (err == -ERR_CORRUPT && s->exists)
		error_hint(e, "nothing was changed; move the damaged database aside, with %s-wal and %s-journal where they are, and "
			"restore again", path_base(path), path_base(path));
	return err;
}

/* Asked for tables must all be in the backup before anything else happens. */
static int check_tables(const struct engine_restore *r, struct error *e)
{
	const struct manifest_source *m = r->from->manifest;
	for (size_t i = 0; r->tables && i < r->tables->n; i++) {
		bool there = false;
		for (size_t j = 0; j < m->table_count; j++)
			there = there || strcasecmp(m->tables[j].name, r->tables->v[i]) == 0;
		if (there)
			continue;
		CLEANUP(strlist_release) struct strlist names = {0};
		for (size_t j = 0; j < m->table_count; j++)
			strlist_add(&names, m->tables[j].name);
		AUTO_FREE char *all = strlist_join(&names, ", ");
		return error_set(e, ERR_NOT_FOUND, "there is no table \"%s\" in the backup; its tables are: %s",
			r->tables->v[i], all);
	}
	return 0;
}

static bool is_merge(const struct engine_restore *r)
{
	return (r->tables && r->tables->n > 0) || r->mode == RESTORE_PRESERVE;
}

static int check_room(const struct run *s, struct error *e)
{
	char need[HUMAN_MAX], have[HUMAN_MAX];
	uint64_t room;
	int err = fs_free_space(s->dir, &room, e);
	if (err || room >= s->from->size)
		return err;
	return error_set(e, ERR_NO_SPACE, "the scratch copy needs %s in %s, where %s are free",
		human_size(s->from->size, need), s->dir, human_size(room, have));
}

static int new_scratch(struct run *s, struct error *e)
{
	int err = s->draft.path ? 0 : draft_make(s->dir, path_base(s->target), &s->draft, e);
	return err ? err : fs_temp_file(s->draft.path, "file-", &s->scratch, &s->fd, e);
}

/* The stored database in a private file beside the target, whole and equal to the manifest. */
static int fill_scratch(struct run *s, struct error *e)
{
	const char *how = NULL;
	struct error why = {0};
	int err = check_room(s, e);
	if (!err)
		err = s->exists || is_merge(s->r) ? fs_temp_anonymous(s->dir, &s->fd, e) : new_scratch(s, e);
	if (!err)
		err = sqlite_spool(s->from, s->fd, s->r->progress, &s->pages, e);
	if (err)
		return err;
	progress_phase(s->r->progress, "checking", NULL, 0, 0);
	/* Every blob's hash was checked on the way here; a large database is not read through a third time. */
	err = sqlite_check_copy(s->fd, s->pages, s->from->size <= SQLITE_CHECK_AUTO, s->r->from->manifest, &s->found, &how, &why);
	if (err) {
		*e = why;
		return error_wrap(e, "the backup of %s is not sound; nothing was changed", s->r->from->manifest->name);
	}
	if (why.kind != ERR_NONE)
		strlist_add(&s->result->notes, why.text);
	return fsync(s->fd) == 0 ? 0 : error_sys(e, errno, "writing %s", s->scratch ? s->scratch : s->dir);
}

/* A journal or WAL that outlived its database would be played back over the new one. */
static int set_aside(struct run *s, const char *suffix, struct error *e)
{
	AUTO_FREE char *stale = mem_printf("%s%s", s->target, suffix);
	if (!fs_exists(stale))
		return 0;
	for (unsigned i = 1;; i++) {
		AUTO_FREE char *aside = mem_printf("%s.stale-%u", stale, i);
		int err = files_move(AT_FDCWD, stale, AT_FDCWD, aside);
		if (!err) {
			strlist_addf(&s->result->notes, "%s of an earlier database was set aside as %s",
				path_base(stale), path_base(aside));
			return 0;
		}
		if (err != EEXIST || i == 1000)
			return error_sys(e, err, "setting %s aside", stale);
	}
}

/* The mode of the file `name` in a stored folder; 0 when it is not there. */
static mode_t find_mode(struct tree_source *tree, const char *name)
{
	struct error ignored = {0};
	const struct node *node;
	enum tree_event event;
	const char *path;
	for (;;) {
		if (tree->next(tree, &event, &node, &path, &ignored) != 0 || event == TREE_END)
			return 0;
		if (event == TREE_NODE && strcmp(path, name) == 0)
			return node->mode & 0777;
		if (event == TREE_ENTER && path[0] != '\0' && tree->skip(tree, &ignored) != 0)
			return 0;
	}
}

/* Who may read and write a new database: those who might the source, as far as that is known. */
static mode_t mode_of_source(const struct stored *s)
{
	const struct manifest_artifact *a = sqlite_artifact(s->manifest);
	const char *name = a ? path_base(a->path) : "";
	AUTO_FREE char *above = a ? mem_string_n(a->path, (size_t)(name - a->path)) : NULL;
	struct error ignored = {0};
	struct tree_source *tree = NULL;
	if (!a || s->tree(s, above, &tree, &ignored) != 0)
		return 0600;
	mode_t mode = find_mode(tree, name);
	tree->close(tree);
	return mode ? mode : 0600;
}

/* Give the scratch file its name, which nobody must have taken meanwhile. */
static int put_in_place(struct run *s, struct error *e)
{
	static const char *const suffixes[] = {"-wal", "-journal", "-shm"};
	int err = 0;
	for (size_t i = 0; i < ARRAY_LEN(suffixes) && !err; i++)
		err = set_aside(s, suffixes[i], e);
	if (!err)
		err = fs_sync_dir(s->dir, e);
	if (err)
		return err;
	if (chmod(s->scratch, mode_of_source(s->r->from)) != 0)
		return error_sys(e, errno, "giving %s its mode", s->target);
	err = files_move(AT_FDCWD, s->scratch, AT_FDCWD, s->target);
	if (err)
		return error_sys(e, err, "putting %s in place", s->target);
	return fs_sync_dir(s->dir, e);
}

/* In WAL mode a database cannot change its page size. */
static int fit_page_size(sqlite3 *live, sqlite3 *from, bool *was_wal, struct error *e)
{
	CLEANUP(sqlite_close_stmt) sqlite3_stmt *stmt = NULL;
	int64_t has = 0, wants = 0;
	*was_wal = false;
	int err = sqlite_number(live, &has, e, "PRAGMA page_size");
	if (!err)
		err = sqlite_number(from, &wants, e, "PRAGMA page_size");
	if (!err)
		err = sqlite_prepare(live, &stmt, e, "PRAGMA journal_mode");
	if (!err)
		err = sqlite_step(stmt, e);
	if (err < 0 || has == wants || strcmp(sqlite_text(stmt, 0), "wal") != 0)
		return err < 0 ? err : 0;
	sqlite_close_stmt(&stmt);
	err = sqlite_exec(live, e, "PRAGMA journal_mode=DELETE");
	if (err)
		error_wrap(e, "changing the page size of %s", sqlite3_db_filename(live, "main"));
	if (err == -ERR_LOCKED)
		return error_hint(e, "no other program may have it open meanwhile: stop them first");
	*was_wal = !err;
	return err;
}

static unsigned data_version(sqlite3 *db)
{
	unsigned version = 0;
	sqlite3_file_control(db, "main", SQLITE_FCNTL_DATA_VERSION, &version);
	return version;
}

/* What others wrote after the safety backup would be in neither. */
static int written_meanwhile(const struct run *s, struct error *e)
{
	error_set(e, ERR_LOCKED, "another program wrote to %s right after its safety backup; nothing was changed",
		s->target);
	return error_hint(e, "stop the programs that write to it, or try again");
}

/* All of it in one transaction: whatever happens before its end, the live database stays what it was. The first step,
 * of no pages, takes the lock; `version` is what the live database must be then. */
static int copy_over(const struct run *s, sqlite3 *live, sqlite3 *from, unsigned version, struct error *e)
{
	int err = 0, page = 0;
	int64_t size = 0;
	sqlite3_backup *backup = sqlite3_backup_init(live, "main", from, "main");
	if (!backup)
		return sqlite_error(live, sqlite3_errcode(live), e, "writing %s", s->target);
	if (sqlite_number(from, &size, e, "PRAGMA page_size") == 0)
		page = (int)size;
	int left = 0, rc = sqlite3_backup_step(backup, 0);
	if (rc == SQLITE_OK && data_version(live) != version)
		err = written_meanwhile(s, e);
	while (rc == SQLITE_OK && !err) {
		rc = sqlite3_backup_step(backup, STEP);
		err = rc == SQLITE_DONE ? 0 : progress_check(s->r->progress, e);
		int now = sqlite3_backup_remaining(backup);
		if (left > now)
			progress_bytes(s->r->progress, (uint64_t)(left - now) * (uint64_t)page);
		left = now;
	}
	/* The transaction ends here: rolled back unless every page was written. */
	int end = sqlite3_backup_finish(backup);
	if (err)
		return err;
	rc = rc == SQLITE_DONE ? end : rc;
	return rc == SQLITE_OK ? 0 : sqlite_error(live, rc, e, "writing %s", s->target);
}

/* Count again what is live now, unless another program was quick enough to have changed it. */
static int compare_live(const struct run *s, sqlite3 *live, struct error *e)
{
	CLEANUP(manifest_source_release) struct manifest_source now = {0};
	struct sqlite_look look = {.count_virtual = true};
	unsigned written = data_version(live);
	int err = sqlite_exec(live, e, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1");
	if (!err && data_version(live) != written) {
		strlist_add(&s->result->notes, "another program wrote to the database right after the restore: its "
			"rows were not counted again");
		return 0;
	}
	progress_phase(s->r->progress, "comparing", NULL, 0, 0);
	if (!err)
		err = sqlite_inventory(live, &look, &now, e);
	if (!err)
		err = sqlite_inventory_compare(&s->found, &now, e);
	return err ? error_wrap(e, "%s after the restore", s->target) : 0;
}

static int before_swap(const struct run *s, struct error *e)
{
	return s->exists && s->r->before_swap ? s->r->before_swap(s->r->ctx, e) : 0;
}

/* The safety backup, while nobody else may write. */
static int keep_safe(const struct run *s, sqlite3 *live, unsigned *version, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *guard = NULL;
	int err = sqlite_open_live(s->target, LIVE_WRITE, s->r->progress, &guard, e);
	int rc = err ? SQLITE_OK : sqlite3_exec(guard, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		err = sqlite_error(guard, rc, e, "writing %s", s->target);
	if (err)
		return err;
	err = sqlite_exec(live, e, "SELECT 1 FROM sqlite_schema LIMIT 1");
	*version = data_version(live);
	return err ? err : before_swap(s, e);
}

/* The page size fitted, if nobody has written since. */
static int prepare_live(const struct run *s, sqlite3 *live, sqlite3 *from, unsigned *version, bool *was_wal,
	struct error *e)
{
	int err = sqlite_exec(live, e, "SELECT 1 FROM sqlite_schema LIMIT 1");
	if (!err && data_version(live) != *version)
		err = written_meanwhile(s, e);
	if (!err)
		err = fit_page_size(live, from, was_wal, e);
	*version = data_version(live);
	return err;
}

static int replace(const struct run *s, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *live = NULL, *from = NULL;
	struct source *scratch;
	unsigned version = 0;
	bool was_wal = false;
	int err = sqlite_source_of(s->fd, &scratch, e);
	if (!err)
		err = sqlite_open_source(scratch, &from, e);
	if (!err)
		err = open_target(s, s->target, &live, e);
	if (!err)
		err = keep_safe(s, live, &version, e);
	if (err)
		return err;
	progress_phase(s->r->progress, "writing", NULL, s->from->size, 0);
	err = prepare_live(s, live, from, &version, &was_wal, e);
	if (!err)
		err = copy_over(s, live, from, version, e);
	if (was_wal)
		sqlite3_exec(live, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
	return err ? err : compare_live(s, live, e);
}

/* Tables into the live database, or into a new one that gets its place afterwards. */
static int merge(struct run *s, struct error *e)
{
	static const struct strlist all;
	struct sqlite_merge m = {.manifest = s->r->from->manifest, .tables = s->r->tables ? s->r->tables : &all,
		.mode = s->r->mode, .before_write = s->exists ? s->r->before_swap : NULL, .ctx = s->r->ctx,
		.progress = s->r->progress};
	CLEANUP(sqlite_close_handle) sqlite3 *live = NULL;
	int err = sqlite_source_of(s->fd, &m.stored, e);
	if (err)
		return err;
	fs_close(&s->fd);
	s->fd = -1;
	if (!s->exists)
		err = new_scratch(s, e);
	if (!err)
		err = open_target(s, s->exists ? s->target : s->scratch, &live, e);
	if (err) {
		source_close(m.stored);
		return err;
	}
	m.live = live;
	err = sqlite_tables_restore(&m, s->result, e);
	sqlite_close_handle(&live);
	return err || s->exists ? err : put_in_place(s, e);
}

static void count_found(struct run *s)
{
	s->result->tables = s->found.table_count;
	for (size_t i = 0; i < s->found.table_count; i++)
		s->result->rows += s->found.tables[i].rows;
	s->result->bytes = s->from->size;
}

int sqlite_restore(const struct engine_restore *r, struct restore_result *out, struct error *e)
{
	CLEANUP(release) struct run s = {.r = r, .result = out, .target = r->target->path, .fd = -1, .draft = DRAFT_NONE};
	*out = (struct restore_result){0};
	s.dir = path_dir(s.target);
	draft_sweep(s.dir, path_base(s.target));
	int err = look_at_target(&s, e);
	if (!err)
		err = check_tables(r, e);
	if (!err)
		err = sqlite_stored_open(r->from, &s.from, e);
	if (!err)
		err = fill_scratch(&s, e);
	if (err)
		return err;
	out->replaced = s.exists;
	if (is_merge(r))
		return merge(&s, e);
	err = s.exists ? replace(&s, e) : put_in_place(&s, e);
	if (!err)
		count_found(&s);
	return err;
}
