#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "golden.h"
#include "repo/blob.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

struct bench {
	struct blob_codec *codec;
	struct buf sealed, plain;
};

static int set_up(void **state)
{
	struct bench *b = mem_zero(sizeof *b);
	struct cipher_key k = golden_master();

	b->codec = blob_codec_new(&k);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bench *b = *state;

	blob_codec_free(b->codec);
	blob_codec_free(NULL);
	buf_release(&b->sealed);
	buf_release(&b->plain);
	free(b);
	return 0;
}

/* Seal a zstd frame of text whose header does not tell its size, as restic does for small blobs. */
static struct id seal_frame(struct bench *b, const char *text)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	char frame[1024];
	struct id id;

	ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, 0);
	size_t n = ZSTD_compress2(z, frame, sizeof frame, text, strlen(text));
	assert_false(ZSTD_isError(n));
	ZSTD_freeCCtx(z);
	buf_clear(&b->sealed);
	cipher_seal(blob_codec_cipher(b->codec), frame, n, &b->sealed);
	id_hash(&id, text, strlen(text));
	return id;
}

static void expect_damage(struct bench *b, const struct id *id, uint32_t plain_len, const char *why)
{
	struct error e;
	char hex[65];
	AUTO_FREE char *text = mem_printf("blob %.8s is damaged (%s)", id_hex(id, hex), why);

	buf_add_str(&b->plain, "old");
	assert_int_equal(blob_decode(b->codec, id, b->sealed.p, b->sealed.len, plain_len, &b->plain, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, text);
	assert_int_equal(b->plain.len, 0);
}

static void damage_is_told_with_its_kind(void **state)
{
	struct bench *b = *state;
	struct id id = seal_frame(b, "sixteen letters!"), other;
	struct error e;

	id_hash(&other, "other", 5);
	assert_int_equal(blob_decode(b->codec, &id, b->sealed.p, b->sealed.len, 16, &b->plain, &e), 0);
	expect_damage(b, &other, 16, "its content does not match its id");
	expect_damage(b, &id, 17, "it has 16 bytes instead of 17");
	expect_damage(b, &id, 15, "decompressing to 15 bytes failed: Destination buffer is too small");
	expect_damage(b, &id, 0, "its content does not match its id");
	b->sealed.p[20] ^= 1;
	expect_damage(b, &id, 16, "its MAC does not match");
	b->sealed.len = 31;
	expect_damage(b, &id, 16, "31 bytes are too few");
	buf_clear(&b->sealed);
	cipher_seal(blob_codec_cipher(b->codec), "certainly no frame", 18, &b->sealed);
	expect_damage(b, &id, 16, "decompressing to 16 bytes failed: Unknown frame descriptor");
}

static void a_size_above_the_limit_allocates_nothing(void **state)
{
	struct bench *b = *state;
	struct id id = seal_frame(b, "x");
	struct error e;

	assert_int_equal(blob_decode(b->codec, &id, b->sealed.p, b->sealed.len, UINT32_MAX, &b->plain, &e), -ERR_LIMIT);
	assert_string_equal(e.text, "blob 2d711642 is larger than 128 MiB");
	assert_true(b->plain.cap == 0);
}

static void what_memory_made_something_else_of_is_never_stored(void **state)
{
	struct bench *b = *state;
	char text[3][32] = {"the first", "what it should be", "the last"};
	struct blob_plain v[3];
	struct error e;

	for (int level = 0; level <= 2; level += 2) {
		buf_clear(&b->sealed);
		for (int i = 0; i < 3; i++)
			v[i] = (struct blob_plain){.p = (unsigned char *)text[i], .n = sizeof text[i]};
		blob_hash(v, 3);
		text[1][0] ^= 1;
		for (int i = 0; i < 3; i++)
			assert_int_equal(blob_seal(b->codec, &v[i], level, &b->sealed, &e), 0);
		assert_int_equal(blob_confirm(v, 1, &e), 0);
		assert_int_equal(blob_confirm(v, 3, &e), -ERR_INTERNAL);
		char hex[65];
		AUTO_FREE char *expected = mem_printf("blob %.8s did not come back as it was after sealing: blob %.8s "
						      "is damaged (its content does not match its id)",
						      id_hex(&v[1].id, hex), hex);
		assert_string_equal(e.text, expected);
		assert_string_equal(e.hint, "nothing of it was stored; test this machine's memory");
	}
}

static void a_blob_above_the_limit_is_not_sealed(void **state)
{
	struct bench *b = *state;
	struct blob_plain large = {.n = BLOB_MAX_PLAIN + 1};
	struct error e;

	buf_add_str(&b->sealed, "before");
	assert_int_equal(blob_seal(b->codec, &large, 2, &b->sealed, &e), -ERR_LIMIT);
	assert_string_equal(e.text, "a blob of 134217729 bytes is above the limit of 128 MiB");
	assert_string_equal(buf_text(&b->sealed), "before");
}

static void round_trip(struct bench *b, const void *p, size_t n, int level, bool compressed)
{
	struct id id;
	struct error e;
	uint32_t plain_len = 77;
	size_t start = b->sealed.len;

	support_seal(b->codec, p, n, level, &id, &b->sealed, &plain_len);
	assert_int_equal(plain_len, compressed ? n : 0);
	size_t len = b->sealed.len - start;
	if (compressed)
		assert_true(len < n - n / 32 + CIPHER_OVERHEAD);
	else
		assert_int_equal(len, n + CIPHER_OVERHEAD);
	assert_int_equal(blob_decode(b->codec, &id, b->sealed.p + start, len, plain_len, &b->plain, &e), 0);
	assert_int_equal(b->plain.len, n);
	if (n)
		assert_memory_equal(b->plain.p, p, n);
}

static void blobs_come_back_at_every_level(void **state)
{
	static const int levels[] = {BLOB_LEVEL_DEFAULT, 1, BLOB_LEVEL_MAX, BLOB_LEVEL_DEFAULT};
	struct buf text = BUF_INIT;

	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "INSERT INTO t VALUES (%d);\n", i);
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		round_trip(*state, text.p, text.len, levels[i], true);
	round_trip(*state, text.p, text.len, BLOB_LEVEL_OFF, false);
	buf_release(&text);
}

