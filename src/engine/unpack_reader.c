#include "engine/unpack_inner.h"

#include "base/fs.h"
#include "base/mem.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK ((size_t)1 << 18)

int unpack_reader_damaged(struct unpack_reader *r, struct error *e)
{
	const char *why = archive_error_string(r->a);
	if (r->failed.kind == ERR_NONE)
		return error_set(e, ERR_CORRUPT, "%s is damaged: %s", r->path, why ? why : "its format makes no sense");
	*e = r->failed;
	return -(int)e->kind;
}

static la_ssize_t read_stream(struct archive *a, void *ctx, const void **p)
{
	struct unpack_reader *r = ctx;
	*p = r->block;
	ssize_t n = unpack_stream_read(r->stream, r->block, BLOCK, &r->failed);
	if (n < 0)
		archive_set_error(a, EIO, "%s", r->failed.text);
	return n < 0 ? -1 : n;
}

int unpack_reader_open(struct unpack_reader *r, const char *path, struct error *e)
{
	*r = (struct unpack_reader){.path = path, .a = archive_read_new(), .block = mem_alloc(BLOCK)};
	if (!r->a)
		abort();
	int err = unpack_stream_open(path, &r->stream, e);
	if (err)
		return err;
	archive_read_support_format_tar(r->a);
	/* Names as they are, and not with their accents composed: two files could become one. */
	archive_read_set_format_option(r->a, "tar", "compat-2x", "1");
	int got;
	if (unpack_stream_compression(r->stream)[0]) {
		got = archive_read_open(r->a, r, NULL, read_stream, NULL);
	} else {
		archive_read_support_format_zip_seekable(r->a);
		got = archive_read_open_filename(r->a, path, BLOCK);
	}
	if (got != ARCHIVE_OK && r->failed.kind == ERR_NONE)
		return error_set(e, ERR_MISMATCH, "%s is no archive", path);
	return got == ARCHIVE_OK ? 0 : unpack_reader_damaged(r, e);
}

void unpack_reader_close(struct unpack_reader *r)
{
	if (r->a)
		archive_read_free(r->a);
	unpack_stream_close(&r->stream);
	free(r->block);
	*r = (struct unpack_reader){0};
}

int unpack_reader_finish(struct unpack_reader *r, struct error *e)
{
	ssize_t n = 1;
	while (n > 0 && unpack_stream_compression(r->stream)[0])
		n = unpack_stream_read(r->stream, r->block, BLOCK, e);
	return n < 0 ? (int)n : 0;
}

/* A zip without its end is no zip any more, but began as one. */
static int check_cut_zip(const char *path, struct error *e)
{
	char head[4] = {0};
	CLEANUP(fs_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fs_read_full(fd, head, sizeof head) < 0)
		return error_sys(e, errno, "reading %s", path);
	if (memcmp(head, "PK\3\4", 4) == 0)
		return error_set(e, ERR_CORRUPT, "%s is cut short: the directory at its end is missing", path);
	if (memcmp(head, "PK\5\6", 4) == 0)
		return error_set(e, ERR_MISMATCH, "%s is a zip archive with nothing in it", path);
	return 0;
}

int unpack_archive_kind(const char *path, const char **kind, struct error *e)
{
	CLEANUP(unpack_locale_leave) struct unpack_locale l = unpack_locale_enter("C.UTF-8");
	CLEANUP(unpack_reader_close) struct unpack_reader r = {0};
	struct archive_entry *entry;
	*kind = NULL;
	int err = unpack_reader_open(&r, path, e);
	if (err == -ERR_MISMATCH) {
		error_clear(e);
		return check_cut_zip(path, e);
	}
	if (err)
		return err;
	int got = archive_read_next_header(r.a, &entry);
	/* One without entries is one all the same. */
	if (got != ARCHIVE_OK && got != ARCHIVE_WARN && got != ARCHIVE_EOF)
		return unpack_reader_damaged(&r, e);
	*kind = (archive_format(r.a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR ? "tar" : "zip";
	return 0;
}
