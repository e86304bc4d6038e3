/* A few files kept open for reading, because many small reads of one file follow each other. Any thread may call. */
#ifndef STORE_FILECACHE_H
#define STORE_FILECACHE_H

#include <stdint.h>

struct filecache;

struct filecache_file {
	int fd;
	uint64_t size;
	/* private */
	char *path;
	unsigned users; /* the cache's own slot counts as one */
	uint64_t used;
};

struct filecache *filecache_new(void);
void filecache_free(struct filecache *c);
/* The file as it is at `path` now, never one that was removed or replaced since it was opened. NULL with errno; ELOOP
 * when it is not a plain file. Each goes back with filecache_close(). */
struct filecache_file *filecache_open(struct filecache *c, const char *path);
void filecache_close(struct filecache *c, struct filecache_file *f);
/* Forget `path`, so that a removed file's space is free at once. */
void filecache_forget(struct filecache *c, const char *path);

#endif
