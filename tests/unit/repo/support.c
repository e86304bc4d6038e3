#include "support.h"

#include "base/timefmt.h"
#include "repo/artifact.h"
#include "repo/snapshot.h"
#include "repo/tree.h"
#include "repo/unpacked.h"
#include "repo/walk.h"

#include <assert.h>
#include <stdlib.h>

/* A store behind a store, each member passed on but free. */
struct lent {
	struct store store;
	struct store *inner;
};

static struct store *inner_of(struct store *s)
{
	return ((struct lent *)s)->inner;
}

static int lent_create(struct store *s, struct error *e)
{
	return store_create(inner_of(s), e);
}

static int lent_put(struct store *s, const struct store_file *f, const struct iovec *v, int n, struct error *e)
{
	return store_put(inner_of(s), f, v, n, e);
}

static int lent_get(struct store *s, const struct store_file *f, uint64_t at, void *p, size_t n, struct error *e)
{
	return store_get(inner_of(s), f, at, p, n, e);
}

static int lent_size(struct store *s, const struct store_file *f, uint64_t *size, struct error *e)
{
	return store_size(inner_of(s), f, size, e);
}

static int lent_remove(struct store *s, const struct store_file *f, struct error *e)
{
	return store_remove(inner_of(s), f, e);
}

static int lent_list(struct store *s, enum store_kind kind, store_list_fn fn, void *ctx, struct error *e)
{
	return store_list(inner_of(s), kind, fn, ctx, e);
}

static void lent_tidy(struct store *s)
{
	store_tidy(inner_of(s));
}

static void lent_free(struct store *s)
{
	free(s->url);
	free(s);
}

static const struct store_ops lent_ops = {
	.create = lent_create,
	.put = lent_put,
	.get = lent_get,
	.size = lent_size,
	.remove = lent_remove,
	.list = lent_list,
	.tidy = lent_tidy,
	.free = lent_free,
};

struct store *support_lend(struct store *s)
{
	struct lent *l = mem_zero(sizeof *l);
	l->store = (struct store){.ops = &lent_ops, .features = s->features, .url = mem_string(s->url)};
	l->inner = s;
	return &l->store;
}

struct repo *support_create(struct store *s)
{
	struct key_params cheap = {2, 1, 1};
	struct secret password = {0};
	struct error e = {0};
	struct repo *r = NULL;

	secret_set(&password, "geheim", 6);
	int rc = repo_create(support_lend(s), &password, &cheap, &r, &e);
	assert(rc == 0);
	secret_release(&password);
	return r;
}

int support_try_open(struct store *s, struct repo **out, struct error *e)
{
	struct secret password = {0};

	secret_set(&password, "geheim", 6);
	int rc = repo_open(support_lend(s), &password, out, e);
	secret_release(&password);
	return rc;
}

struct repo *support_open(struct store *s)
{
	struct error e = {0};
	struct repo *r = NULL;

	int rc = support_try_open(s, &r, &e);
	assert(rc == 0);
	return r;
}

static struct timespec next_time(void)
{
	static time_t now = 1700000000;
	return (struct timespec){.tv_sec = now++};
}

static int add_file(struct archive *a, const char *name, const char *text, struct error *e)
{
	struct node n = {0};

	node_synthetic(&n, name, NODE_FILE, (struct timespec){.tv_sec = 1600000000});
	int rc = archive_add_file(a, &n, text, strlen(text), e);
	node_release(&n);
	return rc;
}

static int enter(struct archive *a, const char *name, size_t len, struct error *e)
{
	AUTO_FREE char *folder = mem_string_n(name, len);
	struct node n = {0};

	node_synthetic(&n, folder, NODE_DIR, (struct timespec){.tv_sec = 1600000000});
	int rc = archive_tree(a)->enter(archive_tree(a), &n, e);
	node_release(&n);
	return rc;
}

static size_t folder_len(const struct support_file *f)
{
	const char *slash = strchr(f->path, '/');
	return slash ? (size_t)(slash - f->path) : 0;
}

static int add_files(struct archive *a, const struct support_file *files, size_t n, struct error *e)
{
	size_t inside = 0;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		size_t len = folder_len(&files[i]);
		bool same = i && len == inside && memcmp(files[i].path, files[i - 1].path, len) == 0;
		if (inside && !same)
			rc = archive_tree(a)->leave(archive_tree(a), e);
		if (rc == 0 && len && !same)
			rc = enter(a, files[i].path, len, e);
		inside = len;
		if (rc == 0)
			rc = add_file(a, files[i].path + (len ? len + 1 : 0), files[i].text, e);
	}
	return rc == 0 && inside ? archive_tree(a)->leave(archive_tree(a), e) : rc;
}

