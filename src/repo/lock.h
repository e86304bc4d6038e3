/* Locks exactly as restic keeps them: files in locks/, shared or exclusive, refreshed every 5 minutes by writing a
 * new file and removing the old, stale after 30 minutes or when their process on this host is gone. Acquiring:
 * list others; conflict -> -ERR_LOCKED; write ours; wait 200 ms (not in a local
 * folder, whose listings are never behind); list again; on conflict remove ours and fail.
 * Times are the wall clock's, as they are for everybody who judges a lock. Other programs probe a lock's process
 * with SIGHUP, so lock_acquire() makes the process ignore SIGHUP when it has the default action. */
#ifndef REPO_LOCK_H
#define REPO_LOCK_H

#include "base/buf.h"
#include "repo/id.h"

#include <sys/types.h>
#include <time.h>

struct progress;
struct repo;
struct lock;

struct lock_info {
	struct id id;
	struct timespec time;
	bool exclusive;
	char *hostname, *username;
	int64_t pid;
	uint32_t uid, gid;
};
void lock_info_release(struct lock_info *i);
void lock_encode(const struct lock_info *i, struct buf *out);
int lock_parse(const void *p, size_t n, struct lock_info *out, struct error *e) MUST_USE;
/* Older than 30 minutes, or of this host with a process that is gone. */
bool lock_is_stale(const struct lock_info *i, struct timespec now);

/* -ERR_LOCKED: "repository is locked exclusively by PID 123 on host since 2026-11-21 07:14:05 (5 min ago)"; the
 * hint for a stale one says how to remove it. A lock in the way whose process was of this host and is gone is
 * removed by itself (it proves that nothing is running); others only by lock_remove_stale(). A thread keeps the
 * lock fresh. */
int lock_acquire(struct repo *r, bool exclusive, struct lock **out, struct error *e) MUST_USE;
/* The same, trying again for up to `wait_seconds`; -ERR_CANCELLED within a fraction of a second when `p` (or NULL) is. */
int lock_acquire_wait(struct repo *r, bool exclusive, double wait_seconds, struct progress *p, struct lock **out,
		      struct error *e) MUST_USE;
/* -ERR_LOCKED when the lock could not be refreshed for 22.5 minutes, or its file was removed by someone: what it
 * protected must stop. The file is looked for at once in a near store (STORE_LOCAL), at most every 30 seconds in a
 * distant one. Any thread. */
int lock_check(struct lock *l, struct error *e) MUST_USE;
void lock_release(struct lock *l);           /* removes the file; NULL is legal */
/* Remove stale locks (`all`: every lock, damaged and empty ones too). *removed counts. */
int lock_remove_stale(struct repo *r, bool all, size_t *removed, struct error *e) MUST_USE;
/* Oldest first. Empty files are no locks; a damaged one is -ERR_CORRUPT. */
int lock_list(struct repo *r, struct lock_info **out, size_t *n, struct error *e) MUST_USE;
void lock_list_free(struct lock_info *v, size_t n);

#endif
