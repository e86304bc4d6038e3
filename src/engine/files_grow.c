#include "engine/files_restore.h"

#include "base/draft.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/timefmt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INDEX_MAX 24

/* One stored entry on its way to the disk. */
struct entry {
	const struct node *node;
	const char *path;        /* relative to the source */
	bool chosen;
};

/* Where an entry goes: a new name in an open folder. */
struct spot {
	int dir;
	const char *name;
	char index[INDEX_MAX];   /* the name, when it is a piece's own */
};

/* The first name of a file with several. */
struct first_name {
	char *path;              /* in the scratch folder */
	uint64_t size;
	struct timespec mtime;
};

static void free_first_name(void *p)
{
	struct first_name *f = p;
	free(f->path);
	free(f);
}

void files_grow_release(struct files_restoring *r)
{
	files_chosen_close(&r->chosen);
	files_walk_release(&r->in_target);
	files_walk_release(&r->in_piece);
	for (size_t i = 0; i < r->piece_n; i++)
		free(r->pieces[i].path);
	free(r->pieces);
	map_free(r->links, free_first_name);
	node_release(&r->top);
}

int files_piece_add(struct files_restoring *r, const char *path, bool replaces, struct error *e)
{
	AUTO_FREE char *place = path[0] ? path_join(r->target, path) : mem_string(r->target);
	AUTO_FREE char *mount = replaces ? files_mount_within(place) : NULL;
	if (mount) {
		error_set(e, ERR_REFUSED, "%s is a mount point, and what is there would be replaced", mount);
		return error_hint(e, "unmount it, or restore to another place");
	}
	GROW(r->pieces, r->piece_n, r->piece_cap);
	r->pieces[r->piece_n++] = (struct files_piece){.path = mem_string(path), .replaces = replaces};
	return 0;
}

/* ---- files ---- */

struct filling {
	struct files_restoring *r;
	struct node node;
};

static void filling_free(struct filling *f)
{
	node_release(&f->node);
	free(f);
}

static void fail_size(struct filling *f, const struct stat *st)
{
	struct files_restoring *r = f->r;
	pthread_mutex_lock(&r->lock);
	if (r->failed.kind == ERR_NONE)
		error_set(&r->failed, ERR_VERIFY, "\"%s\" has %lld bytes where %llu were expected", f->node.name,
			(long long)st->st_size, (unsigned long long)f->node.size);
	pthread_mutex_unlock(&r->lock);
}

/* On a thread of the tree source: the file has its content, or has failed, which wait() tells. */
static void filled(void *ctx, int fd, int result, const struct error *why)
{
	struct filling *f = ctx;
	struct stat st = {0};
	if (result == 0 && (fstat(fd, &st) != 0 || (uint64_t)st.st_size != f->node.size)) {
		fail_size(f, &st);
	} else if (result == 0) {
		files_dress(fd, &f->node, &f->r->refused);
		progress_bytes(f->r->r->progress, f->node.size);
		progress_items(f->r->r->progress, 1);
	}
	filling_free(f);
}

static int fetch(struct files_restoring *r, const struct spot *to, const struct entry *x, struct error *e)
{
	int fd = files_make_file(to->dir, to->name);
	if (fd < 0)
		return error_sys(e, errno, "making %s", x->path);
	struct filling *f = mem_zero(sizeof *f);
	f->r = r;
	node_copy(&f->node, x->node);
	int err = r->chosen.tree->fetch(r->chosen.tree, fd, true, filled, f, e);
	if (err)
		filling_free(f);
	return err;
}

/* Where an entry of the piece at hand lies in the scratch folder. */
static char *scratch_path(const struct files_restoring *r, const char *path)
{
	size_t i = r->piece_n - 1;
	const char *rest = path + strlen(r->pieces[i].path);
	rest += *rest == '/';
	return mem_printf("%zu%s%s", i, rest[0] ? "/" : "", rest);
}

