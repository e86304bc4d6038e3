#include "repo/key.h"

#include "base/codec.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/node.h"
#include "base/timefmt.h"

#include <stdlib.h>
#include <unistd.h>

#define SALT_LEN 64
#define MEMORY_MAX ((uint64_t)1 << 30)
#define PARALLEL_MAX 64
#define FILE_MAX ((size_t)64 << 10)

void key_file_release(struct key_file *k)
{
	free(k->username);
	free(k->hostname);
	buf_release(&k->salt);
	buf_release(&k->data);
	*k = (struct key_file){0};
}

static void parse_base64(struct json *j, struct buf *text, struct buf *out)
{
	json_string(j, text);
	buf_clear(out);
	if (!base64_decode(buf_text(text), text->len, out))
		json_fail(j, "a value is not base64");
}

/* Names are shown only, so that one of a form we would not write locks nobody out. */
static void parse_name(struct json *j, struct buf *text, char **name)
{
	json_string(j, text);
	free(*name);
	*name = mem_string(buf_text(text));
}

static void parse_member(struct json *j, struct buf *text, struct key_file *k)
{
	if (json_name_is(j, "created")) {
		json_string(j, text);
		(void)time_from_rfc3339(buf_text(text), text->len, &k->created, NULL);
	} else if (json_name_is(j, "username")) {
		parse_name(j, text, &k->username);
	} else if (json_name_is(j, "hostname")) {
		parse_name(j, text, &k->hostname);
	} else if (json_name_is(j, "kdf")) {
		json_string(j, text);
		if (strcmp(buf_text(text), "scrypt") != 0)
			json_fail(j, "the key derivation is not scrypt");
	} else if (json_name_is(j, "N")) {
		k->params.n = json_u64(j);
	} else if (json_name_is(j, "r")) {
		k->params.r = json_u64(j);
	} else if (json_name_is(j, "p")) {
		k->params.p = json_u64(j);
	} else if (json_name_is(j, "salt")) {
		parse_base64(j, text, &k->salt);
	} else if (json_name_is(j, "data")) {
		parse_base64(j, text, &k->data);
	} else {
		json_skip(j);
	}
}

static bool params_ok(const struct key_params *c)
{
	if (c->n < 2 || (c->n & (c->n - 1)) || c->r == 0 || c->p == 0 || c->p > PARALLEL_MAX)
		return false;
	return c->n <= MEMORY_MAX / 128 && c->r <= MEMORY_MAX / 128 / c->n;
}

int key_file_parse(const void *p, size_t n, struct key_file *out, struct error *e)
{
	CLEANUP(key_file_release) struct key_file k = {0};
	CLEANUP(buf_release) struct buf text = BUF_INIT;
	struct json j;

	json_init(&j, p, n);
	json_object_begin(&j);
	while (json_member(&j))
		parse_member(&j, &text, &k);
	int r = json_finish(&j, e);
	if (r)
		return r;
	if (k.salt.len != SALT_LEN)
		return error_set(e, ERR_CORRUPT, "its salt has %zu bytes instead of %d", k.salt.len, SALT_LEN);
	if (!params_ok(&k.params))
		return error_set(e, ERR_CORRUPT, "its scrypt parameters are outside the limits");
	if (k.data.len <= CIPHER_OVERHEAD)
		return error_set(e, ERR_CORRUPT, "it holds no key");
	id_hash(&k.id, p, n);
	*out = k;
	k = (struct key_file){0};
	return 0;
}

/* The user's key: what scrypt makes of the password. */
static int stretch(const struct key_params *c, const struct buf *salt, const struct secret *password,
		   struct cipher_key *user, struct error *e)
{
	_Static_assert(sizeof *user == 64, "scrypt's output is the three keys in a row");

	return digest_scrypt(&(struct digest_cost){c->n, c->r, c->p}, password, salt->p, salt->len, user, sizeof *user, e);
}

static void wipe_key(struct cipher_key *k)
{
	secret_wipe(k, sizeof *k);
}

static void wipe_buf(struct buf *b)
{
	secret_wipe(b->p, b->cap);
	buf_release(b);
}

static void free_cipher(struct cipher **c)
{
	cipher_free(*c);
}

/* One part of the master key, exactly n bytes. */
static void parse_part(struct json *j, struct buf *text, uint8_t *part, size_t n)
{
	CLEANUP(wipe_buf) struct buf raw = BUF_INIT;

	parse_base64(j, text, &raw);
	if (raw.len == n)
		memcpy(part, raw.p, n);
	else
		json_fail(j, "a part of the master key has a wrong length");
}

