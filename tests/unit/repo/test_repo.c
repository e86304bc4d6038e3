#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "golden.h"
#include "memory_repo.h"
#include "repo/repo.h"
#include "repo/unpacked.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

static const struct key_params cheap = {2, 1, 1};

static struct secret secret_of(const char *word)
{
	struct secret s = {0};
	secret_set(&s, word, strlen(word));
	return s;
}

static int open_with(struct store *s, const char *word, struct repo **r, struct error *e)
{
	CLEANUP(secret_release) struct secret password = secret_of(word);
	return repo_open(s, &password, r, e);
}

static int create(struct store *s, struct repo **r, struct error *e)
{
	CLEANUP(secret_release) struct secret password = secret_of("geheim");
	return repo_create(s, &password, &cheap, r, e);
}

/* In memory where there is such a place: what is made durable here is thrown away at once. */
static char *temp_dir(void)
{
	char *dir;
	struct error e;
	const char *where = fs_is_writable_dir("/dev/shm") ? "/dev/shm" : NULL;
	assert_int_equal(fs_temp_dir(where, "repo-test-", &dir, &e), 0);
	return dir;
}

static struct store *local(const char *path)
{
	struct store *s;
	struct error e;
	assert_int_equal(local_open(path, &s, &e), 0);
	return s;
}

/* Write a pack of one blob per text, and its index when `listed`. *ids receives the blobs. */
static struct id write_pack(struct repo *r, const char *const *texts, size_t n, bool listed, struct id *ids)
{
	struct blob_codec *c = blob_codec_new(&r->key);
	struct pack_blob blobs[8];
	struct buf pack = BUF_INIT, json = BUF_INIT;
	struct id id, index_id;
	char hex[65];
	struct error e;

	for (size_t i = 0; i < n; i++) {
		struct pack_blob *b = &blobs[i];
		*b = (struct pack_blob){.type = BLOB_DATA, .offset = (uint32_t)pack.len};
		support_seal(c, texts[i], strlen(texts[i]), 2, &b->id, &pack, &b->plain_len);
		b->length = (uint32_t)pack.len - b->offset;
		ids[i] = b->id;
	}
	pack_write_header(blob_codec_cipher(c), blobs, n, &pack);
	id_hash(&id, pack.p, pack.len);
	golden_place(r->store, STORE_DATA, id_hex(&id, hex), pack.p, pack.len);
	if (listed) {
		index_file_encode(&(struct index_pack){id, blobs, n}, 1, &json);
		assert_int_equal(unpacked_save(r->store, &r->key, 2, STORE_INDEX, json.p, json.len, &index_id, &e), 0);
	}
	buf_release(&pack);
	buf_release(&json);
	blob_codec_free(c);
	return id;
}

static void damage_pack(struct repo *r, const struct id *id)
{
	struct store_file f = {.kind = STORE_DATA};
	struct buf b = BUF_INIT;
	struct error e;

	id_hex(id, f.name);
	assert_int_equal(store_get_all(r->store, &f, 1 << 20, &b, &e), 0);
	b.p[20] ^= 1;
	golden_place(r->store, STORE_DATA, f.name, b.p, b.len);
	buf_release(&b);
}

static void remove_file(struct repo *r, enum store_kind kind, const struct id *id)
{
	struct store_file f = {.kind = kind};
	struct error e;

	id_hex(id, f.name);
	assert_int_equal(store_remove(r->store, &f, &e), 0);
}

static void where_nothing_is_there_is_no_repository(void **state)
{
	AUTO_FREE char *dir = temp_dir();
	AUTO_FREE char *text = mem_printf("there is no repository at %s/none", dir);
	AUTO_FREE char *path = mem_printf("%s/none", dir);
	struct repo *r = NULL;
	struct error e;

	assert_int_equal(open_with(local(path), "x", &r, &e), -ERR_NO_REPO);
	assert_string_equal(e.text, text);
	assert_string_equal(e.hint, "create it first, or correct the address");
	assert_int_equal(open_with(local(dir), "x", &r, &e), -ERR_NO_REPO);
	assert_null(r);
	assert_int_equal(fs_remove_tree(dir, &e), 0);
}

