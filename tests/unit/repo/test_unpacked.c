#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "golden.h"
#include "repo/unpacked.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static struct cipher_key key;

static int set_up(void **state)
{
	struct store *s = mem_store_new();
	struct error e;

	key = golden_master();
	*state = s;
	return store_create(s, &e);
}

static int tear_down(void **state)
{
	store_free(*state);
	return 0;
}

/* Seal any bytes as a file, named rightly. */
static struct id place_sealed(struct store *s, enum store_kind kind, const void *plain, size_t n)
{
	struct cipher *c = cipher_new(&key);
	struct buf b = BUF_INIT;
	struct id id;
	char hex[65];

	cipher_seal(c, plain, n, &b);
	id_hash(&id, b.p, b.len);
	golden_place(s, kind, kind == STORE_CONFIG ? "" : id_hex(&id, hex), b.p, b.len);
	buf_release(&b);
	cipher_free(c);
	return id;
}

static void expect_damage(struct store *s, enum store_kind kind, const struct id *id, const char *why)
{
	struct buf out = BUF_INIT;
	struct error e;
	char hex[65];
	AUTO_FREE char *text = kind == STORE_CONFIG ? mem_printf("config is damaged (%s)", why)
						    : mem_printf("%s %.8s is damaged (%s)", store_kind_name(kind),
								 id_hex(id, hex), why);

	buf_add_str(&out, "old");
	assert_int_equal(unpacked_load(s, &key, kind, id, &out, &e), -ERR_CORRUPT);
	assert_string_equal(e.text, text);
	assert_int_equal(out.len, 0);
	buf_release(&out);
}

static void a_missing_file_is_not_found(void **state)
{
	struct buf out = BUF_INIT;
	struct error e;
	struct id id = golden_id(GOLDEN_SNAPSHOT_ID);

	assert_int_equal(unpacked_load(*state, &key, STORE_SNAPSHOT, &id, &out, &e), -ERR_NOT_FOUND);
}

static void damage_is_told_with_the_name_of_the_file(void **state)
{
	struct store *s = *state;
	struct id id = place_sealed(s, STORE_SNAPSHOT, "{}", 2), other;
	char hex[65];
	static const char empty[1];

	id_hash(&other, "other", 5);
	golden_place(s, STORE_SNAPSHOT, id_hex(&id, hex), "{}", 2);
	expect_damage(s, STORE_SNAPSHOT, &id, "its bytes do not match its name");
	id_hash(&id, empty, 0);
	golden_place(s, STORE_LOCK, id_hex(&id, hex), empty, 0);
	expect_damage(s, STORE_LOCK, &id, "0 bytes are too few");
	id_hash(&id, "0123456789012345678901234567890123456789", 40);
	golden_place(s, STORE_INDEX, id_hex(&id, hex), "0123456789012345678901234567890123456789", 40);
	expect_damage(s, STORE_INDEX, &id, "its MAC does not match");
}

static void contents_of_unknown_form_are_damage(void **state)
{
	struct store *s = *state;
	struct id id = place_sealed(s, STORE_INDEX, "", 0);

	expect_damage(s, STORE_INDEX, &id, "it is empty");
	id = place_sealed(s, STORE_INDEX, "\x01{}", 3);
	expect_damage(s, STORE_INDEX, &id, "its first byte 0x01 is not known");
	id = place_sealed(s, STORE_INDEX, "\x02", 1);
	expect_damage(s, STORE_INDEX, &id, "its compressed data ends too early");
	id = place_sealed(s, STORE_INDEX, "\x02garbage", 8);
	expect_damage(s, STORE_INDEX, &id, "decompressing failed: Unknown frame descriptor");
	place_sealed(s, STORE_CONFIG, "[]", 2);
	expect_damage(s, STORE_CONFIG, NULL, "it is not a JSON object");
	place_sealed(s, STORE_CONFIG, "", 0);
	expect_damage(s, STORE_CONFIG, NULL, "it is not a JSON object");
}

static void a_flipped_bit_in_the_store_is_noticed(void **state)
{
	struct store *mem = mem_store_new();
	struct buf out = BUF_INIT;
	struct error e;
	struct id id;

	assert_int_equal(store_create(mem, &e), 0);
	id = place_sealed(mem, STORE_SNAPSHOT, "{}", 2);
	struct store *s = fault_new(mem, &(struct fault_plan){.kind = FAULT_FLIP, .at = 2});
	assert_int_equal(unpacked_load(s, &key, STORE_SNAPSHOT, &id, &out, &e), -ERR_CORRUPT);
	buf_release(&out);
	store_free(s);
}

/* A frame of `n` spaces behind a brace, without its size in the header, as restic writes small ones. */
static void compress_spaces(size_t n, bool sized, struct buf *out)
{
	ZSTD_CCtx *z = ZSTD_createCCtx();
	AUTO_FREE char *text = mem_alloc(n + 1);

	memset(text, ' ', n + 1);
	text[0] = '{';
	ZSTD_CCtx_setParameter(z, ZSTD_c_contentSizeFlag, sized);
	size_t bound = ZSTD_compressBound(n + 1);
	buf_reserve(out, bound);
	size_t len = ZSTD_compress2(z, out->p + out->len, bound, text, n + 1);
	assert_false(ZSTD_isError(len));
	out->len += len;
	ZSTD_freeCCtx(z);
}

