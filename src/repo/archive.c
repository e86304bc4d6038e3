#include "repo/archive_parts.h"

#include "base/mem.h"
#include "base/timefmt.h"

#include <stdlib.h>

#define THREADS_MAX 16

int archive_begin(struct repo *r, const struct archive_options *o, struct archive **out, struct error *e)
{
	struct archive *a = mem_zero(sizeof *a);
	int level = o->level < 0 ? BLOB_LEVEL_DEFAULT : o->level;
	bool compressed = r->config.version >= 2;

	a->repo = r;
	a->progress = o->progress;
	a->begun = time_now();
	a->threads = o->threads > 0 ? o->threads : pool_cpus(THREADS_MAX);
	a->level = compressed ? level : BLOB_LEVEL_OFF;
	a->tree_level = !compressed ? BLOB_LEVEL_OFF : level > 0 ? level : BLOB_LEVEL_DEFAULT;
	a->packer = packer_new(r);
	a->codec = blob_codec_new(&r->key);
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->room, NULL);
	archive_tree_init(a);
	archive_pipeline_start(a);
	if (archive_folder_enter(a, &(struct node){0}, o->previous_tree, e)) {
		archive_abort(a);
		return -e->kind;
	}
	*out = a;
	return 0;
}

struct tree_sink *archive_tree(struct archive *a)
{
	return &a->sink;
}

int archive_going(struct archive *a, struct error *e)
{
	if (!atomic_load(&a->broken))
		return progress_check(a->progress, e);
	pthread_mutex_lock(&a->lock);
	*e = a->why;
	pthread_mutex_unlock(&a->lock);
	return -e->kind;
}

void archive_break(struct archive *a, const struct error *e)
{
	pthread_mutex_lock(&a->lock);
	if (!atomic_load(&a->broken)) {
		a->why = *e;
		atomic_store(&a->broken, true);
	}
	pthread_mutex_unlock(&a->lock);
}

int archive_add_file(struct archive *a, const struct node *n, const void *p, size_t len, struct error *e)
{
	struct file_sink *f;

	if (a->sink.file(&a->sink, false, &f, e))
		return -e->kind;
	if (f->write(f, p, len, e)) {
		f->abort(f);
		return -e->kind;
	}
	return f->close(f, n, NULL, e);
}

static void summarise(const struct archive_stats *t, struct timespec begun, struct snapshot_summary *s)
{
	*s = (struct snapshot_summary){
		.present = true,
		.backup_start = begun,
		.backup_end = time_now(),
		.files_new = t->files_new,
		.files_changed = t->files_changed,
		.files_unmodified = t->files_unmodified,
		.dirs_new = t->dirs_new,
		.dirs_changed = t->dirs_changed,
		.dirs_unmodified = t->dirs_unmodified,
		.data_blobs = t->stored.blobs[BLOB_DATA],
		.tree_blobs = t->stored.blobs[BLOB_TREE],
		.data_added = t->stored.plain[BLOB_DATA] + t->stored.plain[BLOB_TREE],
		.data_added_packed = t->stored.stored[BLOB_DATA] + t->stored.stored[BLOB_TREE],
		.total_files_processed = t->files_total,
		.total_bytes_processed = t->bytes_total,
	};
}

static int finish(struct archive *a, struct snapshot *s, struct error *e)
{
	if (archive_going(a, e))
		return -e->kind;
	if (a->current->parent || a->open_files)
		return error_set(e, ERR_INTERNAL, "the backup was finished with an open file or folder");
	archive_folder_leave(a);
	archive_pipeline_drain(a);
	if (archive_going(a, e) || packer_flush(a->packer, e))
		return -e->kind;
	if (!a->root_stored)
		return error_set(e, ERR_INTERNAL, "the backup has no root folder");
	packer_stats(a->packer, &a->stats.stored);
	a->stats.bytes_read = a->bytes_read;
	s->tree = a->root;
	summarise(&a->stats, a->begun, &s->summary);
	return snapshot_save(a->repo, s, e);
}

int archive_finish(struct archive *a, struct snapshot *s, struct archive_stats *stats, struct error *e)
{
	int r = finish(a, s, e);

	if (r == 0 && stats)
		*stats = a->stats;
	archive_abort(a);
	return r;
}

void archive_abort(struct archive *a)
{
	if (!a)
		return;
	archive_break(a, &(struct error){.kind = ERR_CANCELLED});
	while (a->open_files)
		archive_file_abort(a->open_files);
	archive_pipeline_stop(a);
	archive_folder_release(a);
	packer_free(a->packer);
	blob_codec_free(a->codec);
	pthread_cond_destroy(&a->room);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