/* Link the file to one that was restored from the same one. It may have changed while they were backed up. */
static bool link_to(struct files_restoring *r, const struct first_name *first, const struct spot *to,
	const struct node *n)
{
	if (first->size != n->size || time_cmp(first->mtime, n->mtime) != 0)
		return false;
	return linkat(r->scratch.fd, first->path, to->dir, to->name, 0) == 0;
}

static int grow_file(struct files_restoring *r, const struct spot *to, const struct entry *x, struct error *e)
{
	const struct node *n = x->node;
	const uint64_t key[2] = {n->dev_id, n->inode};
	r->out->files++;
	r->out->bytes += n->size;
	if (n->links < 2)
		return fetch(r, to, x, e);
	if (!r->links)
		r->links = map_new();
	const struct first_name *first = map_get(r->links, key, sizeof key);
	if (first && link_to(r, first, to, n)) {
		progress_items(r->r->progress, 1);
		return 0;
	}
	if (first) {
		r->refused.links++;
	} else {
		struct first_name *own = mem_alloc(sizeof *own);
		*own = (struct first_name){.path = scratch_path(r, x->path), .size = n->size, .mtime = n->mtime};
		map_put(r->links, key, sizeof key, own);
	}
	return fetch(r, to, x, e);
}

/* ---- folders ---- */

static int grow_folder(struct files_restoring *r, const struct spot *to, const struct entry *x, struct error *e)
{
	int fd = files_make_folder(to->dir, to->name);
	if (fd < 0)
		return error_sys(e, errno, "making %s", x->path);
	int sys = files_walk_push(&r->in_piece, fd, to->name);
	if (sys)
		return error_sys(e, sys, "entering %s", x->path);
	r->out->folders++;
	return 0;
}

static int grow(struct files_restoring *r, const struct spot *to, const struct entry *x, struct error *e)
{
	if (x->node->type == NODE_DIR)
		return grow_folder(r, to, x, e);
	if (x->node->type == NODE_FILE)
		return grow_file(r, to, x, e);
	return files_make_special(to->dir, to->name, x->node, &r->refused, e);
}

static int begin_piece(struct files_restoring *r, const struct entry *x, bool replaces, struct error *e)
{
	struct spot to = {.dir = r->scratch.fd, .name = to.index};
	snprintf(to.index, sizeof to.index, "%zu", r->piece_n);
	int err = files_piece_add(r, x->path, replaces, e);
	return err ? err : grow(r, &to, x, e);
}

/* Its metadata last, when all is in it. To be moved, a folder must be writable. */
static int leave_piece_folder(struct files_restoring *r, const struct entry *x, struct error *e)
{
	CLEANUP(fs_close) int fd = -1;
	int sys = files_walk_pop(&r->in_piece, &fd);
	if (sys)
		return error_sys(e, sys, "coming back from %s", x->path);
	struct node n = *x->node;
	struct files_piece *piece = &r->pieces[r->piece_n - 1];
	if (r->in_piece.n == 0 && !(n.mode & S_IWUSR)) {
		piece->held = true;
		piece->mode = n.mode;
		n.mode |= S_IWUSR;
	}
	files_dress(fd, &n, &r->refused);
	return 0;
}

/* ---- what is there already ---- */

