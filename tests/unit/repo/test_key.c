#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/timefmt.h"
#include "golden.h"
#include "repo/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SALT "tG0inVRQUwWtPpjYd9EU5M6AtLIe2ICSkzgpW0MZhZK43pN1pSFT+yAAUlhbp84GrKmW8Z+3PYKmIFvpcUpKhQ=="
#define DATA "XT7LA/7rxbCCL0ToAoqQgIJMZqYeGPVHwWjWTwXpfuc4R3LIqlDBoKCedYO5k1Kp0RPAcTTShmLs+MCa"
#define FORM(kdf, params, salt, data) "{\"kdf\":\"" kdf "\"," params ",\"salt\":\"" salt "\",\"data\":\"" data "\"}"
#define PARAMS "\"N\":2,\"r\":1,\"p\":1"

static const struct key_params cheap = {2, 1, 1};

static struct secret secret_of(const char *word)
{
	struct secret s = {0};
	secret_set(&s, word, strlen(word));
	return s;
}

static struct store *new_store(void)
{
	struct store *s = mem_store_new();
	struct error e;
	assert_int_equal(store_create(s, &e), 0);
	return s;
}

static struct id add(struct store *s, const struct cipher_key *master, const char *word)
{
	CLEANUP(secret_release) struct secret password = secret_of(word);
	struct id id;
	struct error e;
	assert_int_equal(key_add(s, master, &password, &cheap, &id, &e), 0);
	return id;
}

static int search(struct store *s, const char *word, struct cipher_key *master, struct id *which, struct error *e)
{
	CLEANUP(secret_release) struct secret password = secret_of(word);
	return key_search(s, &password, master, which, e);
}

/* Flip one bit of the last base64 digit but one of a key's data, which leaves it good JSON and good base64. */
static void damage(struct store *s, const struct id *id)
{
	struct store_file f = {.kind = STORE_KEY};
	struct buf b = BUF_INIT;
	struct error e;

	id_hex(id, f.name);
	assert_int_equal(store_get_all(s, &f, 65536, &b, &e), 0);
	unsigned char *at = (unsigned char *)strstr((char *)b.p, "\"data\":\"") + 20;
	*at = *at == 'A' ? 'B' : 'A';
	golden_place(s, STORE_KEY, f.name, b.p, b.len);
	buf_release(&b);
}

static void key_files_outside_the_limits_are_refused(void **state)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{"", "invalid JSON at byte 0: unexpected end"},
		{"{}", "its salt has 0 bytes instead of 64"},
		{"[]", NULL},
		{FORM("argon2", PARAMS, SALT, DATA), "invalid JSON at byte 15: the key derivation is not scrypt"},
		{FORM("scrypt", PARAMS, "c2FsdA==", DATA), "its salt has 4 bytes instead of 64"},
		{FORM("scrypt", PARAMS, "c2Fsd", DATA), "invalid JSON at byte 48: a value is not base64"},
		{FORM("scrypt", PARAMS, SALT, ""), "it holds no key"},
		{FORM("scrypt", PARAMS, SALT, "AAAA"), "it holds no key"},
		{FORM("scrypt", "\"N\":3,\"r\":1,\"p\":1", SALT, DATA), "its scrypt parameters are outside the limits"},
		{FORM("scrypt", "\"N\":1,\"r\":1,\"p\":1", SALT, DATA), "its scrypt parameters are outside the limits"},
		{FORM("scrypt", "\"N\":2,\"r\":0,\"p\":1", SALT, DATA), "its scrypt parameters are outside the limits"},
		{FORM("scrypt", "\"N\":2,\"r\":1,\"p\":0", SALT, DATA), "its scrypt parameters are outside the limits"},
		{FORM("scrypt", "\"N\":2,\"r\":1,\"p\":65", SALT, DATA),
		 "its scrypt parameters are outside the limits"},
		{FORM("scrypt", "\"N\":1048576,\"r\":9,\"p\":1", SALT, DATA),
		 "its scrypt parameters are outside the limits"},
		{FORM("scrypt", "\"N\":9223372036854775808,\"r\":1,\"p\":1", SALT, DATA),
		 "its scrypt parameters are outside the limits"},
		{FORM("scrypt", "\"N\":2,\"r\":18446744073709551615,\"p\":1", SALT, DATA),
		 "its scrypt parameters are outside the limits"},
		{FORM("scrypt", "\"N\":-2,\"r\":1,\"p\":1", SALT, DATA), NULL},
	};
	struct key_file k;
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(key_file_parse(cases[i].json, strlen(cases[i].json), &k, &e), -ERR_CORRUPT);
		if (cases[i].text)
			assert_string_equal(e.text, cases[i].text);
	}
}

