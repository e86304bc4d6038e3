/* Dumps of PostgreSQL on their way in. Archives in the custom format are kept as such, uncompressed and with their offsets;
 * those in tar and directory format go through pg_restore, which makes plain SQL of them. */
#include "engine/unpack_inner.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "engine/pg.h"
#include "engine/pg_script.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define TOC "toc.dat"
#define RESTORE "restore.sql"
#define FORMAT_AT 10
#define FORMAT_TAR 3

/* ---- a tar of pg_dump's ---- */

/* Whether the entry at hand, a toc.dat, is pg_dump's; or -kind. Those of tar and directory format do not differ. */
static int is_toc(struct unpack_reader *r, struct error *e)
{
	unsigned char head[FORMAT_AT + 1];
	la_ssize_t n = archive_read_data(r->a, head, sizeof head);
	if (n < 0)
		return unpack_reader_damaged(r, e);
	return n == (la_ssize_t)sizeof head && memcmp(head, "PGDMP", 5) == 0 && head[FORMAT_AT] == FORMAT_TAR;
}

/* "3456.dat", "3456.dat.gz", "blob_16403.dat", "blobs.toc", "restore.sql": what lies beside a toc.dat. */
static bool beside_toc(const char *name)
{
	if (strncmp(name, "blob", 4) == 0 || strcmp(name, RESTORE) == 0)
		return true;
	size_t digits = strspn(name, "0123456789");
	return digits > 0 && strncmp(name + digits, ".dat", 4) == 0;
}

/* Most archives are of files: the first one tells. pg_dump -Ft puts a restore.sql at the end, all without a folder. */
static int look_into(struct unpack_reader *r, enum unpack_format *format, struct error *e)
{
	struct archive_entry *x;
	bool toc = false;
	int got;
	while ((got = archive_read_next_header(r->a, &x)) == ARCHIVE_OK || got == ARCHIVE_WARN) {
		const char *name = archive_entry_pathname(x), *base = name ? path_base(name) : "";
		if (!*base || archive_entry_filetype(x) == AE_IFDIR)
			continue;
		if (strcmp(base, TOC) != 0 && !(archive_entry_filetype(x) == AE_IFREG && beside_toc(base)))
			return 0;
		if (toc && strcmp(name, RESTORE) == 0)
			*format = UNPACK_PG_TAR;
		if (strcmp(base, TOC) != 0)
			continue;
		int is = is_toc(r, e);
		if (is <= 0)
			return is;
		*format = UNPACK_PG_FOLDER;
		toc = strcmp(name, TOC) == 0;
		if (!toc)
			return 0;
	}
	return got == ARCHIVE_EOF ? 0 : unpack_reader_damaged(r, e);
}

int unpack_pg_tar(const char *path, enum unpack_format *format, struct error *e)
{
	CLEANUP(unpack_locale_leave) struct unpack_locale l = unpack_locale_enter("C.UTF-8");
	CLEANUP(unpack_reader_close) struct unpack_reader r = {0};
	int err = unpack_reader_open(&r, path, e);
	return err ? err : look_into(&r, format, e);
}

/* ---- archives in the custom format ---- */

struct watched {
	struct sink sink;
	struct pg_watch *watch;
};

static int watched_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	return pg_watch_write(((struct watched *)s)->watch, p, n, e);
}

static void release_watch(struct pg_watch **w)
{
	pg_watch_free(*w);
}

static int open_file(const char *path, struct source **out, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_sys(e, errno, "opening %s", path) : source_from_fd(fd, out, e);
}

static int fill_archive(const struct unpack_job *j, struct file_sink *to, void *ctx, struct error *e)
{
	CLEANUP(source_drop) struct source *from = NULL;
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	CLEANUP(release_watch) struct pg_watch *watch = pg_watch_new(to, j->progress);
	struct watched watched = {.sink.write = watched_write, .watch = watch};
	int err = open_file(ctx, &from, e);
	if (!err)
		err = pg_data_expand(from, &watched.sink, NULL, e);
	if (!err)
		err = pg_watch_finish(watch, j->out, &toc, e);
	if (!err)
		err = unpack_pg_judge(&toc, e);
	if (err)
		return error_wrap(e, "%s", j->path);
	j->out->bytes = pg_watch_bytes(watch);
	j->out->server_version = toc.server_version ? mem_string(toc.server_version) : NULL;
	j->out->tool_version = toc.dump_version ? mem_printf("pg_dump %s", toc.dump_version) : NULL;
	j->out->structure = mem_string("counted");
	return 0;
}

/* Whether there is something to be inflated first. */
static int is_compressed(const char *path, bool *compressed, struct error *e)
{
	CLEANUP(unpack_stream_close) struct unpack_stream *s = NULL;
	int err = unpack_stream_open(path, &s, e);
	*compressed = !err && *unpack_stream_compression(s);
	return err;
}

/* A file of its own for what only reads such. */
static int plain_file(const struct unpack_job *j, char **out, struct error *e)
{
	bool compressed;
	int err = is_compressed(j->path, &compressed, e);
	if (err)
		return err;
	*out = compressed ? path_join(j->room, "dump") : mem_string(j->path);
	return compressed ? unpack_inflate(j, *out, e) : 0;
}

int unpack_pg_archive(const struct unpack_job *j, struct error *e)
{
	AUTO_FREE char *file = NULL;
	int err = plain_file(j, &file, e);
	if (err)
		return err;
	progress_phase(j->progress, "reading", "tables", 0, 0);
	return unpack_put(j, &engine_postgresql, PG_DUMP_FILE, PG_FORMAT, fill_archive, file, e);
}