static void a_repository_is_never_made_over_another(void **state)
{
	AUTO_FREE char *dir = temp_dir();
	AUTO_FREE char *text = mem_printf("a repository exists already at %s", dir);
	struct repo *r = NULL;
	struct error e;
	char id[65];

	assert_int_equal(create(local(dir), &r, &e), 0);
	memcpy(id, r->config.id, sizeof id);
	repo_free(r);
	assert_int_equal(create(local(dir), &r, &e), -ERR_EXISTS);
	assert_string_equal(e.text, text);
	assert_string_equal(e.hint, "use it as it is, or choose another place");
	assert_int_equal(open_with(local(dir), "geheim", &r, &e), 0);
	assert_string_equal(r->config.id, id);
	repo_free(r);
	assert_int_equal(fs_remove_tree(dir, &e), 0);
}

static void a_wrong_password_opens_nothing(void **state)
{
	AUTO_FREE char *dir = temp_dir();
	AUTO_FREE char *text = mem_printf("opening the repository at %s: wrong password, or no key found", dir);
	struct repo *r = NULL;
	struct error e;

	assert_int_equal(create(local(dir), &r, &e), 0);
	repo_free(r);
	r = NULL;
	assert_int_equal(open_with(local(dir), "Geheim", &r, &e), -ERR_PASSWORD);
	assert_string_equal(e.text, text);
	assert_null(r);
	assert_int_equal(fs_remove_tree(dir, &e), 0);
	repo_free(NULL);
}

/* The store's writes while creating: the places, the key, the config. */
static void a_half_made_repository_is_not_taken_for_one(void **state)
{
	for (unsigned long at = 1; at <= 3; at++) {
		AUTO_FREE char *dir = temp_dir();
		struct fault_plan plan = {.kind = FAULT_ERROR, .at = at, .writes_only = 1, .error = ERR_NO_SPACE};
		struct repo *r = NULL;
		struct error e;

		assert_int_equal(create(fault_new(local(dir), &plan), &r, &e), -ERR_NO_SPACE);
		assert_null(r);
		assert_int_equal(open_with(local(dir), "geheim", &r, &e), -ERR_NO_REPO);
		/* and may be made again */
		assert_int_equal(create(local(dir), &r, &e), 0);
		repo_free(r);
		assert_int_equal(open_with(local(dir), "geheim", &r, &e), 0);
		repo_free(r);
		assert_int_equal(fs_remove_tree(dir, &e), 0);
	}
}

/* Its keys may be all that opens the data of a repository that lost its config. */
static void keys_without_a_config_are_never_joined_by_a_second_master_key(void **state)
{
	AUTO_FREE char *dir = temp_dir();
	AUTO_FREE char *config = mem_printf("%s/config", dir);
	AUTO_FREE char *text = mem_printf("creating a repository at %s: there are key files already, and this password "
					  "does not open them",
					  dir);
	CLEANUP(secret_release) struct secret other = secret_of("other");
	struct cipher_key key;
	struct repo *r = NULL;
	struct error e;

	assert_int_equal(create(local(dir), &r, &e), 0);
	key = r->key;
	repo_free(r);
	r = NULL;
	assert_int_equal(fs_remove_tree(config, &e), 0);
	assert_int_equal(repo_create(local(dir), &other, &cheap, &r, &e), -ERR_EXISTS);
	assert_string_equal(e.text, text);
	assert_string_equal(
		e.hint, "choose another place; or remove its folder keys/, if nothing that is stored there matters");
	assert_null(r);
	assert_int_equal(create(local(dir), &r, &e), 0);
	assert_memory_equal(&r->key, &key, sizeof key);
	repo_free(r);
	assert_int_equal(fs_remove_tree(dir, &e), 0);
}

