/* Targets of requests, and lists of names and values. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/mem.h"
#include "web/uri.h"

#include <stdlib.h>
#include <string.h>

static void assert_refused(const char *target, enum err_kind kind, const char *text)
{
	CLEANUP(uri_release) struct uri u;
	struct error e = {0};

	assert_int_equal(uri_parse(target, &u, &e), -(int)kind);
	assert_string_equal(e.text, text);
}

static void parse(const char *target, struct uri *u)
{
	struct error e = {0};

	if (uri_parse(target, u, &e))
		fail_msg("%s: %s", target, e.text);
}

static void a_target_that_is_no_path_is_refused(void **state)
{
	const char *text = "the first line of the request names no path";

	assert_refused("", ERR_USAGE, text);
	assert_refused("*", ERR_USAGE, text);
	assert_refused("backup", ERR_USAGE, text);
	assert_refused("/a#b", ERR_USAGE, text);
	assert_refused("http://", ERR_USAGE, text);
	assert_refused("http://host?x=1", ERR_USAGE, text);
	assert_refused("ftp://host/", ERR_USAGE, text);
}

static void broken_escapes_and_zero_bytes_are_refused(void **state)
{
	const char *text = "the path is not encoded properly";

	assert_refused("/%", ERR_USAGE, text);
	assert_refused("/%4", ERR_USAGE, text);
	assert_refused("/%4g", ERR_USAGE, text);
	assert_refused("/%g4", ERR_USAGE, text);
	assert_refused("/a%00b", ERR_USAGE, text);
	assert_refused("/?a=%0", ERR_USAGE, "a name or value of the query or form is not encoded properly");
	assert_refused("/?%00=1", ERR_USAGE, "a name or value of the query or form is not encoded properly");
}

static void ways_out_of_a_folder_are_refused_however_they_are_written(void **state)
{
	const char *text = "the path has \"//\", \".\" or \"..\" in it";

	assert_refused("/a/../b", ERR_USAGE, text);
	assert_refused("/..", ERR_USAGE, text);
	assert_refused("/./a", ERR_USAGE, text);
	assert_refused("/a//b", ERR_USAGE, text);
	assert_refused("//a", ERR_USAGE, text);
	assert_refused("/%2e%2E/a", ERR_USAGE, text);
	assert_refused("/a/%2e/b", ERR_USAGE, text);
}

static void a_path_has_at_most_32_parts(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;
	CLEANUP(uri_release) struct uri u;

	for (int i = 0; i < URI_SEGMENTS_MAX; i++)
		buf_add_str(&b, "/a");
	parse(buf_text(&b), &u);
	assert_int_equal(u.segments.n, URI_SEGMENTS_MAX);
	buf_add_str(&b, "/a");
	assert_refused(buf_text(&b), ERR_LIMIT, "the path has more than 32 parts");
}

static void a_query_has_at_most_1000_names(void **state)
{
	CLEANUP(buf_release) struct buf b = BUF_INIT;

	buf_add_str(&b, "/?");
	for (int i = 0; i <= URI_PAIRS_MAX; i++)
		buf_add_str(&b, "a&");
	assert_refused(buf_text(&b), ERR_LIMIT, "there are more than 1000 names in the query or form");
}

static void a_path_is_decoded_once_part_by_part(void **state)
{
	CLEANUP(uri_release) struct uri u;

	parse("/backup/a%2Fb/%2525+c/", &u);
	assert_int_equal(u.segments.n, 3);
	assert_string_equal(u.segments.v[1], "a/b");
	assert_string_equal(u.segments.v[2], "%25+c");
	assert_string_equal(u.path, "/backup/a/b/%25+c");
	assert_null(u.authority);
}

static void the_last_slash_makes_no_part(void **state)
{
	CLEANUP(uri_release) struct uri with, without, top;

	parse("/a/b/", &with);
	parse("/a/b", &without);
	parse("/", &top);
	assert_int_equal(with.segments.n, 2);
	assert_int_equal(without.segments.n, 2);
	assert_string_equal(with.path, without.path);
	assert_int_equal(top.segments.n, 0);
	assert_string_equal(top.path, "/");
}

static void a_query_has_names_and_values_with_blanks_as_plus(void **state)
{
	CLEANUP(uri_release) struct uri u;

	parse("/a?text=one+two%2B&empty=&bare&text=again&%C3%BC=%26", &u);
	assert_string_equal(uri_pairs_get(&u.query, "text"), "one two+");
	assert_string_equal(uri_pairs_get(&u.query, "empty"), "");
	assert_string_equal(uri_pairs_get(&u.query, "bare"), "");
	assert_string_equal(uri_pairs_get(&u.query, "\xc3\xbc"), "&");
	assert_null(uri_pairs_get(&u.query, "other"));
	assert_int_equal(u.query.names.n, 5);
	assert_string_equal(u.query.values.v[3], "again");
}

static void a_whole_url_names_its_host(void **state)
{
	CLEANUP(uri_release) struct uri u, bare;

	parse("http://nas:8484/a?b=c", &u);
	assert_string_equal(u.authority, "nas:8484");
	assert_string_equal(u.path, "/a");
	parse("HTTPS://nas", &bare);
	assert_string_equal(bare.authority, "nas");
	assert_string_equal(bare.path, "/");
}

static void what_is_encoded_is_decoded_to_the_same(void **state)
{
	CLEANUP(buf_release) struct buf encoded = BUF_INIT, decoded = BUF_INIT;
	const char *text = "a b/c?d=e&f+g%\"<\xc3\xbc\x01";

	uri_encode(text, &encoded);
	assert_string_equal(buf_text(&encoded), "a%20b%2Fc%3Fd%3De%26f%2Bg%25%22%3C%C3%BC%01");
	assert_true(uri_decode(buf_text(&encoded), encoded.len, true, &decoded));
	assert_string_equal(buf_text(&decoded), text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_that_is_no_path_is_refused),
		cmocka_unit_test(broken_escapes_and_zero_bytes_are_refused),
		cmocka_unit_test(ways_out_of_a_folder_are_refused_however_they_are_written),
		cmocka_unit_test(a_path_has_at_most_32_parts),
		cmocka_unit_test(a_query_has_at_most_1000_names),
		cmocka_unit_test(a_path_is_decoded_once_part_by_part),
		cmocka_unit_test(the_last_slash_makes_no_part),
		cmocka_unit_test(a_query_has_names_and_values_with_blanks_as_plus),
		cmocka_unit_test(a_whole_url_names_its_host),
		cmocka_unit_test(what_is_encoded_is_decoded_to_the_same),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
