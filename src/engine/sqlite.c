/* The SQLite engine's members, and what reading a stored database needs everywhere. */
#include "engine/sqlite.h"

#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct manifest_artifact *sqlite_artifact(const struct manifest_source *m)
{
	for (size_t i = 0; i < m->artifact_count; i++)
		if (strcmp(m->artifacts[i].format, "sqlite3") == 0)
			return &m->artifacts[i];
	return NULL;
}

int sqlite_stored_open(const struct stored *s, struct source **out, struct error *e)
{
	const struct manifest_artifact *a = sqlite_artifact(s->manifest);
	if (!a)
		return error_set(e, ERR_MISMATCH, "%s in the backup is not an SQLite database", s->manifest->name);
	return s->open(s, a->path, out, e);
}

/* Looks at each page as the bytes pass by. */
#define SQLITE_PAGE_MAX 65536     /* SQLite file format document, "The Database Header" */

struct spool {
	struct sink sink;
	struct fd_sink file;
	struct sqlite_pages *pages;
	uint32_t page;
	uint64_t at;
	uint8_t part[SQLITE_PAGE_MAX];    /* the beginning of a page whose rest is to come */
	struct progress *progress;
};

/* Show every page that ends in these n bytes; pieces need not begin or end with a page. */
static void see_pages(struct spool *s, const uint8_t *p, size_t n)
{
	for (size_t done = 0; done < n;) {
		size_t begun = (size_t)(s->at % s->page);
		size_t take = s->page - begun < n - done ? s->page - begun : n - done;
		bool whole = take == s->page;
		if (!whole)
			memcpy(s->part + begun, p + done, take);
		if (begun + take == s->page)
			sqlite_pages_see(s->pages, (uint32_t)(s->at / s->page) + 1, whole ? p + done : s->part);
		s->at += take;
		done += take;
	}
}

static int spool_write(struct sink *sink, const void *p, size_t n, struct error *e)
{
	struct spool *s = (struct spool *)sink;
	see_pages(s, p, n);
	progress_bytes(s->progress, n);
	int err = progress_check(s->progress, e);
	return err ? err : sink_write(&s->file.sink, p, n, e);
}

/* Room for the whole file in one piece, when the file system can: a full disk shows before anything is written. */
static int reserve(int fd, uint64_t size, struct error *e)
{
	if (fallocate(fd, 0, 0, (off_t)size) == 0 || errno != ENOSPC)
		return 0;
	return error_sys(e, errno, "making room for %llu bytes", (unsigned long long)size);
}

int sqlite_spool(struct source *from, int fd, struct progress *p, struct sqlite_pages **pages, struct error *e)
{
	unsigned char head[SQLITE_HEADER] = {0};
	*pages = NULL;
	progress_phase(p, "reading", NULL, from->size, 0);
	if (from->size == 0)
		return 0;
	ssize_t got = from->pread(from, head, sizeof head, 0, e);
	if (got < 0)
		return (int)got;
	if (!sqlite_is_header(head))
		return error_set(e, ERR_CORRUPT, "the stored file is not an SQLite database");
	struct spool s = {.sink.write = spool_write, .page = sqlite_header_page_size(head), .progress = p};
	if (from->size % s.page)
		return error_set(e, ERR_CORRUPT, "the stored database is cut short");
	int err = reserve(fd, from->size, e);
	if (err)
		return err;
	fd_sink_init(&s.file, fd);
	s.pages = *pages = sqlite_pages_new(s.page, head[20]);
	return source_copy(from, &s.sink, e);
}

int sqlite_source_of(int fd, struct source **out, struct error *e)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return own < 0 ? error_sys(e, errno, "opening the copy") : source_from_fd(own, out, e);
}

int sqlite_check_copy(int fd, struct sqlite_pages *pages, bool thorough, const struct manifest_source *expected,
	struct manifest_source *found, const char **how, struct error *e)
{
	CLEANUP(sqlite_close_handle) sqlite3 *db = NULL;
	struct source *src;
	int err = sqlite_source_of(fd, &src, e);
	if (!err)
		err = sqlite_open_source(src, &db, e);
	if (err)
		return err;
	if (thorough)
		err = sqlite_integrity(db, e);
	if (err && err != -ERR_VERSION)
		return err;
	*how = err || !thorough ? "pages" : "integrity_check";
	struct error why = {0};
	struct sqlite_look look = {.pages = pages, .count_virtual = true};
	err = sqlite_inventory(db, &look, found, &why);
	if (!err)
		err = sqlite_inventory_compare(expected, found, &why);
	if (err)
		*e = why;
	return err;
}

