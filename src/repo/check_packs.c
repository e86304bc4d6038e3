#include "repo/check_state.h"

#include "base/mem.h"
#include "base/thread.h"
#include "repo/scan.h"

#include <openssl/evp.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREADS 16
#define LENGTH_BYTES 4u
#define OPENED_BYTES ((size_t)8 << 20) /* so much plaintext, or so many blobs, are hashed side by side */
#define OPENED 256u

/* What one thread works with. */
struct bench {
	struct blob_codec *codec;
	EVP_MD_CTX *sha; /* of the pack; NULL unless its name is to be compared */
	struct buf room, plain, tail;
	/* Blobs in `plain` that have not been hashed yet, and where in the job they are listed. */
	struct blob_plain opened[OPENED];
	size_t number[OPENED], n;
};

struct reader {
	struct check *c;
	const struct bits *needed;
	struct bench *benches;
	atomic_bool stop;
	pthread_mutex_t lock; /* guards the first failure: */
	int result;
	struct error why;
};

/* A pack being read. */
struct job {
	struct check *c;
	struct bench *bench;
	const struct inventory_pack *pack;
	struct pack_blob *blobs; /* as the index lists them, by offset */
	size_t n;
	size_t *told;      /* by blob: the problem + 1 that explains it, or 0 */
	size_t unreadable; /* problem + 1: a read failed */
	bool whole;        /* size and offsets fit: the header is where it must be, and the hash can be made */
	bool clean;        /* nothing was found */
	char hex[ID_HEX_LEN + 1];
	char path[STORE_PATH_MAX];
};

static size_t add(struct job *j, const char *fmt, ...) PRINTF_LIKE(2, 3);
static size_t add(struct job *j, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	AUTO_FREE char *text = mem_vprintf(fmt, ap);
	va_end(ap);
	j->clean = false;
	return check_add(j->c, CHECK_ERROR, j->path, "pack %.8s: %s", j->hex, text);
}

static void suspect(struct job *j, const struct pack_blob *b, size_t problem)
{
	check_suspect(j->c, problem, b->type, &b->id, inventory_find(&j->c->inv, &j->pack->id));
}

