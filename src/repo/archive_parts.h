/* What the parts of the archive share; nobody else includes this.
 *
 *   archive_file.c      cuts what is written into pieces of a batch            (the caller's thread)
 *   archive_pipeline.c  batches under way, and the way of a blob into a pack   (the workers)
 *   archive_folder.c    folders, whose trees are stored when all they hold is known
 *   archive_tree.c      the sink that engines see
 *
 * A batch is a buffer of pieces: one chunk of a large file, or many small files or blocks of a database, so that a
 * small file costs no switch of threads, and that they are hashed side by side (base/digest_many.h). The file being
 * written owns the batch its next bytes go to; a batch nobody owns and that is not full yet is the archive's `spare`,
 * which the next file goes on filling. */
#ifndef REPO_ARCHIVE_PARTS_H
#define REPO_ARCHIVE_PARTS_H

#include "base/digest_many.h"
#include "base/thread.h"
#include "repo/archive.h"
#include "repo/tree.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdatomic.h>

/* A batch goes to the workers with so many bytes in whole pieces, and pieces enough to be hashed side by side; with
 * more bytes, or a piece so long that it would be hashed alone, it waits for no more pieces. */
#define BATCH_BYTES ((size_t)512 << 10)
#define BATCH_FEW (2 * DIGEST_MANY_LANES)
#define BATCH_LONG ((size_t)512 << 10)
#define BATCH_BYTES_MAX ((size_t)8 << 20)
#define BATCH_PIECES 512u

struct piece {
	struct archive_file *file;
	size_t at, len; /* in the batch */
	uint64_t index; /* which of the file's blobs this is */
	uint64_t turn;  /* which put() of it */
	struct id id;
};

struct batch {
	struct batch *next;
	unsigned char *p; /* archive.batch_bytes + CHUNK_MAX */
	size_t len;       /* behind the last piece: the first bytes of the owner's next one */
	struct piece *piece;
	size_t n, cap;
	size_t held; /* bytes at p that memory may stand behind */
};

struct archive_folder {
	struct archive_folder *parent;
	struct archive_folder *next, *prev; /* all that are not stored yet */
	struct archive_folder *next_whole;
	struct node meta; /* the root has none */
	struct tree entries;
	bool known; /* the previous backup has it: as tree `previous_id`, with these entries */
	struct id previous_id;
	struct tree previous;
	size_t pending; /* files and folders in it that are not whole, and 1 until leave() */
};

struct block {
	uint64_t turn; /* of the last put(); 0: never put */
	size_t len;
};

struct archive_file {
	struct file_sink sink;
	struct archive *archive;
	struct archive_folder *folder;
	struct archive_file *next, *prev; /* all open files */
	struct batch *batch;              /* or NULL; its bytes from `start` on are this file's next piece */
	size_t start;
	struct chunker_scan scan;
	EVP_MD_CTX *digest; /* or NULL */
	bool streamed;      /* write() or cut() was called */
	bool prepended;     /* prepend() was called: the blobs from `head` on come first */
	size_t head;
	uint64_t turns;
	uint64_t size; /* of what was written */
	/* Under the archive's lock. */
	struct id_list content;
	struct block *block; /* as many as content.n, when put() is used */
	size_t blocks_cap;
	size_t pending; /* pieces under way */
	struct node meta;
	bool closed, aborted;
};

/* A worker's workbench. */
struct bench {
	struct blob_codec *codec;
	struct buf sealed, json;
};

struct archive {
	struct tree_sink sink;
	struct repo *repo;
	struct progress *progress;
	struct packer *packer;
	struct pool *pool;
	struct bench *bench;
	int threads;
	int level, tree_level;
	size_t window, batch_bytes;
	struct timespec begun;
	/* The caller's thread alone. */
	struct archive_folder *current;
	struct archive_file *open_files;
	struct batch *spare;
	struct blob_codec *codec;
	uint64_t bytes_read;
	/* Everyone. */
	atomic_bool broken;
	pthread_mutex_t lock;
	pthread_cond_t room; /* the window has become wider */
	struct error why;    /* it is broken */
	size_t under_way;    /* bytes of batches with the workers, */
	size_t batches;      /* and how many they are */
	struct batch *idle;
	struct archive_folder *folders;
	struct archive_folder *whole; /* folders that lack nothing but being stored */
	size_t whole_n;
	struct id root;
	bool root_stored;
	struct archive_stats stats;
};

/* archive.c */
/* 0 while all is well and nobody cancelled. */
int archive_going(struct archive *a, struct error *e) MUST_USE;
/* The first error counts; everything after it is skipped. */
void archive_break(struct archive *a, const struct error *e);

/* archive_pipeline.c */
void archive_pipeline_start(struct archive *a);
void archive_pipeline_stop(struct archive *a);
/* Append bytes to the file's next piece, which must not become longer than CHUNK_MAX. */
void archive_pipeline_append(struct archive_file *f, const void *p, size_t n);
/* The file's next piece is complete: blob number `index`. Waits while the window is full. */
void archive_pipeline_piece(struct archive_file *f, uint64_t index, uint64_t turn);
/* Take back what has been appended to the next piece. */
void archive_pipeline_discard(struct archive_file *f);
/* The file, which has no piece begun, needs its batch no more. */
void archive_pipeline_detach(struct archive_file *f);
/* Let a worker look for whole folders, when there are enough to be worth the switch. */
void archive_pipeline_nudge(struct archive *a);
/* Wait until all pieces are stored and all whole folders too. */
void archive_pipeline_drain(struct archive *a);
/* Compress, seal and add to a pack those of the n blobs, hashed already, that are new. What comes back from sealing
 * takes the place of their plaintext; their order in v changes. Any worker, with its bench. */
int archive_pipeline_store(struct archive *a, struct bench *b, enum blob_type type, struct blob_plain *v, size_t n,
			   struct error *e) MUST_USE;

/* archive_file.c */
struct file_sink *archive_file_open(struct archive *a, bool hashed);
/* A piece is stored as p->id, or was given up. With the lock held. */
void archive_file_deliver(struct archive *a, const struct piece *p);
/* Free it without a trace in its folder; pieces under way are waited for. */
void archive_file_abort(struct archive_file *f);

/* archive_folder.c */
/* Begin a folder in the current one; `previous` is its tree in the previous backup, or NULL. Takes over meta. */
int archive_folder_enter(struct archive *a, struct node *meta, const struct id *previous, struct error *e) MUST_USE;
void archive_folder_leave(struct archive *a);
/* Add an entry to a folder / count one thing less that it waits for. With the lock held. */
void archive_folder_add(struct archive_folder *d, struct tree_node *entry);
void archive_folder_unref(struct archive *a, struct archive_folder *d);
/* Store the trees of all whole folders, and of those that become whole by it. A worker, without the lock. */
void archive_folder_store_whole(struct archive *a, struct bench *b);
void archive_folder_release(struct archive *a);

/* archive_tree.c */
void archive_tree_init(struct archive *a);
/* -ERR_INTERNAL unless an entry may have this name. */
int archive_tree_check_name(const struct node *n, struct error *e) MUST_USE;
void archive_tree_copy_content(struct id_list *to, const struct id_list *from);

#endif