static void an_odd_date_or_unknown_members_lock_nobody_out(void **state)
{
	const char *json = "{\"x\":[],\"created\":\"yesterday\",\"kdf\":\"scrypt\"," PARAMS ",\"salt\":\"" SALT
			   "\",\"data\":\"" DATA "\"}";
	struct key_file k;
	struct error e;

	assert_int_equal(key_file_parse(json, strlen(json), &k, &e), 0);
	assert_int_equal(k.created.tv_sec, 0);
	assert_null(k.username);
	key_file_release(&k);
}

static void a_key_file_of_restic_is_read(void **state)
{
	struct key_file k;
	struct error e;
	struct id id = golden_id(GOLDEN_KEY_ID);
	char created[TIME_RFC3339_MAX];

	assert_int_equal(key_file_parse(GOLDEN_KEY, strlen(GOLDEN_KEY), &k, &e), 0);
	assert_true(id_equal(&k.id, &id));
	time_to_rfc3339(k.created, 0, created);
	assert_string_equal(created, "2026-11-21T04:55:18.412932248Z");
	assert_string_equal(k.username, "root");
	assert_string_equal(k.hostname, "vm");
	assert_int_equal(k.params.n, 32768);
	assert_int_equal(k.params.r, 8);
	assert_int_equal(k.params.p, 6);
	assert_int_equal(k.salt.len, 64);
	assert_int_equal(k.data.len, 160);
	key_file_release(&k);
}

static void a_password_opens_a_key_of_restic(void **state)
{
	struct store *s = golden_store();
	struct cipher_key master, wanted = golden_master();
	struct id which, id = golden_id(GOLDEN_KEY_ID);
	struct error e;

	assert_int_equal(search(s, GOLDEN_PASSWORD, &master, &which, &e), 0);
	assert_memory_equal(&master, &wanted, sizeof master);
	assert_true(id_equal(&which, &id));
	store_free(s);
}

static void a_wrong_password_is_told_from_a_damaged_key(void **state)
{
	struct store *s = new_store();
	struct cipher_key master = golden_master(), got;
	struct id which, id = add(s, &master, "right");
	struct error e;
	char hex[65];

	assert_int_equal(search(s, "wrong", &got, &which, &e), -ERR_PASSWORD);
	assert_string_equal(e.text, "wrong password, or no key found");
	assert_string_equal(e.hint, "");
	assert_int_equal(search(s, "", &got, &which, &e), -ERR_PASSWORD);

	damage(s, &id);
	AUTO_FREE char *text = mem_printf(
		"no key file can be used: key %.8s is damaged (its bytes do not match its name)", id_hex(&id, hex));
	assert_int_equal(search(s, "right", &got, &which, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, text);
	assert_string_equal(e.hint, "put back a copy of the folder keys/");
	store_free(s);
}

static void a_damaged_key_is_named_when_no_other_opens(void **state)
{
	struct store *s = new_store();
	struct cipher_key master = golden_master(), got;
	struct id which, lost = add(s, &master, "lost"), kept = add(s, &master, "kept");
	struct error e;
	char hex[65];

	damage(s, &lost);
	AUTO_FREE char *hint =
		mem_printf("key %.8s is damaged (its bytes do not match its name); it may be the one this "
			   "password belongs to",
			   id_hex(&lost, hex));
	assert_int_equal(search(s, "lost", &got, &which, &e), -ERR_PASSWORD);
	assert_string_equal(e.text, "wrong password, or no key found");
	assert_string_equal(e.hint, hint);
	assert_int_equal(search(s, "kept", &got, &which, &e), 0);
	assert_true(id_equal(&which, &kept));
	assert_memory_equal(&got, &master, sizeof got);
	store_free(s);
}

static void files_that_are_no_keys_do_not_stop_the_search(void **state)
{
	struct store *s = new_store();
	struct cipher_key master = golden_master(), got;
	struct id which, id = add(s, &master, "right");
	struct error e;
	char name[65];
	AUTO_FREE char *huge = mem_zero(100000);

	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof name, "%064d", i);
		golden_place(s, STORE_KEY, name, huge, i % 2 ? 100000 : 3);
	}
	assert_int_equal(search(s, "right", &got, &which, &e), 0);
	assert_true(id_equal(&which, &id));
	assert_int_equal(search(s, "wrong", &got, &which, &e), -ERR_PASSWORD);
	store_free(s);
}