/* Go into a folder that is there. */
static int descend(struct files_restoring *r, const struct entry *x, struct error *e)
{
	bool top = r->in_target.n == 0;
	int fd = top ? openat(r->target_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
	             : files_open_folder(files_walk_dir(&r->in_target), x->node->name);
	if (fd < 0)
		return error_sys(e, errno, "opening %s in the target", top ? r->target : x->path);
	int sys = files_walk_push(&r->in_target, fd, x->node->name);
	return sys ? error_sys(e, sys, "entering %s in the target", x->path) : 0;
}

/* Leave what is there alone, all below it included. */
static int pass_over(struct files_restoring *r, const struct entry *x, struct error *e)
{
	if (!x->chosen && x->node->type == NODE_DIR)
		return error_set(e, ERR_REFUSED, "%s in the target is not a folder: nothing can be restored below it",
			x->path);
	r->existing += x->chosen;
	if (x->node->type != NODE_DIR)
		return 0;
	r->partly_seen = true;
	return r->chosen.tree->skip(r->chosen.tree, e);
}

/* An entry outside of any piece. */
static int settle(struct files_restoring *r, const struct entry *x, struct error *e)
{
	struct stat st;
	if (x->path[0] == '\0' && r->whole)
		return begin_piece(r, x, r->exists, e);
	if (x->path[0] == '\0') {
		node_copy(&r->top, x->node);
		return descend(r, x, e);
	}
	bool there = fstatat(files_walk_dir(&r->in_target), x->node->name, &st, AT_SYMLINK_NOFOLLOW) == 0;
	if (!there && errno != ENOENT)
		return error_sys(e, errno, "looking at %s in the target", x->path);
	bool folder = x->node->type == NODE_DIR;
	if (x->chosen && (!there || r->r->mode == RESTORE_OVERWRITE))
		return begin_piece(r, x, there, e);
	if (!there)
		return folder ? begin_piece(r, x, false, e) : 0;
	return folder && S_ISDIR(st.st_mode) ? descend(r, x, e) : pass_over(r, x, e);
}

static int enter(struct files_restoring *r, const struct entry *x, struct error *e)
{
	if (!x->chosen && x->node->type != NODE_DIR)
		return 0;
	files_tally_add(&r->seen, x->node);
	if (r->in_piece.n == 0)
		return settle(r, x, e);
	struct spot to = {.dir = files_walk_dir(&r->in_piece), .name = x->node->name};
	return grow(r, &to, x, e);
}

static int leave(struct files_restoring *r, const struct entry *x, struct error *e)
{
	if (r->in_piece.n > 0)
		return leave_piece_folder(r, x, e);
	CLEANUP(fs_close) int fd = -1;
	int sys = files_walk_pop(&r->in_target, &fd);
	return sys ? error_sys(e, sys, "coming back from %s in the target", x->path) : 0;
}

/* ---- all of it ---- */

/* In a target that cannot be moved: what is not in the backup goes. */
static int add_removals(struct files_restoring *r, struct error *e)
{
	CLEANUP(strlist_release) struct strlist names = {0};
	size_t grown = r->piece_n;
	if (fs_list_fd(r->target_fd, &names) != 0)
		return error_sys(e, errno, "listing %s", r->target);
	for (size_t i = 0; i < names.n; i++) {
		/* The file system's own, and backups leave it out. */
		bool kept = draft_is(names.v[i], "") || strcmp(names.v[i], "lost+found") == 0;
		for (size_t k = 0; k < grown && !kept; k++)
			kept = strcmp(names.v[i], r->pieces[k].path) == 0;
		int err = kept ? 0 : files_piece_add(r, names.v[i], true, e);
		if (err)
			return err;
		if (!kept)
			r->pieces[r->piece_n - 1].removal = true;
	}
	return 0;
}

static int read_all(struct files_restoring *r, struct error *e)
{
	for (;;) {
		enum tree_event event;
		struct entry x;
		int err = progress_check(r->r->progress, e);
		if (!err)
			err = files_chosen_next(&r->chosen, &event, &x.node, &x.path, &x.chosen, e);
		if (err || event == TREE_END)
			return err;
		err = event == TREE_LEAVE ? leave(r, &x, e) : enter(r, &x, e);
		if (err)
			return err;
	}
}

int files_grow(struct files_restoring *r, struct error *e)
{
	int err = files_chosen_open(r->r->from, r->r->paths, &r->chosen, e);
	if (!err)
		err = read_all(r, e);
	if (!err)
		err = r->chosen.tree->wait(r->chosen.tree, e);
	/* Whoever fills files is done after this. */
	files_chosen_close(&r->chosen);
	if (!err && r->failed.kind != ERR_NONE) {
		*e = r->failed;
		err = -(int)e->kind;
	}
	if (!err && !r->partly_seen)
		err = files_tally_compare(&r->seen, &r->plan.tally, e);
	if (!err && r->children)
		err = add_removals(r, e);
	return err;
}