static void a_decompression_bomb_meets_the_limit(void **state)
{
	struct buf bomb = BUF_INIT, out = BUF_INIT;
	struct error e;

	buf_add_byte(&bomb, 2);
	compress_spaces((size_t)32 << 20, true, &bomb);
	struct buf frame = BUF_INIT;
	buf_add(&frame, bomb.p + 1, bomb.len - 1);
	for (int i = 0; i < 8; i++)
		buf_add(&bomb, frame.p, frame.len);
	assert_int_equal(unpacked_decode(bomb.p, bomb.len, &out, &e), -ERR_LIMIT);
	assert_string_equal(e.text, "it is larger than 256 MiB when decompressed");
	buf_release(&frame);
	buf_release(&bomb);
	buf_release(&out);
}

static void frames_of_any_form_are_read(void **state)
{
	static const size_t lengths[] = {0, 10, 300, 1 << 20, (1 << 20) - 1, 3000000};
	struct buf in = BUF_INIT, out = BUF_INIT;
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		for (int sized = 0; sized < 2; sized++) {
			buf_clear(&in);
			buf_add_byte(&in, 2);
			compress_spaces(lengths[i], sized, &in);
			assert_int_equal(unpacked_decode(in.p, in.len, &out, &e), 0);
			assert_int_equal(out.len, lengths[i] + 1);
			assert_int_equal(out.p[0], '{');
			assert_int_equal(out.p[out.len], 0);
			if (in.len > 20) {
				assert_int_equal(unpacked_decode(in.p, in.len - 1, &out, &e), -ERR_CORRUPT);
				assert_string_equal(e.text, "its compressed data ends too early");
				assert_int_equal(out.len, 0);
			}
		}
	}
	/* a skippable frame, then two frames */
	static const unsigned char skip[] = {2, 0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 'a', 'b', 'c'};
	buf_clear(&in);
	buf_add(&in, skip, sizeof skip);
	compress_spaces(4, false, &in);
	compress_spaces(5, true, &in);
	assert_int_equal(unpacked_decode(in.p, in.len, &out, &e), 0);
	assert_string_equal(buf_text(&out), "{    {     ");
	buf_release(&in);
	buf_release(&out);
}

static void bare_json_is_read_in_any_version(void **state)
{
	struct buf out = BUF_INIT;
	struct error e;

	assert_int_equal(unpacked_decode("{\"a\":1}", 7, &out, &e), 0);
	assert_string_equal(buf_text(&out), "{\"a\":1}");
	assert_int_equal(unpacked_decode("[]", 2, &out, &e), 0);
	assert_string_equal(buf_text(&out), "[]");
	buf_release(&out);
}

static void what_is_saved_is_loaded(void **state)
{
	struct store *s = *state;
	struct buf out = BUF_INIT, json = BUF_INIT;
	struct error e;
	struct id id;
	uint64_t small, large;
	struct store_file f = {.kind = STORE_INDEX};

	buf_add_byte(&json, '{');
	for (int i = 0; i < 10000; i++)
		buf_add_str(&json, "          ");
	for (int version = 1; version <= 2; version++) {
		assert_int_equal(unpacked_save(s, &key, version, STORE_INDEX, json.p, json.len, &id, &e), 0);
		id_hex(&id, f.name);
		assert_int_equal(store_size(s, &f, version == 2 ? &small : &large, &e), 0);
		assert_int_equal(unpacked_load(s, &key, STORE_INDEX, &id, &out, &e), 0);
		assert_int_equal(out.len, json.len);
		assert_memory_equal(out.p, json.p, json.len);
	}
	assert_int_equal(large, json.len + CIPHER_OVERHEAD);
	assert_true(small < 200);
	assert_int_equal(unpacked_save(s, &key, 2, STORE_CONFIG, "{}", 2, &id, &e), 0);
	assert_int_equal(store_size(s, &(struct store_file){.kind = STORE_CONFIG}, &small, &e), 0);
	assert_int_equal(small, 2 + CIPHER_OVERHEAD);
	assert_int_equal(unpacked_load(s, &key, STORE_CONFIG, NULL, &out, &e), 0);
	assert_string_equal(buf_text(&out), "{}");
	buf_release(&json);
	buf_release(&out);
}

static void files_of_restic_are_read(void **state)
{
	struct store *s = golden_store();
	struct buf out = BUF_INIT;
	struct id id = golden_id(GOLDEN_SNAPSHOT_ID);
	struct error e;

	assert_int_equal(unpacked_load(s, &key, STORE_SNAPSHOT, &id, &out, &e), 0);
	assert_string_equal(buf_text(&out), GOLDEN_SNAPSHOT_JSON);
	assert_int_equal(unpacked_load(s, &key, STORE_CONFIG, NULL, &out, &e), 0);
	assert_string_equal(buf_text(&out), GOLDEN_CONFIG_JSON);
	buf_release(&out);
	store_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_missing_file_is_not_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_is_told_with_the_name_of_the_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(contents_of_unknown_form_are_damage, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_flipped_bit_in_the_store_is_noticed, set_up, tear_down),
		cmocka_unit_test(a_decompression_bomb_meets_the_limit),
		cmocka_unit_test(frames_of_any_form_are_read),
		cmocka_unit_test(bare_json_is_read_in_any_version),
		cmocka_unit_test_setup_teardown(what_is_saved_is_loaded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_of_restic_are_read, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