/* A file whose date alone was changed is damaged, yet its key is still proven right by the password. */
static void a_damaged_file_that_opens_all_the_same_is_used(void **state)
{
	struct store *s = new_store();
	struct cipher_key master = golden_master(), got;
	struct id which, id = add(s, &master, "right");
	struct store_file f = {.kind = STORE_KEY};
	struct buf b = BUF_INIT;
	struct error e;

	id_hex(&id, f.name);
	assert_int_equal(store_get_all(s, &f, 65536, &b, &e), 0);
	b.p[strlen("{\"cr")] = 'E';
	golden_place(s, STORE_KEY, f.name, b.p, b.len);
	assert_int_equal(search(s, "right", &got, &which, &e), 0);
	assert_memory_equal(&got, &master, sizeof got);
	buf_release(&b);
	store_free(s);
}

static void without_key_files_there_is_no_repository(void **state)
{
	struct store *s = new_store();
	struct cipher_key got;
	struct id which;
	struct error e;

	assert_int_equal(search(s, "any", &got, &which, &e), -ERR_NO_REPO);
	assert_string_equal(e.text, "the repository has no key files");
	store_free(s);
}

static void a_key_that_cannot_be_read_is_not_a_wrong_password(void **state)
{
	struct store *mem = new_store();
	struct cipher_key master = golden_master(), got;
	struct id which;
	struct error e;

	add(mem, &master, "right");
	struct store *s = fault_new(mem, &(struct fault_plan){.kind = FAULT_ERROR, .at = 2, .and_after = true});
	assert_int_equal(search(s, "right", &got, &which, &e), -ERR_IO);
	store_free(s);
}

static void a_sealed_key_that_is_none_is_damage(void **state)
{
	static const struct {
		const char *master, *text;
	} cases[] = {
		{"{}", "the master key is not valid: a part of it is all zero"},
		{"{\"mac\":{\"k\":\"AAAA\"}}", "invalid JSON at byte 18: a part of the master key has a wrong length"},
		{"not JSON", NULL},
	};
	CLEANUP(secret_release) struct secret password = secret_of("x");
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		/* N=2, r=1, p=1, password "x" and the golden salt stretch to this key. */
		struct key_file k = {.params = cheap};
		struct cipher_key user, got;
		static const char hex[] = "c21d121ed56f27d6b611c44f98c6f63b27caf9b012025ced5611252b5ad342a5"
					  "7632f81d04a86a2170dcce2413af1ef3f7a9d1ca3f067fdd5b15b10df4418399";
		assert_true(hex_decode(hex, strlen(hex), &user, sizeof user));
		struct cipher *c = cipher_new(&user);
		golden_bytes(SALT, &k.salt);
		cipher_seal(c, cases[i].master, strlen(cases[i].master), &k.data);
		assert_int_equal(key_file_open(&k, &password, &got, &e), -ERR_CORRUPT);
		if (cases[i].text)
			assert_string_equal(e.text, cases[i].text);
		cipher_free(c);
		key_file_release(&k);
	}
}

