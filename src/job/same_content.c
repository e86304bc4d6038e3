#include "job/same_content.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define STEP ((size_t)1 << 20)

int same_content(struct source *kept, const char *path, struct progress *p, bool *same, struct error *e)
{
	CLEANUP(source_drop) struct source *file = NULL;
	AUTO_FREE char *a = mem_alloc(STEP);
	AUTO_FREE char *b = mem_alloc(STEP);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int rc = fd < 0 ? error_sys(e, errno, "%s", path) : source_from_fd(fd, &file, e);

	*same = !rc && file->size == kept->size;
	for (uint64_t at = 0; !rc && *same && at < kept->size; at += STEP) {
		size_t n = kept->size - at < STEP ? (size_t)(kept->size - at) : STEP;

		rc = progress_check(p, e);
		if (!rc)
			rc = source_read_exact(kept, a, n, at, e);
		if (!rc)
			rc = source_read_exact(file, b, n, at, e);
		*same = !rc && !memcmp(a, b, n);
		progress_bytes(p, n);
	}
	return rc;
}