static int parse_master(const struct buf *plain, struct cipher_key *k, struct error *e)
{
	CLEANUP(wipe_buf) struct buf text = BUF_INIT;
	struct json j;

	*k = (struct cipher_key){0};
	json_init(&j, plain->p, plain->len);
	json_object_begin(&j);
	while (json_member(&j)) {
		if (json_name_is(&j, "encrypt")) {
			parse_part(&j, &text, k->encrypt, sizeof k->encrypt);
		} else if (json_name_is(&j, "mac")) {
			json_object_begin(&j);
			while (json_member(&j)) {
				if (json_name_is(&j, "k"))
					parse_part(&j, &text, k->mac_k, sizeof k->mac_k);
				else if (json_name_is(&j, "r"))
					parse_part(&j, &text, k->mac_r, sizeof k->mac_r);
				else
					json_skip(&j);
			}
		} else {
			json_skip(&j);
		}
	}
	int r = json_finish(&j, e);
	return r ? r : cipher_key_check(k, e);
}

static int open_master(const struct key_file *k, const struct cipher_key *user, struct cipher_key *master,
		       struct error *e)
{
	CLEANUP(free_cipher) struct cipher *c = cipher_new(user);
	CLEANUP(wipe_buf) struct buf plain = BUF_INIT;

	if (cipher_open(c, k->data.p, k->data.len, &plain, e))
		return error_set(e, ERR_PASSWORD, "wrong password");
	return parse_master(&plain, master, e);
}

int key_file_open(const struct key_file *k, const struct secret *password, struct cipher_key *master, struct error *e)
{
	CLEANUP(wipe_key) struct cipher_key user;

	int r = stretch(&k->params, &k->salt, password, &user, e);
	return r ? r : open_master(k, &user, master, e);
}

static void encode_part(struct json_out *w, const char *name, const uint8_t *part, size_t n)
{
	CLEANUP(wipe_buf) struct buf text = BUF_INIT;

	base64_encode(part, n, &text);
	jw_kv_string(w, name, buf_text(&text));
}

static void encode_master(const struct cipher_key *k, struct buf *out)
{
	struct json_out w;

	buf_reserve(out, 256); /* grown once, so that no copy is left behind */
	jw_init(&w, out);
	jw_object(&w);
	jw_name(&w, "mac");
	jw_object(&w);
	encode_part(&w, "k", k->mac_k, sizeof k->mac_k);
	encode_part(&w, "r", k->mac_r, sizeof k->mac_r);
	jw_object_end(&w);
	encode_part(&w, "encrypt", k->encrypt, sizeof k->encrypt);
	jw_object_end(&w);
}

static void encode_file(const struct key_file *k, struct buf *out)
{
	struct json_out w;
	char created[TIME_RFC3339_MAX];

	time_to_rfc3339_local(k->created, created);
	jw_init(&w, out);
	jw_object(&w);
	jw_kv_string(&w, "created", created);
	jw_kv_string(&w, "username", k->username);
	jw_kv_string(&w, "hostname", k->hostname);
	jw_kv_string(&w, "kdf", "scrypt");
	jw_kv_u64(&w, "N", k->params.n);
	jw_kv_u64(&w, "r", k->params.r);
	jw_kv_u64(&w, "p", k->params.p);
	encode_part(&w, "salt", k->salt.p, k->salt.len);
	encode_part(&w, "data", k->data.p, k->data.len);
	jw_object_end(&w);
}

/* Who makes this key, and a new salt. */
static void key_file_init(struct key_file *k, const struct key_params *params)
{
	struct node me;
	char host[256] = "";
	uint8_t salt[SALT_LEN];

	*k = (struct key_file){.created = time_now(), .params = *params};
	node_synthetic(&me, "", NODE_FILE, k->created);
	k->username = mem_string(me.user ? me.user : "");
	node_release(&me);
	gethostname(host, sizeof host - 1);
	k->hostname = mem_string(host);
	random_bytes(salt, sizeof salt);
	buf_add(&k->salt, salt, sizeof salt);
}

static struct store_file file_of(const struct id *id)
{
	struct store_file f = {.kind = STORE_KEY};
	id_hex(id, f.name);
	return f;
}

int key_add(struct store *s, const struct cipher_key *master, const struct secret *password,
	    const struct key_params *params, struct id *id, struct error *e)
{
	CLEANUP(key_file_release) struct key_file k;
	CLEANUP(wipe_key) struct cipher_key user;
	CLEANUP(wipe_buf) struct buf plain = BUF_INIT;
	CLEANUP(buf_release) struct buf json = BUF_INIT;

	key_file_init(&k, params);
	int r = stretch(params, &k.salt, password, &user, e);
	if (r)
		return error_wrap(e, "making a key");
	CLEANUP(free_cipher) struct cipher *c = cipher_new(&user);
	encode_master(master, &plain);
	cipher_seal(c, plain.p, plain.len, &k.data);
	encode_file(&k, &json);
	id_hash(id, json.p, json.len);
	struct store_file f = file_of(id);
	return store_put(s, &f, &(struct iovec){json.p, json.len}, 1, e);
}