static uint32_t u32le(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* One blob of the index beside what the header has at its place (or NULL). */
static void compare_blob(struct job *j, size_t i, const struct pack_blob *header)
{
	const struct pack_blob *b = &j->blobs[i];
	char hex[ID_HEX_LEN + 1];

	id_hex(&b->id, hex);
	if (!header || !id_equal(&header->id, &b->id) || header->type != b->type)
		j->told[i] = 1 + add(j, "the index lists blob %.8s, which the pack does not hold", hex);
	else if (header->length != b->length || header->plain_len != b->plain_len)
		j->told[i] =
			1 + add(j,
				"blob %.8s has %zu bytes (%u stored) in the index, but %zu (%u stored) in the pack",
				hex, blob_plain_size(b->length, b->plain_len), b->length,
				blob_plain_size(header->length, header->plain_len), header->length);
}

static bool is_listed(const struct job *j, const struct pack_blob *b)
{
	for (size_t i = 0; i < j->n; i++)
		if (j->blobs[i].type == b->type && id_equal(&j->blobs[i].id, &b->id))
			return true;
	return false;
}

/* Both lists are in the order of offsets, so that what agrees is met side by side. When all of the index agrees there
 * is no room for more. */
static void compare_header(struct job *j, const struct pack_blob *header, size_t n)
{
	char hex[ID_HEX_LEN + 1];
	size_t h = 0;

	for (size_t i = 0; i < j->n; i++) {
		while (h < n && header[h].offset < j->blobs[i].offset)
			h++;
		compare_blob(j, i, h < n && header[h].offset == j->blobs[i].offset ? &header[h] : NULL);
	}
	for (h = 0; h < n && !j->clean; h++)
		if (!is_listed(j, &header[h]))
			add(j, "its blob %.8s is in no index", id_hex(&header[h].id, hex));
}

static int read_header(struct job *j, struct error *e)
{
	AUTO_FREE struct pack_blob *header = NULL;
	struct buf *tail = &j->bench->tail;
	uint64_t blobs_end = j->n ? (uint64_t)j->blobs[j->n - 1].offset + j->blobs[j->n - 1].length : 0;
	uint64_t promised = j->pack->promised - blobs_end - LENGTH_BYTES;
	size_t n;

	int rc = scan_header(j->c->r->store, blob_codec_cipher(j->bench->codec), &j->pack->id, j->pack->size, tail,
			     &header, &n, e);
	if (rc && !inventory_is_damage(j->c->r, rc))
		return rc;
	uint32_t length = tail->len >= LENGTH_BYTES ? u32le(tail->p + tail->len - LENGTH_BYTES) : (uint32_t)promised;
	if (length != promised)
		add(j, "its header length is %u, but it should be %llu", length, (unsigned long long)promised);
	else if (rc)
		add(j, "%s", e->text);
	else
		compare_header(j, header, n);
	return 0;
}

static int read_failed(struct job *j, const struct pack_blob *b, struct error *e)
{
	if (!inventory_is_damage(j->c->r, -(int)e->kind))
		return -(int)e->kind;
	if (!j->unreadable)
		j->unreadable = 1 + add(j, "cannot be read: %s", e->text);
	suspect(j, b, j->unreadable - 1);
	return 0;
}

static void blame(struct job *j, size_t i, const struct error *why)
{
	if (!j->told[i])
		j->told[i] = 1 + add(j, "%s", why->text);
	suspect(j, &j->blobs[i], j->told[i] - 1);
}

/* Hash what was opened, and compare. */
static void compare_opened(struct job *j)
{
	struct bench *b = j->bench;
	struct error why = {0};

	blob_hash(b->opened, b->n);
	for (size_t i = 0; i < b->n; i++) {
		const struct id *id = &j->blobs[b->number[i]].id;

		if (!id_equal(&b->opened[i].id, id)) {
			blob_mismatch(id, &why);
			blame(j, b->number[i], &why);
		}
	}
	b->n = 0;
	buf_clear(&b->plain);
}

/* One that is too long to wait for others is hashed by itself. */
static int open_blob(struct job *j, const struct pack_blob *b, const void *sealed, struct error *why)
{
	struct bench *bench = j->bench;
	size_t size = blob_plain_size(b->length, b->plain_len);

	if (bench->n == OPENED || bench->plain.len + size > OPENED_BYTES)
		compare_opened(j);
	if (size > OPENED_BYTES)
		return blob_decode(bench->codec, &b->id, sealed, b->length, b->plain_len, &bench->plain, why);
	if (bench->n == 0)
		buf_reserve(&bench->plain, OPENED_BYTES); /* it does not move any more */
	unsigned char *p = bench->plain.p + bench->plain.len;

	if (blob_open(bench->codec, &b->id, sealed, b->length, b->plain_len, p, why))
		return -why->kind;
	bench->plain.len += size;
	bench->opened[bench->n] = (struct blob_plain){.p = p, .n = size};
	bench->number[bench->n++] = (size_t)(b - j->blobs);
	return 0;
}

static int read_blob(const struct pack_blob *b, const void *sealed, void *ctx, struct error *e)
{
	struct job *j = ctx;
	struct error why = {0};

	if (!sealed)
		return read_failed(j, b, e);
	if (j->bench->sha)
		EVP_DigestUpdate(j->bench->sha, sealed, b->length);
	if (open_blob(j, b, sealed, &why))
		blame(j, (size_t)(b - j->blobs), &why);
	progress_bytes(j->c->o->progress, b->length);
	return progress_check(j->c->o->progress, e);
}

/* Everything in a pack is covered by some MAC or by the comparison with the index, so this finds files under a wrong
 * name. */
static void compare_hash(struct job *j)
{
	struct id hash;

	EVP_DigestUpdate(j->bench->sha, j->bench->tail.p, j->bench->tail.len);
	EVP_DigestFinal_ex(j->bench->sha, hash.b, NULL);
	if (!id_equal(&hash, &j->pack->id))
		add(j, "its bytes do not match its name");
}

/* How many of the blobs lie within the file; check_files_packs() has told of the others. */
static size_t blobs_within(const struct job *j)
{
	size_t n = 0;

	while (n < j->n && (uint64_t)j->blobs[n].offset + j->blobs[n].length <= j->pack->size)
		n++;
	return n;
}

static int read_pack(struct job *j, struct error *e)
{
	int rc = j->whole ? read_header(j, e) : 0;
	if (rc)
		return rc;
	if (j->bench->sha)
		EVP_DigestInit_ex(j->bench->sha, EVP_sha256(), NULL);
	rc = scan_blobs(j->c->r->store, &j->pack->id, j->blobs, blobs_within(j), &j->bench->room, read_blob, j, e);
	compare_opened(j);
	if (rc)
		return rc;
	if (j->bench->sha && j->whole && j->clean)
		compare_hash(j);
	pthread_mutex_lock(&j->c->lock);
	j->c->out->packs_read++;
	j->c->out->bytes_read += j->pack->size;
	pthread_mutex_unlock(&j->c->lock);
	return 0;
}

static void fail(struct reader *r, int result, const struct error *e)
{
	pthread_mutex_lock(&r->lock);
	if (r->result == 0) {
		r->result = result;
		r->why = *e;
	}
	pthread_mutex_unlock(&r->lock);
	atomic_store(&r->stop, true);
}

static void read_item(int worker, void *item, void *ctx)
{
	struct reader *r = ctx;
	struct job *j = item;
	struct error e = {0};

	j->bench = &r->benches[worker];
	int rc = atomic_load(&r->stop) ? 0 : read_pack(j, &e);
	if (rc)
		fail(r, rc, &e);
	progress_items(r->c->o->progress, 1);
	free(j->blobs);
	free(j->told);
	free(j);
}

/* The workers ask nothing of the index, which is being visited. */
static int submit(const struct id *pack, const struct pack_blob *blobs, size_t n, struct reader *r, struct pool *pool)
{
	struct check *c = r->c;
	uint32_t number = inventory_find(&c->inv, pack);
	const struct inventory_pack *p = &c->inv.packs[number];

	if (!p->there || n == 0 || (r->needed && !bits_has(r->needed, number)))
		return 0;
	struct job *j = mem_zero(sizeof *j);
	*j = (struct job){.c = c, .pack = p, .n = n, .clean = true, .whole = p->gapless && p->size == p->promised};
	j->blobs = mem_copy(blobs, n * sizeof *blobs);
	j->told = mem_zero(n * sizeof *j->told);
	struct store_file f = inventory_store_file(STORE_DATA, pack);
	store_path(&f, j->path);
	id_hex(pack, j->hex);
	pool_submit(pool, j);
	return atomic_load(&r->stop);
}

struct submitter {
	struct reader *r;
	struct pool *pool;
};

static int submit_each(const struct id *pack, const struct pack_blob *blobs, size_t n, void *ctx)
{
	struct submitter *s = ctx;
	return submit(pack, blobs, n, s->r, s->pool);
}

static void announce(struct check *c, const struct bits *needed)
{
	uint64_t bytes = 0, packs = 0;

	for (uint32_t i = 0; i < c->inv.pack_count; i++) {
		const struct inventory_pack *p = &c->inv.packs[i];
		if (p->there && p->file != INVENTORY_NONE && (!needed || bits_has(needed, i))) {
			bytes += p->size;
			packs++;
		}
	}
	progress_phase(c->o->progress, "reading packs", "packs", bytes, packs);
}

static void bench_release(struct bench *b)
{
	blob_codec_free(b->codec);
	EVP_MD_CTX_free(b->sha);
	buf_release(&b->room);
	buf_release(&b->plain);
	buf_release(&b->tail);
}

int check_packs_run(struct check *c, const struct bits *needed, struct error *e)
{
	struct reader r = {.c = c, .needed = needed, .lock = PTHREAD_MUTEX_INITIALIZER};
	int threads = pool_cpus(THREADS);

	announce(c, needed);
	r.benches = mem_zero((size_t)threads * sizeof *r.benches);
	for (int i = 0; i < threads; i++) {
		r.benches[i].codec = blob_codec_new(&c->r->key);
		if (c->o->pack_names)
			r.benches[i].sha = EVP_MD_CTX_new();
	}
	struct pool *pool = pool_new("check", threads, (size_t)threads, read_item, &r);
	index_each_pack(c->r->index, submit_each, &(struct submitter){&r, pool});
	pool_free(pool);
	for (int i = 0; i < threads; i++)
		bench_release(&r.benches[i]);
	free(r.benches);
	if (r.result)
		*e = r.why;
	return r.result;
}
