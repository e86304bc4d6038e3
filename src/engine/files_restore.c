/* Stored folders and files back onto the disk: where to, and in which order. */
#include "engine/files_restore.h"

#include "base/fs.h"
#include "base/human.h"
#include "base/mem.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void release(struct files_restoring *r)
{
	files_grow_release(r);
	fs_close(&r->target_fd);
	draft_release(&r->scratch);
	free(r->target);
	free(r->parent);
	pthread_mutex_destroy(&r->lock);
}

static int check_kind(const struct files_restoring *r, const struct stat *st, struct error *e)
{
	bool folder = r->plan.top == NODE_DIR;
	if (folder ? S_ISDIR(st->st_mode) : S_ISREG(st->st_mode))
		return 0;
	return error_set(e, ERR_MISMATCH, "%s is %s, but the backup holds a %s", r->target,
		S_ISDIR(st->st_mode) ? "a folder" : "no folder", folder ? "folder" : "file");
}

/* What the target is; the path that was named may be a link to it. */
static int find_target(struct files_restoring *r, struct error *e)
{
	const char *path = r->r->target->path;
	struct stat st;
	if (!path)
		return error_set(e, ERR_USAGE, "%s is no place for files", r->r->target->shown);
	r->exists = lstat(path, &st) == 0;
	if (!r->exists && errno != ENOENT)
		return error_sys(e, errno, "looking at %s", path);
	r->target = r->exists ? realpath(path, NULL) : mem_string(path);
	if (!r->target || (r->exists && stat(r->target, &st) != 0))
		return error_sys(e, errno, "following the link %s", path);
	r->parent = path_dir(r->target);
	if (r->exists)
		return check_kind(r, &st, e);
	int err = fs_make_dirs(r->parent, 0755, e);
	return err ? error_wrap(e, "making the place for %s", path) : 0;
}

/* Whether all of a target is to be replaced, and how: at once, or, when it is a mount point or its surroundings are not
 * ours, all that is in it. */
static int choose_way(struct files_restoring *r, struct error *e)
{
	bool all = r->plan.paths == 0 && r->r->mode == RESTORE_OVERWRITE;
	r->whole = !r->exists;
	if (r->whole || !all)
		return 0;
	if (strcmp(r->target, "/") == 0)
		return error_set(e, ERR_REFUSED, "the whole machine (/) is not replaced");
	AUTO_FREE char *mount = files_mount_within(r->target);
	bool movable = !(mount && strcmp(mount, r->target) == 0) && fs_is_writable_dir(r->parent);
	r->whole = movable || r->plan.top != NODE_DIR;
	r->children = !r->whole;
	return 0;
}

static int make_scratch(struct files_restoring *r, struct error *e)
{
	if (r->whole)
		return draft_make(r->parent, path_base(r->target), &r->scratch, e);
	r->target_fd = open(r->target, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (r->target_fd < 0)
		return error_sys(e, errno, "opening %s", r->target);
	return draft_make(r->target, "", &r->scratch, e);
}

/* The plan against the manifest: with all of the source, their counts are one. */
static int make_plan(struct files_restoring *r, struct error *e)
{
	const struct engine_restore *x = r->r;
	progress_phase(x->progress, "looking", "files", 0, 0);
	int err = files_plan(x->from, x->paths, x->progress, &r->plan, e);
	if (!err && r->plan.paths == 0)
		err = files_tally_check(&r->plan.tally, x->from->manifest, e);
	return err;
}

static uint64_t left_out(const struct manifest_source *s)
{
	for (size_t i = 0; i < s->object_count; i++)
		if (strcmp(s->objects[i].type, "excluded") == 0)
			return s->objects[i].count;
	return 0;
}

static void tell(const struct files_restoring *r)
{
	struct strlist *notes = &r->out->notes;
	char number[HUMAN_MAX];
	uint64_t n = left_out(r->r->from->manifest);
	files_refused_tell(&r->refused, notes);
	if (r->existing > 0)
		strlist_addf(notes, "%s %s left as found", human_count(r->existing, number),
			r->existing == 1 ? "entry exists already and was" : "entries exist already and were");
	if (n > 0 && r->exists && (r->whole || r->children))
		strlist_addf(notes, "%s %s the backup had left out (logs, caches, excludes) %s not there any more",
			human_count(n, number), n == 1 ? "entry" : "entries", n == 1 ? "is" : "are");
}

static void clear_scratch(struct files_restoring *r)
{
	struct error why = {0};
	AUTO_FREE char *path = mem_string(r->scratch.path);
	if (draft_remove(&r->scratch, &why))
		strlist_addf(&r->out->notes, "what was replaced could not be removed and is in %s: %s", path, why.text);
}

/* Grow, ask, place. */
static int carry_out(struct files_restoring *r, struct error *e)
{
	struct progress *p = r->r->progress;
	int err = make_scratch(r, e);
	if (err)
		return err;
	progress_phase(p, "restoring", "files", r->plan.tally.bytes, r->plan.tally.n[FILES_FILE]);
	err = files_grow(r, e);
	if (err)
		return err;
	progress_phase(p, "putting in place", NULL, 0, 0);
	if (r->exists && r->piece_n > 0 && r->r->before_swap)
		err = r->r->before_swap(r->r->ctx, e);
	if (!err)
		err = files_place(r, e);
	if (err)
		return err;
	clear_scratch(r);
	tell(r);
	return 0;
}

int files_restore(const struct engine_restore *x, struct restore_result *out, struct error *e)
{
	*out = (struct restore_result){0};
	CLEANUP(release) struct files_restoring r = {.r = x, .out = out, .target_fd = -1, .scratch = DRAFT_NONE};
	pthread_mutex_init(&r.lock, NULL);
	int err = make_plan(&r, e);
	if (!err)
		err = find_target(&r, e);
	if (!err)
		err = choose_way(&r, e);
	if (err)
		return err;
	out->replaced = r.exists;
	if (r.plan.top != NODE_DIR && !r.whole) {
		r.existing = 1;
		tell(&r);
		return 0;
	}
	return carry_out(&r, e);
}