int support_try_backup(struct repo *r, const struct support_file *files, size_t n, struct id *snapshot, struct error *e)
{
	CLEANUP(snapshot_release) struct snapshot s = {.time = next_time(), .hostname = mem_string("host")};
	struct archive_options o = {.level = -1, .threads = 1};
	struct archive *a;

	strlist_add(&s.paths, "/x");
	int rc = repo_load_index(r, NULL, NULL, e);
	if (rc == 0)
		rc = archive_begin(r, &o, &a, e);
	if (rc)
		return rc;
	rc = add_files(a, files, n, e);
	if (rc)
		archive_abort(a);
	else
		rc = archive_finish(a, &s, NULL, e);
	if (rc == 0 && snapshot)
		*snapshot = s.id;
	return rc;
}

void support_backup(struct repo *r, const struct support_file *files, size_t n, struct id *snapshot)
{
	struct error e = {0};
	int rc = support_try_backup(r, files, n, snapshot, &e);
	assert(rc == 0);
}

static bool file_is(struct repo *r, const struct id *root, const struct support_file *f)
{
	CLEANUP(tree_node_release) struct tree_node n = {0};
	AUTO_FREE char *got = mem_zero(strlen(f->text) + 1);
	struct source *source = NULL;
	struct error e = {0};

	bool same = walk_find(r, root, f->path, &n, &e) == 0 && artifact_open(r, &n, 0, &source, &e) == 0 &&
		    source->size == strlen(f->text) && source_read_exact(source, got, strlen(f->text), 0, &e) == 0 &&
		    strcmp(got, f->text) == 0;
	source_close(source);
	return same;
}

bool support_restores(struct repo *r, const struct id *snapshot, const struct support_file *files, size_t n)
{
	CLEANUP(snapshot_release) struct snapshot s = {0};
	struct error e = {0};

	if (repo_load_index(r, NULL, NULL, &e) || snapshot_load(r, snapshot, &s, &e))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!file_is(r, &s.tree, &files[i]))
			return false;
	return true;
}

static struct store_file file_of(enum store_kind kind, const struct id *id)
{
	struct store_file f = {.kind = kind};
	if (kind != STORE_CONFIG)
		id_hex(id, f.name);
	return f;
}

static int add_id(const char *name, uint64_t size, void *ctx)
{
	struct id id;
	bool ok = id_parse(&id, name, strlen(name));
	assert(ok);
	id_list_add(ctx, &id);
	return 0;
}

static int by_id(const void *a, const void *b)
{
	return id_cmp(a, b);
}

void support_list(struct store *s, enum store_kind kind, struct id_list *out)
{
	struct error e = {0};
	int rc = store_list(s, kind, add_id, out, &e);
	assert(rc == 0);
	if (out->n)
		qsort(out->v, out->n, sizeof *out->v, by_id);
}

void support_read(struct store *s, enum store_kind kind, const struct id *id, struct buf *out)
{
	struct store_file f = file_of(kind, id);
	struct error e = {0};

	buf_clear(out);
	int rc = store_get_all(s, &f, 1 << 20, out, &e);
	assert(rc == 0);
}

void support_remove(struct store *s, enum store_kind kind, const struct id *id)
{
	struct store_file f = file_of(kind, id);
	struct error e = {0};
	int rc = store_remove(s, &f, &e);
	assert(rc == 0);
}

/* Removed first: a file that is there with the same size counts as written. */
void support_write(struct store *s, enum store_kind kind, const struct id *id, const void *p, size_t n)
{
	struct store_file f = file_of(kind, id);
	struct error e = {0};

	support_remove(s, kind, id);
	int rc = store_put(s, &f, &(struct iovec){(void *)(uintptr_t)p, n}, 1, &e);
	assert(rc == 0);
}

void support_flip(struct store *s, enum store_kind kind, const struct id *id, size_t at)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	support_read(s, kind, id, &b);
	assert(at < b.len);
	b.p[at] ^= 1;
	support_write(s, kind, id, b.p, b.len);
}

void support_cut(struct store *s, enum store_kind kind, const struct id *id, size_t length)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	support_read(s, kind, id, &b);
	assert(length < b.len);
	support_write(s, kind, id, b.p, length);
}

struct blob_place support_place(struct repo *r, enum blob_type type, const void *p, size_t n)
{
	struct blob_place place;
	struct error e = {0};
	struct id id;

	int rc = repo_load_index(r, NULL, NULL, &e);
	assert(rc == 0);
	id_hash(&id, p, n);
	bool found = index_find(r->index, type, &id, &place);
	assert(found);
	return place;
}

static int keep_pack(const struct index_pack *pack, void *ctx, struct error *e)
{
	struct support_index *x = ctx;

	GROW(x->v, x->n, x->cap);
	x->v[x->n++] = (struct index_pack){pack->id, mem_copy(pack->blobs, pack->n * sizeof *pack->blobs), pack->n};
	return 0;
}

