/* A sink over a file that hashes what it is given. */
#include "job/checked_sink.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_hashed(struct sink *sink, const void *p, size_t n, struct error *e)
{
	struct checked_sink *s = (struct checked_sink *)sink;

	if (fs_write_full(s->fd, p, n))
		return error_sys(e, errno, "writing");
	EVP_DigestUpdate(s->hash, p, n);
	s->written += n;
	return 0;
}

void checked_sink_init(struct checked_sink *s, int fd)
{
	*s = (struct checked_sink){.sink.write = write_hashed, .fd = fd, .hash = EVP_MD_CTX_new()};
	if (!s->hash || EVP_DigestInit_ex(s->hash, EVP_sha256(), NULL) != 1)
		abort();
}

void checked_sink_release(struct checked_sink *s)
{
	EVP_MD_CTX_free(s->hash);
	s->hash = NULL;
}

int checked_sink_verify(struct checked_sink *s, const char *path, struct error *e)
{
	enum { STEP = 1 << 20 };
	unsigned char given[EVP_MAX_MD_SIZE], held[EVP_MAX_MD_SIZE];
	AUTO_FREE char *part = mem_alloc(STEP);
	uint64_t at = 0;
	ssize_t n;

	EVP_DigestFinal_ex(s->hash, given, NULL);
	if (fsync(s->fd))
		return error_sys(e, errno, "%s", path);
	EVP_DigestInit_ex(s->hash, EVP_sha256(), NULL);
	while ((n = fs_pread_full(s->fd, part, STEP, (off_t)at)) > 0) {
		EVP_DigestUpdate(s->hash, part, (size_t)n);
		at += (uint64_t)n;
	}
	if (n < 0)
		return error_sys(e, errno, "reading back %s", path);
	EVP_DigestFinal_ex(s->hash, held, NULL);
	if (at != s->written || memcmp(given, held, 32))
		return error_set(e, ERR_CORRUPT, "%s does not hold what was written to it", path);
	return 0;
}
