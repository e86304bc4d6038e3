#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/codec.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/seal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct error e;

static void make_key(struct secret *key, unsigned char fill)
{
	unsigned char bytes[SEAL_KEY_LEN];
	memset(bytes, fill, sizeof bytes);
	secret_set(key, bytes, sizeof bytes);
}

static void what_is_no_sealed_text_is_told(void **state)
{
	const char *const wrong[] = {"", "secret", "v2.AAAA", "v1.", "v1.AAAA", "v1.***", "v1.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"};
	CLEANUP(secret_release) struct secret key = {0}, out = {0};
	make_key(&key, 1);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(seal_open(&key, "source.url shop", wrong[i], &out, &e), -ERR_CORRUPT);
		assert_string_equal(e.text, "the secret \"source.url shop\" is not a sealed text");
	}
	assert_null(out.p);
}

static void every_changed_bit_is_seen(void **state)
{
	CLEANUP(secret_release) struct secret key = {0}, out = {0};
	make_key(&key, 1);
	AUTO_FREE char *sealed = seal_text(&key, "about", "open sesame", 11);
	CLEANUP(buf_release) struct buf bytes = BUF_INIT;
	assert_true(base64_decode(sealed + 3, strlen(sealed + 3), &bytes));
	assert_int_equal(bytes.len, 12 + 11 + 16);
	for (size_t bit = 0; bit < 8 * bytes.len; bit++) {
		CLEANUP(buf_release) struct buf text = BUF_INIT;
		bytes.p[bit / 8] ^= (unsigned char)(1 << bit % 8);
		buf_add_str(&text, "v1.");
		base64_encode(bytes.p, bytes.len, &text);
		assert_int_equal(seal_open(&key, "about", buf_text(&text), &out, &e), -ERR_CORRUPT);
		bytes.p[bit / 8] ^= (unsigned char)(1 << bit % 8);
	}
	assert_string_equal(e.text, "the secret \"about\" does not open: it was changed, or sealed with another key");
	assert_int_equal(seal_open(&key, "about", sealed, &out, &e), 0);
	assert_string_equal((char *)out.p, "open sesame");
}

static void a_secret_opens_only_where_it_was_sealed_for_and_with_its_key(void **state)
{
	CLEANUP(secret_release) struct secret key = {0}, other = {0}, out = {0};
	make_key(&key, 1);
	make_key(&other, 2);
	AUTO_FREE char *sealed = seal_text(&key, "source.url shop", "x", 1);
	assert_int_equal(seal_open(&key, "source.url blog", sealed, &out, &e), -ERR_CORRUPT);
	assert_int_equal(seal_open(&other, "source.url shop", sealed, &out, &e), -ERR_CORRUPT);
	assert_int_equal(seal_open(&key, "source.url shop", sealed, &out, &e), 0);
}

static void empty_and_binary_secrets_come_back(void **state)
{
	CLEANUP(secret_release) struct secret key = {0}, out = {0};
	make_key(&key, 1);
	AUTO_FREE char *nothing = seal_text(&key, "a", "", 0);
	assert_int_equal(seal_open(&key, "a", nothing, &out, &e), 0);
	assert_int_equal(out.len, 0);
	AUTO_FREE char *bytes = seal_text(&key, "a", "\0\xff\n\0", 4);
	assert_int_equal(seal_open(&key, "a", bytes, &out, &e), 0);
	assert_int_equal(out.len, 4);
	assert_memory_equal(out.p, "\0\xff\n\0", 4);
}

static void the_same_secret_is_never_sealed_the_same(void **state)
{
	CLEANUP(secret_release) struct secret key = {0};
	make_key(&key, 1);
	AUTO_FREE char *one = seal_text(&key, "a", "same", 4);
	AUTO_FREE char *two = seal_text(&key, "a", "same", 4);
	assert_string_not_equal(one, two);
}