void support_index_load(struct repo *r, struct support_index *out)
{
	CLEANUP(id_list_release) struct id_list files = {0};
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct error e = {0};

	*out = (struct support_index){0};
	support_list(r->store, STORE_INDEX, &files);
	for (size_t i = 0; i < files.n; i++) {
		int rc = unpacked_load(r->store, &r->key, STORE_INDEX, &files.v[i], &json, &e);
		assert(rc == 0);
		rc = index_file_parse(json.p, json.len, keep_pack, out, &e);
		assert(rc == 0);
	}
}

void support_index_release(struct support_index *x)
{
	for (size_t i = 0; i < x->n; i++)
		free(x->v[i].blobs);
	free(x->v);
}

struct index_pack *support_index_find(struct support_index *x, const struct id *pack)
{
	size_t i = 0;

	while (i < x->n && !id_equal(&x->v[i].id, pack))
		i++;
	assert(i < x->n);
	return &x->v[i];
}

void support_index_save(struct repo *r, const struct index_pack *packs, size_t n, struct id *file)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct error e = {0};
	struct id id;

	index_file_encode(packs, n, &json);
	int rc = unpacked_save(r->store, &r->key, r->config.version, STORE_INDEX, json.p, json.len, &id, &e);
	assert(rc == 0);
	if (file)
		*file = id;
}

void support_index_remove_all(struct repo *r)
{
	CLEANUP(id_list_release) struct id_list files = {0};

	support_list(r->store, STORE_INDEX, &files);
	for (size_t i = 0; i < files.n; i++)
		support_remove(r->store, STORE_INDEX, &files.v[i]);
}

struct index_pack *support_index_take(struct repo *r, enum blob_type type, const struct id *id,
				      struct support_index *out, struct blob_place *place)
{
	struct blob_place at;
	struct error e = {0};

	int rc = repo_load_index(r, NULL, NULL, &e);
	assert(rc == 0);
	bool found = index_find(r->index, type, id, &at);
	assert(found);
	support_index_load(r, out);
	support_index_remove_all(r);
	if (place)
		*place = at;
	return support_index_find(out, &at.pack);
}

void support_seal(struct blob_codec *c, const void *p, size_t n, int level, struct id *id, struct buf *out,
		  uint32_t *plain_len)
{
	AUTO_FREE unsigned char *copy = mem_copy(p, n);
	struct blob_plain b = {.p = copy, .n = n};
	struct error e = {0};

	blob_hash(&b, 1);
	int rc = blob_seal(c, &b, level, out, &e);
	assert(rc == 0);
	rc = blob_confirm(&b, 1, &e);
	assert(rc == 0);
	*id = b.id;
	*plain_len = b.plain_len;
}

void support_put_pack(struct repo *r, enum blob_type type, const struct id *id, const void *sealed, size_t n,
		      uint32_t plain_len, struct id *pack)
{
	CLEANUP(buf_release) struct buf bytes = BUF_INIT;
	struct cipher *c = cipher_new(&r->key);
	struct pack_blob b = {.id = *id, .type = type, .length = (uint32_t)n, .plain_len = plain_len};

	buf_add(&bytes, sealed, n);
	pack_write_header(c, &b, 1, &bytes);
	cipher_free(c);
	id_hash(pack, bytes.p, bytes.len);
	support_write(r->store, STORE_DATA, pack, bytes.p, bytes.len);
	support_index_save(r, &(struct index_pack){*pack, &b, 1}, 1, NULL);
}

void support_put_blob(struct repo *r, enum blob_type type, const void *p, size_t n, struct id *id, struct id *pack)
{
	CLEANUP(buf_release) struct buf sealed = BUF_INIT;
	struct blob_codec *c = blob_codec_new(&r->key);
	uint32_t plain_len;

	support_seal(c, p, n, BLOB_LEVEL_DEFAULT, id, &sealed, &plain_len);
	blob_codec_free(c);
	support_put_pack(r, type, id, sealed.p, sealed.len, plain_len, pack);
}

void support_snapshot(struct repo *r, struct tree *t, struct id *tree, struct id *snapshot)
{
	CLEANUP(snapshot_release) struct snapshot s = {.time = next_time()};
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct error e = {0};
	struct id pack;

	strlist_add(&s.paths, "/x");
	tree_encode(t, &json);
	tree_release(t);
	support_put_blob(r, BLOB_TREE, json.p, json.len, &s.tree, &pack);
	int rc = snapshot_save(r, &s, &e);
	assert(rc == 0);
	if (tree)
		*tree = s.tree;
	*snapshot = s.id;
}
