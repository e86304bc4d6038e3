/* Where a repository's files are kept: a local folder, memory, later S3 and SFTP; and stores that wrap a store (retry,
 * limit, fault).
 *
 * A store holds whole files, written once, never changed, in six kinds (the layout of the restic design document,
 * docs/format.md). It knows nothing of what is in them. Callers ask what it can do (`features`), never which it is.
 * Every function may be called from any thread at the same time.
 *
 * Errors every member may return: -ERR_IO, -ERR_ACCESS, -ERR_TEMPORARY (may pass when tried again), -ERR_NO_SPACE.
 * Texts name the file within the store ("data/4a/4a4b...: No space left on device").
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/buf.h"

#include <sys/uio.h>

enum store_kind { STORE_CONFIG, STORE_KEY, STORE_LOCK, STORE_SNAPSHOT, STORE_INDEX, STORE_DATA, STORE_KINDS };

#define STORE_NAME_LEN 64
#define STORE_PATH_MAX 80

/* One file. `name` is 64 lower-case hex digits; "" for STORE_CONFIG. */
struct store_file {
	enum store_kind kind;
	char name[STORE_NAME_LEN + 1];
};

enum store_features {
	STORE_LOCAL = 1 << 0,   /* reads cost no round trip: small ranged reads are fine */
	STORE_DURABLE = 1 << 1, /* what put() returned 0 for survives a power cut */
};

struct store {
	const struct store_ops *ops;
	unsigned features;
	char *url; /* as shown to people, without secrets */
};

/* size may be 0 when the store does not tell it for free. Non-zero ends the listing. */
typedef int (*store_list_fn)(const char *name, uint64_t size, void *ctx);

struct store_ops {
	/* Make the places for a new repository. -ERR_EXISTS when a config file is there. An existing empty folder is
	 * fine; existing foreign files in it are left alone. */
	int (*create)(struct store *s, struct error *e);
	/* Write a whole file from `n` pieces, atomically and (STORE_DURABLE) durably: after 0 it is there whole, after
	 * an error it is absent, or whole if the reply was lost. A file of that name that exists already with the same
	 * size is success (names are hashes of contents; config and keys are written once); with another size it is
	 * replaced. */
	int (*put)(struct store *s, const struct store_file *f, const struct iovec *v, int n, struct error *e);
	/* Read `n` bytes at `at` into p. A file that is too short is -ERR_CORRUPT ("... is cut short: wanted bytes A to
	 * B of N"); absent -ERR_NOT_FOUND. */
	int (*get)(struct store *s, const struct store_file *f, uint64_t at, void *p, size_t n, struct error *e);
	/* Its size in bytes; -ERR_NOT_FOUND when absent. */
	int (*size)(struct store *s, const struct store_file *f, uint64_t *size, struct error *e);
	/* Remove it durably; absent is success (a lost reply may be tried again). */
	int (*remove)(struct store *s, const struct store_file *f, struct error *e);
	/* Call fn for every file of a kind, each once, in no order; fn may call the store. Foreign names (not 64
	 * lower-case hex digits, temporary files) are skipped. A listing that could not be completed is an error, never
	 * a short list. fn's non-zero result ends the listing and is returned. A missing folder (keys/, data/, ...) is
	 * an error (-ERR_CORRUPT), not an empty list: never conclude from absence. put() and remove() say the same. */
	int (*list)(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e);
	/* Remove temporary files that interrupted writers left behind, older than a day. Never fails the caller: it is
	 * housekeeping. */
	void (*tidy)(struct store *s);
	void (*free)(struct store *s);
};

/* Paths relative to the repository: "config", "keys/<name>", "locks/...", "snapshots/...", "index/...",
 * "data/<first two digits>/<name>". */
void store_path(const struct store_file *f, char out[STORE_PATH_MAX]);
const char *store_kind_name(enum store_kind k); /* "config", "key", "lock", "snapshot", "index", "pack" */
const char *store_folder(enum store_kind k);    /* "keys", "locks", "snapshots", "index", "data"; "" for STORE_CONFIG */
/* false unless name is 64 lower-case hex digits */
bool store_name_ok(const char *name);

/* The members of a store, with the name checked first: one that breaks the rule above is -ERR_INTERNAL and reaches no
 * store. */
int store_create(struct store *s, struct error *e) MUST_USE;
int store_put(struct store *s, const struct store_file *f, const struct iovec *v, int n, struct error *e) MUST_USE;
int store_get(struct store *s, const struct store_file *f, uint64_t at, void *p, size_t n, struct error *e) MUST_USE;
/* The whole file, appended to out; above `limit` bytes (or what out may hold) -ERR_LIMIT. After an error out is as it
 * was. */