int key_remove(struct store *s, const struct id *id, struct error *e)
{
	struct store_file f = file_of(id);

	return store_remove(s, &f, e);
}

/* Read and parse a key file. *intact tells whether the bytes are those its name promises. */
static int load(struct store *s, const struct id *id, struct key_file *k, bool *intact, struct error *e)
{
	CLEANUP(buf_release) struct buf json = BUF_INIT;
	struct store_file f = file_of(id);
	struct error cause;

	int r = store_get_all(s, &f, FILE_MAX, &json, e);
	if (r == 0)
		r = key_file_parse(json.p, json.len, k, e);
	if (r == -ERR_CORRUPT || r == -ERR_LIMIT) {
		cause = *e;
		return error_set(e, ERR_CORRUPT, "key %.8s is damaged (%s)", f.name, cause.text);
	}
	*intact = r == 0 && id_equal(&k->id, id);
	return r;
}

/* Open a key file with the password. A damaged one that opens all the same is as good as any. */
static int try_open(struct store *s, const struct id *id, const struct secret *password, struct cipher_key *master,
		    struct error *e)
{
	CLEANUP(key_file_release) struct key_file k = {0};
	char hex[ID_HEX_LEN + 1];
	bool intact = false;

	int r = load(s, id, &k, &intact, e);
	if (r)
		return r;
	r = key_file_open(&k, password, master, e);
	if (r == -ERR_PASSWORD && !intact)
		return error_set(e, ERR_CORRUPT, "key %.8s is damaged (its bytes do not match its name)",
				 id_hex(id, hex));
	return r == -ERR_PASSWORD ? r : r ? error_wrap(e, "key %.8s", id_hex(id, hex)) : 0;
}

static int collect(const char *name, uint64_t size, void *ctx)
{
	struct id id;
	if (id_parse(&id, name, strlen(name)))
		id_list_add(ctx, &id);
	return 0;
}

/* No key opened: `wrong` of them because of the password, the others because of `trouble`. */
static int not_opened(size_t files, size_t wrong, const struct error *trouble, struct error *e)
{
	if (files == 0)
		return error_set(e, ERR_NO_REPO, "the repository has no key files");
	if (wrong == 0 && trouble->kind == ERR_CORRUPT) {
		error_set(e, ERR_CORRUPT, "no key file can be used: %s", trouble->text);
		return error_hint(e, "put back a copy of the folder keys/");
	}
	if (trouble->kind != ERR_NONE && trouble->kind != ERR_CORRUPT) {
		*e = *trouble;
		return -(int)e->kind;
	}
	error_set(e, ERR_PASSWORD, "wrong password, or no key found");
	if (trouble->kind)
		error_hint(e, "%s; it may be the one this password belongs to", trouble->text);
	return -ERR_PASSWORD;
}

int key_search(struct store *s, const struct secret *password, struct cipher_key *master, struct id *which,
	       struct error *e)
{
	CLEANUP(id_list_release) struct id_list ids = {0};
	struct error trouble = {0}, why;
	size_t wrong = 0;

	int r = store_list(s, STORE_KEY, collect, &ids, e);
	if (r)
		return r;
	for (size_t i = 0; i < ids.n; i++) {
		r = try_open(s, &ids.v[i], password, master, &why);
		if (r == 0) {
			*which = ids.v[i];
			return 0;
		}
		if (r == -ERR_PASSWORD)
			wrong++;
		else if (trouble.kind == ERR_NONE || trouble.kind == ERR_CORRUPT)
			trouble = why;
	}
	return not_opened(ids.n, wrong, &trouble, e);
}

static int by_creation(const void *a, const void *b)
{
	const struct key_file *x = a, *y = b;
	int order = time_cmp(x->created, y->created);
	return order ? order : id_cmp(&x->id, &y->id);
}

int key_list(struct store *s, struct key_file **out, size_t *n, size_t *damaged, struct error *e)
{
	CLEANUP(id_list_release) struct id_list ids = {0};

	*out = NULL;
	*n = *damaged = 0;
	int r = store_list(s, STORE_KEY, collect, &ids, e);
	if (r)
		return r;
	AUTO_FREE struct key_file *list = mem_zero(ids.n * sizeof *list);
	size_t found = 0;
	for (size_t i = 0; i < ids.n && (r == 0 || r == -ERR_CORRUPT); i++) {
		bool intact = false;
		r = load(s, &ids.v[i], &list[found], &intact, e);
		if (r == 0 && intact)
			found++;
		else if (r == 0)
			key_file_release(&list[found]);
	}
	if (r && r != -ERR_CORRUPT) {
		while (found > 0)
			key_file_release(&list[--found]);
		return r;
	}
	qsort(list, found, sizeof *list, by_creation);
	*damaged = ids.n - found;
	*n = found;
	*out = TAKE(list);
	return 0;
}
