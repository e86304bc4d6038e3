#include "repo/archive_parts.h"

#include "base/mem.h"

#include <stdlib.h>

#define STEP ((size_t)128 << 10)       /* scanned, then copied while it is still in the cache */
#define BLOCKS_MAX ((uint64_t)1 << 26) /* a tree with more ids could not be stored anyway */

static struct archive_file *self(struct file_sink *s)
{
	return (struct archive_file *)s;
}

/* What every call that brings bytes begins with. */
static int accept_bytes(struct archive_file *f, size_t n, struct error *e)
{
	if (archive_going(f->archive, e))
		return -e->kind;
	f->archive->bytes_read += n;
	progress_bytes(f->archive->progress, n);
	return 0;
}

/* The piece begun becomes the next blob of a streamed file. */
static void end_chunk(struct archive_file *f)
{
	struct archive *a = f->archive;
	static const struct id unknown;

	pthread_mutex_lock(&a->lock);
	uint64_t index = f->content.n;

	id_list_add(&f->content, &unknown);
	pthread_mutex_unlock(&a->lock);
	f->scan = (struct chunker_scan){0};
	archive_pipeline_piece(f, index, 0);
}

static void cut_up(struct archive_file *f, const unsigned char *p, size_t n)
{
	while (n > 0) {
		size_t step = n < STEP ? n : STEP;
		size_t end = chunker_scan(&f->archive->repo->chunker, &f->scan, p, step);

		if (end)
			step = end;
		archive_pipeline_append(f, p, step);
		if (end)
			end_chunk(f);
		p += step;
		n -= step;
	}
}

static int file_write(struct file_sink *s, const void *p, size_t n, struct error *e)
{
	struct archive_file *f = self(s);

	if (f->block || f->prepended)
		return error_set(e, ERR_INTERNAL, "write() after %s", f->block ? "put()" : "prepend()");
	if (accept_bytes(f, n, e))
		return -e->kind;
	f->streamed = true;
	f->size += n;
	if (f->digest && EVP_DigestUpdate(f->digest, p, n) != 1)
		return error_set(e, ERR_INTERNAL, "cannot compute a SHA-256");
	cut_up(f, p, n);
	return 0;
}

static bool piece_begun(const struct archive_file *f)
{
	return f->batch && f->batch->len > f->start;
}

static int file_cut(struct file_sink *s, struct error *e)
{
	struct archive_file *f = self(s);

	if (f->block || f->prepended)
		return error_set(e, ERR_INTERNAL, "cut() after %s", f->block ? "put()" : "prepend()");
	if (archive_going(f->archive, e))
		return -e->kind;
	f->streamed = true;
	if (piece_begun(f))
		end_chunk(f);
	return 0;
}

static int file_prepend(struct file_sink *s, const void *p, size_t n, struct error *e)
{
	struct archive_file *f = self(s);

	if (f->digest)
		return error_set(e, ERR_INTERNAL, "prepend() to a hashed file");
	if (file_cut(s, e) || accept_bytes(f, n, e))
		return -e->kind;
	f->prepended = true;
	f->head = f->content.n; /* only this thread lengthens it */
	f->size += n;
	cut_up(f, p, n);
	if (piece_begun(f))
		end_chunk(f);
	return 0;
}

/* What was prepended comes last in `content`, in its order; put it first. */
static void move_head(struct id_list *content, size_t head)
{
	struct id_list moved = {0};

	for (size_t i = 0; i < content->n; i++)
		id_list_add(&moved, &content->v[(head + i) % content->n]);
	id_list_release(content);
	*content = moved;
}

/* Make room for block number `index`. With the lock held. */
static void grow_blocks(struct archive_file *f, uint64_t index)
{
	static const struct id unknown;

	while (f->content.n <= index) {
		GROW(f->block, f->content.n, f->blocks_cap);
		f->block[f->content.n] = (struct block){0};
		id_list_add(&f->content, &unknown);
	}
}

static int file_put(struct file_sink *s, uint64_t index, const void *p, size_t n, struct error *e)
{
	struct archive_file *f = self(s);
	struct archive *a = f->archive;

	if (f->streamed || f->digest)
		return error_set(e, ERR_INTERNAL, "put() into a streamed or hashed file");
	if (n == 0 || n > CHUNK_MAX)
		return error_set(e, ERR_INTERNAL, "put() of %zu bytes", n);
	if (index >= BLOCKS_MAX)
		return error_set(e, ERR_LIMIT, "a file of more than %llu blocks", (unsigned long long)BLOCKS_MAX);
	if (accept_bytes(f, n, e))
		return -e->kind;
	f->turns++;
	pthread_mutex_lock(&a->lock);
	grow_blocks(f, index);
	f->block[index] = (struct block){.turn = f->turns, .len = n};
	pthread_mutex_unlock(&a->lock);
	archive_pipeline_append(f, p, n);
	archive_pipeline_piece(f, index, f->turns);
	return 0;
}