static void a_new_key_file_has_the_members_of_restic_in_order(void **state)
{
	static const char *const members[] = {"{\"created\":\"", "\",\"username\":\"", "\",\"hostname\":\"",
					      "\",\"kdf\":\"scrypt\",\"N\":2,\"r\":1,\"p\":1,\"salt\":\"",
					      "\",\"data\":\""};
	struct store *s = new_store();
	struct cipher_key master = golden_master();
	struct id hash, id = add(s, &master, "x");
	struct store_file f = {.kind = STORE_KEY};
	struct buf b = BUF_INIT;
	struct error e;
	struct key_file k;

	id_hex(&id, f.name);
	assert_int_equal(store_get_all(s, &f, 65536, &b, &e), 0);
	id_hash(&hash, b.p, b.len);
	assert_true(id_equal(&hash, &id));
	const char *at = buf_text(&b);
	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		at = strstr(at, members[i]);
		assert_non_null(at);
		at += strlen(members[i]);
	}
	assert_int_equal(key_file_parse(b.p, b.len, &k, &e), 0);
	assert_int_equal(k.data.len, 160);
	key_file_release(&k);
	buf_release(&b);
	store_free(s);
}

static void keys_are_listed_by_age_without_the_damaged(void **state)
{
	struct store *s = new_store();
	struct cipher_key master = golden_master();
	struct key_file *list;
	struct id ids[4];
	size_t n, damaged;
	struct error e;

	for (int i = 0; i < 4; i++) {
		time_freeze(&(struct timespec){.tv_sec = 1000000 - i * 100});
		ids[i] = add(s, &master, "x");
	}
	time_freeze(NULL);
	damage(s, &ids[1]);
	assert_int_equal(key_list(s, &list, &n, &damaged, &e), 0);
	assert_int_equal(n, 3);
	assert_int_equal(damaged, 1);
	assert_true(id_equal(&list[0].id, &ids[3]));
	assert_true(id_equal(&list[1].id, &ids[2]));
	assert_true(id_equal(&list[2].id, &ids[0]));
	assert_int_equal(list[2].created.tv_sec, 1000000);
	while (n > 0)
		key_file_release(&list[--n]);
	free(list);
	store_free(s);
}

static void a_list_of_keys_that_cannot_be_read_is_an_error(void **state)
{
	struct store *mem = new_store();
	struct cipher_key master = golden_master();
	struct key_file *list;
	size_t n, damaged;
	struct error e;

	for (int i = 0; i < 3; i++)
		add(mem, &master, "x");
	struct store *s = fault_new(mem, &(struct fault_plan){.kind = FAULT_ERROR, .at = 5, .and_after = true});
	assert_int_equal(key_list(s, &list, &n, &damaged, &e), -ERR_IO);
	assert_null(list);
	assert_int_equal(n, 0);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_files_outside_the_limits_are_refused),
		cmocka_unit_test(an_odd_date_or_unknown_members_lock_nobody_out),
		cmocka_unit_test(a_key_file_of_restic_is_read),
		cmocka_unit_test(a_password_opens_a_key_of_restic),
		cmocka_unit_test(a_wrong_password_is_told_from_a_damaged_key),
		cmocka_unit_test(a_damaged_key_is_named_when_no_other_opens),
		cmocka_unit_test(files_that_are_no_keys_do_not_stop_the_search),
		cmocka_unit_test(a_damaged_file_that_opens_all_the_same_is_used),
		cmocka_unit_test(without_key_files_there_is_no_repository),
		cmocka_unit_test(a_key_that_cannot_be_read_is_not_a_wrong_password),
		cmocka_unit_test(a_sealed_key_that_is_none_is_damage),
		cmocka_unit_test(a_new_key_file_has_the_members_of_restic_in_order),
		cmocka_unit_test(keys_are_listed_by_age_without_the_damaged),
		cmocka_unit_test(a_list_of_keys_that_cannot_be_read_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
