/* A sink over a file that hashes what it is given, so that what the disk holds can be compared with it afterwards. */
#ifndef JOB_CHECKED_SINK_H
#define JOB_CHECKED_SINK_H

#include "base/stream.h"

#include <openssl/evp.h>

struct checked_sink {
	struct sink sink;
	int fd;
	uint64_t written;
	EVP_MD_CTX *hash;
};
void checked_sink_init(struct checked_sink *s, int fd); /* fd open for reading and writing, not owned */
/* Sync the file and read it back: -ERR_CORRUPT "... does not hold what was written to it". */
int checked_sink_verify(struct checked_sink *s, const char *path, struct error *e) MUST_USE;
void checked_sink_release(struct checked_sink *s);

#endif
