/* Where engines and repositories meet. An engine writes a tree of folders, files and artifacts into a `tree_sink`
 * and reads stored files through a `source`; it never knows what stands behind them. All calls come from one thread
 * at a time unless a member says otherwise. */
#ifndef BASE_STREAM_H
#define BASE_STREAM_H

#include "base/error.h"
#include "base/node.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sink;

/* Random access to stored or local bytes. */
struct source {
	/* Read up to n bytes at `at` into p. Returns the number read: n, or fewer only at the end; or -kind. Any
	 * thread. */
	ssize_t (*pread)(struct source *s, void *p, size_t n, uint64_t at, struct error *e);
	void (*close)(struct source *s);       /* frees s */
	/* All of it in order into `to`, when the source knows a faster way than reading block by block; else NULL. */
	int (*copy)(struct source *s, struct sink *to, struct error *e);
	uint64_t size;
};
void source_close(struct source *s);           /* NULL is legal */
void source_drop(struct source **s);           /* the same, for CLEANUP() */
/* A source over an open regular file or block device; owns fd from the call on, also when it fails. */
int source_from_fd(int fd, struct source **out, struct error *e) MUST_USE;
/* A source over memory, copied. */
struct source *source_from_memory(const void *p, size_t n);
/* Exactly n bytes or an error (-ERR_CORRUPT "unexpected end"). */
int source_read_exact(struct source *s, void *p, size_t n, uint64_t at, struct error *e) MUST_USE;

/* Where bytes go, in order. */
struct sink {
	int (*write)(struct sink *s, const void *p, size_t n, struct error *e);
};
/* A sink over a descriptor (not owned). The struct is the caller's. */
struct fd_sink {
	struct sink sink;
	int fd;
	uint64_t written;
};
void fd_sink_init(struct fd_sink *s, int fd);
static inline int sink_write(struct sink *s, const void *p, size_t n, struct error *e)
{
	return s->write(s, p, n, e);
}
/* All of a source into a sink in order, through a buffer of 1 MiB. */
int source_copy(struct source *from, struct sink *to, struct error *e) MUST_USE;

/* One file being stored. Either write()/cut() in order, or put() of equal blocks in any order; never both. */
struct file_sink {
	/* Append bytes; chunk boundaries are found by content. */
	int (*write)(struct file_sink *f, const void *p, size_t n, struct error *e);
	/* Force a chunk boundary after what was written so far. */
	int (*cut)(struct file_sink *f, struct error *e);
	/* The bytes that come before all that was written: known only now, because they tell where the rest lies. Once,
	 * after the last write(), and not into a hashed file. */
	int (*prepend)(struct file_sink *f, const void *p, size_t n, struct error *e);
	/* Store block number `index` of the file; every block has `n` = the same length, only the last may be
	 * shorter. A block may be put again, which replaces it. All blocks 0..last must have been put by close().
	 * The bytes are copied. */
	int (*put)(struct file_sink *f, uint64_t index, const void *p, size_t n, struct error *e);
	/* Drop the blocks from `index` on (the file became shorter). */
	int (*truncate)(struct file_sink *f, uint64_t index, struct error *e);
	/* The file is whole: it is added to its folder with `node` (its size is set from the bytes stored) and f is
	 * freed, whatever the result. `sha256` (32 bytes, may be NULL) receives the hash of the whole content of a
	 * file opened with `hashed` and written with write(). */
	int (*close)(struct file_sink *f, const struct node *node, uint8_t *sha256, struct error *e);
	/* Forget it: nothing appears in the folder; f is freed. */
	void (*abort)(struct file_sink *f);
};

/* What the previous backup of the same source holds under a path. */
struct known_file {
	struct node node;          /* owned by the sink, valid until the next call */
	bool present;
};

/* A tree being stored, folder by folder. Names inside one folder may come in any order and must be unique. */
struct tree_sink {
	/* Begin a folder inside the current one / end it. */
	int (*enter)(struct tree_sink *t, const struct node *dir, struct error *e);
	int (*leave)(struct tree_sink *t, struct error *e);
	/* Add a link, FIFO, socket or device (no content), or an empty file. */
	int (*add)(struct tree_sink *t, const struct node *n, struct error *e);
	/* Begin a file in the current folder; the node is given at close(). Several may be open. `hashed`: its whole
	 * content gets a SHA-256. */
	int (*file)(struct tree_sink *t, bool hashed, struct file_sink **out, struct error *e);
	/* Look up `name` in the folder of the previous backup that corresponds to the current one; present=false
	 * when there is none. */
	int (*known)(struct tree_sink *t, const char *name, struct known_file *k, struct error *e);
	/* Add a file whose content is that of the previous backup's file `name` in the corresponding folder, with
	 * the metadata `n`. The content is checked to be still in the repository; -ERR_NOT_FOUND when it is not
	 * (then store it anew). */
	int (*reuse)(struct tree_sink *t, const char *name, const struct node *n, struct error *e);
	/* A read-only view of a file already closed into this tree (its path from the top of this sink, slashes
	 * between). What was written is readable at once. */
	int (*open)(struct tree_sink *t, const char *path, struct source **out, struct error *e);
};

/* A stored tree being read, depth first: a folder, what it holds, its end. */
enum tree_event { TREE_END, TREE_ENTER, TREE_LEAVE, TREE_NODE };

struct tree_source {
	/* Step on. For ENTER and NODE, *node and *path (relative, no leading slash) are valid until the next call;
	 * for LEAVE *node is the folder's again. */
	int (*next)(struct tree_source *t, enum tree_event *event, const struct node **node, const char **path, struct error *e);
	/* Instead of stepping into the folder just entered: go on after its LEAVE. */
	int (*skip)(struct tree_source *t, struct error *e);
	/* Copy the content of the file just returned into fd (owned from now on), in the background. done(ctx, fd,
	 * result, why) runs on another thread when it is complete or failed, before fd is closed. `sparse` leaves
	 * holes for runs of zeros. Blocks when too much is under way. */
	int (*fetch)(struct tree_source *t, int fd, bool sparse, void (*done)(void *ctx, int fd, int result, const struct error *why), void *ctx, struct error *e);
	/* Random access to the content of the file just returned; stays valid after stepping on. */
	int (*open)(struct tree_source *t, struct source **out, struct error *e);
	/* Wait for all fetches; the first error, if any. */
	int (*wait)(struct tree_source *t, struct error *e);
	void (*close)(struct tree_source *t);         /* waits, frees t */
};

#endif
