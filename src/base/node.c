#include "base/node.h"

#include "base/map.h"
#include "base/mem.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Names of ids, looked up once each: the system may ask a directory server for every one. "" stands for an id
 * without name. */
struct name_cache {
	pthread_mutex_t lock;
	struct map *names;
	/* 0 and *name (in buf) or NULL; or an errno, ERANGE for a buf too small. */
	int (*look_up)(uint32_t id, char *buf, size_t size, const char **name);
};

#define NAMES_MAX 65536
#define RECORD_MAX ((size_t)1 << 20)

static int user_look_up(uint32_t id, char *buf, size_t size, const char **name)
{
	struct passwd entry, *found = NULL;
	int err = getpwuid_r(id, &entry, buf, size, &found);
	*name = found ? entry.pw_name : NULL;
	return err;
}

static int group_look_up(uint32_t id, char *buf, size_t size, const char **name)
{
	struct group entry, *found = NULL;
	int err = getgrgid_r(id, &entry, buf, size, &found);
	*name = found ? entry.gr_name : NULL;
	return err;
}

static struct name_cache users = {.lock = PTHREAD_MUTEX_INITIALIZER, .look_up = user_look_up};
static struct name_cache groups = {.lock = PTHREAD_MUTEX_INITIALIZER, .look_up = group_look_up};

static char *look_up(const struct name_cache *c, uint32_t id)
{
	for (size_t size = 1024; size <= RECORD_MAX; size *= 4) {
		AUTO_FREE char *record = mem_alloc(size);
		const char *name;
		int err = c->look_up(id, record, size, &name);
		if (err == EINTR)
			size /= 4;
		else if (err != ERANGE)
			return mem_string(name ? name : "");
	}
	return mem_string("");
}

/* Heap copy, or NULL. */
static char *name_of(struct name_cache *c, uint32_t id)
{
	pthread_mutex_lock(&c->lock);
	if (c->names && map_count(c->names) >= NAMES_MAX) {
		map_free(c->names, free);
		c->names = NULL;
	}
	if (!c->names)
		c->names = map_new();
	char *name = map_get(c->names, &id, sizeof id);
	if (!name) {
		name = look_up(c, id);
		map_put(c->names, &id, sizeof id, name);
	}
	char *copy = name[0] ? mem_string(name) : NULL;
	pthread_mutex_unlock(&c->lock);
	return copy;
}

void node_release(struct node *n)
{
	free(n->name);
	free(n->user);
	free(n->group);
	free(n->link_target);
	for (size_t i = 0; i < n->xattr_count; i++) {
		free(n->xattrs[i].name);
		free(n->xattrs[i].value);
	}
	free(n->xattrs);
	*n = (struct node){0};
}

void node_copy(struct node *to, const struct node *from)
{
	*to = *from;
	to->name = mem_string_or_null(from->name);
	to->user = mem_string_or_null(from->user);
	to->group = mem_string_or_null(from->group);
	to->link_target = mem_string_or_null(from->link_target);
	to->xattrs = NULL;
	to->xattr_count = 0;
	for (size_t i = 0; i < from->xattr_count; i++)
		node_add_xattr(to, from->xattrs[i].name, from->xattrs[i].value, from->xattrs[i].len);
}

static enum node_type type_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR:
		return NODE_DIR;
	case S_IFLNK:
		return NODE_SYMLINK;
	case S_IFIFO:
		return NODE_FIFO;
	case S_IFSOCK:
		return NODE_SOCKET;
	case S_IFCHR:
		return NODE_CHARDEV;
	case S_IFBLK:
		return NODE_BLOCKDEV;
	default:
		return NODE_FILE;
	}
}

void node_from_stat(struct node *n, const char *name, const struct stat *st)
{
	*n = (struct node){
		.name = mem_string(name),
		.type = type_of(st->st_mode),
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.user = name_of(&users, st->st_uid),
		.group = name_of(&groups, st->st_gid),
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
		.inode = st->st_ino,
		.dev_id = st->st_dev,
		.links = st->st_nlink,
	};
	if (n->type == NODE_FILE)
		n->size = (uint64_t)st->st_size;
	if (n->type == NODE_CHARDEV || n->type == NODE_BLOCKDEV)
		n->rdev = st->st_rdev;
}

void node_synthetic(struct node *n, const char *name, enum node_type type, struct timespec t)
{
	*n = (struct node){
		.name = mem_string(name),
		.type = type,
		.mode = type == NODE_DIR ? 0700 : 0600,
		.uid = geteuid(),
		.gid = getegid(),
		.user = name_of(&users, geteuid()),
		.group = name_of(&groups, getegid()),
		.mtime = t,
		.ctime = t,
	};
}

void node_add_xattr(struct node *n, const char *name, const void *value, size_t len)
{
	n->xattrs = mem_array(n->xattrs, n->xattr_count + 1, sizeof *n->xattrs);
	n->xattrs[n->xattr_count++] = (struct node_xattr){
		.name = mem_string(name),
		.value = mem_copy(value, len),
		.len = len,
	};
}

const char *node_type_name(enum node_type t)
{
	static const char *const names[] = {
		[NODE_FILE] = "file",     [NODE_DIR] = "dir",         [NODE_SYMLINK] = "symlink",  [NODE_FIFO] = "fifo",
		[NODE_SOCKET] = "socket", [NODE_CHARDEV] = "chardev", [NODE_BLOCKDEV] = "dev",
	};
	return (size_t)t < ARRAY_LEN(names) ? names[t] : "unknown";
}
