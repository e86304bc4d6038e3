/* A folder, or a single file, into a tree sink. */
#include "engine/files.h"

#include "base/draft.h"
#include "base/fs.h"
#include "base/human.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK ((size_t)1 << 20)
#define LINK_MAX_LEN ((size_t)1 << 16)
#define LEFT_OUT_NOTES 100           /* the rest is counted only, so that they do not crowd out what matters */

struct run {
	const struct engine_backup *b;
	struct tree_sink *sink;
	struct manifest_source *out;
	struct files_walk walk;
	struct files_tally tally;
	struct node *waiting;             /* folders not entered in the sink yet, for want of anything included */
	size_t waiting_n, waiting_cap;
	dev_t dev;
	struct map *linked;               /* files with several names: device and inode */
	uint64_t left_out;
	unsigned char *block;
};

static void run_release(struct run *r)
{
	files_walk_release(&r->walk);
	while (r->waiting_n > 0)
		node_release(&r->waiting[--r->waiting_n]);
	free(r->waiting);
	map_free(r->linked, NULL);
	free(r->block);
}

/* The path of the entry at hand; the source's own name stands for its top. */
static const char *path_now(const struct run *r)
{
	return r->walk.path.len > 0 ? buf_text(&r->walk.path) : r->b->name;
}

/* Something that cannot be read: gone meanwhile, or forbidden, or broken; what we lack ourselves is an error. */
static int trouble(struct run *r, int err, const char *what, struct error *e)
{
	if (err == EMFILE || err == ENFILE || err == ENOMEM)
		return error_sys(e, err, "%s %s", what, path_now(r));
	if (err == ENOENT || err == ELOOP || err == ENOTDIR || err == ENXIO) {
		manifest_note(r->out, "vanished", path_now(r),
			"it went away, or was replaced, while its folder was read");
		manifest_count(r->out, "vanished", 1);
		return 0;
	}
	manifest_note(r->out, "unreadable", path_now(r), "%s it: %s", what, strerrordesc_np(err));
	r->out->skipped++;
	return 0;
}

static void leave_out(struct run *r, const char *why)
{
	manifest_count(r->out, "excluded", 1);
	if (r->left_out++ < LEFT_OUT_NOTES)
		manifest_note(r->out, "excluded", path_now(r), "left out: %s", why);
}

/* Enter the folders in the sink that were kept waiting, and count them. */
static int enter_waiting(struct run *r, struct error *e)
{
	int err = 0;
	for (size_t i = 0; i < r->waiting_n; i++) {
		if (!err)
			err = r->sink->enter(r->sink, &r->waiting[i], e);
		files_tally_add(&r->tally, &r->waiting[i]);
		node_release(&r->waiting[i]);
	}
	r->waiting_n = 0;
	return err;
}

static int describe(struct run *r, struct node *n, const char *name, const struct stat *st, int fd, int dir,
	struct error *e)
{
	node_from_stat(n, name, st);
	int err = files_read_xattrs(fd, dir, name, n);
	return err ? trouble(r, err, "reading the extended attributes of", e) : 0;
}

/* ---- files ---- */

/* A change in the same instant as the previous backup read the file would not show: such a file is read again. How fine
 * an instant is depends on the file system; whole seconds tell a coarse one. */
static bool settled(const struct run *r, struct timespec ctime)
{
	double instant = ctime.tv_nsec == 0 ? 2 : 0.05;
	return r->b->previous && time_between(ctime, r->b->previous->start) > instant;
}

static bool same_time(struct timespec a, struct timespec b)
{
	return time_cmp(a, b) == 0;
}

/* Whether the file was taken over from the previous backup. */
static int reuse(struct run *r, const char *name, const struct stat *st, bool *reused, struct error *e)
{
	struct known_file known;
	*reused = false;
	if (r->b->options->force || !settled(r, st->st_ctim))
		return 0;
	int err = r->sink->known(r->sink, name, &known, e);
	if (err || !known.present)
		return err;
	const struct node *k = &known.node;
	if (k->type != NODE_FILE || k->size != (uint64_t)st->st_size || k->inode != st->st_ino ||
	    !same_time(k->mtime, st->st_mtim) || !same_time(k->ctime, st->st_ctim))
		return 0;
	/* An attribute that changes sets ctime. */
	CLEANUP(node_release) struct node n = {0};
	node_from_stat(&n, name, st);
	for (size_t i = 0; i < k->xattr_count; i++)
		node_add_xattr(&n, k->xattrs[i].name, k->xattrs[i].value, k->xattrs[i].len);
	err = r->sink->reuse(r->sink, name, &n, e);
	if (err == -ERR_NOT_FOUND) {
		error_clear(e);
		return 0;
	}
	*reused = true;
	files_tally_add(&r->tally, &n);
	return err;
}

