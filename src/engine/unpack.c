/* Outside files: what they are, and the way in. */
#include "engine/unpack_inner.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"
#include "engine/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)1 << 20)
#define PG_FORMAT_AT 10               /* in the head of an archive of pg_dump */
#define HEAD ((size_t)64 << 10)       /* so much of a file's content tells what it is */

/* ---- what a file is ---- */

static int unknown(const char *path, const char *head, size_t n, struct error *e)
{
	/* As PowerShell writes what a tool prints. */
	if (n >= 2 && (memcmp(head, "\xff\xfe", 2) == 0 || memcmp(head, "\xfe\xff", 2) == 0)) {
		error_set(e, ERR_MISMATCH, "%s is text in UTF-16, which no database reads", path);
		return error_hint(e, "convert it: iconv -f UTF-16 -t UTF-8; and let the tool write its file itself the next time (--file, --result-file)");
	}
	return error_set(e, ERR_MISMATCH,
		"%s is none of: SQLite database, SQL text, PostgreSQL archive, tar archive, zip archive", path);
}

/* It is mydumper's. `first`: what to do before that. */
static int leave_to_myloader(const char *path, const char *first, struct error *e)
{
	error_set(e, ERR_MISMATCH, "%s is what mydumper wrote: only myloader brings that back", path);
	return error_hint_typed(e, first, "myloader --directory FOLDER --database NAME");
}

static int refuse_folder(const char *path, struct error *e)
{
	AUTO_FREE char *toc = path_join(path, "toc.dat");
	if (unpack_is_mydumper(path))
		return leave_to_myloader(path, "", e);
	error_set(e, ERR_MISMATCH, "%s is not a file", path);
	return fs_exists(toc) ? error_hint(e, "what pg_dump wrote as a folder is read from a tar archive of it") : -ERR_MISMATCH;
}

static int check_regular(const char *path, struct error *e)
{
	struct stat st;
	if (stat(path, &st) != 0 || access(path, R_OK) != 0)
		return error_sys(e, errno, "opening %s", path);
	if (S_ISDIR(st.st_mode))
		return refuse_folder(path, e);
	return S_ISREG(st.st_mode) ? 0 : error_set(e, ERR_MISMATCH, "%s is not a file", path);
}

const struct engine *unpack_engine(enum unpack_format format)
{
	switch (format) {
	case UNPACK_SQLITE:
	case UNPACK_SQL:
		return &engine_sqlite;
	case UNPACK_PG_ARCHIVE:
	case UNPACK_PG_TAR:
	case UNPACK_PG_FOLDER:
	case UNPACK_PG_SQL:
		return &engine_postgresql;
	case UNPACK_MY_SQL:
		return &engine_mysql;
	default:
		return &engine_folder;
	}
}

static const char *title_of(enum unpack_format format)
{
	static const char *const titles[] = {
		[UNPACK_SQLITE] = "SQLite database", [UNPACK_SQL] = "SQL text", [UNPACK_ARCHIVE] = "archive",
		[UNPACK_PG_ARCHIVE] = "PostgreSQL archive", [UNPACK_PG_TAR] = "PostgreSQL archive in tar format",
		[UNPACK_PG_FOLDER] = "tar archive of a PostgreSQL dump folder",
		[UNPACK_PG_SQL] = "SQL text for PostgreSQL", [UNPACK_MY_SQL] = "SQL text for MySQL or MariaDB",
	};
	return titles[format];
}

/* What the target is made for; NULL: a path that tells nothing, or no target. */
static const struct engine *engine_of_target(const char *target)
{
	struct source_url u = {0};
	struct error ignored = {0};
	if (!target || source_url_parse(target, true, NULL, &u, &ignored) != 0)
		return NULL;
	const struct engine *engine = u.engine;
	source_url_release(&u);
	return engine;
}

static bool on_server(const struct engine *engine)
{
	return engine && engine->look;
}

/* Only what lies on servers is told apart here: paths are looked at when it comes to restoring. */
static int check_target(const char *path, const char *target, enum unpack_format format, struct error *e)
{
	const struct engine *to = engine_of_target(target), *from = unpack_engine(format);
	if (!target || to == from || (!on_server(from) && !on_server(to)))
		return 0;
	if (on_server(from) && !on_server(to)) {
		error_set(e, ERR_MISMATCH, "%s was written for %s, not for %s", path, from->title,
			to == &engine_sqlite ? to->title : "a path");
		return error_hint(e, "name a database as the target: %s://HOST/DATABASE", from->schemes[0]);
	}
	if (to == &engine_mysql && unpack_is_mydumper(path))
		return leave_to_myloader(path, "unpack it, then: ", e);
	if (from == &engine_folder)
		return error_set(e, ERR_MISMATCH, "%s is an archive of files, which %s cannot take", path, to->title);
	return error_set(e, ERR_MISMATCH, "%s was written for %s, not for %s", path, from->title, to->title);
}

