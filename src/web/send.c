#include "web/send.h"

#include "base/fs.h"
#include "base/mem.h"
#include "web/answer.h"
#include "web/range.h"
#include "web/uri.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void send_attachment(struct web_response *out, const char *name)
{
	CLEANUP(buf_release) struct buf plain = BUF_INIT, wide = BUF_INIT;
	bool ascii = true;

	for (const char *p = name; *p; p++) {
		bool good = (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x7f && *p != '"' && *p != '\\';

		ascii = ascii && good;
		buf_add_byte(&plain, good ? (unsigned char)*p : '_');
	}
	uri_encode(name, &wide);
	if (ascii)
		answer_header(out, "Content-Disposition", "attachment; filename=\"%s\"", buf_text(&plain));
	else
		answer_header(out, "Content-Disposition", "attachment; filename=\"%s\"; filename*=UTF-8''%s", buf_text(&plain), buf_text(&wide));
}

static int open_plain(const char *path, int *fd, struct stat *st, struct error *e)
{
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (*fd < 0 || fstat(*fd, st))
		return error_sys(e, errno, "opening %s", path);
	return S_ISREG(st->st_mode) ? 0 : error_set(e, ERR_MISMATCH, "%s is no plain file", path);
}

/* In English: the program sets no locale. */
static void http_date(time_t t, char out[30])
{
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, 30, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

/* Its content cannot change while its inode, size and time of change stay. */
static void make_etag(const struct stat *st, char out[80])
{
	snprintf(out, 80, "\"%" PRIx64 "-%" PRIx64 "-%" PRIx64 ".%lx\"", (uint64_t)st->st_ino, (uint64_t)st->st_size, (uint64_t)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
}

static void say_part(struct web_request *r, struct web_response *out, const struct stat *st, const char *etag, const char *modified, struct send_part *part)
{
	uint64_t size = (uint64_t)st->st_size;
	const char *range = range_counts(web_header(r, "If-Range"), etag, modified) ? web_header(r, "Range") : NULL;

	part->from = 0;
	part->length = size;
	switch (range_parse(range, size, &part->from, &part->length)) {
	case RANGE_PART:
		out->status = 206;
		answer_header(out, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part->from, part->from + part->length - 1, size);
		break;
	case RANGE_NONE:
		out->status = 416;
		answer_header(out, "Content-Range", "bytes */%" PRIu64, size);
		fs_close(&part->fd);
		break;
	case RANGE_WHOLE:
		out->status = 200;
	}
}

int send_prepare(struct web_request *r, struct web_response *out, struct send_part *part, struct error *e)
{
	CLEANUP(fs_close) int fd = -1;
	const char *known = web_header(r, "If-None-Match");
	char etag[80], modified[30];
	struct stat st;
	int rc = open_plain(out->file, &fd, &st, e);

	part->fd = -1;
	if (!rc && out->file_once)
		unlink(out->file);
	if (rc)
		return rc;
	make_etag(&st, etag);
	http_date(st.st_mtim.tv_sec, modified);
	answer_header(out, "ETag", "%s", etag);
	answer_header(out, "Last-Modified", "%s", modified);
	answer_header(out, "Accept-Ranges", "bytes");
	if (out->file_name)
		send_attachment(out, out->file_name);
	if (!out->type)
		out->type = "application/octet-stream";
	if (known && range_etag_listed(known, etag)) {
		out->status = 304;
		return 0;
	}
	part->fd = fd;
	fd = -1;
	say_part(r, out, &st, etag, modified, part);
	return 0;
}
