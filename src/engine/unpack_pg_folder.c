/* What pg_dump -Fd writes, looked at before pg_restore reads it: that opens whatever file the table of contents and the
 * lists of large objects name, and does not miss what was cut off. */
#include "engine/unpack_inner.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "engine/pg_archive_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK ((size_t)1 << 18)
#define TAIL 16                          /* "\n\\.\n\n\n" is in it */
#define LIST_MAX ((size_t)256 << 20)
#define LIST_LINE_MAX 256                /* pg_restore takes longer ones apart */
#define LIST "blobs.toc"                 /* of large objects, up to PostgreSQL 16 */

struct look {
	const char *folder;
	struct progress *progress;
	bool *unsure;
};

/* ---- files ---- */

static int check_name(const char *name, struct error *e)
{
	if (*name && !strchr(name, '/') && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		return 0;
	return error_set(e, ERR_CORRUPT, "its table of contents names \"%s\", which is no file beside it", name);
}

/* As pg_restore finds it: by its name, or that with the ending of a compression. *packed: such a one; NULL: by its name. */
static int find_file(const struct look *l, const char *name, char **path, const char **packed, struct error *e)
{
	static const char *const endings[] = {".gz", ".lz4", ".zst"};
	AUTO_FREE char *plain = path_join(l->folder, name);
	*packed = NULL;
	if (fs_exists(plain)) {
		*path = TAKE(plain);
		return 0;
	}
	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		AUTO_FREE char *file = mem_printf("%s%s", plain, endings[i]);
		if (fs_exists(file)) {
			*path = TAKE(file);
			*packed = endings[i];
			return 0;
		}
	}
	return error_set(e, ERR_CORRUPT, "it lacks the file \"%s\"", name);
}

static int open_plain(const char *path, struct source **out, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? error_sys(e, errno, "opening %s", path) : source_from_fd(fd, out, e);
}

/* The end of a file that is not compressed. */
static int plain_tail(const char *path, char tail[TAIL], size_t *n, struct error *e)
{
	CLEANUP(source_drop) struct source *s = NULL;
	int err = open_plain(path, &s, e);
	if (err)
		return err;
	*n = s->size < TAIL ? (size_t)s->size : TAIL;
	return source_read_exact(s, tail, *n, s->size - *n, e);
}

/* The same of what it was compressed from: all of it is read, which finds what is damaged. */
static int packed_tail(const struct look *l, const char *path, char tail[TAIL], size_t *n, struct error *e)
{
	CLEANUP(unpack_stream_close) struct unpack_stream *s = NULL;
	AUTO_FREE char *block = mem_alloc(TAIL + BLOCK);
	ssize_t got = 0;
	int err = unpack_stream_open(path, &s, e);
	*n = 0;
	while (!err && (got = unpack_stream_read(s, block + *n, BLOCK, e)) > 0) {
		size_t have = *n + (size_t)got;
		*n = have < TAIL ? have : TAIL;
		memmove(block, block + have - *n, *n);
		err = progress_check(l->progress, e);
	}
	memcpy(tail, block, *n);
	return err ? err : (int)got;
}

/* ---- data ---- */

/* COPY text has its "\."; INSERT statements have two empty lines behind them. */
static bool is_whole(const struct pg_entry *x, const char *tail, size_t n)
{
	if (!pg_toc_is_copy(x))
		return n >= 2 && memcmp(tail + n - 2, "\n\n", 2) == 0;
	while (n > 0 && tail[n - 1] == '\n')
		n--;
	return n >= 2 && memcmp(tail + n - 2, "\\.", 2) == 0 && (n == 2 || tail[n - 3] == '\n');
}

static int check_rows(const struct look *l, const struct pg_entry *x, struct error *e)
{
	AUTO_FREE char *path = NULL;
	const char *packed;
	char tail[TAIL];
	size_t n = 0;
	int err = find_file(l, x->file, &path, &packed, e);
	/* Not known here: pg_restore reads it, or says that it cannot. */
	if (err || (packed && strcmp(packed, ".lz4") == 0))
		return err;
	err = packed ? packed_tail(l, path, tail, &n, e) : plain_tail(path, tail, &n, e);
	if (err || is_whole(x, tail, n))
		return err;
	return error_set(e, ERR_CORRUPT, "\"%s\" is not whole: the rows of table \"%s\" have no end", path_base(path), x->tag);
}

/* ---- large objects ---- */

