#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "repo/index.h"

#include <stdlib.h>
#include <string.h>

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define GOOD "{\"id\":\"" A "\",\"type\":\"data\",\"offset\":0,\"length\":38,\"uncompressed_length\":12}"
#define FILE_OF(blob) "{\"packs\":[{\"id\":\"" A "\",\"blobs\":[" GOOD "]},{\"id\":\"" B "\",\"blobs\":[" blob "]}]}"
#define BLOB(members) "{\"id\":\"" B "\"," members "}"

/* What a parse told. */
struct told {
	struct index_pack packs[4];
	struct pack_blob blobs[4][4];
	size_t n;
	size_t stop_at;
};

static int on_pack(const struct index_pack *p, void *ctx, struct error *e)
{
	struct told *t = ctx;

	assert_true(t->n < 4 && p->n <= 4);
	t->packs[t->n] = *p;
	if (p->n)
		memcpy(t->blobs[t->n], p->blobs, p->n * sizeof *p->blobs);
	t->n++;
	return t->n == t->stop_at ? error_set(e, ERR_REFUSED, "enough") : 0;
}

static int parse(const char *json, struct told *t, struct error *e)
{
	memset(t, 0, sizeof *t);
	return index_file_parse(json, strlen(json), on_pack, t, e);
}

static void damaged_files_add_nothing(void **state)
{
	static const struct {
		const char *json, *reason;
	} cases[] = {
		{"", "unexpected end"},
		{"[]", NULL},
		{"{\"packs\":[{\"id\":\"" A "\",\"blobs\":[" GOOD "]}", NULL},
		{"{\"packs\":[{\"id\":\"" A "\",\"blobs\":[" GOOD "]}]}x", NULL},
		{"{\"packs\":[{\"blobs\":[" GOOD "]}]}", "a pack has no id"},
		{"{\"packs\":[{\"id\":\"" A "0\"}]}", "an id is not 64 lower-case hexadecimal digits"},
		{FILE_OF("{\"id\":\"\",\"type\":\"data\",\"length\":32}"),
		 "an id is not 64 lower-case hexadecimal digits"},
		{FILE_OF("{\"type\":\"data\",\"length\":32}"), "a blob has no id or no type"},
		{FILE_OF(BLOB("\"length\":32")), "a blob has no id or no type"},
		{FILE_OF(BLOB("\"type\":\"Data\",\"length\":32")), "a blob's type is neither data nor tree"},
		{FILE_OF(BLOB("\"type\":\"data\"")), "a blob has an impossible offset or length"},
		{FILE_OF(BLOB("\"type\":\"data\",\"length\":31")), "a blob has an impossible offset or length"},
		{FILE_OF(BLOB("\"type\":\"data\",\"length\":32,\"uncompressed_length\":1")),
		 "a blob has an impossible offset or length"},
		{FILE_OF(BLOB("\"type\":\"data\",\"length\":32,\"offset\":4294967264")),
		 "a blob has an impossible offset or length"},
		{FILE_OF(BLOB("\"type\":\"data\",\"length\":4294967296")), "a number is above 4294967295"},
		{FILE_OF(BLOB("\"type\":\"data\",\"length\":32,\"offset\":18446744073709551615")),
		 "a number is above 4294967295"},
		{FILE_OF(BLOB("\"type\":\"data\",\"length\":-32")), NULL},
		{FILE_OF(BLOB("\"type\":\"data\",\"length\":32.5")), NULL},
		{FILE_OF("[]"), NULL},
	};
	struct told t;
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(parse(cases[i].json, &t, &e), -ERR_CORRUPT);
		assert_int_equal(t.n, 0);
		assert_ptr_equal(strstr(e.text, "invalid JSON at byte "), e.text);
		if (cases[i].reason) {
			const char *reason = strstr(e.text, ": ");
			assert_non_null(reason);
			assert_string_equal(reason + 2, cases[i].reason);
		}
	}
}

static void the_listeners_error_ends_it(void **state)
{
	struct told t = {.stop_at = 1};
	struct error e;

	assert_int_equal(index_file_parse(FILE_OF(GOOD), strlen(FILE_OF(GOOD)), on_pack, &t, &e), -ERR_REFUSED);
	assert_string_equal(e.text, "enough");
	assert_int_equal(t.n, 1);
	assert_int_equal(index_file_parse(FILE_OF(GOOD), strlen(FILE_OF(GOOD)), NULL, NULL, &e), 0);
}

static void empty_files_and_unknown_members_are_fine(void **state)
{
	static const char *const cases[] = {
		"{}",
		"{\"packs\":null}",
		"{\"packs\":[]}",
		"{\"supersedes\":[\"" A "\"],\"packs_to_delete\":[{\"id\":1}]}",
	};
	struct told t;
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(parse(cases[i], &t, &e), 0);
		assert_int_equal(t.n, 0);
	}
	assert_int_equal(parse("{\"packs\":[{\"size\":5,\"id\":\"" A "\",\"blobs\":null}]}", &t, &e), 0);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.packs[0].n, 0);
}

/* As Go reads it. */
static void of_equal_members_the_last_wins(void **state)
{
	struct told t;
	struct error e;

	assert_int_equal(parse("{\"packs\":[{\"id\":\"" A "\"}],\"Packs\":[{\"id\":\"" A "\",\"ID\":\"" B
			       "\",\"blobs\":[" GOOD "," GOOD
			       "],\"blobs\":[" BLOB("\"type\":\"tree\",\"length\":99") "]}]}",
			       &t, &e),
			 0);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.packs[0].id.b[0], 0xbb);
	assert_int_equal(t.packs[0].n, 1);
	assert_int_equal(t.blobs[0][0].type, BLOB_TREE);
	assert_int_equal(t.blobs[0][0].length, 99);
}

static void what_is_written_has_the_form_of_restic_and_is_read(void **state)
{
	static const char wanted[] =
		"{\"packs\":[{\"id\":\"" A "\",\"blobs\":[" GOOD ",{\"id\":\"" B
		"\",\"type\":\"tree\",\"offset\":38,\"length\":50}]},{\"id\":\"" B "\",\"blobs\":[]}]}\n";
	struct pack_blob blobs[2] = {{.type = BLOB_DATA, .length = 38, .plain_len = 12},
				     {.type = BLOB_TREE, .offset = 38, .length = 50}};
	struct index_pack packs[2] = {{.blobs = blobs, .n = 2}};
	struct buf out = BUF_INIT;
	struct told t;
	struct error e;

	memset(&packs[0].id, 0xaa, ID_LEN);
	memset(&packs[1].id, 0xbb, ID_LEN);
	blobs[0].id = packs[0].id;
	blobs[1].id = packs[1].id;
	index_file_encode(packs, 2, &out);
	assert_string_equal(buf_text(&out), wanted);
	assert_int_equal(parse(buf_text(&out), &t, &e), 0);
	assert_int_equal(t.n, 2);
	assert_true(id_equal(&t.packs[1].id, &packs[1].id));
	assert_memory_equal(t.blobs[0], blobs, sizeof blobs);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_files_add_nothing),
		cmocka_unit_test(the_listeners_error_ends_it),
		cmocka_unit_test(empty_files_and_unknown_members_are_fine),
		cmocka_unit_test(of_equal_members_the_last_wins),
		cmocka_unit_test(what_is_written_has_the_form_of_restic_and_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