/* ---- plain SQL ---- */

struct script_sink {
	struct sink sink;
	struct pg_script_watch *watch;
	const char *path;
	uint64_t bytes;
};

static int script_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct script_sink *x = (struct script_sink *)s;
	x->bytes += n;
	int err = pg_script_watch_write(x->watch, p, n, e);
	return err ? error_wrap(e, "%s", x->path) : 0;
}

static void release_script(struct script_sink *s)
{
	pg_script_watch_free(s->watch);
}

static int finish_script(const struct unpack_job *j, struct script_sink *s, struct error *e)
{
	int err = pg_script_watch_finish(s->watch, j->out, e);
	if (err)
		return error_wrap(e, "%s", j->path);
	j->out->bytes = s->bytes;
	return 0;
}

static int fill_script(const struct unpack_job *j, struct file_sink *to, void *ctx, struct error *e)
{
	CLEANUP(release_script) struct script_sink s = {.sink.write = script_write,
		.watch = pg_script_watch_new(to, j->progress), .path = j->path};
	int err = unpack_pour(j, &s.sink, e);
	return err ? err : finish_script(j, &s, e);
}

int unpack_pg_script(const struct unpack_job *j, struct error *e)
{
	progress_phase(j->progress, "reading", "tables", 0, 0);
	return unpack_put(j, &engine_postgresql, PG_SQL_FILE, PG_FORMAT_SQL, fill_script, NULL, e);
}

/* ---- through pg_restore ---- */

static int run_restore(const struct unpack_job *j, const char *dump, struct sink *to, struct error *e)
{
	AUTO_FREE char *tool = NULL;
	CLEANUP(buf_release) struct buf said = BUF_INIT;
	struct proc p = {0};
	uint64_t size;
	int version, err = pg_tool_find("pg_restore", 0, &tool, &version, e);
	if (err)
		return err;
	const char *const argv[] = {tool, "--file=-", "--", dump, NULL};
	err = proc_start(&p, argv, NULL, PROC_PIPE_OUT, e);
	if (err)
		return err;
	err = proc_output(&p, to, j->progress, &size, e);
	if (err) {
		proc_stop(&p);
		return err;
	}
	err = proc_wait_said(&p, &said, e);
	if (err != -ERR_CHILD && (err || said.len == 0))
		return err;
	const char *line = buf_text(&said);
	return error_set(e, ERR_CORRUPT, "%s: pg_restore cannot read it: %.*s", j->path, (int)strcspn(line, "\n"), line);
}

static int fill_converted(const struct unpack_job *j, struct file_sink *to, void *ctx, struct error *e)
{
	CLEANUP(release_script) struct script_sink s = {.sink.write = script_write,
		.watch = pg_script_watch_new(to, j->progress), .path = j->path};
	int err = run_restore(j, ctx, &s.sink, e);
	if (!err)
		err = finish_script(j, &s, e);
	if (!err)
		manifest_note(j->out, "note", NULL, "turned into plain SQL by pg_restore");
	return err;
}

/* The folder in which the toc.dat is: the top, or one in it. Whatever is there must be a file, not a link to one. */
static int find_folder(const char *top, char **out, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	AUTO_FREE char *folder = mem_string(top);
	for (;;) {
		AUTO_FREE char *toc = path_join(folder, TOC);
		strlist_release(&names);
		int err = fs_list(folder, &names, e);
		if (err)
			return err;
		if (fs_exists(toc))
			break;
		if (names.n != 1)
			return error_set(e, ERR_CORRUPT, "more lies beside the folder of its " TOC);
		char *inner = path_join(folder, names.v[0]);
		free(folder);
		folder = inner;
	}
	for (size_t i = 0; i < names.n; i++) {
		AUTO_FREE char *path = path_join(folder, names.v[i]);
		struct stat st;
		if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode))
			return error_set(e, ERR_CORRUPT, "it holds \"%s\", which is no file", names.v[i]);
	}
	*out = TAKE(folder);
	return 0;
}

static int unpack_folder(const struct unpack_job *j, char **out, struct error *e)
{
	bool unsure = false;
	CLEANUP(unpack_result_release) struct unpack_result r = {0};
	AUTO_FREE char *top = path_join(j->room, "folder");
	int err = unpack_archive(j->path, top, &r, j->progress, e);
	if (err)
		return err;
	err = find_folder(top, out, e);
	if (!err)
		err = unpack_pg_folder_check(*out, &unsure, j->progress, e);
	if (unsure)
		manifest_note(j->out, "note", NULL, "its large objects are not compressed: whether they are whole cannot be told");
	return err ? error_wrap(e, "%s", j->path) : 0;
}

int unpack_pg_converted(const struct unpack_job *j, enum unpack_format format, struct error *e)
{
	AUTO_FREE char *dump = NULL;
	int err;
	if (format == UNPACK_PG_TAR) {
		err = plain_file(j, &dump, e);
		/* pg_restore does not miss what was cut off. */
		if (!err)
			err = unpack_archive_check(j->path, j->progress, e);
	} else {
		err = unpack_folder(j, &dump, e);
	}
	if (err)
		return err;
	progress_phase(j->progress, "reading", "tables", 0, 0);
	return unpack_put(j, &engine_postgresql, PG_SQL_FILE, PG_FORMAT_SQL, fill_converted, dump, e);
}