static void a_damaged_config_is_told(void **state)
{
	struct store *s = golden_store();
	struct repo *r = NULL;
	struct error e;

	golden_place(s, STORE_CONFIG, "", GOLDEN_CONFIG, strlen(GOLDEN_CONFIG));
	golden_place(s, STORE_KEY, GOLDEN_KEY_ID, "{}", 2);
	assert_int_equal(open_with(s, GOLDEN_PASSWORD, &r, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "opening the repository at mem:: no key file can be used: key f78b4b6b is damaged "
				    "(its salt has 0 bytes instead of 64)");
	r = memory_repo();
	golden_place(r->store, STORE_CONFIG, "", GOLDEN_CONFIG, strlen(GOLDEN_CONFIG));
	struct store *kept = r->store;
	r->store = NULL;
	repo_free(r);
	r = NULL;
	assert_int_equal(open_with(kept, "geheim", &r, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, "opening the repository at mem:: config is damaged (its MAC does not match)");
	assert_null(r);
}

static void a_repository_of_restic_is_opened_and_read(void **state)
{
	struct store *s = golden_store();
	struct cipher_key master = golden_master();
	struct pack_blob blob = {golden_id(GOLDEN_BLOB_ID), BLOB_DATA, 0, GOLDEN_BLOB_LENGTH, 33};
	struct buf json = BUF_INIT, out = BUF_INIT;
	struct id id;
	struct repo *r;
	struct error e;

	index_file_encode(&(struct index_pack){golden_id(GOLDEN_PACK_ID), &blob, 1}, 1, &json);
	assert_int_equal(unpacked_save(s, &master, 2, STORE_INDEX, json.p, json.len, &id, &e), 0);
	assert_int_equal(open_with(s, GOLDEN_PASSWORD, &r, &e), 0);
	assert_int_equal(r->config.version, 2);
	assert_true(r->config.polynomial == 0x3c5d190a97a555);
	id = golden_id(GOLDEN_KEY_ID);
	assert_true(id_equal(&r->key_id, &id));
	assert_null(r->index);
	assert_int_equal(repo_load_index(r, NULL, NULL, &e), 0);
	struct blob_codec *c = blob_codec_new(&r->key);
	assert_int_equal(repo_read_blob(r, c, BLOB_DATA, &blob.id, &out, &e), 0);
	assert_string_equal(buf_text(&out), GOLDEN_BLOB_TEXT);
	blob_codec_free(c);
	buf_release(&json);
	buf_release(&out);
	repo_free(r);
}

static void half_an_index_is_never_worked_on(void **state)
{
	struct repo *r = memory_repo();
	struct id ids[4], index_id;
	struct error e;
	CLEANUP(id_list_release) struct id_list damaged = {0};

	for (int i = 0; i < 20; i++) {
		AUTO_FREE char *text = mem_printf("blob %d", i);
		write_pack(r, (const char *const[]){text}, 1, true, ids);
	}
	assert_int_equal(repo_load_index(r, NULL, NULL, &e), 0);
	assert_int_equal(index_pack_count(r->index), 20);
	struct index *loaded = r->index;

	assert_int_equal(unpacked_save(r->store, &r->key, 2, STORE_INDEX, "{\"packs\":[{}]}", 14, &index_id, &e), 0);
	char hex[65];
	AUTO_FREE char *wanted =
		mem_printf("loading the index: index %.8s is damaged: invalid JSON at byte 12: a pack has no id",
			   id_hex(&index_id, hex));
	assert_int_equal(repo_load_index(r, NULL, NULL, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, wanted);
	assert_ptr_equal(r->index, loaded);

	golden_place(r->store, STORE_INDEX, GOLDEN_PACK_ID, "junk", 4);
	assert_int_equal(repo_load_index(r, NULL, &damaged, &e), 0);
	assert_int_equal(damaged.n, 2);
	assert_int_equal(index_pack_count(r->index), 20);
	repo_drop_index(r);
	assert_null(r->index);
	repo_free(r);
}

static struct store_ops vanishing;
static const struct store_ops *whole;
static bool listed_still;
static atomic_int index_reads;

/* Each third index file goes, or not, just before it is read. */
static int vanishing_size(struct store *s, const struct store_file *f, uint64_t *size, struct error *e)
{
	if (f->kind == STORE_INDEX && ++index_reads % 3 == 0) {
		if (listed_still)
			return error_set(e, ERR_NOT_FOUND, "index/%s: there is no such file", f->name);
		assert_int_equal(whole->remove(s, f, e), 0);
	}
	return whole->size(s, f, size, e);
}

static void an_index_file_that_went_meanwhile_is_none_and_one_that_is_listed_still_is_damage(void **state)
{
	struct repo *r = memory_repo();
	struct id ids[4];
	struct error e;
	CLEANUP(id_list_release) struct id_list damaged = {0};

	for (int i = 0; i < 5; i++) {
		AUTO_FREE char *text = mem_printf("blob %d", i);
		write_pack(r, (const char *const[]){text}, 1, true, ids);
	}
	patch_store(r, &vanishing, &whole)->size = vanishing_size;
	listed_still = true;
	index_reads = 0;
	assert_int_equal(repo_load_index(r, NULL, NULL, &e), -ERR_CORRUPT);
	assert_non_null(strstr(e.text, " is listed, but not there"));
	assert_null(r->index);
	index_reads = 0;
	assert_int_equal(repo_load_index(r, NULL, &damaged, &e), 0);
	assert_int_equal(damaged.n, 1);
	assert_int_equal(index_pack_count(r->index), 4);

	listed_still = false;
	index_reads = 0;
	id_list_release(&damaged);
	assert_int_equal(repo_load_index(r, NULL, &damaged, &e), 0);
	assert_int_equal(damaged.n, 0);
	assert_int_equal(index_pack_count(r->index), 2);
	repo_free(r);
}

static void an_index_that_cannot_be_read_is_no_damage(void **state)
{
	struct repo *r = memory_repo();
	struct id ids[4];
	struct error e;
	CLEANUP(id_list_release) struct id_list damaged = {0};

	for (int i = 0; i < 5; i++) {
		AUTO_FREE char *text = mem_printf("blob %d", i);
		write_pack(r, (const char *const[]){text}, 1, true, ids);
	}
	r->store = fault_new(r->store, &(struct fault_plan){.kind = FAULT_ERROR, .at = 4, .and_after = true});
	assert_int_equal(repo_load_index(r, NULL, &damaged, &e), -ERR_IO);
	assert_null(r->index);
	assert_int_equal(damaged.n, 0);
	repo_free(r);
}

static void loading_can_be_cancelled_and_tells_how_far_it_is(void **state)
{
	struct repo *r = memory_repo();
	struct progress p = {NULL};
	struct id ids[4];
	struct error e;

	for (int i = 0; i < 5; i++) {
		AUTO_FREE char *text = mem_printf("blob %d", i);
		write_pack(r, (const char *const[]){text}, 1, true, ids);
	}
	assert_int_equal(repo_load_index(r, &p, NULL, &e), 0);
	assert_string_equal(p.phase, "loading the index");
	assert_int_equal(p.items_total, 5);
	assert_int_equal(p.items_done, 5);
	p.cancel = true;
	assert_int_equal(repo_load_index(r, &p, NULL, &e), -ERR_CANCELLED);
	repo_free(r);
}

static void a_damaged_blob_is_read_from_its_other_pack(void **state)
{
	struct repo *r = memory_repo();
	struct blob_codec *c = blob_codec_new(&r->key);
	struct buf out = BUF_INIT;
	struct id ids[4], other[4], packs[3];
	struct error e;
	char hex[65];

	packs[0] = write_pack(r, (const char *const[]){"shared"}, 1, true, ids);
	packs[1] = write_pack(r, (const char *const[]){"shared", "more"}, 2, true, other);
	packs[2] = write_pack(r, (const char *const[]){"shared", "else"}, 2, true, other);
	assert_int_equal(repo_load_index(r, NULL, NULL, &e), 0);

	/* Whichever is asked first, any one good copy is enough. */
	damage_pack(r, &packs[0]);
	assert_int_equal(repo_read_blob(r, c, BLOB_DATA, ids, &out, &e), 0);
	assert_string_equal(buf_text(&out), "shared");
	remove_file(r, STORE_DATA, &packs[2]);
	assert_int_equal(repo_read_blob(r, c, BLOB_DATA, ids, &out, &e), 0);
	assert_string_equal(buf_text(&out), "shared");
	damage_pack(r, &packs[1]);
	assert_int_equal(repo_read_blob(r, c, BLOB_DATA, ids, &out, &e), -ERR_CORRUPT);
	assert_int_equal(out.len, 0);

	assert_int_equal(repo_read_blob(r, c, BLOB_DATA, &other[1], &out, &e), -ERR_CORRUPT);
	AUTO_FREE char *wanted = mem_printf("blob %.8s: its pack is missing: ", id_hex(&other[1], hex));
	assert_ptr_equal(strstr(e.text, wanted), e.text);
	struct id stranger;
	id_hash(&stranger, "stranger", 8);
	AUTO_FREE char *unknown = mem_printf("blob %.8s is not in the repository", id_hex(&stranger, hex));
	assert_int_equal(repo_read_blob(r, c, BLOB_DATA, &stranger, &out, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, unknown);
	assert_int_equal(repo_read_blob(r, c, BLOB_TREE, ids, &out, &e), -ERR_NOT_FOUND);
	buf_release(&out);
	blob_codec_free(c);
	repo_free(r);
}

static void prefixes_that_are_none_are_refused(void **state)
{
	static const char *const cases[] = {
		"",      "37e",    "37E8",
		"37e8/", "latest", "37e8d56f0786500149b1eb0f32b8cabf5d8cebad13def025107151112420f0940"};
	struct repo *r = memory_repo();
	struct id id;
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(repo_resolve(r, STORE_SNAPSHOT, cases[i], &id, &e), -ERR_USAGE);
	assert_int_equal(repo_resolve(r, STORE_SNAPSHOT, "37e", &id, &e), -ERR_USAGE);
	assert_string_equal(e.text, "\"37e\" is no id: give 4 to 64 of its digits (0-9, a-f)");
	assert_int_equal(repo_resolve(r, STORE_SNAPSHOT, "37e8", &id, &e), -ERR_NOT_FOUND);
	assert_string_equal(e.text, "no snapshot begins with 37e8");
	repo_free(r);
}

static void a_prefix_finds_its_file_when_it_is_the_only_one(void **state)
{
	struct repo *r = memory_repo();
	struct id id, wanted = golden_id(GOLDEN_SNAPSHOT_ID);
	struct error e;

	golden_place_base64(r->store, STORE_SNAPSHOT, GOLDEN_SNAPSHOT_ID, GOLDEN_SNAPSHOT);
	assert_int_equal(repo_resolve(r, STORE_SNAPSHOT, "37e8", &id, &e), 0);
	assert_true(id_equal(&id, &wanted));
	assert_int_equal(repo_resolve(r, STORE_SNAPSHOT, GOLDEN_SNAPSHOT_ID, &id, &e), 0);
	golden_place(r->store, STORE_SNAPSHOT, "37e8d56f0786500149b1eb0f32b8cabf5d8cebad13def025107151112420f095", "",
		     0);
	assert_int_equal(repo_resolve(r, STORE_SNAPSHOT, "37e8", &id, &e), -ERR_USAGE);
	assert_string_equal(e.text, "37e8 is ambiguous: 2 snapshot ids begin with it");
	assert_string_equal(e.hint, "give more digits");
	assert_int_equal(repo_resolve(r, STORE_SNAPSHOT, GOLDEN_SNAPSHOT_ID, &id, &e), 0);
	assert_true(id_equal(&id, &wanted));
	repo_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(where_nothing_is_there_is_no_repository),
		cmocka_unit_test(a_repository_is_never_made_over_another),
		cmocka_unit_test(a_wrong_password_opens_nothing),
		cmocka_unit_test(a_half_made_repository_is_not_taken_for_one),
		cmocka_unit_test(keys_without_a_config_are_never_joined_by_a_second_master_key),
		cmocka_unit_test(a_damaged_config_is_told),
		cmocka_unit_test(a_repository_of_restic_is_opened_and_read),
		cmocka_unit_test(half_an_index_is_never_worked_on),
		cmocka_unit_test(an_index_file_that_went_meanwhile_is_none_and_one_that_is_listed_still_is_damage),
		cmocka_unit_test(an_index_that_cannot_be_read_is_no_damage),
		cmocka_unit_test(loading_can_be_cancelled_and_tells_how_far_it_is),
		cmocka_unit_test(a_damaged_blob_is_read_from_its_other_pack),
		cmocka_unit_test(prefixes_that_are_none_are_refused),
		cmocka_unit_test(a_prefix_finds_its_file_when_it_is_the_only_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