static enum unpack_format format_of_text(enum unpack_dialect dialect, const char *target)
{
	const struct engine *to = dialect == UNPACK_FOR_ANY ? engine_of_target(target) : NULL;
	if (dialect == UNPACK_NO_SQL)
		return UNPACK_UNKNOWN;
	if (dialect == UNPACK_FOR_POSTGRESQL || to == &engine_postgresql)
		return UNPACK_PG_SQL;
	return dialect == UNPACK_FOR_MYSQL || to == &engine_mysql ? UNPACK_MY_SQL : UNPACK_SQL;
}

/* By the first bytes of the content; UNPACK_UNKNOWN when they do not tell. */
static enum unpack_format format_of_head(const char *head, size_t n, const char *target)
{
	if (n >= SQLITE_HEADER && sqlite_is_header((const unsigned char *)head))
		return UNPACK_SQLITE;
	if (n > PG_FORMAT_AT && memcmp(head, "PGDMP", 5) == 0)
		return head[PG_FORMAT_AT] == 1 ? UNPACK_PG_ARCHIVE : UNPACK_UNKNOWN;
	return format_of_text(unpack_dialect(head, n), target);
}

/* Into the compression, if there is one. */
static int recognise_content(const char *path, const char *target, enum unpack_format *format, char **what,
	struct error *e)
{
	CLEANUP(unpack_stream_close) struct unpack_stream *s = NULL;
	AUTO_FREE char *head = mem_alloc(HEAD);
	const char *kind = NULL;
	int err = unpack_stream_open(path, &s, e);
	if (err)
		return err;
	ssize_t n = unpack_stream_read(s, head, HEAD, e);
	if (n < 0)
		return (int)n;
	*format = format_of_head(head, (size_t)n, target);
	if (*format == UNPACK_UNKNOWN)
		err = unpack_archive_kind(path, &kind, e);
	if (!err && kind) {
		*format = UNPACK_ARCHIVE;
		err = strcmp(kind, "tar") == 0 ? unpack_pg_tar(path, format, e) : 0;
	}
	if (err)
		return err;
	if (*format == UNPACK_UNKNOWN)
		return unknown(path, head, (size_t)n, e);
	bool plain = *format == UNPACK_ARCHIVE;
	*what = mem_printf("%s%s%s%s", unpack_stream_compression(s), plain ? kind : "", plain ? " " : "",
		title_of(*format));
	return 0;
}

int unpack_recognise(const char *path, const char *target, enum unpack_format *format, char **what, struct error *e)
{
	*format = UNPACK_UNKNOWN;
	int err = check_regular(path, e);
	if (err)
		return err;
	/* Through SQLite, should it be in use. */
	if (sqlite_claims(path)) {
		*format = UNPACK_SQLITE;
		*what = mem_string(title_of(*format));
	} else {
		err = recognise_content(path, target, format, what, e);
	}
	if (!err)
		err = check_target(path, target, *format, e);
	if (err)
		mem_free_ptr(what), *what = NULL;
	return err;
}

/* ---- the way in ---- */

static void leave_room(struct unpack_job *j)
{
	struct error ignored = {0};
	if (j->room)
		(void)!fs_remove_tree(j->room, &ignored);
	free(j->room);
}

/* What lies at `path` goes the way of every backup. */
static int store(const struct unpack_job *j, const struct engine *engine, const char *path, struct error *e)
{
	AUTO_FREE char *shown = mem_printf("import:%s", j->path);
	AUTO_FREE char *real = path_absolute(path);
	const struct backup_options options = {.include_logs = true, .check = CHECK_FULL};
	const struct source_url url = {.engine = engine, .text = shown, .shown = shown, .path = real, .rest = real,
		.name = (char *)j->name};
	const struct engine_backup b = {.url = &url, .name = j->name, .sink = j->sink, .options = &options,
		.progress = j->progress};
	return engine_backup_source(&b, j->out, e);
}

int unpack_pour(const struct unpack_job *j, struct sink *to, struct error *e)
{
	CLEANUP(unpack_stream_close) struct unpack_stream *s = NULL;
	AUTO_FREE char *block = mem_alloc(BLOCK);
	int err = unpack_stream_open(j->path, &s, e);
	while (!err) {
		ssize_t n = unpack_stream_read(s, block, BLOCK, e);
		if (n <= 0)
			return (int)n;
		err = progress_check(j->progress, e);
		if (!err)
			err = sink_write(to, block, (size_t)n, e);
	}
	return err;
}