/* A private file without a name, with room for size bytes. */
static int temporary(uint64_t size, int *fd, struct error *e)
{
	const char *dir = getenv("TMPDIR");
	char need[HUMAN_MAX], have[HUMAN_MAX];
	uint64_t room;
	dir = dir && *dir ? dir : "/tmp";
	int err = fs_free_space(dir, &room, e);
	if (err)
		return err;
	if (room < size) {
		error_set(e, ERR_NO_SPACE, "checking needs %s in %s, where %s are free", human_size(size, need), dir,
			human_size(room, have));
		return error_hint(e, "set TMPDIR to a folder with more room");
	}
	return fs_temp_anonymous(dir, fd, e);
}

static void release_pages(struct sqlite_pages **w)
{
	sqlite_pages_free(*w);
}

static int check_structure(const struct stored *s, struct progress *p, struct strlist *evidence, struct error *e)
{
	CLEANUP(source_drop) struct source *src = NULL;
	CLEANUP(fs_close) int fd = -1;
	CLEANUP(release_pages) struct sqlite_pages *pages = NULL;
	CLEANUP(manifest_source_release) struct manifest_source found = {0};
	const char *how;
	char tables[HUMAN_MAX], rows[HUMAN_MAX];
	uint64_t sum = 0;
	int err = sqlite_stored_open(s, &src, e);
	if (!err)
		err = temporary(src->size, &fd, e);
	if (!err)
		err = sqlite_spool(src, fd, p, &pages, e);
	if (err && err != -ERR_CORRUPT)
		return err;
	progress_phase(p, "checking", NULL, 0, 0);
	if (!err)
		err = sqlite_check_copy(fd, pages, true, s->manifest, &found, &how, e);
	if (err) {
		error_wrap(e, "%s", s->manifest->name);
		e->kind = err == -ERR_CORRUPT ? ERR_VERIFY : e->kind;
		return -(int)e->kind;
	}
	for (size_t i = 0; i < found.table_count; i++)
		sum += found.tables[i].rows;
	strlist_addf(evidence, "%s: %s ok; %s table%s and %s row%s as in the manifest", s->manifest->name, how,
		human_count(found.table_count, tables), found.table_count == 1 ? "" : "s", human_count(sum, rows),
		sum == 1 ? "" : "s");
	return 0;
}

static int rows_stored(const struct stored *s, struct rows_db **out, struct error *e)
{
	struct source *src;
	sqlite3 *db;
	int err = sqlite_stored_open(s, &src, e);
	if (!err)
		err = sqlite_open_source(src, &db, e);
	return err ? err : sqlite_rows_open(db, out, e);
}

static bool has_wal(const char *path)
{
	AUTO_FREE char *wal = mem_printf("%s-wal", path);
	struct stat st;
	return stat(wal, &st) == 0 && st.st_size > 0;
}

static int rows_live(const struct source_url *u, struct rows_db **out, struct error *e)
{
	sqlite3 *db;
	int err = sqlite_open_live(u->path, 0, NULL, &db, e);
	/* A database in WAL mode within a folder we may not write to: without a WAL all there is is in the file. */
	if (err == -ERR_ACCESS && access(u->path, R_OK) == 0 && !has_wal(u->path))
		err = sqlite_open_live(u->path, LIVE_STILL, NULL, &db, e);
	if (err)
		return err;
	/* One transaction: all that is read belongs together. */
	err = sqlite_exec(db, e, "BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1");
	if (err) {
		sqlite_close_handle(&db);
		return err;
	}
	return sqlite_rows_open(db, out, e);
}

static const char *const schemes[] = {"sqlite", "sqlite3", NULL};

const struct engine engine_sqlite = {
	.name = "sqlite",
	.title = "SQLite",
	.schemes = schemes,
	.features = ENGINE_DATABASE | ENGINE_ROWS | ENGINE_RESTORE | ENGINE_TABLES | ENGINE_PRESERVE | ENGINE_STRUCTURE,
	.claims = sqlite_claims,
	.backup = sqlite_backup,
	.restore = sqlite_restore,
	.check_structure = check_structure,
	.rows_stored = rows_stored,
	.rows_live = rows_live,
	.info = sqlite_info,
	.maintain = sqlite_maintain,
};
