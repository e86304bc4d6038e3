/* Outside files: what they are, and the way in. */
#include "engine/unpack_inner.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK ((size_t)1 << 20)
#define HEAD ((size_t)64 << 10)       /* so much of a file's content tells what it is */

/* ---- what a file is ---- */

static int unknown(const char *path, struct error *e)
{
	return error_set(e, ERR_MISMATCH, "%s is none of: SQLite database, SQL text, tar archive, zip archive", path);
}

static int check_regular(const char *path, struct error *e)
{
	struct stat st;
	if (stat(path, &st) != 0 || access(path, R_OK) != 0)
		return error_sys(e, errno, "opening %s", path);
	return S_ISREG(st.st_mode) ? 0 : error_set(e, ERR_MISMATCH, "%s is not a file", path);
}

/* By the first bytes of the content; UNPACK_UNKNOWN when they do not tell. */
static int recognise_head(const char *path, const char *head, size_t n, enum unpack_format *format, struct error *e)
{
	const char *other;
	if (n >= SQLITE_HEADER && sqlite_is_header((const unsigned char *)head)) {
		*format = UNPACK_SQLITE;
		return 0;
	}
	if (!unpack_is_sql(head, n, &other))
		return 0;
	*format = UNPACK_SQL;
	if (!other)
		return 0;
	error_set(e, ERR_MISMATCH, "%s was written for %s, not for SQLite", path, other);
	return error_hint(e, "load it into a %s database with its own client", other);
}

/* Into the compression, if there is one. */
static int recognise_content(const char *path, enum unpack_format *format, char **what, struct error *e)
{
	CLEANUP(unpack_stream_close) struct unpack_stream *s = NULL;
	AUTO_FREE char *head = mem_alloc(HEAD);
	const char *kind = NULL;
	int err = unpack_stream_open(path, &s, e);
	if (err)
		return err;
	ssize_t n = unpack_stream_read(s, head, HEAD, e);
	err = n < 0 ? (int)n : recognise_head(path, head, (size_t)n, format, e);
	if (!err && *format == UNPACK_UNKNOWN)
		err = unpack_archive_kind(path, &kind, e);
	if (err)
		return err;
	if (kind)
		*format = UNPACK_ARCHIVE;
	if (*format == UNPACK_UNKNOWN)
		return unknown(path, e);
	const char *form = unpack_stream_compression(s);
	*what = kind ? mem_printf("%s%s archive", form, kind)
	             : mem_printf("%s%s", form, *format == UNPACK_SQL ? "SQL text" : "SQLite database");
	return 0;
}

int unpack_recognise(const char *path, enum unpack_format *format, char **what, struct error *e)
{
	*format = UNPACK_UNKNOWN;
	int err = check_regular(path, e);
	if (err)
		return err;
	/* Through SQLite, should it be in use. */
	if (!sqlite_claims(path))
		return recognise_content(path, format, what, e);
	*format = UNPACK_SQLITE;
	*what = mem_string("SQLite database");
	return 0;
}

/* ---- the way in ---- */

struct import {
	const char *path, *name;
	struct tree_sink *sink;
	struct manifest_source *out;
	struct progress *progress;
	char *room;                /* private folder, or NULL */
};

static void leave_room(struct import *i)
{
	struct error ignored = {0};
	if (i->room)
		(void)!fs_remove_tree(i->room, &ignored);
	free(i->room);
}

/* What lies at `path` goes the way of every backup. */
static int store(const struct import *i, const struct engine *engine, const char *path, struct error *e)
{
	AUTO_FREE char *shown = mem_printf("import:%s", i->path);
	AUTO_FREE char *real = path_absolute(path);
	const struct backup_options options = {.include_logs = true, .check = CHECK_FULL};
	const struct source_url url = {.engine = engine, .text = shown, .shown = shown, .path = real, .rest = real,
		.name = (char *)i->name};
	const struct engine_backup b = {.url = &url, .name = i->name, .sink = i->sink, .options = &options,
		.progress = i->progress};
	return engine_backup_source(&b, i->out, e);
}

static int inflate(const char *path, const char *into, struct progress *p, struct error *e)
{
	CLEANUP(unpack_stream_close) struct unpack_stream *s = NULL;
	CLEANUP(fs_close) int fd = open(into, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	AUTO_FREE char *block = mem_alloc(BLOCK);
	if (fd < 0)
		return error_sys(e, errno, "making %s", into);
	int err = unpack_stream_open(path, &s, e);
	while (!err) {
		ssize_t n = unpack_stream_read(s, block, BLOCK, e);
		if (n <= 0)
			return (int)n;
		if (fs_write_full(fd, block, (size_t)n) != 0)
			return error_sys(e, errno, "writing %s", into);
		err = progress_check(p, e);
	}
	return err;
}

static int import_database(struct import *i, struct error *e)
{
	if (sqlite_claims(i->path))
		return store(i, &engine_sqlite, i->path, e);
	AUTO_FREE char *file = path_join(i->room, "database");
	int err = inflate(i->path, file, i->progress, e);
	return err ? err : store(i, &engine_sqlite, file, e);
}

static int import_text(struct import *i, struct error *e)
{
	AUTO_FREE char *file = path_join(i->room, "database");
	int err = unpack_sql(i->path, file, i->progress, e);
	return err ? err : store(i, &engine_sqlite, file, e);
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

static int import_archive(struct import *i, struct error *e)
{
	CLEANUP(unpack_result_release) struct unpack_result r = {0};
	AUTO_FREE char *folder = path_join(i->room, "folder");
	int err = unpack_archive(i->path, folder, &r, i->progress, e);
	if (!err)
		err = store(i, &engine_folder, folder, e);
	if (!err)
		tell(&r, i->out);
	return err;
}

int unpack_import(const char *path, const char *name, struct tree_sink *sink, struct manifest_source *out,
	struct progress *p, struct error *e)
{
	CLEANUP(leave_room) struct import i = {.path = path, .name = name, .sink = sink, .out = out, .progress = p};
	AUTO_FREE char *what = NULL;
	enum unpack_format format;
	int err = unpack_recognise(path, &format, &what, e);
	if (!err)
		err = fs_temp_dir(NULL, "backstay-import-", &i.room, e);
	if (err)
		return err;
	progress_phase(p, "unpacking", NULL, 0, 0);
	if (format == UNPACK_SQLITE)
		return import_database(&i, e);
	return format == UNPACK_SQL ? import_text(&i, e) : import_archive(&i, e);
}
