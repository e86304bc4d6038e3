#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "golden.h"
#include "repo/config.h"
#include "repo/polynomial.h"

#include <string.h>

#define ID "\"id\":\"3b14b48ab88da3a435230a23c0ea045c89c519984ea8c44ec0449d10a69da622\""
#define POLYNOMIAL "\"chunker_polynomial\":\"3c5d190a97a555\""

static int parse(const char *json, struct repo_config *c, struct error *e)
{
	return repo_config_parse(json, strlen(json), c, e);
}

static void a_newer_format_is_told_from_damage(void **state)
{
	struct repo_config c;
	struct error e;

	assert_int_equal(parse("{\"version\":3," ID "," POLYNOMIAL "}", &c, &e), -ERR_VERSION);
	assert_string_equal(e.text, "repository format version 3 is newer than this program knows (1 and 2)");
	assert_string_equal(e.hint, "use a newer version of this program");
	/* whatever else it holds */
	assert_int_equal(parse("{\"chunker_polynomial\":{\"x\":1},\"version\":18446744073709551615}", &c, &e),
			 -ERR_VERSION);
}

static void damaged_configs_are_refused(void **state)
{
	static const struct {
		const char *json, *text;
	} cases[] = {
		{"", "config: invalid JSON at byte 0: unexpected end"},
		{"[]", NULL},
		{"{\"version\":2," ID "," POLYNOMIAL, NULL},
		{"{\"version\":\"2\"," ID "," POLYNOMIAL "}", NULL},
		{"{\"version\":-1," ID "," POLYNOMIAL "}", NULL},
		{"{\"version\":0," ID "," POLYNOMIAL "}", "config: it has no format version"},
		{"{" ID "," POLYNOMIAL "}", "config: it has no format version"},
		{"{\"version\":2," ID "}", "config: the chunker polynomial is missing"},
		{"{\"version\":2," POLYNOMIAL "}", "config: the repository id is missing"},
		{"{\"version\":2,\"id\":\"3b14\"," POLYNOMIAL "}",
		 "config: invalid JSON at byte 24: the repository id is not 64 lower-case hexadecimal digits"},
		{"{\"version\":2," ID ",\"chunker_polynomial\":\"4\"}",
		 "config: invalid JSON at byte 109: the chunker polynomial is not an irreducible one"},
		{"{\"version\":2," ID ",\"chunker_polynomial\":\"\"}", NULL},
		{"{\"version\":2," ID ",\"chunker_polynomial\":\"0x3c5d190a97a555\"}", NULL},
		{"{\"version\":2," ID ",\"chunker_polynomial\":\"-3\"}", NULL},
		{"{\"version\":2," ID ",\"chunker_polynomial\":\" 3\"}", NULL},
		{"{\"version\":2," ID ",\"chunker_polynomial\":\"20000000000001\"}", NULL},
		{"{\"version\":2," ID ",\"chunker_polynomial\":\"00000000000000003\"}", NULL},
		{"{\"version\":2," ID ",\"chunker_polynomial\":3}", NULL},
	};
	struct repo_config c;
	struct error e;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(parse(cases[i].json, &c, &e), -ERR_CORRUPT);
		if (cases[i].text)
			assert_string_equal(e.text, cases[i].text);
	}
}

static void a_config_of_restic_is_read_and_written_alike(void **state)
{
	struct repo_config c;
	struct error e;
	struct buf out = BUF_INIT;

	assert_int_equal(parse(GOLDEN_CONFIG_JSON, &c, &e), 0);
	assert_int_equal(c.version, 2);
	assert_string_equal(c.id, "3b14b48ab88da3a435230a23c0ea045c89c519984ea8c44ec0449d10a69da622");
	assert_true(c.polynomial == 0x3c5d190a97a555);
	repo_config_encode(&c, &out);
	assert_string_equal(buf_text(&out), GOLDEN_CONFIG_JSON);
	buf_release(&out);
}

static void unknown_members_and_version_1_are_fine(void **state)
{
	struct repo_config c;
	struct error e;

	assert_int_equal(parse("{\"chunk_size\":[1,{}],\"version\":1," ID ",\"chunker_polynomial\":\"3\"}", &c, &e), 0);
	assert_int_equal(c.version, 1);
	assert_true(c.polynomial == 3);
}

static void a_new_config_is_random_and_valid(void **state)
{
	struct repo_config a, b, read;
	struct error e;
	struct buf out = BUF_INIT;

	repo_config_random(&a);
	repo_config_random(&b);
	assert_string_not_equal(a.id, b.id);
	assert_true(a.polynomial != b.polynomial);
	assert_true(polynomial_irreducible(a.polynomial));
	repo_config_encode(&a, &out);
	assert_int_equal(repo_config_parse(out.p, out.len, &read, &e), 0);
	assert_int_equal(read.version, 2);
	assert_string_equal(read.id, a.id);
	assert_true(read.polynomial == a.polynomial);
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_newer_format_is_told_from_damage),
		cmocka_unit_test(damaged_configs_are_refused),
		cmocka_unit_test(a_config_of_restic_is_read_and_written_alike),
		cmocka_unit_test(unknown_members_and_version_1_are_fine),
		cmocka_unit_test(a_new_config_is_random_and_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