int unpack_inflate(const struct unpack_job *j, const char *into, struct error *e)
{
	CLEANUP(fs_close) int fd = open(into, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct fd_sink to;
	if (fd < 0)
		return error_sys(e, errno, "making %s", into);
	fd_sink_init(&to, fd);
	return unpack_pour(j, &to.sink, e);
}

/* ---- a dump as its engine's backup ---- */

static int put_file(const struct unpack_job *j, const char *name,
	int (*fill)(const struct unpack_job *j, struct file_sink *to, void *ctx, struct error *e), void *ctx,
	struct error *e)
{
	CLEANUP(node_release) struct node node = {0};
	struct file_sink *file;
	int err = j->sink->file(j->sink, false, &file, e);
	if (err)
		return err;
	err = fill(j, file, ctx, e);
	if (err) {
		file->abort(file);
		return err;
	}
	node_synthetic(&node, name, NODE_FILE, time_now());
	return file->close(file, &node, NULL, e);
}

int unpack_put(const struct unpack_job *j, const struct engine *engine, const char *file, const char *format,
	int (*fill)(const struct unpack_job *j, struct file_sink *to, void *ctx, struct error *e), void *ctx,
	struct error *e)
{
	CLEANUP(node_release) struct node folder = {0};
	struct timespec start = time_now();
	struct manifest_source *out = j->out;
	node_synthetic(&folder, j->name, NODE_DIR, start);
	int err = j->sink->enter(j->sink, &folder, e);
	if (!err)
		err = put_file(j, file, fill, ctx, e);
	if (!err)
		err = j->sink->leave(j->sink, e);
	if (err) {
		manifest_source_release(out);
		*out = (struct manifest_source){0};
		return err;
	}
	AUTO_FREE char *path = path_join(j->name, file);
	manifest_add_artifact(out, path, format, out->bytes);
	out->name = mem_string(j->name);
	out->engine = mem_string(engine->name);
	out->url = mem_printf("import:%s", j->path);
	out->start = start;
	out->end = time_now();
	return 0;
}

/* ---- each format ---- */

static int import_database(struct unpack_job *j, struct error *e)
{
	if (sqlite_claims(j->path))
		return store(j, &engine_sqlite, j->path, e);
	AUTO_FREE char *file = path_join(j->room, "database");
	int err = unpack_inflate(j, file, e);
	return err ? err : store(j, &engine_sqlite, file, e);
}

static int import_text(struct unpack_job *j, struct error *e)
{
	AUTO_FREE char *file = path_join(j->room, "database");
	int err = unpack_sql(j->path, file, j->progress, e);
	return err ? err : store(j, &engine_sqlite, file, e);
}

static void tell(const struct unpack_result *r, struct manifest_source *out)
{
	for (size_t k = 0; k < r->skipped.n; k++)
		manifest_note(out, "unsupported", NULL, "%s", r->skipped.v[k]);
	out->notes_dropped += r->skipped_count - r->skipped.n;
	out->skipped += r->skipped_count;
	for (size_t k = 0; k < r->notes.n; k++)
		manifest_note(out, "note", NULL, "%s", r->notes.v[k]);
}

static int import_archive(struct unpack_job *j, struct error *e)
{
	CLEANUP(unpack_result_release) struct unpack_result r = {0};
	AUTO_FREE char *folder = path_join(j->room, "folder");
	int err = unpack_archive(j->path, folder, &r, j->progress, e);
	if (!err)
		err = store(j, &engine_folder, folder, e);
	if (!err)
		tell(&r, j->out);
	return err;
}

int unpack_import(const char *path, const char *target, const char *name, struct tree_sink *sink,
	struct manifest_source *out, struct progress *p, struct error *e)
{
	CLEANUP(leave_room) struct unpack_job j = {.path = path, .name = name, .sink = sink, .out = out, .progress = p};
	AUTO_FREE char *what = NULL;
	enum unpack_format format;
	int err = unpack_recognise(path, target, &format, &what, e);
	if (!err)
		err = fs_temp_dir(NULL, "backstay-import-", &j.room, e);
	if (err)
		return err;
	progress_phase(p, "unpacking", NULL, 0, 0);
	switch (format) {
	case UNPACK_SQLITE:
		return import_database(&j, e);
	case UNPACK_SQL:
		return import_text(&j, e);
	case UNPACK_PG_ARCHIVE:
		return unpack_pg_archive(&j, e);
	case UNPACK_PG_SQL:
		return unpack_pg_script(&j, e);
	case UNPACK_PG_TAR:
	case UNPACK_PG_FOLDER:
		return unpack_pg_converted(&j, format, e);
	case UNPACK_MY_SQL:
		return unpack_my_script(&j, e);
	default:
		return import_archive(&j, e);
	}
}