static int file_truncate(struct file_sink *s, uint64_t index, struct error *e)
{
	struct archive_file *f = self(s);

	if (f->streamed)
		return error_set(e, ERR_INTERNAL, "truncate() of a streamed file");
	if (archive_going(f->archive, e))
		return -e->kind;
	pthread_mutex_lock(&f->archive->lock);
	if (index < f->content.n)
		f->content.n = index;
	pthread_mutex_unlock(&f->archive->lock);
	return 0;
}

/* All blocks are there and as long as they must be; the size is their sum. */
static int check_blocks(struct archive_file *f, struct error *e)
{
	size_t n = f->content.n;

	f->size = 0;
	for (size_t i = 0; i < n; i++) {
		if (f->block[i].turn == 0)
			return error_set(e, ERR_INTERNAL, "block %zu of %zu was not stored", i, n);
		if (i + 1 < n ? f->block[i].len != f->block[0].len : f->block[i].len > f->block[0].len)
			return error_set(e, ERR_INTERNAL, "block %zu of %zu has a length of its own", i, n);
		f->size += f->block[i].len;
	}
	return 0;
}

static int check_whole(struct archive_file *f, const struct node *node, struct error *e)
{
	if (archive_going(f->archive, e) || archive_tree_check_name(node, e))
		return -e->kind;
	if (node->type != NODE_FILE)
		return error_set(e, ERR_INTERNAL, "\"%s\" is closed as a %s", node->name, node_type_name(node->type));
	return f->block ? check_blocks(f, e) : 0;
}

static void unlink_open(struct archive_file *f)
{
	if (f->prev)
		f->prev->next = f->next;
	else
		f->archive->open_files = f->next;
	if (f->next)
		f->next->prev = f->prev;
}

static void file_free(struct archive_file *f)
{
	EVP_MD_CTX_free(f->digest);
	id_list_release(&f->content);
	node_release(&f->meta);
	free(f->block);
	free(f);
}

/* The last piece is known and nobody writes any more: into its folder, unless it was given up. With the lock held. */
static void settle(struct archive *a, struct archive_file *f)
{
	struct archive_folder *d = f->folder;

	if (f->closed) {
		struct tree_node entry = {.meta = f->meta};

		if (f->prepended && f->content.n)
			move_head(&f->content, f->head);
		archive_tree_copy_content(&entry.content, &f->content);
		f->meta = (struct node){0};
		archive_folder_add(d, &entry);
	}
	file_free(f);
	archive_folder_unref(a, d);
}

void archive_file_deliver(struct archive *a, const struct piece *p)
{
	struct archive_file *f = p->file;

	if (p->index < f->content.n && (!f->block || f->block[p->index].turn == p->turn))
		f->content.v[p->index] = p->id;
	if (--f->pending == 0 && (f->closed || f->aborted))
		settle(a, f);
}

/* The caller is done with it, one way or the other. */
static void let_go(struct archive_file *f, bool whole)
{
	struct archive *a = f->archive;

	archive_pipeline_detach(f);
	unlink_open(f);
	pthread_mutex_lock(&a->lock);
	f->closed = whole;
	f->aborted = !whole;
	if (f->pending == 0)
		settle(a, f);
	pthread_mutex_unlock(&a->lock);
	archive_pipeline_nudge(a);
}

void archive_file_abort(struct archive_file *f)
{
	archive_pipeline_discard(f);
	let_go(f, false);
}

static void file_abort(struct file_sink *s)
{
	archive_file_abort(self(s));
}

static int file_close(struct file_sink *s, const struct node *node, uint8_t *sha256, struct error *e)
{
	struct archive_file *f = self(s);

	if (check_whole(f, node, e)) {
		archive_file_abort(f);
		return -e->kind;
	}
	if (f->digest && sha256 && EVP_DigestFinal_ex(f->digest, sha256, NULL) != 1)
		abort();
	if (piece_begun(f))
		end_chunk(f);
	node_copy(&f->meta, node);
	f->meta.size = f->size;
	let_go(f, true);
	return 0;
}

struct file_sink *archive_file_open(struct archive *a, bool hashed)
{
	struct archive_file *f = mem_zero(sizeof *f);

	f->sink = (struct file_sink){.write = file_write,
				     .cut = file_cut,
				     .prepend = file_prepend,
				     .put = file_put,
				     .truncate = file_truncate,
				     .close = file_close,
				     .abort = file_abort};
	f->archive = a;
	f->folder = a->current;
	if (hashed && (!(f->digest = EVP_MD_CTX_new()) || EVP_DigestInit_ex(f->digest, EVP_sha256(), NULL) != 1))
		abort();
	f->next = a->open_files;
	if (f->next)
		f->next->prev = f;
	a->open_files = f;
	pthread_mutex_lock(&a->lock);
	f->folder->pending++;
	pthread_mutex_unlock(&a->lock);
	return &f->sink;
}