/* *sys is the errno of a file that cannot be read to its end. */
static int copy_content(struct run *r, int fd, struct file_sink *to, uint64_t *size, int *sys, struct error *e)
{
	for (*size = 0;;) {
		ssize_t n = fs_read_full(fd, r->block, BLOCK);
		if (n < 0) {
			*sys = errno;
			return 0;
		}
		int err = n > 0 ? to->write(to, r->block, (size_t)n, e) : 0;
		if (!err)
			err = progress_check(r->b->progress, e);
		*size += (uint64_t)n;
		if (err || (size_t)n < BLOCK)
			return err;
	}
}

static void note_change(struct run *r, int fd, const struct stat *before, uint64_t size)
{
	struct stat after;
	if (fstat(fd, &after) != 0 || !same_time(after.st_mtim, before->st_mtim) || size != (uint64_t)before->st_size)
		manifest_note(r->out, "changed", path_now(r), "it changed while it was read; stored as read");
}

static int store_content(struct run *r, int fd, struct node *n, const struct stat *st, struct error *e)
{
	struct file_sink *to;
	uint64_t size;
	int sys = 0;
	if ((size_t)st->st_size > BLOCK)
		posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	int err = r->sink->file(r->sink, false, &to, e);
	if (err)
		return err;
	err = copy_content(r, fd, to, &size, &sys, e);
	if (err || sys) {
		to->abort(to);
		return err ? err : trouble(r, sys, "reading", e);
	}
	note_change(r, fd, st, size);
	n->size = size;
	err = to->close(to, n, NULL, e);
	if (!err)
		files_tally_add(&r->tally, n);
	return err;
}

/* Store an open file; fd is the caller's. */
static int store_file(struct run *r, const char *name, int fd, const struct stat *st, struct error *e)
{
	CLEANUP(node_release) struct node n = {0};
	if (!r->block)
		r->block = mem_alloc(BLOCK);
	int err = describe(r, &n, name, st, fd, -1, e);
	return err ? err : store_content(r, fd, &n, st, e);
}

static void count_link(struct run *r, const struct stat *st)
{
	const uint64_t key[2] = {st->st_dev, st->st_ino};
	if (st->st_nlink < 2)
		return;
	if (!r->linked)
		r->linked = map_new();
	if (map_has(r->linked, key, sizeof key))
		manifest_count(r->out, "hardlink", 1);
	else
		map_put(r->linked, key, sizeof key, NULL);
}

static int file_entry(struct run *r, const char *name, const struct stat *looked, struct error *e)
{
	bool reused;
	struct stat st;
	int err = reuse(r, name, looked, &reused, e);
	count_link(r, looked);
	if (err || reused)
		return err;
	CLEANUP(fs_close) int fd = files_open_file(files_walk_dir(&r->walk), name);
	if (fd < 0 || fstat(fd, &st) != 0)
		return trouble(r, errno, "opening", e);
	return S_ISREG(st.st_mode) ? store_file(r, name, fd, &st, e) : trouble(r, ENOENT, "opening", e);
}

/* ---- links, FIFOs, sockets, devices ---- */

static int read_target(int dir, const char *name, struct node *n)
{
	AUTO_FREE char *target = mem_alloc(LINK_MAX_LEN);
	ssize_t len = readlinkat(dir, name, target, LINK_MAX_LEN);
	if (len < 0)
		return errno == EINVAL ? ENOENT : errno;
	n->link_target = mem_string_n(target, (size_t)len);
	return 0;
}

static int special_entry(struct run *r, const char *name, const struct stat *st, struct error *e)
{
	CLEANUP(node_release) struct node n = {0};
	int dir = files_walk_dir(&r->walk);
	int err = describe(r, &n, name, st, -1, dir, e);
	int sys = n.type == NODE_SYMLINK ? read_target(dir, name, &n) : 0;
	if (err || sys)
		return err ? err : trouble(r, sys, "reading", e);
	if (n.type == NODE_SOCKET)
		manifest_note(r->out, "unsupported", path_now(r),
			"a socket: only the program that listens can make it anew");
	err = r->sink->add(r->sink, &n, e);
	if (!err)
		files_tally_add(&r->tally, &n);
	return err;
}

/* ---- folders ---- */

/* Go into a folder that is open (fd owned from now on), with what is known of it from `st`. */
static int enter_folder(struct run *r, const char *name, int fd, const struct stat *st, struct error *e)
{
	bool top = r->walk.n == 0;
	int sys = files_walk_push(&r->walk, fd, name);
	if (sys)
		return trouble(r, sys, "looking at", e);
	GROW(r->waiting, r->waiting_n, r->waiting_cap);
	struct node *n = &r->waiting[r->waiting_n++];
	int err = describe(r, n, name, st, fd, -1, e);
	if (!err && (top || files_included(r->b->options, path_now(r), true)))
		err = enter_waiting(r, e);
	if (err)
		return err;
	if (r->b->options->one_file_system && st->st_dev != r->dev) {
		leave_out(r, "another file system");
		return 0;
	}
	sys = files_walk_list(&r->walk);
	if (sys && top)
		return error_sys(e, sys, "listing %s", r->b->url->path);
	return sys ? trouble(r, sys, "listing", e) : 0;
}

