#include "base/stream.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COPY_BLOCK ((size_t)1 << 20)

void source_close(struct source *s)
{
	if (s)
		s->close(s);
}

void source_drop(struct source **s)
{
	source_close(TAKE(*s));
}

/* How many of n bytes at `at` the source has. */
static size_t within(const struct source *s, size_t n, uint64_t at)
{
	uint64_t left = at < s->size ? s->size - at : 0;
	return n < left ? n : (size_t)left;
}

struct fd_source {
	struct source source;
	int fd;
};

static ssize_t fd_source_pread(struct source *s, void *p, size_t n, uint64_t at, struct error *e)
{
	const struct fd_source *f = (const struct fd_source *)s;
	ssize_t got = fs_pread_full(f->fd, p, within(s, n, at), (off_t)at);
	return got < 0 ? error_sys(e, errno, "reading") : got;
}

static void fd_source_close(struct source *s)
{
	struct fd_source *f = (struct fd_source *)s;
	fs_close(&f->fd);
	free(f);
}

int source_from_fd(int fd, struct source **out, struct error *e)
{
	CLEANUP(fs_close) int owned = fd;
	struct stat st;
	if (fstat(fd, &st) != 0)
		return error_sys(e, errno, "looking at an open file");
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return error_set(e, ERR_MISMATCH, "not a regular file");
	off_t size = S_ISREG(st.st_mode) ? st.st_size : lseek(fd, 0, SEEK_END);
	if (size < 0)
		return error_sys(e, errno, "finding the size");
	struct fd_source *f = mem_zero(sizeof *f);
	f->source = (struct source){.pread = fd_source_pread, .close = fd_source_close, .size = (uint64_t)size};
	f->fd = fd;
	owned = -1;
	*out = &f->source;
	return 0;
}

struct memory_source {
	struct source source;
	unsigned char bytes[];
};

static ssize_t memory_source_pread(struct source *s, void *p, size_t n, uint64_t at, struct error *e)
{
	const struct memory_source *m = (const struct memory_source *)s;
	size_t have = within(s, n, at);
	if (have > 0)
		memcpy(p, m->bytes + at, have);
	return (ssize_t)have;
}

static void memory_source_close(struct source *s)
{
	free(s);
}

struct source *source_from_memory(const void *p, size_t n)
{
	struct memory_source *m = mem_alloc(sizeof *m + n);
	m->source = (struct source){.pread = memory_source_pread, .close = memory_source_close, .size = n};
	if (n > 0)
		memcpy(m->bytes, p, n);
	return &m->source;
}

int source_read_exact(struct source *s, void *p, size_t n, uint64_t at, struct error *e)
{
	ssize_t got = s->pread(s, p, n, at, e);
	if (got < 0)
		return (int)got;
	return (size_t)got == n ? 0 : error_set(e, ERR_CORRUPT, "unexpected end");
}

static int fd_sink_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	struct fd_sink *f = (struct fd_sink *)s;
	if (fs_write_full(f->fd, p, n) != 0)
		return error_sys(e, errno, "writing");
	f->written += n;
	return 0;
}

void fd_sink_init(struct fd_sink *s, int fd)
{
	*s = (struct fd_sink){.sink.write = fd_sink_write, .fd = fd};
}

int source_copy(struct source *from, struct sink *to, struct error *e)
{
	if (from->copy)
		return from->copy(from, to, e);
	AUTO_FREE unsigned char *block = mem_alloc(COPY_BLOCK);
	for (uint64_t at = 0; at < from->size;) {
		size_t n = within(from, COPY_BLOCK, at);
		int err = source_read_exact(from, block, n, at, e);
		if (!err)
			err = sink_write(to, block, n, e);
		if (err)
			return err;
		at += n;
	}
	return 0;
}
