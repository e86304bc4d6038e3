#include "repo/repo.h"

#include "base/mem.h"
#include "base/thread.h"
#include "repo/unpacked.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define CONFIG_FILE (&(struct store_file){.kind = STORE_CONFIG})
#define LOAD_THREADS 4 /* also the number of index files that are in memory at a time */
#define LISTINGS_MAX 8 /* of an index that changes while it is read */
#define COPIES_MAX 8   /* places of a blob that are tried */
#define PREFIX_MIN 4

static void close_repo(struct repo **r)
{
	repo_free(*r);
}

void repo_free(struct repo *r)
{
	if (!r)
		return;
	index_free(r->index);
	store_free(r->store);
	secret_wipe(r, sizeof *r);
	free(r);
}

static int write_config(struct repo *r, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct id id;

	repo_config_random(&r->config);
	repo_config_encode(&r->config, &json);
	return unpacked_save(r->store, &r->key, r->config.version, STORE_CONFIG, json.p, json.len, &id, e);
}

/* Key files without a config are what a creation that was cut off left behind, or what still protects the data of a
 * repository that lost its config. Their master key is kept in both cases: with two master keys in one place, chance
 * would decide which of them a password opens. */
static int make_key(struct repo *r, const struct secret *password, const struct key_params *params, struct error *e)
{
	int result = key_search(r->store, password, &r->key, &r->key_id, e);
	if (result == -ERR_NO_REPO) {
		cipher_key_random(&r->key);
		return key_add(r->store, &r->key, password, params, &r->key_id, e);
	}
	if (result != -ERR_PASSWORD && result != -ERR_CORRUPT)
		return result;
	error_set(e, ERR_EXISTS, "there are key files already, and this password does not open them");
	return error_hint(e,
			  "choose another place; or remove its folder keys/, if nothing that is stored there matters");
}

int repo_create(struct store *s, const struct secret *password, const struct key_params *params, struct repo **out,
		struct error *e)
{
	CLEANUP(close_repo) struct repo *r = mem_zero(sizeof *r);

	r->store = s;
	int result = store_create(s, e);
	if (result == -ERR_EXISTS) {
		error_set(e, ERR_EXISTS, "a repository exists already at %s", s->url);
		return error_hint(e, "use it as it is, or choose another place");
	}
	if (result)
		return error_wrap(e, "creating a repository at %s", s->url);
	result = make_key(r, password, params, e);
	if (result == 0)
		result = write_config(r, e);
	if (result)
		return error_wrap(e, "creating a repository at %s", s->url);
	chunker_init(&r->chunker, &r->key);
	*out = TAKE(r);
	return 0;
}

static int read_config(struct repo *r, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;

	int result = unpacked_load(r->store, &r->key, STORE_CONFIG, NULL, &json, e);
	return result ? result : repo_config_parse(json.p, json.len, &r->config, e);
}

int repo_open(struct store *s, const struct secret *password, struct repo **out, struct error *e)
{
	CLEANUP(close_repo) struct repo *r = mem_zero(sizeof *r);
	uint64_t size;

	r->store = s;
	int result = store_size(s, CONFIG_FILE, &size, e);
	if (result == -ERR_NOT_FOUND) {
		error_set(e, ERR_NO_REPO, "there is no repository at %s", s->url);
		return error_hint(e, "create it first, or correct the address");
	}
	if (result == 0)
		result = key_search(s, password, &r->key, &r->key_id, e);
	if (result == 0)
		result = read_config(r, e);
	if (result)
		return error_wrap(e, "opening the repository at %s", s->url);
	chunker_init(&r->chunker, &r->key);
	*out = TAKE(r);
	return 0;
}

static int collect(const char *name, uint64_t size, void *ctx)
{
	struct id id;
	if (id_parse(&id, name, strlen(name)))
		id_list_add(ctx, &id);
	return 0;
}

static int find_name(const char *name, uint64_t size, void *ctx)
{
	return strcmp(name, ctx) == 0;
}

