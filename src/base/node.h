/* One entry of a folder as the file system describes it: the metadata that engines produce and repositories keep. */
#ifndef BASE_NODE_H
#define BASE_NODE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

enum node_type { NODE_FILE, NODE_DIR, NODE_SYMLINK, NODE_FIFO, NODE_SOCKET, NODE_CHARDEV, NODE_BLOCKDEV };

struct node_xattr {
	char *name;
	unsigned char *value;
	size_t len;
};

/* Strings are heap copies owned by the node; names are bytes, not text. Zero values mean "not known". */
struct node {
	char *name;
	enum node_type type;
	uint32_t mode;             /* st_mode's low 12 bits: permissions, setuid, setgid, sticky */
	uint32_t uid, gid;
	char *user, *group;        /* or NULL */
	struct timespec mtime, ctime;
	uint64_t inode, dev_id;    /* st_ino, st_dev */
	uint64_t size;             /* files only */
	uint64_t links;
	uint64_t rdev;             /* devices only */
	char *link_target;         /* symlinks only */
	struct node_xattr *xattrs;
	size_t xattr_count;
};

void node_release(struct node *n);
void node_copy(struct node *to, const struct node *from);            /* to is overwritten, not released */
/* Fill type, mode, ids, times, size, links, rdev from st; the name is copied. User and group names are looked up and
 * cached. */
void node_from_stat(struct node *n, const char *name, const struct stat *st);
/* A plain 0600 file (or 0700 directory) of this process's user with all times `t`: for what no file on disk stands
 * behind. */
void node_synthetic(struct node *n, const char *name, enum node_type type, struct timespec t);
void node_add_xattr(struct node *n, const char *name, const void *value, size_t len);
const char *node_type_name(enum node_type t);                        /* "file", "dir", "symlink", ... */

#endif