static int leave_folder(struct run *r, struct error *e)
{
	CLEANUP(fs_close) int fd = -1;
	int sys = files_walk_pop(&r->walk, &fd);
	if (sys)
		return error_sys(e, sys, "coming back from %s, which was moved while it was read", path_now(r));
	if (r->waiting_n > 0) {
		node_release(&r->waiting[--r->waiting_n]);
		return 0;
	}
	return r->sink->leave(r->sink, e);
}

/* A folder that cannot be opened is stored all the same, with what can be seen of it from outside. */
static int closed_folder(struct run *r, const char *name, const struct stat *st, int sys, struct error *e)
{
	CLEANUP(node_release) struct node n = {0};
	uint64_t before = r->out->skipped;
	int err = trouble(r, sys, "opening", e);
	if (err || r->out->skipped == before)
		return err;
	node_from_stat(&n, name, st);
	err = enter_waiting(r, e);
	if (!err)
		err = r->sink->enter(r->sink, &n, e);
	if (!err)
		err = r->sink->leave(r->sink, e);
	files_tally_add(&r->tally, &n);
	return err;
}

static int folder_entry(struct run *r, const char *name, const struct stat *looked, struct error *e)
{
	struct stat st;
	int fd = files_open_folder(files_walk_dir(&r->walk), name);
	if (fd < 0)
		return closed_folder(r, name, looked, errno, e);
	bool cache = !r->b->options->include_logs && files_is_cache(fd);
	int sys = !cache && fstat(fd, &st) != 0 ? errno : 0;
	if (cache || sys)
		fs_close(&fd);
	if (cache)
		leave_out(r, "a cache (CACHEDIR.TAG)");
	if (sys)
		return trouble(r, sys, "looking at", e);
	return cache ? 0 : enter_folder(r, name, fd, &st, e);
}

/* ---- the walk ---- */

static int entry(struct run *r, const char *name, struct error *e)
{
	const struct backup_options *o = r->b->options;
	struct stat st;
	if (fstatat(files_walk_dir(&r->walk), name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return trouble(r, errno, "looking at", e);
	bool folder = S_ISDIR(st.st_mode);
	const char *pattern = files_left_out(o, path_now(r), folder);
	if (folder && r->walk.n == 1 && draft_is(name, ""))
		pattern = "a restore's draft";
	if (!pattern && !folder && !files_included(o, path_now(r), false))
		pattern = "not included";
	if (pattern) {
		leave_out(r, pattern);
		return 0;
	}
	if (folder)
		return folder_entry(r, name, &st, e);
	int err = enter_waiting(r, e);
	if (!err)
		err = S_ISREG(st.st_mode) ? file_entry(r, name, &st, e) : special_entry(r, name, &st, e);
	progress_items(r->b->progress, 1);
	return err;
}

static int walk(struct run *r, struct error *e)
{
	int err = 0;
	while (!err && r->walk.n > 0) {
		err = progress_check(r->b->progress, e);
		const char *name = err ? NULL : files_walk_next(&r->walk);
		if (name)
			err = entry(r, name, e);
		else if (!err)
			err = leave_folder(r, e);
	}
	return err;
}

static int single_file(struct run *r, int fd, const struct stat *st, struct error *e)
{
	bool reused;
	int err = reuse(r, r->b->name, st, &reused, e);
	if (!err && !reused)
		err = store_file(r, r->b->name, fd, st, e);
	if (!err && r->out->skipped > 0)
		err = error_set(e, ERR_IO, "%s could not be read", r->b->url->path);
	progress_items(r->b->progress, 1);
	return err;
}

int files_backup(const struct engine_backup *b, struct manifest_source *out, struct error *e)
{
	CLEANUP(run_release) struct run r = {.b = b, .sink = b->sink, .out = out};
	/* What was named itself may be a link. */
	CLEANUP(fs_close) int fd = open(b->url->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) != 0)
		return error_sys(e, errno, "opening %s", b->url->path);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return error_set(e, ERR_MISMATCH, "%s is neither a folder nor a file", b->url->path);
	progress_phase(b->progress, "reading", "files", 0, 0);
	r.dev = st.st_dev;
	int err;
	if (S_ISREG(st.st_mode)) {
		err = single_file(&r, fd, &st, e);
	} else {
		int top = fd;
		fd = -1;
		err = enter_folder(&r, b->name, top, &st, e);
		if (!err)
			err = walk(&r, e);
	}
	files_tally_save(&r.tally, out);
	return err;
}
