#include "engine/unpack_inner.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define ROOM ((size_t)1 << 18)

enum form { FORM_PLAIN, FORM_GZIP, FORM_ZSTD };

struct unpack_stream {
	char *path;
	int fd;
	enum form form;
	z_stream gzip;
	ZSTD_DStream *zstd;
	bool inside;              /* a compressed member or frame has begun and not ended */
	bool held;                /* more may come without further input */
	unsigned char *room;      /* compressed bytes, `at` to `end` not used yet */
	size_t at, end;
};

void unpack_stream_close(struct unpack_stream **out)
{
	struct unpack_stream *s = *out;
	if (!s)
		return;
	if (s->form == FORM_GZIP)
		inflateEnd(&s->gzip);
	ZSTD_freeDStream(s->zstd);
	fs_close(&s->fd);
	free(s->room);
	free(s->path);
	free(s);
	*out = NULL;
}

static enum form form_of(const unsigned char magic[4])
{
	if (memcmp(magic, "\x1f\x8b\x08", 3) == 0)
		return FORM_GZIP;
	return memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0 ? FORM_ZSTD : FORM_PLAIN;
}

int unpack_stream_open(const char *path, struct unpack_stream **out, struct error *e)
{
	CLEANUP(unpack_stream_close) struct unpack_stream *s = mem_zero(sizeof *s);
	unsigned char magic[4] = {0};
	s->path = mem_string(path);
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fs_pread_full(s->fd, magic, sizeof magic, 0) < 0)
		return error_sys(e, errno, "opening %s", path);
	s->room = mem_alloc(ROOM);
	enum form form = form_of(magic);
	if (form == FORM_GZIP && inflateInit2(&s->gzip, 15 + 16) != Z_OK)
		abort();
	s->form = form;
	if (form == FORM_ZSTD && !(s->zstd = ZSTD_createDStream()))
		abort();
	*out = TAKE(s);
	return 0;
}

const char *unpack_stream_compression(const struct unpack_stream *s)
{
	static const char *const names[] = {"", "gzip-compressed ", "zstd-compressed "};
	return names[s->form];
}

/* Have some compressed bytes: 1, 0 at the end, or -kind. */
static int refill(struct unpack_stream *s, struct error *e)
{
	if (s->at < s->end)
		return 1;
	ssize_t n = fs_read_full(s->fd, s->room, ROOM);
	if (n < 0)
		return error_sys(e, errno, "reading %s", s->path);
	s->at = 0;
	s->end = (size_t)n;
	if (n == 0 && s->inside)
		return error_set(e, ERR_CORRUPT, "%s is cut short", s->path);
	return n > 0;
}

/* Both take what is in the room and return how much they made of it; *bad when it makes no sense. */
static size_t inflate_some(struct unpack_stream *s, unsigned char *p, size_t n, bool *bad)
{
	s->gzip.next_in = s->room + s->at;
	s->gzip.avail_in = (uInt)(s->end - s->at);
	s->gzip.next_out = p;
	s->gzip.avail_out = (uInt)n;
	int got = inflate(&s->gzip, Z_NO_FLUSH);
	s->at = s->end - s->gzip.avail_in;
	s->inside = got != Z_STREAM_END;
	*bad = got != Z_OK && got != Z_STREAM_END && got != Z_BUF_ERROR;
	/* Another member may follow. */
	if (got == Z_STREAM_END && inflateReset(&s->gzip) != Z_OK)
		*bad = true;
	return n - s->gzip.avail_out;
}

static size_t unzstd_some(struct unpack_stream *s, unsigned char *p, size_t n, bool *bad)
{
	ZSTD_inBuffer in = {.src = s->room, .size = s->end, .pos = s->at};
	ZSTD_outBuffer out = {.dst = p, .size = n};
	size_t left = ZSTD_decompressStream(s->zstd, &out, &in);
	*bad = ZSTD_isError(left);
	s->at = in.pos;
	s->inside = left != 0;
	return out.pos;
}

static ssize_t read_compressed(struct unpack_stream *s, unsigned char *p, size_t n, struct error *e)
{
	size_t done = 0;
	bool bad = false;
	while (done < n) {
		int more = s->held ? 1 : refill(s, e);
		if (more <= 0)
			return more < 0 ? more : (ssize_t)done;
		size_t made = s->form == FORM_GZIP ? inflate_some(s, p + done, n - done, &bad)
		                                   : unzstd_some(s, p + done, n - done, &bad);
		if (bad)
			return error_set(e, ERR_CORRUPT, "%s is damaged", s->path);
		s->held = s->inside && made == n - done;
		done += made;
	}
	return (ssize_t)done;
}

ssize_t unpack_stream_read(struct unpack_stream *s, void *p, size_t n, struct error *e)
{
	if (s->form != FORM_PLAIN)
		return read_compressed(s, p, n, e);
	ssize_t got = fs_read_full(s->fd, p, n);
	return got < 0 ? error_sys(e, errno, "reading %s", s->path) : got;
}