static void what_does_not_shrink_is_stored_as_it_is(void **state)
{
	AUTO_FREE unsigned char *noise = mem_alloc(100000);

	random_bytes(noise, 100000);
	round_trip(*state, noise, 100000, BLOB_LEVEL_DEFAULT, false);
	round_trip(*state, noise, 1, BLOB_LEVEL_DEFAULT, false);
	round_trip(*state, "", 0, BLOB_LEVEL_DEFAULT, false);
	round_trip(*state, "", 0, BLOB_LEVEL_OFF, false);
	memset(noise, 0, 2000); /* a fiftieth shrinks: not enough */
	round_trip(*state, noise, 100000, BLOB_LEVEL_DEFAULT, false);
	memset(noise, 0, 5000); /* a twentieth is */
	round_trip(*state, noise, 100000, BLOB_LEVEL_DEFAULT, true);
}

static void the_largest_chunk_is_stored_at_the_highest_level(void **state)
{
	const size_t n = (size_t)4 << 20;
	AUTO_FREE unsigned char *p = mem_zero(n);

	random_bytes(p, n / 16);
	memcpy(p + n / 2, p, n / 16); /* found again only through a window of 2 MiB */
	round_trip(*state, p, n, BLOB_LEVEL_MAX, true);
	round_trip(*state, p, n, BLOB_LEVEL_DEFAULT, true);
}

static void a_blob_of_restic_is_read(void **state)
{
	struct bench *b = *state;
	struct id id = golden_id(GOLDEN_BLOB_ID);
	struct error e;

	golden_bytes(GOLDEN_PACK, &b->sealed);
	assert_int_equal(blob_decode(b->codec, &id, b->sealed.p, GOLDEN_BLOB_LENGTH, 33, &b->plain, &e), 0);
	assert_string_equal(buf_text(&b->plain), GOLDEN_BLOB_TEXT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(damage_is_told_with_its_kind, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_size_above_the_limit_allocates_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_memory_made_something_else_of_is_never_stored, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_blob_above_the_limit_is_not_sealed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(blobs_come_back_at_every_level, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_does_not_shrink_is_stored_as_it_is, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_largest_chunk_is_stored_at_the_highest_level, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_blob_of_restic_is_read, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