int repo_is_listed(struct repo *r, enum store_kind kind, const struct id *id, struct error *e)
{
	char hex[ID_HEX_LEN + 1];

	return store_list(r->store, kind, find_name, id_hex(id, hex), e);
}

/* The work of loading all index files, shared by its threads. */
struct loading {
	struct repo *repo;
	struct index *index;
	struct progress *progress;
	pthread_mutex_t mutex;   /* guards what follows */
	struct id_list *damaged; /* or NULL: then damage is a failure too */
	struct id_list missing;  /* listed, but not there */
	int result;
	struct error error; /* of the first failure */
};

static void loading_release(struct loading *l)
{
	index_free(l->index);
	id_list_release(&l->missing);
	pthread_mutex_destroy(&l->mutex);
}

static int add_pack(const struct index_pack *pack, void *ctx, struct error *e)
{
	index_add_pack(ctx, &pack->id, pack->blobs, pack->n);
	return 0;
}

static int load_file(struct loading *l, const struct id *id, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	char hex[ID_HEX_LEN + 1];

	int r = progress_check(l->progress, e);
	if (r == 0)
		r = unpacked_load(l->repo->store, &l->repo->key, STORE_INDEX, id, &json, e);
	if (r)
		return r;
	r = index_file_parse(json.p, json.len, add_pack, l->index, e);
	return r ? error_wrap(e, "index %.8s is damaged", id_hex(id, hex)) : 0;
}

static void load_item(int worker, void *item, void *ctx)
{
	struct loading *l = ctx;
	const struct id *id = item;
	struct error e = {0};

	pthread_mutex_lock(&l->mutex);
	bool give_up = l->result != 0;
	pthread_mutex_unlock(&l->mutex);
	if (give_up)
		return;
	int r = load_file(l, id, &e);
	progress_items(l->progress, 1);
	pthread_mutex_lock(&l->mutex);
	if (r == -ERR_NOT_FOUND) {
		id_list_add(&l->missing, id);
	} else if (l->damaged && r == -ERR_CORRUPT) {
		id_list_add(l->damaged, id);
	} else if (r && l->result == 0) {
		l->result = r;
		l->error = e;
	}
	pthread_mutex_unlock(&l->mutex);
}

static void load_files(struct loading *l, struct id_list *ids)
{
	progress_phase(l->progress, "loading the index", "files", 0, ids->n);
	index_free(l->index);
	l->index = index_new();
	id_list_release(&l->missing);
	struct pool *pool = pool_new("index", pool_cpus(LOAD_THREADS), LOAD_THREADS, load_item, l);
	for (size_t i = 0; i < ids->n; i++)
		pool_submit(pool, &ids->v[i]);
	pool_free(pool);
}

/* *gone: a file is not listed any more: a prune has put others in its place, and all must be read again. One that is
 * listed still, and yet not there, is damage. */
static int judge_missing(struct loading *l, bool *gone, struct error *e)
{
	char hex[ID_HEX_LEN + 1];
	int r = 0;

	for (size_t i = 0; r >= 0 && i < l->missing.n; i++) {
		const struct id *id = &l->missing.v[i];

		r = repo_is_listed(l->repo, STORE_INDEX, id, e);
		if (r == 0)
			*gone = true;
		else if (r > 0 && l->damaged)
			id_list_add(l->damaged, id);
		else if (r > 0)
			r = error_set(e, ERR_CORRUPT, "index %.8s is listed, but not there", id_hex(id, hex));
	}
	return r < 0 ? r : 0;
}

static int load_listed(struct loading *l, bool *gone, struct error *e)
{
	CLEANUP(id_list_release) struct id_list ids = {0};
	size_t before = l->damaged ? l->damaged->n : 0;
	int r = store_list(l->repo->store, STORE_INDEX, collect, &ids, e);

	*gone = false;
	if (r)
		return r;
	load_files(l, &ids);
	if (l->result)
		*e = l->error;
	r = l->result ? l->result : judge_missing(l, gone, e);
	if (*gone && l->damaged)
		l->damaged->n = before;
	return r;
}