static int bad_line(const char *name, uint64_t line, struct error *e)
{
	return error_set(e, ERR_CORRUPT, "line %llu of \"%s\" makes no sense", (unsigned long long)line, name);
}

/* "16403 blob_16403.dat" */
static int check_object(const struct look *l, char *line, const char *list, uint64_t number, struct error *e)
{
	AUTO_FREE char *path = NULL;
	const char *packed;
	char tail[TAIL];
	size_t n = 0, digits = strspn(line, "0123456789");
	char *name = line + digits + 1;
	if (!digits || digits > 10 || line[digits] != ' ' || !*name || strlen(line) > LIST_LINE_MAX || name[strcspn(name, " \t\r\v\f")])
		return bad_line(list, number, e);
	int err = check_name(name, e);
	if (!err)
		err = find_file(l, name, &path, &packed, e);
	if (err)
		return err;
	*l->unsure |= !packed;
	return packed && strcmp(packed, ".lz4") != 0 ? packed_tail(l, path, tail, &n, e) : 0;
}

static int read_list(const char *path, bool packed, struct buf *out, struct error *e)
{
	CLEANUP(unpack_stream_close) struct unpack_stream *s = NULL;
	CLEANUP(source_drop) struct source *plain = NULL;
	AUTO_FREE char *block = mem_alloc(BLOCK);
	ssize_t got = 0;
	int err = packed ? unpack_stream_open(path, &s, e) : open_plain(path, &plain, e);
	while (!err) {
		got = packed ? unpack_stream_read(s, block, BLOCK, e) : plain->pread(plain, block, BLOCK, out->len, e);
		if (got <= 0)
			return (int)got;
		if (!buf_fits(out, (size_t)got))
			return error_set(e, ERR_LIMIT, "its list of large objects has more than %zu MiB", LIST_MAX >> 20);
		buf_add(out, block, (size_t)got);
	}
	return err;
}

static int check_objects(const struct look *l, const char *list, struct error *e)
{
	CLEANUP(buf_release) struct buf text = BUF_INIT_MAX(LIST_MAX);
	AUTO_FREE char *path = NULL;
	const char *packed;
	int err = find_file(l, list, &path, &packed, e);
	if (!err && packed && strcmp(packed, ".lz4") == 0)
		err = error_set(e, ERR_VERSION, "its list of large objects is compressed with lz4, which cannot be read here");
	if (!err)
		err = read_list(path, packed, &text, e);
	if (!err && text.len && (text.p[text.len - 1] != '\n' || memchr(text.p, 0, text.len)))
		err = error_set(e, ERR_CORRUPT, "\"%s\" is not whole: its last line has no end", path_base(path));
	char *at = text.len ? (char *)text.p : NULL;
	uint64_t number = 0;
	for (char *end; !err && at && (end = strchr(at, '\n')); at = end + 1) {
		*end = '\0';
		err = check_object(l, at, list, ++number, e);
	}
	return err;
}

/* ---- all of it ---- */

static int check_entry(const struct look *l, const struct pg_entry *x, struct error *e)
{
	bool objects = strcmp(x->desc, "BLOBS") == 0;
	int err = progress_check(l->progress, e);
	if (err || !x->file || !*x->file)
		return err;
	err = check_name(x->file, e);
	if (!err && objects) {
		AUTO_FREE char *usual = path_join(l->folder, LIST);
		err = check_objects(l, x->file, e);
		/* Older ones of pg_restore read this one, whatever is named. */
		if (!err && strcmp(x->file, LIST) != 0 && fs_exists(usual))
			err = check_objects(l, LIST, e);
	} else if (!err && strcmp(x->desc, "TABLE DATA") == 0) {
		err = check_rows(l, x, e);
	}
	return err;
}

int unpack_pg_folder_check(const char *folder, bool *unsure, struct progress *p, struct error *e)
{
	CLEANUP(source_drop) struct source *s = NULL;
	CLEANUP(pg_toc_release) struct pg_toc toc = {0};
	AUTO_FREE char *path = path_join(folder, "toc.dat");
	const struct look l = {.folder = folder, .progress = p, .unsure = unsure};
	*unsure = false;
	int err = open_plain(path, &s, e);
	if (!err)
		err = pg_toc_read_folder(s, &toc, e);
	for (size_t i = 0; !err && i < toc.n; i++)
		err = check_entry(&l, &toc.v[i], e);
	return err;
}