int store_get_all(struct store *s, const struct store_file *f, size_t limit, struct buf *out, struct error *e) MUST_USE;
int store_size(struct store *s, const struct store_file *f, uint64_t *size, struct error *e) MUST_USE;
int store_remove(struct store *s, const struct store_file *f, struct error *e) MUST_USE;
int store_list(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e) MUST_USE;
void store_tidy(struct store *s);
void store_free(struct store *s); /* frees wrapped stores too; NULL is legal */

/* What a listing told, kept: store_listing_add is a store_list_fn whose ctx is the listing. */
struct store_listing {
	struct store_entry {
		char name[STORE_NAME_LEN + 1];
		uint64_t size;
	} *v;
	size_t n, cap;
};
int store_listing_add(const char *name, uint64_t size, void *listing);
/* Tell it on; the first non-zero result of fn, or 0. */
int store_listing_tell(const struct store_listing *l, store_list_fn fn, void *ctx);
void store_listing_release(struct store_listing *l);

/* For those who write a store: what all stores say in the same words. Each sets e and returns -kind. */
int store_not_found(const struct store_file *f, struct error *e);
int store_cut_short(const struct store_file *f, uint64_t at, size_t n, uint64_t size, struct error *e);
int store_missing_folder(const struct store *s, enum store_kind kind, struct error *e); /* -ERR_CORRUPT */
size_t store_iov_size(const struct iovec *v, int n);

/* Open by URL: a plain path, or local:PATH. (More schemes come with their stores.) -ERR_USAGE for an unknown scheme,
 * naming those known. Does not look whether a repository is there. */
int store_open(const char *url, struct store **out, struct error *e) MUST_USE;

/* local.c: folder tree, directories 0700, files 0400 (0600 while written), data/00..ff made at creation and on demand;
 * private by mode. Where the config file is readable by its group, new files and data/xx folders are open to the group
 * too, as with restic. A name that is a link or anything but a plain file is -ERR_CORRUPT. url is the absolute path. */
int local_open(const char *path, struct store **out, struct error *e) MUST_USE;
/* mem.c: everything in memory; for tests. */
struct store *mem_store_new(void);

/* retry.c: tries what failed with -ERR_TEMPORARY (and -ERR_IO when the wrapped store is not STORE_LOCAL) again, after
 * 0.5 s, 1 s, 2 s ... (a quarter more or less, never above a minute) up to `tries` in all. A listing is told only when
 * it was completed. The last failure is returned as "given up after 3 tries: ...". Takes over `inner`. `sleep_fn`
 * (NULL: real) lets tests not wait. */
struct store *retry_new(struct store *inner, int tries, void (*sleep_fn)(double seconds));
/* limit.c: bytes a second on average, over all threads; 0 = unlimited. What is transferred after a pause passes at
 * once; what follows waits until the average is kept. Takes over `inner`. */
struct store *limit_new(struct store *inner, uint64_t upload, uint64_t download);

/* fault.c: for tests; fails on purpose. Operations are counted from 1 across all members but tidy. One that the fault
 * does not concern (a flip in a put) is done as usual. Takes over `inner`. */
enum fault_kind {
	FAULT_NONE,
	FAULT_ERROR,      /* the operation does nothing and fails with `error` */
	FAULT_LOST_REPLY, /* it is done, yet reported as failed */
	FAULT_SHORT,      /* put: only the first half is stored, reported as failed; get: -ERR_CORRUPT cut short */
	FAULT_KILL,       /* _exit(137) before the operation */
	FAULT_KILL_AFTER, /* _exit(137) after it */
	FAULT_EMPTY_LIST, /* list: reports nothing and succeeds */
	FAULT_FLIP,       /* get: one bit of the answer is wrong */
};
struct fault_plan {
	enum fault_kind kind;
	unsigned long at;         /* the operation that fails; 0: none */
	bool and_after;           /* that one and every later one (a disk that stays full) */
	unsigned writes_only : 1; /* count and hit only put, remove and create */
	enum err_kind error;      /* what ERROR, LOST_REPLY and a SHORT put report; default ERR_IO */
};
struct store *fault_new(struct store *inner, const struct fault_plan *plan);
unsigned long fault_count(const struct store *s); /* operations so far */
/* A plan from text, as tests of the whole program give it in BACKSTAY_TEST_FAULT: "kill@7", "kill-after@7", "error@7",
 * "nospace@7+", "temporary@7", "short@3", "lost@4", "flip@9", "empty-list@2"; a trailing `+` means and_after, a `w:` in
 * front counts writes only ("w:kill@3"). */
int fault_plan_parse(const char *text, struct fault_plan *plan, struct error *e) MUST_USE;

#endif
