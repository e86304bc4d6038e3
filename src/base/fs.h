/* Files and folders of this machine. What matters is written temp, fsync, rename, fsync folder: in fs_write_atomic()
 * only. */
#ifndef BASE_FS_H
#define BASE_FS_H

#include "base/buf.h"
#include "base/strlist.h"

#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>

/* Close when it leaves scope:  CLEANUP(fs_close) int fd = -1; (-1 is ignored) */
void fs_close(int *fd);

/* Whole file into `out` (appended). A file above `limit` bytes is -ERR_LIMIT, and so is one beyond
 * the maximum of `out`; after an error a part may have been appended. */
int fs_read_file(const char *path, size_t limit, struct buf *out, struct error *e) MUST_USE;
/* Durable and atomic: either the old or the new content is there, never a part. Folder must exist. */
int fs_write_atomic(const char *path, const void *p, size_t n, mode_t mode, struct error *e) MUST_USE;
/* Pieces that lie at multiples of FS_DIRECT and are multiples of it long, from the first one on, go to the disk past the page cache, where the file system
 * can: who writes gigabytes once has no use for a copy in memory. */
#define FS_DIRECT ((size_t)4096)
/* The same from pieces. Nobody else must be told about the temporary name: it is ".tmp-" and 16 hexadecimal digits, in
 * the same folder, and may be left there by a crash only. */
int fs_writev_atomic(const char *path, const struct iovec *v, int n, mode_t mode, struct error *e) MUST_USE;
/* Full read/write at the place or at an offset; EINTR and short counts handled; a short read at end of file is not
 * an error. */
ssize_t fs_read_full(int fd, void *p, size_t n);                    /* -1 with errno */
ssize_t fs_pread_full(int fd, void *p, size_t n, off_t at);
int fs_write_full(int fd, const void *p, size_t n);                 /* 0, or -1 with errno (0 written = EIO) */
int fs_pwrite_full(int fd, const void *p, size_t n, off_t at);

/* Like mkdir -p; existing is fine; not synced. */
int fs_make_dirs(const char *path, mode_t mode, struct error *e) MUST_USE;
int fs_sync_dir(const char *path, struct error *e) MUST_USE;
bool fs_exists(const char *path);                                    /* lstat succeeds */
bool fs_is_dir(const char *path);                                    /* stat says so */
bool fs_is_writable_dir(const char *path);
/* Names in a folder, sorted by bytes, without "." and "..". */
int fs_list(const char *path, struct strlist *names, struct error *e) MUST_USE;
/* The same of an open folder, in no order. The descriptor stays the caller's. */
int fs_list_fd(int fd, struct strlist *names);                       /* 0, or -1 with errno */
/* Remove a file or a whole tree; absent is fine. Never follows links, not even such as are put in place meanwhile;
 * stops at a mount point (-ERR_REFUSED). A folder of ours that lacks the rights for it is given them. */
int fs_remove_tree(const char *path, struct error *e) MUST_USE;
/* `dir`, or when it is NULL $TMPDIR or /tmp. */
const char *fs_temp_folder(const char *dir);
/* A private (0600/0700) new file or folder in `dir` (NULL: $TMPDIR or /tmp); *path is the caller's heap string. */
int fs_temp_file(const char *dir, const char *prefix, char **path, int *fd, struct error *e) MUST_USE;
int fs_temp_dir(const char *dir, const char *prefix, char **path, struct error *e) MUST_USE;
/* An anonymous private file that vanishes with its descriptor (O_TMPFILE, or created and unlinked). */
int fs_temp_anonymous(const char *dir, int *fd, struct error *e) MUST_USE;
/* Bytes free to this user on the file system of `path`. */
int fs_free_space(const char *path, uint64_t *bytes, struct error *e) MUST_USE;

#endif
