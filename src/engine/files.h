/* Folders and single files: inner interfaces of the engine's parts.
 *
 * Live entries are only ever reached from an open folder by their last component and without following links, so that
 * whoever swaps one for a link in between gains nothing. */
#ifndef ENGINE_FILES_H
#define ENGINE_FILES_H

#include "engine/engine.h"

#include <stdatomic.h>
#include <sys/stat.h>

/* files.c: how many entries of each kind, as the manifest's objects have them, and the bytes of all files. */
enum files_kind { FILES_FILE, FILES_FOLDER, FILES_SYMLINK, FILES_FIFO, FILES_SOCKET, FILES_DEVICE, FILES_KINDS };
struct files_tally {
	uint64_t n[FILES_KINDS];
	uint64_t bytes;
};
void files_tally_add(struct files_tally *t, const struct node *n);
void files_tally_save(const struct files_tally *t, struct manifest_source *out);
/* -ERR_VERIFY "4 files where 5 were expected" with the first difference. */
int files_tally_compare(const struct files_tally *found, const struct files_tally *expected, struct error *e) MUST_USE;
/* -ERR_VERIFY unless it is what the manifest says. One made up for another program's backup says nothing. */
int files_tally_check(const struct files_tally *found, const struct manifest_source *s, struct error *e) MUST_USE;

/* files_walk.c: folders on the way down, however deep: only the innermost ones keep their descriptors. */
struct files_level {
	int fd;              /* -1: closed, found again through ".." of the one below */
	dev_t dev;
	ino_t ino;
	size_t path_len;
	struct strlist names;
	size_t next;         /* of names */
};
struct files_walk {
	struct files_level *v;
	size_t n, cap;
	struct buf path;     /* of what was last entered, left or returned; relative, "" is the top */
};
void files_walk_release(struct files_walk *w);
/* Go into an open folder (owned from now on); `name` is its name in the innermost one, "" for the top. 0 or an
 * errno. */
int files_walk_push(struct files_walk *w, int fd, const char *name);
/* The innermost folder, -1 when there is none. */
int files_walk_dir(const struct files_walk *w);
/* Leave the innermost folder; *fd (the caller's) is it. 0, or an errno when the folder above is no longer where it
 * was. */
int files_walk_pop(struct files_walk *w, int *fd);
/* List the innermost folder. 0 or an errno; then it has no names. */
int files_walk_list(struct files_walk *w);
/* The next name in the innermost folder, in the order of bytes; NULL when there is none left. */
const char *files_walk_next(struct files_walk *w);
/* Open an entry for reading, leaving no trace in its access time where that is permitted. -1 with errno. */
int files_open_file(int dir, const char *name);
int files_open_folder(int dir, const char *name);

/* files_leave_out.c: why an entry is not backed up: the pattern that says so, or NULL when it is. */
const char *files_left_out(const struct backup_options *o, const char *path, bool is_dir);
/* Whether `include` has this entry, or has none at all. */
bool files_included(const struct backup_options *o, const char *path, bool is_dir);
/* Whether the folder is tagged as a cache (CACHEDIR.TAG, bford.info/cachedir). */
bool files_is_cache(int dir);

/* files_disk.c: metadata from and to the disk. */
/* Add the extended attributes of an open file or folder, or, when fd is -1, of dir/name itself. 0 or the first
 * errno. */
int files_read_xattrs(int fd, int dir, const char *name, struct node *out);
/* What could not be given back; any thread may count. */
struct files_refused {
	atomic_uint_fast64_t owners, modes, xattrs, devices, sockets, links;
};
/* Owner, extended attributes, mode and time of an open file or folder. Without the owner no setuid and setgid. */
void files_dress(int fd, const struct node *n, struct files_refused *r);
/* Make a link, FIFO or device, dressed. Sockets, and devices where they are not permitted, are only counted. */
int files_make_special(int dir, const char *name, const struct node *n, struct files_refused *r,
	struct error *e) MUST_USE;
/* Make a new empty file or folder with no rights for others. -1 with errno. */
int files_make_file(int dir, const char *name);
int files_make_folder(int dir, const char *name);
/* "the owner of 3 entries could not be set (only root may)" ... */
void files_refused_tell(const struct files_refused *r, struct strlist *notes);

/* files_move.c: the last step, from the draft that something grew in (base/draft.h) to its place. */
/* Exchange two entries. Where the file system cannot do that at once, `aside` in folder `a` is used for a moment; a
 * failure leaves both where they were. 0 or an errno. */
int files_exchange(int a, const char *name_a, int b, const char *name_b, const char *aside);
/* Move an entry to a name that is free. 0 or an errno, EEXIST when it is not. */
int files_move(int from, const char *name_from, int to, const char *name_to);
/* Tests: as if no file system could exchange names. */
extern bool files_plain_renames;
/* The first mount point at or below `path` (absolute and clean) as a heap string, or NULL. */
char *files_mount_within(const char *path);

/* files_plan.c: the stored entries of one source, all or chosen ones. */
struct files_chosen {
	struct tree_source *tree;
	struct strlist paths;    /* clean, sorted; empty: all */
	const char *name;        /* the source's entry in the snapshot */
	bool over;
};
int files_chosen_open(const struct stored *s, const struct strlist *paths, struct files_chosen *out,
	struct error *e) MUST_USE;
void files_chosen_close(struct files_chosen *c);
/* Like tree_source's next(), with paths relative to the source ("" is its top). *chosen: not only on the way to one
 * that was chosen. Names that are none are -ERR_CORRUPT. */
int files_chosen_next(struct files_chosen *c, enum tree_event *event, const struct node **node, const char **path,
	bool *chosen, struct error *e) MUST_USE;
/* Look at all first: *top is the type of the source's top. -ERR_NOT_FOUND when a chosen path is not there. */
struct files_plan {
	struct files_tally tally;
	enum node_type top;
	size_t paths;            /* chosen ones; 0: all */
};
int files_plan(const struct stored *s, const struct strlist *paths, struct progress *p, struct files_plan *out,
	struct error *e) MUST_USE;

/* The engine's members, gathered in files.c. */
int files_backup(const struct engine_backup *b, struct manifest_source *out, struct error *e) MUST_USE;
int files_restore(const struct engine_restore *r, struct restore_result *out, struct error *e) MUST_USE;

#endif