int repo_load_index(struct repo *r, struct progress *p, struct id_list *damaged, struct error *e)
{
	CLEANUP(loading_release) struct loading l = {.repo = r, .progress = p, .mutex = PTHREAD_MUTEX_INITIALIZER, .damaged = damaged};
	bool gone = true;
	int result = 0;

	for (int i = 0; result == 0 && gone && i < LISTINGS_MAX; i++)
		result = load_listed(&l, &gone, e);
	if (result == 0 && gone)
		result = error_set(e, ERR_TEMPORARY, "its files keep changing while they are read");
	if (result)
		return error_wrap(e, "loading the index");
	repo_drop_index(r);
	r->index = TAKE(l.index);
	return 0;
}

void repo_drop_index(struct repo *r)
{
	index_free(r->index);
	r->index = NULL;
}

static int read_at(struct repo *r, struct blob_codec *c, const struct blob_place *at, struct buf *out, struct error *e)
{
	struct buf *sealed = blob_codec_scratch(c);
	struct store_file pack = {.kind = STORE_DATA};

	id_hex(&at->pack, pack.name);
	buf_clear(sealed);
	if (at->blob.length > BLOB_MAX_PLAIN + CIPHER_OVERHEAD)
		return error_set(e, ERR_LIMIT, "pack %.8s: a blob of %u bytes is above the limit", pack.name,
				 at->blob.length);
	buf_reserve(sealed, at->blob.length);
	int result = store_get(r->store, &pack, at->blob.offset, sealed->p, at->blob.length, e);
	if (result == 0)
		result = blob_decode(c, &at->blob.id, sealed->p, at->blob.length, at->blob.plain_len, out, e);
	return result ? error_wrap(e, "pack %.8s", pack.name) : 0;
}

int repo_read_blob(struct repo *r, struct blob_codec *c, enum blob_type type, const struct id *id, struct buf *out,
		   struct error *e)
{
	struct blob_place places[COPIES_MAX];
	char hex[ID_HEX_LEN + 1];
	int result = 0;

	assert(r->index);
	buf_clear(out);
	size_t n = index_find_all(r->index, type, id, places, COPIES_MAX);
	if (n == 0)
		return error_set(e, ERR_NOT_FOUND, "blob %.8s is not in the repository", id_hex(id, hex));
	for (size_t i = 0; i < n; i++) {
		result = read_at(r, c, &places[i], out, e);
		if (result == 0)
			return 0;
	}
	if (result == -ERR_NOT_FOUND) {
		struct error cause = *e;
		return error_set(e, ERR_CORRUPT, "blob %.8s: its pack is missing: %s", id_hex(id, hex), cause.text);
	}
	return result;
}

struct matches {
	const char *prefix;
	size_t len, n;
	struct id id;
};

static int match(const char *name, uint64_t size, void *ctx)
{
	struct matches *m = ctx;
	if (strncmp(name, m->prefix, m->len) == 0 && id_parse(&m->id, name, strlen(name)))
		m->n++;
	return 0;
}

int repo_resolve(struct repo *r, enum store_kind kind, const char *prefix, struct id *out, struct error *e)
{
	struct matches m = {.prefix = prefix, .len = strlen(prefix)};
	const char *what = store_kind_name(kind);

	if (m.len < PREFIX_MIN || m.len > ID_HEX_LEN || strspn(prefix, "0123456789abcdef") != m.len)
		return error_set(e, ERR_USAGE, "\"%s\" is no id: give 4 to 64 of its digits (0-9, a-f)", prefix);
	int result = store_list(r->store, kind, match, &m, e);
	if (result)
		return result;
	if (m.n == 0)
		return error_set(e, ERR_NOT_FOUND, "no %s begins with %s", what, prefix);
	if (m.n > 1) {
		error_set(e, ERR_USAGE, "%s is ambiguous: %zu %s ids begin with it", prefix, m.n, what);
		return error_hint(e, "give more digits");
	}
	*out = m.id;
	return 0;
}
