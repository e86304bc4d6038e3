#include "engine/files_restore.h"

#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A piece's names: where it grew, where it goes, and where what it replaces is put for a moment. */
struct move {
	int dir;                 /* the folder it goes to */
	char *name;              /* in it */
	char grown[24], aside[32];
};

static void move_release(struct move *m)
{
	fs_close(&m->dir);
	mem_free_ptr(&m->name);
}

/* The folder that holds `path`, reached from the target through folders only. -1 with errno. */
static int open_above(const struct files_restoring *r, const char *path)
{
	AUTO_FREE char *above = path_dir(path);
	int fd = openat(r->target_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (strcmp(above, ".") == 0)
		return fd;
	for (char *p = above; p && fd >= 0;) {
		char *slash = strchr(p, '/');
		if (slash)
			*slash = '\0';
		int next = files_open_folder(fd, p);
		fs_close(&fd);
		fd = next;
		p = slash ? slash + 1 : NULL;
	}
	return fd;
}

static int move_init(const struct files_restoring *r, size_t i, struct move *m)
{
	const struct files_piece *piece = &r->pieces[i];
	bool target = piece->path[0] == '\0';
	m->dir = target ? open(r->parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : open_above(r, piece->path);
	m->name = mem_string(path_base(target ? r->target : piece->path));
	snprintf(m->grown, sizeof m->grown, "%zu", i);
	snprintf(m->aside, sizeof m->aside, "old-%zu", i);
	return m->dir < 0 ? errno : 0;
}

/* 0 or an errno. What is there may have come or gone since the piece grew. */
static int put(struct files_restoring *r, struct files_piece *piece, const struct move *m)
{
	if (piece->removal) {
		int err = files_move(m->dir, m->name, r->scratch.fd, m->grown);
		piece->placed = err == 0;
		return err == ENOENT ? 0 : err;
	}
	int err = piece->replaces ? files_exchange(r->scratch.fd, m->grown, m->dir, m->name, m->aside) : EEXIST;
	if (!piece->replaces || err == ENOENT) {
		err = files_move(r->scratch.fd, m->grown, m->dir, m->name);
		piece->replaces = err == EEXIST;
		if (err == EEXIST && r->r->mode == RESTORE_OVERWRITE)
			err = files_exchange(r->scratch.fd, m->grown, m->dir, m->name, m->aside);
	}
	bool came = err == EEXIST;
	piece->placed = err == 0;
	r->existing += came;
	return came ? 0 : err;
}

static int take_back(struct files_restoring *r, const struct files_piece *piece, const struct move *m)
{
	if (piece->removal)
		return files_move(r->scratch.fd, m->grown, m->dir, m->name);
	if (piece->replaces)
		return files_exchange(r->scratch.fd, m->grown, m->dir, m->name, m->aside);
	return files_move(m->dir, m->name, r->scratch.fd, m->grown);
}

static void undo(struct files_restoring *r, size_t n, struct error *e)
{
	while (n-- > 0) {
		CLEANUP(move_release) struct move m = {.dir = -1};
		struct files_piece *piece = &r->pieces[n];
		int err = piece->placed ? move_init(r, n, &m) : 0;
		if (piece->placed && !err)
			err = take_back(r, piece, &m);
		if (err)
			error_wrap(e, "\"%s\" could not be put back (%s)", piece->path, strerrordesc_np(err));
		piece->placed = err != 0;
	}
}

static int place_one(struct files_restoring *r, size_t i, struct error *e)
{
	CLEANUP(move_release) struct move m = {.dir = -1};
	struct files_piece *piece = &r->pieces[i];
	int err = move_init(r, i, &m);
	if (!err)
		err = put(r, piece, &m);
	if (err)
		return error_sys(e, err, "putting %s%s%s in its place", r->target, piece->path[0] ? "/" : "",
			piece->path);
	if (piece->held && piece->placed)
		(void)!fchmodat(m.dir, m.name, piece->mode, AT_SYMLINK_NOFOLLOW);
	return 0;
}

int files_place(struct files_restoring *r, struct error *e)
{
	/* Before anything changes its place, all of it is on the disk. */
	if (syncfs(r->scratch.fd) != 0)
		return error_sys(e, errno, "writing what was restored to the disk");
	for (size_t i = 0; i < r->piece_n; i++) {
		int err = place_one(r, i, e);
		if (err) {
			undo(r, i, e);
			return -(int)e->kind;
		}
	}
	if (r->children)
		files_dress(r->target_fd, &r->top, &r->refused);
	if (r->whole)
		return fs_sync_dir(r->parent, e);
	return syncfs(r->scratch.fd) != 0 ? error_sys(e, errno, "writing the new names to the disk") : 0;
}