/* The format is NIST's: key of 1s, nonce of 0s, sealed elsewhere (Python's cryptography) as AES-256-GCM with "about". */
static void a_text_sealed_by_another_implementation_opens(void **state)
{
	CLEANUP(secret_release) struct secret key = {0}, out = {0};
	make_key(&key, 1);
	assert_int_equal(seal_open(&key, "about", "v1.AAAAAAAAAAAAAAAA0EX9slVIZszyFPcnCKil0nErePmxbC2PY6I4", &out, &e), 0);
	assert_string_equal((char *)out.p, "open sesame");
}

static char *temp_dir(void)
{
	char *dir;
	assert_int_equal(fs_temp_dir(NULL, "backstay-seal-", &dir, &e), 0);
	return dir;
}

static void a_key_of_another_length_is_refused(void **state)
{
	AUTO_FREE char *dir = temp_dir();
	AUTO_FREE char *path = path_join(dir, "secret.key");
	CLEANUP(secret_release) struct secret key = {0};
	const size_t lengths[] = {0, 31, 33, 4096};
	char bytes[4096] = "";
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		AUTO_FREE char *text = mem_printf("%s is not a key of 32 bytes", path);
		assert_int_equal(fs_write_atomic(path, bytes, lengths[i], 0600, &e), 0);
		assert_int_equal(seal_key_load(path, &key, &e), -ERR_CORRUPT);
		assert_string_equal(e.text, text);
	}
	assert_int_equal(fs_remove_tree(dir, &e), 0);
}

static void a_key_is_made_once_private_and_found_again(void **state)
{
	AUTO_FREE char *dir = temp_dir();
	AUTO_FREE char *path = path_join(dir, "secret.key");
	CLEANUP(secret_release) struct secret key = {0}, again = {0};
	CLEANUP(strlist_release) struct strlist names = {0};
	struct stat st;
	assert_int_equal(seal_key_load(path, &key, &e), 0);
	assert_int_equal(seal_key_load(path, &again, &e), 0);
	assert_int_equal(key.len, 32);
	assert_memory_equal(key.p, again.p, 32);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fs_list(dir, &names, &e), 0);
	assert_int_equal(names.n, 1);
	assert_int_equal(fs_remove_tree(dir, &e), 0);
}

static void processes_that_come_at_once_get_the_same_key(void **state)
{
	enum { PROCESSES = 8 };
	AUTO_FREE char *dir = temp_dir();
	AUTO_FREE char *path = path_join(dir, "secret.key");
	int gate[2], found[2];
	assert_int_equal(pipe(gate), 0);
	assert_int_equal(pipe(found), 0);
	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0) {
			struct secret key = {0};
			char c;
			close(gate[1]);
			while (read(gate[0], &c, 1) > 0)
				;
			int rc = seal_key_load(path, &key, &e);
			_exit(rc || fs_write_full(found[1], key.p, key.len) ? 1 : 0);
		}
	close(gate[0]);
	close(gate[1]);
	close(found[1]);
	unsigned char keys[PROCESSES + 1][SEAL_KEY_LEN];
	assert_int_equal(fs_read_full(found[0], keys, sizeof keys), PROCESSES * SEAL_KEY_LEN);
	close(found[0]);
	for (int i = 0; i < PROCESSES; i++) {
		int status;
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
		assert_memory_equal(keys[i], keys[0], SEAL_KEY_LEN);
	}
	assert_int_equal(fs_remove_tree(dir, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_sealed_text_is_told),
		cmocka_unit_test(every_changed_bit_is_seen),
		cmocka_unit_test(a_secret_opens_only_where_it_was_sealed_for_and_with_its_key),
		cmocka_unit_test(empty_and_binary_secrets_come_back),
		cmocka_unit_test(the_same_secret_is_never_sealed_the_same),
		cmocka_unit_test(a_text_sealed_by_another_implementation_opens),
		cmocka_unit_test(a_key_of_another_length_is_refused),
		cmocka_unit_test(a_key_is_made_once_private_and_found_again),
		cmocka_unit_test(processes_that_come_at_once_get_the_same_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
